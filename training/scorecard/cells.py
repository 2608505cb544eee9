"""How are a feature's values divided into cells before anything is fitted?

The division is the scorecard's own, so that every cell is known by construction, "not recorded" and
"any other value" included; the boosted trees only ever see cell numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.scorecard import Axis, Category, FactorKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.scorecard.columns import ColumnValues

    Floats = NDArray[np.float64]
    Cells = NDArray[np.int32]

MIN_CATEGORY_WEIGHT = 10.0
"""A category with less training weight than this (or than 2% of a small sample) joins "any other value"."""
SMALL_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Division:
    """The cells of one feature, and where training rows fell.

    ``usual`` is the cell of the median, or of the commonest category. A value for which training held no
    example (not recorded where everything was, another category where none was pooled) is read as ``usual``.
    """

    axis: Axis
    usual: int
    missing_seen: bool
    other_seen: bool
    low: float | None
    high: float | None

    @property
    def missing(self) -> int:
        """The cell of "not recorded"."""
        return self.axis.cells - 1

    @property
    def aliases(self) -> tuple[int, ...]:
        """The cells without any training row, which are read as ``usual``."""
        cells = [] if self.missing_seen else [self.missing]
        if self.axis.kind == "category" and not self.other_seen:
            cells.append(self.missing - 1)
        return tuple(cells)

    @property
    def varies(self) -> bool:
        """Whether training rows fell into more than one cell."""
        return self.axis.cells - len(self.aliases) > 1

    def cells_of(self, values: NDArray[Any]) -> Cells:
        """Give the cell of each value, unseen kinds of value read as usual."""
        cells = raw_cells(self.axis, values)
        for alias in self.aliases:
            cells[cells == alias] = self.usual
        return cells


def divide(column: ColumnValues, weight: Floats, *, max_bins: int) -> Division:
    """Divide a feature by the training data: at most ``max_bins`` cells of about equal weight.

    Args:
        column: the training values.
        weight: the weight of each row, positive.
        max_bins: the most value cells of a number, and the most named categories.
    """
    if column.kind == "category":
        axis = Axis(column.name, "category", categories=_categories(column.data, weight, max_bins))
        low = high = None
    else:
        axis, low, high = _number_axis(column.name, column.kind, column.data, weight, max_bins)
    held = weigh(raw_cells(axis, column.data), weight, size=axis.cells)
    return Division(
        axis=axis,
        usual=_usual(axis, held),
        missing_seen=bool(held[-1] > 0),
        other_seen=axis.kind == "category" and bool(held[-2] > 0),
        low=low,
        high=high,
    )


def _usual(axis: Axis, held: Floats) -> int:
    """The cell of a number's weighted median, or of the commonest category; "not recorded" if nothing was."""
    recorded = held[:-1]
    if recorded.sum() <= 0:
        return axis.cells - 1
    if axis.kind == "category":
        return int(np.argmax(recorded))
    return int(np.searchsorted(np.cumsum(recorded), recorded.sum() / 2))


def weigh(cells: NDArray[np.integer], weight: Floats, *, size: int) -> Floats:
    """Give the summed weight in each of ``size`` cells."""
    return np.bincount(cells, weights=weight, minlength=size).astype(np.float64)


def raw_cells(axis: Axis, values: NDArray[Any]) -> Cells:
    """Give the cell of each value by the axis alone."""
    if axis.kind == "category":
        place: dict[object, int] = {category: cell for cell, category in enumerate(axis.categories)}
        other = len(axis.categories)
        place[None] = other + 1
        return np.array([place.get(value, other) for value in values.tolist()], dtype=np.int32)
    cells = np.searchsorted(np.array(axis.cuts), values, side="right").astype(np.int32)
    cells[np.isnan(values)] = len(axis.cuts) + 1
    return cells


def _number_axis(
    name: str, kind: FactorKind, values: Floats, weight: Floats, max_bins: int
) -> tuple[Axis, float | None, float | None]:
    recorded = ~np.isnan(values)
    distinct, place = np.unique(values[recorded], return_inverse=True)
    if len(distinct) == 0:
        return Axis(name, kind), None, None
    held = weigh(place, weight[recorded], size=len(distinct))
    begins = np.arange(len(distinct)) if len(distinct) <= max_bins else _equal_weight(held, max_bins)
    edge = np.flatnonzero(np.diff(begins)) + 1
    cuts = readable_cuts(distinct[edge - 1], distinct[edge])
    return Axis(name, kind, cuts=tuple(cuts.tolist())), float(distinct[0]), float(distinct[-1])


