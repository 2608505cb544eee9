"""From which probability is a referral flagged, and which words describe its risk?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from catalogue.errors import UsageError

#: The word where a head cannot tell people apart: no band is given, and nothing is flagged.
NOT_BANDED = "NOT_BANDED"


@dataclass(frozen=True, kw_only=True)
class Band:
    """A name for probabilities from `at_least` up to the next band."""

    name: str
    at_least: float


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """When a flag is raised and when it is cleared, both on the probability by `horizon_weeks`.

    `clear_at` lies below `raise_at`, so that a flag does not flicker. `evidence` says on which block of time
    the alert budget set the threshold, and what the next block showed.
    """

    horizon_weeks: int
    raise_at: float
    clear_at: float
    bands: tuple[Band, ...]
    evidence: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Check that the numbers can be a threshold at all."""
        if not 0.0 <= self.clear_at <= self.raise_at <= 1.0:
            raise UsageError(
                "Thresholds must lie between 0 and 1, and a flag's clearing not above its raising."
            )
        starts = [band.at_least for band in self.bands]
        if not starts or starts[0] != 0.0 or starts != sorted(starts):
            raise UsageError("The bands of the thresholds must begin at 0 and rise.")

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Thresholds:
        """Read thresholds.json."""
        flag = document["flag"]
        return cls(
            horizon_weeks=int(flag["horizon_weeks"]),
            raise_at=float(flag["raise_at"]),
            clear_at=float(flag["clear_at"]),
            bands=tuple(Band(name=str(b["name"]), at_least=float(b["at_least"])) for b in flag["bands"]),
            evidence=flag.get("evidence", {}),
        )

    def to_dict(self) -> dict[str, Any]:
        """The document that `from_dict` reads."""
        return {
            "flag": {
                "horizon_weeks": self.horizon_weeks,
                "raise_at": self.raise_at,
                "clear_at": self.clear_at,
                "bands": [{"name": band.name, "at_least": band.at_least} for band in self.bands],
                "evidence": dict(self.evidence),
            },
        }

    def band_many(self, probabilities: npt.NDArray[np.float64]) -> list[str]:
        """In which band does each probability lie?"""
        starts = np.array([band.at_least for band in self.bands])
        places = np.searchsorted(starts, probabilities, side="right") - 1
        return [self.bands[place].name for place in places]

    def raised(self, weekly: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Is the flag up at each week? `weekly` is [referrals, weeks] from the oldest week on; NaN is not open.

        A flag goes up at `raise_at`, and comes down only below `clear_at`.
        """
        up = np.zeros(weekly.shape, dtype=np.bool_)
        before = np.zeros(len(weekly), dtype=np.bool_)
        for week in range(weekly.shape[1]):
            values = weekly[:, week]
            before = (values >= self.raise_at) | (before & (values >= self.clear_at))
            up[:, week] = before
        return up
