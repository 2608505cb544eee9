"""What do charts with two scales share? Axes of the house: quiet lines, readable letters, a key under them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from charts.drawing import page
from charts.palette import INK, LETTERS, SMALL, WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT, KEY_ROW = 300, 22


def axes(
    *, x: str, y: str, series: int = 0, height: float = HEIGHT, width: float = WIDTH
) -> tuple[Figure, Axes]:
    """A figure with two named scales, and room under them for a key of so many series."""
    figure = page(height + KEY_ROW * series, width=width)
    figure.set_layout_engine("constrained")
    made = figure.subplots()
    made.set_xlabel(x, fontsize=LETTERS, color=INK)
    made.set_ylabel(y, fontsize=LETTERS, color=INK)
    made.tick_params(labelsize=SMALL, colors=INK)
    made.spines[["top", "right"]].set_visible(False)
    return figure, made


def dated(drawn: Axes) -> None:
    """Say the days along the bottom in few words."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(maxticks=7)  # type: ignore[no-untyped-call]
    drawn.xaxis.set_major_locator(locator)
    drawn.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def key(figure: Figure, drawn: Axes) -> None:
    """Name every series under the chart, one a line, with its mark and its dash."""
    if drawn.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower left", fontsize=SMALL, frameon=False, handlelength=3)
