"""What do all figures share? What a value is, and how shares, ranks and reoffending are counted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import polars as pl

from features.outcomes import CONVICTION_DAYS, REOFFENCE_DAYS

Tables = Mapping[str, pl.DataFrame]
Value = tuple[float | None, int]
"""A generated value, None where there are no cases, and the number of people or events behind it."""
YEAR, CONVICTIONS = timedelta(days=REOFFENCE_DAYS), timedelta(days=CONVICTION_DAYS)


def with_reoffending(
    frame: pl.DataFrame, reoffences: pl.DataFrame, *, keys: list[str], since: str, within: timedelta
) -> pl.DataFrame:
    """The rows with a column `again`: did the person reoffend after the day `since`, and within so long?"""
    day = pl.col("offence_on")
    again = (
        frame.select(list(dict.fromkeys(["crn", *keys, since])))
        .join(reoffences.select("crn", "offence_on"), on="crn")
        .filter((day > pl.col(since)) & (day <= pl.col(since) + within))
        .select(keys)
        .unique()
        .with_columns(again=True)
    )
    return frame.join(again, on=keys, how="left").with_columns(pl.col("again").fill_null(value=False))


def share(series: pl.Series) -> Value:
    """The share that holds, of those known."""
    known = series.drop_nulls()
    mean = known.cast(pl.Float64).mean()
    return (float(mean) if isinstance(mean, float) else None), known.len()


def area(scores: pl.Series, happened: pl.Series) -> Value:
    """The area under the curve: how often somebody it happened to scores higher than somebody else (ties half)."""
    frame = pl.DataFrame({"s": scores, "y": happened.cast(pl.Float64)}).drop_nulls()
    ones, every = float(frame["y"].sum()), frame.height
    if not 0 < ones < every:
        return None, every
    ranks = frame.select(pl.col("s").rank("average").alias("r"), "y").filter(pl.col("y") == 1)["r"]
    return (float(ranks.sum()) - ones * (ones + 1) / 2) / (ones * (every - ones)), every
