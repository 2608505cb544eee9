"""What did a fit learn about each of its rows? The parts of doubly robust scores."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from training.frames import Floats, Ints

LEAST_CHANCE: Final = 0.01
"""Propensities below this are raised to it where a doubly robust score divides by them."""
LEAST_RECORDED: Final = 20
"""Recorded outcomes of an arm under which no average effect is given on its own."""


@dataclass(frozen=True, kw_only=True)
class TrainingRows:
    """What the fit learned about each of its rows, for average effects and policy values.

    `arm` places in `arms`; `outcome` NaN where missing; `weight` 1 / chance of being recorded, 0
    where it was not; `expected` [rows, arms] the cross-fitted outcome model with the arm as
    factor; `propensity` [rows, arms].
    """

    arms: tuple[str, ...]
    reference: int
    arm: Ints
    outcome: Floats
    weight: Floats
    propensity: npt.NDArray[np.float32]
    expected: npt.NDArray[np.float32]
    eligible: npt.NDArray[np.bool_]
    groups: Ints

    def scores(self, arm: int) -> Floats:
        """Doubly robust score of every row for one arm (Robins, Rotnitzky and Zhao 1994)."""
        chance = np.maximum(self.propensity[:, arm].astype(np.float64), LEAST_CHANCE)
        expected = self.expected[:, arm].astype(np.float64)
        beyond = np.where(self.weight > 0, np.nan_to_num(self.outcome) - expected, 0.0)
        return np.asarray(expected + (self.arm == arm) * self.weight * beyond / chance)

    def average(self, arm: int, rows: npt.NDArray[np.bool_], *, z: float) -> tuple[float, float, float]:
        """Doubly robust average effect of an arm among the eligible of `rows`, clustered by person.

        Not a number where too few of them had the arm and an outcome for an interval to mean anything.
        """
        use = rows & self.eligible[:, arm]
        if (use & (self.arm == arm) & (self.weight > 0)).sum() < LEAST_RECORDED:
            return math.nan, math.nan, math.nan
        contrast = (self.scores(arm) - self.scores(self.reference))[use]
        mean = float(contrast.mean())
        sums = np.bincount(self.groups[use], weights=contrast - mean)
        half = z * float(np.sqrt((sums**2).sum())) / len(contrast)
        return mean, mean - half, mean + half
