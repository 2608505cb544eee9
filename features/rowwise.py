"""Conditions and measures as plain functions of one row: what `features.compile` is to frames."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from features.case import Row
from features.contract import ColumnKind
from features.expressions import (
    ALWAYS,
    Answered,
    AtLeast,
    Condition,
    Contains,
    Covers,
    DaysBetween,
    DaysFrom,
    DaysUntil,
    Every,
    Holds,
    IsTrue,
    KnownWithin,
    Measure,
    Not,
    OneOf,
    Reaching,
    Recorded,
    Total,
    Trues,
    Value,
)
from features.spec import Scalar
from features.streams import Stream, list_text

Test = Callable[[Row, date], bool]
Measurement = Callable[[Row, date], Scalar]


def test_of(of: Condition) -> Test:  # noqa: PLR0911  one case a kind of condition
    """Whether a row meets the condition at an as-of day."""
    match of:
        case OneOf(column, codes):
            allowed = frozenset(codes)
            return lambda row, _: row[column] in allowed
        case AtLeast(column, number):
            return lambda row, _: (value := row[column]) is not None and value >= number  # type: ignore[operator]
        case IsTrue(column):
            return lambda row, _: row[column] is True
        case Recorded(column):
            return lambda row, _: row[column] is not None
        case KnownWithin(days):
            span = timedelta(days=days)
            return lambda row, as_of: row["known_on"] >= as_of - span  # type: ignore[operator]  # an event has a day
        case Contains(column, code):
            return lambda row, _: (value := row[column]) is not None and code in value  # type: ignore[operator]
        case Covers(start, end):
            return lambda row, as_of: (
                (begun := row[start]) is not None
                and begun <= as_of  # type: ignore[operator]
                and ((over := row[end]) is None or over >= as_of)  # type: ignore[operator]
            )
        case Every(parts):
            tests = tuple(test_of(part) for part in parts if part != ALWAYS)
            if len(tests) == 1:
                return tests[0]
            return lambda row, as_of: all(test(row, as_of) for test in tests)
        case Not(part):
            inner = test_of(part)
            return lambda row, as_of: not inner(row, as_of)


def measurement_of(of: Measure, stream: Stream) -> Measurement:  # noqa: PLR0911  one case a kind of measure
    """What the measure is of a row at an as-of day; None where it is not recorded."""
    match of:
        case Value(column):
            if stream.column(column).kind is ColumnKind.LIST:
                return lambda row, _: list_text(row[column])
            return lambda row, _: row[column]  # type: ignore[return-value]
        case Total(columns, answered):
            return lambda row, _: _total(row, columns, answered)
        case Reaching(thresholds):
            return lambda row, _: len(
                [
                    column
                    for column, least in thresholds
                    if (value := row[column]) is not None and value >= least  # type: ignore[operator]
                ]
            )
        case Answered(columns):
            return lambda row, _: len([column for column in columns if row[column] is not None])
        case Trues(columns):
            return lambda row, _: len([column for column in columns if row[column] is True])
        case Holds(part):
            test = test_of(part)
            return lambda row, as_of: 1 if test(row, as_of) else 0
        case DaysFrom(column):
            return lambda row, as_of: _days(row[column], as_of)
        case DaysUntil(column):
            return lambda row, as_of: _days(as_of, row[column])
        case DaysBetween(start, end):
            return lambda row, _: _days(row[start], row[end])


def _days(start: object, end: object) -> int | None:
    if start is None or end is None:
        return None
    assert isinstance(start, date)
    assert isinstance(end, date)
    return (end - start).days


def _total(row: Row, columns: tuple[str, ...], answered: int) -> int | None:
    values = [value for column in columns if (value := row[column]) is not None]
    if len(values) < answered:
        return None
    return sum(values)  # type: ignore[arg-type]  # contract rows hold whole numbers here
