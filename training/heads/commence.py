"""Will this person start this intervention? The label of the commence head.

A referral commenced if its first start on the programme or first attended session came within the window.
An end for an engagement reason before a start is a "no"; an administrative end before a start is censored.
"""

from __future__ import annotations

import polars as pl

from training.heads.labels import Labels, with_weights

HEAD = "commence"
QUESTION = "Will this person start this intervention within six months of the referral?"


def labels(outcomes: pl.DataFrame, *, window_days: int) -> Labels:
    """How did each referral (rows of `features.outcomes.referral_outcomes`) within the window?

    A referral recorded as completed has started, even without a recorded start.
    """
    start = (pl.col("commenced_on") - pl.col("referred_on")).dt.total_days()
    stop = (pl.col("ended_on") - pl.col("referred_on")).dt.total_days()
    end = pl.col("end").cast(pl.String)
    ended = stop <= window_days
    started = (start <= window_days) | ((end == "COMPLETED") & ended)
    rows = outcomes.with_columns(
        y=pl.when(started.fill_null(value=False)).then(1.0).otherwise(0.0),
        censored=(~started.fill_null(value=False) & ended & (end == "ADMINISTRATIVE")).fill_null(value=False),
        followed=pl.when(started)
        .then(pl.coalesce(start, stop))
        .when(ended)
        .then(stop)
        .otherwise(window_days),
    )
    return with_weights(rows)
