"""How supervision goes: circumstances, contacts, enforcement, proven reoffending."""

from __future__ import annotations

from features.expressions import Condition, Every, Holds, IsTrue, OneOf, Recorded, Value
from features.spec import Aggregator, Direction, Feature

HINDERS = Direction.HIGHER_HINDERS
HELPS = Direction.HIGHER_HELPS
ATTENDED = OneOf("outcome", ("ATTENDED_COMPLIED", "ATTENDED_NOT_COMPLIED"))
MISSED = OneOf("outcome", ("UNACCEPTABLE_ABSENCE",))
EXCUSED = OneOf("outcome", ("ACCEPTABLE_ABSENCE",))
EXPECTED = OneOf(
    "outcome", ("ATTENDED_COMPLIED", "ATTENDED_NOT_COMPLIED", "ACCEPTABLE_ABSENCE", "UNACCEPTABLE_ABSENCE")
)
HOUSING = OneOf("kind", ("ACCOMMODATION",))
WORK = OneOf("kind", ("EMPLOYMENT",))
_UNSETTLED = OneOf("value", ("NO_FIXED_ABODE", "TRANSIENT"))
SETTLED = OneOf("value", ("SETTLED", "APPROVED_PREMISES"))
IN_WORK = OneOf("value", ("FULL_TIME", "PART_TIME", "TRAINING"))

CIRCUMSTANCES = (
    Feature(
        name="accommodation",
        label="Accommodation last recorded",
        why="Without a settled address people miss first appointments.",
        stream="circumstances",
        aggregator=Aggregator.LAST,
        value=Value("value"),
        where=HOUSING,
    ),
    Feature(
        name="employment",
        label="Employment last recorded",
        why="Work clashes with daytime sessions; being out of work is what employment support answers.",
        stream="circumstances",
        aggregator=Aggregator.LAST,
        value=Value("value"),
        where=WORK,
    ),
    Feature(
        name="accommodation_records_in_a_year",
        label="Records of accommodation in a year",
        why="Frequent moves break the thread of appointments.",
        stream="circumstances",
        aggregator=Aggregator.COUNT,
        where=HOUSING,
        window=365,
        unit="records",
        direction=HINDERS,
    ),
    Feature(
        name="accommodation_kinds_in_a_year",
        label="Kinds of accommodation in a year",
        why="Moving between kinds of home is instability itself.",
        stream="circumstances",
        aggregator=Aggregator.DISTINCT,
        value=Value("value"),
        where=HOUSING,
        window=365,
        unit="kinds",
        direction=HINDERS,
    ),
    Feature(
        name="unsettled_in_a_year",
        label="Homeless or transient within a year",
        why="About one in ten leaves prison homeless; it goes with absence.",
        stream="circumstances",
        aggregator=Aggregator.EVER,
        where=Every((HOUSING, _UNSETTLED)),
        window=365,
        direction=HINDERS,
    ),
    Feature(
        name="in_work_share",
        label="Share of employment records in work or training over two years",
        why="Steady work both protects and clashes.",
        stream="circumstances",
        aggregator=Aggregator.RATE,
        where=Every((WORK, Recorded("value"))),
        of=IN_WORK,
        window=2 * 365,
    ),
    Feature(
        name="days_since_in_work",
        label="Days since last recorded in work or training",
        why="Recent work is what employment support builds on.",
        stream="circumstances",
        aggregator=Aggregator.DAYS_SINCE,
        where=Every((WORK, IN_WORK)),
        unit="days",
    ),
    Feature(
        name="work_records_in_a_year",
        label="Records of employment in a year",
        why="Changing work changes which days are free.",
        stream="circumstances",
        aggregator=Aggregator.COUNT,
        where=WORK,
        window=365,
        unit="records",
    ),
)


def _contacts(
    name: str, label: str, why: str, where: Condition, days: int, *, direction: Direction | None = HINDERS
) -> Feature:
    return Feature(
        name=name,
        label=label,
        why=why,
        stream="contacts",
        aggregator=Aggregator.COUNT,
        where=where,
        window=days,
        unit="contacts",
        direction=direction,
    )


