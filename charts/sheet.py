"""Where does a mark go? A sheet in units from its top left corner.

Charts that are drawn by the hundred use a sheet: matplotlib's axes would take twice as long.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from charts.drawing import Meaning, page, svg
from charts.palette import INK, LETTERS, LINE, PAPER, QUIET, SMALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from charts.scale import Scale

Side = Literal["left", "center", "right"]
TICK = 5


class Sheet:
    """An empty sheet of a height; marks are drawn in the order in which they are asked for."""

    def __init__(self, height: float) -> None:
        from matplotlib.transforms import Affine2D

        self._figure = page(height)
        self._place = Affine2D().scale(1, -1).translate(0, height)

    def box(self, x: float, y: float, *, wide: float, tall: float, fill: str, edge: str = "none") -> None:
        """A filled rectangle; x and y are its top left corner."""
        from matplotlib.patches import Rectangle

        made = Rectangle((x, y), wide, tall, facecolor=fill, edgecolor=edge, linewidth=0.8)
        made.set_transform(self._place)
        self._figure.add_artist(made)

    def line(
        self,
        x: Sequence[float],
        y: Sequence[float],
        *,
        colour: str = LINE,
        width: float = 2.5,
        dashed: bool = False,
    ) -> None:
        """A line through points; a point that is not a number breaks it."""
        from matplotlib.lines import Line2D

        made = Line2D(x, y, color=colour, linewidth=width, solid_capstyle="butt")
        if dashed:
            made.set_linestyle((0, (4, 3)))
        made.set_transform(self._place)
        self._figure.add_artist(made)

    def dots(
        self,
        x: Sequence[float],
        y: Sequence[float],
        *,
        mark: str = "o",
        size: float = 10,
        fill: str = PAPER,
        edge: str = LINE,
    ) -> None:
        """The same mark at every point."""
        from matplotlib.lines import Line2D

        made = Line2D(
            x, y, linestyle="", marker=mark, markersize=size, markerfacecolor=fill, markeredgecolor=edge,
            markeredgewidth=2.0,
        )  # fmt: skip
        made.set_transform(self._place)
        self._figure.add_artist(made)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        side: Side = "left",
        bold: bool = False,
        size: float = LETTERS,
        colour: str = INK,
        turned: float = 0,
    ) -> None:
        """Words whose base line is at y; `side` is the side of them that is at x."""
        self._figure.text(
            x, y, words, transform=self._place, ha=side, va="baseline", color=colour, fontsize=size,
            fontweight="bold" if bold else "normal", rotation=turned, rotation_mode="anchor", parse_math=False,
        )  # fmt: skip

    def ticks(self, scale: Scale, y: float) -> None:
        """The marks of a scale along the bottom, each with its number under it."""
        places = [scale.at(tick) for tick in scale.ticks]
        across = [x for place in places for x in (place, place, math.nan)]
        self.line(across, [y, y + TICK, math.nan] * len(places), colour=INK, width=1)
        for tick, place in zip(scale.ticks, places, strict=True):
            self.text(place, y + TICK + 14, f"{tick:g}", side="center", size=SMALL, colour=QUIET)

    def svg(self, meaning: Meaning) -> Markup:
        """The sheet as an SVG element."""
        return svg(self._figure, meaning)
