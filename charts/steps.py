"""What does each cell of values add? A step for each cell, with bars under it for how many are in the cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from charts.drawing import Meaning, short
from charts.palette import GREY, LINE, PAPER, QUIET, SMALL, WIDTH
from charts.sheet import Sheet

LEFT, APART, GAP = 52, 46, 16
CURVE, BARS, TOP = 170, 50, 12
LONGEST, A_LETTER = 16, 7.5
"""Letters of a slanted word, and how far down each reaches, capitals too."""
THIN = 3
"""A bar narrower than this has no edge, which would hide it."""
APART_BY = 16
"""Two numbers on the left closer than this would overlap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A cell that is on no scale, drawn apart on the right: "not recorded"."""

    label: str
    value: float
    count: float


def steps(
    edges: Sequence[float],
    values: Sequence[float],
    counts: Sequence[float],
    meaning: Meaning,
    *,
    marks: Sequence[tuple[float, str]],
    aside: Aside,
    joined: bool,
    slanted: bool = False,
) -> Markup:
    """Steps over cells.

    Args:
        edges: where cells begin and end, one more than there are values, from 0 (left) to 1 (right).
        values: what each cell adds; the line of 0 is always drawn.
        counts: how many are in each cell. A bar's area says it, so that wide cells do not look fuller.
        meaning: what the chart says.
        marks: what is written under the bars, and where.
        aside: the cell apart.
        joined: whether a cell's step joins the next one's, as along a number line.
        slanted: whether marks are words that need room.
    """
    low, high = min(0.0, aside.value, *values), max(0.0, aside.value, *values)
    spread = (high - low) or 1.0
    right, apart = WIDTH - APART - GAP, WIDTH - APART
    base = TOP + CURVE + 14 + BARS
    longest = max((len(short(mark, LONGEST)) for _, mark in marks), default=0)
    foot = 24 + A_LETTER * longest if slanted else 44
    sheet = Sheet(base + foot)

    def x(share: float) -> float:
        return LEFT + (right - LEFT) * share

    def y(value: float) -> float:
        return TOP + CURVE * (high - value) / spread

    sheet.line([LEFT, WIDTH], [y(0), y(0)], colour=QUIET, width=1, dashed=True)
    for value in (high, 0.0, low):
        if value == 0.0 or abs(y(value) - y(0.0)) > APART_BY:
            sheet.text(LEFT - 6, y(value) + 4, f"{value:+.2f}" if value else "0", side="right", size=SMALL)
    across: list[float] = []
    down: list[float] = []
    for cell, value in enumerate(values):
        if cell and not joined:
            across.append(math.nan)
            down.append(math.nan)
        across += [x(edges[cell]), x(edges[cell + 1])]
        down += [y(value), y(value)]
    sheet.line(across, down)
    sheet.line([apart, WIDTH - 4], [y(aside.value), y(aside.value)], colour=LINE)
    lefts = [*(x(edge) for edge in edges[:-1]), float(apart)]
    widths = [*(max(x(b) - x(a), 0.5) for a, b in pairwise(edges)), float(APART - 4)]
    densities = [count / width for count, width in zip([*counts, aside.count], widths, strict=True)]
    tallest = max(densities) or 1.0
    for start, wide, density in zip(lefts, widths, densities, strict=True):
        if tall := BARS * density / tallest:
            sheet.box(
                start, base - tall, wide=wide, tall=tall, fill=GREY, edge=PAPER if wide > THIN else "none"
            )
    for share, mark in marks:
        words = short(mark, LONGEST)
        if slanted:
            sheet.text(x(share), base + 14, words, side="right", size=SMALL, turned=60)
        else:
            sheet.text(x(share), base + 18, words, side="center", size=SMALL)
    sheet.text(WIDTH, base + (18 if slanted else 36), aside.label, side="right", size=SMALL)
    return sheet.svg(meaning)
