"""How many places are there, by region and week, and who would get them? For `signpost evaluate-policy --capacity`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from catalogue import Catalogue
from catalogue.errors import UsageError
from features.histories import Histories
from training.benefit.capacity import Allocation, allocate

COLUMNS: Final = ("region", "week", "intervention_id", "places")
CELL: Final = ("region", "week")
EXAMPLE: Final = "region,week,intervention_id,places"


def read_capacity(path: Path, catalogue: Catalogue) -> pl.DataFrame:
    """The file of places: CSV or Parquet with `region`, `week`, `intervention_id`, `places`.

    `week` is any day of the week meant; a file without that column, or a row without a week, is about every week.
    What is not listed has no place.

    Raises:
        UsageError: no such file, one that cannot be read, a column missing, a day, region, intervention or number
            of places that cannot be.
    """
    name = path.name
    if not path.is_file():
        raise UsageError(f"there is no capacity file {path}; give a CSV or Parquet file with {EXAMPLE}")
    try:
        table = (
            pl.read_parquet(path)
            if path.suffix == ".parquet"
            else pl.read_csv(path, infer_schema=False)  # texts, so that what is wrong can be said below
        )
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{name} cannot be read as a table of places; write it as CSV with {EXAMPLE}"
        ) from error
    if "week" not in table.columns:
        table = table.with_columns(week=pl.lit(None, pl.String))
    absent = [column for column in COLUMNS if column not in table.columns]
    if absent:
        raise UsageError(f"{name} lacks the column {absent[0]}; it needs {EXAMPLE}")
    texts = table.select(pl.col(column).cast(pl.String).str.strip_chars() for column in COLUMNS)
    read = texts.with_columns(
        day=pl.col("week").str.to_date("%Y-%m-%d", strict=False),
        number=pl.col("places").cast(pl.Float64, strict=False),
        blank=pl.col("week").fill_null("").eq(""),
    )
    known = {entry.id for entry in catalogue.interventions}
    wrong = {
        "a week that is not a day written as 2026-03-30": pl.col("day").is_null() & ~pl.col("blank"),
        "no region": pl.col("region").fill_null("").eq(""),
        "an intervention that the catalogue does not have": ~pl.col("intervention_id")
        .is_in(list(known))
        .fill_null(value=False),
        "places that are not a number of at least 0": ~(
            pl.col("number").is_finite() & (pl.col("number") >= 0)
        ).fill_null(value=False),
    }
    for what, holds in wrong.items():
        rows = read.with_row_index("row", offset=1).filter(holds)["row"].to_list()
        if rows:
            raise UsageError(f"{name} has {what} in row {rows[0]} ({len(rows)} such rows); correct it")
    return read.select(
        "region", "intervention_id", week=pl.col("day").dt.truncate("1w"), places=pl.col("number")
    )


@dataclass(frozen=True, kw_only=True)
class Places:
    """The allocation, with who among those eligible had nowhere to go even before places ran out."""

    allocation: Allocation
    unmet: pl.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "people": self.allocation.people,
            "placed": self.allocation.placed.height,
            "gain_per_person": self.allocation.gain,
            "gain_per_person_without_limits": self.allocation.unlimited_gain,
            "unmet": self.unmet.to_dicts(),
        }


def allocate_places(candidates: pl.DataFrame, capacity: pl.DataFrame, histories: Histories) -> Places:
    """Give the places of each region and week to those whom they help most, by the estimated effects.

    `candidates` are rows of suggestions that are open to the person: `crn`, `as_of`, `intervention_id`, `effect`,
    `feasible`, `suggested`. `unmet` counts, by intervention and delivery unit, the people eligible, suggested,
    suggested but left `without_place`, and eligible but with no feasible place at all (`none_feasible`).
    """
    people = histories.collect("people").unique("crn", keep="last", maintain_order=True)
    rows = (
        candidates.join(people.select("crn", "region", "pdu"), on="crn", how="left", maintain_order="left")
        .with_columns(
            pl.col("region").cast(pl.String).fill_null("NOT_RECORDED"),
            pl.col("pdu").fill_null("NOT_RECORDED"),
        )
        .with_columns(week=pl.col("as_of").dt.truncate("1w"), person=pl.format("{} {}", "crn", "as_of"))
        .with_columns(pl.col("effect").fill_null(0.0))
    )
    weeks = rows.select("week").unique().sort("week")
    every = capacity.filter(pl.col("week").is_null()).drop("week").join(weeks, how="cross")
    limits = pl.concat(
        [capacity.filter(pl.col("week").is_not_null()).select(every.columns), every], how="vertical"
    )
    allocation = allocate(rows, limits, cell=CELL)
    nowhere = rows.group_by("intervention_id", "pdu").agg(
        none_feasible=(pl.col("feasible").fill_null(value=True).not_()).sum()
    )
    unmet = allocation.unmet.join(nowhere, on=["intervention_id", "pdu"], how="left", maintain_order="left")
    return Places(allocation=allocation, unmet=unmet)
