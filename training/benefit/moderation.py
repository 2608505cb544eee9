"""How much of any effect does a person like this get? One factor for all arms, learned from all of them.

Interventions that work do so in the same way: somebody has to be at risk of what they prevent, to start and
to finish. So effects rise and fall together over people (the risk principle: very little where the risk is
low), and every arm's effect is its own scorecard times this factor, which has mean one. Its logarithm is a
sum of functions of the modifiers, so that low risk and no previous sanctions each bring any effect near zero,
even where the other does not. It is fitted by regressing the residual outcome on the effects learned without
the person's own fold, with a variance for each modifier found by marginal likelihood; without evidence it
stays at what is expected: `EXPECTED` for risk and previous sanctions, one for everybody as far as other facts
go.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from scoring.effects import LOG_SHARES, Moderation, Modifier
from training.frames import Floats, Ints

LEAST_ARMS: Final = 6
"""With fewer arms there is nothing that they could share."""
SHARED_BY: Final = ("ogrs_2yr", "previous_sanctions", "motivation", "days_left", "sentence_length_days")
"""What the factor reads, where a frame has any of it (else all modifiers): risk, readiness, and time to finish."""
EXPECTED: Final = {"ogrs_2yr": 0.5, "previous_sanctions": 0.5}
"""By how much the factor's logarithm is expected to rise with one standard deviation, before any data:
published evaluations find very little at low risk and for people without a record (the risk principle)."""
ITERATIONS: Final = 20
CAUTIOUS: Final = 8
"""The first steps go part of the way only, as the factor is not linear."""
FIRST_GUESS: Final = 0.3
"""First guess of a modifier's spread of the factor's logarithm."""
PSEUDO: Final = 1.0
"""How many pseudo-observations hold each modifier's variance near the guess of the others."""
FLOOR: Final = 1e-4
MOST: Final = 4.0
SCALE: Final = 0.5
"""How far all effects together may be larger or smaller than they were learned to be: that is not the factor's."""


def expected_coefficients(modifiers: Sequence[Modifier]) -> tuple[Floats, list[bool]]:
    """The coefficients before any data [functions], and which modifiers the factor reads at all."""
    named = {m.name for m in modifiers} & set(SHARED_BY)
    reads = [m.name in named or not named for m in modifiers]
    first = [EXPECTED.get(m.name, 0.0) for m in modifiers]
    parts = [np.eye(1, m.basis.shape[1])[0] * value for m, value in zip(modifiers, first, strict=True)]
    return np.concatenate([*parts, np.zeros(0)]), reads


def expected_moderation(design: Floats, coefficients: Floats) -> Moderation:
    """The factor before any data."""
    size = len(coefficients)
    return _moderation(design, coefficients, np.zeros((size, size)))


def fit_moderation(
    *,
    residual: Floats,
    effect: Floats,
    design: Floats,
    weight: Floats,
    widths: Sequence[int],
    noise: float,
    start: Floats | None = None,
    reads: Sequence[bool] | None = None,
) -> Moderation:
    """The factor from rows: `effect` [rows] is what the arms' own scorecards expect beyond usual practice.

    `design` [rows, 1 + functions] and `widths` (functions of each modifier) are those of the scorecards,
    `start` the coefficients expected before any data (None: zero), `reads` which modifiers are read (None:
    all).
    """
    blocks_of_all = np.repeat(np.arange(len(widths)), widths)
    used = np.flatnonzero(np.repeat(np.ones(len(widths), dtype=bool) if reads is None else reads, widths))
    start = np.zeros(len(blocks_of_all)) if start is None else start
    blocks = np.unique(blocks_of_all[used], return_inverse=True)[1]
    count = int(blocks.max()) + 1 if len(used) else 0
    full, wide = start.copy(), np.zeros((len(start), len(start)))
    if not count:
        return _moderation(design, full, wide)
    functions = design[:, 1:][:, used]
    base = design[:, 1:] @ start
    variance = np.full(count, FIRST_GUESS**2)
    moved: Floats = np.zeros(len(used))
    covariance: Floats = np.zeros((len(used), len(used)), dtype=np.float64)
    for number in range(ITERATIONS):
        log = base + functions @ moved
        expects = effect * np.exp(np.clip(log, *LOG_SHARES))
        inside = (log > LOG_SHARES[0]) & (log < LOG_SHARES[1])
        slope = np.column_stack([expects, functions * (expects * inside)[:, None]])
        weighted = slope * weight[:, None]
        target = residual - expects + slope[:, 1:] @ moved
        precision = np.diag(np.concatenate([[1 / SCALE**2], 1 / variance[blocks]]))
        both = np.linalg.inv(weighted.T @ slope / noise + precision)
        found = (both @ (weighted.T @ target) / noise)[1:]
        covariance = np.asarray(both[1:, 1:], dtype=np.float64)
        moved += (0.6 if number < CAUTIOUS else 1.0) * (found - moved)
        variance = _update(variance, mean=moved, covariance=covariance, blocks=blocks)
    full[used] += moved
    wide[np.ix_(used, used)] = (covariance + covariance.T) / 2
    return _moderation(design, full, wide)


def _moderation(design: Floats, coefficients: Floats, covariance: Floats) -> Moderation:
    """The factor with mean one over the rows."""
    log = np.clip(design[:, 1:] @ coefficients, *LOG_SHARES)
    return Moderation(
        coefficients=coefficients, covariance=covariance, level=float(np.log(np.exp(log).mean()))
    )


def _update(variance: Floats, *, mean: Floats, covariance: Floats, blocks: Ints) -> Floats:
    """One Fellner-Schall step of every modifier's variance, each held near that of them all."""
    count = len(variance)
    squares = np.bincount(blocks, weights=mean**2, minlength=count)
    left = np.bincount(blocks, weights=1 - np.diag(covariance) / variance[blocks], minlength=count)
    centre = float(variance.mean())
    stepped = (squares + PSEUDO * centre) / (np.maximum(left, 0.0) + PSEUDO)
    return np.asarray(np.clip(stepped, FLOOR, MOST))
