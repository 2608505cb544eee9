"""The feature specification in plain pandas, feature by feature.

The reference that the batch evaluator is timed against and has to agree with. It is the same
specification, written with pandas alone: pandas reads the files, each stream is brought to what was known on
the one as-of day, and every feature is a filter, a `groupby` and an aggregate. It reads the same declarations and
knows neither derived nor referral features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import reduce
from pathlib import Path

import pandas as pd

from features.expressions import (
    Answered,
    AtLeast,
    Condition,
    Contains,
    Covers,
    DaysBetween,
    DaysFrom,
    DaysUntil,
    Every,
    Holds,
    IsTrue,
    Measure,
    Not,
    OneOf,
    Reaching,
    Recorded,
    Total,
    Trues,
    Value,
)
from features.spec import Aggregator, Feature, FeatureSpec, ValueType
from features.streams import STREAMS, Stream


def evaluate(folder: Path, as_of: date, spec: FeatureSpec) -> pd.DataFrame:
    """One row a person, sorted by CRN, one column a feature."""
    today = pd.Timestamp(as_of)
    crns = sorted(_read(folder, "people")["crn"].unique())
    events = {name: _known(folder, stream, today) for name, stream in STREAMS.items()}
    columns = {}
    for feature in spec.features:
        assert isinstance(feature, Feature)
        kept = _kept(feature, events[feature.stream], today)
        values = _TAKEN[feature.aggregator](feature, kept, today).reindex(crns)
        if feature.default is not None:
            values = values.astype(object).fillna(feature.default)
        if feature.type is ValueType.CODE:
            values = values.where(values.isin(feature.categories))
        columns[feature.name] = values
    return pd.DataFrame(columns, index=crns)


def _read(folder: Path, name: str) -> pd.DataFrame:
    frame = pd.read_parquet(folder / name)
    for column in frame.columns:
        if column.endswith("_on") or column == "date_of_birth":
            frame[column] = pd.to_datetime(frame[column])
    return frame


def _known(folder: Path, stream: Stream, today: pd.Timestamp) -> pd.DataFrame:
    """The events known before the day, of each key the version known last, in order."""
    frame = _read(folder, stream.name)
    frame = frame[frame[stream.known] < today]
    if stream.by_referral:
        referrals = _read(folder, "referrals")
        owners = referrals[referrals["known_on"] < today].sort_values("known_on")
        owners = owners.drop_duplicates("referral_id")
        frame = frame.merge(owners[["referral_id", "crn"]], on="referral_id")
    key = list(dict.fromkeys(["crn", *stream.table.key]))
    ties = [column.name for column in stream.columns if column.kind != "LIST"]
    frame = frame.sort_values([stream.known, *ties], na_position="first").drop_duplicates(key, keep="last")
    frame["day"] = reduce(lambda left, right: left.fillna(right), [frame[name] for name in stream.event])
    frame = frame[frame["day"] < today]
    return frame.sort_values(["crn", "day", stream.known, *ties], na_position="first")


def _kept(feature: Feature, events: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
    kept = events[_condition(feature.condition, events, today)]
    if feature.window is not None:
        kept = kept[kept["day"] >= today - pd.Timedelta(days=feature.window)]
    if feature.value is not None:
        kept = kept.assign(value=_measure(feature.value, kept, today))
    return kept


def _count(_feature: Feature, kept: pd.DataFrame, _today: pd.Timestamp) -> pd.Series:
    return kept.groupby("crn").size()


def _ever(_feature: Feature, kept: pd.DataFrame, _today: pd.Timestamp) -> pd.Series:
    return kept.groupby("crn").size() > 0


def _rate(feature: Feature, kept: pd.DataFrame, today: pd.Timestamp) -> pd.Series:
    assert feature.of is not None
    return _condition(feature.of, kept, today).groupby(kept["crn"]).mean()


def _days_since(_feature: Feature, kept: pd.DataFrame, today: pd.Timestamp) -> pd.Series:
    return (today - kept.groupby("crn")["day"].max()).dt.days


def _longest_gap(_feature: Feature, kept: pd.DataFrame, _today: pd.Timestamp) -> pd.Series:
    days = kept[["crn", "day"]].drop_duplicates()
    return days.assign(gap=days.groupby("crn")["day"].diff().dt.days).groupby("crn")["gap"].max()


def _sum(_feature: Feature, kept: pd.DataFrame, _today: pd.Timestamp) -> pd.Series:
    return kept.groupby("crn")["value"].sum()


def _mean(_feature: Feature, kept: pd.DataFrame, _today: pd.Timestamp) -> pd.Series:
    return kept.groupby("crn")["value"].mean()


def _max(_feature: Feature, kept: pd.DataFrame, _today: pd.Timestamp) -> pd.Series:
    return kept.groupby("crn")["value"].max()


def _distinct(_feature: Feature, kept: pd.DataFrame, _today: pd.Timestamp) -> pd.Series:
    return kept.groupby("crn")["value"].nunique()


def _first(_feature: Feature, kept: pd.DataFrame, _today: pd.Timestamp) -> pd.Series:
    return kept.groupby("crn").head(1).set_index("crn")["value"]


def _last(_feature: Feature, kept: pd.DataFrame, _today: pd.Timestamp) -> pd.Series:
    return kept.groupby("crn").tail(1).set_index("crn")["value"]


def _change_since(feature: Feature, kept: pd.DataFrame, today: pd.Timestamp) -> pd.Series:
    assert feature.since is not None
    before = kept[kept["day"] < today - pd.Timedelta(days=feature.since)]
    return _last(feature, kept, today) - _last(feature, before, today)


def _trend(_feature: Feature, kept: pd.DataFrame, today: pd.Timestamp) -> pd.Series:
    """The least-squares slope a year."""
    known = kept[kept["value"].notna()]
    points = pd.DataFrame({"crn": known["crn"], "x": (known["day"] - today).dt.days, "y": known["value"]})
    points = points.assign(n=1, xy=points["x"] * points["y"], xx=points["x"] ** 2)
    sums = points.groupby("crn").sum()
    spread = sums["n"] * sums["xx"] - sums["x"] ** 2
    return 365 * (sums["n"] * sums["xy"] - sums["x"] * sums["y"]) / spread.where(spread != 0)


_TAKEN: Mapping[Aggregator, Callable[[Feature, pd.DataFrame, pd.Timestamp], pd.Series]] = {
    Aggregator.COUNT: _count,
    Aggregator.EVER: _ever,
    Aggregator.RATE: _rate,
    Aggregator.DAYS_SINCE: _days_since,
    Aggregator.LONGEST_GAP: _longest_gap,
    Aggregator.SUM: _sum,
    Aggregator.MEAN: _mean,
    Aggregator.MAX: _max,
    Aggregator.DISTINCT: _distinct,
    Aggregator.FIRST: _first,
    Aggregator.LAST: _last,
    Aggregator.VALUE_AT: _last,
    Aggregator.CHANGE_SINCE: _change_since,
    Aggregator.TREND: _trend,
}


def _condition(of: Condition, rows: pd.DataFrame, today: pd.Timestamp) -> pd.Series:  # noqa: PLR0911  one case a kind
    match of:
        case OneOf(column, codes):
            return rows[column].isin(codes)
        case AtLeast(column, number):
            return rows[column] >= number
        case IsTrue(column):
            return rows[column].eq(other=True)
        case Recorded(column):
            return rows[column].notna()
        case Contains(column, code):
            return rows[column].map(lambda members: members is not None and code in members).astype(bool)
        case Covers(start, end):
            return (rows[start] <= today) & (rows[end].isna() | (rows[end] >= today))
        case Every(parts):
            always = pd.Series(data=True, index=rows.index)
            return reduce(
                lambda left, right: left & right, (_condition(part, rows, today) for part in parts), always
            )
        case Not(part):
            return ~_condition(part, rows, today)


def _measure(of: Measure, rows: pd.DataFrame, today: pd.Timestamp) -> pd.Series:  # noqa: PLR0911  one case a kind
    match of:
        case Value(column):
            return rows[column]
        case Total(columns, answered):
            return rows[list(columns)].sum(axis=1, min_count=answered)
        case Reaching(thresholds):
            return sum((rows[column] >= least).astype(int) for column, least in thresholds)
        case Answered(columns):
            return rows[list(columns)].notna().sum(axis=1)
        case Trues(columns):
            return rows[list(columns)].eq(other=True).sum(axis=1)
        case Holds(part):
            return _condition(part, rows, today).astype(int)
        case DaysFrom(column):
            return (today - rows[column]).dt.days
        case DaysUntil(column):
            return (rows[column] - today).dt.days
        case DaysBetween(start, end):
            return (rows[end] - rows[start]).dt.days
