"""What do two facts add together? A block for each pair of cells: its colour, and its number where there is room."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from charts.drawing import Meaning, short
from charts.palette import PAPER, QUIET, SMALL, WIDTH, shade
from charts.sheet import Sheet

LEFT, TOP = 140.0, 10.0
TALLEST, MOST_TALL = 40.0, 330.0
MOST_ROWS, MOST_COLUMNS = 14, 8
LETTERS = 15
"""Letters of a label that fit, capitals too."""
ROOM = (36, 16)
"""A block at least this wide and this tall has its number on it."""


def heat_map(
    values: NDArray[np.float64],
    meaning: Meaning,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    empty: NDArray[np.bool_],
) -> Markup:
    """Blocks of values [rows, columns]: orange is above 0, blue below, and `empty` blocks stay white."""
    down, across = values.shape
    wide, tall = (WIDTH - LEFT) / across, min(MOST_TALL / down, TALLEST)
    most = float(np.abs(values).max()) or 1.0
    bottom = TOP + down * tall
    key = bottom + 104
    sheet = Sheet(key + 24)
    for row, column in np.ndindex(down, across):
        if empty[row, column]:
            continue
        value, x, y = float(values[row, column]), LEFT + column * wide, TOP + row * tall
        sheet.box(x, y, wide=wide, tall=tall, fill=shade(value / most))
        if wide >= ROOM[0] and tall >= ROOM[1]:
            sheet.text(
                x + wide / 2, y + tall / 2 + 4, f"{round(value, 2) + 0.0:+.2f}", side="center", size=SMALL
            )
    sheet.line(
        [LEFT, WIDTH, WIDTH, LEFT, LEFT], [TOP, TOP, bottom, bottom, TOP], colour=QUIET, width=1
    )  # the frame
    for row in range(0, down, max(1, -(-down // MOST_ROWS))):
        sheet.text(
            LEFT - 6, TOP + (row + 0.5) * tall + 4, short(rows[row], LETTERS), side="right", size=SMALL
        )
    for column in range(0, across, max(1, -(-across // MOST_COLUMNS))):
        x = LEFT + (column + 0.5) * wide
        sheet.text(x, bottom + 14, short(columns[column], LETTERS), side="right", size=SMALL, turned=35)
    step = (WIDTH - LEFT) / 5
    for place, share in enumerate((-1.0, -0.5, 0.0, 0.5, 1.0)):
        x = LEFT + place * step
        sheet.box(x, key, wide=step, tall=18, fill=shade(share), edge=PAPER)
        sheet.text(x + step / 2, key + 13, f"{share * most:+.2f}", side="center", size=SMALL)
    return sheet.svg(meaning)
