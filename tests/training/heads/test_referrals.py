"""The rows of the commence and complete heads hold what was known on the day of the referral, and nothing later."""

from datetime import timedelta
from pathlib import Path

import polars as pl

from catalogue import load
from features.contract import TABLES
from features.histories import Histories
from features.outcomes import referral_outcomes
from training.heads import referrals


def test_a_later_correction_of_a_referral_moves_no_feature(small_world: Path) -> None:
    histories = Histories.open(small_world)
    tables = {name: histories.collect(name) for name in TABLES}
    kept = tables["referrals"].sort("referral_id").head(60)
    corrected = kept.with_columns(
        intervention_id=pl.lit("accommodation-services-crs"),
        referred_on=pl.col("referred_on") + timedelta(days=30),
        known_on=pl.col("known_on") + timedelta(days=400),
    )
    later = Histories.of({**tables, "referrals": pl.concat([tables["referrals"], corrected])})
    before, after = (
        referrals.frame(each, referral_outcomes(each), catalogue=load()).sort("referral_id")
        for each in (histories, later)
    )
    asked = kept["referral_id"].to_list()
    mine = before.filter(pl.col("referral_id").is_in(asked))
    # The features of the referral itself; what other referrals of the same person say may be corrected later too.
    own = [
        "referral_id",
        "as_of",
        "intervention_type",
        "intervention_family",
        "travel_minutes",
        "waiting_weeks",
    ]
    assert mine.height > 0
    assert mine.select(own).equals(after.filter(pl.col("referral_id").is_in(asked)).select(own))