CONTACTS = (
    _contacts(
        "contacts_in_half_a_year",
        "Contacts expected in half a year",
        "How closely somebody is supervised.",
        EXPECTED,
        182,
        direction=None,
    ),
    _contacts(
        "missed_contacts_in_28_days",
        "Appointments missed without reason in 28 days",
        "Recent absence is the best early sign of more.",
        MISSED,
        28,
    ),
    _contacts(
        "missed_contacts_in_90_days",
        "Appointments missed without reason in 90 days",
        "A pattern rather than one bad week.",
        MISSED,
        90,
    ),
    _contacts(
        "missed_contacts_in_a_year",
        "Appointments missed without reason in a year",
        "The long record of attendance.",
        MISSED,
        365,
    ),
    _contacts(
        "excused_contacts_in_90_days",
        "Appointments missed with reason in 90 days",
        "Clashes that timing could solve.",
        EXCUSED,
        90,
    ),
    _contacts(
        "rescheduled_contacts_in_90_days",
        "Appointments rescheduled in 90 days",
        "Instability on either side of the desk.",
        OneOf("outcome", ("RESCHEDULED",)),
        90,
    ),
    _contacts(
        "not_complied_in_a_year",
        "Appointments attended without complying in a year",
        "Coming without taking part goes before deselection.",
        OneOf("outcome", ("ATTENDED_NOT_COMPLIED",)),
        365,
    ),
    Feature(
        name="contact_attendance_in_90_days",
        label="Share of appointments attended in 90 days",
        why="Attendance at appointments foretells attendance at sessions.",
        stream="contacts",
        aggregator=Aggregator.RATE,
        where=EXPECTED,
        of=ATTENDED,
        window=90,
        direction=HELPS,
    ),
    Feature(
        name="contact_attendance_in_a_year",
        label="Share of appointments attended in a year",
        why="Attendance at appointments foretells attendance at sessions.",
        stream="contacts",
        aggregator=Aggregator.RATE,
        where=EXPECTED,
        of=ATTENDED,
        window=365,
        direction=HELPS,
    ),
    Feature(
        name="contact_attendance_trend",
        label="Trend of attendance at appointments over half a year",
        why="Drifting away shows before the first breach.",
        stream="contacts",
        aggregator=Aggregator.TREND,
        value=Holds(ATTENDED),
        where=EXPECTED,
        window=182,
        unit="a year",
        direction=HELPS,
    ),
    Feature(
        name="days_since_contact",
        label="Days since an appointment was attended",
        why="Contact lost is the plainest sign of drift.",
        stream="contacts",
        aggregator=Aggregator.DAYS_SINCE,
        where=ATTENDED,
        unit="days",
        direction=HINDERS,
    ),
    Feature(
        name="days_since_missed_contact",
        label="Days since an appointment was missed without reason",
        why="Time since the last slip.",
        stream="contacts",
        aggregator=Aggregator.DAYS_SINCE,
        where=MISSED,
        unit="days",
        direction=HELPS,
    ),
    Feature(
        name="longest_gap_in_contact",
        label="Longest time between attended appointments in a year",
        why="A lapse that was come back from.",
        stream="contacts",
        aggregator=Aggregator.LONGEST_GAP,
        where=ATTENDED,
        window=365,
        unit="days",
        direction=HINDERS,
    ),
    Feature(
        name="remote_contact_share",
        label="Share of contacts by phone or video in half a year",
        why="Supervision by phone hides and also eases attendance.",
        stream="contacts",
        aggregator=Aggregator.RATE,
        where=EXPECTED,
        of=OneOf("kind", ("PHONE", "VIDEO")),
        window=182,
    ),
    Feature(
        name="home_visits_in_half_a_year",
        label="Home visits in half a year",
        why="Outreach by the practitioner.",
        stream="contacts",
        aggregator=Aggregator.COUNT,
        where=OneOf("kind", ("HOME_VISIT",)),
        window=182,
        unit="visits",
    ),
)

_WARNING = OneOf("kind", ("WARNING", "FINAL_WARNING"))
_BREACH = OneOf("kind", ("BREACH_STARTED", "BREACH_PROVEN"))

ENFORCEMENT = (
    Feature(
        name="warnings_in_a_year",
        label="Warnings in a year",
        why="What followed absence; practice differs by team.",
        stream="enforcement",
        aggregator=Aggregator.COUNT,
        where=_WARNING,
        window=365,
        unit="warnings",
        direction=HINDERS,
    ),
    Feature(
        name="enforcement_in_90_days",
        label="Steps of enforcement in 90 days",
        why="About half of drop-outs were breached or revoked.",
        stream="enforcement",
        aggregator=Aggregator.COUNT,
        window=90,
        unit="steps",
        direction=HINDERS,
    ),
    Feature(
        name="breaches_in_three_years",
        label="Breaches in three years",
        why="Previous breach predicts non-completion.",
        stream="enforcement",
        aggregator=Aggregator.COUNT,
        where=_BREACH,
        window=3 * 365,
        unit="breaches",
        direction=HINDERS,
    ),
    Feature(
        name="recalled_before",
        label="Has been recalled",
        why="Recall ends most interventions.",
        stream="enforcement",
        aggregator=Aggregator.EVER,
        where=OneOf("kind", ("RECALL",)),
        direction=HINDERS,
    ),
    Feature(
        name="enforcement_kinds",
        label="Kinds of enforcement in a year",
        why="How far up the ladder it went.",
        stream="enforcement",
        aggregator=Aggregator.DISTINCT,
        value=Value("kind"),
        window=365,
        unit="kinds",
        direction=HINDERS,
    ),
    Feature(
        name="days_since_enforcement",
        label="Days since enforcement",
        why="Time since the last step.",
        stream="enforcement",
        aggregator=Aggregator.DAYS_SINCE,
        unit="days",
        direction=HELPS,
    ),
)

REOFFENCES = (
    Feature(
        name="reoffences_in_two_years",
        label="Proven reoffences in two years",
        why="New offending interrupts supervision.",
        stream="reoffences",
        aggregator=Aggregator.COUNT,
        window=2 * 365,
        unit="offences",
        direction=HINDERS,
    ),
    Feature(
        name="reoffences_known",
        label="Proven reoffences so far",
        why="The record since supervision began.",
        stream="reoffences",
        aggregator=Aggregator.COUNT,
        unit="offences",
        direction=HINDERS,
    ),
    Feature(
        name="violent_reoffence",
        label="A violent reoffence has been proven",
        why="Decides which programmes fit.",
        stream="reoffences",
        aggregator=Aggregator.EVER,
        where=IsTrue("violent"),
        direction=HINDERS,
    ),
    Feature(
        name="days_since_reoffence",
        label="Days since the latest proven reoffence",
        why="Offence-free time lowers risk.",
        stream="reoffences",
        aggregator=Aggregator.DAYS_SINCE,
        unit="days",
        direction=HELPS,
    ),
    Feature(
        name="longest_gap_between_reoffences",
        label="Longest time between proven reoffences",
        why="Spells without offending show what is possible.",
        stream="reoffences",
        aggregator=Aggregator.LONGEST_GAP,
        unit="days",
        direction=HELPS,
    ),
)
