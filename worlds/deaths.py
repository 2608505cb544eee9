"""Who dies, and what is no longer recorded of them? A death is an administrative end: it says nothing of engagement.

A death depends on age alone and uses draws of its own. So it cuts a history short and changes nothing before
that. The chances in `truth/` are those of people who live on (docs/decisions/0305).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from features.contract import TABLES
from features.outcomes import ARM_DAYS, NO_ARM
from features.reasons import ENDED
from worlds.draws import Draws, Ints
from worlds.people import People

_YEAR = 365.25
_AGE, _RISE = 38.0, 0.055  # the yearly rate holds at this age; its log rises by so much a year; assumption
_KEPT = {"people", "protected", "sentences"}


def death_days(people: People, *, yearly: float, start: int) -> Ints:
    """The day each person dies, after their first sentence and the first day; for most people far in the future."""
    since = np.maximum(people.entry, start)
    age = (since - people.born) / _YEAR
    rate = yearly * np.exp(_RISE * (age - _AGE))
    waits = -np.log(people.draws.uniform("death")) / np.maximum(rate, 1e-12)
    return np.asarray(since + 1 + np.minimum(waits * _YEAR, 100_000).astype(np.int64), dtype=np.int64)


def after_death(
    frames: dict[str, pl.DataFrame], people: People, *, yearly: float, start: int, end: int
) -> dict[str, pl.DataFrame]:
    """The tables as they stand when nothing is recorded of anybody after their death; days are numbers."""
    days = death_days(people, yearly=yearly, start=start)
    dead = np.flatnonzero(days <= end)
    if not len(dead):
        return frames
    draws = Draws(seed=people.draws.seed, people=people.number[dead])
    died = pl.DataFrame(
        {
            "crn": people.crn.gather(pl.Series(dead)),
            "died": days[dead],
            "told": days[dead] + draws.days("death known", 1, 14),
        }
    )
    referrals = frames["referrals"].select("referral_id", "crn", "intervention_id", "setting", "referred_on")
    by_referral = referrals.join(died, on="crn").filter(pl.col("referred_on") <= pl.col("died"))
    kept = {name: _before(name, frame, died, referrals) for name, frame in frames.items()}
    kept["decision_points"] = _arms(kept["decision_points"], kept["referrals"], died)
    kept["sentences"] = _sentences(frames["sentences"], died)
    ends = _ends(kept["referral_events"], by_referral)
    kept["referral_events"] = pl.concat([kept["referral_events"], ends], how="diagonal_relaxed")
    return kept


def _before(name: str, frame: pl.DataFrame, died: pl.DataFrame, referrals: pl.DataFrame) -> pl.DataFrame:
    """The rows of a table that happened by the day of death; a reoffence stays if it was proven by then."""
    if name in _KEPT:
        return frame
    table = TABLES.get(name)
    day = "decided_on" if table is None or table.happened is None else table.happened
    if "crn" in frame.columns:
        last = frame.select("crn").join(died, on="crn", how="left", maintain_order="left")["died"]
    else:
        owners = referrals.select("referral_id", "crn").join(died, on="crn")
        last = frame.select("referral_id").join(owners, on="referral_id", how="left", maintain_order="left")[
            "died"
        ]
    until = "known_on" if name == "reoffences" else day
    return frame.filter(last.is_null() | (frame[until] <= last))


def _sentences(sentences: pl.DataFrame, died: pl.DataFrame) -> pl.DataFrame:
    """No sentence begins after a death. One that ran ends with it; that is known some days later."""
    both = sentences.join(died, on="crn", how="left", maintain_order="left")
    begun = both.filter(pl.col("died").is_null() | (pl.col("starts_on") <= pl.col("died")))
    ended = begun.filter(pl.col("ends_on") > pl.col("died")).with_columns(
        ends_on="died", known_on=pl.max_horizontal("told", pl.col("known_on") + 1)
    )
    return pl.concat([begun, ended]).drop("died", "told")


def _arms(points: pl.DataFrame, referrals: pl.DataFrame, died: pl.DataFrame) -> pl.DataFrame:
    """People who died between a decision and its referral have no arm."""
    keys = ["crn", "decided_on"]
    made = (
        points.join(died, on="crn")
        .select(keys)
        .join(referrals.select("crn", "referred_on"), on="crn")
        .filter((pl.col("referred_on") - pl.col("decided_on")).is_between(0, ARM_DAYS))
        .select(keys)
        .unique()
        .with_columns(made=pl.lit(value=True))
    )
    marked = points.join(died.select("crn", "died"), on="crn", how="left", maintain_order="left").join(
        made, on=keys, how="left", maintain_order="left"
    )
    alive = pl.col("died").is_null() | pl.col("made").is_not_null()
    return marked.with_columns(arm=pl.when(alive).then("arm").otherwise(pl.lit(NO_ARM))).drop("died", "made")


def _ends(events: pl.DataFrame, by_referral: pl.DataFrame) -> pl.DataFrame:
    """Referrals that were open on the day of death end on it."""
    status = pl.col("status")
    seen = events.group_by("referral_id").agg(
        over=status.is_in(ENDED).any(), started=(status == "ON_PROGRAMME").any()
    )
    return (
        by_referral.join(seen, on="referral_id", how="left")
        .filter(~pl.col("over").fill_null(value=False))
        .sort("referral_id")
        .select(
            "referral_id",
            occurred_on="died",
            known_on="told",
            status=pl.lit("WITHDRAWN"),
            reason=pl.when(pl.col("intervention_id").str.ends_with("-crs"))
            .then(pl.lit("USE"))
            .when("started")
            .then(pl.lit("D_DEATH"))
            .otherwise(pl.lit("W_DEATH")),
        )
    )
