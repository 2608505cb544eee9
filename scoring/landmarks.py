"""How is a referral going, as far as was known on a day? The features of the in-flight head.

One definition for everybody and for one person: `rows` takes histories (a folder, or one case made into
histories by `histories_of`) and a frame of (referral_id, as_of), and gives one row of features each. Only
what became known before the as-of day counts; of several versions of a record the latest known counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

import polars as pl

from catalogue import Catalogue
from features.case import Case
from features.contract import CASE_TABLES, TABLES
from features.histories import Histories

ATTENDED = ("ATTENDED_COMPLIED", "ATTENDED_NOT_COMPLIED")
#: Statuses that close a referral.
CLOSED = ("COMPLETED", "WITHDRAWN")
#: Statuses in which a referral stands still.
STANDING_STILL = ("DEFERRED", "SUITABLE_NOT_READY", "DEPRIORITISED")
RECENT_DAYS = 28

#: Every feature of a running referral, in plain English; also the order of the columns.
LABELS: Mapping[str, str] = MappingProxyType(
    {
        "weeks_since_referral": "weeks since the referral was made",
        "weeks_since_commenced": "weeks since the first attended session or start on the programme",
        "referral_status": "latest recorded status of the referral",
        "weeks_in_status": "weeks since the status last changed",
        "times_stood_still": "times the referral was deferred, not ready or put back",
        "steps_back": "breach, recall or return to court recorded on this referral",
        "sessions_planned": "sessions planned",
        "sessions_attended": "sessions attended so far",
        "attended_share": "share of this referral's sessions so far that were attended",
        "sessions_left": "planned sessions not yet attended",
        "sessions_behind": "sessions behind the plan",
        "unacceptable_absences": "sessions of this referral missed without an acceptable reason",
        "unacceptable_absences_28d": "sessions missed without an acceptable reason in the last 28 days",
        "acceptable_absences_28d": "sessions missed with an acceptable reason in the last 28 days",
        "absences_in_a_row": "sessions missed without an acceptable reason since the last one attended",
        "weeks_since_attended": "weeks since a session of this referral was last attended",
        "weeks_since_session": "weeks since a session of this referral was last held",
        "not_complied_28d": "sessions attended but not complied with in the last 28 days",
        "weeks_of_sentence_left": "weeks until the sentence ends",
        "intervention_type": "type of intervention",
        "referral_format": "group, one-to-one or online",
        "referral_source": "required by the court, a licence condition, or the practitioner's choice",
    },
)

#: Where policy demands a direction: missing a session never lowers the risk (modelling.md, the scorecard).
MONOTONE: Mapping[str, int] = MappingProxyType(
    {
        "unacceptable_absences": 1,
        "unacceptable_absences_28d": 1,
        "absences_in_a_row": 1,
    },
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

    A referral is open from the day after it became known until a closing status is known.
    """
    closing = histories.table("referral_events").filter(pl.col("status").is_in(CLOSED))
    closed = closing.group_by("referral_id").agg(closed_known=pl.col("known_on").min())
    known = histories.table("referrals").group_by("referral_id").agg(first_known=pl.col("known_on").min())
    return (
        points.lazy()
        .with_row_index("_row")
        .join(known, on="referral_id")
        .join(closed, on="referral_id", how="left")
        .filter(pl.col("first_known") < pl.col("as_of"))
        .filter(pl.col("closed_known").is_null() | (pl.col("closed_known") >= pl.col("as_of")))
        .sort("_row")
        .select(points.columns)
        .collect()
    )


def open_at(histories: Histories, as_of: date) -> pl.DataFrame:
    """Every referral that was open on a day, as (referral_id, as_of), sorted by id."""
    ids = histories.table("referrals").select("referral_id").unique().sort("referral_id")
    return open_referrals(histories, points=ids.with_columns(as_of=pl.lit(as_of)).collect())


def rows(histories: Histories, points: pl.DataFrame, *, catalogue: Catalogue) -> pl.DataFrame:
    """The features of each point (referral_id, as_of), in the same order, after `crn` and `referred_on`.

    A referral that was not known before the as-of day has a null `crn` and null features.
    """
    base = points.lazy().select("referral_id", "as_of").with_row_index("_row")
    referral = _latest(base, histories.table("referrals"), on="referral_id", version=["_row"]).select(
        "_row", "crn", "event_number", "intervention_id", "referred_on", "sessions_planned",
        referral_format="format", referral_source="source",
    )  # fmt: skip
    frame = (
        base.join(referral, on="_row", how="left")
        .join(_interventions(catalogue).lazy(), on="intervention_id", how="left")
        .join(_status(base, histories), on="_row", how="left")
        .join(_sessions(base, histories), on="_row", how="left")
    )
    frame = frame.join(_sentence(frame, histories), on="_row", how="left").with_columns(
        commenced_on=pl.min_horizontal("started_on", "first_attended_on"),
        sessions_planned=pl.coalesce("sessions_planned", "catalogue_sessions").cast(pl.Float64),
        **{
            name: pl.col(name).fill_null(0).cast(pl.Float64)
            for name in (
                "times_stood_still", "steps_back", "sessions_attended", "unacceptable_absences",
                "unacceptable_absences_28d", "acceptable_absences_28d", "absences_in_a_row", "not_complied_28d",
            )
        },
    )  # fmt: skip
    frame = frame.with_columns(
        weeks_since_referral=_weeks("referred_on"),
        weeks_since_commenced=_weeks("commenced_on"),
        weeks_in_status=_weeks("status_on"),
        weeks_since_attended=_weeks("last_attended_on"),
        weeks_since_session=_weeks("last_session_on"),
        weeks_of_sentence_left=-_weeks("sentence_ends_on"),
        sessions_left=(pl.col("sessions_planned") - pl.col("sessions_attended")).clip(lower_bound=0),
        attended_share=pl.when(pl.col("sessions_due") > 0).then(
            pl.col("sessions_attended") / pl.col("sessions_due")
        ),
    ).with_columns(sessions_behind=_behind())
    known = pl.col("crn").is_not_null()
    return (
        frame.sort("_row")
        .select(
            "referral_id",
            "as_of",
            "crn",
            "referred_on",
            *(pl.when(known).then(pl.col(n)).alias(n) for n in LABELS),
        )
        .collect()
    )


