"""What the interventions of a catalogue are, as columns: the facts that rules over columns read of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from catalogue.fields import NEEDS, ORDERED_HOURS, REQUIREMENT_TYPES
from catalogue.intervention import Hours, Intervention, InterventionType
from catalogue.subjects import Bools, Categories, Floats, Ints

TRAVEL_MINUTES: Final = 60
TRAVEL_MINUTES_UNPAID_WORK: Final = 90
NO_HOURS: Final = -1
NO_REQUIREMENT: Final = -1
_EVER: Final = np.iinfo(np.int64)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Particulars:
    """Arrays [interventions], in catalogue order; NaN where a number is not known.

    ``valid_from`` and ``valid_to`` count days since 1970: on offer from the one to the day before the other. ``needs``
    [interventions, needs] says which of ``NEEDS`` each is meant for. ``limit`` is how many minutes each way it may take
    to get there. ``ordered_in`` says which of ``ORDERED_HOURS`` counts the hours that a court orders (``NO_HOURS``: it
    orders none); the hours are as in ``catalogue.intervention.Hours``. ``requirement`` is the place in
    ``REQUIREMENT_TYPES`` of the requirement that it would fulfil (``NO_REQUIREMENT``: none).
    """

    valid_from: Ints
    valid_to: Ints
    needs: Bools
    types: Categories
    families: Categories
    intensities: Categories
    requirement: Ints
    limit: Floats
    one_to_one: Bools
    online: Bools
    can_be_group: Bools
    sessions: Floats
    sessions_group: Floats
    sessions_one_to_one: Floats
    duration_weeks: Floats
    fewest_hours: Floats
    most_hours: Floats
    hours_a_session: Floats
    hours_a_week: Floats
    ordered_in: Ints

    @classmethod
    def of(cls, interventions: Sequence[Intervention]) -> Particulars:
        """Read them."""

        def numbers(read: Callable[[Intervention], float | None]) -> Floats:
            found = (read(each) for each in interventions)
            return np.array([np.nan if each is None else each for each in found], dtype=np.float64)

        def hours(read: Callable[[Hours], float | None]) -> Floats:
            return numbers(lambda each: None if each.hours is None else read(each.hours))

        counted = list(ORDERED_HOURS.values())
        return cls(
            valid_from=np.array([day_number(each.valid_from, _EVER.min) for each in interventions]),
            valid_to=np.array([day_number(each.valid_to, _EVER.max) for each in interventions]),
            needs=np.array(
                [[need in each.needs for need in NEEDS] for each in interventions], dtype=np.bool_
            ).reshape(len(interventions), len(NEEDS)),
            types=Categories.of([str(each.type) for each in interventions]),
            families=Categories.of([each.family for each in interventions]),
            intensities=Categories.of([str(each.intensity) for each in interventions]),
            requirement=np.array(
                [
                    NO_REQUIREMENT if each.requirement is None else REQUIREMENT_TYPES.index(each.requirement)
                    for each in interventions
                ],
                dtype=np.int64,
            ),
            limit=numbers(travel_limit),
            one_to_one=np.array(["ONE_TO_ONE" in each.formats for each in interventions], dtype=np.bool_),
            online=np.array(
                ["ONLINE" in (*each.formats, *each.attendance) for each in interventions], dtype=np.bool_
            ),
            can_be_group=np.array(["GROUP" in each.formats for each in interventions], dtype=np.bool_),
            sessions=numbers(lambda each: each.sessions),
            sessions_group=numbers(lambda each: each.sessions_group),
            sessions_one_to_one=numbers(lambda each: each.sessions_one_to_one),
            duration_weeks=numbers(lambda each: each.duration_weeks),
            fewest_hours=hours(lambda each: each.fewest),
            most_hours=hours(lambda each: each.most),
            hours_a_session=hours(lambda each: each.session),
            hours_a_week=hours(lambda each: each.weekly),
            ordered_in=np.array(
                [
                    NO_HOURS if each.hours_field is None else counted.index(each.hours_field)
                    for each in interventions
                ],
                dtype=np.int64,
            ),
        )


def travel_limit(intervention: Intervention) -> int:
    """How many minutes each way may it take to get there?"""
    if intervention.type is InterventionType.UNPAID_WORK:
        return TRAVEL_MINUTES_UNPAID_WORK
    return TRAVEL_MINUTES


_EPOCH: Final = date(1970, 1, 1).toordinal()


def day_number(day: date | None, otherwise: int) -> int:
    """The days from 1970 to a day; ``otherwise`` for none."""
    return otherwise if day is None else day.toordinal() - _EPOCH


def day_numbers(*days: date) -> Ints:
    """The days from 1970 to each day, array [days]."""
    return np.array([each.toordinal() - _EPOCH for each in days], dtype=np.int64)


def day_of(number: int) -> date:
    """The day this number of days after 1 January 1970."""
    return date.fromordinal(number + _EPOCH)
