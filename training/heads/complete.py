"""Having started, will this person finish this intervention? The label of the complete head.

Asked at the moment of suggestion, of those who started: completed against ended for an engagement reason.
Administrative ends, and referrals still running when the window closes, are censored.
"""

from __future__ import annotations

import polars as pl

from training.heads.labels import Labels, with_weights

HEAD = "complete"
QUESTION = "Having started this intervention, will this person finish it?"


def labels(outcomes: pl.DataFrame, *, window_days: int) -> Labels:
    """How did each started referral (rows of `features.outcomes.referral_outcomes`) end within the window?

    The window runs from the referral, so that every row of a day is known, or not, on the same later day.
    """
    stop = (pl.col("ended_on") - pl.col("referred_on")).dt.total_days()
    start = (pl.col("commenced_on") - pl.col("referred_on")).dt.total_days()
    end = pl.col("end").cast(pl.String)
    ended = (stop <= window_days).fill_null(value=False)
    begun = (start <= window_days).fill_null(value=False) | ((end == "COMPLETED") & ended)
    rows = outcomes.filter(begun).with_columns(
        y=pl.when(ended & (end == "COMPLETED")).then(1.0).otherwise(0.0),
        censored=~(ended & end.is_in(("COMPLETED", "ENGAGEMENT"))),
        followed=pl.when(ended).then(stop).otherwise(window_days),
    )
    return with_weights(rows)