def _weeks(day: str) -> pl.Expr:
    return (pl.col("as_of") - pl.col(day)).dt.total_days() / 7.0


def _behind() -> pl.Expr:
    """Sessions that the plan would have had by now, less those attended; null before the start.

    The plan's pace is the catalogue's length where it has one, and one session a week where it has none.
    """
    pace = (
        pl.when(pl.col("duration_weeks") > 0)
        .then(pl.col("sessions_planned") / pl.col("duration_weeks"))
        .otherwise(1.0)
    )
    due = pl.min_horizontal(pl.col("sessions_planned"), pl.col("weeks_since_commenced") * pace)
    return due - pl.col("sessions_attended")


def _interventions(catalogue: Catalogue) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "intervention_id": entry.id,
                "intervention_type": str(entry.type),
                "duration_weeks": None if entry.duration_weeks is None else float(entry.duration_weeks),
                "catalogue_sessions": None if entry.sessions is None else int(entry.sessions),
            }
            for entry in catalogue.interventions
        ],
        schema={
            "intervention_id": pl.String,
            "intervention_type": pl.String,
            "duration_weeks": pl.Float64,
            "catalogue_sessions": pl.Int32,
        },
    )


def _latest(base: pl.LazyFrame, table: pl.LazyFrame, *, on: str, version: list[str]) -> pl.LazyFrame:
    """The rows of a table known before each point, the latest known version of each record."""
    return (
        base.select("_row", "as_of", on)
        .join(table, on=on)
        .filter(pl.col("known_on") < pl.col("as_of"))
        .sort("known_on", maintain_order=True)
        .unique(version, keep="last", maintain_order=True)
    )


def _status(base: pl.LazyFrame, histories: Histories) -> pl.LazyFrame:
    events = histories.table("referral_events").sort("occurred_on", "known_on", "status")
    known = _latest(base, events, on="referral_id", version=["_row", "occurred_on", "status"])
    return (
        known.sort("occurred_on", "known_on", maintain_order=True)
        .group_by("_row", maintain_order=True)
        .agg(
            referral_status=pl.col("status").last(),
            status_on=pl.col("occurred_on").last(),
            times_stood_still=pl.col("status").is_in(STANDING_STILL).sum(),
            steps_back=pl.col("status").is_in(("BREACH", "RECALL", "RETURN_TO_COURT")).sum(),
            started_on=pl.col("occurred_on").filter(pl.col("status") == "ON_PROGRAMME").min(),
        )
    )


def _sessions(base: pl.LazyFrame, histories: Histories) -> pl.LazyFrame:
    known = _latest(base, histories.table("sessions"), on="referral_id", version=["_row", "session_number"])
    day, outcome = pl.col("scheduled_on"), pl.col("outcome")
    attended = outcome.is_in(ATTENDED)
    missed = outcome == "UNACCEPTABLE_ABSENCE"
    recent = day >= pl.col("as_of") - pl.duration(days=RECENT_DAYS)
    last_attended = day.filter(attended).max()
    return known.group_by("_row").agg(
        sessions_attended=attended.sum(),
        sessions_due=(outcome.is_not_null() & (outcome != "RESCHEDULED")).sum(),
        unacceptable_absences=missed.sum(),
        unacceptable_absences_28d=(missed & recent).sum(),
        acceptable_absences_28d=((outcome == "ACCEPTABLE_ABSENCE") & recent).sum(),
        not_complied_28d=((outcome == "ATTENDED_NOT_COMPLIED") & recent).sum(),
        absences_in_a_row=(missed & ((day > last_attended) | last_attended.is_null())).sum(),
        first_attended_on=day.filter(attended).min(),
        last_attended_on=last_attended,
        last_session_on=day.filter(outcome.is_not_null()).max(),
    )


def _sentence(frame: pl.LazyFrame, histories: Histories) -> pl.LazyFrame:
    """The end of the sentence that the referral belongs to; where none is named, of the person's last to end."""
    sentences = histories.table("sentences").select("crn", "known_on", "ends_on", number="event_number")
    base = frame.select("_row", "as_of", "crn", "event_number").filter(pl.col("crn").is_not_null())
    known = (
        base.join(sentences, on="crn")
        .filter(pl.col("known_on") < pl.col("as_of"))
        .sort("known_on", maintain_order=True)
        .unique(["_row", "number"], keep="last", maintain_order=True)
    )
    own = pl.col("ends_on").filter(pl.col("number") == pl.col("event_number")).max()
    return known.group_by("_row").agg(sentence_ends_on=pl.coalesce(own, pl.col("ends_on").max()))
