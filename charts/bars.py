"""How many fall into each range? Bars over a number line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from charts.axes import axes, key
from charts.drawing import Meaning, svg
from charts.palette import INK, LINE, PAPER


def bars(
    edges: Sequence[float],
    counts: Sequence[float],
    meaning: Meaning,
    *,
    x: str,
    y: str,
    reference: tuple[float, str] | None = None,
) -> Markup:
    """A bar from each edge to the next; `reference` is a place on the number line and what it is called."""
    figure, drawn = axes(x=x, y=y, series=0 if reference is None else 1)
    widths = [high - low for low, high in pairwise(edges)]
    drawn.bar(edges[:-1], counts, width=widths, align="edge", color=LINE, edgecolor=PAPER)
    if reference is not None:
        drawn.axvline(reference[0], color=INK, linestyle="--", linewidth=1.5, label=reference[1])
    key(figure, drawn)
    return svg(figure, meaning)
