"""How does a scorecard read as a sheet of points that can be added up by hand?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scoring.scorecard import Scorecard, ScorecardError, Term

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class PointsTable:
    """One term in whole points: ``points`` has the shape of the term's table."""

    term: Term
    points: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class PointsCard:
    """A scorecard in whole points.

    ``base`` plus one entry from each table is a person's total; ``scale`` points are one unit of raw score,
    so that ``chance(total)`` reads a total back. Rounding moves a raw score by at most half a point for the
    base and for each table.
    """

    base: int
    tables: tuple[PointsTable, ...]
    scale: float
    offset: float
    logit: bool

    def raw(self, total: float) -> float:
        """Give the raw score that a total of points stands for."""
        return total / self.scale + self.offset

    def chance(self, total: float) -> float:
        """Give the chance (logit) or the prediction (identity) that a total of points stands for."""
        raw = self.raw(total)
        return 1.0 / (1.0 + math.exp(-raw)) if self.logit else raw

    def __str__(self) -> str:
        """Print the sheet: each term's cells with their points, then what totals mean."""
        lines = [f"Start with {self.base} points.", ""]
        for table in self.tables:
            lines.extend(_sheet(table))
            lines.append("")
        lines.append("Total points and what they mean")
        lowest = self.base + sum(int(table.points.min()) for table in self.tables)
        highest = self.base + sum(int(table.points.max()) for table in self.tables)
        for step in range(9):
            total = round(lowest + (highest - lowest) * step / 8)
            meaning = self.chance(total)
            said = f"about {round(100 * meaning)} in 100" if self.logit else f"{meaning:.4g}"
            lines.append(f"  {total:>6}  {said}")
        return "\n".join(lines) + "\n"


def to_points(card: Scorecard, *, points_to_double: float = 20.0, offset: float | None = None) -> PointsCard:
    """Answer: how does this scorecard read as whole points?

    Every table is shifted so that its least entry is 0, and rounded.

    Args:
        card: the scorecard.
        points_to_double: how many points double the odds (logit), or add one unit (identity).
        offset: the raw score that 0 points stand for; by default the least that the card can give.

    Raises:
        ScorecardError: when ``points_to_double`` is not positive.
    """
    if not points_to_double > 0:
        raise ScorecardError("The points that double the odds must be more than 0.")
    scale = points_to_double / math.log(2) if card.link == "logit" else points_to_double
    least = [float(term.values.min()) for term in card.terms]
    start = card.intercept + sum(least)
    offset = start if offset is None else offset
    return PointsCard(
        base=round((start - offset) * scale),
        tables=tuple(
            PointsTable(term, ((term.values - low) * scale).round().astype("int64"))
            for term, low in zip(card.terms, least, strict=True)
        ),
        scale=scale,
        offset=offset,
        logit=card.link == "logit",
    )


def _sheet(table: PointsTable) -> list[str]:
    term = table.term
    if len(term.axes) == 1:
        cells = zip(term.axes[0].labels, table.points.tolist(), strict=True)
        return [term.axes[0].feature, *(f"  {points:>6}  {label}" for label, points in cells)]
    first, second = term.axes
    lines = [f"{first.feature} (down) with {second.feature} (across)"]
    wide = max(map(len, first.labels))
    heads = [label.rjust(max(len(label), 6)) for label in second.labels]
    lines.append("  " + " " * wide + "  " + "  ".join(heads))
    for label, row in zip(first.labels, table.points.tolist(), strict=True):
        entries = "  ".join(str(points).rjust(len(head)) for points, head in zip(row, heads, strict=True))
        lines.append(f"  {label.ljust(wide)}  {entries}")
    return lines
