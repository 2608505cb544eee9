"""Feasibility: can this person attend it here and now, apart from whether they are eligible?

Source: the operating model, part two (travel of at most 60 minutes each way, 90 for unpaid work placements; no woman
alone in a group of men; work done before the end of the sentence; up to 28 hours of unpaid work a week; adjustments for
language and literacy).

``reach`` answers over columns, for one person or thousands; ``describe`` puts one person's answers into words.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np

from catalogue import messages
from catalogue.directory import NOWHERE, Directory, Near
from catalogue.fields import ORDERED_HOURS
from catalogue.intervention import Intervention, RuleKind
from catalogue.loading import Catalogue
from catalogue.particulars import NO_HOURS, Particulars, day_of, travel_limit
from catalogue.plan import OUTCOMES, Reason
from catalogue.subjects import NOT_RECORDED, Bools, Floats, Ints, Subjects
from catalogue.truth import FALSE, TRUE, UNKNOWN, Truths, truths

INSIDE: Final = ("CUSTODY", "REMAND")
SOURCE: Final = "OPERATING_MODEL: part two"
NO_ENTRY: Final = -1
Values: TypeAlias = tuple[tuple[str, str | int], ...]
"""Values that fill a sentence, by name."""
# Sizes that let an entry's preference be one number: feasible first, then the earliest start, then the nearest.
_DAYS: Final = 2**22
_ENTRIES: Final = 2**20
_CELLS: Final = 4_000_000  # people by entries at a time, so that memory stays bounded

# The rule on who else attends that applies to a person and an entry.
_NO_RULE, _VENUE, _GROUP = range(3)
_COMPANY: Final = {_VENUE: "WOMEN_ONLY_VENUE", _GROUP: "WOMEN_IN_GROUP"}


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


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Reach:
    """What some people can attend, and where; arrays [people, interventions] in catalogue order.

    ``feasible`` holds truths; ``entry`` the place in the directory that suits best (``NO_ENTRY``: none is near);
    ``listed`` says whether the directory has the intervention on the person's day at all. ``minutes`` and
    ``waiting_weeks`` are the way and the wait to the entry that would suit anybody best, of either sex (NaN: not
    known): that is what scores read, since a separate service is a rule and must not move a score by sex. ``homes`` are the
    people of one home and day, with the entries near them.
    """

    subjects: Subjects
    catalogue: Catalogue
    directory: Directory
    days: Ints
    feasible: Truths
    entry: Ints
    listed: Bools
    minutes: Floats
    waiting_weeks: Floats
    homes: list[tuple[Ints, Near]]


def reach(subjects: Subjects, catalogue: Catalogue, *, days: Ints, directory: Directory) -> Reach:
    """Which interventions can each of these people attend on their day, and where?

    ``days`` counts days since 1970, one for each person or one for all.
    """
    shape = (len(subjects), len(catalogue.interventions))
    days = np.broadcast_to(days, len(subjects))
    found = Reach(
        subjects=subjects,
        catalogue=catalogue,
        directory=directory,
        days=days,
        feasible=np.full(shape, UNKNOWN, dtype=np.int8),
        entry=np.full(shape, NO_ENTRY, dtype=np.int64),
        listed=np.zeros(shape, dtype=np.bool_),
        minutes=np.full(shape, np.nan),
        waiting_weeks=np.full(shape, np.nan),
        homes=list(_homes(subjects, days, directory)),
    )
    known = _known(directory, catalogue)
    for people, near in found.homes:
        listed = known[near.listed]
        listed = listed[listed != NO_ENTRY]
        found.listed[np.ix_(people, listed)] = True
        found.feasible[np.ix_(people, listed)] = FALSE
        if len(near.entries):
            _settle(found, people, near, known)
    return found


def _known(directory: Directory, catalogue: Catalogue) -> Ints:
    """The catalogue's place of each of the directory's interventions; ``NO_ENTRY`` for one that it does not have."""
    place = {name: number for number, name in enumerate(catalogue.ids)}
    return np.array([place.get(name, NO_ENTRY) for name in directory.interventions], dtype=np.int64)


def _settle(found: Reach, people: Ints, near: Near, known: Ints) -> None:
    """Choose the entry that suits each of some people best, of every intervention near them."""
    offers = _Offers.of(found, near.entries, near.minutes, known)
    weighed = _weigh(_Facts.of(found.subjects, people, found.days), offers)
    own = _preferred(weighed.feasible, weighed.start, near.starts)
    anybodys = _preferred(weighed.for_anybody, weighed.start, near.starts)
    have = known[near.interventions] != NO_ENTRY
    own, anybodys = own[:, have], anybodys[:, have]
    cells = np.ix_(people, known[near.interventions][have])
    rows = np.arange(len(people))[:, None]
    found.feasible[cells] = weighed.feasible[rows, own]
    found.entry[cells] = near.entries[own]
    found.minutes[cells] = near.minutes[anybodys]
    found.waiting_weeks[cells] = weighed.waiting_weeks[rows, anybodys]


def _preferred(feasible: Truths, start: Ints, starts: Ints) -> Ints:
    """Which entry of each intervention comes first? [people, interventions].

    Feasible before open before impossible, then the earliest start, then the order of the entries.
    """
    order = np.arange(feasible.shape[1])
    key = ((TRUE - feasible.astype(np.int64)) * _DAYS + start + _DAYS // 2) * _ENTRIES + order
    return np.minimum.reduceat(key, starts, axis=1) % _ENTRIES


def _homes(subjects: Subjects, days: Ints, directory: Directory) -> Iterator[tuple[Ints, Near]]:
    """People of the same delivery unit and region, on days when the same entries are in date, with what is near them."""
    period = directory.period(days)
    units, regions = subjects.scale("pdu"), subjects.scale("region")
    homes = np.stack([period, subjects.code("pdu"), subjects.code("region")])
    different, which = np.unique(homes, axis=1, return_inverse=True)
    order = np.argsort(which.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(which.ravel(), minlength=different.shape[1]))
    for number, (_, unit, region) in enumerate(different.T.tolist()):
        together = order[ends[number - 1] if number else 0 : ends[number]]
        near = directory.near(
            unit=None if unit == NOT_RECORDED else units[unit],
            region=None if region == NOT_RECORDED else regions[region],
            day=int(days[together[0]]),
        )
        most = max(1, _CELLS // max(1, len(near.entries)))
        for begin in range(0, len(together), most):
            yield together[begin : begin + most], near


# ------------------------------------------------------------------------------------- one entry, one person


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Offers:
    """Entries of the directory: their places in it, their interventions' places in the catalogue, the way; all [1, entries]."""

    entry: Ints
    which: Ints
    minutes: Floats
    directory: Directory
    particulars: Particulars

    @classmethod
    def of(cls, found: Reach, entries: Ints, minutes: Floats, known: Ints) -> _Offers:
        """Read them; ``minutes`` each way are in the order of the entries."""
        return cls(
            entry=entries[None, :],
            which=known[found.directory.intervention[entries]][None, :],
            minutes=minutes[None, :],
            directory=found.directory,
            particulars=found.catalogue.particulars,
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Facts:
    """What feasibility reads of a person; arrays [people, 1], hours [people, kinds of ordered hours]."""

    day: Ints
    sex_known: Bools
    woman: Bools
    man: Bools
    inside: Bools
    unsentenced: Bools
    days_left: Floats
    hours: Floats
    hours_ordered: Bools

    @classmethod
    def of(cls, subjects: Subjects, people: Ints, days: Ints) -> _Facts:
        """Read them of some of the people."""

        def of_code(name: str, value: str) -> Bools:
            return subjects.is_code(name, value)[people][:, None]

        required = subjects.lists["requirement_types"].contains(tuple(ORDERED_HOURS))[people]
        return cls(
            day=days[people][:, None],
            sex_known=(subjects.code("sex")[people] != NOT_RECORDED)[:, None],
            woman=of_code("sex", "FEMALE"),
            man=of_code("sex", "MALE"),
            inside=np.logical_or.reduce([of_code("setting", each) for each in INSIDE]),
            unsentenced=of_code("sentence_type", "PRE_SENTENCE"),
            days_left=subjects.number("days_left")[people][:, None],
            hours=np.stack([subjects.number(name)[people] for name in ORDERED_HOURS.values()], axis=1),
            hours_ordered=required,
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Weighed:
    """Entries of the directory weighed for people; arrays [people, entries].

    ``feasible`` is whether all the rules on attending hold, ``for_anybody`` the same if the person's sex were not
    known. ``units`` is how many sessions or hours fit before the end of the sentence.
    """

    feasible: Truths
    for_anybody: Truths
    start: Ints
    waiting_weeks: Floats
    travels: Bools
    within: Truths
    company_rule: Ints
    company: Truths
    fits: Truths
    work: _Work
    units: Floats


def _weigh(person: _Facts, offers: _Offers) -> _Weighed:
    """Does each entry suit each person?"""
    directory, entry = offers.directory, offers.entry
    start = np.maximum(person.day + directory.waiting_days[entry], directory.next_start[entry])
    wait = start - person.day
    travels = ~(directory.online[entry] | person.inside)
    within = truths(offers.minutes <= offers.particulars.limit[offers.which], ~np.isnan(offers.minutes))
    can_travel = np.where(travels, within, np.int8(TRUE))
    rule, company = _company(person, offers)
    _, anybodys_company = _company(_ANYBODY, offers)
    work = _work(person, offers)
    days = person.days_left - wait
    in_time = truths(
        7 * work.most_weeks <= days, (7 * work.most_weeks <= days) | (7 * work.fewest_weeks > days)
    )
    # Nobody knows when a sentence ends that has not been passed; it does not stand in the way.
    fits = np.where(np.isnan(days) & person.unsentenced, np.int8(TRUE), in_time)
    attends = np.minimum(can_travel, fits)
    return _Weighed(
        feasible=np.minimum(attends, company),
        for_anybody=np.minimum(attends, anybodys_company),
        start=start,
        waiting_weeks=np.round(wait / 7, 2),
        travels=travels,
        within=within,
        company_rule=rule,
        company=company,
        fits=fits,
        work=work,
        units=np.minimum(work.amount, np.maximum(0, days) // 7 * work.pace),
    )


def _company(person: _Facts, offers: _Offers) -> tuple[Ints, Truths]:
    """Which rule on who else attends applies to a person and an entry, and does it hold?

    A woman is never the only one in a group of men. Where the directory does not say how an intervention is given, it
    is in a group if it can be.
    """
    directory, entry = offers.directory, offers.entry
    unsaid = directory.format[entry] == NOWHERE
    group = directory.in_group[entry] | (unsaid & offers.particulars.can_be_group[offers.which])
    others = directory.women_in_group[entry]
    enough = truths(others >= 1, ~np.isnan(others))
    in_group = np.where(person.sex_known | (enough == TRUE), enough, np.int8(UNKNOWN))
    at_venue = np.where(person.sex_known, np.where(person.woman, TRUE, FALSE), UNKNOWN)
    rule = np.where(directory.women_only[entry], _VENUE, np.where(group & ~person.man, _GROUP, _NO_RULE))
    holds = np.where(rule == _VENUE, at_venue, np.where(rule == _GROUP, in_group, TRUE)).astype(np.int8)
    return rule, holds


_NOBODY: Final = np.zeros((1, 1), dtype=np.bool_)
# Somebody whose sex is not known; nothing else about a person changes who attends.
_ANYBODY: Final = _Facts(
    day=np.zeros((1, 1), dtype=np.int64),
    sex_known=_NOBODY,
    woman=_NOBODY,
    man=_NOBODY,
    inside=_NOBODY,
    unsentenced=_NOBODY,
    days_left=np.full((1, 1), np.nan),
    hours=np.full((1, len(ORDERED_HOURS)), np.nan),
    hours_ordered=np.zeros((1, len(ORDERED_HOURS)), dtype=np.bool_),
)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Work:
    """How much there is to do, at what pace, and for how many weeks at least and at most; arrays [people, entries].

    ``by_hours``: it is counted in hours that a court ordered, else in sessions.
    """

    by_hours: Bools
    amount: Floats
    pace: Floats
    fewest_weeks: Floats
    most_weeks: Floats


def _work(person: _Facts, offers: _Offers) -> _Work:
    """How long does it take?

    An order whose hours are not recorded has at least the fewest and at most the most that the law allows. Without
    ordered hours the work goes by sessions where their number and pace are known, else by the usual length.
    """
    what, which = offers.particulars, offers.which
    sessions_a_week = offers.directory.sessions_per_week[offers.entry]
    sessions_a_week = np.where(sessions_a_week > 0, sessions_a_week, np.nan)
    weeks = np.ceil(what.sessions[which] / sessions_a_week)
    weeks = np.nan_to_num(np.where(np.isnan(weeks), what.duration_weeks[which], weeks))
    at_most = what.hours_a_week[which]
    hours_a_week = np.where(
        np.isnan(sessions_a_week), at_most, np.fmin(sessions_a_week * what.hours_a_session[which], at_most)
    )
    counted = what.ordered_in[which[0]]
    recorded = person.hours[:, counted]
    there = (counted != NO_HOURS) & (person.hours_ordered[:, counted] | ~np.isnan(recorded))
    there = there & ~np.isnan(hours_a_week)
    fewest = np.where(np.isnan(recorded), what.fewest_hours[which], recorded)
    most = np.where(np.isnan(recorded), what.most_hours[which], recorded)
    return _Work(
        by_hours=there,
        amount=np.where(there, np.where(fewest == most, most, np.nan), what.sessions[which]),
        pace=np.where(there, hours_a_week, sessions_a_week),
        fewest_weeks=np.where(there, np.ceil(fewest / hours_a_week), weeks),
        most_weeks=np.where(there, np.ceil(most / hours_a_week), weeks),
    )


# ---------------------------------------------------------------------------------------------------- in words


@dataclass(frozen=True, slots=True)
class _Said:
    """One entry weighed for one person, as plain values; see ``_Weighed`` and ``_Work``."""

    start: int
    waiting_weeks: float
    travels: bool
    within: int
    company_rule: int
    company: int
    fits: int
    units: float
    by_hours: bool
    amount: float
    pace: float
    fewest_weeks: float
    minutes: float
    venue: int
    format: int


def describe(found: Reach, *, row: int) -> tuple[Feasibility, ...]:
    """Every intervention for one of the people, in catalogue order, with reasons."""
    said = dict(_chosen(found, row))
    subjects = found.subjects
    woman = bool(subjects.is_code("sex", "FEMALE")[row])
    women = _for_women(found, row) if woman else frozenset()
    adjustments = _adjustments(subjects, row)
    feasible, listed = found.feasible[row].tolist(), found.listed[row].tolist()
    answers = []
    for column, intervention in enumerate(found.catalogue.interventions):
        entry = said.get(column)
        if entry is None:
            answers.append(_none(intervention, listed=listed[column]))
            continue
        reasons = [*_on_attending(entry, intervention), *_on_time(entry, intervention), *adjustments]
        if woman and not intervention.women_only:
            offered = TRUE if intervention.id in women else FALSE
            reasons.append(_reason("WOMEN_ONLY_ON_OFFER", offered, ("sex",), RuleKind.ADVISORY))
        answers.append(
            Feasibility(
                intervention_id=intervention.id,
                feasible=None if feasible[column] == UNKNOWN else feasible[column] == TRUE,
                reasons=tuple(reasons),
                venue=None if entry.venue == NOWHERE else found.directory.venues[entry.venue],
                minutes=None if math.isnan(entry.minutes) else entry.minutes,
                next_start_on=day_of(entry.start),
                waiting_weeks=entry.waiting_weeks,
                format=None if entry.format == NOWHERE else found.directory.formats[entry.format],
                units_that_fit=None if math.isnan(entry.units) else int(entry.units),
            )
        )
    return tuple(answers)


def _chosen(found: Reach, row: int) -> Iterator[tuple[int, _Said]]:
    """The entries that suit one person best, by the place of their intervention in the catalogue."""
    columns = np.flatnonzero(found.entry[row] != NO_ENTRY)
    entries = found.entry[row, columns]
    directory = found.directory
    minutes = _minutes(found, row, entries)
    person = _Facts.of(found.subjects, np.array([row]), found.days)
    weighed = _weigh(person, _Offers.of(found, entries, minutes, _known(directory, found.catalogue)))
    work = weighed.work
    parts = (
        weighed.start, weighed.waiting_weeks, weighed.travels, weighed.within, weighed.company_rule,
        weighed.company, weighed.fits, weighed.units, work.by_hours, work.amount, work.pace, work.fewest_weeks,
    )  # fmt: skip
    values = [part[0].tolist() for part in parts]
    values += [minutes.tolist(), directory.venue[entries].tolist(), directory.format[entries].tolist()]
    for column, each in zip(columns.tolist(), zip(*values, strict=True), strict=True):
        yield column, _Said(*each)


def _minutes(found: Reach, row: int, entries: Ints) -> Floats:
    """Minutes each way from the person's delivery unit to some entries; NaN where not known, or without travel."""
    directory, subjects = found.directory, found.subjects
    code = int(subjects.code("pdu")[row])
    unit = directory.unit_of(None if code == NOT_RECORDED else subjects.scale("pdu")[code])
    if unit == NOWHERE:
        return np.full(len(entries), np.nan)
    venue = directory.venue[entries]
    return np.where(directory.online[entries] | (venue == NOWHERE), np.nan, directory.minutes[unit, venue])


def _for_women(found: Reach, row: int) -> frozenset[str]:
    """The interventions that have an entry for women only near this person."""
    directory = found.directory
    near = next(near for people, near in found.homes if row in people)
    separate = near.entries[directory.women_only[near.entries]]
    return frozenset(directory.interventions[code] for code in directory.intervention[separate].tolist())


def _none(intervention: Intervention, *, listed: bool) -> Feasibility:
    """What is said where no entry is near, or the directory does not have the intervention at all."""
    reason = (
        _reason("NOT_OFFERED_HERE", FALSE, ("pdu", "region"))
        if listed
        else _reason("NO_DIRECTORY_ENTRY", UNKNOWN, ())
    )
    return Feasibility(
        intervention_id=intervention.id,
        feasible=False if listed else None,
        reasons=(reason,),
        venue=None,
        minutes=None,
        next_start_on=None,
        waiting_weeks=None,
        format=None,
    )


def _on_attending(entry: _Said, intervention: Intervention) -> Iterator[Reason]:
    if entry.travels:
        minutes = 0.0 if math.isnan(entry.minutes) else entry.minutes
        values: Values = (("minutes", f"{minutes:.0f}"), ("limit", travel_limit(intervention)))
        yield _reason("TRAVEL", entry.within, ("pdu",), values=values)
    if entry.company_rule != _NO_RULE:
        yield _reason(_COMPANY[entry.company_rule], entry.company, ("sex",))


def _on_time(entry: _Said, intervention: Intervention) -> Iterator[Reason]:
    """The sentence on time, in hours where the court ordered hours, and with the part that fits where not all does."""
    hours, fields = entry.by_hours, ("days_left",)
    said = "HOURS_FIT" if hours else "FITS_SENTENCE"
    if entry.fits == FALSE and not math.isnan(entry.units):
        said = "SOME_HOURS_FIT" if hours else "SOME_SESSIONS_FIT"
    values: Values = (
        ("weeks", int(entry.fewest_weeks)),
        ("units", 0 if math.isnan(entry.units) else int(entry.units)),
        ("amount", "0" if math.isnan(entry.amount) else f"{entry.amount:g}"),
        ("pace", "0" if math.isnan(entry.pace) else f"{entry.pace:g}"),
    )
    counted = intervention.hours_field if hours else None
    yield _reason(
        "FITS_SENTENCE",
        entry.fits,
        fields if counted is None else (*fields, counted),
        said=said,
        values=values,
    )
    share = None if intervention.hours is None else intervention.hours.learning_share
    if counted is not None and not math.isnan(entry.amount) and share is not None:
        # How many of the ordered hours may be learning.
        learning = f"{math.floor(round(share * entry.amount, 6)):g}"
        hours_said: Values = (("learning", learning), ("hours", f"{entry.amount:g}"))
        yield _reason("LEARNING_HOURS", TRUE, (counted,), RuleKind.ADVISORY, values=hours_said)


def _adjustments(subjects: Subjects, row: int) -> list[Reason]:
    """What the venue would have to arrange: reasons to prepare, never to withhold."""
    found = []
    if subjects.value("needs_interpreter", row) is True:
        found.append(_reason("INTERPRETER", FALSE, ("needs_interpreter",), RuleKind.ADVISORY))
    if subjects.value("reads_simple_sentences", row) is False:
        found.append(_reason("LITERACY_SUPPORT", FALSE, ("reads_simple_sentences",), RuleKind.ADVISORY))
    return found


@lru_cache(maxsize=16_384)
def _reason(
    code: str,
    truth: int,
    fields: tuple[str, ...],
    kind: RuleKind = RuleKind.RULE,
    *,
    said: str | None = None,
    values: Values = (),
) -> Reason:
    """The reason of this code; ``said`` names other sentences than the code's own. The same few come again and again."""
    sentences = messages.load().feasibility[said or code]
    text = {TRUE: sentences.met, FALSE: sentences.not_met, UNKNOWN: sentences.unknown}[truth]
    return Reason(
        code=code,
        outcome=OUTCOMES[truth],
        text=text.format(**dict(values)),
        fields=fields,
        source=SOURCE,
        kind=kind,
    )
