"""How an open referral goes so far: features of one referral at a weekly landmark."""

from __future__ import annotations

from features.definitions.assessments import ASSESSMENTS
from features.definitions.delivery import REFERRAL_EVENTS, STARTED
from features.definitions.sentences import SENTENCES
from features.definitions.supervision import (
    ATTENDED,
    CIRCUMSTANCES,
    CONTACTS,
    ENFORCEMENT,
    EXCUSED,
    EXPECTED,
    HELPS,
    HINDERS,
    HOUSING,
    MISSED,
    WORK,
)
from features.expressions import Holds, OneOf, Value
from features.spec import Aggregator, AnyFeature, Derived, Feature, Operation, Scope

_REFERRAL = Scope.REFERRAL

_ATTENDED_SO_FAR = Feature(
    name="sessions_attended",
    label="Sessions attended so far",
    why="Every session attended makes finishing more likely.",
    stream="sessions",
    aggregator=Aggregator.COUNT,
    where=ATTENDED,
    scope=_REFERRAL,
    unit="sessions",
    direction=HELPS,
)
_REACHED = Feature(
    name="sessions_reached",
    label="Number of the latest session of the plan",
    why="How far the plan has come.",
    stream="sessions",
    aggregator=Aggregator.MAX,
    value=Value("session_number"),
    scope=_REFERRAL,
    unit="sessions",
)
_PLANNED = Feature(
    name="sessions_planned",
    label="Sessions planned",
    why="How long the road is.",
    stream="referrals",
    aggregator=Aggregator.LAST,
    value=Value("sessions_planned"),
    scope=_REFERRAL,
    unit="sessions",
)

OF_THE_REFERRAL: tuple[AnyFeature, ...] = (
    _ATTENDED_SO_FAR,
    _REACHED,
    _PLANNED,
    Derived(
        name="sessions_behind",
        label="Sessions behind plan",
        why="Falling behind goes before leaving.",
        operation=Operation.DIFFERENCE,
        left=_REACHED,
        right=_ATTENDED_SO_FAR,
        unit="sessions",
        direction=HINDERS,
    ),
    Derived(
        name="sessions_done_share",
        label="Share of the planned sessions attended",
        why="Near the end few leave.",
        operation=Operation.RATIO,
        left=_ATTENDED_SO_FAR,
        right=_PLANNED,
        direction=HELPS,
    ),
    Feature(
        name="sessions_missed",
        label="Sessions missed without reason so far",
        why="Absence so far foretells absence.",
        stream="sessions",
        aggregator=Aggregator.COUNT,
        where=MISSED,
        scope=_REFERRAL,
        unit="sessions",
        direction=HINDERS,
    ),
    Feature(
        name="sessions_missed_in_28_days",
        label="Sessions missed without reason in 28 days",
        why="Recent absence is the best early sign.",
        stream="sessions",
        aggregator=Aggregator.COUNT,
        where=MISSED,
        window=28,
        scope=_REFERRAL,
        unit="sessions",
        direction=HINDERS,
    ),
    Feature(
        name="sessions_excused",
        label="Sessions missed with reason so far",
        why="Clashes that timing could solve.",
        stream="sessions",
        aggregator=Aggregator.COUNT,
        where=EXCUSED,
        scope=_REFERRAL,
        unit="sessions",
        direction=HINDERS,
    ),
    Feature(
        name="session_attendance",
        label="Share of sessions attended so far",
        why="Attendance so far foretells attendance.",
        stream="sessions",
        aggregator=Aggregator.RATE,
        where=EXPECTED,
        of=ATTENDED,
        scope=_REFERRAL,
        direction=HELPS,
    ),
    Feature(
        name="session_attendance_in_28_days",
        label="Share of sessions attended in 28 days",
        why="The latest weeks say most.",
        stream="sessions",
        aggregator=Aggregator.RATE,
        where=EXPECTED,
        of=ATTENDED,
        window=28,
        scope=_REFERRAL,
        direction=HELPS,
    ),
    Feature(
        name="attendance_trend",
        label="Trend of attendance at this intervention",
        why="Drifting away shows before the end.",
        stream="sessions",
        aggregator=Aggregator.TREND,
        value=Holds(ATTENDED),
        where=EXPECTED,
        scope=_REFERRAL,
        unit="a year",
        direction=HELPS,
    ),
    Feature(
        name="days_since_attended_session",
        label="Days since a session of this intervention was attended",
        why="Momentum lost.",
        stream="sessions",
        aggregator=Aggregator.DAYS_SINCE,
        where=ATTENDED,
        scope=_REFERRAL,
        unit="days",
        direction=HINDERS,
    ),
    Feature(
        name="days_since_referred",
        label="Days since this referral",
        why="Waiting wears readiness down.",
        stream="referrals",
        aggregator=Aggregator.DAYS_SINCE,
        scope=_REFERRAL,
        unit="days",
        direction=HINDERS,
    ),
    Feature(
        name="referral_source",
        label="Who asked for this referral",
        why="Required and voluntary work are kept differently.",
        stream="referrals",
        aggregator=Aggregator.LAST,
        value=Value("source"),
        scope=_REFERRAL,
    ),
    Feature(
        name="referral_format",
        label="Format of this referral",
        why="Groups and one-to-one work are left for different reasons.",
        stream="referrals",
        aggregator=Aggregator.LAST,
        value=Value("format"),
        scope=_REFERRAL,
    ),
    Feature(
        name="started",
        label="This intervention has started",
        why="Before the start and after it are different risks.",
        stream="referral_events",
        aggregator=Aggregator.EVER,
        where=STARTED,
        scope=_REFERRAL,
    ),
    Feature(
        name="days_since_start",
        label="Days since this intervention started",
        why="Most who leave, leave early.",
        stream="referral_events",
        aggregator=Aggregator.DAYS_SINCE,
        where=STARTED,
        scope=_REFERRAL,
        unit="days",
    ),
    Feature(
        name="referral_status",
        label="Status of this referral",
        why="Where it stands in the process.",
        stream="referral_events",
        aggregator=Aggregator.LAST,
        value=Value("status"),
        scope=_REFERRAL,
    ),
    Feature(
        name="days_in_status",
        label="Days since the status changed",
        why="A referral that does not move is drifting.",
        stream="referral_events",
        aggregator=Aggregator.DAYS_SINCE,
        scope=_REFERRAL,
        unit="days",
        direction=HINDERS,
    ),
    Feature(
        name="setbacks",
        label="Deferrals and breaches of this referral",
        why="Each makes a return less likely.",
        stream="referral_events",
        aggregator=Aggregator.COUNT,
        where=OneOf("status", ("DEFERRED", "BREACH", "SUITABLE_NOT_READY", "DEPRIORITISED")),
        scope=_REFERRAL,
        unit="referral events",
        direction=HINDERS,
    ),
)

