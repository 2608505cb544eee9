"""What happened when? A row for each kind of event: spans of time as bars, single days as marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from charts.axes import axes, dated, key
from charts.drawing import Meaning, svg
from charts.palette import LINE, MARKS, SERIES, SMALL

WIDE = 800
"""Units: many days need room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From one day to another, with words on it."""

    begin: date
    end: date
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: its name, its spans, and single days under the name of what happened."""

    label: str
    spans: Sequence[Span] = ()
    days: Sequence[tuple[date, str]] = ()


def timeline(rows: Sequence[Row], meaning: Meaning) -> Markup:
    """Rows from top to bottom over one span of time; each kind of day has its own mark, named in a key."""
    kinds = list(dict.fromkeys(kind for row in rows for _, kind in row.days))
    figure, drawn = axes(x="", y="", series=len(kinds), height=60 + 34 * len(rows), width=WIDE)
    for place, row in enumerate(rows):
        for span in row.spans:
            begin, end = _place(span.begin), _place(span.end)
            drawn.plot(
                [begin, end], [place, place], color=LINE, linewidth=6, alpha=0.5, solid_capstyle="butt"
            )
            drawn.text(begin, place - 0.22, span.words, fontsize=SMALL, va="bottom")
    for number, kind in enumerate(kinds):
        found = [
            (_place(day), place) for place, row in enumerate(rows) for day, named in row.days if named == kind
        ]
        drawn.plot(
            [day for day, _ in found], [place for _, place in found], linestyle="", label=kind, markersize=6,
            marker=MARKS[number % len(MARKS)], color=SERIES[number % len(SERIES)],
        )  # fmt: skip
    drawn.xaxis_date()
    dated(drawn)
    drawn.set_yticks(range(len(rows)), [row.label for row in rows])
    drawn.set_ylim(len(rows) - 0.5, -0.7)
    key(figure, drawn)
    return svg(figure, meaning)


def _place(day: date) -> float:
    """Where matplotlib draws a day."""
    from matplotlib.dates import date2num

    return float(date2num(day))  # type: ignore[no-untyped-call]
