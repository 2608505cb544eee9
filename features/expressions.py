"""What a feature may ask of one event: conditions and values, as plain declarations.

Nothing here computes. `features.batch` compiles a declaration to an expression over
frames, `features.live` to a function of one row; both read only these classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from features.contract import ColumnKind


@dataclass(frozen=True, slots=True)
class OneOf:
    """The column holds one of these codes."""

    column: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AtLeast:
    """The column holds a number of at least this size."""

    column: str
    number: int


@dataclass(frozen=True, slots=True)
class IsTrue:
    """The yes/no column says yes."""

    column: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """The column is not null."""

    column: str


@dataclass(frozen=True, slots=True)
class KnownWithin:
    """The version of the record that counts became known within this many days before the as-of day."""

    days: int


@dataclass(frozen=True, slots=True)
class Contains:
    """The list column has this member."""

    column: str
    code: str


@dataclass(frozen=True, slots=True)
class Covers:
    """The as-of day lies from `start` to `end`, both included; no start is none, no end is ongoing."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Every:
    """All of these hold; of nothing, always."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold; a null never holds, so its negation does."""

    part: Condition


Condition = OneOf | AtLeast | IsTrue | Recorded | KnownWithin | Contains | Covers | Every | Not

ALWAYS = Every(())
"""The condition that every event meets."""


@dataclass(frozen=True, slots=True)
class Value:
    """What the column holds."""

    column: str


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of the columns that are answered; null when fewer than `answered` are."""

    columns: tuple[str, ...]
    answered: int = 1


@dataclass(frozen=True, slots=True)
class Reaching:
    """How many columns reach their threshold; unanswered ones do not."""

    thresholds: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """How many of the columns are answered."""

    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trues:
    """How many of the yes/no columns say yes."""

    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Holds:
    """1 where the condition holds, 0 where it does not."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class DaysFrom:
    """Days from the day in the column to the as-of day; negative when it is yet to come."""

    column: str


@dataclass(frozen=True, slots=True)
class DaysUntil:
    """Days from the as-of day to the day in the column; negative when it has passed."""

    column: str


@dataclass(frozen=True, slots=True)
class DaysBetween:
    """Days from the day in one column to the day in another."""

    start: str
    end: str


Measure = Value | Total | Reaching | Answered | Trues | Holds | DaysFrom | DaysUntil | DaysBetween


def columns_of(expression: Condition | Measure) -> Iterator[str]:
    """Every column that a condition or a measure reads."""
    match expression:
        case Every(parts):
            for part in parts:
                yield from columns_of(part)
        case Not(part) | Holds(part):
            yield from columns_of(part)
        case Covers(start, end) | DaysBetween(start, end):
            yield from (start, end)
        case Total(columns) | Answered(columns) | Trues(columns):
            yield from columns
        case Reaching(thresholds):
            yield from (column for column, _ in thresholds)
        case KnownWithin():  # reads the day that every record has, which is no column of a stream
            return
        case _:
            yield expression.column


def parts_of(expression: Condition | Measure) -> Iterator[Condition | Measure]:
    """The plain conditions and measures that an expression is built of."""
    match expression:
        case Every(parts):
            for part in parts:
                yield from parts_of(part)
        case Not(part) | Holds(part):
            yield from parts_of(part)
        case _:
            yield expression


def kinds_of(part: Condition | Measure) -> frozenset[ColumnKind]:  # noqa: PLR0911  one case a kind
    """The kinds of column that a plain condition or measure can read; any kind where it does not matter."""
    match part:
        case OneOf():
            return frozenset({ColumnKind.CODE, ColumnKind.TEXT})
        case AtLeast():
            return frozenset({ColumnKind.INT, ColumnKind.FLOAT})
        case IsTrue() | Trues():
            return frozenset({ColumnKind.BOOL})
        case Contains():
            return frozenset({ColumnKind.LIST})
        case Covers() | DaysFrom() | DaysUntil() | DaysBetween():
            return frozenset({ColumnKind.DATE})
        case Total() | Reaching():
            return frozenset({ColumnKind.INT})
        case _:
            return frozenset(ColumnKind)


def codes_of(condition: Condition, column: str) -> frozenset[str] | None:
    """The codes that a condition limits a column to; None when it does not limit it."""
    match condition:
        case OneOf(name, codes) if name == column:
            return frozenset(codes)
        case Every(parts):
            limits = [limit for part in parts if (limit := codes_of(part, column)) is not None]
            return frozenset.intersection(*limits) if limits else None
        case _:
            return None
