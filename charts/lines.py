"""How do values change? One line for each series, each with its own mark and dash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from markupsafe import Markup

from charts.axes import axes, dated, key
from charts.drawing import Meaning, svg
from charts.palette import DASHES, MARKS, QUIET, SERIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A named line: places (numbers or dates) and a value at each."""

    label: str
    x: Sequence[float] | Sequence[date]
    y: Sequence[float]


def lines(
    series: Sequence[Series], meaning: Meaning, *, x: str, y: str, reference: float | None = None
) -> Markup:
    """Lines on two named scales; `reference` is a value to compare with, a quiet line across."""
    figure, drawn = axes(x=x, y=y, series=len(series))
    if reference is not None:
        drawn.axhline(reference, color=QUIET, linewidth=1)
    for number, each in enumerate(series):
        place = number % len(SERIES)
        drawn.plot(
            cast("Any", list(each.x)), list(each.y), label=each.label, color=SERIES[place], marker=MARKS[place],
            linestyle=DASHES[place], markersize=7,
        )  # fmt: skip
    if any(isinstance(place, date) for each in series for place in each.x):
        dated(drawn)
    key(figure, drawn)
    return svg(figure, meaning)
