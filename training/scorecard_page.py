"""The whole scorecard on one page that somebody who is no specialist can read.

One HTML file without scripts or outside parts: for every term a picture (a step curve with the data's
distribution beneath, or a heat map for a pair) and beside it the table that the picture shows.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np

from scoring.calibration import sigmoid
from scoring.scorecard import Axis, Feature, Scorecard, Term

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WIDTH, CURVE, BARS, LEFT, GAP = 560, 190, 56, 56, 22
MISSING_WIDTH = 46
MOST_LABELS = 14
CROWDED = 0.5
"""If more than half of the rows lie in a tenth of a feature's range, cells are drawn equally wide."""

_STYLE = """
body{font:16px/1.5 Arial,Helvetica,sans-serif;color:#0b0c0c;max-width:1180px;margin:0 auto;padding:1.5rem}
h1{font-size:2rem;line-height:1.2}h2{font-size:1.35rem;margin:0 0 .3rem}
section{border-top:1px solid #b1b4b6;padding:1.5rem 0;break-inside:avoid}
.both{display:flex;flex-wrap:wrap;gap:2rem}.both>*{flex:1 1 480px;min-width:0}
table{border-collapse:collapse;font-size:.9rem}caption{text-align:left;font-weight:bold;padding-bottom:.4rem}
th,td{border-bottom:1px solid #b1b4b6;padding:.25rem .6rem;text-align:right}
th[scope=row],th:first-child{text-align:left;font-weight:normal}thead th{font-weight:bold}
.scroll{max-height:330px;overflow:auto}.scroll:focus{outline:3px solid #ffdd00}
svg{max-width:100%;height:auto}svg text{font:12px Arial,Helvetica,sans-serif;fill:#0b0c0c}
.hint{color:#505a5f}a{color:#1d70b8}a:focus,summary:focus{outline:3px solid #ffdd00}
"""


