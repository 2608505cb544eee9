"""The fitted heads as they are served: a scorecard, its calibration, and what is known of its worth.

A head answers one question about one row of features, or about many rows at once, from the same tables.
Nothing here fits anything; `training` writes the documents that these objects are read from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catalogue.errors import UsageError
from scoring.scorecard import Scorecard
from scoring.scorecard.calibration import CalibrationMap

if TYPE_CHECKING:
    import polars as pl

FloatArray = npt.NDArray[np.float64]
Value = str | int | float | bool | tuple[str, ...] | None
Row = Mapping[str, Value]

#: The feature that tells the in-flight scorecards which interval ahead is asked about (1 = the next one).
INTERVAL = "interval_ahead"


def _number(document: Mapping[str, Any], name: str, head: str) -> float:
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(
            f"The {head} head of the bundle has no number under '{name}'; write the bundle again."
        )
    return float(value)


def _flag(document: Mapping[str, Any], name: str, head: str) -> bool:
    value = document.get(name)
    if not isinstance(value, bool):
        raise UsageError(
            f"The {head} head of the bundle does not say true or false under '{name}'; write the bundle again.",
        )
    return value


def _labels(document: Mapping[str, Any]) -> Mapping[str, str]:
    labels = document.get("labels", {})
    return {str(name): str(label) for name, label in labels.items()}


@dataclass(frozen=True, kw_only=True)
class HeadModel:
    """Will it happen? One calibrated probability from one scorecard (heads commence and complete).

    `labels` gives each feature's name in plain English, `base_rate` the share in the calibration block,
    `auc` the held-out discrimination, `performance` every held-out figure by name.
    """

    head: str
    question: str
    scorecard: Scorecard
    calibration: CalibrationMap
    barely_predictable: bool
    base_rate: float
    auc: float
    labels: Mapping[str, str]
    performance: Mapping[str, Any]
    profile: Mapping[str, Any]

    @classmethod
    def from_documents(cls, document: Mapping[str, Any], calibration: Mapping[str, Any]) -> HeadModel:
        """Read a head from its file of the bundle and its entry of calibration.json."""
        head = str(document.get("head", "unnamed"))
        return cls(
            head=head,
            question=str(document.get("question", "")),
            scorecard=Scorecard.from_dict(document["scorecard"]),
            calibration=CalibrationMap.from_dict(calibration),
            barely_predictable=_flag(document, "barely_predictable", head),
            base_rate=_number(document, "base_rate", head),
            auc=_number(document, "auc", head),
            labels=_labels(document),
            performance=document.get("performance", {}),
            profile=document.get("profile", {}),
        )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Which features must a row hold?"""
        return tuple(self.scorecard.used_features)

    def probability(self, row: Row) -> float:
        """How likely is it, calibrated, for one row of features?"""
        return float(self.calibration.predict(self.scorecard.score(row)))

    def interval(self, row: Row) -> tuple[float, float]:
        """Between which shares does the calibration place rows of this score?"""
        lower, upper = self.calibration.interval(self.scorecard.score(row))
        return float(lower), float(upper)

    def explain(self, row: Row) -> dict[str, float]:
        """What does each term add to the raw score? Terms plus the intercept are the score."""
        return dict(self.scorecard.explain(row))

    def probability_many(self, columns: Mapping[str, object] | pl.DataFrame) -> FloatArray:
        """How likely is it, calibrated, for every row? Returns an array of n probabilities."""
        scores = np.asarray(self.scorecard.score_many(columns), dtype=np.float64)
        return np.asarray(self.calibration.predict(scores), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class InFlightHead:
    """Will this referral end without completion within the coming weeks, given how it goes so far?

    Two scorecards give the chance of each end in one interval ahead, if the referral is still open at its
    beginning: `not_completed` (ended for an engagement reason) and `completed`. A horizon is a whole or part
    number of intervals; the probabilities of all horizons come from one product of staying open, so they
    agree and never fall as the horizon grows.
    """

    question: str
    not_completed: Scorecard
    completed: Scorecard
    not_completed_calibration: CalibrationMap
    completed_calibration: CalibrationMap
    interval_weeks: int
    intervals: int
    horizons_weeks: tuple[int, ...]
    barely_predictable: bool
    base_rate: float
    auc: float
    labels: Mapping[str, str]
    performance: Mapping[str, Any]
    profile: Mapping[str, Any]

    @classmethod
    def from_documents(cls, document: Mapping[str, Any], calibration: Mapping[str, Any]) -> InFlightHead:
        """Read the head from inflight.json and the whole of calibration.json."""
        cards = document["scorecards"]
        return cls(
            question=str(document.get("question", "")),
            not_completed=Scorecard.from_dict(cards["not_completed"]),
            completed=Scorecard.from_dict(cards["completed"]),
            not_completed_calibration=CalibrationMap.from_dict(calibration["inflight_not_completed"]),
            completed_calibration=CalibrationMap.from_dict(calibration["inflight_completed"]),
            interval_weeks=int(_number(document, "interval_weeks", "inflight")),
            intervals=int(_number(document, "intervals", "inflight")),
            horizons_weeks=tuple(int(weeks) for weeks in document["horizons_weeks"]),
            barely_predictable=_flag(document, "barely_predictable", "inflight"),
            base_rate=_number(document, "base_rate", "inflight"),
            auc=_number(document, "auc", "inflight"),
            labels=_labels(document),
            performance=document.get("performance", {}),
            profile=document.get("profile", {}),
        )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Which features must a row hold? The interval ahead is filled in here and not asked for."""
        names = dict.fromkeys((*self.not_completed.used_features, *self.completed.used_features))
        return tuple(name for name in names if name != INTERVAL)

    def explain(self, row: Row) -> dict[str, float]:
        """What does each term add to the raw score of failing in the first interval ahead?"""
        return dict(self.not_completed.explain({**row, INTERVAL: 1}))

    def probabilities_many(self, columns: Mapping[str, object], *, rows: int) -> FloatArray:
        """How likely is it, for every referral? Returns [rows, horizons], rising along the horizons."""
        hazards = np.empty((rows, self.intervals, 2))
        for ahead in range(1, self.intervals + 1):
            asked: dict[str, object] = {**columns, INTERVAL: np.full(rows, float(ahead))}
            failing = self.not_completed.score_many(asked)
            finishing = self.completed.score_many(asked)
            hazards[:, ahead - 1, 0] = self.not_completed_calibration.predict(failing)
            hazards[:, ahead - 1, 1] = self.completed_calibration.predict(finishing)
        return cumulative_incidence(hazards, self.interval_weeks, self.horizons_weeks)


def cumulative_incidence(hazards: FloatArray, interval_weeks: int, horizons: Sequence[float]) -> FloatArray:
    """By each horizon, how likely is the first kind of end, when both kinds close the referral?

    `hazards` is [rows, intervals, 2]: the chance of each end within an interval, if open at its start.
    Returns [rows, horizons]. Within an interval the hazard is taken as constant in continuous time, so a
    horizon that falls inside an interval takes the matching share of it. Cause-specific cumulative incidence
    (Kalbfleisch and Prentice 2002, section 8.2), in its discrete form.
    """
    reach = hazards.shape[1] * interval_weeks
    if any(weeks <= 0 or weeks > reach for weeks in horizons):
        raise UsageError(
            f"A horizon must lie above 0 and at most {reach} weeks ahead, the reach of this model."
        )
    total = np.clip(hazards.sum(axis=2), 0.0, 1.0 - 1e-9)
    scale = np.where(hazards.sum(axis=2) > total, total / np.maximum(hazards.sum(axis=2), 1e-12), 1.0)
    failing = hazards[:, :, 0] * scale
    share = np.divide(failing, total, out=np.zeros_like(total), where=total > 0)
    open_before = np.concatenate([np.ones((len(total), 1)), np.cumprod(1.0 - total, axis=1)], axis=1)
    reached = np.concatenate(
        [np.zeros((len(total), 1)), np.cumsum(open_before[:, :-1] * failing, axis=1)], axis=1
    )
    result = np.empty((len(total), len(horizons)))
    for place, weeks in enumerate(horizons):
        whole, part = divmod(weeks / interval_weeks, 1.0)
        index = int(whole)
        result[:, place] = reached[:, index]
        if part > 0:
            within = 1.0 - (1.0 - total[:, index]) ** part
            result[:, place] += open_before[:, index] * within * share[:, index]
    return result
