"""How does a scorecard's term look? A step curve with the data beneath it, and a heat map for a pair.

Plain SVG, each with a title and a description; the same term gives the same bytes.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np

from scoring.scorecard import Axis, Feature, Term

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Label = Callable[[str], str]

WIDTH, CURVE, BARS, LEFT, GAP = 560, 190, 56, 56, 22
MISSING_WIDTH = 46
MOST_LABELS = 14
CROWDED = 0.5
"""If more than half of the rows lie in a tenth of a feature's range, cells are drawn equally wide."""


def _safe(text: str) -> str:
    return html.escape(text, quote=True)


def _svg(height: float, title: str, description: str, place: int, parts: list[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}" role="img" '
        f'aria-labelledby="t{place} d{place}"><title id="t{place}">{_safe(title)}</title>'
        f'<desc id="d{place}">{_safe(description)}</desc>{"".join(parts)}</svg>'
    )


def _edges(axis: Axis, feature: Feature, weights: Floats) -> tuple[Floats, list[tuple[float, str]]]:
    """Give the left and right edges of the value cells in pixels, and the marks to be written under them."""
    right = WIDTH - MISSING_WIDTH - GAP
    cells = axis.cells - 1
    equal = np.linspace(LEFT, right, cells + 1)
    if axis.kind == "category" or not axis.cuts or feature.low is None or feature.high is None:
        middle = (equal[:-1] + equal[1:]) / 2
        labels = axis.labels[:-1]
        step = max(1, -(-cells // MOST_LABELS))
        return equal, [(float(middle[cell]), labels[cell]) for cell in range(0, cells, step)]
    low, high = min(feature.low, axis.cuts[0]), max(feature.high, axis.cuts[-1])
    marks = np.array([low, *axis.cuts, high])
    share = weights[:-1] / max(float(weights.sum()), 1e-300)
    narrow = np.diff(marks) < 0.1 * (high - low) / max(cells, 1)
    if high <= low or float(share[narrow].sum()) > CROWDED or axis.kind == "boolean":
        edges = equal
    else:
        edges = LEFT + (right - LEFT) * (marks - low) / (high - low)
    written: list[tuple[float, str]] = []
    for edge, mark in zip(edges[1:-1].tolist(), axis.cuts, strict=True):
        if not written or edge - written[-1][0] > (right - LEFT) / MOST_LABELS:
            written.append((edge, f"{mark:g}"))
    return edges, written


def curve(term: Term, feature: Feature, place: int, label: Label) -> str:
    """Draw what one factor adds, cell by cell, with how many people are in each beneath."""
    axis, values, weights = term.axes[0], term.values, term.weights
    edges, marks = _edges(axis, feature, weights)
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    spread = (high - low) or 1.0

    def y(value: float) -> float:
        return 12 + CURVE * (high - value) / spread

    base = 12 + CURVE + 14 + BARS
    gone = WIDTH - MISSING_WIDTH
    parts = [
        f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y(0):.1f}" y2="{y(0):.1f}" stroke="#505a5f" stroke-dasharray="4 3"/>',
        *(
            f'<text x="{LEFT - 6}" y="{y(v) + 4:.1f}" text-anchor="end">{v:+.2f}</text>'
            for v in (high, 0.0, low)
            if v == 0.0 or abs(y(v) - y(0.0)) > 14
        ),
    ]
    path = []
    for cell in range(len(values) - 1):
        path.append(
            f"{'M' if cell == 0 or axis.kind == 'category' else 'L'}{edges[cell]:.1f} {y(values[cell]):.1f}"
        )
        path.append(f"L{edges[cell + 1]:.1f} {y(values[cell]):.1f}")
    parts.append(f'<path d="{" ".join(path)}" fill="none" stroke="#1d70b8" stroke-width="2.5"/>')
    parts.append(
        f'<line x1="{gone}" x2="{WIDTH - 4}" y1="{y(values[-1]):.1f}" y2="{y(values[-1]):.1f}" stroke="#1d70b8" stroke-width="2.5"/>'
    )
    widths = np.append(np.maximum(np.diff(edges), 0.5), MISSING_WIDTH - 4)
    density = weights / widths
    tallest = float(density.max()) or 1.0
    lefts = [*edges[:-1].tolist(), float(gone)]
    parts.extend(
        f'<rect x="{x:.1f}" y="{base - BARS * d / tallest:.1f}" width="{w:.1f}" height="{BARS * d / tallest:.1f}" '
        'fill="#b1b4b6" stroke="#fff" stroke-width="0.4"/>'
        for x, w, d in zip(lefts, widths.tolist(), density.tolist(), strict=True)
    )
    slanted = axis.kind == "category" or not axis.cuts
    for x, mark in marks:
        turn = f' transform="rotate(-30 {x:.1f} {base + 16:.1f})"' if slanted else ""
        anchor = "end" if slanted else "middle"
        parts.append(
            f'<text x="{x:.1f}" y="{base + 16:.1f}" text-anchor="{anchor}"{turn}>{_safe(mark[:18])}</text>'
        )
    parts.append(f'<text x="{WIDTH}" y="{base + 16:.1f}" text-anchor="end">not recorded</text>')
    name = label(axis.feature)
    return _svg(
        base + (70 if slanted else 28),
        f"What {name} adds to the score",
        f"The line shows what each value of {name} adds; the bars beneath show how many people have it. "
        "The table beside gives every number.",
        place,
        parts,
    )


def heat_map(term: Term, place: int, label: Label) -> str:
    """Draw what a pair adds, beyond what each of the two adds by itself."""
    rows, columns = term.values.shape
    left, top = 150.0, 10.0
    wide, tall = (WIDTH - left) / columns, min(330.0 / rows, 40.0)
    most = float(np.abs(term.values).max()) or 1.0
    empty = (term.weights == 0) & bool(term.weights.any())
    parts = []
    for row in range(rows):
        for column in range(columns):
            value = float(term.values[row, column])
            fill = "#ffffff" if empty[row, column] else _colour(value / most)
            parts.append(
                f'<rect x="{left + column * wide:.1f}" y="{top + row * tall:.1f}" width="{wide:.2f}" height="{tall:.2f}" '
                f'fill="{fill}"/>'
            )
            if wide >= 34 and tall >= 14 and not empty[row, column]:
                parts.append(
                    f'<text x="{left + (column + 0.5) * wide:.1f}" y="{top + (row + 0.5) * tall + 4:.1f}" '
                    f'text-anchor="middle">{value:+.2f}</text>'
                )
    bottom = top + rows * tall
    parts.append(
        f'<rect x="{left}" y="{top}" width="{WIDTH - left}" height="{bottom - top:.1f}" fill="none" stroke="#505a5f"/>'
    )
    for row in range(0, rows, max(1, -(-rows // MOST_LABELS))):
        said = _safe(term.axes[0].labels[row][:22])
        parts.append(
            f'<text x="{left - 6}" y="{top + (row + 0.5) * tall + 4:.1f}" text-anchor="end">{said}</text>'
        )
    for column in range(0, columns, max(1, -(-columns // 8))):
        x = left + (column + 0.5) * wide
        said = _safe(term.axes[1].labels[column][:22])
        parts.append(
            f'<text x="{x:.1f}" y="{bottom + 14:.1f}" text-anchor="end" transform="rotate(-30 {x:.1f} {bottom + 14:.1f})">{said}</text>'
        )
    legend = bottom + 100
    for step, share in enumerate((-1.0, -0.5, 0.0, 0.5, 1.0)):
        x = left + step * 76
        parts.append(
            f'<rect x="{x}" y="{legend:.1f}" width="76" height="16" fill="{_colour(share)}" stroke="#505a5f"/>'
        )
        parts.append(
            f'<text x="{x + 38}" y="{legend + 12:.1f}" text-anchor="middle">{share * most:+.2f}</text>'
        )
    first, second = (label(axis.feature) for axis in term.axes)
    return _svg(
        legend + 24,
        f"What {first} and {second} together add to the score",
        f"Each block is a value of {first} (down) with a value of {second} (across); orange raises the score and blue "
        "lowers it, beyond what each adds by itself. White blocks held nobody. The table beside gives every number.",
        place,
        parts,
    )


def _colour(share: float) -> str:
    """From blue (-1) over near-white (0) to orange (+1): told apart in the common colour-blindnesses."""
    end = (230, 120, 20) if share > 0 else (90, 145, 220)
    red, green, blue = (round(247 + (part - 247) * min(abs(share), 1.0)) for part in end)
    return f"#{red:02x}{green:02x}{blue:02x}"
