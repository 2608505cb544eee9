"""Histories made by seed: small, dense and unkind, so that every rule of reading them is met."""

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta

import polars as pl
import pytest

from features.contract import CASE_TABLES, TABLES, Column, ColumnKind
from tests.features.every_engine import small_spark

# Around the leap day of 2020.
FIRST_DAY = date(2020, 2, 20)
Tables = Mapping[str, pl.DataFrame]
TEXTS = ("x", "é", "ZZ", "\U0001f600", "NOT", "DIS", "|", "")


def _value(column: Column, chance: random.Random, days: int) -> object:  # noqa: PLR0911  one case a kind
    if chance.random() < (0.15 if column.nullable else 0.02):
        return None
    match column.kind:
        case ColumnKind.DATE:
            return FIRST_DAY + timedelta(chance.randrange(days))
        case ColumnKind.INT:
            return chance.choice(column.numbers or (0, 1, 2, 3, 12))
        case ColumnKind.FLOAT:
            return chance.choice((1.5, 2.25, 30.1, 99.9))
        case ColumnKind.BOOL:
            return chance.random() < 0.5
        case ColumnKind.LIST:
            return [chance.choice(column.allowed or TEXTS[:4]) for _ in range(chance.randrange(3))]
        case _:
            return chance.choice(column.allowed if column.allowed and chance.random() < 0.97 else TEXTS)


def made_tables(
    *, seed: int, people: int, rows: int, days: int = 40, empty: float = 0.1
) -> dict[str, pl.DataFrame]:
    """Every case table with `rows` rows a person on few days and fewer keys: versions, ties, orphans, nulls.

    `empty` is the share of tables that are left without rows.
    """
    chance = random.Random(seed)
    ids = {
        "crn": [f"A{n:06d}" for n in range(people)],
        "referral_id": [f"R{n}" for n in range(2 * people)],
        "assessment_id": [f"S{n}" for n in range(2 * people)],
    }
    tables = {}
    for name in CASE_TABLES:
        table = TABLES[name]
        made = [
            {
                c.name: chance.choice(ids[c.name]) if c.name in ids else _value(c, chance, days)
                for c in table.columns
            }
            for _ in range(people * rows if chance.random() >= empty else 0)
        ]
        tables[name] = pl.DataFrame(made, schema=table.polars_schema())
    return tables


def made_points(*, seed: int, people: int, days: int = 40) -> pl.DataFrame:
    """Points before, within, on the edge of and after what the tables tell, some with a named assessment."""
    chance = random.Random(seed + 1)
    points = [
        {
            "crn": f"A{n:06d}",
            "as_of": FIRST_DAY + timedelta(day),
            "assessment_id": chance.choice((None, *(f"S{k}" for k in range(2 * people)))),
            "referral_id": f"R{chance.randrange(2 * people)}",
        }
        for n in range(people + 1)  # one person more than anybody knows
        for day in (0, days // 4, days // 2, days, 10 * days)
    ]
    return pl.DataFrame(
        points,
        schema={"crn": pl.String, "as_of": pl.Date, "assessment_id": pl.String, "referral_id": pl.String},
    )


@pytest.fixture(scope="session")
def tables() -> Callable[..., dict[str, pl.DataFrame]]:
    return made_tables


@pytest.fixture(scope="session")
def points() -> Callable[..., pl.DataFrame]:
    return made_points


@pytest.fixture(scope="session")
def spark_session() -> Iterator[object]:
    """One Spark for every test that is marked so; the engine takes the session that runs."""
    with small_spark() as session:
        yield session


@pytest.fixture(autouse=True)
def _session_for_spark(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("spark"):
        request.getfixturevalue("spark_session")
