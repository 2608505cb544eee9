"""Which colours, marks and sizes do charts use? Colours of GOV.UK, in an order that common colour blindness can tell apart."""

from typing import Final

INK: Final = "#0b0c0c"
QUIET: Final = "#484949"
LINE: Final = "#1d70b8"
GREY: Final = "#b1b4b6"
PALE: Final = "#eef0f1"
PAPER: Final = "#ffffff"

SERIES: Final = (LINE, "#f47738", "#00703c", "#4c2c92", "#d4351c", "#28a197", "#0b0c0c")
"""One colour for each series of a chart; each series also has its own mark and dash."""
MARKS: Final = ("o", "s", "^", "D", "v", "P", "X")
DASHES: Final = ("-", "--", ":", "-.", "-", "--", ":")

LOWER, MIDDLE, RAISED = (90, 145, 220), (247, 247, 247), (230, 120, 20)
"""Red, green and blue of a heat map: blue lowers, orange raises."""

WIDTH: Final = 400
"""Units of every chart. A telephone shows them at about nine tenths, so that letters stay readable there."""
LETTERS: Final = 14
SMALL: Final = 13


def shade(share: float) -> str:
    """The colour of a share from -1 (blue) over 0 (nearly white) to 1 (orange)."""
    end = RAISED if share > 0 else LOWER
    parts = (round(m + (e - m) * min(abs(share), 1.0)) for m, e in zip(MIDDLE, end, strict=True))
    return "#" + "".join(f"{part:02x}" for part in parts)
