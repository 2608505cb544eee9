"""What happened: decision points, how referrals ended, and progress within twelve months.

The derived definitions of the data contract, in one place. Labels look at the whole
record unless `known_before` says as of when; features never do
(`features.batch`, `features.live`).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import polars as pl

from catalogue.fields import CRIMINOGENIC
from features.contract import OUTCOMES
from features.definitions.assessments import ANSWERED_AT_LEAST
from features.histories import Histories
from features.reasons import ENDED, ReasonOutcome, codes, reasons
from features.versions import current

ARM_DAYS: Final = 42
"""A referral made within this many days after a decision point is its arm."""
NO_ARM: Final = "NONE"
REOFFENCE_DAYS: Final = 365
LATER_ASSESSMENT_DAYS: Final = (120, 450)
CONVICTION_DAYS: Final = 183
"""Six months for convictions to arrive, before a label may be used."""
ENDS: Final = ("COMPLETED", "ENGAGEMENT", "ADMINISTRATIVE", "OPEN")
REASONS = reasons
_ATTENDED = tuple(outcome for outcome in OUTCOMES if outcome.startswith("ATTENDED"))


def decision_points(histories: Histories, *, known_before: date | None = None) -> pl.DataFrame:
    """When was there a decision to make, and what was done?

    One row for each day on which somebody with an active sentence had a layer-3
    assessment completed: `crn`, `decided_on`, `assessment_id`, `arm` (the
    intervention of the first referral made on that day or in the 42 days after it,
    else NONE), `referral_id` (null for NONE). Of two assessments on one day the
    later by id stands. Sorted by person and day.
    """
    assessments = current(histories, "assessments", known_before=known_before)
    sentences = current(histories, "sentences", known_before=known_before)
    referrals = current(histories, "referrals", known_before=known_before)
    points = (
        assessments.filter(pl.col("layer") == 3)
        .select("crn", "assessment_id", decided_on="completed_on")
        .drop_nulls()
        .sort("crn", "decided_on", "assessment_id")
        .unique(["crn", "decided_on"], keep="last")
    )
    active = sentences.filter(pl.col("sentence_type") != "PRE_SENTENCE").select("crn", "starts_on", "ends_on")
    covered = (
        points.join(active, on="crn")
        .filter(pl.col("starts_on") <= pl.col("decided_on"))
        .filter(pl.col("ends_on").is_null() | (pl.col("ends_on") >= pl.col("decided_on")))
        .select("crn", "decided_on")
        .unique()
    )
    done = (
        points.join(
            referrals.select("crn", "referral_id", "referred_on", arm="intervention_id").drop_nulls(),
            on="crn",
        )
        .filter(
            pl.col("referred_on").is_between("decided_on", pl.col("decided_on") + timedelta(days=ARM_DAYS))
        )
        .sort("crn", "decided_on", "referred_on", "referral_id")
        .unique(["crn", "decided_on"], keep="first", maintain_order=True)
        .select("crn", "decided_on", "arm", "referral_id")
    )
    return histories.gather(
        points.join(covered, on=["crn", "decided_on"], how="semi")
        .join(done, on=["crn", "decided_on"], how="left")
        .select("crn", "decided_on", "assessment_id", pl.col("arm").fill_null(NO_ARM), "referral_id")
        .sort("crn", "decided_on")
    )


def referral_outcomes(histories: Histories, *, known_before: date | None = None) -> pl.DataFrame:
    """Did it start, and how did it end?

    One row a referral: `referral_id`, `crn`, `intervention_id`, `referred_on`,
    `commenced_on` (first ON_PROGRAMME or first attended session), `ended_on`, and
    `end`: COMPLETED, ENGAGEMENT (not completed), ADMINISTRATIVE (censored, never a
    failure) or OPEN. A referral has ended when its last event is COMPLETED or
    WITHDRAWN. A withdrawal without a known reason counts as ENGAGEMENT only if it
    followed a breach, else as ADMINISTRATIVE: what is not recorded blames nobody.
    """
    referrals = current(histories, "referrals", known_before=known_before)
    events = current(histories, "referral_events", known_before=known_before)
    sessions = current(histories, "sessions", known_before=known_before)
    starts = pl.concat(
        [
            events.filter(pl.col("status") == "ON_PROGRAMME").select("referral_id", day="occurred_on"),
            sessions.filter(pl.col("outcome").is_in(_ATTENDED)).select("referral_id", day="scheduled_on"),
        ]
    )
    commenced = starts.group_by("referral_id").agg(commenced_on=pl.col("day").min())
    # On one day an end stands after anything else; the source's clock is days.
    order = [pl.col("occurred_on"), pl.col("status").is_in(ENDED), pl.col("known_on"), pl.col("status")]
    last = (
        events.drop_nulls(["referral_id", "occurred_on", "status"])
        .sort("referral_id", *order)
        .with_columns(before=pl.col("status").shift(1).over("referral_id"))
        .unique("referral_id", keep="last", maintain_order=True)
        .filter(pl.col("status").is_in(ENDED))
        .select("referral_id", ended_on="occurred_on", end=_end())
    )
    return histories.gather(
        referrals.select("referral_id", "crn", "intervention_id", "referred_on")
        .drop_nulls(["referral_id", "crn", "referred_on"])
        .join(commenced, on="referral_id", how="left")
        .join(last, on="referral_id", how="left")
        .with_columns(pl.col("end").fill_null("OPEN"))
        .select("referral_id", "crn", "intervention_id", "referred_on", "commenced_on", "ended_on", "end")
        .sort("referral_id", "crn")
    )


def _end() -> pl.Expr:
    reason = pl.col("reason")
    engaged = reason.is_in(codes(ReasonOutcome.ENGAGEMENT)).fill_null(value=False)
    succeeded = reason.is_in(codes(ReasonOutcome.SUCCESS)).fill_null(value=False)
    unknown = ~reason.is_in(list(reasons())).fill_null(value=False)
    breached = (pl.col("before") == "BREACH").fill_null(value=False)
    return (
        pl.when((pl.col("status") == "COMPLETED") | succeeded)
        .then(pl.lit("COMPLETED"))
        .when(engaged | (unknown & breached))
        .then(pl.lit("ENGAGEMENT"))
        .otherwise(pl.lit("ADMINISTRATIVE"))
    )


def progress(
    histories: Histories, *, known_before: date | None = None, points: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Did the person progress within twelve months of the decision point?

    One row a decision point: `crn`, `decided_on`, `progressed`, `reoffended`
    (offence 1 to 365 days after), `need_change` (total need over the sections
    answered both times, at least five, at the last assessment 120 to 450 days later,
    less the total at the decision point). Progressed means no proven reoffence and
    lower need; a reoffence is no progress; without one, and without a later
    assessment, it is null: missing, never failure.

    With `known_before`, a label is given only when its whole window plus six months
    for convictions lies before that day; else it is null. `points` are the decision points to answer for, where they
    are at hand (columns of `decision_points`); by default those known before that day.
    """
    asked = (decision_points(histories, known_before=known_before) if points is None else points).lazy()
    assessments = current(histories, "assessments", known_before=known_before)
    offences = current(histories, "reoffences", known_before=known_before)
    reoffended = (
        asked.select("crn", "decided_on")
        .join(offences.select("crn", "offence_on").drop_nulls(), on="crn")
        .filter((pl.col("offence_on") - pl.col("decided_on")).dt.total_days().is_between(1, REOFFENCE_DAYS))
        .select("crn", "decided_on")
        .unique()
        .with_columns(reoffended=pl.lit(value=True))
    )
    result = (
        asked.select("crn", "decided_on", "assessment_id")
        .join(_need_changes(asked, assessments), on=["crn", "decided_on"], how="left")
        .join(reoffended, on=["crn", "decided_on"], how="left")
        .with_columns(pl.col("reoffended").fill_null(value=False))
    )
    if known_before is not None:
        result = result.with_columns(
            reoffended=_over(REOFFENCE_DAYS, pl.col("reoffended"), known_before),
            need_change=_over(LATER_ASSESSMENT_DAYS[1], pl.col("need_change"), known_before),
        )
    progressed = (
        pl.when(pl.col("reoffended"))
        .then(pl.lit(value=False))
        .when(pl.col("reoffended").is_not_null() & pl.col("need_change").is_not_null())
        .then(pl.col("need_change") < 0)
    )
    return histories.gather(
        result.select(
            "crn", "decided_on", progressed=progressed, reoffended="reoffended", need_change="need_change"
        ).sort("crn", "decided_on")
    )


