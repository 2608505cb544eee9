"""Feature rows for many people at once, from the specification that the live case uses too.

The points are cut by person into blocks that fit in memory. For each block,
the chosen engine reads every stream once (`features.passes`). The values are made from
the results (`features.values`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from math import ceil
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from catalogue.errors import UsageError
from features.definitions import SPEC
from features.engines import PolarsEngine, engine_of
from features.histories import Histories
from features.passes import StreamPass, asked_of, counts, events_of
from features.preparing import EventSource
from features.spec import FeatureSpec, Use
from features.streams import STREAMS, Stream
from features.values import finished

POINT_COLUMNS = ("crn", "as_of", "assessment_id", "referral_id")
# Events joined to points that are held in memory at once: under a gigabyte with everything made of them.
_BLOCK_ROWS = 6_000_000


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
    streams = {
        stream: features
        for stream in STREAMS.values()
        if (features := [feature for feature in chosen.parts if feature.stream == stream.name])
    }
    source = EventSource(histories)
    with engine_of(engine) as runner:
        passes = [
            StreamPass(stream, features, tiers=runner.in_memory) for stream, features in streams.items()
        ]
        numbered = _numbered(points)
        blocks = _blocks(histories, numbered, list(streams)) if runner.in_memory else [numbered]
        steps = len(blocks) * len(passes)
        made = []
        for number, block in enumerate(blocks):
            rows = block.select("_point", "as_of")
            people = _with_people(block)
            for place, one in enumerate(passes, start=1):
                for part in one.run(runner, source, people):
                    rows = rows.join(part, on="_point", how="left", maintain_order="left")
                if progress is not None:
                    progress(number * len(passes) + place, steps)
            made.append(finished(rows, chosen))
    whole = pl.concat(made).sort("_point").drop("_point")
    names = [name for name in ("crn", "as_of", "referral_id") if name in points.columns]
    return points.select(names).hstack(whole)


def _blocks(histories: Histories, points: pl.DataFrame, streams: list[Stream]) -> list[pl.DataFrame]:
    """The points cut by person into blocks whose events fit in memory, each with its people in one span."""
    people = points["crn"].n_unique()
    if points.is_empty() or people == 1:
        return [points]
    largest = max(histories.height(stream.name) for stream in streams)
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


def _with_people(points: pl.DataFrame) -> pl.DataFrame:
    """The points with a number for each person, in the order in which the people come."""
    people = points.select("crn").drop_nulls().unique(maintain_order=True)
    numbered = people.with_columns(person=pl.int_range(pl.len(), dtype=pl.Int32))
    return points.join(numbered, on="crn", how="left", maintain_order="left")


def visible_events(histories: Histories, name: str, points: pl.DataFrame) -> pl.LazyFrame:
    """The events of a stream that count at each point, with polars: `_point`, `as_of` (a day number), columns.

    `points` as for `evaluate`, with `_point` its row number.
    """
    stream = STREAMS[name]
    numbered = _with_people(_numbered(points))
    engine = PolarsEngine()
    events = engine.prepare(events_of(EventSource(histories), stream, numbered), stream, ordered=False)
    beside = engine.beside(events, asked_of(numbered), name)
    counting = beside.filter(counts(stream, named="assessment_id" in points.columns))
    found: pl.LazyFrame = nw.to_native(counting)
    return found


def at(histories: Histories, as_of: Any) -> pl.DataFrame:
    """Points for everybody at one as-of day: `crn`, `as_of`."""
    return pl.DataFrame({"crn": list(histories.crns())}, schema={"crn": pl.String}).with_columns(
        as_of=pl.lit(as_of, pl.Date)
    )
