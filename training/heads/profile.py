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

from scoring.stability import Bins, category_bins, number_bins

FloatArray = npt.NDArray[np.float64]
BINS = 10
MOST_CATEGORIES = 20
CHANCE = "chance"
#: From this index on, much has moved.
MOVED_MUCH = 0.25


def profile(frame: pl.DataFrame, *, chances: npt.ArrayLike) -> dict[str, Any]:
    """The shares of rows by bin, of each column and of the chances."""
    columns = {name: _column_profile(frame[name]) for name in frame.columns}
    return {**columns, CHANCE: _number_profile(np.asarray(chances, dtype=np.float64))}


def places(held: Mapping[str, Any], frame: pl.DataFrame, *, chances: npt.ArrayLike) -> dict[str, Bins]:
    """Which of the profile's bins is each row in, by column and for the chances?"""
    result: dict[str, Bins] = {}
    for name, column in held.items():
        if name == CHANCE:
            result[name] = number_bins(np.asarray(chances, dtype=np.float64), column["edges"])
        elif "categories" in column:
            result[name] = category_bins(_codes(frame[name]), column["categories"])
        else:
            result[name] = number_bins(_numbers(frame[name]), column["edges"])
    return result


def _column_profile(column: pl.Series) -> dict[str, Any]:
    if column.dtype == pl.Boolean or column.dtype.is_numeric():
        return _number_profile(_numbers(column))
    counts = column.cast(pl.String).drop_nulls().value_counts(sort=True, name="n")
    ordered = counts.sort(["n", counts.columns[0]], descending=[True, False]).head(MOST_CATEGORIES)
    categories = ordered.get_column(counts.columns[0]).to_list()
    found = category_bins(_codes(column), categories)
    return {"categories": categories, "shares": _shares(found, len(categories) + 2).tolist()}


def _number_profile(values: FloatArray) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])).tolist() if len(known) else []
    return {"edges": edges, "shares": _shares(number_bins(values, edges), len(edges) + 2).tolist()}


def _numbers(column: pl.Series) -> FloatArray:
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _codes(column: pl.Series) -> list[str | None]:
    return column.cast(pl.String).to_list()


def _shares(place: Bins, bins: int) -> FloatArray:
    return np.bincount(place, minlength=bins) / max(len(place), 1)