def to_html(
    card: Scorecard,
    *,
    title: str = "Scorecard",
    outcome: str = "the outcome",
    labels: Mapping[str, str] | None = None,
) -> str:
    """Answer: what does this model do, for somebody who has never seen one?

    Args:
        card: the scorecard.
        title: the page's heading.
        outcome: what is predicted, as it would stand in a sentence ("the person starts the intervention").
        labels: a plain-English label for a feature's name; names without one stand as they are.

    Returns:
        A complete HTML document. The same scorecard gives the same bytes.
    """
    words = _Words(card, outcome, dict(labels or {}))
    ranked = sorted(card.terms, key=lambda term: (-term.importance, term.name))
    body = [
        f"<h1>{_safe(title)}</h1>",
        _introduction(card, words),
        _overview(ranked, words),
        *(_term(term, place, card, words) for place, term in enumerate(ranked, start=1)),
        _unused(card, words),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_safe(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>\n'
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


class _Words:
    """How a raw number is said: a chance in 100, or the number itself."""

    def __init__(self, card: Scorecard, outcome: str, labels: dict[str, str]) -> None:
        self._intercept = card.intercept
        self.logit = card.link == "logit"
        self.outcome = outcome
        self._labels = labels

    def label(self, name: str) -> str:
        return self._labels.get(name, name)

    def term(self, term: Term) -> str:
        return " with ".join(self.label(name) for name in term.features)

    def level(self, value: float) -> str:
        """What a contribution leads to when everything else is average."""
        raw = self._intercept + value
        return f"{100 * float(sigmoid(np.array(raw))):.1f} in 100" if self.logit else f"{raw:.4g}"

    @property
    def scale(self) -> str:
        return "chance, all else average" if self.logit else "prediction, all else average"


def _safe(text: str) -> str:
    return html.escape(text, quote=True)


def _introduction(card: Scorecard, words: _Words) -> str:
    average = words.level(0.0)
    what = (
        f"the chance that {_safe(words.outcome)}"
        if words.logit
        else f"a prediction of {_safe(words.outcome)}"
    )
    singles = sum(len(term.axes) == 1 for term in card.terms)
    pairs = len(card.terms) - singles
    scale = (
        "on a scale (log-odds) where 0 changes nothing, and about 0.7 doubles the odds or, with a minus, halves them"
        if words.logit
        else "in the units of the prediction"
    )
    return (
        f"<p>This page is the whole model. It gives {what}. It has no hidden part: a score is worked out by starting "
        f"from the average ({average}), finding the person's place in each table below, and adding up the numbers found "
        f"there.</p><p>There are {singles} tables of one fact and {pairs} tables of two facts read together. A number "
        f"above 0 raises the score, a number below 0 lowers it; numbers are {scale}. A fact that is not recorded has a "
        "place of its own in every table. The tables describe people in the records that the model learned from. They "
        "do not show that changing a fact would change what happens.</p>"
    )


def _overview(ranked: list[Term], words: _Words) -> str:
    rows = "".join(
        f'<tr><th scope="row"><a href="#term-{place}">{_safe(words.term(term))}</a></th>'
        f"<td>{term.importance:.3f}</td><td>{term.values.min():+.3f}</td><td>{term.values.max():+.3f}</td></tr>"
        for place, term in enumerate(ranked, start=1)
    )
    return (
        "<section><h2>What counts most</h2><table><caption>Terms, those that move scores most first</caption><thead><tr>"
        '<th scope="col">Term</th><th scope="col">Moves a typical score by</th><th scope="col">Lowest</th>'
        f'<th scope="col">Highest</th></tr></thead><tbody>{rows}</tbody></table></section>'
    )


def _unused(card: Scorecard, words: _Words) -> str:
    used = set(card.used_features)
    left = [words.label(name) for name in card.feature_names if name not in used]
    if not left:
        return ""
    return f"<section><h2>Facts without any effect on the score</h2><p>{_safe(', '.join(left))}</p></section>"


def _term(term: Term, place: int, card: Scorecard, words: _Words) -> str:
    features = {feature.name: feature for feature in card.features}
    if len(term.axes) == 1:
        picture = _curve(term, features[term.features[0]], place, words)
        table = _single_table(term, words)
    else:
        picture, table = _heat_map(term, place, words), _pair_table(term, words)
    notes = "".join(f"<p class=hint>{_safe(note)}</p>" for note in _notes(term, features, words))
    return (
        f'<section id="term-{place}"><h2>{place}. {_safe(words.term(term))}</h2>'
        f'<p>{_safe(_sentence(term, words))}</p>{notes}<div class="both"><div>{picture}</div>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table of {_safe(words.term(term))}">{table}</div>'
        "</div></section>"
    )


def _sentence(term: Term, words: _Words) -> str:
    seen = np.where(term.weights > 0, term.values, np.nan)
    low = np.unravel_index(int(np.nanargmin(seen)), seen.shape)
    high = np.unravel_index(int(np.nanargmax(seen)), seen.shape)
    return (
        f"Lowest for {_cell(term, low, words)} ({words.level(float(seen[low]))}), "
        f"highest for {_cell(term, high, words)} ({words.level(float(seen[high]))}), all else being average."
    )


def _cell(term: Term, place: tuple[np.intp, ...], words: _Words) -> str:
    parts = [
        f"{words.label(axis.feature)}: {axis.labels[int(at)]}"
        for axis, at in zip(term.axes, place, strict=True)
    ]
    return " and ".join(parts)


def _notes(term: Term, features: Mapping[str, Feature], words: _Words) -> list[str]:
    notes = []
    for axis in term.axes:
        feature = features[axis.feature]
        if not feature.missing_seen:
            notes.append(
                f"{words.label(axis.feature)} was always recorded; where it is not, it is read as {feature.usual}."
            )
    return notes


def _single_table(term: Term, words: _Words) -> str:
    total = float(term.weights.sum()) or 1.0
    rows = "".join(
        f'<tr><th scope="row">{_safe(label)}</th><td>{100 * weight / total:.1f}%</td><td>{value:+.4f}</td>'
        f"<td>{words.level(value)}</td></tr>"
        for label, weight, value in zip(
            term.axes[0].labels, term.weights.tolist(), term.values.tolist(), strict=True
        )
    )
    return (
        f'<table><caption>{_safe(words.term(term))}</caption><thead><tr><th scope="col">Value</th>'
        '<th scope="col">Share of people</th><th scope="col">Adds to the score</th>'
        f'<th scope="col">{_safe(words.scale.capitalize())}</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _pair_table(term: Term, words: _Words) -> str:
    first, second = term.axes
    heads = "".join(f'<th scope="col">{_safe(label)}</th>' for label in second.labels)
    rows = "".join(
        f'<tr><th scope="row">{_safe(label)}</th>'
        + "".join(f"<td>{value:+.3f}</td>" for value in row)
        + "</tr>"
        for label, row in zip(first.labels, term.values.tolist(), strict=True)
    )
    caption = (
        f"Adds to the score: {words.label(first.feature)} (down) with {words.label(second.feature)} (across)"
    )
    return (
        f'<table><caption>{_safe(caption)}</caption><thead><tr><th scope="col"></th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


# ---- pictures


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


def _curve(term: Term, feature: Feature, place: int, words: _Words) -> str:
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
    name = words.label(axis.feature)
    return _svg(
        base + (70 if slanted else 28),
        f"What {name} adds to the score",
        f"The line shows what each value of {name} adds; the bars beneath show how many people have it. "
        "The table beside gives every number.",
        place,
        parts,
    )


def _heat_map(term: Term, place: int, words: _Words) -> str:
    rows, columns = term.values.shape
    left, top = 150.0, 10.0
    wide, tall = (WIDTH - left) / columns, min(330.0 / rows, 40.0)
    most = float(np.abs(term.values).max()) or 1.0
    empty = term.weights == 0
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
        label = _safe(term.axes[0].labels[row][:22])
        parts.append(
            f'<text x="{left - 6}" y="{top + (row + 0.5) * tall + 4:.1f}" text-anchor="end">{label}</text>'
        )
    for column in range(0, columns, max(1, -(-columns // 8))):
        x = left + (column + 0.5) * wide
        label = _safe(term.axes[1].labels[column][:22])
        parts.append(
            f'<text x="{x:.1f}" y="{bottom + 14:.1f}" text-anchor="end" transform="rotate(-30 {x:.1f} {bottom + 14:.1f})">{label}</text>'
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
    first, second = (words.label(axis.feature) for axis in term.axes)
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
