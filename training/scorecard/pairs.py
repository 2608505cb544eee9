"""Which pairs of features may interact: screened on what single factors leave unexplained.

The screen is FAST (Lou, Caruana, Gehrke and Hooker 2013, "Accurate intelligible models with pairwise
interactions"): for each pair, how much loss the best division of the plane into four blocks would save.
It reads held-out scores, so that what the single factors
have overfitted does not count as explained.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from training.scorecard.cells import Division, coarsen, weigh

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.scorecard.boosting import Pair
    from training.scorecard.rows import Records

    Floats = NDArray[np.float64]

SCREEN_BINS = 12
SCREEN_RECORDS = 100_000
"""Records that the screen reads: the first of the canonical order, which is as good as random."""


def screen(
    rows: Records,
    divisions: Sequence[Division],
    held: Sequence[Floats],
    slope: Floats,
    curvature: Floats,
    *,
    usable: Sequence[int],
    banned: frozenset[frozenset[int]],
    l2: float,
) -> list[tuple[float, Pair]]:
    """Rank the permitted pairs by what their interaction could save, most first.

    Args:
        rows: the training records.
        divisions: of all features.
        held: the training weight in each cell of each feature.
        slope: the first derivative of each record's weighted loss at its held-out score.
        curvature: the second derivative.
        usable: the features that may be used.
        banned: pairs that may not.
        l2: the ridge on a block's value.
    """
    cells: dict[int, tuple[NDArray[np.intp], int]] = {}
    few = slice(0, SCREEN_RECORDS)
    for feature in usable:
        _, cell_of = coarsen(divisions[feature].axis, held[feature], most=SCREEN_BINS)
        cell = cell_of[rows.cells[few, feature]].astype(np.intp)
        count = int(cell_of.max()) + 1
        if divisions[feature].axis.kind == "category":
            cell = _by_need(cell, slope[few], curvature[few], count, l2)
        cells[feature] = (cell, count)
    gains = []
    for one, two in combinations(usable, 2):
        if frozenset((one, two)) in banned:
            continue
        (first, n), (second, m) = cells[one], cells[two]
        place = first * m + second
        g = weigh(place, slope[few], size=n * m).reshape(n, m)
        h = weigh(place, curvature[few], size=n * m).reshape(n, m)
        gains.append((best_gain(g, h, l2=l2), (one, two)))
    return sorted(gains, key=lambda gain: (-gain[0], gain[1]))


def best_gain(slope: Floats, curvature: Floats, *, l2: float) -> float:
    """Answer: how much does the best four-block division save over the best division by one factor?"""
    g, h = slope.cumsum(0).cumsum(1), curvature.cumsum(0).cumsum(1)
    # Blocks above-left, above-right, below-left, below-right of each inner corner.
    gs = (g[:-1, :-1], g[:-1, -1:] - g[:-1, :-1], g[-1:, :-1] - g[:-1, :-1])
    hs = (h[:-1, :-1], h[:-1, -1:] - h[:-1, :-1], h[-1:, :-1] - h[:-1, :-1])
    last_g, last_h = g[-1, -1] - sum(gs), h[-1, -1] - sum(hs)
    four = sum(a * a / (b + l2) for a, b in zip((*gs, last_g), (*hs, last_h), strict=True))
    by_row = _halves(g[:-1, -1], g[-1, -1], h[:-1, -1], h[-1, -1], l2)
    by_column = _halves(g[-1, :-1], g[-1, -1], h[-1, :-1], h[-1, -1], l2)
    saved = four - np.maximum(by_row[:, None], by_column[None, :])
    return float(np.max(saved, initial=0.0))


def _halves(g: Floats, g_all: float, h: Floats, h_all: float, l2: float) -> Floats:
    out: Floats = g * g / (h + l2) + (g_all - g) ** 2 / (h_all - h + l2)
    return out


def _by_need(
    cell: NDArray[np.intp], slope: Floats, curvature: Floats, count: int, l2: float
) -> NDArray[np.intp]:
    """Put a category's cells in the order of what is left to explain in each, so that blocks can part them."""
    g = weigh(cell, slope, size=count)
    h = weigh(cell, curvature, size=count)
    rank = np.empty(count, dtype=np.intp)
    rank[np.argsort(g / (h + l2), kind="stable")] = np.arange(count)
    return rank[cell]
