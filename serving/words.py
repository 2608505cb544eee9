"""Numbers and days in words, the same on the screens, in the API and in a person's own account."""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import Final

STEP: Final = 5


def in_a_hundred(lower: float, upper: float) -> str:
    """An interval of a chance as "about 30 to 40 in 100", widened to whole fives.

    Args:
        lower: lower end of the interval, 0 to 1.
        upper: upper end, not below `lower`.
    """
    low = max(math.floor(round(lower * 100 / STEP, 9)) * STEP, 0)
    high = min(math.ceil(round(upper * 100 / STEP, 9)) * STEP, 100)
    if low == high:
        low, high = max(low - STEP, 0), min(high + STEP, 100)
    if low == 0 and high == 100:
        return "anything from none to all of 100"
    if low == 0:
        return f"fewer than {high} in 100"
    if high == 100:
        return f"more than {low} in 100"
    return f"about {low} to {high} in 100"


def the_others(lower: float, upper: float) -> str:
    """The same interval seen from the other side: those to whom it does not happen."""
    return in_a_hundred(1 - upper, 1 - lower)


def day(value: date | datetime | str | None) -> str | None:
    """A day as "3 March 2026"; ISO texts are read first."""
    if value is None:
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return f"{value.day} {value:%B %Y}"


def capitalised(text: str) -> str:
    """The text with its first letter in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]
