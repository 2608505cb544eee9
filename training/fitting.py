"""One scorecard and one calibration, fitted the same way for every head."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from scoring.calibration import CalibrationMap
from scoring.scorecard import Scorecard
from training.config import Scorecards
from training.recalibration import recalibrated
from training.scorecard import ScorecardClassifier

FloatArray = npt.NDArray[np.float64]
#: Fewer rows of either kind than this, and a head is the base rate alone.
LEAST_OF_A_CLASS = 20
#: Fewer rows of either kind than this, and scores are taken as they are.
LEAST_TO_CALIBRATE = 10


def constant(rate: float) -> Scorecard:
    """The scorecard that says one rate to everybody."""
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
    estimator = ScorecardClassifier(
        max_pairs=settings.max_pairs,
        monotone={name: sign for name, sign in (monotone or {}).items() if name in design.columns},
        banned=[(name, "*") for name in settings.never_in_pairs],
        max_leaves=settings.max_leaves,
        bags=settings.bags,
        learning_rate=settings.learning_rate,
        early_stopping_rounds=settings.patience,
        max_bins=settings.max_bins,
        random_state=random_state,
        n_jobs=n_jobs,
    )
    people = None if groups is None else groups.to_numpy()
    estimator.fit(design, y.astype(np.int64), sample_weight=weight, groups=people)
    card: Scorecard = estimator.scorecard_
    return card


def calibrate(
    score: FloatArray,
    y: FloatArray,
    *,
    weight: FloatArray | None = None,
    groups: npt.ArrayLike | None = None,
) -> CalibrationMap:
    """Calibrate raw scores (log odds) on later outcomes; the scores as they are where one kind is too rare.

    `groups` (people, referrals) count together in what chance explains.
    """
    counts = np.bincount(y.astype(np.int64), minlength=2)
    if counts.min() < LEAST_TO_CALIBRATE:
        return CalibrationMap(method="beta", scale="log-odds")
    return recalibrated(score, y, weight=weight, groups=groups)
