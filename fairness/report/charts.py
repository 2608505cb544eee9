"""Dot-and-interval charts as inline SVG: a dot a group, its interval a line, the four-fifths band behind.

Nothing is told by colour alone: a gap is a filled diamond, anything else a circle, and the words of
the reading stand above the end of each line. The same numbers are in the table with it. A drawing is as
wide as a telephone, with words above lines, so its letters are large enough there too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

LOWEST, HIGHEST = 0.25, 4.0
WIDTH, MARGIN, ROW, TOP, FOOT = 400, 14, 44, 24, 32
TICKS = (0.25, 0.5, 0.8, 1.0, 1.25, 2.0, 4.0)
LONGEST = 46
"""Letters of a label and its words together that fit on one line."""


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
    bottom = TOP + ROW * len(dots)
    parts = [
        _opening(
            name, title, bottom + FOOT,
            f"Relative rates over {reference}, with 95% intervals. The table holds the same numbers.",
        ),
        f'<rect class="band" x="{_x(band[0]):.1f}" y="{TOP}" width="{_x(band[1]) - _x(band[0]):.1f}" height="{bottom - TOP}"/>',
        f'<line class="one" x1="{_x(1):.1f}" x2="{_x(1):.1f}" y1="{TOP}" y2="{bottom}"/>',
        *(_tick(_x(tick), bottom, f"{tick:g}") for tick in TICKS),
        f'<text class="axis" x="{_x(1):.1f}" y="15" text-anchor="middle">same as {escape(_short(reference, 40))}</text>',
    ]  # fmt: skip
    parts.extend(_line(dot, TOP + ROW * number) for number, dot in enumerate(dots))
    parts.append("</svg>")
    return Markup("".join(parts))  # noqa: S704  every text in it is escaped


@dataclass(frozen=True, slots=True)
class Pair:
    """One line of a trade-off: what it is, two numbers in 100, and a word on it."""

    label: str
    first: float
    second: float
    words: str
    marked: bool


def trade_off(pairs: Sequence[Pair], *, name: str, title: str, first: str, second: str) -> Markup:
    """Two numbers in 100 for each of several choices: a circle and a diamond on one line."""
    bottom = TOP + ROW * len(pairs)
    numbers = [number for pair in pairs for number in (pair.first, pair.second)]
    low = max(0, 10 * math.floor(min(numbers) / 10 - 0.2))
    high = min(100, 10 * math.ceil(max(numbers) / 10 + 0.2))

    def place(number: float) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * (number - low) / max(high - low, 1)

    step = 10 if high - low <= 60 else 20
    parts = [
        _opening(
            name, title, bottom + FOOT, f"Circle: {first}. Diamond: {second}. The table holds the same numbers."
        ),
        f'<text class="axis" x="{MARGIN}" y="15">○ {escape(first)} &#160; ◆ {escape(second)}</text>',
        *(_tick(place(number), bottom, f"{number}") for number in range(low, high + 1, step)),
    ]  # fmt: skip
    for number, pair in enumerate(pairs):
        top = TOP + ROW * number
        a, b, y = place(pair.first), place(pair.second), top + 31
        parts.append(
            f"{_label(pair.label, pair.words, top, strong=pair.marked)}"
            f'<line class="interval" x1="{a:.1f}" x2="{b:.1f}" y1="{y}" y2="{y}"/>'
            f'{_diamond(b, y)}<circle class="dot" cx="{a:.1f}" cy="{y}" r="5"/>'
        )
    parts.append("</svg>")
    return Markup("".join(parts))  # noqa: S704  every text in it is escaped


def _opening(name: str, title: str, height: int, words: str) -> str:
    return (
        f'<svg class="chart" role="img" aria-labelledby="{name}-title {name}-desc" '
        f'viewBox="0 0 {WIDTH} {height}" xmlns="http://www.w3.org/2000/svg" focusable="false">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(words)}</desc>'
    )


def _tick(x: float, y: int, words: str) -> str:
    return (
        f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 5}"/>'
        f'<text class="axis" x="{x:.1f}" y="{y + 20}" text-anchor="middle">{words}</text>'
    )


def _label(label: str, words: str, top: int, *, strong: bool = False) -> str:
    kind = "label strong" if strong else "label"
    return (
        f'<text class="{kind}" x="{MARGIN}" y="{top + 18}">{escape(_short(label, LONGEST - len(words)))}</text>'
        f'<text class="words" x="{WIDTH - MARGIN}" y="{top + 18}" text-anchor="end">{escape(words)}</text>'
    )


def _short(words: str, letters: int) -> str:
    return words if len(words) <= letters else f"{words[: letters - 1]}…"


def _line(dot: Dot, top: int) -> str:
    x, y = _x(dot.ratio), top + 31
    lower, upper = (
        dot.lower if dot.lower is not None else LOWEST,
        dot.upper if dot.upper is not None else HIGHEST,
    )
    mark = _diamond(x, y) if dot.gap else f'<circle class="dot" cx="{x:.1f}" cy="{y}" r="5"/>'
    return (
        f"{_label(dot.label, dot.words, top, strong=dot.gap)}"
        f'<line class="interval" x1="{_x(lower):.1f}" x2="{_x(upper):.1f}" y1="{y}" y2="{y}"/>'
        f"{_end(lower, y)}{_end(upper, y)}{mark}"
    )


def _diamond(x: float, y: int) -> str:
    return f'<path class="gap" d="M{x - 7:.1f} {y} L{x:.1f} {y - 7} L{x + 7:.1f} {y} L{x:.1f} {y + 7} Z"/>'


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
    return MARGIN + (WIDTH - 2 * MARGIN) * (math.log(inside) - math.log(LOWEST)) / (
        math.log(HIGHEST) - math.log(LOWEST)
    )
