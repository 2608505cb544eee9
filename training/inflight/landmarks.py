"""The rows of the in-flight head: weekly landmarks of every referral while it was open, and how each one ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

import numpy as np
import polars as pl

from catalogue import Catalogue
from features.histories import Histories
from scoring.inflight import from_histories, landmarks
from training.heads.splits import hash_share
from training.inflight.model import CENSORED, FAILED, FINISHED, LandmarkRows

#: The kind of end that the model takes, by the recorded one; after any other end nothing more is known.
KINDS: Mapping[str, int] = MappingProxyType({"ENGAGEMENT": FAILED, "COMPLETED": FINISHED})
#: A referral that has not ended after this many weeks is no longer watched for fitting.
LONGEST_WEEKS = 104


def landmark_points(outcomes: pl.DataFrame, *, known_before: date, seed: int, every: int) -> pl.DataFrame:
    """One landmark every `every` weeks of each referral while it was open, with how the referral ended.

    Columns: referral_id, crn, as_of, until, kind, failed_on, ended_on, week. `until` is the weeks from the
    landmark to the end (or to the end of watching), `kind` the kind of end.
    """
    offset = (hash_share(outcomes["referral_id"], seed=seed) * every).astype(np.int64)
    ended = pl.col("ended_on").fill_null(pl.lit(known_before))
    work = outcomes.select(
        "referral_id", "crn", "referred_on", "ended_on",
        stop=pl.min_horizontal(ended, pl.lit(known_before)),
        kind=pl.col("end").cast(pl.String).replace_strict(KINDS, default=CENSORED, return_dtype=pl.Int64),
        failed_on=pl.when(pl.col("end").cast(pl.String) == "ENGAGEMENT").then(pl.col("ended_on")),
        offset=pl.Series(offset),
    )  # fmt: skip
    weeks = pl.min_horizontal(
        (pl.col("stop") - pl.col("referred_on")).dt.total_days() // 7, pl.lit(LONGEST_WEEKS)
    )
    landmarks_of = pl.int_ranges(pl.col("offset") + 1, weeks + 1, every)
    return (
        work.with_columns(week=landmarks_of)
        .explode("week", empty_as_null=False, keep_nulls=False)
        .with_columns(as_of=pl.col("referred_on") + pl.duration(weeks=pl.col("week")))
        .with_columns(until=(pl.col("stop") - pl.col("as_of")).dt.total_days() / 7.0)
        .filter(pl.col("until") > 0)
        .select("referral_id", "crn", "as_of", "until", "kind", "failed_on", "ended_on", "week")
        .sort("referral_id", "as_of")
    )


def rows_of(
    histories: Histories, points: pl.DataFrame, *, catalogue: Catalogue
) -> tuple[pl.DataFrame, LandmarkRows]:
    """The features of landmark points, and the rows that the model takes."""
    known = from_histories.open_referrals(histories, points=points)
    frame = from_histories.rows(histories, known.select("referral_id", "as_of"), catalogue=catalogue)
    features = frame.select(landmarks.LABELS.keys())
    return known.with_columns(crn=frame["crn"]), LandmarkRows(
        features=features,
        units=known["referral_id"],
        until=known["until"].to_numpy(),
        kind=known["kind"].to_numpy(),
    )
