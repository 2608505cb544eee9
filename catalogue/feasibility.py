"""Feasibility: can this person attend it here and now, apart from whether they are eligible?

Source: the operating model, part two (travel of at most 60 minutes each way, 90 for unpaid work placements; no woman
alone in a group of men; work done before the end of the sentence; up to 28 hours of unpaid work a week; adjustments for
language and literacy).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, TypeAlias

from catalogue import logic, messages
from catalogue.eligibility import OUTCOMES, Reason
from catalogue.fields import Subject
from catalogue.intervention import Intervention, InterventionType, RuleKind
from catalogue.logic import Truth

Row: TypeAlias = Mapping[str, object]

TRAVEL_MINUTES: Final = 60
TRAVEL_MINUTES_UNPAID_WORK: Final = 90
INSIDE: Final = frozenset({"CUSTODY", "REMAND"})
SOURCE: Final = "OPERATING_MODEL: part two"
# A row is chosen by: possible before open before impossible; then the earliest start, the shortest way, the name.
_PREFERENCE: Final[Mapping[Truth, int]] = {True: 0, None: 1, False: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Feasibility:
    """Whether a person can attend an intervention, with reasons, and the place and date that suit best.

    ``feasible`` is ``None`` where the directory says nothing or an answer is wanting; ``minutes`` are each way by public
    transport (``None``: not known, or no travel); ``waiting_weeks`` count to the start at that venue, to two decimals.
    ``units_that_fit`` is how many of its sessions, or of the hours that the court ordered, fit between that start and the
    end of the sentence (``None``: their number, their pace or the end is not known).
    """

    intervention_id: str
    feasible: bool | None
    reasons: tuple[Reason, ...]
    venue: str | None
    minutes: float | None
    next_start_on: date | None
    waiting_weeks: float | None
    format: str | None
    units_that_fit: int | None = None


def travel_limit(intervention: Intervention) -> int:
    """How many minutes each way may it take to get there?"""
    if intervention.type is InterventionType.UNPAID_WORK:
        return TRAVEL_MINUTES_UNPAID_WORK
    return TRAVEL_MINUTES


def weeks_needed(intervention: Intervention, sessions_per_week: float | None) -> int | None:
    """How many weeks does it take at this pace? By sessions where both are known, else its usual length."""
    if intervention.sessions is not None and sessions_per_week:
        return math.ceil(intervention.sessions / sessions_per_week)
    return intervention.duration_weeks


def ordered_hours(subject: Subject, intervention: Intervention) -> tuple[float, float] | None:
    """Between how many hours did the court order? The same twice where they are recorded, ``None`` where it ordered none.

    An order whose hours are not recorded has at least the fewest and at most the most that the law allows.
    """
    field = intervention.hours_field
    if field is None or intervention.hours is None:
        return None
    hours = _number(subject.get(field))
    if hours is not None:
        return hours, hours
    required = subject.get("requirement_types")
    ordered = isinstance(required, tuple | list) and intervention.type.value in required
    return (intervention.hours.fewest, intervention.hours.most) if ordered else None


def assess(
    subject: Subject,
    intervention: Intervention,
    *,
    as_of: date,
    directory: Sequence[Row],
    travel: Mapping[str, float],
) -> Feasibility:
    """Can this person attend this intervention, where, and when?

    ``directory`` holds rows of the contract's directory; those of the intervention are looked at that are in date and
    near: of the person's delivery unit, or elsewhere in their region online or at a venue that ``travel`` knows. ``travel`` gives minutes each way by venue from
    the person's delivery unit. Feasible if any row is.
    """
    rows = [
        row for row in directory if row.get("intervention_id") == intervention.id and _in_date(row, as_of)
    ]
    if not rows:
        return _none(intervention, feasible=None, reasons=(_reason("NO_DIRECTORY_ENTRY", None, ()),))
    near = [row for row in rows if _near(row, subject, travel)]
    if not near:
        return _none(
            intervention, feasible=False, reasons=(_reason("NOT_OFFERED_HERE", False, ("pdu", "region")),)
        )
    placed = [_place(row, subject, intervention, as_of=as_of, travel=travel) for row in near]
    best = min(placed, key=preference)
    if subject.get("sex") != "FEMALE" or intervention.women_only:
        return best
    offered = any(row.get("women_only") is True for row in near)
    offer = _reason("WOMEN_ONLY_ON_OFFER", offered, ("sex",), kind=RuleKind.ADVISORY)
    return replace(best, reasons=(*best.reasons, offer))


def preference(placed: Feasibility) -> tuple[int, date, float, str, str]:
    """By what is one place preferred to another? The smallest comes first."""
    return (
        _PREFERENCE[placed.feasible],
        placed.next_start_on or date.max,
        math.inf if placed.minutes is None else placed.minutes,
        placed.venue or "",
        placed.format or "",
    )


def start_of(row: Row, as_of: date) -> tuple[date, float]:
    """On which day does the row's next place start, and how many weeks from now is that?

    The later of its next start and the end of the waiting list, and never in the past.
    """
    waiting = _number(row.get("waiting_weeks")) or 0.0
    after_wait = as_of + timedelta(days=math.ceil(7 * waiting))
    next_start = row.get("next_start_on")
    start = max(after_wait, next_start) if isinstance(next_start, date) else after_wait
    return start, round((start - as_of).days / 7, 2)


def _none(intervention: Intervention, *, feasible: bool | None, reasons: tuple[Reason, ...]) -> Feasibility:
    return Feasibility(
        intervention_id=intervention.id,
        feasible=feasible,
        reasons=reasons,
        venue=None,
        minutes=None,
        next_start_on=None,
        waiting_weeks=None,
        format=None,
    )


def _in_date(row: Row, as_of: date) -> bool:
    first, last = row.get("valid_from"), row.get("valid_to")
    return (not isinstance(first, date) or first <= as_of) and (not isinstance(last, date) or as_of < last)


def _near(row: Row, subject: Subject, travel: Mapping[str, float]) -> bool:
    """Is the row for this person: their delivery unit's, their region's online, or a venue that travel is known to?"""
    pdu, region = row.get("pdu"), row.get("region")
    if pdu is not None and pdu == subject.get("pdu"):
        return True
    if region is not None and region != subject.get("region"):
        return False
    return pdu is None or row.get("format") == "ONLINE" or row.get("venue") in travel


def _place(
    row: Row,
    subject: Subject,
    intervention: Intervention,
    *,
    as_of: date,
    travel: Mapping[str, float],
) -> Feasibility:
    venue = str(row["venue"]) if row.get("venue") is not None else None
    layout = str(row["format"]) if row.get("format") is not None else None
    start, waiting = start_of(row, as_of)
    minutes = None if layout == "ONLINE" or venue is None else travel.get(venue)
    on_time, units = _time(row, start, subject, intervention, as_of=as_of)
    reasons = [
        *_travel(layout, minutes, subject, intervention),
        *_women(row, subject, intervention),
        *on_time,
        *_adjustments(subject),
    ]
    deciding = [_truth(reason) for reason in reasons if reason.kind is RuleKind.RULE]
    return Feasibility(
        intervention_id=intervention.id,
        feasible=logic.conjunction(deciding),
        reasons=tuple(reasons),
        venue=venue,
        minutes=minutes,
        next_start_on=start,
        waiting_weeks=waiting,
        format=layout,
        units_that_fit=units,
    )


def _travel(
    layout: str | None, minutes: float | None, subject: Subject, intervention: Intervention
) -> list[Reason]:
    if layout == "ONLINE" or subject.get("setting") in INSIDE:
        return []
    limit = travel_limit(intervention)
    within = None if minutes is None else minutes <= limit
    return [_reason("TRAVEL", within, ("pdu",), minutes=f"{minutes or 0:.0f}", limit=limit)]


def _in_group(row: Row, intervention: Intervention) -> bool:
    """Is it in a group? Where the directory does not say, it is if it can be."""
    layout = row.get("format")
    return layout == "GROUP" or (layout is None and "GROUP" in intervention.formats)


def _women(row: Row, subject: Subject, intervention: Intervention) -> list[Reason]:
    sex = subject.get("sex")
    if row.get("women_only") is True:
        return [_reason("WOMEN_ONLY_VENUE", None if sex is None else sex == "FEMALE", ("sex",))]
    if sex == "MALE" or not _in_group(row, intervention):
        return []
    # Expected number of other women. A woman is never the only one in a group of men.
    others = _number(row.get("women_in_group"))
    company = None if others is None else others >= 1
    if sex is None and company is not True:
        company = None
    return [_reason("WOMEN_IN_GROUP", company, ("sex",))]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """How much there is to do, in which unit, at what pace, and so for how many weeks at least and at most."""

    amount: float | None
    unit: str
    pace: float | None
    fewest_weeks: int
    most_weeks: int
    fields: tuple[str, ...]


def _work(row: Row, subject: Subject, intervention: Intervention) -> _Work:
    per_week = _number(row.get("sessions_per_week"))
    between = ordered_hours(subject, intervention)
    pace = None if intervention.hours is None else intervention.hours.a_week(per_week)
    if between is not None and pace is not None:
        field = intervention.hours_field
        assert field is not None
        fewest, most = between
        return _Work(
            amount=most if fewest == most else None,
            unit="hours",
            pace=pace,
            fewest_weeks=math.ceil(fewest / pace),
            most_weeks=math.ceil(most / pace),
            fields=("days_left", field),
        )
    weeks = weeks_needed(intervention, per_week) or 0
    return _Work(
        amount=intervention.sessions,
        unit="sessions",
        pace=per_week or None,
        fewest_weeks=weeks,
        most_weeks=weeks,
        fields=("days_left",),
    )


def _time(
    row: Row, start: date, subject: Subject, intervention: Intervention, *, as_of: date
) -> tuple[list[Reason], int | None]:
    """Can it be done before the sentence ends, and how many of its sessions or hours can?"""
    work = _work(row, subject, intervention)
    left = _number(subject.get("days_left"))
    days = None if left is None else left - (start - as_of).days
    fits: Truth = None
    if days is not None:
        fits = True if 7 * work.most_weeks <= days else False if 7 * work.fewest_weeks > days else None
    elif subject.get("sentence_type") == "PRE_SENTENCE":
        fits = True
    units = None
    if days is not None and work.amount is not None and work.pace is not None:
        units = int(min(work.amount, max(0, days) // 7 * work.pace))
    reasons = [_fit_reason(work, fits, units)]
    share = None if intervention.hours is None else intervention.hours.learning_share
    if work.unit == "hours" and work.amount is not None and share is not None:
        learning = f"{math.floor(round(share * work.amount, 6)):g}"
        reasons.append(
            _reason(
                "LEARNING_HOURS",
                True,
                work.fields[1:],
                kind=RuleKind.ADVISORY,
                learning=learning,
                hours=f"{work.amount:g}",
            )
        )
    return reasons, units


def _fit_reason(work: _Work, fits: Truth, units: int | None) -> Reason:
    """The sentence on time, in hours where the court ordered hours, and with the part that fits where not all does."""
    said = "HOURS_FIT" if work.unit == "hours" else "FITS_SENTENCE"
    if fits is False and units is not None:
        said = "SOME_HOURS_FIT" if work.unit == "hours" else "SOME_SESSIONS_FIT"
    return _reason(
        "FITS_SENTENCE",
        fits,
        work.fields,
        said=said,
        weeks=work.fewest_weeks,
        units=units or 0,
        amount=f"{work.amount or 0:g}",
        pace=f"{work.pace or 0:g}",
    )


def _adjustments(subject: Subject) -> list[Reason]:
    """What the venue would have to arrange: reasons to prepare, never to withhold."""
    found = []
    if subject.get("needs_interpreter") is True:
        found.append(_reason("INTERPRETER", False, ("needs_interpreter",), kind=RuleKind.ADVISORY))
    if subject.get("reads_simple_sentences") is False:
        found.append(_reason("LITERACY_SUPPORT", False, ("reads_simple_sentences",), kind=RuleKind.ADVISORY))
    return found


def _reason(
    code: str,
    truth: Truth,
    fields: tuple[str, ...],
    *,
    kind: RuleKind = RuleKind.RULE,
    said: str | None = None,
    **values: str | int,
) -> Reason:
    """The reason of this code; ``said`` names other sentences than the code's own."""
    sentences = messages.load().feasibility[said or code]
    text = {True: sentences.met, False: sentences.not_met, None: sentences.unknown}[truth]
    return Reason(
        code=code,
        outcome=OUTCOMES[truth],
        text=text.format(**values),
        fields=fields,
        source=SOURCE,
        kind=kind,
    )


def _truth(reason: Reason) -> Truth:
    return next(truth for truth, outcome in OUTCOMES.items() if outcome is reason.outcome)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