def _equal_weight(held: Floats, bins: int) -> NDArray[np.int64]:
    """Give each distinct value its bin, so that bins hold about the same weight.

    A value heavier than a bin stands alone; the rest share what bins are left.
    """
    heavy = np.zeros(len(held), dtype=bool)
    for _ in range(bins):
        left = bins - 2 * int(heavy.sum())
        if left < 2:
            break
        more = ~heavy & (held > held[~heavy].sum() / left)
        if not more.any():
            break
        heavy |= more
    size = held[~heavy].sum() / max(bins - 2 * int(heavy.sum()), 1)
    middle = np.cumsum(np.where(heavy, 0.0, held)) - np.where(heavy, 0.0, held) / 2
    bin_of = np.floor(middle / size) if size > 0 else np.zeros(len(held))
    # Before and after each heavy value a new bin begins.
    fresh = np.append(True, (np.diff(bin_of) != 0) | heavy[1:] | heavy[:-1])
    return np.cumsum(fresh)


def readable_cuts(below: Floats, above: Floats) -> Floats:
    """Give the number with the fewest decimals that parts each pair: ``below < cut <= above``.

    A short number near the middle is taken where there is one, so that the printed scorecard can be read
    and a value never seen falls on the nearer side.
    """
    cuts = above.copy()
    middle = below + (above - below) / 2
    open_ = np.ones(len(cuts), dtype=bool)
    for decimals in range(17):
        scale = 10.0**decimals
        with np.errstate(over="ignore", invalid="ignore"):
            for tried in (np.round(middle, decimals), np.floor(above * scale) / scale):
                fits = open_ & (tried > below) & (tried <= above)
                cuts[fits] = tried[fits]
                open_ &= ~fits
        if not open_.any():
            break
    return cuts


def _categories(values: NDArray[Any], weight: Floats, most: int) -> tuple[Category, ...]:
    held: dict[Category, float] = {}
    for value, part in zip(values.tolist(), weight.tolist(), strict=True):
        if value is not None:
            held[value] = held.get(value, 0.0) + part
    least = min(MIN_CATEGORY_WEIGHT, SMALL_SHARE * sum(held.values()))
    kept = [category for category, total in held.items() if total >= least]
    kept.sort(key=lambda category: (-held[category], type(category).__name__, str(category)))
    return tuple(kept[:most])


def coarsen(axis: Axis, held: Floats, *, most: int) -> tuple[Axis, NDArray[np.int32]]:
    """Give a coarser axis with at most ``most`` value cells, and the coarse cell of each fine cell.

    Args:
        axis: the fine axis.
        held: the training weight in each of its cells.
        most: the most value cells; an axis with no more than that is given back as it is.
    """
    if axis.kind == "category":
        if len(axis.categories) <= most:
            return axis, np.arange(axis.cells, dtype=np.int32)
        # The categories come heaviest first.
        named = np.minimum(np.arange(len(axis.categories)), most)
        coarse = Axis(axis.feature, "category", categories=axis.categories[:most])
        return coarse, np.append(named, [most, most + 1]).astype(np.int32)
    if len(axis.cuts) < most:
        return axis, np.arange(axis.cells, dtype=np.int32)
    bins = _equal_weight(held[:-1], most)
    kept = np.flatnonzero(np.diff(bins))
    coarse = Axis(axis.feature, axis.kind, cuts=tuple(axis.cuts[cut] for cut in kept))
    return coarse, np.append(bins - 1, len(kept) + 1).astype(np.int32)


def merge_map(axis: Axis, same: Sequence[bool]) -> tuple[Axis, NDArray[np.int32]]:
    """Drop the cuts of a number across which nothing changes.

    Args:
        axis: of a number; a category's axis is given back as it is.
        same: for each cut, whether the table is the same on both sides of it.
    """
    if axis.kind == "category":
        return axis, np.arange(axis.cells, dtype=np.int32)
    kept = [cut for cut, equal in zip(axis.cuts, same, strict=True) if not equal]
    steps = np.cumsum([0, *(not equal for equal in same)])
    return Axis(axis.feature, axis.kind, cuts=tuple(kept)), np.append(steps, len(kept) + 1).astype(np.int32)
