"""How is a referral going, as far as was known on a day? The rows that the in-flight head reads.

The features are those of `features.definitions.INFLIGHT`, declared once, plus the type of the intervention,
which the catalogue knows. What is computed for everybody is computed for one: a case made into histories by
`histories_of` goes the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import polars as pl

from catalogue import Catalogue
from features import live
from features.case import Case
from features.contract import CASE_TABLES, TABLES
from features.definitions import INFLIGHT
from features.histories import Histories
from features.live import EventRef
from features.reasons import ENDED
from features.spec import FeatureSpec
from scoring.scorecard import Value

INTERVENTION_TYPE = "intervention_type"

#: Every feature of a running referral, in plain English; also the order of the columns.
LABELS: Mapping[str, str] = MappingProxyType(
    {
        **{feature.name: feature.label for feature in INFLIGHT.features},
        INTERVENTION_TYPE: "Type of intervention",
    }
)

#: Where policy demands a direction: missing a session never lowers the risk (modelling.md, the scorecard).
MONOTONE: Mapping[str, int] = MappingProxyType(
    {
        "sessions_missed": 1,
        "sessions_missed_in_28_days": 1,
        "missed_contacts_in_28_days": 1,
        "missed_contacts_in_90_days": 1,
    }
)


def histories_of(case: Case) -> Histories:
    """One person's case as histories, so that what is computed for everybody is computed for one."""
    frames = {
        name: pl.DataFrame([dict(row) for row in case.tables[name]], schema=TABLES[name].polars_schema())
        for name in CASE_TABLES
    }
    return Histories.of(frames)


def open_referrals(histories: Histories, *, points: pl.DataFrame) -> pl.DataFrame:
    """Which of these referrals were open, as far as was known? The rows of `points` (referral_id, as_of) that were.

    A referral is open from the day after it became known, while its last event known is not a closing one: the
    definition of `features.outcomes.referral_outcomes`, at many as-of days at once.
    """
    known = histories.table("referrals").group_by("referral_id").agg(first_known=pl.col("known_on").min())
    events = histories.table("referral_events").select("referral_id", "occurred_on", "status", "known_on")
    numbered = points.lazy().with_row_index("_row")
    closed = (
        numbered.select("_row", "referral_id", "as_of")
        .join(events.drop_nulls(), on="referral_id")
        .filter(pl.col("known_on") < pl.col("as_of"))
        .sort("_row", "occurred_on", pl.col("status").is_in(ENDED), "known_on", "status")
        .unique("_row", keep="last", maintain_order=True)
        .filter(pl.col("status").is_in(ENDED))
        .select("_row")
    )
    return (
        numbered.join(known, on="referral_id")
        .filter(pl.col("first_known") < pl.col("as_of"))
        .join(closed, on="_row", how="anti")
        .sort("_row")
        .select(points.columns)
        .collect()
    )


def open_at(histories: Histories, as_of: date) -> pl.DataFrame:
    """Every referral that was open on a day, as (referral_id, as_of), sorted by id."""
    ids = histories.table("referrals").select("referral_id").unique().sort("referral_id")
    return open_referrals(histories, points=ids.with_columns(as_of=pl.lit(as_of)).collect())


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLandmark:
    """One referral's features on one day, with the records behind each."""

    referred_on: date
    values: Mapping[str, Value]
    evidence: Mapping[str, tuple[EventRef, ...]]


def live_row(
    case: Case, referral_id: str, *, as_of: date, catalogue: Catalogue, names: Collection[str]
) -> LiveLandmark | None:
    """The features of one referral of a case, or None if it was not open that day, as far as was known."""
    versions = [row for row in case.tables["referrals"] if row["referral_id"] == referral_id]
    versions.sort(key=lambda row: str(row["known_on"]))  # ISO dates: text order is the order of days
    events = [row for row in case.tables["referral_events"] if row["referral_id"] == referral_id]
    if _closed(events, as_of) or not versions or not _before(versions[0]["known_on"], as_of):
        return None
    first = versions[0]
    chosen = tuple(feature for feature in INFLIGHT.features if feature.name in names)
    values: dict[str, Value] = {}
    evidence: Mapping[str, tuple[EventRef, ...]] = {}
    if chosen:
        found = live.evaluate(case, as_of=as_of, referral_id=referral_id, spec=FeatureSpec(chosen))
        values, evidence = dict(found.values), found.evidence
    if INTERVENTION_TYPE in names:
        types = {entry.id: str(entry.type) for entry in catalogue.interventions}
        values[INTERVENTION_TYPE] = types.get(str(first["intervention_id"]))
    referred_on = first["referred_on"]
    assert isinstance(referred_on, date)
    return LiveLandmark(referred_on=referred_on, values=values, evidence=evidence)


def _closed(events: Sequence[Mapping[str, object]], as_of: date) -> bool:
    known = [
        row for row in events if _before(row["known_on"], as_of) and row["occurred_on"] and row["status"]
    ]
    if not known:
        return False
    # ISO dates: the order of their texts is the order of the days.
    last = max(
        known,
        key=lambda r: (str(r["occurred_on"]), r["status"] in ENDED, str(r["known_on"]), str(r["status"])),
    )
    return last["status"] in ENDED


def _before(day: object, as_of: date) -> bool:
    return isinstance(day, date) and day < as_of


def rows(
    histories: Histories, points: pl.DataFrame, *, catalogue: Catalogue, names: Collection[str] | None = None
) -> pl.DataFrame:
    """The features of each point (referral_id, as_of), in the same order, after `crn` and `referred_on`.

    `names` limits the features to some. Raises UsageError for a referral that the histories do not have.
    """
    named = points.select("referral_id", "as_of").join(
        _referrals(histories, catalogue), on="referral_id", how="left", maintain_order="left"
    )
    wanted = set(LABELS if names is None else names)
    chosen = tuple(feature for feature in INFLIGHT.features if feature.name in wanted)
    if not chosen:
        return named
    from features import batch  # here, since one live case needs none of it

    values = batch.evaluate(histories, named.select("crn", "as_of", "referral_id"), spec=FeatureSpec(chosen))
    return named.hstack(values.drop("crn", "as_of", "referral_id"))


def _referrals(histories: Histories, catalogue: Catalogue) -> pl.DataFrame:
    """Whose each referral is, since when, and to what type of intervention, by the version known first."""
    types = pl.DataFrame(
        [(entry.id, str(entry.type)) for entry in catalogue.interventions],
        schema={"intervention_id": pl.String, INTERVENTION_TYPE: pl.String},
        orient="row",
    )
    first = (
        histories.table("referrals")
        .select("referral_id", "crn", "intervention_id", "referred_on", "known_on")
        .sort("known_on", "crn", maintain_order=True)
        .unique("referral_id", keep="first", maintain_order=True)
    )
    return (
        first.join(types.lazy(), on="intervention_id", how="left")
        .drop("known_on", "intervention_id")
        .collect()
    )
