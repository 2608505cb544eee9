"""Feasibility of everyone at once: ``catalogue.feasibility`` as joins over the directory.

A test holds both to the same answer for generated people, places and journeys.
"""

from collections.abc import Callable
from datetime import date
from typing import Final

import polars as pl

from catalogue.errors import UsageError
from catalogue.feasibility import INSIDE, travel_limit
from catalogue.fields import ORDERED_HOURS
from catalogue.intervention import Hours
from catalogue.loading import Catalogue

PERSON: Final = ("pdu", "region", "sex", "setting", "sentence_type", "days_left")
# What a court ordered in hours; a frame without these columns has them not recorded.
ORDERS: Final[dict[str, pl.DataType]] = {
    "requirement_types": pl.List(pl.String()),
    **dict.fromkeys(ORDERED_HOURS.values(), pl.Float64()),
}
DIRECTORY: Final[dict[str, pl.DataType]] = {
    "intervention_id": pl.String(),
    "region": pl.String(),
    "pdu": pl.String(),
    "venue": pl.String(),
    "format": pl.String(),
    "women_only": pl.Boolean(),
    "women_in_group": pl.Float64(),
    "next_start_on": pl.Date(),
    "sessions_per_week": pl.Float64(),
    "waiting_weeks": pl.Float64(),
    "valid_from": pl.Date(),
    "valid_to": pl.Date(),
}
TRAVEL: Final[dict[str, pl.DataType]] = {"pdu": pl.String(), "venue": pl.String(), "minutes": pl.Float64()}
PLACES: Final[dict[str, pl.DataType]] = {
    "row": pl.UInt32(),
    "intervention_id": pl.String(),
    "feasible": pl.Boolean(),
    "venue": pl.String(),
    "minutes": pl.Float64(),
    "next_start_on": pl.Date(),
    "waiting_weeks": pl.Float64(),
    "format": pl.String(),
}
_CHUNK: Final = 10_000
# Sizes that let a pair, and a place's order within it, be one number each.
_INTERVENTIONS: Final = 2**12
_DAYS: Final = 2**22
_ROWS: Final = 2**32


def feasible(
    subjects: pl.DataFrame,
    catalogue: Catalogue,
    *,
    as_of: str | date = "as_of",
    directory: pl.DataFrame,
    travel: pl.DataFrame,
) -> pl.DataFrame:
    """Which interventions can each of these people attend?

    Gives the same rows in the same order, with one nullable Boolean column an intervention (null: the directory says
    nothing, or an answer is wanting). Arguments as of ``places``.
    """
    found = places(subjects, catalogue, as_of=as_of, directory=directory, travel=travel)
    rows = pl.DataFrame({"row": pl.int_range(subjects.height, dtype=pl.UInt32, eager=True)})
    wide = found.pivot("intervention_id", index="row", values="feasible") if found.height else rows
    aligned = rows.join(wide, on="row", how="left", maintain_order="left")
    unspoken = [pl.lit(None, pl.Boolean).alias(name) for name in catalogue.ids if name not in aligned.columns]
    return aligned.with_columns(unspoken).select(catalogue.ids)


