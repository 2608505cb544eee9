"""Checks that fall due while an intervention is under way or an order is running.

Source: the operating model, part two. Every programme and structured intervention is reviewed six and three months
before the end of the sentence; unpaid work at six and nine months of the requirement; a structured intervention is
looked at nine months before the end, so that it is not begun too late.
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import polars as pl

from catalogue import messages
from catalogue.intervention import Intervention, InterventionType

NOTICE_DAYS: Final = 28


class Since(StrEnum):
    """The day that a check counts from."""

    SENTENCE_END = "SENTENCE_END"
    IMPOSED = "IMPOSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check: so many calendar months after a day (before it: less than none), for interventions of these types."""

    since: Since
    months: int
    types: frozenset[InterventionType]


_PROGRAMMES: Final = frozenset({InterventionType.ACP, InterventionType.SI})
_STRUCTURED: Final = frozenset({InterventionType.SI})
_UNPAID_WORK: Final = frozenset({InterventionType.UNPAID_WORK})

#: Every check by its code.
CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "END_IN_9_MONTHS": Check(since=Since.SENTENCE_END, months=-9, types=_STRUCTURED),
        "END_IN_6_MONTHS": Check(since=Since.SENTENCE_END, months=-6, types=_PROGRAMMES),
        "END_IN_3_MONTHS": Check(since=Since.SENTENCE_END, months=-3, types=_PROGRAMMES),
        "UNPAID_WORK_AT_6_MONTHS": Check(since=Since.IMPOSED, months=6, types=_UNPAID_WORK),
        "UNPAID_WORK_AT_9_MONTHS": Check(since=Since.IMPOSED, months=9, types=_UNPAID_WORK),
    }
)


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
    days = {Since.SENTENCE_END: ends_on, Since.IMPOSED: imposed_on}
    found = []
    for code, check in CHECKS.items():
        counted_from = days[check.since]
        if counted_from is None or intervention.type not in check.types:
            continue
        day = months_from(counted_from, check.months)
        if abs((day - as_of).days) <= notice_days:
            found.append(Due(code=code, due_on=day, text=messages.load().phrase(code)))
    return tuple(sorted(found, key=lambda each: (each.due_on, each.code)))


def is_due(
    code: str,
    *,
    counted_from: pl.Expr,
    as_of: pl.Expr,
    ahead_days: int = NOTICE_DAYS,
    past_days: int = NOTICE_DAYS,
) -> pl.Expr:
    """Is the check of this code due on each day? The answer of ``due`` for columns of days, whatever the intervention.

    ``ahead_days`` of 0 asks for checks that have fallen due, and not for those that are to come.
    """
    day = counted_from.dt.offset_by(f"{CHECKS[code].months}mo")
    return (day - as_of).dt.total_days().is_between(-past_days, ahead_days)


def months_from(day: date, months: int) -> date:
    """Which day lies so many calendar months on (or back)? The last of its month where the month has no such day."""
    year, month = divmod(12 * day.year + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
