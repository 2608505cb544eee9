"""How a value, or a column of values, becomes cells; and what is refused on the way, without repeating it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, NoReturn, cast

import numpy as np

from catalogue.subjects import Categories
from scoring.scorecard.terms import Category, ScorecardError

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray


class Reader(NamedTuple):
    """How one feature's value becomes a cell, over all of its terms together.

    ``edges`` and ``table`` are ``cuts`` and ``main`` as arrays.
    """

    name: str
    cuts: list[float]
    lookup: dict[Category, int] | None
    missing: int
    main: list[float] | None
    edges: NDArray[np.float64]
    table: NDArray[np.float64] | None


def other_cell(name: str, value: object, missing: int) -> int:
    """The cell of a value outside the named categories: NaN is not recorded, the rest are "any other"."""
    if not isinstance(value, str) and not is_scalar(value):
        raise TypeError(name)
    return missing if value != value else missing - 1  # noqa: PLR0124  NaN is unequal to itself


def is_scalar(value: object) -> bool:
    """Whether a value is one plain value: a text, a number or a yes/no."""
    return isinstance(value, str | int | float | bool | np.generic)


def refuse_infinite(name: str) -> NoReturn:
    """Refuse a value that is infinite."""
    raise ScorecardError(f"The feature {name!r} holds an infinite value; give a finite number or None.")


def row_count(columns: Mapping[str, object] | pl.DataFrame, used: Sequence[str]) -> int:
    """How many rows these columns have; those that are used must not differ."""
    height = getattr(columns, "height", None)
    if isinstance(height, int):
        return height
    table = cast("Mapping[str, object]", columns)
    lengths = {len(cast("Sequence[object]", table[name])) for name in used if name in table}
    if not lengths:
        lengths = {len(cast("Sequence[object]", column)) for column in table.values()}
    if len(lengths) > 1:
        raise ScorecardError("The columns to be scored differ in length; give one value a row in each.")
    return next(iter(lengths), 0)


def column_of(columns: Mapping[str, object] | pl.DataFrame, name: str) -> Sequence[object] | Categories:
    """A column by its name, or the sentence that says it is not there."""
    try:
        return cast("Sequence[object] | Categories", columns[name])
    except Exception as error:  # polars and mappings each have their own error for an absent column
        raise ScorecardError(
            f"The rows to be scored have no column {name!r}; add it, empty if need be."
        ) from error


def cells_of(reader: Reader, column: Sequence[object] | Categories) -> NDArray[np.intp]:
    """The cell of each value of a column."""
    if isinstance(column, Categories):
        return _named_cells(reader, column)
    if reader.lookup is not None:
        return _category_cells(reader, column)
    held = np.asarray(column)
    # A nullable column of yes/no arrives as objects; anything else that is not numeric is refused there.
    values = (
        held.astype(np.float64, copy=False)
        if held.dtype.kind in "biuf"
        else _numbers(reader.name, held.tolist())
    )
    cells: NDArray[np.intp] = reader.edges.searchsorted(values, "right")
    if np.isfinite(values).all():
        return cells
    if np.isinf(values).any():
        refuse_infinite(reader.name)
    return np.where(np.isnan(values), reader.missing, cells)


def _numbers(name: str, values: list[object]) -> NDArray[np.float64]:
    if not all(value is None or isinstance(value, int | float | np.number | np.bool_) for value in values):
        raise ScorecardError(f"The column {name!r} must hold numbers or None.")
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _named_cells(reader: Reader, column: Categories) -> NDArray[np.intp]:
    """The cells of names that come as codes."""
    if reader.lookup is None:
        raise ScorecardError(f"The column {reader.name!r} must hold numbers or None.")
    cells = [reader.lookup.get(name, reader.missing - 1) for name in column.names]
    return np.array([*cells, reader.missing], dtype=np.intp)[np.where(column.codes < 0, -1, column.codes)]


def _category_cells(reader: Reader, column: Sequence[object]) -> NDArray[np.intp]:
    lookup = cast("dict[object, int]", dict(reader.lookup or {}))
    lookup[None] = reader.missing
    to_list = getattr(column, "to_list", None) or getattr(column, "tolist", None)
    values = to_list() if to_list is not None else list(column)
    try:
        cells = [lookup.get(value, -1) for value in values]
        found = np.array(cells, dtype=np.intp)
        for index in np.flatnonzero(found < 0):
            found[index] = other_cell(reader.name, values[index], reader.missing)
    except TypeError as error:
        raise ScorecardError(
            f"The column {reader.name!r} must hold categories (text, numbers or yes/no)."
        ) from error
    return found
