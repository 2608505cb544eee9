"""Checks that fall due while an intervention is under way or an order is running.

Source: the operating model, part two. Every programme and structured intervention is reviewed six and three months
before the end of the sentence; unpaid work at six and nine months of the requirement; a structured intervention is
looked at nine months before the end, so that it is not begun too late.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from catalogue.intervention import InterventionType

NOTICE_DAYS: Final = 28
"""How long a check is told from the day on which it falls due."""

Days = npt.NDArray[np.datetime64]
"""Days as `datetime64[D]`, NaT where there is none."""


class Since(StrEnum):
    """The day that a check counts from."""

    SENTENCE_END = "SENTENCE_END"
    IMPOSED = "IMPOSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check: a number of calendar months after a day (negative: before it), for interventions of these types."""

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


def is_due(code: str, *, counted_from: Days, as_of: date) -> npt.NDArray[np.bool_]:
    """Has the check of this code fallen due, today or in the 28 days before, counted from each of these days?

    Never where there is no day.
    """
    past = np.datetime64(as_of) - months_on(counted_from, CHECKS[code].months)
    found: npt.NDArray[np.bool_] = (past >= np.timedelta64(0, "D")) & (
        past <= np.timedelta64(NOTICE_DAYS, "D")
    )
    return found


def months_on(days: Days, months: int) -> Days:
    """Which day is this many calendar months later (or earlier)? The last of its month where the month has no such day."""
    month = days.astype("datetime64[M]")
    first = (month + months).astype("datetime64[D]")
    last = (month + months + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
    found: Days = np.minimum(first + (days - month.astype("datetime64[D]")), last)
    return found
