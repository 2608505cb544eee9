"""What are the histories of some people only? Work on a few people should not read everybody's records each time."""

from collections.abc import Iterable, Sequence
from datetime import date

import polars as pl

from features.contract import TABLES
from features.histories import Histories
from scoring.inflight.from_histories import open_at


def of_people(histories: Histories, crns: Iterable[str]) -> Histories:
    """All records of these people, in memory; tables that are about nobody (directory, travel) stay whole."""
    kept = pl.LazyFrame({"crn": sorted(set(crns))}, schema={"crn": pl.String})
    referrals = histories.table("referrals").select("crn", "referral_id").join(kept, on="crn", how="semi")
    referrals = referrals.select("referral_id").unique().collect().lazy()
    tables = {}
    for name, table in TABLES.items():
        frame = histories.table(name)
        if "crn" in table.names:
            frame = frame.join(kept, on="crn", how="semi", maintain_order="left")
        elif "referral_id" in table.names:
            frame = frame.join(referrals, on="referral_id", how="semi", maintain_order="left")
        tables[name] = frame.collect()
    return Histories.of(tables)


def with_open_referrals(histories: Histories, *, days: Sequence[date]) -> Histories:
    """The records of everybody whose referral was open on one of the days: all that flags of those days read."""
    ids = pl.concat([open_at(histories, day).select("referral_id") for day in days]).unique()
    owners = (
        histories.table("referrals")
        .select("crn", "referral_id")
        .join(ids.lazy(), on="referral_id", how="semi")
    )
    return of_people(histories, owners.select(pl.col("crn").unique()).collect()["crn"])