def _over(days: int, label: pl.Expr, known_before: date) -> pl.Expr:
    """The label where its window and the months for convictions lie before the day; else null."""
    last = known_before - timedelta(days=days + CONVICTION_DAYS)
    return pl.when(pl.col("decided_on") < last).then(label)


def _need_changes(points: pl.LazyFrame, assessments: pl.LazyFrame) -> pl.LazyFrame:
    earliest, latest = LATER_ASSESSMENT_DAYS
    scores = assessments.select("crn", "assessment_id", "completed_on", *CRIMINOGENIC)
    then = scores.drop("completed_on", "crn")
    later = (
        points.select("crn", "decided_on")
        .join(scores, on="crn")
        .filter((pl.col("completed_on") - pl.col("decided_on")).dt.total_days().is_between(earliest, latest))
        .sort("crn", "decided_on", "completed_on", "assessment_id")
        .unique(["crn", "decided_on"], keep="last", maintain_order=True)
        .drop("assessment_id", "completed_on")
    )
    both = (
        points.select("crn", "decided_on", "assessment_id")
        .join(then, on="assessment_id")
        .join(later, on=["crn", "decided_on"], suffix="_later")
    )
    changes = [pl.col(f"{section}_later") - pl.col(section) for section in CRIMINOGENIC]
    answered = pl.sum_horizontal(change.is_not_null().cast(pl.Int32) for change in changes)
    return both.select(
        "crn",
        "decided_on",
        need_change=pl.when(answered >= ANSWERED_AT_LEAST).then(pl.sum_horizontal(changes).cast(pl.Float64)),
    )