CHANGES: tuple[AnyFeature, ...] = (
    Feature(
        name="accommodation_changes_in_28_days",
        label="Records of accommodation in 28 days",
        why="The operating model: at its simplest, notice when key fields change.",
        stream="circumstances",
        aggregator=Aggregator.COUNT,
        where=HOUSING,
        window=28,
        unit="records",
        direction=HINDERS,
    ),
    Feature(
        name="employment_changes_in_28_days",
        label="Records of employment in 28 days",
        why="New work changes which days are free.",
        stream="circumstances",
        aggregator=Aggregator.COUNT,
        where=WORK,
        window=28,
        unit="records",
        direction=HINDERS,
    ),
    Feature(
        name="enforcement_in_28_days",
        label="Steps of enforcement in 28 days",
        why="Enforcement goes before an end.",
        stream="enforcement",
        aggregator=Aggregator.COUNT,
        window=28,
        unit="steps",
        direction=HINDERS,
    ),
    Feature(
        name="reoffences_in_28_days",
        label="Proven reoffences in 28 days",
        why="New offending interrupts supervision.",
        stream="reoffences",
        aggregator=Aggregator.COUNT,
        window=28,
        unit="offences",
        direction=HINDERS,
    ),
)

_CARRIED = frozenset(
    {
        "motivation", "need_total", "s3_accommodation", "s8_drugs", "s9_alcohol", "s11_thinking", "impulsivity", "ogrs_2yr", "dependence",
        "days_left", "sentence_type",
        "accommodation", "employment", "unsettled_in_a_year",
        "missed_contacts_in_28_days", "missed_contacts_in_90_days", "contact_attendance_in_90_days", "days_since_contact",
        "contact_attendance_trend", "enforcement_in_90_days", "breaches_in_three_years", "completions_known", "disengagements_known",
    }
)  # fmt: skip

OF_THE_PERSON: tuple[AnyFeature, ...] = tuple(
    feature
    for feature in (*ASSESSMENTS, *SENTENCES, *CIRCUMSTANCES, *CONTACTS, *ENFORCEMENT, *REFERRAL_EVENTS)
    if feature.name in _CARRIED
)

INFLIGHT_FEATURES = (*OF_THE_REFERRAL, *CHANGES, *OF_THE_PERSON)
