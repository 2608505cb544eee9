"""Feature rows for many people at once, from the specification that the live case uses too.

One pass a stream: the stream's events are joined to the points, the events that were
known then are kept, and every feature of the stream is taken in one grouping. The
engine does joins, filters and whole-number aggregates; the last step (defaults,
divisions, types) is done here, so that no engine's arithmetic can differ.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from math import ceil
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from catalogue.errors import UsageError
from features import compile as compiled
from features import preparing
from features.definitions import SPEC
from features.engines import Engine, PolarsEngine, engine_of
from features.expressions import Condition, Every, Measure
from features.histories import Histories
from features.spec import (
    Aggregator,
    AnyFeature,
    Derived,
    Feature,
    FeatureSpec,
    Operation,
    Scope,
    Use,
    ValueType,
)
from features.streams import STREAMS, Stream

POINT_COLUMNS = ("crn", "as_of", "assessment_id", "referral_id")
_TYPES: dict[ValueType, type[pl.DataType]] = {
    ValueType.INT: pl.Int64,
    ValueType.FLOAT: pl.Float64,
    ValueType.BOOL: pl.Boolean,
    ValueType.TEXT: pl.String,
}
_DAYS_A_YEAR = 365


def evaluate(
    histories: Histories,
    points: pl.DataFrame,
    *,
    spec: FeatureSpec = SPEC,
    uses: Collection[Use] | None = None,
    engine: str = "polars",
    progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """What was known of each person at each point, as one row of features.

    `points` has `crn` and `as_of` (dates); `assessment_id`, where given, names an
    assessment that counts as known at its point; `referral_id` names the referral of
    features that are about one. Returns the points' `crn` and `as_of` (and
    `referral_id`, if the points have it) and one column a feature, same rows, same
    order. `progress` is told how many steps are done, of how many.

    Raises UsageError for an unknown engine, for points without those columns, and for
    files that turn out to be broken.
    """
    chosen = spec.select(uses)
    _check_points(points, chosen)
    try:
        return _evaluated(histories, points, chosen, engine, progress)
    except (pl.exceptions.ComputeError, OSError) as error:
        raise UsageError(
            f"The files in {histories.folder} cannot be read to their end; run signpost check to see which."
        ) from error


def _evaluated(
    histories: Histories,
    points: pl.DataFrame,
    chosen: FeatureSpec,
    engine: str,
    progress: Callable[[int, int], None] | None,
) -> pl.DataFrame:
    numbered = _numbered(points)
    passes = [
        _StreamPass(stream, features)
        for stream in STREAMS.values()
        if (features := [feature for feature in chosen.parts if feature.stream == stream.name])
    ]
    source = preparing.EventSource(histories)
    with engine_of(engine) as runner:
        blocks = _blocks(histories, numbered, passes) if runner.in_memory else [numbered]
        steps = len(blocks) * len(passes)
        made = []
        for number, block in enumerate(blocks):
            rows = block.select("_point", "as_of")
            for place, one in enumerate(passes, start=1):
                found = one.run(runner, source, block)
                rows = rows.join(found, on="_point", how="left", maintain_order="left")
                if progress is not None:
                    progress(number * len(passes) + place, steps)
            made.append(_finished(rows, chosen))
    whole = pl.concat(made).sort("_point").drop("_point")
    names = [name for name in ("crn", "as_of", "referral_id") if name in points.columns]
    return points.select(names).hstack(whole)


def _finished(rows: pl.DataFrame, spec: FeatureSpec) -> pl.DataFrame:
    """The features out of their parts, with `_point`."""
    plain = {feature: _column(feature) for feature in spec.parts}
    return rows.select("_point", *(_final(feature, plain).alias(feature.name) for feature in spec.features))


# Events joined to points that are held in memory at once: about a gigabyte with everything made of them.
_BLOCK_ROWS = 4_000_000


def _blocks(histories: Histories, points: pl.DataFrame, passes: Sequence[_StreamPass]) -> list[pl.DataFrame]:
    """The points cut by person into blocks whose events fit in memory, each with its people in one span."""
    people = points["crn"].n_unique()
    if points.is_empty() or people == 1:
        return [points]
    largest = max(histories.height(one.stream.name) for one in passes)
    everybody = max(len(histories.crns()), people)
    rows = largest * people / everybody * max(1.0, points.height / people)
    count = min(people, ceil(rows / _BLOCK_ROWS))
    if count == 1:
        return [points]
    number = (pl.col("crn").rank("dense") - 1) * count // people
    return points.with_columns(_block=number).partition_by("_block", include_key=False)


def _check_points(points: pl.DataFrame, spec: FeatureSpec) -> None:
    for name in ("crn", "as_of", *(("referral_id",) if spec.needs_referral else ())):
        if name not in points.columns:
            raise UsageError(f"The points of the feature rows have no column {name}; add it.")
    if points.schema["as_of"] != pl.Date:
        raise UsageError("The column as_of of the points holds no dates; make it dates.")
    if points["as_of"].null_count():
        raise UsageError("The column as_of of the points is empty in places; fill it.")


def _numbered(points: pl.DataFrame) -> pl.DataFrame:
    """The points with a number each and the as-of day as a day number."""
    names = [name for name in POINT_COLUMNS if name in points.columns]
    numbers = pl.int_range(pl.len(), dtype=pl.Int64).alias("_point")
    return points.select(numbers, *names).with_columns(pl.col("as_of").cast(pl.Int32))


class _StreamPass:
    """All the features of one stream, gathered into one grouping and a few look-ups."""

    def __init__(self, stream: Stream, features: Iterable[Feature]) -> None:
        self.stream = stream
        self._features = tuple(features)
        self._masks: dict[tuple[Condition, int | None, int | None, Scope], str] = {}
        self._sums: dict[str, nw.Expr] = {}
        self._wanted: dict[str, list[tuple[str, Measure]]] = {}
        self._gaps: list[tuple[str, str]] = []
        for feature in self._features:
            self._plan(feature)

    def run(self, engine: Engine, source: preparing.EventSource, points: pl.DataFrame) -> pl.DataFrame:
        """One row a point that has any event: `_point` and the parts of every feature."""
        stream = self.stream
        raw = _events_of(source, stream, points)
        frame = engine.prepare(raw, stream, ordered=bool(self._wanted))
        mine = _asked(points)
        asked = engine.take(mine.lazy(), f"points-{stream.name}")
        joined = frame.join(asked, on="crn").filter(_visible(stream, named="_assessment_id" in mine.columns))
        masked = joined.with_columns(**{name: self._mask(*parts) for parts, name in self._masks.items()})
        if self._gaps:
            masked = engine.settle(masked)
        found = engine.settle(masked.group_by("_point").agg(**self._sums))
        rows = engine.bring(found.select("_point", *self._plain_names()))
        for position, values in self._wanted.items():
            rows = _joined(rows, engine.bring(self._look_up(found, frame, asked, position, values)))
        for mask, name in self._gaps:
            rows = _joined(rows, engine.bring(_longest_gap(masked, mask, name)))
        return rows.with_columns(pl.col("_point").cast(pl.Int64))

    def _plain_names(self) -> list[str]:
        return [name for name in self._sums if name not in self._wanted]

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
        position = f"{mask}_{end}"
        kept = nw.when(nw.col(mask)).then(nw.col("position"))
        self._sums[position] = kept.max() if end == "max" else kept.min()
        self._wanted.setdefault(position, []).append((name, value))

    def _mask_of(self, feature: Feature, where: Condition, *, before: int | None = None) -> str:
        parts = (where, feature.window, before, feature.scope)
        return self._masks.setdefault(parts, f"mask{len(self._masks)}")

    def _mask(self, where: Condition, window: int | None, before: int | None, scope: Scope) -> nw.Expr:
        mask = compiled.condition(where)
        if window is not None:
            mask &= nw.col("event_day") >= nw.col("as_of") - window
        if before is not None:
            mask &= nw.col("event_day") < nw.col("as_of") - before
        if scope is Scope.REFERRAL:
            mask &= (nw.col("referral_id") == nw.col("_referral_id")).fill_null(value=False)
        return mask

    def _look_up(
        self,
        found: nw.LazyFrame[Any],
        frame: nw.LazyFrame[Any],
        asked: nw.LazyFrame[Any],
        position: str,
        values: list[tuple[str, Measure]],
    ) -> nw.LazyFrame[Any]:
        """The measures of the event at that position, for each point that has one."""
        places = found.select("_point", position=nw.col(position)).join(
            asked.select("_point", "crn", "as_of"), on="_point"
        )
        events = places.join(frame, on=["crn", "position"])
        return events.select("_point", **{name: compiled.measure(value) for name, value in values})


def _joined(rows: pl.DataFrame, more: pl.DataFrame) -> pl.DataFrame:
    return rows.join(more, on="_point", how="left")


_FEW_PEOPLE = 1_000


def _events_of(source: preparing.EventSource, stream: Stream, points: pl.DataFrame) -> pl.LazyFrame:
    """The stream's events of the people asked about, or of more where naming everybody would cost more."""
    crns = points["crn"].unique().drop_nulls()
    if crns.is_empty():
        return source.events(stream).head(0)
    first, last = crns.min(), crns.max()
    assert isinstance(first, str)
    assert isinstance(last, str)
    events = source.events(stream, span=(first, last))
    return events.filter(pl.col("crn").is_in(crns.implode())) if crns.len() <= _FEW_PEOPLE else events


