"""A stream's events made ready: day numbers, versions with the days they hold, and an order.

Two ways lead to the same frame. `by_sorting` is for polars: it looks for repeated keys
first, and sorts only those. `by_windows` is for engines that hold frames elsewhere:
window functions, in `narwhals.stable.v2`. Tests hold them together.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import narwhals.stable.v2 as nw
import polars as pl

from features.contract import Column, Kind
from features.histories import Histories
from features.streams import ABSENT, FLOAT_STEPS, LIST_MARK, PRESENT, SEPARATOR, Stream

CONTENT: Final = "content"
"""The row written out as one text: settles which of two versions known on one day counts."""


class EventSource:
    """The streams of histories as event frames; whose each referral is, is found once."""

    def __init__(self, histories: Histories) -> None:
        """Over these histories; nothing is read yet."""
        self._histories = histories

    @cached_property
    def _owners(self) -> pl.DataFrame:
        """Whose each referral is, by the version known first, and the day it became known."""
        table = self._histories.table("referrals")
        known = table.select(
            "referral_id", "crn", referral_day=pl.col("known_on").cast(pl.Int32)
        ).drop_nulls()
        first = known.group_by("referral_id").agg(pl.col("referral_day").min())
        return (
            known.join(first, on=["referral_id", "referral_day"])
            .group_by("referral_id")
            .agg(pl.col("crn").min(), pl.col("referral_day").first())
            .collect(engine="streaming")
        )

    def events(self, stream: Stream, *, span: tuple[str, str] | None = None) -> pl.LazyFrame:
        """A stream's events as numbers: `crn`, `event_day`, `own_day`, `known_day`, and the usable columns.

        `own_day` is when the row itself became known; `known_day` is never before the
        referral it belongs to. Rows without a person, an event day or a known day are
        no events. `span` limits them to people from one CRN to another, both included;
        files that are sorted by person are then read in part only.
        """
        frame = self._histories.table(stream.name)
        if stream.by_referral:
            owners = self._owners
            if span is not None:
                owners = owners.filter(_within("crn", *span))
                ids = owners["referral_id"]
                frame = frame.filter(_within("referral_id", ids.min(), ids.max()))
            frame = frame.join(owners.lazy(), on="referral_id")
        elif span is not None:
            frame = frame.filter(_within("crn", *span))
        owned = frame.with_columns(
            event_day=pl.coalesce(*stream.event).cast(pl.Int32), own_day=pl.col(stream.known).cast(pl.Int32)
        )
        known = pl.max_horizontal("own_day", "referral_day") if stream.by_referral else pl.col("own_day")
        columns = [_plain(column) for column in stream.columns]
        return owned.drop_nulls(["crn", "event_day", "own_day"]).select(
            "crn", "event_day", "own_day", known.alias("known_day"), *columns
        )


def _within(name: str, first: object, last: object) -> pl.Expr:
    return pl.col(name).is_between(pl.lit(first, pl.String), pl.lit(last, pl.String))


def _plain(column: Column) -> pl.Expr:
    value = pl.col(column.name)
    if column.kind is Kind.DATE:
        return value.cast(pl.Int32)
    if column.kind is Kind.LIST:
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
        if column.kind is Kind.BOOL:
            text = value.cast(pl.Int8).cast(pl.String)
        elif column.kind is Kind.FLOAT:
            text = (value * FLOAT_STEPS + 0.5).floor().cast(pl.Int64).cast(pl.String)
        else:
            text = value.cast(pl.String)
        parts.append(pl.when(value.is_null()).then(pl.lit(ABSENT)).otherwise(pl.lit(PRESENT) + text))
    return pl.concat_str(parts, separator=SEPARATOR).alias(CONTENT)


def key_of(stream: Stream) -> list[str]:
    """The columns that make rows versions of one event; a record never changes its person."""
    return ["crn", *(name for name in stream.table.key if name != "crn")]


def by_sorting(frame: pl.DataFrame, stream: Stream, *, ordered: bool) -> pl.DataFrame:
    """The events with `until_day`, `first_day` and, if `ordered`, `position`.

    A version counts at an as-of day after its `known_day` and up to and including its
    `until_day`, the day the next version became known; of versions known on one day
    the greatest by content counts. `first_day` is when the first became known.
    `position` is the order of a person's events: by day, day known, content.
    """
    key = key_of(stream)
    rows = _maybe_repeated(frame, key).arg_true()
    versions = (
        frame[rows]
        .with_columns(_row=rows)
        .sort(*key, "own_day", content(stream))
        .select(
            "_row",
            until_day=pl.col("known_day").shift(-1).over(key),
            first_day=pl.col("known_day").min().over(key),
        )
    )
    until = pl.repeat(None, frame.height, dtype=pl.Int32, eager=True)
    first = frame["known_day"].clone()
    whole = frame.with_columns(
        until_day=until.scatter(versions["_row"], versions["until_day"]),
        first_day=first.scatter(versions["_row"], versions["first_day"]),
    )
    if not ordered:
        return whole
    tied = _maybe_repeated(whole, ["crn", "event_day", "own_day"])
    parts = [
        whole.filter(~tied).with_columns(pl.lit("").alias(CONTENT)),
        whole.filter(tied).with_columns(content(stream)),
    ]
    in_order = pl.concat(parts).sort("event_day", "own_day", CONTENT).drop(CONTENT)
    return in_order.with_columns(position=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))


def _maybe_repeated(frame: pl.DataFrame, key: list[str]) -> pl.Series:
    """Which rows share their key with another, and perhaps a few more.

    By hash, because sorting numbers is several times faster than comparing keys; two
    keys with one hash cost a needless look, never a wrong answer.
    """
    hashes = frame.select(pl.struct(key).hash(seed=0)).to_series()
    ordered = hashes.sort()
    twice = ordered.filter(ordered == ordered.shift(1)).unique()
    return hashes.is_in(twice.implode()) if twice.len() else pl.repeat(False, frame.height, eager=True)


def by_windows(frame: nw.LazyFrame[Any], stream: Stream, *, ordered: bool) -> nw.LazyFrame[Any]:
    """As `by_sorting`, for a frame that holds its `content` and may live in any engine."""
    key = key_of(stream)
    until = nw.col("known_day").shift(-1).over(*key, order_by=["own_day", CONTENT])
    whole = frame.with_columns(until_day=until, first_day=nw.col("known_day").min().over(*key))
    if ordered:
        order = ["event_day", "own_day", CONTENT]
        whole = whole.with_columns(
            position=nw.col("event_day").cum_count().over("crn", order_by=order).cast(nw.Int64)
        )
    return whole.drop(CONTENT)
