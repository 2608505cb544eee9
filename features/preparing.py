"""A stream's events made ready: day numbers, versions with the days they hold, and an order.

Two ways lead to the same frame. `by_sorting` is for polars: it looks for repeated keys
first, and sorts only those. `by_windows` is for engines that hold frames elsewhere:
window functions, in `narwhals.stable.v2`. Tests hold them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, reduce
from typing import Any, Final

import narwhals.stable.v2 as nw
import polars as pl

from features.contract import Column, ColumnKind
from features.histories import Histories
from features.streams import ABSENT, FLOAT_STEPS, LIST_MARK, NAMED, PRESENT, SEPARATOR, Stream

CONTENT: Final = "content"
"""The row written out as one text: settles which of two versions known on one day counts."""
_FEW_PEOPLE = 1_000


class EventSource:
    """The streams of histories as event frames; whose each referral is, is found once."""

    def __init__(self, histories: Histories) -> None:
        """Over these histories; nothing is read yet."""
        self._histories = histories

    @cached_property
    def _owners(self) -> pl.DataFrame:
        """Whose each referral is, by the version known first, and the day it became known; sorted by person."""
        table = self._histories.table("referrals")
        known = table.select(
            "referral_id", "crn", referral_day=pl.col("known_on").cast(pl.Int32)
        ).drop_nulls()
        first = known.group_by("referral_id").agg(pl.col("referral_day").min())
        return (
            known.join(first, on=["referral_id", "referral_day"])
            .group_by("referral_id")
            .agg(pl.col("crn").min(), pl.col("referral_day").first())
            .sort("crn")
            .collect(engine="streaming")
        )

    def events(
        self, stream: Stream, people: pl.Series, *, before: int | None = None, coded: bool = False
    ) -> pl.LazyFrame:
        """The events of these people as numbers: `person`, `event_day`, `own_day`, `known_day`, usable columns.

        `people` are CRNs, once each; a person's number is its place among them. `own_day`
        is when the row itself became known; `known_day` is never before the referral it
        belongs to. Rows without a person, an event day or a known day are no events; nor
        are, with `before`, those that became known on that day or later. With `coded`,
        codes are categories: asking for one is then a look at a small number, not at a
        text. Files that are sorted by person are read in part only, where the people are
        one span.
        """
        frame = self._histories.table(stream.name)
        if coded:
            codes = [column.name for column in stream.columns if column.kind is ColumnKind.CODE]
            frame = frame.with_columns(pl.col(codes).cast(pl.Categorical))
        # A closed list of texts holds each as its place: several times faster than a join.
        person = pl.col("crn").cast(pl.Enum(people), strict=False).to_physical().cast(pl.Int32)
        if people.is_empty():
            none = frame.head(0).with_columns(person=pl.lit(0, pl.Int32), referral_day=pl.lit(0, pl.Int32))
            return self._numbered(none, stream, before)
        first, last = str(people.min()), str(people.max())
        if stream.by_referral:
            crns = self._owners["crn"]
            start, end = crns.search_sorted(first, "left"), crns.search_sorted(last, "right")
            mine = self._owners[start:end].select("referral_id", "referral_day", person=person)
            ids = mine["referral_id"]
            owned = frame.filter(_within("referral_id", ids.min(), ids.max())).join(
                mine.drop_nulls("person").lazy(), on="referral_id", maintain_order="left"
            )
            return self._numbered(owned, stream, before)
        frame = frame.filter(_within("crn", first, last))
        if people.len() <= _FEW_PEOPLE:
            frame = frame.filter(pl.col("crn").is_in(people.implode()))
        return self._numbered(frame.with_columns(person=person).drop_nulls("person"), stream, before)

    @staticmethod
    def _numbered(frame: pl.LazyFrame, stream: Stream, before: int | None) -> pl.LazyFrame:
        owned = frame.with_columns(
            event_day=pl.coalesce(*stream.event).cast(pl.Int32), own_day=pl.col(stream.known).cast(pl.Int32)
        ).drop_nulls(["event_day", "own_day"])
        if before is not None:
            owned = owned.filter(pl.col("own_day") < before)
        known = pl.max_horizontal("own_day", "referral_day") if stream.by_referral else pl.col("own_day")
        columns = [_plain(column) for column in stream.columns]
        return owned.select("person", "event_day", "own_day", known.alias("known_day"), *columns)


def _within(name: str, first: object, last: object) -> pl.Expr:
    return pl.col(name).is_between(pl.lit(first, pl.String), pl.lit(last, pl.String))


def _plain(column: Column) -> pl.Expr:
    value = pl.col(column.name)
    if column.kind is ColumnKind.DATE:
        return value.cast(pl.Int32)
    if column.kind is ColumnKind.LIST:
        members = (
            pl.when(value.list.len() > 0).then(value.list.join(LIST_MARK) + LIST_MARK).otherwise(pl.lit(""))
        )
        return pl.when(value.is_not_null()).then(pl.lit(LIST_MARK) + members).alias(column.name)
    return value


def content(stream: Stream) -> pl.Expr:
    """The row as one text, the same that `features.live` writes: see `features.streams.content_text`."""
    parts = []
    for column in stream.columns:
        value = pl.col(column.name)
        if column.kind is ColumnKind.BOOL:
            text = value.cast(pl.Int8).cast(pl.String)
        elif column.kind is ColumnKind.FLOAT:
            text = (value * FLOAT_STEPS + 0.5).floor().cast(pl.Int64).cast(pl.String)
        else:
            text = value.cast(pl.String)
        parts.append(pl.when(value.is_null()).then(pl.lit(ABSENT)).otherwise(pl.lit(PRESENT) + text))
    return pl.concat_str(parts, separator=SEPARATOR).alias(CONTENT)


def key_of(stream: Stream) -> list[str]:
    """The columns that make rows versions of one event; a record never changes its person."""
    return ["person", *(name for name in stream.table.key if name != "crn")]


def by_sorting(frame: pl.DataFrame, stream: Stream, *, ordered: bool) -> pl.DataFrame:
    """The events with `until_day`, for nameable records `first_day`, and, if `ordered`, `position`.

    A version counts at an as-of day after its `known_day` and up to and including its
    `until_day`, the day the next version became known; of versions known on one day
    the greatest by content counts. `first_day` is when the first became known.
    `position` is the order of a person's events: by day, day known, content.
    """
    key = key_of(stream)
    days = [name for name in key if name != "person" and stream.column(name).kind is ColumnKind.DATE]
    rows = _maybe_repeated(frame, days, [name for name in key if name not in {"person", *days}])
    versions = (
        frame[rows]
        .with_columns(_row=rows)
        .sort(*key, "own_day", content(stream))
        .with_columns(
            _more=pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(-1)) for name in key)
        )
        .with_columns(until_day=pl.when("_more").then(pl.col("known_day").shift(-1)))
    )
    until = pl.repeat(None, frame.height, dtype=pl.Int32, eager=True)
    made = [until.scatter(versions["_row"], versions["until_day"]).alias("until_day")]
    if stream.name == NAMED:
        first = versions.select("_row", pl.col("known_day").min().over(key))
        made.append(frame["known_day"].clone().scatter(first["_row"], first["known_day"]).alias("first_day"))
    if ordered:
        made.append(_position(frame, stream))
    return frame.with_columns(made)


def _position(frame: pl.DataFrame, stream: Stream) -> pl.Series:
    """Where each event stands; texts are written out only for events that nothing else tells apart."""
    tied = _maybe_repeated(frame, ["event_day", "own_day"], [])
    texts = pl.repeat("", frame.height, dtype=pl.String, eager=True)
    if tied.len():
        texts = texts.scatter(tied, frame[tied].select(content(stream)).to_series())
    order = frame.select(pl.arg_sort_by("event_day", "own_day", texts)).to_series()
    places = pl.int_range(1, frame.height + 1, dtype=pl.Int64, eager=True)
    return pl.repeat(0, frame.height, dtype=pl.Int64, eager=True).scatter(order, places).alias("position")


_HALF, _QUARTER = 2**32, 2**16


def _maybe_repeated(frame: pl.DataFrame, days: Sequence[str], others: Sequence[str]) -> pl.Series:
    """Which rows share person, days and other columns with another row, and perhaps a few more.

    One number stands for each key, because sorting numbers is several times faster than
    comparing keys, most of all where files are already in the order of person and day.
    Two keys with one number cost a needless look, never a wrong answer.
    """
    low = pl.lit(0, pl.UInt64)
    for day in days:
        low = low * _QUARTER + (pl.col(day).fill_null(0) % _QUARTER).cast(pl.UInt64)
    if others:
        size = _QUARTER if days else _HALF
        mixed = reduce(
            lambda left, right: left ^ right,
            (_hash(frame.schema[name], name, seed) for seed, name in enumerate(others)),
        )
        low = low * size + mixed % size
    numbers = frame.select(pl.col("person").cast(pl.UInt64) * _HALF + low % _HALF).to_series()
    in_order = numbers.sort()
    twice = in_order.filter(in_order == in_order.shift(1)).unique()
    return numbers.is_in(twice.implode()).arg_true() if twice.len() else pl.Series([], dtype=pl.UInt32)


def _hash(dtype: pl.DataType, name: str, seed: int) -> pl.Expr:
    column = pl.col(name)
    return (column.to_physical() if isinstance(dtype, pl.Categorical) else column).hash(seed=seed)


def by_windows(frame: nw.LazyFrame[Any], stream: Stream, *, ordered: bool) -> nw.LazyFrame[Any]:
    """As `by_sorting`, for a frame that holds its `content` and may live in any engine."""
    key = key_of(stream)
    until = nw.col("known_day").shift(-1).over(*key, order_by=["own_day", CONTENT])
    whole = frame.with_columns(until_day=until)
    if stream.name == NAMED:
        whole = whole.with_columns(first_day=nw.col("known_day").min().over(*key))
    if ordered:
        order = ["event_day", "own_day", CONTENT]
        whole = whole.with_columns(
            position=nw.col("event_day").cum_count().over("person", order_by=order).cast(nw.Int64)
        )
    return whole.drop(CONTENT)