def visible_events(histories: Histories, name: str, points: pl.DataFrame) -> pl.LazyFrame:
    """The events of a stream that count at each point, with polars: `_point`, `as_of` (a day number), columns.

    `points` as for `evaluate`, with `_point` its row number.
    """
    stream = STREAMS[name]
    numbered = _numbered(points)
    events = _events_of(preparing.EventSource(histories), stream, numbered)
    frame = PolarsEngine().prepare(events, stream, ordered=False)
    joined = frame.join(nw.from_native(_asked(numbered).lazy()), on="crn")
    found: pl.LazyFrame = joined.filter(_visible(stream, named="assessment_id" in points.columns)).to_native()
    return found


def _asked(numbered: pl.DataFrame) -> pl.DataFrame:
    """The points with the columns that name a record set apart from the stream's own."""
    return numbered.rename(
        {name: f"_{name}" for name in ("assessment_id", "referral_id") if name in numbered.columns}
    )


def _visible(stream: Stream, *, named: bool) -> nw.Expr:
    """Whether the version counts at the point: known before the as-of day and not yet superseded."""
    as_of = nw.col("as_of")
    known = (nw.col("known_day") < as_of) & (nw.col("until_day") >= as_of).fill_null(value=True)
    visible = known & (nw.col("event_day") < as_of)
    if stream.name != "assessments" or not named:
        return visible
    # The assessment that a decision point is made of counts as known: until a version is, its first.
    mine = (nw.col("assessment_id") == nw.col("_assessment_id")).fill_null(value=False)
    late = (nw.col("first_day") >= as_of) & (nw.col("known_day") == nw.col("first_day"))
    winner = (nw.col("until_day") > nw.col("known_day")).fill_null(value=True)
    return (visible | (mine & late & winner & (nw.col("event_day") <= as_of))) | (
        mine & known & (nw.col("event_day") <= as_of)
    )


