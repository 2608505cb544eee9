"""Conditions and measures as `narwhals.stable.v2` expressions over a stream's frame.

In those frames a day is an Int32 day number (days since 1970-01-01), a list is a text
(`features.streams.list_text`), and `as_of` is the as-of day of the point.
"""

from __future__ import annotations

from functools import reduce

import narwhals.stable.v2 as nw

from features.expressions import (
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
from features.streams import LIST_MARK


def condition(of: Condition) -> nw.Expr:  # noqa: PLR0911  one case a kind of condition
    """True or false for each row, never null."""
    match of:
        case OneOf(column, codes):
            return nw.col(column).is_in(list(codes)).fill_null(value=False)
        case AtLeast(column, number):
            return (nw.col(column) >= number).fill_null(value=False)
        case IsTrue(column):
            return nw.col(column).fill_null(value=False)
        case Recorded(column):
            return ~nw.col(column).is_null()
        case KnownWithin(days):
            return nw.col("own_day") >= nw.col("as_of") - days
        case Contains(column, code):
            marked = f"{LIST_MARK}{code}{LIST_MARK}"
            return nw.col(column).str.contains(marked, literal=True).fill_null(value=False)
        case Covers(start, end):
            begun = (nw.col(start) <= nw.col("as_of")).fill_null(value=False)
            return begun & (nw.col(end) >= nw.col("as_of")).fill_null(value=True)
        case Every(parts):
            return reduce(lambda left, right: left & right, map(condition, parts), nw.lit(value=True))
        case Not(part):
            return ~condition(part)


def measure(of: Measure) -> nw.Expr:  # noqa: PLR0911  one case a kind of measure
    """The measure of each row, null where it is not recorded."""
    match of:
        case Value(column):
            return nw.col(column)
        case Total(columns, answered):
            total = _add([nw.col(column).fill_null(0) for column in columns])
            return nw.when(_answered(columns) >= answered).then(total)
        case Reaching(thresholds):
            return _add(
                [_flag((nw.col(column) >= least).fill_null(value=False)) for column, least in thresholds]
            )
        case Answered(columns):
            return _answered(columns)
        case Trues(columns):
            return _add([_flag(nw.col(column).fill_null(value=False)) for column in columns])
        case Holds(part):
            return _flag(condition(part))
        case DaysFrom(column):
            return nw.col("as_of") - nw.col(column)
        case DaysUntil(column):
            return nw.col(column) - nw.col("as_of")
        case DaysBetween(start, end):
            return nw.col(end) - nw.col(start)


def _answered(columns: tuple[str, ...]) -> nw.Expr:
    return _add([_flag(~nw.col(column).is_null()) for column in columns])


def _flag(of: nw.Expr) -> nw.Expr:
    return of.cast(nw.Int32)


def _add(of: list[nw.Expr]) -> nw.Expr:
    return reduce(lambda left, right: left + right, of)
