"""How good are probabilities, on rows that the model has not seen?

Figures are plain numbers or None where they are undefined (one class only, no rows): an undefined figure is
never 0. Sources: Brier (1950); Cox (1958) for slope and calibration in the large; Hanley and McNeil (1982)
for the interval of the AUC; Kumar, Liang and Ma (2019), Verified Uncertainty Calibration, section 5, for the
calibration error without what chance adds to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
EPSILON = 1e-9
#: Standard errors by which a held-out AUC must exceed one half, people counted once, to tell anybody apart.
CLEAR_AUC = 3.0
#: Standard errors by which the log loss saved over the base rate must exceed zero.
CLEAR_GAIN = 1.645
#: Held-out discrimination below which nobody should be told apart, even where many rows make it significant.
LEAST_AUC = 0.53
BINS = 10
#: Rows that a bin of the calibration error must hold: of fewer, the share observed is mostly chance.
LEAST_OF_A_BIN = 100


@dataclass(frozen=True, kw_only=True)
class Performance:
    """Held-out figures of one head on one block.

    `calibration_error` is the mean distance of observed from predicted shares over bins of equal count;
    `calibration_error_by_chance` what it would be on average for perfect chances on the same number of rows, and
    `calibration_error_debiased` the root mean square distance without what chance adds to it.
    """

    rows: int
    base_rate: float | None
    auc: float | None
    auc_lower: float | None
    auc_upper: float | None
    brier: float | None
    log_loss: float | None
    calibration_slope: float | None
    calibration_in_the_large: float | None
    calibration_error: float | None
    calibration_error_by_chance: float | None
    calibration_error_debiased: float | None

    def to_dict(self) -> dict[str, float | int | None]:
        """The figures by name, rounded to six places so that they read the same everywhere."""
        return {name: _rounded(value) for name, value in self.__dict__.items()}


def _rounded(value: float | None) -> float | None:
    return round(value, 6) if isinstance(value, float) else value


def auc(y: FloatArray, p: FloatArray, weight: FloatArray | None = None) -> float | None:
    """How often does a row with the event have the higher probability? Ties count one half; None for one class."""
    w = np.ones(len(y)) if weight is None else weight
    order = np.argsort(p, kind="stable")
    sorted_p, positive, negative = p[order], (w * y)[order], (w * (1 - y))[order]
    starts = (
        np.flatnonzero(np.concatenate([[True], sorted_p[1:] != sorted_p[:-1]]))
        if len(p)
        else np.array([], int)
    )
    total_positive, total_negative = positive.sum(), negative.sum()
    if total_positive <= 0 or total_negative <= 0:
        return None
    positives, negatives = np.add.reduceat(positive, starts), np.add.reduceat(negative, starts)
    below = np.concatenate([[0.0], np.cumsum(negatives)[:-1]])
    return float((positives * (below + negatives / 2)).sum() / (total_positive * total_negative))


def auc_interval(value: float, positives: float, negatives: float, *, z: float = 1.96) -> tuple[float, float]:
    """Between what bounds does the AUC lie? Hanley and McNeil's standard error."""
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    variance = value * (1 - value) + (positives - 1) * (q1 - value**2) + (negatives - 1) * (q2 - value**2)
    error = math.sqrt(max(variance, 0.0) / (positives * negatives))
    return max(0.0, value - z * error), min(1.0, value + z * error)


def log_losses(y: FloatArray, p: FloatArray) -> FloatArray:
    """The log loss of each row."""
    clipped = np.clip(p, EPSILON, 1 - EPSILON)
    return np.asarray(-(y * np.log(clipped) + (1 - y) * np.log1p(-clipped)), dtype=np.float64)


def calibration_line(
    y: FloatArray, p: FloatArray, weight: FloatArray | None = None
) -> tuple[float | None, float | None]:
    """Slope of the logit of p, and in-the-large: the intercept when the slope is held at 1 (Cox 1958)."""
    w = np.ones(len(y)) if weight is None else weight
    if not 0 < y.mean() < 1:
        return None, None
    clipped = np.clip(p, EPSILON, 1 - EPSILON)
    logit = np.log(clipped / (1 - clipped))
    level = _newton(np.ones((len(y), 1)), y, w, offset=logit)
    slope = None
    if logit.std() > EPSILON:
        fitted = _newton(np.column_stack([np.ones(len(y)), logit]), y, w, offset=np.zeros(len(y)))
        slope = None if fitted is None else float(fitted[1])
    return slope, None if level is None else float(level[0])


