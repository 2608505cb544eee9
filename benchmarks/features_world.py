"""A large world in the contract's tables, made fast: what the speed of features and of checking is measured on.

Nothing in it means anything; rows are spread as in a caseload: mostly contacts and sessions, some of them
corrected. It is written in parts sorted by person, a part every 25,000 people.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from features.contract import OUTCOMES, SENTENCE_TYPES, STATUSES, TABLES, Column, ColumnKind

PART = 25_000
FIRST, LAST = date(2019, 1, 1), date(2024, 1, 1)
DAYS = (LAST - FIRST).days
AS_OF = date(2023, 12, 1)
# Rows a person in tables other than contacts and sessions; with 240 and 120 of those it is about 400.
OTHERS = {
    "people": 1,
    "sentences": 2,
    "requirements": 3,
    "assessments": 5,
    "circumstances": 10,
    "referrals": 4,
    "referral_events": 12,
    "enforcement": 2,
    "reoffences": 1,
}
CORRECTED = 0.002


def make(folder: Path, *, people: int, contacts: int = 240, sessions: int = 120, seed: int = 1) -> int:
    """Write the tables, and say how many events they hold."""
    counts = {**OTHERS, "contacts": contacts, "sessions": sessions}
    total = 0
    for name, table in TABLES.items():
        place = folder / name
        place.mkdir(parents=True)
        for number, start in enumerate(range(0, people, PART)):
            size = min(PART, people - start)
            frame = _rows(
                name, start, size, counts.get(name, 0), np.random.default_rng([seed, number, len(name)])
            )
            frame = frame.select(pl.col(c).cast(t) for c, t in table.polars_schema().items())
            frame.write_parquet(place / f"part-{number:03}.parquet", compression="lz4")
            total += frame.height
    return total


def _rows(name: str, start: int, people: int, each: int, chance: np.random.Generator) -> pl.DataFrame:
    table = TABLES[name]
    n = people * each
    person = np.repeat(np.arange(start, start + people), each)
    place = np.tile(np.arange(each), people)
    happened = np.sort(chance.integers(0, DAYS, (people, each)), axis=1).ravel()
    known = happened + chance.integers(0, 6, n)
    columns: dict[str, object] = {}
    for column in table.columns:
        if column.name == table.happened:
            columns[column.name] = _days(happened)
        elif column.name == "known_on":
            columns[column.name] = _days(known)
        else:
            columns[column.name] = _column(column, person, place, each, happened, chance)
    frame = pl.DataFrame(columns)
    corrected = frame.filter(pl.Series(chance.random(n) < CORRECTED))
    if "outcome" not in columns or not corrected.height:
        return frame
    later = corrected.with_columns(
        pl.col("known_on") + pl.duration(days=30), outcome=pl.lit("ACCEPTABLE_ABSENCE")
    )
    return pl.concat([frame, later.select(frame.columns)]).sort(table.names[0], maintain_order=True)


def _days(numbers: np.ndarray) -> pl.Series:
    return pl.Series(numbers.astype(np.int32) + (FIRST - date(1970, 1, 1)).days).cast(pl.Date)


def _coded(numbers: np.ndarray, prefix: str, width: int) -> pl.Series:
    return pl.select(pl.lit(prefix) + pl.Series(numbers).cast(pl.String).str.zfill(width)).to_series()


def _column(  # noqa: C901, PLR0911, PLR0912, PLR0917  one case a kind of column
    column: Column,
    person: np.ndarray,
    place: np.ndarray,
    each: int,
    happened: np.ndarray,
    chance: np.random.Generator,
) -> object:
    n = len(person)
    match column.name:
        case "crn":
            return pl.select(
                _letter(person // 1_000_000) + pl.Series(person % 1_000_000).cast(pl.String).str.zfill(6)
            ).to_series()
        case "assessment_id":
            return _coded(person * each + place, "S", 9)
        case "referral_id":  # four a person, in every table that has them
            referrals = OTHERS["referrals"]
            return _coded(person * referrals + place * referrals // max(each, 1), "R", 9)
        case "session_number" | "event_number":
            return place + 1
        case "starts_on":
            return _days(happened)
        case "ends_on":
            return _days(happened + 700)
        case "status":
            return _chosen(STATUSES[:8], n, chance)
        case "sentence_type":
            return _chosen(SENTENCE_TYPES[:4], n, chance)
        case "outcome":
            return _chosen(OUTCOMES, n, chance)
        case "layer":
            return np.full(n, 3)
    match column.kind:
        case ColumnKind.INT:
            return chance.integers(0, int(column.most or 20) + 1, n)
        case ColumnKind.FLOAT:
            return np.round(chance.random(n) * 100, 1)
        case ColumnKind.BOOL:
            return chance.random(n) < 0.3
        case ColumnKind.DATE:
            return _days(happened)
        case ColumnKind.LIST:
            return pl.Series(
                [[column.allowed[0]] if column.allowed else []], dtype=pl.List(pl.String)
            ).new_from_index(0, n)
        case _:
            return _chosen(column.allowed or ("a", "b", "c"), n, chance)


def _letter(numbers: np.ndarray) -> pl.Expr:
    return pl.lit(pl.Series([chr(65 + int(number)) for number in range(26)])).gather(pl.Series(numbers))


def _chosen(codes: tuple[str, ...], n: int, chance: np.random.Generator) -> pl.Series:
    return pl.Series(codes).gather(pl.Series(chance.integers(0, len(codes), n)))
