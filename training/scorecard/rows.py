"""How do training rows get one canonical form, and how are they divided into folds?

Rows with the same cells, outcome and unit weight are one record with a count, and records stand in an
order that depends on their content alone. So the order of rows does not matter, and a row of weight 3
is, to the last bit, the same as that row three times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Distinct training rows.

    ``cells`` ``[records, features]``; ``target``, ``unit`` (the weight of one row) and ``group`` a record;
    ``dealt`` ``[records, folds]`` counts how many of its rows each fold holds out.
    """

    cells: NDArray[np.int16]
    target: Floats
    unit: Floats
    dealt: Ints

    @property
    def weight(self) -> Floats:
        """The whole training weight of each record."""
        return np.asarray(self.unit * self.dealt.sum(axis=1))

    @property
    def folds(self) -> int:
        """How many folds the rows are dealt to."""
        return int(self.dealt.shape[1])

    def held_out(self, fold: int) -> Floats:
        """The weight of each record within a fold."""
        return self.unit * self.dealt[:, fold]


def records(
    cells: NDArray[np.int16],
    target: Floats,
    weight: Floats,
    *,
    folds: int,
    stratify: bool,
    groups: ArrayLike | None,
    seed: int,
) -> Records:
    """Bring rows into canonical form and deal them to folds.

    Args:
        cells: ``[rows, features]`` cell numbers.
        target: the outcome of each row.
        weight: positive; whole numbers count rows, other weights (scaled to a mean of 1) weigh them.
        folds: how many.
        stratify: deal each distinct outcome out apart, so that folds hold the same share.
        groups: rows of one group (a person) are dealt to the same fold.
        seed: decides the order of dealing.
    """
    whole = bool((weight == np.round(weight)).all())
    count = weight.astype(np.int64) if whole else np.ones(len(weight), dtype=np.int64)
    unit = np.ones(len(weight)) if whole else weight / weight.mean()
    group = np.zeros(len(weight), dtype=np.int64) if groups is None else _ranks(groups)
    mark = _fingerprint(cells, seed=seed)
    order = np.lexsort((unit, target, group, mark))
    parts = (mark[order], group[order], target[order], unit[order])
    new = np.zeros(len(order), dtype=bool)
    new[:1] = True
    for part in parts:
        new[1:] |= part[1:] != part[:-1]
    # Two different rows with one fingerprint would be merged wrongly: look at the cells themselves.
    new[1:] |= (cells[order[1:]] != cells[order[:-1]]).any(axis=1)
    first = np.flatnonzero(new)
    kept = order[first]
    total = np.add.reduceat(count[order], first)
    if groups is None:
        dealt = _deal(total, target[kept] if stratify else np.zeros(len(kept)), folds)
    else:
        dealt = np.zeros((len(kept), folds), dtype=np.int64)
        dealt[np.arange(len(kept)), _deal_groups(group[kept], folds, seed)] = total
    return Records(cells[kept], target[kept], unit[kept], dealt)


def _deal(count: Ints, stratum: Floats, folds: int) -> Ints:
    """Deal each record's rows to the folds in turn, stratum by stratum."""
    dealt = np.zeros((len(count), folds), dtype=np.int64)
    for value in np.unique(stratum):
        rows = np.flatnonzero(stratum == value)
        begin = np.cumsum(count[rows]) - count[rows]
        whole, rest = np.divmod(count[rows], folds)
        for fold in range(folds):
            dealt[rows, fold] = whole + (((fold - begin) % folds) < rest)
    return dealt


def _deal_groups(group: Ints, folds: int, seed: int) -> Ints:
    shuffled = np.random.default_rng(seed).permutation(int(group.max()) + 1)
    fold: Ints = shuffled[group] % folds
    return fold


def _ranks(groups: ArrayLike) -> Ints:
    return np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)


def _fingerprint(cells: NDArray[np.int16], *, seed: int) -> NDArray[np.uint64]:
    """Hash each row's cells to 64 bits, wrapping round on overflow."""
    drawn = np.random.default_rng(seed).integers(1, 2**63, size=(1, cells.shape[1]))
    odd = [int(part) | 1 for part in drawn[0]]
    mark = np.full(len(cells), np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15), dtype=np.uint64)
    for column in range(cells.shape[1]):
        mark ^= cells[:, column].astype(np.uint64) * np.uint64(odd[column])
        mark *= np.uint64(0xBF58476D1CE4E5B9)
        mark ^= mark >> np.uint64(29)
    return mark
