"""Landmarks: every week that a referral was open, as a point to take features at."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from features.histories import Histories
from features.outcomes import referral_outcomes

POINTS = {"referral_id": pl.String, "crn": pl.String, "as_of": pl.Date, "weeks_in": pl.Int64}


def landmarks(histories: Histories, *, known_before: date | None = None) -> pl.DataFrame:
    """When could each referral have been looked at?

    One row a referral and week: `referral_id`, `crn`, `as_of`, `weeks_in` (1, 2, …
    weeks after the day of the referral), while the referral had not ended, up to
    `known_before` (default: the day after the last on which anything became known).
    Points for `features.batch.evaluate(..., spec=INFLIGHT)`.
    """
    stop = known_before or histories.last_day + timedelta(days=1)
    open_until = pl.min_horizontal(pl.col("ended_on"), pl.lit(stop))
    weeks = (open_until - pl.col("referred_on")).dt.total_days() // 7
    return (
        referral_outcomes(histories, known_before=known_before)
        .filter(pl.col("referred_on") < stop)
        .with_columns(weeks_in=pl.int_ranges(1, weeks + 1))
        .explode("weeks_in", empty_as_null=False, keep_nulls=False)
        .with_columns(as_of=pl.col("referred_on") + pl.duration(weeks=pl.col("weeks_in")))
        .select(pl.col(name).cast(dtype) for name, dtype in POINTS.items())
    )
