"""Which bin is a value in, and how far have shares over bins moved? For training and for the service.

Under 0.1 little has moved, over 0.25 much has (Siddiqi 2006, Credit Risk Scorecards, chapter 9).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

#: Share given to an empty bin, so that the index stays finite.
LEAST_SHARE: Final = 1e-4

Bins = npt.NDArray[np.int64]
Shares = Sequence[float] | npt.NDArray[np.float64]


def stability_index(before: Shares, now: Shares) -> float:
    """How far the shares of rows by bin are from those before; 0 where they are the same.

    Args:
        before: shares by bin of the rows compared with, [bins].
        now: shares of later rows over the same bins, [bins].

    Raises:
        ValueError: the two have different numbers of bins.
    """
    if len(before) != len(now):
        raise ValueError(f"{len(before)} bins cannot be compared with {len(now)}")
    a, b = np.maximum(before, LEAST_SHARE), np.maximum(now, LEAST_SHARE)
    return float(((b - a) * np.log(b / a)).sum())


def bins_of(values: Sequence[object], profile: Mapping[str, Any]) -> Bins:
    """Which bin of a profile is each value in? [values]; the last bin is for what was not recorded.

    A profile has the ascending `edges` of numbers, or the `categories` of codes; a code that is not among these is in
    the last bin but one.
    """
    if "categories" in profile:
        return category_bins(values, profile["categories"])
    numbers = [float(value) if isinstance(value, int | float) else np.nan for value in values]
    return number_bins(np.asarray(numbers, dtype=np.float64), profile["edges"])


def number_bins(values: npt.NDArray[np.float64], edges: Sequence[float]) -> Bins:
    """Which bin is each number in? [values]; a number on an edge is in the bin above it, NaN in the last."""
    found = np.searchsorted(np.asarray(edges, dtype=np.float64), values, side="right")
    return np.where(np.isnan(values), len(edges) + 1, found).astype(np.int64)


def category_bins(values: Sequence[object], categories: Sequence[str]) -> Bins:
    """Which bin is each code in? [values]; other codes are in the last bin but one, None in the last."""
    place = {category: number for number, category in enumerate(categories)}
    other, missing = len(categories), len(categories) + 1
    found = [missing if value is None else place.get(str(value), other) for value in values]
    return np.asarray(found, dtype=np.int64)
