"""Given how it goes so far, when will it end without completion? A landmark supermodel over person-periods.

`InFlightModel` works on any data frame of person-periods: one row a unit and period (a referral and a week),
with what was known at the period's beginning, and in the last row how it ended. Each row is a landmark; the
weeks after it are cut into intervals, and one scorecard for each kind of end gives its chance in an interval
for those still open at its beginning (cause-specific, discrete time). All landmarks and intervals are fitted
together, with the interval ahead as a feature; horizons are products over intervals, and so agree.

Sources: van Houwelingen and Putter (2012), Dynamic Prediction in Clinical Survival Analysis, chapters 7 to 9
(landmark supermodels); Tutz and Schmid (2016), Modeling Discrete Time-to-Event Data, chapters 3 and 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import narwhals.stable.v2 as nw
import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import BaseEstimator

from catalogue.errors import UsageError
from scoring.columns import columns_of
from scoring.heads import INTERVAL, cumulative_incidence
from scoring.scorecard import Scorecard
from scoring.scorecard.calibration import CalibrationMap
from training.config import Scorecards
from training.heads.fitting import calibrate, fit_scorecard
from training.heads.splits import hash_share

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

OPEN, FAILED, FINISHED, CENSORED = 0, 1, 2, 3
_EVENTS: Mapping[object, int] = {
    None: OPEN, "": OPEN, "OPEN": OPEN, "0": OPEN, "False": OPEN,
    "NOT_COMPLETED": FAILED, "ENGAGEMENT": FAILED, "1": FAILED, "True": FAILED,
    "COMPLETED": FINISHED, "2": FINISHED,
    "CENSORED": CENSORED,
}  # fmt: skip
_ALLOWED = (
    "OPEN, 0 or nothing while it goes on; NOT_COMPLETED, ENGAGEMENT or 1; COMPLETED or 2; "
    "CENSORED for an end that only stops the watching"
)


@dataclass(frozen=True, kw_only=True)
class LandmarkRows:
    """Landmarks ready to be stacked: features, periods from the landmark to the end, and the kind of end.

    `units` are drawn and held together. `until` is when watching ended, in periods after the landmark; an end
    of kind OPEN or CENSORED says only that nothing had ended the unit by then.
    """

    features: pl.DataFrame
    units: pl.Series
    until: FloatArray
    kind: IntArray

    def __post_init__(self) -> None:
        """Hold the parts to one length."""
        if not self.features.height == len(self.units) == len(self.until) == len(self.kind):
            raise ValueError("The parts of landmark rows differ in length.")


@dataclass(frozen=True, kw_only=True)
class Stacked:
    """One row a landmark and interval that was open at its beginning: which end it had, or none."""

    landmark: IntArray
    interval: IntArray
    kind: IntArray

    def design(self, features: pl.DataFrame) -> pl.DataFrame:
        """The features of each stacked row, with the interval ahead."""
        rows = features[self.landmark]
        return rows.with_columns(pl.Series(INTERVAL, self.interval.astype(np.float64)))


def stack(rows: LandmarkRows, *, interval: float, intervals: int) -> Stacked:
    """Which intervals was each landmark open at the beginning of, and how did each end?

    An interval in which watching stopped without an end of either kind is not used: nothing says how it ended.
    """
    landmarks, places, kinds = [], [], []
    ended = (rows.kind == FAILED) | (rows.kind == FINISHED)
    for ahead in range(1, intervals + 1):
        start, stop = (ahead - 1) * interval, ahead * interval
        inside = ended & (rows.until <= stop)
        seen = (rows.until > start) & (inside | (rows.until >= stop))
        where = np.flatnonzero(seen)
        landmarks.append(where)
        places.append(np.full(len(where), ahead))
        kinds.append(np.where(inside[where], rows.kind[where], OPEN))
    return Stacked(
        landmark=np.concatenate(landmarks), interval=np.concatenate(places), kind=np.concatenate(kinds)
    )


class InFlightModel(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Chance that a running unit ends without completion, by horizon, from how it goes so far.

    `fit(rows)` takes any data frame (pandas, polars, …) of person-periods with the columns named by `unit`,
    `period` (whole numbers, rising by one) and `event`; every other column, or those in `features`, are
    features as known at the beginning of the period (`features_`, once fitted). `event` is null, "", 0 or
    "OPEN" while it goes on; in a unit's last row "NOT_COMPLETED" (or "ENGAGEMENT", or 1), "COMPLETED" (or 2),
    or "CENSORED" for an end that says nothing about completion. A unit whose last row has no event was still
    running at the end of that period. Rows may stand in any order; anything else is a UsageError.

    Parameters follow scikit-learn's conventions: `get_params`, `set_params` and `sklearn.base.clone` work,
    and fitting changes none of them.

    `predict_survival(rows, horizons)` returns [rows, horizons]: the chance of not having ended without
    completion by each horizon, in periods; it never rises along the horizons.
    """

    def __init__(
        self,
        *,
        unit: str = "id",
        period: str = "period",
        event: str = "event",
        features: Sequence[str] | None = None,
        interval: int = 4,
        intervals: int = 3,
        settings: Scorecards | None = None,
        monotone: Mapping[str, int] | None = None,
        random_state: int = 0,
        n_jobs: int = 2,
    ) -> None:
        self.unit, self.period, self.event = unit, period, event
        self.features = features
        self.interval, self.intervals = interval, intervals
        self.settings = settings
        self.monotone = monotone
        self.random_state, self.n_jobs = random_state, n_jobs

    # What fitting sets; an attribute that ends in _ is there once the model is fitted, as scikit-learn has it.
    features_: tuple[str, ...]
    not_completed_: Scorecard
    completed_: Scorecard
    calibration_: dict[str, CalibrationMap]

    def fit(self, rows: object) -> Self:
        """Fit both scorecards on person-period rows; raises UsageError for rows that are not as declared."""
        frame = to_polars(rows)
        return self.fit_landmarks(self._landmarks(frame, self._declared(frame)))

    def calibrate(self, rows: object) -> Self:
        """Calibrate the fitted chances on other, later person-period rows."""
        return self.calibrate_landmarks(self.landmarks(rows))

    def landmarks(self, rows: object) -> LandmarkRows:
        """Person-period rows as landmarks with the way they ended; the features are those of the fit, if any."""
        frame = to_polars(rows)
        return self._landmarks(frame, self.features_ if self._fitted else self._declared(frame))

    def _landmarks(self, frame: pl.DataFrame, features: tuple[str, ...]) -> LandmarkRows:
        _has(frame, (self.unit, self.period, self.event))
        if not frame.height:
            raise UsageError("The in-flight model was given no rows.")
        work = self._periods(frame).with_columns(
            last=pl.col("period").max().over("unit"),
            kind=pl.Series(
                [_kind(value, self.event) for value in frame[self.event].to_list()], dtype=pl.Int64
            ),
        )
        if work.filter((pl.col("kind") != OPEN) & (pl.col("period") < pl.col("last"))).height:
            raise UsageError(
                f"The column {self.event} tells an end in a row that is not its unit's last; "
                "take out the rows after it, or the end."
            )
        work = work.with_columns(
            until=pl.col("last") - pl.col("period") + 1,
            end=pl.col("kind").filter(pl.col("period") == pl.col("last")).last().over("unit"),
        )
        return LandmarkRows(
            features=_has(frame, features),
            units=frame[self.unit].cast(pl.String),
            until=work["until"].cast(pl.Float64).to_numpy(),
            kind=work["end"].to_numpy().astype(np.int64),
        )

    def _periods(self, frame: pl.DataFrame) -> pl.DataFrame:
        """`unit` and `period` (whole numbers) of each row, held to rise by one within a unit."""
        if frame[self.unit].null_count():
            raise UsageError(f"The column {self.unit} has rows without a value; say whose each row is.")
        period = frame[self.period]
        numbers = period.cast(pl.Float64).fill_null(float("nan")) if period.dtype.is_numeric() else None
        if numbers is None or not (numbers.is_finite() & (numbers == numbers.floor())).all():
            raise UsageError(
                f"The column {self.period} must hold a whole number in each row; number the periods."
            )
        work = pl.DataFrame({"unit": frame[self.unit], "period": numbers.cast(pl.Int64)})
        steps = work.sort("unit", "period").select(pl.col("period").diff().over("unit")).to_series()
        if not (steps.drop_nulls() == 1).all():
            raise UsageError(
                f"The column {self.period} must rise by one from row to row of a unit; "
                "put in the rows that are missing, and keep one of those that are double."
            )
        return work

    def fit_landmarks(self, rows: LandmarkRows) -> Self:
        """Fit both scorecards on landmarks whose ends are known; an earlier fit is forgotten."""
        if self.interval < 1 or self.intervals < 1:
            raise UsageError("An in-flight model needs an interval and a number of intervals of at least 1.")
        stacked = stack(rows, interval=self.interval, intervals=self.intervals)
        if not len(stacked.kind):
            raise UsageError(
                "No interval of the in-flight rows was watched to its end; give longer histories."
            )
        stacked = self._limited(stacked, rows.units)
        design = stacked.design(rows.features)
        monotone = dict(self.monotone or {})
        not_completed, completed = (
            fit_scorecard(
                design,
                (stacked.kind == kind).astype(np.float64),
                settings=self._limits,
                monotone=monotone if kind == FAILED else {},
                groups=rows.units.gather(stacked.landmark),
                random_state=self.random_state,
                n_jobs=self.n_jobs,
            )
            for kind in (FAILED, FINISHED)
        )
        self.features_ = tuple(rows.features.columns)
        self.not_completed_, self.completed_ = not_completed, completed
        self.calibration_ = {}
        return self

    def calibrate_landmarks(self, rows: LandmarkRows) -> Self:
        """Calibrate both chances on later landmarks; the horizons still agree, for they stay products."""
        stacked = stack(rows, interval=self.interval, intervals=self.intervals)
        design = stacked.design(rows.features)
        columns = columns_of(design, design.columns)
        units = rows.units.gather(stacked.landmark).to_numpy()
        self.calibration_ = {
            name: calibrate(card.score_many(columns), (stacked.kind == kind).astype(np.float64), groups=units)
            for name, card, kind in zip(
                ("not_completed", "completed"), self._cards(), (FAILED, FINISHED), strict=True
            )
        }
        return self

    def predict_survival(self, rows: object, horizons: Sequence[float]) -> FloatArray:
        """How likely is it not to have ended without completion by each horizon? [rows, horizons]."""
        return 1.0 - self.predict_incidence(rows, horizons)

    def predict_incidence(self, rows: object, horizons: Sequence[float]) -> FloatArray:
        """How likely is it to have ended without completion by each horizon? [rows, horizons]."""
        self._cards()
        return self.incidence(_has(to_polars(rows), self.features_), horizons)

    def incidence(self, features: pl.DataFrame, horizons: Sequence[float]) -> FloatArray:
        """The same, for a frame that holds exactly the features."""
        return cumulative_incidence(self.hazards(features), self.interval, horizons)

    def hazards(self, features: pl.DataFrame) -> FloatArray:
        """The chance of each end in each interval, if open at its beginning: [rows, intervals, 2]."""
        cards = self._cards()
        columns = columns_of(features, features.columns)
        result = np.empty((features.height, self.intervals, 2))
        for ahead in range(1, self.intervals + 1):
            asked = {**columns, INTERVAL: np.full(features.height, float(ahead))}
            for place, (name, card) in enumerate(zip(("not_completed", "completed"), cards, strict=True)):
                score = card.score_many(asked)
                held = self.calibration_.get(name)
                result[:, ahead - 1, place] = held.predict(score) if held else 1 / (1 + np.exp(-score))
        return result

    def _cards(self) -> tuple[Scorecard, Scorecard]:
        if not self._fitted:
            raise UsageError("This in-flight model has not been fitted.")
        return self.not_completed_, self.completed_

    @property
    def _fitted(self) -> bool:
        return hasattr(self, "features_")

    @property
    def _limits(self) -> Scorecards:
        return self.settings or Scorecards()

    def _declared(self, frame: pl.DataFrame) -> tuple[str, ...]:
        """The features to fit on: those named, or every column but the unit and the event."""
        if self.features is not None:
            return tuple(self.features)
        others = (name for name in frame.columns if name not in {self.unit, self.period, self.event})
        # The landmark's own period is a feature: a supermodel's level moves with it.
        return (self.period, *others)

    def _limited(self, stacked: Stacked, units: pl.Series) -> Stacked:
        most = self._limits.max_rows
        if len(stacked.kind) <= most:
            return stacked
        share = hash_share(units, seed=self.random_state)[stacked.landmark]
        keep = share < np.partition(share, most)[most]
        return Stacked(
            landmark=stacked.landmark[keep], interval=stacked.interval[keep], kind=stacked.kind[keep]
        )


def to_polars(rows: object) -> pl.DataFrame:
    """Any data frame that narwhals knows, or a mapping of columns, as a polars frame."""
    if isinstance(rows, pl.DataFrame):
        return rows
    if isinstance(rows, Mapping):
        return pl.DataFrame(dict(rows))
    try:
        frame: Any = nw.from_native(rows, eager_only=True)
    except TypeError as error:
        raise UsageError(
            "The in-flight model takes a data frame (pandas, polars, Arrow) or columns."
        ) from error
    return pl.DataFrame({name: frame[name].to_polars() for name in frame.columns})


def _has(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The columns of these names; UsageError naming those that are not there."""
    absent = [name for name in names if name not in frame.columns]
    if absent:
        raise UsageError(f"The rows of the in-flight model have no column named {', '.join(absent)}.")
    return frame.select(names)


def _kind(value: object, column: str) -> int:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return OPEN
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    try:
        return _EVENTS[text]
    except KeyError:
        # What stands there is not repeated: it may be somebody's record.
        raise UsageError(f"The column {column} holds an event that is not known; use {_ALLOWED}.") from None
