"""Checks that fall due while an intervention is under way or an order is running.

Source: the operating model, part two. Every programme and structured intervention is reviewed six and three months
before the end of the sentence; unpaid work at six and nine months of the requirement; a structured intervention is
looked at nine months before the end, so that it is not begun too late.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Final

from catalogue import messages
from catalogue.intervention import Intervention, InterventionType

NOTICE_DAYS: Final = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A check, the day it falls due, and the sentence that asks for it."""

    code: str
    due_on: date
    text: str


def due(
    intervention: Intervention,
    *,
    as_of: date,
    ends_on: date | None,
    imposed_on: date | None = None,
    notice_days: int = NOTICE_DAYS,
) -> tuple[Due, ...]:
    """Which checks of this intervention are due now: within ``notice_days`` ahead, or at most as many past?

    ``ends_on`` is the last day of the sentence, ``imposed_on`` the day an unpaid work requirement was made; without the
    date that a check counts from, it never falls due. Ordered by date.
    """
    found = []
    for code, day in _dates(intervention, ends_on=ends_on, imposed_on=imposed_on):
        if abs((day - as_of).days) <= notice_days:
            found.append(Due(code=code, due_on=day, text=messages.load().phrase(code)))
    return tuple(sorted(found, key=lambda each: (each.due_on, each.code)))


def months_from(day: date, months: int) -> date:
    """Which day lies so many calendar months on (or back)? The last of its month where the month has no such day."""
    year, month = divmod(12 * day.year + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _dates(
    intervention: Intervention, *, ends_on: date | None, imposed_on: date | None
) -> list[tuple[str, date]]:
    dates = []
    if intervention.type is InterventionType.UNPAID_WORK:
        if imposed_on is not None:
            dates += [
                (f"UNPAID_WORK_AT_{months}_MONTHS", months_from(imposed_on, months)) for months in (6, 9)
            ]
        return dates
    if ends_on is None:
        return dates
    if intervention.type in {InterventionType.ACP, InterventionType.SI}:
        dates += [(f"END_IN_{months}_MONTHS", months_from(ends_on, -months)) for months in (6, 3)]
    if intervention.type is InterventionType.SI:
        dates.append(("END_IN_9_MONTHS", months_from(ends_on, -9)))
    return dates
