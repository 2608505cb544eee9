"""The final stage: what happened beyond expectation, regressed on what was chosen beyond expectation.

Every arm has an average, an added part for people who have a need it is meant for, and a smooth dependence on
the modifiers, all times the part of any effect that a person gets. That shared part and the arms' averages
are learned in turn, each fold of the one from the other's folds; then everything is pooled once more
(`training.benefit.pooling`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scoring.effects import Moderation, Modifier
from training.benefit import pooling
from training.benefit.data import Data
from training.benefit.moderation import LEAST_ARMS, expected_coefficients, expected_moderation, fit_moderation
from training.benefit.modifiers import chosen_by_practice, design_matrix, needs_met, needs_of, places
from training.frames import Floats, FrameColumns, Ints

MODERATIONS: Final = 2
"""Rounds in which the shared part of all effects and the arms' averages are fitted in turn."""
LEAST_EVIDENCE: Final = 5.0
"""By how much arms' own dependence on modifiers must raise the log of the marginal likelihood to be believed,
where the shared part already tells how effects depend on them: very strong evidence (Kass and Raftery 1995,
JASA 90)."""


@dataclass(frozen=True, kw_only=True)
class FinalStage:
    """What the final stage learned; `design` (of `own`) and `met` are times the shared part.

    `own` are the functions of the modifiers that arms have coefficients for, `needs` holds for each arm the
    places of the modifiers that it is meant for, `without` the effects learned without each fold.
    """

    modifiers: tuple[Modifier, ...]
    bins: list[Ints]
    needs: list[Ints]
    own: Ints
    design: Floats
    met: npt.NDArray[np.float32] | None
    moderation: Moderation
    pooled: pooling.Pooled
    without: list[pooling.Pooled]
    inflation: float
    scale: float

    def held_out(self, fold: Ints) -> npt.NDArray[np.float32]:
        """Every row's effects [rows, arms], learned without its fold."""
        return _held_out(self.without, fold, design=self.design, met=self.met)


def fit_final(
    data: Data,
    table: FrameColumns,
    *,
    modifiers: tuple[Modifier, ...],
    families: Sequence[Ints],
    targets: Mapping[str, Sequence[str]],
    residual: Floats,
    openness: Floats,
    weight: Floats,
    say: Callable[[str], None],
) -> FinalStage:
    """Learn the effects of all arms but the reference from residual outcomes and residual choices."""
    bins = places(modifiers, table)
    design = design_matrix(modifiers, bins, length=table.length)
    needs = needs_of(modifiers, [str(label) for label in data.others], targets)
    met = needs_met(modifiers, bins, needs)
    widths = [m.basis.shape[1] for m in modifiers]
    outcome = data.outcome
    scale = float(np.average((outcome - np.average(outcome, weights=weight)) ** 2, weights=weight))
    inflation = pooling.design_effect(residual=residual, openness=openness, weight=weight, groups=data.groups)
    settings: dict[str, Any] = {
        "data": data,
        "families": families,
        "residual": residual,
        "openness": openness,
        "weight": weight,
        "scale": scale,
        "inflation": inflation,
    }
    moderation = Moderation.none(design.shape[1] - 1)
    if openness.shape[1] >= LEAST_ARMS:
        start, reads = expected_coefficients(modifiers)
        moderation = expected_moderation(design, start)
        for number in range(MODERATIONS):
            share = moderation.share(design)[:, None]
            pooled, without = _pool(
                blocks=np.zeros(1, dtype=np.int64),
                design=design[:, :1] * share,
                met=_times(met, share),
                **settings,
            )
            beyond = openness * _held_out(without, data.fold, design=design[:, :1], met=met)
            moderation = fit_moderation(
                residual=residual,
                effect=beyond.sum(axis=1),
                design=design,
                weight=weight,
                widths=widths,
                noise=pooled.noise * inflation,
                start=start,
                reads=reads,
            )
            say(f"effects, shared part {number + 1}")
    share = moderation.share(design)[:, None]
    own, blocks = _own(widths, shared=bool(moderation.coefficients.any()))
    met = _times(met, share)
    found = _pool(blocks=blocks, design=design[:, own] * share, met=met, **settings)
    if moderation.coefficients.any():
        plain = _pool(blocks=blocks[:1], design=design[:, :1] * share, met=met, **settings)
        if found[0].evidence - plain[0].evidence < LEAST_EVIDENCE:
            own, found = own[:1], plain
    design = design[:, own] * share
    pooled, without = found
    return FinalStage(
        modifiers=modifiers,
        bins=bins,
        needs=needs,
        own=own,
        design=design,
        met=met,
        moderation=moderation,
        pooled=pooled,
        without=without,
        inflation=inflation,
        scale=scale,
    )


def _own(widths: Sequence[int], *, shared: bool) -> tuple[Ints, Ints]:
    """Which functions arms have coefficients for, and the block of each (0 the average, then the modifiers).

    Where there is a shared part, which tells how effects bend, arms differ by the first function of each
    modifier at most: with all of them noise passed for difference between arms (decision 0610).
    """
    ends = np.cumsum([1, *widths])
    blocks = np.repeat(np.arange(len(widths) + 1), [1, *widths])
    every = np.arange(int(ends[-1]))
    own = np.array([0, *(start for start, width in zip(ends[:-1], widths, strict=True) if width)])
    return (own, blocks[own]) if shared else (every, blocks)


def _pool(
    data: Data,
    *,
    design: Floats,
    met: npt.NDArray[np.float32] | None,
    blocks: Ints,
    families: Sequence[Ints],
    residual: Floats,
    openness: Floats,
    weight: Floats,
    scale: float,
    inflation: float,
) -> tuple[pooling.Pooled, list[pooling.Pooled]]:
    """The pooled effects, and those learned without each fold."""
    practice = chosen_by_practice(data.place, np.delete(data.eligible, data.reference, axis=1))
    parts = [
        pooling.moments(
            residual=residual[use],
            openness=openness[use],
            design=design[use],
            met=None if met is None else met[use],
            practice=practice,
            weight=weight[use],
        )
        for use in ((data.fold == number) & (weight > 0) for number in range(int(data.fold.max()) + 1))
    ]
    whole = pooling.total(parts)
    settings: dict[str, Any] = {
        "blocks": blocks,
        "families": families,
        "has_needs": met is not None,
        "practice": practice,
        "scale": scale,
        "inflation": inflation,
    }
    pooled = pooling.pool(whole, **settings)
    without = [
        pooling.pool(whole.minus(part), **settings, spread=pooled.spread, noise=pooled.noise)
        for part in parts
    ]
    return pooled, without


def _times(met: npt.NDArray[np.float32] | None, share: Floats) -> npt.NDArray[np.float32] | None:
    return None if met is None else np.asarray(met * share, dtype=np.float32)


def _held_out(
    without: list[pooling.Pooled],
    fold: Ints,
    *,
    design: Floats,
    met: npt.NDArray[np.float32] | None,
) -> npt.NDArray[np.float32]:
    """[rows, arms]: the effects that were learned without each row's fold."""
    found = np.zeros((len(fold), without[0].arms), dtype=np.float32)
    for number, one in enumerate(without):
        held = fold == number
        found[held] = one.effect(design[held], None if met is None else met[held])
    return found
