"""What does each of several choices give and cost? Two values for each, on one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from charts.drawing import Meaning
from charts.intervals import FOOT, ROW, TOP, label
from charts.palette import INK, QUIET, SMALL
from charts.scale import MARGIN, Scale
from charts.sheet import Sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuePair:
    """One line: what it is, two values on the same scale, and words on it. A `marked` one has a bold label."""

    label: str
    first: float
    second: float
    words: str
    marked: bool = False


def value_pairs(rows: Sequence[ValuePair], meaning: Meaning, *, first: str, second: str) -> Markup:
    """Two values of every row: a circle and a diamond on one line."""
    scale = Scale.around([value for row in rows for value in (row.first, row.second)])
    bottom = TOP + ROW * len(rows)
    sheet = Sheet(bottom + FOOT)
    sheet.text(MARGIN, 15, f"○ {first}   ◆ {second}", size=SMALL, colour=QUIET)
    sheet.ticks(scale, bottom)
    for number, row in enumerate(rows):
        top = TOP + ROW * number
        a, b, y = scale.at(row.first), scale.at(row.second), top + 31
        label(sheet, row.label, row.words, top, bold=row.marked)
        sheet.line([a, b], [y, y])
        sheet.dots([b], [y], mark="D", size=9, fill=INK, edge=INK)
        sheet.dots([a], [y])
    return sheet.svg(meaning)
