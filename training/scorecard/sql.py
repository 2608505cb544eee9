"""Which SQL expression over the feature columns gives a scorecard's score in any database?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from scoring.scorecard import Axis, Category, Scorecard, ScorecardError, Term

if TYPE_CHECKING:
    from collections.abc import Sequence

Dialect = Literal["duckdb", "spark"]


def to_sql(card: Scorecard, *, dialect: Dialect = "duckdb", probability: bool = False) -> str:
    """Answer: which SQL expression gives this scorecard's score?

    A value of NULL or NaN is read as not recorded. Columns of numbers and yes/no are cast to DOUBLE,
    categories are compared as text where they are text. Infinite values are not refused: they fall into
    the outermost cells.

    Args:
        card: the scorecard.
        dialect: ``duckdb`` or ``spark``; they quote names and texts differently.
        probability: give the chance instead of the raw score (of a logit scorecard).

    Returns:
        An expression without an alias.

    Raises:
        ScorecardError: for an unknown dialect.
    """
    if dialect not in {"duckdb", "spark"}:
        raise ScorecardError(f"The SQL dialect {dialect!r} is not known; use 'duckdb' or 'spark'.")
    parts = [_number(card.intercept)]
    parts.extend(_term(term, dialect) for term in card.terms)
    score = "(\n  " + "\n  + ".join(parts) + "\n)"
    if probability and card.link == "logit":
        return f"(1e0 / (1e0 + exp(-{score})))"
    return score


def _term(term: Term, dialect: Dialect) -> str:
    if len(term.axes) == 1:
        return _choose(term.axes[0], [_number(value) for value in term.values], dialect)
    rows = [_choose(term.axes[1], [_number(v) for v in row], dialect) for row in term.values]
    return _choose(term.axes[0], rows, dialect)


def _choose(axis: Axis, results: Sequence[str], dialect: Dialect) -> str:
    """Write the choice between one result a cell; neighbours with the same result share a branch."""
    name = _name(axis.feature, dialect)
    if len(set(results)) == 1:
        return results[0]
    if axis.kind == "category":
        return _choose_category(axis, results, name, dialect)
    value = f"CAST({name} AS DOUBLE)"
    branches = [f"WHEN {name} IS NULL OR isnan({value}) THEN {results[-1]}"]
    branches.extend(
        f"WHEN {value} < {_number(cut)} THEN {results[cell]}"
        for cell, cut in enumerate(axis.cuts)
        if results[cell] != results[cell + 1]
    )
    return f"CASE {' '.join(branches)} ELSE {results[-2]} END"


def _choose_category(axis: Axis, results: Sequence[str], name: str, dialect: Dialect) -> str:
    other, missing = results[-2], results[-1]
    grouped: dict[str, list[str]] = {}
    for category, result in zip(axis.categories, results, strict=False):
        if result != other:
            grouped.setdefault(result, []).append(_literal(category, dialect))
    branches = [f"WHEN {name} IS NULL THEN {missing}"]
    branches.extend(f"WHEN {name} IN ({', '.join(held)}) THEN {result}" for result, held in grouped.items())
    return f"CASE {' '.join(branches)} ELSE {other} END"


def _number(value: float) -> str:
    """Write a DOUBLE: without an exponent both dialects would read an exact decimal."""
    value = float(value)
    if not math.isfinite(value):
        raise ScorecardError("A scorecard with a number that is not finite cannot be written as SQL.")
    text = repr(value)
    text = text if "e" in text else f"{text}e0"
    return f"({text})" if value < 0 else text


def _name(name: str, dialect: Dialect) -> str:
    if dialect == "spark":
        return "`" + name.replace("`", "``") + "`"
    return '"' + name.replace('"', '""') + '"'


def _literal(category: Category, dialect: Dialect) -> str:
    if isinstance(category, bool):
        return "TRUE" if category else "FALSE"
    if isinstance(category, int):
        return str(category)
    if isinstance(category, float):
        return _number(category)
    if dialect == "spark":
        escaped = category.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    return "'" + category.replace("'", "''") + "'"
