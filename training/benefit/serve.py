"""What does a fit leave behind? The scorecards that are served, and what it learned about each of its rows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scoring.effects import Arm, EffectModel, Modifier
from training.benefit.data import Data
from training.benefit.final import FinalStage
from training.benefit.rows import TrainingRows
from training.frames import Floats, Ints

SMOOTHING: Final = 2.0
"""Pseudo-people when comparing an arm's people with those eligible, bin by bin."""

HIDDEN_BIAS: Final = 0.03
"""Standard deviation of the bias by facts that practice knows and records do not hold, common to all arms
because all are compared with the reference, in standard deviations of the outcome (for a chance of three in
ten 1.4 points in a hundred, as large as a usual effect). Part of every interval, as bias analysis adds it by
a prior (Greenland 2005, JRSS A 168): no number of people makes it less (decision 0608)."""


def training_rows(
    data: Data,
    stage: FinalStage,
    *,
    chances: npt.NDArray[np.float32],
    expected: Floats,
    weight: Floats,
) -> TrainingRows:
    """The outcome model with the arm as factor: what is expected anyway, plus effects of other folds."""
    others = [place for place in range(len(data.arms)) if place != data.reference]
    by_arm = np.zeros(data.eligible.shape, dtype=np.float32)
    by_arm[:, others] = stage.held_out(data.fold)
    anyway = expected - (chances * by_arm).sum(axis=1)
    by_arm += anyway[:, None].astype(np.float32)
    return TrainingRows(
        arms=tuple(str(label) for label in data.arms),
        reference=data.reference,
        arm=data.arm,
        outcome=np.where(data.seen, data.outcome, np.nan),
        weight=weight,
        propensity=chances,
        expected=by_arm,
        eligible=data.eligible,
        groups=data.groups,
    )


def effect_model(
    data: Data,
    stage: FinalStage,
    rows: TrainingRows,
    *,
    families: Sequence[str],
    openness: Floats,
    level: float,
    z: float,
    min_support: float,
) -> EffectModel:
    """Scorecards, covariances and support of every arm, as the bundle holds them."""
    functions, own = 1 + sum(m.basis.shape[1] for m in stage.modifiers), len(stage.own)
    means: Floats = np.zeros((functions, len(data.others)))
    means[stage.own] = stage.pooled.mean[:own]
    everyone = np.ones(len(data.arm), dtype=bool)
    arms, averages = [], {}
    for place, label in enumerate(data.others):
        column = data.arms.index(label)
        in_arm, allowed = data.arm == column, data.eligible[:, column]
        mean, lower, upper = rows.average(column, everyone, z=z)
        if math.isfinite(mean):
            averages[str(label)] = {
                "effect": mean,
                "lower": lower,
                "upper": upper,
                "eligible": int(allowed.sum()),
            }
        needs = stage.needs[place]
        held = np.append(stage.own, functions)[: own + bool(len(needs))]
        covariance = np.zeros((functions + bool(len(needs)), functions + bool(len(needs))))
        covariance[np.ix_(held, held)] = stage.pooled.arm_covariance(place)[: len(held), : len(held)]
        covariance[0, 0] += HIDDEN_BIAS**2 * stage.scale
        arms.append(
            Arm(
                name=str(label),
                family=families[place],
                intercept=float(means[0, place]),
                tables=_tables(stage.modifiers, means[:, place]),
                covariance=covariance,
                people=float((openness[data.seen, place] ** 2).sum()),
                likeness=_likeness(stage.modifiers, stage.bins, in_arm=in_arm & data.seen, allowed=allowed),
                facts={"rows": int(in_arm.sum()), "recorded": int((in_arm & data.seen).sum())},
                counts=tuple(
                    np.bincount(codes[allowed], minlength=modifier.bins + 1)
                    for modifier, codes in zip(stage.modifiers, stage.bins, strict=True)
                ),
                needs=tuple(stage.modifiers[i].name for i in needs),
                need=float(stage.pooled.mean[own, place]) if len(needs) else 0.0,
            )
        )
    return EffectModel(
        reference=str(data.arms[data.reference]),
        level=level,
        z=z,
        min_support=min_support,
        modifiers=stage.modifiers,
        arms=arms,
        report=_report(data, stage, averages),
        moderation=stage.moderation,
    )


def _report(data: Data, stage: FinalStage, averages: Mapping[str, Any]) -> dict[str, Any]:
    spread = stage.pooled.spread
    pooled = len(spread.common) - (stage.met is not None)
    names = ["average", *(m.name for m in stage.modifiers)][:pooled]
    names += ["need"] if stage.met is not None else []
    return {
        "rows": len(data.arm),
        "people": int(data.groups.max()) + 1,
        "recorded": int(data.seen.sum()),
        "noise": stage.pooled.noise,
        "inflation": stage.inflation,
        "hidden_bias": HIDDEN_BIAS * math.sqrt(stage.scale),
        "standard_deviations": {
            name: {
                "common": float(np.sqrt(spread.common[i])),
                "families": [float(np.sqrt(level[i])) for level in spread.families],
                "own": float(np.sqrt(spread.own[i])),
            }
            for i, name in enumerate(names)
        },
        "match": float(np.sqrt(spread.match)),
        "average_effects": dict(averages),
    }


def _tables(modifiers: tuple[Modifier, ...], coefficients: Floats) -> tuple[Floats, ...]:
    """The scorecard of one arm: a number for every bin of every modifier."""
    ends = np.cumsum([1, *(m.basis.shape[1] for m in modifiers)])
    return tuple(
        m.basis @ coefficients[start:stop]
        for m, start, stop in zip(modifiers, ends[:-1], ends[1:], strict=True)
    )


def _likeness(
    modifiers: tuple[Modifier, ...],
    bins: list[Ints],
    *,
    in_arm: npt.NDArray[np.bool_],
    allowed: npt.NDArray[np.bool_],
) -> tuple[Floats, ...]:
    """How common an arm's people are in each bin, against those eligible for it; at most 1."""
    tables = []
    for modifier, codes in zip(modifiers, bins, strict=True):
        there = np.bincount(codes[in_arm], minlength=modifier.bins + 1).astype(np.float64)
        share = np.bincount(codes[allowed], minlength=modifier.bins + 1) / max(int(allowed.sum()), 1)
        tables.append(
            np.minimum((there + SMOOTHING * share) / (in_arm.sum() * share + SMOOTHING * share + 1e-12), 1.0)
        )
    return tuple(tables)
