"""How does a scorecard's term look? Steps with the people under them, or a heat map for a pair."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from charts import Aside, Meaning, heat_map, steps
from scoring.scorecard import Axis, Factor, Term

if TYPE_CHECKING:
    from markupsafe import Markup
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOST_LABELS = 12
CROWDED = 0.1
"""If more than this share of rows is in cells too narrow to see, cells are drawn equally wide."""


def curve(term: Term, feature: Factor, *, name: str, title: str) -> Markup:
    """Draw what one factor adds, cell by cell, over how many people are in each."""
    axis, values, weights = term.axes[0], term.values.tolist(), term.weights.tolist()
    edges, marks = _cells(axis, feature, term.weights)
    meaning = Meaning(
        name=name,
        title=title,
        description="The line shows what each value adds. A bar under it shows how many people have the value. "
        "The table next to the chart has every number.",
    )
    return steps(
        edges,
        values[:-1],
        weights[:-1],
        meaning,
        marks=marks,
        aside=Aside(label="not recorded", value=values[-1], count=weights[-1]),
        joined=axis.kind != "category",
        slanted=axis.kind == "category" or not axis.cuts,
    )


def pair(term: Term, *, name: str, title: str, labels: tuple[str, str]) -> Markup:
    """Draw what a pair adds, beyond what each of the two adds by itself."""
    meaning = Meaning(
        name=name,
        title=title,
        description=f"Each block is a value of {labels[0]} (down) with a value of {labels[1]} (across). Orange raises "
        "the score and blue lowers it, beyond what each adds by itself. White blocks held nobody. The table next to "
        "the chart has every number.",
    )
    return heat_map(
        term.values,
        meaning,
        rows=term.axes[0].labels,
        columns=term.axes[1].labels,
        empty=(term.weights == 0) & bool(term.weights.any()),
    )


def _cells(axis: Axis, feature: Factor, weights: Floats) -> tuple[list[float], list[tuple[float, str]]]:
    """Where cells of values begin and end, from 0 to 1, and what is written under them."""
    cells = axis.cells - 1
    equal: Floats = np.linspace(0.0, 1.0, cells + 1)
    if axis.kind == "category" or not axis.cuts or feature.low is None or feature.high is None:
        step = max(1, -(-cells // MOST_LABELS))
        middles = [(low + high) / 2 for low, high in pairwise(equal.tolist())]
        return equal.tolist(), [(middles[cell], axis.labels[cell]) for cell in range(0, cells, step)]
    low, high = min(feature.low, axis.cuts[0]), max(feature.high, axis.cuts[-1])
    marks = np.array([low, *axis.cuts, high])
    share = weights[:-1] / max(float(weights.sum()), 1e-300)
    narrow = np.diff(marks) < 0.1 * (high - low) / max(cells, 1)
    if high <= low or float(share[narrow].sum()) > CROWDED or axis.kind == "boolean":
        edges = equal
    else:
        edges = (marks - low) / (high - low)
    written: list[tuple[float, str]] = []
    for edge, mark in zip(edges[1:-1].tolist(), axis.cuts, strict=True):
        if not written or edge - written[-1][0] > 1 / MOST_LABELS:
            written.append((edge, f"{mark:g}"))
    return edges.tolist(), written
