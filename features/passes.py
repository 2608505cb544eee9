"""All the features of one stream, taken in one pass over its events.

The stream's events are prepared once, joined to the points, and grouped by point:
once for features that look back without limit and, in memory, once more for those
of a window, which then touch only the events that the widest window can reach.
Conditions, measures and aggregates are `narwhals.stable.v2` expressions, the same
for every engine; the values are made of the aggregates in `features.values`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from features import compile as compiled
from features import preparing
from features.engines import Engine
from features.expressions import Condition, Every, Measure
from features.spec import Aggregator, Feature, Scope
from features.streams import NAMED, Stream


class StreamPass:
    """The features of one stream, ready to be taken at many points."""

    def __init__(self, stream: Stream, features: Sequence[Feature], *, tiers: bool) -> None:
        """`tiers`: whether features of a window are grouped apart from those without limit."""
        self.stream = stream
        windowed = [feature for feature in features if feature.window is not None]
        unlimited = [feature for feature in features if feature.window is None]
        parted = [windowed, unlimited] if tiers else [list(features)]
        self._groupings = [_Grouping(part) for part in parted if part]

    def run(self, engine: Engine, source: preparing.EventSource, points: pl.DataFrame) -> list[pl.DataFrame]:
        """The parts of every feature, with the `_point` they belong to; points without any event are left out.

        `points` has `_point`, `crn`, `person`, `as_of` (a day number) and what names a record.
        """
        stream = self.stream
        asked = asked_of(points)
        events = events_of(source, stream, points, coded=engine.in_memory)
        frame = engine.prepare(events, stream, ordered=self._ordered)
        beside = engine.beside(frame, asked, f"points-{stream.name}")
        counting = beside.filter(counts(stream, named="_assessment_id" in asked.columns))
        days = engine.take(asked.select("_point", "person", "as_of"), f"days-{stream.name}")
        return [
            part.with_columns(pl.col("_point").cast(pl.Int64))
            for grouping in self._groupings
            for part in grouping.run(engine, counting, frame, days)
        ]

    @property
    def _ordered(self) -> bool:
        return any(grouping.wanted for grouping in self._groupings)


class _Grouping:
    """Features whose events are grouped together: their conditions, aggregates and look-ups."""

    def __init__(self, features: Sequence[Feature]) -> None:
        windows = [feature.window for feature in features]
        self._reach = None if None in windows else max(days for days in windows if days is not None)
        self._masks: dict[tuple[Condition, int | None, int | None, Scope], str] = {}
        self._sums: dict[str, nw.Expr] = {}
        self._positions: dict[str, nw.Expr] = {}
        self._gaps: list[tuple[str, str]] = []
        self._previous: dict[str, str] = {}
        self.wanted: dict[str, list[tuple[str, Measure]]] = {}
        for feature in features:
            self._plan(feature)

    def run(
        self, engine: Engine, counting: nw.LazyFrame[Any], frame: nw.LazyFrame[Any], days: nw.LazyFrame[Any]
    ) -> list[pl.DataFrame]:
        """The parts of every feature, from the events that count."""
        if self._reach is not None:
            counting = counting.filter(nw.col("event_day") >= nw.col("as_of") - self._reach)
        masked = counting.with_columns(**{name: _mask(*parts) for parts, name in self._masks.items()})
        if self._gaps:
            masked = engine.settle(masked)
        found = masked.group_by("_point").agg(**self._sums, **self._positions)
        if self.wanted:
            found = engine.settle(found)
        if self._previous:
            found = engine.settle(self._with_previous(engine, masked, found))
        parts = [engine.bring(found.select("_point", *self._sums))]
        parts += [
            engine.bring(_look_up(found, frame, days, position, values))
            for position, values in self.wanted.items()
        ]
        for mask, name in self._gaps:
            days = masked.filter(nw.col(mask)).select("_point", "event_day")
            widest = engine.gaps(days).group_by("_point").agg(nw.col("gap").max().alias(name))
            parts.append(engine.bring(widest))
        return parts

    def _plan(self, feature: Feature) -> None:
        """Note which aggregates the feature needs; their columns are named after it."""
        name, mask = feature.name, self._mask_of(feature, feature.condition)
        chosen = nw.col(mask)
        measure = None if feature.value is None else compiled.measure(feature.value)
        day = nw.col("event_day").cast(nw.Int64)
        match feature.aggregator:
            case Aggregator.COUNT | Aggregator.EVER:
                self._sums[f"{name}__n"] = chosen.cast(nw.Int64).sum()
            case Aggregator.RATE:
                assert feature.of is not None
                hit = self._mask_of(feature, Every((feature.condition, feature.of)))
                self._sums[f"{name}__n"] = chosen.cast(nw.Int64).sum()
                self._sums[f"{name}__hit"] = nw.col(hit).cast(nw.Int64).sum()
            case Aggregator.DAYS_SINCE:
                self._sums[f"{name}__day"] = nw.when(chosen).then(day).max()
            case Aggregator.LONGEST_GAP:
                self._gaps.append((mask, f"{name}__gap"))
            case Aggregator.SUM | Aggregator.MEAN | Aggregator.MAX | Aggregator.TREND:
                assert measure is not None
                self._plan_numbers(
                    feature, chosen, measure.cast(nw.Int64), day - nw.col("as_of").cast(nw.Int64)
                )
            case Aggregator.DISTINCT:
                assert measure is not None
                kept = nw.when(chosen).then(measure)
                self._sums[f"{name}__kinds"] = kept.n_unique()
                self._sums[f"{name}__null"] = kept.is_null().cast(nw.Int64).max()
            case Aggregator.LAST | Aggregator.VALUE_AT | Aggregator.FIRST | Aggregator.CHANGE_SINCE:
                assert feature.value is not None
                self._plan_values(feature, mask, feature.value)
            case Aggregator.PREVIOUS:
                assert feature.value is not None
                self._position_of(mask, "max")
                self._previous[mask] = f"{mask}_previous"
                self.wanted.setdefault(f"{mask}_previous", []).append((f"{name}__value", feature.value))

    def _plan_numbers(self, feature: Feature, chosen: nw.Expr, number: nw.Expr, day: nw.Expr) -> None:
        name = feature.name
        kept = nw.when(chosen & ~number.is_null())
        if feature.aggregator is Aggregator.MAX:
            self._sums[f"{name}__max"] = kept.then(number).max()
            return
        self._sums[f"{name}__sum"] = kept.then(number).sum()
        if feature.aggregator is Aggregator.SUM:
            return
        self._sums[f"{name}__n"] = (chosen & ~number.is_null()).cast(nw.Int64).sum()
        if feature.aggregator is Aggregator.TREND:
            self._sums[f"{name}__x"] = kept.then(day).sum()
            self._sums[f"{name}__xx"] = kept.then(day * day).sum()
            self._sums[f"{name}__xy"] = kept.then(day * number).sum()

    def _plan_values(self, feature: Feature, mask: str, value: Measure) -> None:
        end = "min" if feature.aggregator is Aggregator.FIRST else "max"
        self._want(mask, end, f"{feature.name}__value", value)
        if feature.aggregator is Aggregator.CHANGE_SINCE:
            before = self._mask_of(feature, feature.condition, before=feature.since)
            self._want(before, "max", f"{feature.name}__before", value)

    def _want(self, mask: str, end: str, name: str, value: Measure) -> None:
        self.wanted.setdefault(self._position_of(mask, end), []).append((name, value))

    def _position_of(self, mask: str, end: str) -> str:
        """The column of the first (`min`) or the latest (`max`) position that a mask keeps."""
        position = f"{mask}_{end}"
        kept = nw.when(nw.col(mask)).then(nw.col("position"))
        self._positions[position] = kept.max() if end == "max" else kept.min()
        return position

    def _with_previous(
        self, engine: Engine, masked: nw.LazyFrame[Any], found: nw.LazyFrame[Any]
    ) -> nw.LazyFrame[Any]:
        """The positions found, and for each mask that asks for it the position before the latest."""
        events = engine.settle(masked.select("_point", "position", *self._previous))
        for mask, name in self._previous.items():
            latest = found.select("_point", _latest=nw.col(f"{mask}_max"))
            earlier = events.filter(nw.col(mask)).join(latest, on="_point")
            earlier = earlier.filter(nw.col("position") < nw.col("_latest"))
            second = earlier.group_by("_point").agg(nw.col("position").max().alias(name))
            found = found.join(second, on="_point", how="left")
        return found

    def _mask_of(self, feature: Feature, where: Condition, *, before: int | None = None) -> str:
        parts = (where, feature.window, before, feature.scope)
        return self._masks.setdefault(parts, f"mask{len(self._masks)}")


def asked_of(points: pl.DataFrame) -> pl.DataFrame:
    """The points without their CRN, and with the columns that name a record set apart from the stream's own."""
    names = [name for name in points.columns if name in {"assessment_id", "referral_id"}]
    return points.drop_nulls("person").drop("crn").rename({name: f"_{name}" for name in names})


