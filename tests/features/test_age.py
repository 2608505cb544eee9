"""Whole years by the calendar, held against the plain rule on dates."""

from datetime import date, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.age import whole_years

EPOCH = date(1970, 1, 1)
DAYS = st.dates(date(1930, 1, 1), date(2040, 12, 31))


def number(day: date) -> int:
    return (day - EPOCH).days


@given(born=DAYS, later=st.integers(0, 40_000))
def test_a_birthday_adds_a_year(born: date, later: int) -> None:
    on = born + timedelta(days=later)
    expected = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    assert whole_years(np.array([number(on)]), np.array([number(born)])).tolist() == [expected]


def test_a_birthday_on_29_february_falls_on_1_march() -> None:
    born = number(date(2000, 2, 29))
    found = whole_years([number(date(2001, 2, 28)), number(date(2001, 3, 1))], [born, born])
    assert found.tolist() == [0, 1]
