"""How does the whole scorecard read, on one page, for somebody who is not a specialist?

One HTML file without scripts or outside parts. Every term has a picture (steps over the people in each cell, or a
heat map for a pair) and the table of its numbers.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

import numpy as np

from pages import PageTable, render
from scoring.scorecard import Axis, Factor, Scorecard, Term
from scoring.scorecard.calibration import sigmoid
from training.scorecard.pictures import curve, pair

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHOWN = 6
"""Terms that the example names one by one."""


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
        per_hundred: whether a prediction that is a share is given as a number in 100.

    Returns:
        A complete HTML document. The same scorecard gives the same bytes.
    """
    words = _Words(card, outcome, dict(labels or {}), per_hundred=per_hundred)
    ranked = sorted(card.terms, key=lambda term: (-_moves(term), term.name))
    singles = sum(len(term.axes) == 1 for term in card.terms)
    used = set(card.used_features)
    return render(
        "training.scorecard",
        "scorecard.html.j2",
        title=title,
        outcome=outcome,
        logit=words.logit,
        average=words.level(0.0),
        unit=words.unit,
        singles=singles,
        pairs=len(card.terms) - singles,
        notes=notes,
        example=_example(card, ranked, words),
        terms=[_term(term, place, card, words) for place, term in enumerate(ranked, start=1)],
        unused=[words.label(name) for name in card.feature_names if name not in used],
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
            return "on a scale (log-odds) where 0 changes nothing, about 0.7 doubles the odds and about -0.7 halves them"
        return "shares (0.01 is 1 in 100)" if self._per_hundred else "in the units of the prediction"

    @property
    def scale(self) -> str:
        return (
            "chance, if everything else is average"
            if self.logit
            else "prediction, if everything else is average"
        )


def _example(card: Scorecard, ranked: list[Term], words: _Words) -> dict[str, Any] | None:
    """Work out one score: that of a person who has the most common value of every fact."""
    if not ranked or not any(term.weights.any() for term in ranked):
        return None
    usual = {name: _most_common(card, name) for name in card.used_features}
    added = [_at(term, usual) for term in ranked]
    total = float(sum(value for value, _ in added))
    rows = [
        (f"{words.term(term)}: {place}", _signed(value, 3))
        for term, (value, place) in zip(ranked[:SHOWN], added, strict=False)
    ]
    if len(ranked) > SHOWN:
        rest = sum(value for value, _ in added[SHOWN:])
        rows.append((f"the other {len(ranked) - SHOWN} tables", _signed(rest, 3)))
    return {
        "start": _signed(card.intercept, 3),
        "rows": rows,
        "together": _signed(card.intercept + total, 3),
        "stands_for": words.level(total),
    }


def _most_common(card: Scorecard, name: str) -> tuple[Axis, int]:
    """The cell of a feature that has most people: by its own table, or by a pair's table if it has none."""
    for term in card.terms:
        if name in term.features:
            side = term.features.index(name)
            held = term.weights if len(term.axes) == 1 else term.weights.sum(axis=1 - side)
            return term.axes[side], int(np.argmax(held))
    raise AssertionError("A used feature has a term.")


def _at(term: Term, usual: Mapping[str, tuple[Axis, int]]) -> tuple[float, str]:
    """What a term adds at the most common cells, and those cells in words."""
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


def _term(term: Term, place: int, card: Scorecard, words: _Words) -> dict[str, Any]:
    """What the page shows of a term."""
    features = {feature.name: feature for feature in card.features}
    name, sentence = words.term(term), _sentence(term, words)
    about = {"name": f"term-{place}-chart", "title": f"{name}. {sentence}"}
    if len(term.axes) == 1:
        picture = curve(term, features[term.features[0]], **about)
        table = _single_table(term, words)
    else:
        first, second = (words.label(axis.feature) for axis in term.axes)
        picture, table = pair(term, labels=(first, second), **about), _pair_table(term, words)
    return {
        "name": name,
        "overview": (f"{_moves(term):.3f}", _signed(term.values.min(), 3), _signed(term.values.max(), 3)),
        "sentence": sentence,
        "notes": _notes(term, features, words),
        "picture": picture,
        "table": table,
    }


def _sentence(term: Term, words: _Words) -> str:
    counted = bool(term.weights.any())
    seen = np.where(term.weights > 0, term.values, np.nan) if counted else term.values
    low = np.unravel_index(int(np.nanargmin(seen)), seen.shape)
    high = np.unravel_index(int(np.nanargmax(seen)), seen.shape)
    return (
        f"Lowest for {_cell(term, low, words)} ({words.level(float(seen[low]))}), "
        f"highest for {_cell(term, high, words)} ({words.level(float(seen[high]))}), if everything else is average."
    )


def _cell(term: Term, place: tuple[np.intp, ...], words: _Words) -> str:
    parts = [
        f"{words.label(axis.feature)}: {axis.labels[int(at)]}"
        for axis, at in zip(term.axes, place, strict=True)
    ]
    return " and ".join(parts)


def _notes(term: Term, features: Mapping[str, Factor], words: _Words) -> list[str]:
    notes = []
    for axis in term.axes:
        feature = features[axis.feature]
        if not feature.missing_seen:
            notes.append(
                f"{words.label(axis.feature)} was always recorded. If it is not recorded, it is read as {feature.usual}."
            )
    return notes


def _single_table(term: Term, words: _Words) -> PageTable:
    total = float(term.weights.sum())
    shares = [f"{100 * w / total:.1f}%" if total else "not counted" for w in term.weights.tolist()]
    rows = [
        (label, share, _signed(value, 4), words.level(value))
        for label, share, value in zip(term.axes[0].labels, shares, term.values.tolist(), strict=True)
    ]
    columns = ("Value", "Share of people", "Adds to the score", words.scale.capitalize())
    return PageTable(words.term(term), columns, rows, frozenset({1, 2, 3}))


def _pair_table(term: Term, words: _Words) -> PageTable:
    first, second = (words.label(axis.feature) for axis in term.axes)
    rows = [
        (label, *(_signed(value, 3) for value in row))
        for label, row in zip(term.axes[0].labels, term.values.tolist(), strict=True)
    ]
    columns = (first, *term.axes[1].labels)
    return PageTable(
        f"Adds to the score: {first} (down) with {second} (across)",
        columns,
        rows,
        frozenset(range(1, len(columns))),
    )
