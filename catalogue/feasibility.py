"""Feasibility: can this person attend it here and now, apart from whether they are eligible?

Source: the operating model, part two (travel of at most 60 minutes each way, 90 for unpaid work placements; no woman
alone in a group of men; work done before the end of the sentence; up to 28 hours of unpaid work a week; adjustments for
language and literacy).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from catalogue import messages
from catalogue.eligibility import OUTCOMES, Reason
from catalogue.fields import Subject
from catalogue.intervention import Hours, Intervention, InterventionType, RuleKind
from catalogue.logic import Truth

Row: TypeAlias = Mapping[str, object]
Journey: TypeAlias = tuple[float | None, float | None]  # minutes each way, weeks of waiting
_Company: TypeAlias = tuple[str, Truth]  # the code of a rule on who else attends, and whether it holds

TRAVEL_MINUTES: Final = 60
TRAVEL_MINUTES_UNPAID_WORK: Final = 90
INSIDE: Final = frozenset({"CUSTODY", "REMAND"})
SOURCE: Final = "OPERATING_MODEL: part two"
KEPT: Final = 16_384  # how many sentences and dates are remembered
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
    return _weeks(intervention.sessions, intervention.duration_weeks, sessions_per_week)


def _weeks(sessions: int | None, duration_weeks: int | None, per_week: float | None) -> int | None:
    return math.ceil(sessions / per_week) if sessions is not None and per_week else duration_weeks


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
    rows = [row for row in directory if row.get("intervention_id") == intervention.id]
    return Question(subject, as_of=as_of, travel=travel).answer(intervention, rows)


class Question:
    """One person and one day, of whom every intervention is asked: what they share is read once.

    Of the rows of an intervention only the place that suits best is described; the others are weighed, no more.
    """

    def __init__(self, subject: Subject, *, as_of: date, travel: Mapping[str, float]) -> None:
        self.subject = subject
        self.as_of = as_of
        self.travel = travel
        self._pdu, self._region = subject.get("pdu"), subject.get("region")
        self._sex = subject.get("sex")
        self._inside = subject.get("setting") in INSIDE
        self._left = _number(subject.get("days_left"))
        self._unsentenced = subject.get("sentence_type") == "PRE_SENTENCE"
        self._adjustments = _adjustments(subject)

    def answer(self, intervention: Intervention, rows: Sequence[Row]) -> Feasibility:
        """Can the person attend it, where and when? ``rows`` are those of the directory for the intervention."""
        return self._best(intervention, *self._places(intervention, rows))

    def answer_and_journey(
        self, intervention: Intervention, rows: Sequence[Row]
    ) -> tuple[Feasibility, Journey]:
        """The same, and the way and the wait to the place that would suit anybody best, whatever their sex."""
        near, places = self._places(intervention, rows)
        if not places:
            return self._best(intervention, near, places), (None, None)
        anybody = places[0]
        if len(places) > 1:
            group = _traits_of(intervention).group
            anybody = min(places, key=lambda place: place.preference(_women(place.row, None, group=group)))
        return self._best(intervention, near, places), (anybody.minutes, anybody.waiting)

    def _places(self, intervention: Intervention, rows: Sequence[Row]) -> tuple[bool, list[_Place]]:
        """Is it in the directory that day at all, and which places are near?"""
        there = False
        traits = _traits_of(intervention)
        between = None if traits.hours_field is None else ordered_hours(self.subject, intervention)
        places = []
        for row in rows:
            if _in_date(row, self.as_of):
                there = True
                if self._near(row):
                    places.append(self._place(row, traits, between))
        return there, places

    def _near(self, row: Row) -> bool:
        """Is the row for this person: their delivery unit's, their region's online, or a venue that travel is known to?"""
        pdu, region = row.get("pdu"), row.get("region")
        if pdu is not None and pdu == self._pdu:
            return True
        if region is not None and region != self._region:
            return False
        return pdu is None or row.get("format") == "ONLINE" or row.get("venue") in self.travel

    def _place(self, row: Row, traits: _Traits, between: tuple[float, float] | None) -> _Place:
        layout, venue = row.get("format"), row.get("venue")
        start, waiting = start_of(row, self.as_of)
        minutes = None if layout == "ONLINE" or venue is None else self.travel.get(str(venue))
        work = _work(_number(row.get("sessions_per_week")), between, traits)
        days = None if self._left is None else self._left - (start - self.as_of).days
        fits: Truth = None
        if days is not None:
            fits = True if 7 * work.most_weeks <= days else False if 7 * work.fewest_weeks > days else None
        elif self._unsentenced:
            fits = True
        travels = layout != "ONLINE" and not self._inside
        return _Place(
            row,
            None if venue is None else str(venue),
            None if layout is None else str(layout),
            start,
            waiting,
            minutes,
            travels,
            None if minutes is None else minutes <= traits.limit,
            work,
            days,
            fits,
        )

    def _best(self, intervention: Intervention, there: bool, places: Sequence[_Place]) -> Feasibility:  # noqa: FBT001
        if not there:
            return _none(intervention, feasible=None, reasons=(_reason("NO_DIRECTORY_ENTRY", None, ()),))
        if not places:
            reason = _reason("NOT_OFFERED_HERE", False, ("pdu", "region"))
            return _none(intervention, feasible=False, reasons=(reason,))
        traits, sex = _traits_of(intervention), self._sex
        best = (
            places[0]
            if len(places) == 1
            else min(places, key=lambda place: place.preference(_women(place.row, sex, group=traits.group)))
        )
        company = _women(best.row, sex, group=traits.group)
        units = best.units
        reasons = []
        if best.travels:
            values = (("minutes", f"{best.minutes or 0:.0f}"), ("limit", traits.limit))
            reasons.append(_reason("TRAVEL", best.within, ("pdu",), values=values))
        if company is not None:
            reasons.append(_reason(*company, ("sex",)))
        reasons.append(_fit_reason(best.work, best.fits, units))
        reasons += _learning(best.work, traits)
        reasons += self._adjustments
        if sex == "FEMALE" and not traits.women_only:
            offered = any(place.row.get("women_only") is True for place in places)
            reasons.append(_reason("WOMEN_ONLY_ON_OFFER", offered, ("sex",), RuleKind.ADVISORY))
        return Feasibility(
            intervention_id=intervention.id,
            feasible=best.feasible(company),
            reasons=tuple(reasons),
            venue=best.venue,
            minutes=best.minutes,
            next_start_on=best.start,
            waiting_weeks=best.waiting,
            format=best.layout,
            units_that_fit=units,
        )


@dataclass(frozen=True, slots=True)
class _Traits:
    """What feasibility reads of an intervention, worked out once."""

    limit: int
    group: bool
    women_only: bool
    sessions: int | None
    duration_weeks: int | None
    hours: Hours | None
    hours_field: str | None


# Entries of the catalogue do not change, so their traits are kept by which object they are, beside that object.
_TRAITS: Final[dict[int, tuple[Intervention, _Traits]]] = {}
_MOST_TRAITS: Final = 4_096


def _traits_of(intervention: Intervention) -> _Traits:
    kept = _TRAITS.get(id(intervention))
    if kept is not None and kept[0] is intervention:
        return kept[1]
    traits = _Traits(
        limit=travel_limit(intervention),
        group="GROUP" in intervention.formats,
        women_only=intervention.women_only,
        sessions=intervention.sessions,
        duration_weeks=intervention.duration_weeks,
        hours=intervention.hours,
        hours_field=intervention.hours_field,
    )
    if len(_TRAITS) >= _MOST_TRAITS:
        _TRAITS.clear()
    _TRAITS[id(intervention)] = (intervention, traits)
    return traits


class _Place(NamedTuple):
    """A row of the directory weighed for one person, apart from who else attends."""

    row: Row
    venue: str | None
    layout: str | None
    start: date
    waiting: float
    minutes: float | None
    travels: bool
    within: Truth
    work: _Work
    days: float | None
    fits: Truth

    def feasible(self, company: _Company | None) -> Truth:
        """Do all the rules on attending hold here?"""
        deciding = [self.fits]
        if self.travels:
            deciding.append(self.within)
        if company is not None:
            deciding.append(company[1])
        return False if False in deciding else None if None in deciding else True

    def preference(self, company: _Company | None) -> tuple[int, date, float, str, str]:
        """By what is it preferred to another place? The smallest comes first."""
        return (
            _PREFERENCE[self.feasible(company)],
            self.start,
            math.inf if self.minutes is None else self.minutes,
            self.venue or "",
            self.layout or "",
        )

    @property
    def units(self) -> int | None:
        """How many sessions or hours fit?"""
        if self.days is None or self.work.amount is None or self.work.pace is None:
            return None
        return int(min(self.work.amount, max(0, self.days) // 7 * self.work.pace))


def start_of(row: Row, as_of: date) -> tuple[date, float]:
    """On which day does the row's next place start, and how many weeks from now is that?

    The later of its next start and the end of the waiting list, and never in the past.
    """
    next_start = row.get("next_start_on")
    return _start(
        _number(row.get("waiting_weeks")) or 0.0, next_start if isinstance(next_start, date) else None, as_of
    )


@lru_cache(maxsize=KEPT)
def _start(waiting: float, next_start: date | None, as_of: date) -> tuple[date, float]:
    after_wait = as_of + timedelta(days=math.ceil(7 * waiting))
    start = after_wait if next_start is None else max(after_wait, next_start)
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


def _women(row: Row, sex: object, *, group: bool) -> _Company | None:
    """Which rule on who attends applies to somebody of this sex, and does it hold? ``group``: it can be in one."""
    if row.get("women_only") is True:
        return "WOMEN_ONLY_VENUE", None if sex is None else sex == "FEMALE"
    if sex == "MALE":
        return None
    layout = row.get("format")
    # Where the directory does not say how it is given, it is in a group if it can be.
    if layout != "GROUP" and not (layout is None and group):
        return None
    # Expected number of other women. A woman is never the only one in a group of men.
    others = _number(row.get("women_in_group"))
    company = None if others is None else others >= 1
    if sex is None and company is not True:
        company = None
    return "WOMEN_IN_GROUP", company


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """How much there is to do, in which unit, at what pace, and so for how many weeks at least and at most."""

    amount: float | None
    unit: str
    pace: float | None
    fewest_weeks: int
    most_weeks: int
    fields: tuple[str, ...]


def _work(per_week: float | None, between: tuple[float, float] | None, traits: _Traits) -> _Work:
    if between is not None:
        assert traits.hours is not None
        pace = traits.hours.a_week(per_week)
        if pace is not None:
            field = traits.hours_field
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
    return _sessions(traits.sessions, traits.duration_weeks, per_week)


@lru_cache(maxsize=KEPT)
def _sessions(sessions: int | None, duration_weeks: int | None, per_week: float | None) -> _Work:
    weeks = _weeks(sessions, duration_weeks, per_week) or 0
    return _Work(
        amount=sessions,
        unit="sessions",
        pace=per_week or None,
        fewest_weeks=weeks,
        most_weeks=weeks,
        fields=("days_left",),
    )


def _learning(work: _Work, traits: _Traits) -> list[Reason]:
    """How many of the ordered hours may be learning, where the court ordered hours."""
    share = None if traits.hours is None else traits.hours.learning_share
    if work.unit != "hours" or work.amount is None or share is None:
        return []
    learning = f"{math.floor(round(share * work.amount, 6)):g}"
    values = (("learning", learning), ("hours", f"{work.amount:g}"))
    return [_reason("LEARNING_HOURS", True, work.fields[1:], RuleKind.ADVISORY, values=values)]


def _fit_reason(work: _Work, fits: Truth, units: int | None) -> Reason:
    """The sentence on time, in hours where the court ordered hours, and with the part that fits where not all does."""
    said = "HOURS_FIT" if work.unit == "hours" else "FITS_SENTENCE"
    if fits is False and units is not None:
        said = "SOME_HOURS_FIT" if work.unit == "hours" else "SOME_SESSIONS_FIT"
    values = (
        ("weeks", work.fewest_weeks),
        ("units", units or 0),
        ("amount", f"{work.amount or 0:g}"),
        ("pace", f"{work.pace or 0:g}"),
    )
    return _reason("FITS_SENTENCE", fits, work.fields, said=said, values=values)


def _adjustments(subject: Subject) -> list[Reason]:
    """What the venue would have to arrange: reasons to prepare, never to withhold."""
    found = []
    if subject.get("needs_interpreter") is True:
        found.append(_reason("INTERPRETER", False, ("needs_interpreter",), RuleKind.ADVISORY))
    if subject.get("reads_simple_sentences") is False:
        found.append(_reason("LITERACY_SUPPORT", False, ("reads_simple_sentences",), RuleKind.ADVISORY))
    return found


@lru_cache(maxsize=KEPT)
def _reason(
    code: str,
    truth: Truth,
    fields: tuple[str, ...],
    kind: RuleKind = RuleKind.RULE,
    *,
    said: str | None = None,
    values: tuple[tuple[str, str | int], ...] = (),
) -> Reason:
    """The reason of this code; ``said`` names other sentences than the code's own. The same few come again and again."""
    sentences = messages.load().feasibility[said or code]
    text = {True: sentences.met, False: sentences.not_met, None: sentences.unknown}[truth]
    return Reason(
        code=code,
        outcome=OUTCOMES[truth],
        text=text.format(**dict(values)),
        fields=fields,
        source=SOURCE,
        kind=kind,
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
