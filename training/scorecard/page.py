"""How does the whole scorecard read, on one page, for somebody who is not a specialist?

One HTML file without scripts or outside parts: for every term a picture (a step curve with the data's
distribution beneath, or a heat map for a pair) and next to it the table that the picture shows.
"""

from __future__ import annotations

import html
import math
from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

from scoring.calibration import sigmoid
from scoring.scorecard import Axis, Feature, Scorecard, Term
from training.scorecard.pictures import curve, heat_map

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


SHOWN = 6
"""Terms that the example names one by one."""

STYLE = """
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
@media (max-width:40em){body{padding:1rem}th,td{padding:.25rem .3rem}table{font-size:.8rem}
th,caption,h1,h2,p{overflow-wrap:anywhere}}
"""


def to_html(
    card: Scorecard,
    *,
    title: str = "Scorecard",
    outcome: str = "the outcome",
    labels: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    per_hundred: bool = False,
) -> str:
    """Answer: what does this model do, for somebody who has never seen one?

    Args:
        card: the scorecard.
        title: the page's heading.
        outcome: what is predicted, as it would stand in a sentence ("the person starts the intervention").
        labels: a plain-English label for a feature's name; names without one stand as they are.
        notes: paragraphs of the caller's own, under the introduction.
        per_hundred: of a prediction that is a share, say it as so many in 100.

    Returns:
        A complete HTML document. The same scorecard gives the same bytes.
    """
    words = _Words(card, outcome, dict(labels or {}), per_hundred=per_hundred)
    ranked = sorted(card.terms, key=lambda term: (-_moves(term), term.name))
    body = [
        f"<h1>{_safe(title)}</h1>",
        _introduction(card, words),
        *(f"<p>{_safe(note)}</p>" for note in notes),
        _example(card, ranked, words),
        _overview(ranked, words),
        *(_term(term, place, card, words) for place, term in enumerate(ranked, start=1)),
        _unused(card, words),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_safe(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def _moves(term: Term) -> float:
    """How much the term moves a typical score; where people are not counted, every cell counts the same."""
    return term.importance if term.weights.any() else float(np.abs(term.values).mean())


class _Words:
    """How a raw number is said: a chance in 100, or the number itself."""

    def __init__(self, card: Scorecard, outcome: str, labels: dict[str, str], *, per_hundred: bool) -> None:
        self._intercept = card.intercept
        self._per_hundred = per_hundred
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
        if self.logit:
            return f"{100 * float(sigmoid(np.array(raw))):.1f} in 100"
        return f"{100 * raw:+.1f} in 100" if self._per_hundred else f"{raw:.4g}"

    @property
    def unit(self) -> str:
        """What the numbers in the tables are."""
        if self.logit:
            return (
                "on a scale (log-odds) where 0 changes nothing, and about 0.7 doubles the odds or, with a minus, "
                "halves them"
            )
        return "shares (0.01 is 1 in 100)" if self._per_hundred else "in the units of the prediction"

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
    return (
        f"<p>This page is the whole model. It gives {what}. It has no hidden part: a score is worked out by starting "
        f"from the average ({average}), finding the person's place in each table below, and adding up the numbers found "
        f"there.</p><p>There are {singles} tables of one fact and {pairs} tables of two facts read together. A number "
        f"above 0 raises the score, a number below 0 lowers it; numbers are {words.unit}. A fact that is not recorded has a "
        "place of its own in every table. The tables describe people in the records that the model learned from. They "
        "do not show that changing a fact would change what happens.</p>"
    )


def _example(card: Scorecard, ranked: list[Term], words: _Words) -> str:
    """Work out one score: that of somebody whose every fact is the commonest one."""
    if not ranked or not any(term.weights.any() for term in ranked):
        return ""
    usual = {name: _commonest(card, name) for name in card.used_features}
    added = [_at(term, usual) for term in ranked]
    total = float(sum(value for value, _ in added))
    rows = "".join(
        f'<tr><th scope="row">{_safe(words.term(term))}: {_safe(place)}</th><td>{_signed(value, 3)}</td></tr>'
        for term, (value, place) in zip(ranked[:SHOWN], added, strict=False)
    )
    rest = sum(value for value, _ in added[SHOWN:])
    if len(ranked) > SHOWN:
        rows += (
            f'<tr><th scope="row">the other {len(ranked) - SHOWN} tables</th><td>{_signed(rest, 3)}</td></tr>'
        )
    return (
        "<section><h2>An example</h2><p>Somebody of whom every fact is the commonest one. The facts that matter most "
        "come first.</p><table><caption>Adding up</caption><thead><tr><th scope=col>Fact</th><th scope=col>Adds</th>"
        f'</tr></thead><tbody><tr><th scope="row">start: the average person</th><td>{_signed(card.intercept, 3)}</td>'
        f'</tr>{rows}<tr><th scope="row"><strong>together</strong></th><td><strong>'
        f"{_signed(card.intercept + total, 3)}</strong></td></tr></tbody></table>"
        f"<p>Together they stand for {words.level(total)}, where the average is {words.level(0.0)}.</p></section>"
    )


def _commonest(card: Scorecard, name: str) -> tuple[Axis, int]:
    """The cell of a feature that holds most people, by its own table or, without one, along a pair's."""
    for term in card.terms:
        if name in term.features:
            side = term.features.index(name)
            held = term.weights if len(term.axes) == 1 else term.weights.sum(axis=1 - side)
            return term.axes[side], int(np.argmax(held))
    raise AssertionError("A used feature has a term.")


def _at(term: Term, usual: Mapping[str, tuple[Axis, int]]) -> tuple[float, str]:
    """What a term adds at the commonest cells, and those cells in words."""
    cells = []
    for axis in term.axes:
        fine, cell = usual[axis.feature]
        cells.append(_same_cell(fine, cell, axis))
    said = " and ".join(axis.labels[cell] for axis, cell in zip(term.axes, cells, strict=True))
    return float(term.values[tuple(cells)]), said


def _same_cell(fine: Axis, cell: int, axis: Axis) -> int:
    """The cell of another axis of the same feature that a value of this cell falls into."""
    if cell == fine.cells - 1:
        return axis.cells - 1
    if fine.kind == "category":
        named = fine.categories[cell] if cell < len(fine.categories) else None
        return axis.categories.index(named) if named in axis.categories else axis.cells - 2
    # The cell's lower end lies in it; the first has none, and any value below its upper end will do.
    value = fine.cuts[cell - 1] if cell else (math.nextafter(fine.cuts[0], -math.inf) if fine.cuts else 0.0)
    return bisect_right(axis.cuts, value)


def _signed(value: float, decimals: int) -> str:
    """A number with its sign; nothing that rounds to zero has a minus."""
    return f"{round(value, decimals) + 0.0:+.{decimals}f}"


def _overview(ranked: list[Term], words: _Words) -> str:
    rows = "".join(
        f'<tr><th scope="row"><a href="#term-{place}">{_safe(words.term(term))}</a></th>'
        f"<td>{_moves(term):.3f}</td><td>{_signed(term.values.min(), 3)}</td>"
        f"<td>{_signed(term.values.max(), 3)}</td></tr>"
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
        picture = curve(term, features[term.features[0]], place, words.label)
        table = _single_table(term, words)
    else:
        picture, table = heat_map(term, place, words.label), _pair_table(term, words)
    notes = "".join(f"<p class=hint>{_safe(note)}</p>" for note in _notes(term, features, words))
    return (
        f'<section id="term-{place}"><h2>{place}. {_safe(words.term(term))}</h2>'
        f'<p>{_safe(_sentence(term, words))}</p>{notes}<div class="both"><div>{picture}</div>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table of {_safe(words.term(term))}">{table}</div>'
        "</div></section>"
    )


def _sentence(term: Term, words: _Words) -> str:
    counted = bool(term.weights.any())
    seen = np.where(term.weights > 0, term.values, np.nan) if counted else term.values
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
    total = float(term.weights.sum())
    shares = [f"{100 * w / total:.1f}%" if total else "not counted" for w in term.weights.tolist()]
    rows = "".join(
        f'<tr><th scope="row">{_safe(label)}</th><td>{share}</td><td>{_signed(value, 4)}</td>'
        f"<td>{words.level(value)}</td></tr>"
        for label, share, value in zip(term.axes[0].labels, shares, term.values.tolist(), strict=True)
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
        + "".join(f"<td>{_signed(value, 3)}</td>" for value in row)
        + "</tr>"
        for label, row in zip(first.labels, term.values.tolist(), strict=True)
    )
    caption = (
        f"Adds to the score: {words.label(first.feature)} (down) with {words.label(second.feature)} (across)"
    )
    return (
        f"<table><caption>{_safe(caption)}</caption><thead><tr><td></td>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
