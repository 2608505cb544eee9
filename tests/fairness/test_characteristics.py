"""Which group does a person belong to on a day?"""

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl
import pytest

from fairness.characteristics import definitions, groups

YEAR = [date(1990, 1, 1) + timedelta(days=day) for day in range(365)]
LEAP_YEAR = [date(1992, 1, 1) + timedelta(days=day) for day in range(366)]
BANDS = {0: "Under 18", 18: "18 to 20", 21: "21 to 24", 25: "25 to 29", 30: "30 to 39", 40: "40 to 49", 50: "50 to 59", 60: "60 and over"}  # fmt: skip


def ages(born: Sequence[date | None], on: date) -> list[str]:
    """The age band of each of these people on a day."""
    rows = pl.DataFrame(
        {"as_of": [on] * len(born), "date_of_birth": born},
        schema={"as_of": pl.Date, "date_of_birth": pl.Date},
    )
    others = [each.name for each in definitions().characteristics if not each.bands]
    nothing = (pl.lit(None, pl.String).alias(name) for name in others)
    return groups(rows.with_columns(nothing), spec=definitions())["age"].to_list()


def band(born: date, on: date) -> str:
    """The same, counted birthday by birthday."""
    years = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    return BANDS[max(start for start in BANDS if start <= years)]


@pytest.mark.parametrize("years", [18, 21, 25, 30, 40, 50, 60])
@pytest.mark.parametrize("birthdays", [YEAR, LEAP_YEAR], ids=["common year", "leap year"])
@pytest.mark.parametrize("day", [(1, 1), (2, 28), (3, 1), (6, 30), (12, 30), (12, 31)])
def test_every_birthday_is_in_its_band(years: int, birthdays: list[date], day: tuple[int, int]) -> None:
    on = date(birthdays[0].year + years, *day)
    assert ages(birthdays, on) == [band(born, on) for born in birthdays]


@pytest.mark.parametrize(
    ("born", "words"),
    [
        (date(1995, 12, 31), "30 to 39"),
        (date(1996, 1, 1), "25 to 29"),
        (date(1995, 2, 14), "30 to 39"),
        (date(1995, 3, 7), "30 to 39"),
        (date(2007, 12, 31), "18 to 20"),
        (date(2008, 1, 1), "Under 18"),
    ],
)
def test_everybody_born_in_a_year_has_had_their_birthday_by_31_december(born: date, words: str) -> None:
    assert ages([born], date(2025, 12, 31)) == [words]


def test_a_missing_date_of_birth_is_not_recorded() -> None:
    assert ages([None], date(2025, 12, 31)) == ["Not recorded"]
