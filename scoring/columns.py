"""The columns of a frame as scorecards read them fastest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt
import polars as pl


def columns_of(frame: pl.DataFrame, names: Sequence[str]) -> dict[str, npt.NDArray[Any] | list[Any]]:
    """Columns as scorecards read them: numbers and yes/no as floats with NaN, categories as lists."""
    result: dict[str, npt.NDArray[Any] | list[Any]] = {}
    for name in names:
        column = frame[name]
        if column.dtype == pl.Boolean or column.dtype.is_numeric():
            result[name] = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        else:
            result[name] = column.cast(pl.String).to_list()
    return result
