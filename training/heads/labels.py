"""Which label does each referral have, and which weight corrects for those that were censored?"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from training.heads.censoring import censoring_weights


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Labelled referrals: `referral_id, crn, intervention_id, as_of, y, weight`; and how many were censored."""

    rows: pl.DataFrame
    censored: int


def with_weights(rows: pl.DataFrame) -> Labels:
    """Weigh rows that have `y`, `censored` and `followed` (days), by intervention; drop the censored."""
    weights = censoring_weights(
        rows["followed"].to_numpy(),
        rows["censored"].to_numpy(),
        rows["intervention_id"].fill_null("").to_numpy(),
    )
    kept = rows.with_columns(weight=pl.Series(weights)).filter(~pl.col("censored"))
    return Labels(
        rows=kept.select("referral_id", "crn", "intervention_id", "y", "weight", as_of="referred_on").sort(
            "as_of", "referral_id"
        ),
        censored=int(rows["censored"].sum()),
    )
