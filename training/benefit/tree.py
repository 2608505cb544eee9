"""Whom does the policy send where, in at most three questions? A small tree to compare with the whole model.

Grown greedily on the estimated effects: each question is the one that gains most if each side were
then given its single best arm (who is not eligible for it keeps supervision as usual). It explains the policy
and is not served.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from catalogue.errors import UsageError
from scoring.effects import EffectModel, Modifier
from training import frames
from training.frames import Floats, Ints

DEPTH: Final = 3
LEAST: Final = 100


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A question with its two sides, or (without `question`) the arm of everybody who gets here.

    `gain` is the mean effect over the people here if each leaf below gives its arm.
    """

    people: int
    arm: str
    gain: float
    question: str | None = None
    yes: "Branch | None" = None
    no: "Branch | None" = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        own: dict[str, Any] = {"people": self.people, "arm": self.arm, "gain": self.gain}
        if self.question is None or self.yes is None or self.no is None:
            return own
        return own | {"question": self.question, "yes": self.yes.to_dict(), "no": self.no.to_dict()}


def grow(
    model: EffectModel, X: object, *, eligible: object | None = None, depth: int = DEPTH, least: int = LEAST
) -> Branch:
    """Grow the tree on the people of `X`; no side of a question has fewer than `least` of them."""
    table = frames.read(X)
    if table.length == 0:
        raise UsageError("The policy tree needs people; the frame is empty.")
    columns = table.columns
    effects = model.effects(columns).effect
    if eligible is not None:
        arms = sorted([model.reference, *model.arms])
        allowed = frames.by_arm(
            eligible, name="eligible", length=table.length, arms=arms, reference=model.reference, default=1.0
        )
        effects = np.where(allowed[:, [arms.index(arm) for arm in model.arms]] > 0, effects, 0.0)
    gains = np.column_stack([np.zeros(table.length), effects])
    bins = [m.bins_of(columns[m.name]) for m in model.modifiers]
    names = (model.reference, *model.arms)
    everybody = np.arange(table.length)
    return _grow(
        everybody, gains=gains, bins=bins, modifiers=model.modifiers, names=names, depth=depth, least=least
    )


def _grow(
    rows: Ints,
    *,
    gains: Floats,
    bins: list[Ints],
    modifiers: tuple[Modifier, ...],
    names: tuple[str, ...],
    depth: int,
    least: int,
) -> Branch:
    totals = gains[rows].sum(axis=0)
    leaf = Branch(people=len(rows), arm=names[int(totals.argmax())], gain=float(totals.max() / len(rows)))
    found = _best_question(rows, gains=gains, bins=bins, modifiers=modifiers, least=least) if depth else None
    if found is None or found.total <= totals.max() + 1e-9:
        return leaf
    settings: dict[str, Any] = {
        "gains": gains,
        "bins": bins,
        "modifiers": modifiers,
        "names": names,
        "depth": depth - 1,
        "least": least,
    }
    yes, no = _grow(rows[found.side], **settings), _grow(rows[~found.side], **settings)
    if yes.question is None and no.question is None and yes.arm == no.arm:
        return leaf
    gain = (yes.gain * yes.people + no.gain * no.people) / len(rows)
    return Branch(people=len(rows), arm=leaf.arm, gain=gain, question=found.text, yes=yes, no=no)


@dataclass(frozen=True, kw_only=True)
class _Question:
    text: str
    side: npt.NDArray[np.bool_]
    total: float


def _best_question(
    rows: Ints, *, gains: Floats, bins: list[Ints], modifiers: tuple[Modifier, ...], least: int
) -> _Question | None:
    """The question with the largest gain when each side then gets one arm; ties go to the earlier modifier and bin."""
    best: _Question | None = None
    here = gains[rows]
    whole = here.sum(axis=0)
    for modifier, codes in zip(modifiers, bins, strict=True):
        sums = np.eye(modifier.bins + 1)[codes[rows]].T @ here
        counts = np.bincount(codes[rows], minlength=modifier.bins + 1)
        for text, members in _questions(modifier):
            n = int(counts[members].sum())
            if min(n, len(rows) - n) < least:
                continue
            inside = sums[members].sum(axis=0)
            total = float(inside.max() + (whole - inside).max())
            if best is None or total > best.total + 1e-9:
                best = _Question(text=text, side=np.isin(codes[rows], members), total=total)
    return best


def _questions(modifier: Modifier) -> Iterator[tuple[str, Ints]]:
    """Every question that one modifier allows, and the bins that answer yes."""
    if modifier.values is not None:
        for place, value in enumerate(modifier.values):
            yield f"{modifier.name} is {value}", np.array([place])
        return
    for place, edge in enumerate(modifier.edges or ()):
        yield f"{modifier.name} is at least {edge:g}", np.arange(place + 1, modifier.bins)
