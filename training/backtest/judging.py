"""How good is each model on each later block of a walk, overall and by group?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from training.heads.performance import performance

FloatArray = npt.NDArray[np.float64]
SCORECARD = "scorecard"
#: Share of the rows of a block that are flagged, for precision at a budget.
FLAGGED_SHARE = 0.1
#: The name of a group, and the column that its values are in.
GROUPS: Mapping[str, str] = {"region": "region", "sentence type": "sentence_type_of_row"}


@dataclass(frozen=True, kw_only=True)
class Block:
    """A stretch of time that judges: its rows, their outcomes, and the people they belong to.

    `about` has the columns of `GROUPS`, in the order of `truth`; `groups` are drawn together by chance,
    `weight` is how many rows each stands for, where some were censored.
    """

    head: str
    trained_on: date
    start: date
    number: int
    truth: FloatArray
    groups: npt.NDArray[Any]
    about: pl.DataFrame
    weight: FloatArray | None = None

    def judge(
        self, model: str, chance: FloatArray, *, horizon: int | None = None, by_group: bool = False
    ) -> Iterator[dict[str, Any]]:
        """One row of the table for the whole block, and one for each value of each group if asked."""
        named = {
            "head": self.head,
            "model": model,
            "horizon": horizon,
            "trained_on": self.trained_on,
            "block_from": self.start,
            "block": self.number,
            "age_days": (self.start - self.trained_on).days,
        }
        yield {
            **named,
            "group": "all",
            "value": "all",
            **figures(self.truth, chance, self.groups, self.weight),
        }
        for group, column in GROUPS.items() if by_group else ():
            values = self.about[column].cast(pl.String).fill_null("not recorded").to_numpy()
            for value in np.unique(values):
                here = values == value
                weight = None if self.weight is None else self.weight[here]
                found = figures(self.truth[here], chance[here], self.groups[here], weight)
                yield {**named, "group": group, "value": str(value), **found}


def figures(
    truth: FloatArray, chance: FloatArray, groups: npt.NDArray[Any], weight: FloatArray | None
) -> dict[str, Any]:
    """Every held-out figure, and the precision when a tenth is flagged (ties on average, at best, at worst)."""
    at_budget = precision_at(chance, truth > 0, round(len(chance) * FLAGGED_SHARE))
    return performance(truth, chance, groups, weight).to_dict() | {
        f"precision_at_tenth_{name}": value for name, value in at_budget.items()
    }


def curve(truth: FloatArray, chance: FloatArray, *, bins: int = 10) -> list[dict[str, float]]:
    """Predicted and observed shares over bins of equal count, for a picture of calibration."""
    parts = np.array_split(np.argsort(chance, kind="stable"), min(bins, max(1, len(truth) // 100)))
    return [
        {
            "rows": float(len(part)),
            "foretold": float(chance[part].mean()),
            "came": float(truth[part].mean()),
        }
        for part in parts
        if len(part)
    ]


def precision_at(chances: FloatArray, failing: npt.NDArray[np.bool_], flags: int) -> dict[str, float | None]:
    """What share of the `flags` rows most at risk fails? With ties broken at random on average, at best, at worst."""
    if not 0 < flags <= len(chances):
        return {"expected": None, "best": None, "worst": None}
    cut = np.partition(chances, len(chances) - flags)[len(chances) - flags]
    sure, tied = chances > cut, chances == cut
    left = flags - int(sure.sum())
    hits, tied_hits, tied_count = float(failing[sure].sum()), float(failing[tied].sum()), float(tied.sum())
    return {
        "expected": (hits + left * tied_hits / tied_count) / flags,
        "best": (hits + min(left, tied_hits)) / flags,
        "worst": (hits + max(0.0, left - (tied_count - tied_hits))) / flags,
    }
