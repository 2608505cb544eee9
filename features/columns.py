"""Feature values as columns: floats with NaN for numbers and yes or no, `Categories` for names.

One person's values are columns of one row, so that what reads them is written once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from catalogue.subjects import Categories, Floats

if TYPE_CHECKING:
    import polars as pl

Columns: TypeAlias = Mapping[str, Floats | Categories]


def of_row(values: Mapping[str, object]) -> Columns:
    """One person's values as columns of one row; None is NaN, and no category."""
    return {
        name: Categories.of([value]) if isinstance(value, str) else np.array([value], dtype=np.float64)
        for name, value in values.items()
    }


def of_frame(frame: pl.DataFrame, names: Collection[str]) -> Columns:
    """Those columns of a frame that are named."""
    import polars as pl

    found: dict[str, Floats | Categories] = {}
    for name in frame.columns:
        column = frame[name]
        if name not in names:
            continue
        if column.dtype.is_numeric() or column.dtype == pl.Boolean:
            found[name] = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
        else:
            texts = column.cast(pl.String)
            known = texts.unique().drop_nulls().sort().to_list()
            codes = texts.cast(pl.Enum(known)).to_physical().cast(pl.Int64).fill_null(-1)
            found[name] = Categories(codes.to_numpy(), tuple(known))
    return found