def events_of(
    source: preparing.EventSource, stream: Stream, points: pl.DataFrame, *, coded: bool = False
) -> pl.LazyFrame:
    """The stream's events of the people asked about that could count at any of the points."""
    people = points.drop_nulls("person").unique("person").sort("person")["crn"]
    latest = points["as_of"].max()
    named = stream.name == NAMED and "assessment_id" in points.columns
    before = latest if isinstance(latest, int) and not named else None
    return source.events(stream, people, before=before, coded=coded)


def counts(stream: Stream, *, named: bool) -> nw.Expr:
    """Whether the version counts at the point: known before the as-of day and not yet superseded."""
    as_of = nw.col("as_of")
    known = (nw.col("known_day") < as_of) & (nw.col("until_day") >= as_of).fill_null(value=True)
    happened = known & (nw.col("event_day") < as_of)
    if stream.name != NAMED or not named:
        return happened
    # The assessment that a decision point is made of counts as known: until a version is, its first.
    mine = (nw.col("assessment_id") == nw.col("_assessment_id")).fill_null(value=False)
    late = (nw.col("first_day") >= as_of) & (nw.col("known_day") == nw.col("first_day"))
    winner = (nw.col("until_day") > nw.col("known_day")).fill_null(value=True)
    return (happened | (mine & late & winner & (nw.col("event_day") <= as_of))) | (
        mine & known & (nw.col("event_day") <= as_of)
    )


def _mask(where: Condition, window: int | None, before: int | None, scope: Scope) -> nw.Expr:
    mask = compiled.condition(where)
    if window is not None:
        mask &= nw.col("event_day") >= nw.col("as_of") - window
    if before is not None:
        mask &= nw.col("event_day") < nw.col("as_of") - before
    if scope is Scope.REFERRAL:
        mask &= (nw.col("referral_id") == nw.col("_referral_id")).fill_null(value=False)
    return mask


def _look_up(
    found: nw.LazyFrame[Any],
    frame: nw.LazyFrame[Any],
    days: nw.LazyFrame[Any],
    position: str,
    values: Sequence[tuple[str, Measure]],
) -> nw.LazyFrame[Any]:
    """The measures of the event at that position, for each point that has one."""
    places = found.select("_point", position=nw.col(position)).join(days, on="_point")
    events = places.join(frame, on=["person", "position"])
    return events.select("_point", **{name: compiled.measure(value) for name, value in values})
