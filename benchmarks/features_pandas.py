"""The feature specification in plain pandas, feature by feature.

The reference that the batch evaluator is timed against and has to agree with. It reads the same declarations,
knows one as-of day, and tries nothing clever.
"""

from __future__ import annotations

from datetime import date
from functools import reduce

import numpy as np
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
from features.histories import Histories
from features.spec import Aggregator, Feature, FeatureSpec
from features.streams import STREAMS, Stream


def evaluate(histories: Histories, crns: list[str], as_of: date, spec: FeatureSpec) -> pd.DataFrame:
    """One row a person, one column a feature; the specification may hold no derived and no referral features."""
    today = pd.Timestamp(as_of)
    events = {name: _events(histories, stream, today) for name, stream in STREAMS.items()}
    columns = {}
    for feature in spec.features:
        assert isinstance(feature, Feature)
        columns[feature.name] = _feature(feature, events[feature.stream], today).reindex(crns)
        if feature.default is not None:
            columns[feature.name] = columns[feature.name].astype(object).fillna(feature.default)
    return pd.DataFrame(columns, index=crns)


def _events(histories: Histories, stream: Stream, today: pd.Timestamp) -> pd.DataFrame:
    frame = histories.collect(stream.name).to_pandas()
    for column in stream.table.columns:
        if column.kind == "DATE":
            frame[column.name] = pd.to_datetime(frame[column.name])
    frame = frame[frame[stream.known] < today]
    if stream.by_referral:
        referrals = histories.collect("referrals").to_pandas()
        referrals["known_on"] = pd.to_datetime(referrals["known_on"])
        owners = (
            referrals[referrals["known_on"] < today].sort_values("known_on").drop_duplicates("referral_id")
        )
        frame = frame.merge(owners[["referral_id", "crn"]], on="referral_id")
    key = list(dict.fromkeys(["crn", *stream.table.key]))
    ties = [column.name for column in stream.columns if column.kind != "LIST"]
    frame = frame.sort_values([stream.known, *ties], na_position="first").drop_duplicates(key, keep="last")
    frame["_day"] = reduce(lambda left, right: left.fillna(right), [frame[name] for name in stream.event])
    frame = frame[frame["_day"] < today]
    return frame.sort_values(["crn", "_day", stream.known, *ties], na_position="first")


def _feature(  # noqa: C901, PLR0911, PLR0912  one case an aggregator
    feature: Feature, events: pd.DataFrame, today: pd.Timestamp
) -> pd.Series:
    kept = events[_condition(feature.condition, events, today)]
    if feature.window is not None:
        kept = kept[kept["_day"] >= today - pd.Timedelta(days=feature.window)]
    by = kept["crn"]
    match feature.aggregator:
        case Aggregator.COUNT:
            return kept.groupby(by).size()
        case Aggregator.EVER:
            return kept.groupby(by).size() > 0
        case Aggregator.RATE:
            assert feature.of is not None
            return _condition(feature.of, kept, today).groupby(by).mean()
        case Aggregator.DAYS_SINCE:
            return (today - kept.groupby(by)["_day"].max()).dt.days
        case Aggregator.LONGEST_GAP:
            days = kept[["crn", "_day"]].drop_duplicates()
            return days.groupby("crn")["_day"].diff().dt.days.groupby(days["crn"]).max()
        case _:
            assert feature.value is not None
    value = _measure(feature.value, kept, today)
    match feature.aggregator:
        case Aggregator.SUM:
            return value.groupby(by).sum()
        case Aggregator.MEAN:
            return value.groupby(by).mean()
        case Aggregator.MAX:
            return value.groupby(by).max()
        case Aggregator.DISTINCT:
            return value.groupby(by).nunique()
        case Aggregator.FIRST:
            return value.groupby(by).nth(0).set_axis(by[~by.duplicated()])
        case Aggregator.LAST | Aggregator.VALUE_AT:
            return value[~by.duplicated(keep="last")].set_axis(by[~by.duplicated(keep="last")])
        case Aggregator.CHANGE_SINCE:
            assert feature.since is not None
            before = kept["_day"] < today - pd.Timedelta(days=feature.since)
            last, earlier = ~by.duplicated(keep="last"), ~by[before].duplicated(keep="last")
            return value[last].set_axis(by[last]) - value[before][earlier].set_axis(by[before][earlier])
        case _:
            return _slope((kept["_day"] - today).dt.days, value, by)


def _slope(x: pd.Series, y: pd.Series, by: pd.Series) -> pd.Series:
    known = y.notna()
    parts = pd.DataFrame({"n": 1, "x": x, "y": y, "xy": x * y, "xx": x * x})[known]
    sums = parts.groupby(by[known]).sum()
    spread = sums["n"] * sums["xx"] - sums["x"] ** 2
    return 365 * (sums["n"] * sums["xy"] - sums["x"] * sums["y"]) / spread.where(spread != 0)


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
            return pd.Series(np.sum([rows[c] >= least for c, least in thresholds], axis=0), index=rows.index)
        case Answered(columns):
            return rows[list(columns)].notna().sum(axis=1)
        case Trues(columns):
            return pd.Series(np.sum([rows[c].eq(other=True) for c in columns], axis=0), index=rows.index)
        case Holds(part):
            return _condition(part, rows, today).astype(int)
        case DaysFrom(column):
            return (today - rows[column]).dt.days
        case DaysUntil(column):
            return (rows[column] - today).dt.days
        case DaysBetween(start, end):
            return (rows[end] - rows[start]).dt.days
