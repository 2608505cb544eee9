"""What did the inputs and the scores look like when the model was calibrated, and do they still?

A profile holds, for every feature a head reads and for its chances, the shares of rows in fixed bins.
`scoring.stability` compares later rows with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BINS = 10
MOST_CATEGORIES = 20
CHANCE = "chance"
#: From this index on, much has moved.
MOVED_MUCH = 0.25


def profile(frame: pl.DataFrame, *, chances: npt.ArrayLike) -> dict[str, Any]:
    """The shares of rows by bin, of each column and of the chances."""
    columns = {name: _column_profile(frame[name]) for name in frame.columns}
    return {**columns, CHANCE: _number_profile(np.asarray(chances, dtype=np.float64))}


def places(
    held: Mapping[str, Any], frame: pl.DataFrame, *, chances: npt.ArrayLike
) -> dict[str, tuple[IntArray, int]]:
    """Which of the profile's bins is each row in, by column and for the chances; and how many bins are there?"""
    result: dict[str, tuple[IntArray, int]] = {}
    for name, column in held.items():
        if name == CHANCE:
            result[name] = _number_places(np.asarray(chances, dtype=np.float64), column["edges"])
        elif "categories" in column:
            result[name] = _category_places(frame[name], column["categories"])
        else:
            result[name] = _number_places(_numbers(frame[name]), column["edges"])
    return result


def _column_profile(column: pl.Series) -> dict[str, Any]:
    if column.dtype == pl.Boolean or column.dtype.is_numeric():
        return _number_profile(_numbers(column))
    counts = column.cast(pl.String).drop_nulls().value_counts(sort=True, name="n")
    ordered = counts.sort(["n", counts.columns[0]], descending=[True, False]).head(MOST_CATEGORIES)
    categories = ordered.get_column(counts.columns[0]).to_list()
    return {"categories": categories, "shares": _shares(*_category_places(column, categories)).tolist()}


def _number_profile(values: FloatArray) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])).tolist() if len(known) else []
    return {"edges": edges, "shares": _shares(*_number_places(values, edges)).tolist()}


def _numbers(column: pl.Series) -> FloatArray:
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _number_places(values: FloatArray, edges: list[float]) -> tuple[IntArray, int]:
    found = np.where(
        np.isnan(values), len(edges) + 1, np.searchsorted(np.asarray(edges), values, side="right")
    )
    return found.astype(np.int64), len(edges) + 2


def _category_places(column: pl.Series, categories: list[str]) -> tuple[IntArray, int]:
    place = {category: i for i, category in enumerate(categories)}
    other, missing = len(categories), len(categories) + 1
    found = [missing if v is None else place.get(v, other) for v in column.cast(pl.String).to_list()]
    return np.asarray(found, dtype=np.int64), len(categories) + 2


def _shares(place: IntArray, bins: int) -> FloatArray:
    return np.bincount(place, minlength=bins) / max(len(place), 1)
