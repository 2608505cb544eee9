"""What does a later block of time say about a model's chances, beyond what chance explains?

With few rows, a fitted curve moves more by chance than the model is wrong: with 1,300 rows the curve of beta
calibration is a source of error of two points in a hundred by itself. So a model's own chances stand unless
the later block contradicts them: each way in which it may (a level, a slope, a bend) is measured in its own
standard errors, and is followed as far as it exceeds what chance explains. A departure of two standard
errors or less leaves the chances as they are; a departure of many standard errors is followed almost whole.
So with many rows the map is that of beta calibration.

Sources: Kull, Silva Filho and Flach (2017) for the curve; Efron and Morris (1973), Stein's estimation rule
and its competitors, for shrinking by what the estimate itself shows; Liang and Zeger (1986) for rows of one
person, which count together.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from scoring.scorecard.calibration import CalibrationMap, log_chances, sigmoid

FloatArray = npt.NDArray[np.float64]
#: From (level, slope, bend) to the curve (a, b, c) of beta calibration, as steps away from the model's own.
_WAYS: FloatArray = np.array([[0.0, 1.0, 1.0], [0.0, 1.0, -1.0], [1.0, 0.0, 0.0]])
#: Squared standard errors up to which a departure counts as chance: two standard errors.
WORTH_FOLLOWING = 4.0
#: A ridge that only bounds what the rows cannot tell.
LEAST = 1e-3
#: The smallest part of a step of Newton's method that is tried before the answer is taken as found.
SMALLEST_STEP = 1e-6


def recalibrated(
    score: FloatArray,
    y: FloatArray,
    *,
    weight: FloatArray | None = None,
    groups: npt.ArrayLike | None = None,
    line: tuple[float, float] = (1.0, 0.0),
) -> CalibrationMap:
    """By which map do scores (log odds) of a model that saw none of these later rows become chances?

    Without these rows the log odds would be a `line` in the scores: a slope times the score, plus a level.
    `y` is 0 or 1, with rows of both; `weight` how many rows each stands for; rows of one of `groups` (a
    person, a referral) count together in what chance explains. The map's interval is that of the rows alone:
    what was not followed is still in doubt.
    """
    held = np.ones(len(y)) if weight is None else weight
    design = np.stack((*log_chances(score, scale="log-odds"), np.ones_like(score)), axis=1) @ _WAYS
    # Scores about their mean, so that a slope turns the curve where the rows are.
    center = np.average(design, axis=0, weights=held)
    turned = design.copy()
    turned[:, 1:] -= center[1:]
    slope, level = line
    own = np.array([slope, slope, level])
    offset = slope * score + level
    away, information = _steps_away(turned, offset, y, held)
    rest = y - sigmoid(offset + turned @ away)
    spread = _spread(rest, held, groups, float(information[0, 0]))
    root = np.linalg.cholesky(information)
    errors = root.T @ away / spread
    back = _WAYS @ np.array([[1.0, -center[1], -center[2]], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    curve = own + back @ np.linalg.solve(root.T, errors * spread * follow(errors))
    if (curve[:2] < 0).any():
        # A bend that turns the order of scores round is left out.
        straight = np.array([*(errors * follow(errors))[:2], 0.0])
        curve = own + back @ np.linalg.solve(root.T, straight * spread)
    if (curve[:2] < 0).any():
        # These rows say that higher scores do not mean higher chances: all get one.
        rate = float(np.average(y, weights=held))
        curve = np.array([0.0, 0.0, math.log(rate / (1.0 - rate))])
    a, b, c = curve.tolist()
    covariance = back @ np.linalg.inv(information) @ back.T * spread**2
    return CalibrationMap(
        method="beta", scale="log-odds", curve=(a, b, c), covariance=tuple(covariance.ravel().tolist())
    )


def follow(errors: FloatArray) -> FloatArray:
    """Which share of a departure is followed, by its standard errors? None up to two; nearly all of many."""
    square = np.maximum(np.asarray(errors, dtype=np.float64) ** 2, WORTH_FOLLOWING)
    return np.asarray(1.0 - WORTH_FOLLOWING / square)


def _steps_away(
    design: FloatArray, offset: FloatArray, y: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The most likely departures from the model's own log odds, by Newton's method, and their information."""
    away: FloatArray = np.zeros(design.shape[1])
    loss = _loss(offset, y, weight)
    while True:
        chance = sigmoid(offset + design @ away)
        information = (design * (weight * chance * (1 - chance))[:, None]).T @ design + LEAST * np.eye(3)
        step = np.linalg.solve(information, design.T @ (weight * (y - chance)) - LEAST * away)
        size, tried, new = 1.0, away + step, np.inf
        while size > SMALLEST_STEP:
            tried = away + size * step
            new = _loss(offset + design @ tried, y, weight) + 0.5 * LEAST * float((tried**2).sum())
            if new < loss - 1e-12 * abs(loss):
                break
            size /= 2
        else:
            return away, np.asarray(information)
        away, loss = tried, new


def _loss(raised: FloatArray, y: FloatArray, weight: FloatArray) -> float:
    return float((weight * (np.logaddexp(0.0, raised) - y * raised)).sum())


def _spread(rest: FloatArray, weight: FloatArray, groups: npt.ArrayLike | None, information: float) -> float:
    """By what factor do weights and people with several rows widen the standard error of a level?"""
    member = np.arange(len(rest)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    sums = np.bincount(member, weights=weight * rest)
    return math.sqrt(max(float((sums**2).sum()) / information, 1.0))
