"""Referrals before this one, how they went, and the sessions attended."""

from __future__ import annotations

from features.definitions.supervision import ATTENDED, EXPECTED, MISSED
from features.expressions import Condition, Every, Holds, OneOf, Value
from features.reasons import ReasonOutcome, codes
from features.spec import Aggregator, Direction, Feature

HINDERS = Direction.HIGHER_HINDERS
HELPS = Direction.HIGHER_HELPS
COMPLETED = OneOf("status", ("COMPLETED",))
WITHDRAWN = OneOf("status", ("WITHDRAWN",))
DISENGAGED = Every((WITHDRAWN, OneOf("reason", codes(ReasonOutcome.ENGAGEMENT))))
STARTED = OneOf("status", ("ON_PROGRAMME",))

REFERRALS = (
    Feature(
        name="referrals_known",
        label="Referrals so far",
        why="What has been tried.",
        stream="referrals",
        aggregator=Aggregator.COUNT,
        unit="referrals",
    ),
    Feature(
        name="referrals_in_a_year",
        label="Referrals in a year",
        why="Several at once compete for the same days.",
        stream="referrals",
        aggregator=Aggregator.COUNT,
        window=365,
        unit="referrals",
    ),
    Feature(
        name="interventions_tried",
        label="Different interventions referred to",
        why="What is left to try.",
        stream="referrals",
        aggregator=Aggregator.DISTINCT,
        value=Value("intervention_id"),
        unit="interventions",
    ),
    Feature(
        name="days_since_referral",
        label="Days since the latest referral",
        why="A recent referral is still being worked on.",
        stream="referrals",
        aggregator=Aggregator.DAYS_SINCE,
        unit="days",
    ),
    Feature(
        name="required_referral_share",
        label="Share of referrals that a court or licence required",
        why="Required and voluntary work are kept differently.",
        stream="referrals",
        aggregator=Aggregator.RATE,
        of=OneOf("source", ("REQUIREMENT", "LICENCE_CONDITION")),
    ),
    Feature(
        name="group_referral_share",
        label="Share of referrals to groups",
        why="Experience of the format that is on offer.",
        stream="referrals",
        aggregator=Aggregator.RATE,
        of=OneOf("format", ("GROUP",)),
    ),
    Feature(
        name="sessions_planned_before",
        label="Sessions planned in referrals of two years",
        why="How much has been asked.",
        stream="referrals",
        aggregator=Aggregator.SUM,
        value=Value("sessions_planned"),
        window=2 * 365,
        unit="sessions",
    ),
)


def _events(
    name: str, label: str, why: str, where: Condition, *, direction: Direction | None = None
) -> Feature:
    return Feature(
        name=name,
        label=label,
        why=why,
        stream="referral_events",
        aggregator=Aggregator.COUNT,
        where=where,
        unit="referral events",
        direction=direction,
    )


REFERRAL_EVENTS = (
    _events(
        "starts_known",
        "Interventions started so far",
        "Who started before is more likely to start again.",
        STARTED,
        direction=HELPS,
    ),
    _events(
        "completions_known",
        "Interventions completed so far",
        "Who finished before is more likely to finish again.",
        COMPLETED,
        direction=HELPS,
    ),
    _events(
        "disengagements_known",
        "Interventions left for reasons of engagement",
        "Dropping out before predicts dropping out.",
        DISENGAGED,
        direction=HINDERS,
    ),
    _events(
        "deprioritisations_known",
        "Times deprioritised for a place",
        "Non-starting comes from provision as well as from people.",
        OneOf("status", ("DEPRIORITISED",)),
        direction=HINDERS,
    ),
    _events(
        "programme_breaches_known",
        "Breaches for not attending an intervention",
        "Breach ends about half of what is not completed.",
        OneOf("status", ("BREACH",)),
        direction=HINDERS,
    ),
    Feature(
        name="completion_share",
        label="Share of ended interventions that were completed",
        why="The person's own record of finishing.",
        stream="referral_events",
        aggregator=Aggregator.RATE,
        where=OneOf("status", ("COMPLETED", "WITHDRAWN")),
        of=COMPLETED,
        direction=HELPS,
    ),
    Feature(
        name="days_since_completion",
        label="Days since an intervention was completed",
        why="Momentum, and rest between programmes.",
        stream="referral_events",
        aggregator=Aggregator.DAYS_SINCE,
        where=COMPLETED,
        unit="days",
    ),
    Feature(
        name="days_since_disengagement",
        label="Days since an intervention was left",
        why="How fresh the setback is.",
        stream="referral_events",
        aggregator=Aggregator.DAYS_SINCE,
        where=DISENGAGED,
        unit="days",
        direction=HELPS,
    ),
    Feature(
        name="ever_not_ready",
        label="Has been suitable but not ready",
        why="Readiness that had to be waited for.",
        stream="referral_events",
        aggregator=Aggregator.EVER,
        where=OneOf("status", ("SUITABLE_NOT_READY",)),
        direction=HINDERS,
    ),
)

SESSIONS = (
    Feature(
        name="sessions_attended_in_a_year",
        label="Sessions attended in a year",
        why="Practice in taking part.",
        stream="sessions",
        aggregator=Aggregator.COUNT,
        where=ATTENDED,
        window=365,
        unit="sessions",
        direction=HELPS,
    ),
    Feature(
        name="sessions_missed_in_90_days",
        label="Sessions missed without reason in 90 days",
        why="Recent absence is the best early sign of more.",
        stream="sessions",
        aggregator=Aggregator.COUNT,
        where=MISSED,
        window=90,
        unit="sessions",
        direction=HINDERS,
    ),
    Feature(
        name="sessions_missed_in_a_year",
        label="Sessions missed without reason in a year",
        why="The longer record of absence.",
        stream="sessions",
        aggregator=Aggregator.COUNT,
        where=MISSED,
        window=365,
        unit="sessions",
        direction=HINDERS,
    ),
    Feature(
        name="session_attendance_in_a_year",
        label="Share of sessions attended in a year",
        why="Attendance at earlier sessions foretells the next.",
        stream="sessions",
        aggregator=Aggregator.RATE,
        where=EXPECTED,
        of=ATTENDED,
        window=365,
        direction=HELPS,
    ),
    Feature(
        name="session_attendance_trend",
        label="Trend of attendance at sessions over half a year",
        why="Drifting away shows before the end.",
        stream="sessions",
        aggregator=Aggregator.TREND,
        value=Holds(ATTENDED),
        where=EXPECTED,
        window=182,
        unit="a year",
        direction=HELPS,
    ),
    Feature(
        name="days_since_session",
        label="Days since a session was attended",
        why="Momentum lost.",
        stream="sessions",
        aggregator=Aggregator.DAYS_SINCE,
        where=ATTENDED,
        unit="days",
        direction=HINDERS,
    ),
    Feature(
        name="longest_gap_between_sessions",
        label="Longest time between attended sessions in a year",
        why="A lapse that was come back from.",
        stream="sessions",
        aggregator=Aggregator.LONGEST_GAP,
        where=ATTENDED,
        window=365,
        unit="days",
        direction=HINDERS,
    ),
)
