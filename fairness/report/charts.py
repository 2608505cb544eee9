"""Dot-and-interval charts as inline SVG: a dot a group, its interval a line, the four-fifths band behind.

Nothing is told by colour alone: a gap is a filled diamond, anything else a circle, and the words of
the reading stand at the end of each line. The same numbers are in the table beside.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

LOWEST, HIGHEST = 0.25, 4.0
LEFT, WIDTH, RIGHT, ROW = 230, 420, 190, 30


@dataclass(frozen=True, slots=True)
class Dot:
    """One line of the chart: a group, its relative rate with limits, and what it reads as."""

    label: str
    ratio: float
    lower: float | None
    upper: float | None
    words: str
    gap: bool


def relative_rates(
    dots: Sequence[Dot], *, name: str, title: str, reference: str, band: tuple[float, float]
) -> Markup:
    """Relative rates over a named comparison group, on a logarithmic scale, as one SVG element."""
    height = ROW * (len(dots) + 1) + 46
    top, bottom = 22, ROW * (len(dots) + 1) + 6
    parts = [
        (
            f'<svg class="chart" role="img" aria-labelledby="{name}-title {name}-desc" '
            f'viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" xmlns="http://www.w3.org/2000/svg" focusable="false">'
        ),
        f'<title id="{name}-title">{escape(title)}</title>',
        f'<desc id="{name}-desc">Relative rates over {escape(reference)}, with 95% intervals. The table beside holds the same numbers.</desc>',
        f'<rect class="band" x="{_x(band[0]):.1f}" y="{top}" width="{_x(band[1]) - _x(band[0]):.1f}" height="{bottom - top}"/>',
        f'<line class="one" x1="{_x(1):.1f}" x2="{_x(1):.1f}" y1="{top}" y2="{bottom}"/>',
    ]
    for tick in (0.25, 0.5, 0.8, 1.0, 1.25, 2.0, 4.0):
        x = _x(tick)
        parts.append(f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 5}"/>')
        parts.append(f'<text class="axis" x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{tick:g}</text>')
    parts.append(
        f'<text class="axis" x="{_x(1):.1f}" y="14" text-anchor="middle">same as {escape(reference)}</text>'
    )
    for number, dot in enumerate(dots):
        parts.append(_line(dot, top + ROW * number + ROW // 2 + 6))
    parts.append("</svg>")
    return Markup("".join(parts))  # noqa: S704  every text in it is escaped above


def _line(dot: Dot, y: int) -> str:
    x = _x(dot.ratio)
    lower, upper = (
        dot.lower if dot.lower is not None else LOWEST,
        dot.upper if dot.upper is not None else HIGHEST,
    )
    mark = (
        f'<path class="gap" d="M{x - 7:.1f} {y} L{x:.1f} {y - 7} L{x + 7:.1f} {y} L{x:.1f} {y + 7} Z"/>'
        if dot.gap
        else f'<circle class="dot" cx="{x:.1f}" cy="{y}" r="5"/>'
    )
    label = dot.label if len(dot.label) <= 34 else f"{dot.label[:33]}…"
    return (
        f'<text class="label" x="{LEFT - 12}" y="{y + 5}" text-anchor="end">{escape(label)}</text>'
        f'<line class="interval" x1="{_x(lower):.1f}" x2="{_x(upper):.1f}" y1="{y}" y2="{y}"/>'
        f"{_end(lower, y)}{_end(upper, y)}{mark}"
        f'<text class="words" x="{LEFT + WIDTH + 14}" y="{y + 5}">{escape(dot.words)}</text>'
    )


def _end(value: float, y: int) -> str:
    """An arrow where the interval runs off the scale, a bar where it ends on it."""
    x = _x(value)
    if value <= LOWEST:
        return f'<path class="interval" d="M{x + 6:.1f} {y - 4} L{x:.1f} {y} L{x + 6:.1f} {y + 4}"/>'
    if value >= HIGHEST:
        return f'<path class="interval" d="M{x - 6:.1f} {y - 4} L{x:.1f} {y} L{x - 6:.1f} {y + 4}"/>'
    return f'<line class="interval" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 4}" y2="{y + 4}"/>'


def _x(ratio: float) -> float:
    inside = min(max(ratio, LOWEST), HIGHEST)
    return LEFT + WIDTH * (math.log(inside) - math.log(LOWEST)) / (math.log(HIGHEST) - math.log(LOWEST))