def _newton(
    design: FloatArray, y: FloatArray, weight: FloatArray, *, offset: FloatArray
) -> FloatArray | None:
    beta: FloatArray = np.zeros(design.shape[1])
    for _ in range(50):
        mean = 1 / (1 + np.exp(-np.clip(design @ beta + offset, -30, 30)))
        hessian = design.T @ (design * (weight * mean * (1 - mean))[:, None]) + 1e-10 * np.eye(len(beta))
        step = np.clip(np.linalg.solve(hessian, design.T @ (weight * (y - mean))), -2.0, 2.0)
        beta += step
        if np.abs(step).max() < 1e-10:
            return beta
    return beta


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How far observed shares depart from predicted ones, over bins of equal count.

    `weight` is the share of rows in each bin, `gap` observed less predicted, `variance` of the gap by chance.
    """

    weight: FloatArray
    gap: FloatArray
    variance: FloatArray

    @property
    def error(self) -> float:
        """The mean distance; chance alone makes it positive."""
        return float((self.weight * np.abs(self.gap)).sum())

    @property
    def by_chance(self) -> float:
        """What the mean distance would be, on average, for perfect chances on the same number of rows."""
        return float((self.weight * np.sqrt(2 * self.variance / math.pi)).sum())

    @property
    def debiased_square(self) -> float:
        """The mean squared distance less what chance adds to it: right on average, below zero by chance."""
        return float((self.weight * (self.gap**2 - self.variance)).sum())

    @property
    def debiased(self) -> float:
        """The root of the mean squared distance without chance; zero where chance explains it all."""
        return math.sqrt(max(self.debiased_square, 0.0))


def calibration(
    y: FloatArray,
    p: FloatArray,
    groups: npt.ArrayLike | None = None,
    weight: FloatArray | None = None,
    *,
    bins: int = BINS,
) -> Calibration | None:
    """By how much do observed shares depart from predicted ones, bin by bin? None without rows.

    Bins hold equal counts of rows, at least a hundred where there are enough, so that small blocks have
    fewer bins. `groups` (people, referrals) are drawn together: the chance variance is of sums over groups.
    `weight` is how many rows each stands for, where some were censored.
    """
    if not len(y):
        return None
    w = np.ones(len(y)) if weight is None else weight
    rest = y - p
    member = np.arange(len(y)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    parts = np.array_split(np.argsort(p, kind="stable"), min(bins, max(1, len(y) // LEAST_OF_A_BIN)))
    gap, variance, share = np.empty(len(parts)), np.empty(len(parts)), np.empty(len(parts))
    for place, part in enumerate(parts):
        total = w[part].sum()
        share[place] = total / w.sum()
        gap[place] = (w[part] * rest[part]).sum() / total
        _, here = np.unique(member[part], return_inverse=True)
        sums = np.bincount(here, weights=w[part] * (rest[part] - gap[place]))
        spare = len(sums) / max(len(sums) - 1, 1)
        variance[place] = spare * float((sums**2).sum()) / total**2
    return Calibration(weight=share, gap=gap, variance=variance)


def performance(
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    weight: FloatArray | None = None,
) -> Performance:
    """Every held-out figure of some probabilities against what happened (0 or 1).

    `groups` (people, referrals) are drawn together where the rows of one are not independent. `weight` is how
    many rows each stands for: those who were seen to the end stand for those who were censored, when chances
    are judged as when they are fitted.
    """
    truth, chance = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    if not len(truth):
        return Performance(
            rows=0, base_rate=None, auc=None, auc_lower=None, auc_upper=None, brier=None, log_loss=None,
            calibration_slope=None, calibration_in_the_large=None, calibration_error=None,
            calibration_error_by_chance=None, calibration_error_debiased=None,
        )  # fmt: skip
    discrimination = auc(truth, chance, weight)
    positives = float(truth.sum())
    bounds = (
        auc_interval(discrimination, positives, len(truth) - positives)
        if discrimination is not None
        else (None, None)
    )
    slope, level = calibration_line(truth, chance, weight)
    bins = calibration(truth, chance, groups, weight)
    assert bins is not None
    return Performance(
        rows=len(truth),
        base_rate=float(np.average(truth, weights=weight)),
        auc=discrimination,
        auc_lower=bounds[0],
        auc_upper=bounds[1],
        brier=float(np.average((chance - truth) ** 2, weights=weight)),
        log_loss=float(np.average(log_losses(truth, chance), weights=weight)),
        calibration_slope=slope,
        calibration_in_the_large=level,
        calibration_error=bins.error,
        calibration_error_by_chance=bins.by_chance,
        calibration_error_debiased=bins.debiased,
    )


def gain_over_base_rate(
    y: npt.ArrayLike, p: npt.ArrayLike, base_rate: float, groups: npt.ArrayLike | None = None
) -> tuple[float, float]:
    """How much log loss does the head save over always saying the base rate, and by how many standard errors?

    `groups` (people) are drawn together: the standard error is of sums over groups.
    """
    truth, chance = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    if len(truth) < 2:
        return 0.0, 0.0
    saved = log_losses(truth, np.full(len(truth), base_rate)) - log_losses(truth, chance)
    mean = float(saved.mean())
    member = (
        np.arange(len(truth)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    )
    sums = np.bincount(member, weights=saved - mean)
    error = math.sqrt(float((sums**2).sum())) / len(truth)
    return mean, mean / error if error > 0 else 0.0


def barely_predictable(
    y: npt.ArrayLike, p: npt.ArrayLike, base_rate: float, groups: npt.ArrayLike | None = None
) -> bool:
    """Is the held-out gain over the base rate unclear, so that nobody should be told apart by this head?

    Clear means all of: the AUC is above one half by three standard errors with each group counted once, it is
    at least 0.53, and the log loss saved over always saying the base rate is above zero at 95%.
    """
    truth, chance = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    discrimination = auc(truth, chance)
    if discrimination is None or discrimination < LEAST_AUC:
        return True
    share = 1.0 if groups is None else len(np.unique(np.asarray(groups))) / len(truth)
    positives = float(truth.sum()) * share
    negatives = len(truth) * share - positives
    lower, _ = auc_interval(discrimination, positives, negatives, z=CLEAR_AUC)
    _, errors = gain_over_base_rate(truth, chance, base_rate, groups)
    return lower <= 0.5 or errors < CLEAR_GAIN