def _longest_gap(masked: nw.LazyFrame[Any], mask: str, name: str) -> nw.LazyFrame[Any]:
    """The most days between two neighbouring days with an event."""
    days = masked.filter(nw.col(mask)).select("_point", "event_day").unique(["_point", "event_day"])
    gap = nw.col("event_day") - nw.col("event_day").shift(1).over("_point", order_by="event_day")
    return days.with_columns(gap=gap).group_by("_point").agg(nw.col("gap").max().alias(name))


def _column(feature: Feature) -> pl.Expr:  # noqa: C901, PLR0912  one case an aggregator
    """The feature's value out of its parts, with its default and its type."""
    name = feature.name

    def whole(part: str) -> pl.Expr:
        return pl.col(f"{name}__{part}").cast(pl.Int64)

    match feature.aggregator:
        case Aggregator.COUNT:
            value = whole("n")
        case Aggregator.SUM:
            value = whole("sum")
        case Aggregator.EVER:
            value = whole("n") > 0
        case Aggregator.DISTINCT:
            value = whole("kinds") - whole("null")
        case Aggregator.MAX:
            value = whole("max")
        case Aggregator.DAYS_SINCE:
            value = pl.col("as_of").cast(pl.Int64) - whole("day")
        case Aggregator.LONGEST_GAP:
            value = whole("gap")
        case Aggregator.RATE:
            value = _ratio(whole("hit"), whole("n"))
        case Aggregator.MEAN:
            value = _ratio(whole("sum"), whole("n"))
        case Aggregator.TREND:
            value = _slope(whole("n"), whole("x"), whole("sum"), whole("xy"), whole("xx"))
        case Aggregator.CHANGE_SINCE:
            value = pl.col(f"{name}__value") - pl.col(f"{name}__before")
        case Aggregator.LAST | Aggregator.FIRST | Aggregator.VALUE_AT:
            value = pl.col(f"{name}__value")
    if feature.type is ValueType.CODE:
        return value.cast(pl.String).cast(pl.Enum(feature.categories), strict=False)
    value = value.cast(_TYPES[feature.type])
    return value if feature.default is None else value.fill_null(pl.lit(feature.default))


def _ratio(top: pl.Expr, bottom: pl.Expr) -> pl.Expr:
    return pl.when(bottom != 0).then(top.cast(pl.Float64) / bottom.cast(pl.Float64))


def _slope(n: pl.Expr, x: pl.Expr, y: pl.Expr, xy: pl.Expr, xx: pl.Expr) -> pl.Expr:
    """Least-squares change a year; null with fewer than two days."""
    return _ratio((n * xy - x * y) * _DAYS_A_YEAR, n * xx - x * x)


def _final(feature: AnyFeature, plain: dict[Feature, pl.Expr]) -> pl.Expr:
    if isinstance(feature, Feature):
        return plain[feature]
    assert isinstance(feature, Derived)
    left, right = plain[feature.left], plain[feature.right]
    if feature.operation is Operation.DIFFERENCE:
        return left - right
    return _ratio(left, right)


def at(histories: Histories, as_of: Any) -> pl.DataFrame:
    """Points for everybody at one as-of day: `crn`, `as_of`."""
    return pl.DataFrame({"crn": list(histories.crns())}, schema={"crn": pl.String}).with_columns(
        as_of=pl.lit(as_of, pl.Date)
    )
