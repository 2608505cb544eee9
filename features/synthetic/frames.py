"""Small helpers between arrays and frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from features.synthetic.draws import Bools, Ints


def blank(values: pl.Series | npt.ArrayLike, where: Bools) -> pl.Series:
    """The values, null where told."""
    series = values if isinstance(values, pl.Series) else pl.Series(np.asarray(values))
    return pl.select(pl.when(pl.Series(where)).then(None).otherwise(series).alias("v")).to_series()


def codes(names: tuple[str, ...] | list[str], index: Ints) -> pl.Series:
    """Names by index; an index past the last, or below zero, is null."""
    values = pl.Series([*names, None], dtype=pl.String)
    return values.gather(pl.Series(np.where((index < 0) | (index >= len(names)), len(names), index)))
