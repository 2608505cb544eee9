"""Where on a scale is a value, and which values are written under it?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from charts.palette import WIDTH

MARGIN = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A scale across the sheet from `low` to `high`; values beyond it are drawn at its ends."""

    low: float
    high: float
    ticks: Sequence[float]
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """How far from the left a value is drawn."""
        inside = min(max(value, self.low), self.high)
        if self.logarithmic:
            share = math.log(inside / self.low) / math.log(self.high / self.low)
        else:
            share = (inside - self.low) / (self.high - self.low)
        return MARGIN + (WIDTH - 2 * MARGIN) * share

    @classmethod
    def around(cls, values: Sequence[float]) -> Scale:
        """A scale of round numbers that holds every value."""
        from matplotlib.ticker import MaxNLocator

        low, high = min(values), max(values)
        ticks = MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(
            low, high if high > low else low + 1
        )
        return cls(low=float(ticks[0]), high=float(ticks[-1]), ticks=[float(tick) for tick in ticks])


RATIOS = Scale(low=0.25, high=4.0, ticks=(0.25, 0.5, 0.8, 1.0, 1.25, 2.0, 4.0), logarithmic=True)
"""Relative rates: a quarter to four times, twice as far from one as half."""
