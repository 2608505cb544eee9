"""Small helpers between arrays and frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from worlds.draws import Bools, Ints


def blank(values: pl.Series | npt.ArrayLike, where: Bools) -> pl.Series:
    """The values, null where `where` is true."""
    series = values if isinstance(values, pl.Series) else pl.Series(np.asarray(values))
    return pl.select(pl.when(pl.Series(where)).then(None).otherwise(series).alias("v")).to_series()


def codes(names: tuple[str, ...] | list[str], index: Ints) -> pl.Series:
    """The name at each index; an index that names nothing gives null."""
    values = pl.Series([*names, None], dtype=pl.String)
    return values.gather(pl.Series(np.where((index < 0) | (index >= len(names)), len(names), index)))


def numbered(pattern: str, crn: pl.Series, *number: int) -> pl.Series:
    """Identifiers made of each person's case reference number and a number, by a pattern with `{}` for each."""
    return pl.select(pl.format(pattern, crn, *(pl.lit(one) for one in number))).to_series()


def named_lists(names: tuple[str, ...], chosen: Bools) -> pl.Series:
    """The chosen names of each row as a list, in the order of the names; an empty list where there are none."""
    row, column = np.nonzero(chosen)
    found = (
        pl.DataFrame({"row": row, "name": codes(names, column)})
        .group_by("row", maintain_order=True)
        .agg("name")
    )
    every = pl.DataFrame({"row": np.arange(len(chosen))}).join(
        found, on="row", how="left", maintain_order="left"
    )
    return every["name"].fill_null(pl.Series([[]], dtype=pl.List(pl.String)))
