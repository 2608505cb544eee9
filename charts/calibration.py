"""Are predicted chances right? Points of predicted against observed shares; right ones are on the diagonal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from markupsafe import Markup

from charts.axes import axes, key
from charts.drawing import Meaning, svg
from charts.lines import Series
from charts.palette import MARKS, QUIET, SERIES, WIDTH


def calibration(series: Sequence[Series], meaning: Meaning, *, x: str, y: str) -> Markup:
    """Predicted share (x) against observed share (y), one mark for each bin of each series."""
    figure, drawn = axes(x=x, y=y, series=len(series), height=WIDTH)
    drawn.plot([0, 1], [0, 1], color=QUIET, linewidth=1)
    for number, each in enumerate(series):
        place = number % len(SERIES)
        drawn.plot(
            cast("Any", list(each.x)), list(each.y), label=each.label, color=SERIES[place], marker=MARKS[place], linestyle="",
            markersize=7, clip_on=False,
        )  # fmt: skip
    drawn.set_xlim(0, 1)
    drawn.set_ylim(0, 1)
    key(figure, drawn)
    return svg(figure, meaning)
