"""How sure is each of several values? A dot and an interval for each, the words above the line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from charts.drawing import Meaning, short
from charts.palette import GREY, INK, PALE, QUIET, SMALL, WIDTH
from charts.scale import MARGIN, Scale
from charts.sheet import Sheet

ROW, TOP, FOOT = 44, 24, 32
UNDER_WORDS = 23
REACH = 4
BREAK = (math.nan, math.nan)
"""Lifts the pen between the parts of a line."""
LONGEST = 54
"""Letters of a label and its words together that fit on one line; bold ones are a tenth wider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalLine:
    """One line: a value, its limits, and what it reads as. None: the interval has no end on that side.

    A `marked` value is a filled diamond with its label in bold, any other an open circle. `range` is a band
    of this line alone: where the value should be.
    """

    label: str
    value: float
    lower: float | None = None
    upper: float | None = None
    words: str = ""
    marked: bool = False
    range: tuple[float, float] | None = None


def intervals(
    rows: Sequence[IntervalLine],
    meaning: Meaning,
    *,
    scale: Scale,
    reference: tuple[float, str] | None = None,
    band: tuple[float, float] | None = None,
) -> Markup:
    """Dots with intervals on one scale, a line each.

    Args:
        rows: the lines from top to bottom.
        meaning: what the chart says.
        scale: from where to where.
        reference: a value to compare with, and what it is called.
        band: values that count as alike, shaded behind all lines.
    """
    bottom = TOP + ROW * len(rows)
    sheet = Sheet(bottom + FOOT)
    if band is not None:
        start, end = scale.at(band[0]), scale.at(band[1])
        sheet.box(start, TOP, wide=end - start, tall=bottom - TOP, fill=PALE)
    if reference is not None:
        x = scale.at(reference[0])
        tops = [TOP + ROW * number for number in range(len(rows))]
        down = [y for top in tops for y in (top + UNDER_WORDS, top + ROW, math.nan)]
        sheet.line([x, x, math.nan] * len(rows), down, colour=INK, width=1, dashed=True)
        middle = min(max(x, WIDTH / 4), 3 * WIDTH / 4)
        sheet.text(middle, 15, short(reference[1], 48), side="center", size=SMALL, colour=QUIET)
    sheet.ticks(scale, bottom)
    for number, row in enumerate(rows):
        _row(sheet, row, TOP + ROW * number, scale)
    return sheet.svg(meaning)


def label(sheet: Sheet, words: str, aside: str, top: float, *, bold: bool) -> None:
    """The words above a line: what it is on the left, what it reads as on the right."""
    sheet.text(MARGIN, top + 18, short(words, LONGEST - len(aside) - (5 if bold else 0)), bold=bold)
    if aside:
        sheet.text(WIDTH - MARGIN, top + 18, aside, side="right")


def _row(sheet: Sheet, row: IntervalLine, top: float, scale: Scale) -> None:
    y = top + 31
    label(sheet, row.label, row.words, top, bold=row.marked)
    if row.range is not None:
        start, end = scale.at(row.range[0]), scale.at(row.range[1])
        sheet.box(start, y - 8, wide=max(end - start, 2), tall=16, fill=PALE, edge=GREY)
    else:
        lower = scale.low if row.lower is None else row.lower
        upper = scale.high if row.upper is None else row.upper
        parts = (
            (scale.at(lower), 0),
            (scale.at(upper), 0),
            BREAK,
            *_end(lower, scale),
            BREAK,
            *_end(upper, scale),
        )
        sheet.line([x for x, _ in parts], [y + aside for _, aside in parts])
    if row.marked:
        sheet.dots([scale.at(row.value)], [y], mark="D", size=9, fill=INK, edge=INK)
    else:
        sheet.dots([scale.at(row.value)], [y])


def _end(value: float, scale: Scale) -> tuple[tuple[float, float], ...]:
    """An arrow where the interval runs off the scale, a bar where it ends on it: points from the line."""
    x = scale.at(value)
    if value <= scale.low:
        return (x + 6, -REACH), (x, 0), (x + 6, REACH)
    if value >= scale.high:
        return (x - 6, -REACH), (x, 0), (x - 6, REACH)
    return (x, -REACH), (x, REACH)
