"""One scorecard and one calibration, fitted the same way for every head."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from scoring.columns import columns_of
from scoring.scorecard import Scorecard
from scoring.scorecard.calibration import CalibrationMap, sigmoid
from training.config import Scorecards
from training.heads.performance import calibration_line
from training.heads.recalibration import recalibrated
from training.heads.splits import folds
from training.scorecard import ScorecardClassifier

FloatArray = npt.NDArray[np.float64]
#: Parts that people are dealt to; each part is left out of a fit once.
CROSSED = 4
#: With fewer rows of either kind, a fit that leaves some out cannot tell a slope.
LEAST_TO_CROSS = 200
#: The least and the most that log odds are stretched before a later block is read.
LEAST_STRETCH, MOST_STRETCH = 0.5, 1.5
#: The line that leaves scores as they are.
AS_IT_IS = (1.0, 0.0)
#: With fewer rows of either kind, a head is the base rate alone.
LEAST_OF_A_CLASS = 20
#: With fewer rows of either kind, scores are taken as they are.
LEAST_TO_CALIBRATE = 10


def constant(rate: float) -> Scorecard:
    """The scorecard that gives everybody one rate."""
    held = min(max(rate, 1e-4), 1 - 1e-4)
    return Scorecard(features=(), terms=(), intercept=math.log(held / (1 - held)), link="logit")


def fit_scorecard(
    design: pl.DataFrame,
    y: FloatArray,
    *,
    settings: Scorecards,
    weight: FloatArray | None = None,
    monotone: Mapping[str, int] | None = None,
    groups: pl.Series | None = None,
    random_state: int = 0,
    n_jobs: int = 2,
) -> Scorecard:
    """Fit a scorecard of some features to outcomes 0 and 1; the base rate alone where one kind is too rare."""
    counts = np.bincount(y.astype(np.int64), minlength=2)
    if counts.min() < LEAST_OF_A_CLASS:
        return constant(float(np.average(y, weights=weight)) if len(y) else 0.5)
    rate = float(np.average(y, weights=weight))
    people = None if groups is None else groups.to_numpy()
    estimator = ScorecardClassifier(
        max_pairs=settings.max_pairs,
        monotone={name: sign for name, sign in (monotone or {}).items() if name in design.columns},
        banned=[(name, "*") for name in settings.never_in_pairs],
        max_leaves=settings.max_leaves,
        min_leaf_rows=settings.min_leaf_rows,
        l2=settings.ridge_rows * rate * (1.0 - rate),
        bags=settings.bags,
        learning_rate=settings.learning_rate,
        factor_share=1.0,
        early_stopping_rounds=settings.patience,
        max_bins=settings.max_bins,
        random_state=random_state,
        n_jobs=n_jobs,
    )
    estimator.fit(design, y.astype(np.int64), sample_weight=weight, groups=people)
    card: Scorecard = estimator.scorecard_
    return card


def unseen_line(
    design: pl.DataFrame,
    y: FloatArray,
    *,
    settings: Scorecards,
    weight: FloatArray,
    groups: pl.Series,
    monotone: Mapping[str, int] | None = None,
    random_state: int = 0,
    n_jobs: int = 2,
) -> tuple[float, float]:
    """Which line (slope, level) turns the scores of such a scorecard into log odds for people it has not seen?

    A fit that is stopped early and shrunk keeps chances too near the average: outcomes of people left out of
    the fit, a quarter at a time, tell by how much. With too few rows, the scores stay as they are.
    """
    counts = np.bincount(y.astype(np.int64), minlength=2)
    if counts.min() < LEAST_TO_CROSS:
        return AS_IT_IS
    fold = folds(groups, count=CROSSED, seed=random_state)
    score = np.zeros(len(y))
    for number in range(CROSSED):
        kept, out = fold != number, fold == number
        card = fit_scorecard(
            design.filter(pl.Series(kept)),
            y[kept],
            settings=settings,
            weight=weight[kept],
            monotone=monotone,
            groups=groups.filter(pl.Series(kept)),
            random_state=random_state,
            n_jobs=n_jobs,
        )
        score[out] = card.intercept
        if card.used_features:
            score[out] = card.score_many(columns_of(design.filter(pl.Series(out)), card.used_features))
    slope = calibration_line(y, sigmoid(score), weight)[0]
    stretch = 1.0 if slope is None else min(max(slope, LEAST_STRETCH), MOST_STRETCH)
    level = calibration_line(y, sigmoid(stretch * score), weight)[1]
    return stretch, 0.0 if level is None else level


def calibrate(
    score: FloatArray,
    y: FloatArray,
    *,
    weight: FloatArray | None = None,
    groups: npt.ArrayLike | None = None,
    line: tuple[float, float] = AS_IT_IS,
) -> CalibrationMap:
    """Calibrate raw scores (log odds) on later outcomes; the scores as they are where one kind is too rare.

    `groups` (people, referrals) count together in what chance explains; `line` is that of `unseen_line`.
    """
    counts = np.bincount(y.astype(np.int64), minlength=2)
    if counts.min() < LEAST_TO_CALIBRATE:
        return CalibrationMap(method="beta", scale="log-odds")
    return recalibrated(score, y, weight=weight, groups=groups, line=line)
