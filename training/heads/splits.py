"""Which rows may be learned from, which calibrate, and which judge? Divided by time, as was known then.

A row has an as-of day (when the question was asked) and a label that is known once its window has closed.
It may be used at a training date only if the window, and a gap for late records, lie before that date
(docs/training.md). The usable rows are cut by time into three blocks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from catalogue.errors import UsageError

LABEL_GAP_DAYS = 183


@dataclass(frozen=True, kw_only=True)
class TimeBlocks:
    """Half-open blocks of as-of days: fit before `calibrate_from`, test from `test_from` to `until`."""

    begin: date
    calibrate_from: date
    test_from: date
    until: date

    def __post_init__(self) -> None:
        """Hold the blocks in order."""
        if not self.begin < self.calibrate_from < self.test_from < self.until:
            raise UsageError("The blocks of time must follow each other: fit, calibrate, test.")

    def fit(self, as_of: str = "as_of") -> pl.Expr:
        """Rows to fit on."""
        return pl.col(as_of).is_between(self.begin, self.calibrate_from, closed="left")

    def calibrate(self, as_of: str = "as_of") -> pl.Expr:
        """Rows to calibrate on, later than those fitted on."""
        return pl.col(as_of).is_between(self.calibrate_from, self.test_from, closed="left")

    def test(self, as_of: str = "as_of") -> pl.Expr:
        """Rows that only judge, the latest."""
        return pl.col(as_of).is_between(self.test_from, self.until, closed="left")

    def to_dict(self) -> dict[str, str]:
        """The four days in ISO form."""
        return {
            "begin": self.begin.isoformat(),
            "calibrate_from": self.calibrate_from.isoformat(),
            "test_from": self.test_from.isoformat(),
            "until": self.until.isoformat(),
        }


def last_usable(training_date: date, *, window_days: int, gap_days: int = LABEL_GAP_DAYS) -> date:
    """The first day that is too late: rows asked before it have labels that may be used at the training date."""
    return training_date - timedelta(days=window_days + gap_days)


def blocks(
    as_of: Sequence[date] | pl.Series, *, calibration_share: float, test_share: float, head: str
) -> TimeBlocks:
    """Cut the as-of days of usable rows into three blocks by share of rows; a day is never divided.

    Raises UsageError where there are too few days to cut.
    """
    days = np.sort(pl.Series("as_of", as_of, dtype=pl.Date).to_physical().to_numpy())
    message = (
        f"There are too few usable records to train the {head} head: labels need their window and six months "
        "more before the end of the data; use histories of more people or more years."
    )
    if len(days) < 20:
        raise UsageError(message)
    calibrate_from = days[int(len(days) * (1 - calibration_share - test_share))]
    test_from = days[int(len(days) * (1 - test_share))]
    edges = [int(days[0]), int(calibrate_from), int(test_from), int(days[-1]) + 1]
    if not edges[0] < edges[1] < edges[2] < edges[3]:
        raise UsageError(message)
    begin, first, second, until = (date(1970, 1, 1) + timedelta(days=edge) for edge in edges)
    return TimeBlocks(begin=begin, calibrate_from=first, test_from=second, until=until)


def hash_share(ids: pl.Series, *, seed: int) -> npt.NDArray[np.float64]:
    """Where between 0 and 1 does each id fall? The same id and seed always give the same place.

    SHA-256 of the id, so that a sample does not depend on order, engine or version.
    """
    unique = ids.unique(maintain_order=True).to_list()
    prefix = f"{seed}:".encode()
    place = {
        key: int.from_bytes(hashlib.sha256(prefix + str(key).encode()).digest()[:8], "big") / 2.0**64
        for key in unique
    }
    return np.array([place[key] for key in ids.to_list()], dtype=np.float64)


def sample(rows: pl.DataFrame, *, by: str, at_most: int, seed: int) -> pl.DataFrame:
    """At most `at_most` rows, whole ids at a time, drawn by hash of the id in column `by`; order is kept."""
    if rows.height <= at_most:
        return rows
    share = hash_share(rows[by], seed=seed)
    cut = np.partition(share, at_most)[at_most]
    return rows.filter(pl.Series(share < cut))


def folds(ids: pl.Series, *, count: int, seed: int) -> npt.NDArray[np.int64]:
    """Into which of `count` folds does each row fall? All rows of an id share one."""
    return (hash_share(ids, seed=seed) * count).astype(np.int64)
