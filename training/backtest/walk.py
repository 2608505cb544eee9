"""At which dates is a head fitted and judged in a backtest, and what does each step give?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from catalogue.errors import UsageError
from training.config import TrainingConfig
from training.heads.monitoring import Watch
from training.heads.splits import last_usable

#: With fewer usable rows, a training date is too early.
LEAST_ROWS = 200
#: Share of the rows before a training date, the later ones, that chances are calibrated on.
CALIBRATION_SHARE = 0.2
#: Days that the last block must at least have.
LEAST_BLOCK_DAYS = 28


@dataclass(frozen=True, kw_only=True)
class Walk:
    """The training dates of one head and the blocks after them: block i runs from date i to the next."""

    dates: tuple[date, ...]
    until: date

    def blocks(self) -> tuple[tuple[date, date], ...]:
        """The blocks that judge, half open."""
        return tuple(zip(self.dates, (*self.dates[1:], self.until), strict=True))


@dataclass(frozen=True, kw_only=True)
class BacktestStep:
    """What one training date of one head gives: rows of the table, and what belongs to the date alone.

    `curve` is the scorecard's calibration on its own next block, `flag` the in-flight flag's figures, `leads`
    the weeks by which its flags came before the end, `watched` what monitoring saw from then on.
    """

    head: str
    trained_on: date
    rows: tuple[Mapping[str, Any], ...]
    curve: tuple[Mapping[str, Any], ...] = ()
    flag: Mapping[str, Any] | None = None
    leads: tuple[float, ...] = ()
    watched: Watch | None = None


def walk(as_of: pl.Series, *, end: date, window_days: int, head: str, config: TrainingConfig) -> Walk:
    """Which training dates can this head be walked through? Evenly spaced, the last with a block after it.

    `as_of` are the days of the head's rows. Raises UsageError where no two dates fit.
    """
    closed = last_usable(end, window_days=window_days, gap_days=config.blocks.label_gap_days)
    days = as_of.sort()
    latest = closed - timedelta(days=LEAST_BLOCK_DAYS)
    if len(days) > LEAST_ROWS:
        earliest = days[LEAST_ROWS] + timedelta(days=window_days + config.blocks.label_gap_days + 1)
        count = config.backtest.dates
        # As many equal steps back from the latest date as the configuration asks for, each no longer than it says.
        step = min(config.backtest.step_days, (closed - earliest).days // count)
        if step >= LEAST_BLOCK_DAYS:
            dates = tuple(closed - timedelta(days=step * (count - i)) for i in range(count))
            return Walk(dates=dates, until=closed)
    raise UsageError(
        f"The histories are too short to walk the {head} head through {config.backtest.dates} training dates "
        f"before {latest}; give more years, or fewer backtest.dates."
    )
