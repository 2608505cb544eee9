"""When checks fall due: calendar months, told from the day on which they fall and for four weeks."""

from datetime import date, timedelta

import numpy as np
import pytest

from catalogue import timeliness


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        ("2024-08-31", -6, "2024-02-29"),
        ("2025-01-01", -6, "2024-07-01"),  # 184 days: longer than half a year
        ("2024-03-15", -3, "2023-12-15"),
        ("2023-05-31", 9, "2024-02-29"),
        ("2023-12-01", 6, "2024-06-01"),
        ("NaT", 6, "NaT"),
    ],
)
def test_months_are_those_of_the_calendar(day: str, months: int, expected: str) -> None:
    found = timeliness.months_on(np.array([day], dtype="datetime64[D]"), months)
    assert str(found[0]) == expected


def falls_on(day: date, months: int) -> date:
    """The day of a check, slowly: the same day of the month, or the last that the month has."""
    number = 12 * day.year + day.month - 1 + months
    wanted = day.day
    while True:
        try:
            return date(number // 12, number % 12 + 1, wanted)
        except ValueError:
            wanted -= 1


@pytest.mark.parametrize("code", timeliness.CHECKS)
def test_a_check_is_told_from_its_day_on_for_four_weeks(code: str) -> None:
    months, as_of = timeliness.CHECKS[code].months, date(2024, 2, 29)
    days = [as_of + timedelta(days) for days in range(-420, 420)]
    found = timeliness.is_due(code, counted_from=np.array(days, dtype="datetime64[D]"), as_of=as_of)
    assert found.tolist() == [0 <= (as_of - falls_on(day, months)).days <= 28 for day in days]
    assert 25 < found.sum() < 35
    assert not timeliness.is_due(
        code, counted_from=np.array(["NaT"], dtype="datetime64[D]"), as_of=as_of
    ).any()