def places(
    subjects: pl.DataFrame,
    catalogue: Catalogue,
    *,
    as_of: str | date = "as_of",
    directory: pl.DataFrame,
    travel: pl.DataFrame,
    pairs: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Where and when could each of these people attend?

    ``subjects`` holds pdu, region, sex, setting, sentence_type, days_left and the ``as_of`` column (or one date for all),
    and where hours were ordered requirement_types and the columns of ``ORDERED_HOURS``;
    ``directory`` and ``travel`` are the contract's tables; ``pairs`` (``row``, ``intervention_id``) limits the question,
    which is otherwise asked of every intervention that the directory lists. Gives one row for each pair that the
    directory speaks of: ``row`` (position in ``subjects``), ``intervention_id``, ``feasible``, ``venue``, ``minutes``,
    ``next_start_on``, ``waiting_weeks``, ``format``; ordered by row and id. Raises ``UsageError`` for a missing column.
    """
    _hold(subjects, (*PERSON, *([as_of] if isinstance(as_of, str) else [])), "subjects")
    _hold(directory, DIRECTORY, "directory")
    _hold(travel, TRAVEL, "travel table")
    rows = _rows(directory, catalogue)
    journeys = (
        travel.select(pl.col(name).cast(kind) for name, kind in TRAVEL.items())
        .group_by("pdu", "venue", maintain_order=True)
        .agg(pl.col("minutes").last())
    )
    day = pl.col(as_of) if isinstance(as_of, str) else pl.lit(as_of)
    if isinstance(as_of, str) and not subjects.schema[as_of].is_temporal():
        day = day.cast(pl.Int32)
    people = subjects.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
        day.cast(pl.Date).alias("as_of"),
        *(pl.col(name).cast(pl.Float64 if name == "days_left" else pl.String) for name in PERSON),
        *(
            (pl.col(name) if name in subjects.columns else pl.lit(None)).cast(kind).alias(name)
            for name, kind in ORDERS.items()
        ),
    )
    pieces = [pl.DataFrame(schema=PLACES)]
    for period in _periods(people, rows):
        listed = rows.filter(_in_date(period["as_of"][0]))
        homes = period.select("pdu", "region").unique()
        near = _near(homes, listed, journeys)
        pieces += [
            _chunk(period.slice(start, _CHUNK), listed, near, pairs)
            for start in range(0, period.height, _CHUNK)
        ]
    return pl.concat(pieces).sort("row", "intervention_id")


def _periods(people: pl.DataFrame, rows: pl.DataFrame) -> list[pl.DataFrame]:
    """The people parted by day, so that within a part the same rows of the directory are in date."""
    changes = pl.concat([rows["valid_from"], rows["valid_to"]]).drop_nulls().unique().sort()
    period = changes.search_sorted(people["as_of"], side="right")
    return people.with_columns(period=period).partition_by("period", maintain_order=True, include_key=False)


def _hold(frame: pl.DataFrame, wanted: object, name: str) -> None:
    absent = [column for column in wanted if column not in frame.columns]  # type: ignore[attr-defined]
    if absent:
        raise UsageError(
            f"The {name} lack the column '{absent[0]}'; add it, with nulls where nothing is recorded."
        )


def _rows(directory: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """The directory's rows with what the catalogue says of their intervention."""
    entries = catalogue.interventions

    def hours(part: Callable[[Hours], float | None]) -> pl.Series:
        return pl.Series(
            [None if each.hours is None else part(each.hours) for each in entries], dtype=pl.Float64
        )

    particulars = pl.DataFrame(
        {
            "intervention_id": catalogue.ids,
            "which": pl.Series(range(len(catalogue.ids)), dtype=pl.UInt64),
            "requirement": [str(each.type) for each in entries],
            "can_be_group": ["GROUP" in each.formats for each in entries],
            "sessions": pl.Series([each.sessions for each in entries], dtype=pl.Float64),
            "duration_weeks": pl.Series([each.duration_weeks for each in entries], dtype=pl.Float64),
            "limit": pl.Series([travel_limit(each) for each in entries], dtype=pl.Float64),
            "fewest_hours": hours(lambda each: each.fewest),
            "most_hours": hours(lambda each: each.most),
            "hours_a_session": hours(lambda each: each.session),
            "hours_a_week_at_most": hours(lambda each: each.weekly),
        }
    )
    per_week = pl.when(pl.col("sessions_per_week") > 0).then("sessions_per_week")
    by_sessions = (pl.col("sessions") / per_week).ceil()
    # min_horizontal passes over a null, so either bound stands in where the other is not known.
    pace = pl.min_horizontal(per_week * pl.col("hours_a_session"), "hours_a_week_at_most")
    return (
        directory.select(pl.col(name).cast(kind) for name, kind in DIRECTORY.items())
        .with_row_index("position")
        .join(particulars, on="intervention_id", how="inner", maintain_order="left")
        .with_columns(
            weeks=pl.coalesce(by_sessions, "duration_weeks").fill_null(0),
            pace=pl.when(pl.col("hours_a_session").is_not_null()).then(pace),
        )
        .rename({"pdu": "row_pdu", "region": "row_region"})
    )


def _chunk(
    people: pl.DataFrame, listed: pl.DataFrame, near: pl.DataFrame, pairs: pl.DataFrame | None
) -> pl.DataFrame:
    candidates = people.join(near, on=["pdu", "region"], how="inner", nulls_equal=True)
    spoken_of = people.select("row").join(listed.select("intervention_id").unique(), how="cross")
    if pairs is not None:
        wanted = pairs.select(pl.col("row").cast(pl.UInt32), pl.col("intervention_id").cast(pl.String))
        candidates = candidates.join(wanted, on=["row", "intervention_id"], how="semi")
        spoken_of = spoken_of.join(wanted, on=["row", "intervention_id"], how="semi")
    best = (
        _judged(candidates)
        .with_columns(pair=pl.col("row").cast(pl.UInt64) * _INTERVENTIONS + pl.col("which"))
        .filter(pl.col("order") == pl.col("order").min().over("pair"))
        .select(
            "row",
            "intervention_id",
            "feasible",
            "venue",
            "minutes",
            pl.col("start").alias("next_start_on"),
            "waiting_weeks",
            "format",
        )
    )
    # Listed, but nowhere near: not feasible, as a fact of the directory.
    elsewhere = spoken_of.join(best, on=["row", "intervention_id"], how="anti").with_columns(
        feasible=pl.lit(value=False)
    )
    return pl.concat([best, elsewhere], how="diagonal").select(
        pl.col(name).cast(kind) for name, kind in PLACES.items()
    )


def _in_date(day: date) -> pl.Expr:
    started = pl.col("valid_from").is_null() | (pl.col("valid_from") <= day)
    return started & (pl.col("valid_to").is_null() | (pl.col("valid_to") > day))


def _near(homes: pl.DataFrame, rows: pl.DataFrame, journeys: pl.DataFrame) -> pl.DataFrame:
    """For each home (delivery unit and region), the rows near it with the minutes to their venue."""
    same_unit = (pl.col("row_pdu") == pl.col("pdu")).fill_null(value=False)
    same_region = (pl.col("row_region") == pl.col("region")).fill_null(value=False) | pl.col(
        "row_region"
    ).is_null()
    online = (pl.col("format") == "ONLINE").fill_null(value=False)
    return (
        homes.join(rows, how="cross")
        .join(journeys.with_columns(known=pl.lit(value=True)), on=["pdu", "venue"], how="left")
        .filter(
            same_unit
            | (same_region & (pl.col("row_pdu").is_null() | online | pl.col("known").fill_null(value=False)))
        )
        .with_columns(minutes=pl.when(~online).then("minutes"))
        .with_columns(
            pl.col("minutes").fill_null(float("inf")).alias("distance"),
            pl.col("venue", "format").fill_null("").name.prefix("by_"),
        )
        .sort("distance", "by_venue", "by_format", "position")
        .with_row_index("nearness")
    )


def _judged(candidates: pl.DataFrame) -> pl.DataFrame:
    after_wait = pl.col("as_of") + pl.duration(
        days=(7 * pl.col("waiting_weeks").fill_null(0)).ceil().cast(pl.Int64)
    )
    start = pl.max_horizontal(after_wait, "next_start_on")
    online = (pl.col("format") == "ONLINE").fill_null(value=False)
    inside = pl.col("setting").is_in(sorted(INSIDE)).fill_null(value=False)
    travel = pl.when(online | inside).then(pl.lit(value=True)).otherwise(pl.col("minutes") <= pl.col("limit"))
    group = (pl.col("format") == "GROUP").fill_null(pl.col("can_be_group"))
    man = (pl.col("sex") == "MALE").fill_null(value=False)
    company = pl.col("women_in_group") >= 1
    women = (
        pl.when(pl.col("women_only").fill_null(value=False))
        .then(pl.col("sex") == "FEMALE")
        .when(~group | man)
        .then(pl.lit(value=True))
        .when(pl.col("sex").is_null() & ~company)
        .then(pl.lit(None, pl.Boolean))
        .otherwise(company)
    )
    awaiting = (pl.col("sentence_type") == "PRE_SENTENCE").fill_null(value=False)
    fewest_weeks, most_weeks = _weeks()
    days = pl.col("days_left") - (pl.col("start") - pl.col("as_of")).dt.total_days()
    fits = (
        pl.when(days.is_null())
        .then(pl.when(awaiting).then(pl.lit(value=True)))
        .when(7 * most_weeks <= days)
        .then(pl.lit(value=True))
        .when(7 * fewest_weeks > days)
        .then(pl.lit(value=False))
    )
    return (
        candidates.with_columns(start=start)
        .with_columns(
            feasible=travel & women & fits,
            waiting_weeks=((pl.col("start") - pl.col("as_of")).dt.total_days() / 7).round(2),
        )
        .with_columns(
            preference=pl.when(pl.col("feasible").is_null()).then(1).when("feasible").then(0).otherwise(2)
        )
        .with_columns(order=_order())
    )


def _weeks() -> tuple[pl.Expr, pl.Expr]:
    """How many weeks it takes at least and at most: ``feasibility.ordered_hours`` and ``weeks_needed`` as expressions."""
    recorded = pl.coalesce(
        *(pl.when(pl.col("requirement") == kind).then(name) for kind, name in ORDERED_HOURS.items())
    )
    ordered = pl.col("requirement_types").list.contains(pl.col("requirement")).fill_null(value=False)
    bounds = (
        pl.coalesce(recorded, pl.when(ordered).then(name)) / pl.col("pace")
        for name in ("fewest_hours", "most_hours")
    )
    fewest, most = (pl.coalesce(hours.ceil(), "weeks") for hours in bounds)
    return fewest, most


def _order() -> pl.Expr:
    """The preference of a place in ``feasibility`` as one number: possible first, then the earliest start, then the nearest."""
    start = pl.col("start").cast(pl.Int32).cast(pl.Int64) + _DAYS // 2
    return (pl.col("preference").cast(pl.Int64) * _DAYS + start) * _ROWS + pl.col("nearness").cast(pl.Int64)
