"""From a score to a chance that means what it says: calibration maps, read and applied.

Two kinds of map, both monotone: a step function with a lower and an upper chance (Venn-Abers), and a
smooth curve of three numbers (beta calibration). A map is plain data and is applied in plain Python to
one score, with numpy to many.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, cast, overload

import numpy as np

from catalogue.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Method = Literal["venn-abers", "beta"]
Scale = Literal["probability", "log-odds"]

FORMAT = "signpost-calibration/1"
NEAREST = 1e-12
"""How near to 0 and 1 the beta curve reads a chance: its logarithms have no value at the ends."""

_METHODS: tuple[Method, ...] = ("venn-abers", "beta")
_SCALES: tuple[Scale, ...] = ("probability", "log-odds")


class CalibrationError(UsageError, ValueError):
    """A calibration map, or a score given to one, that cannot be used."""


@dataclass(frozen=True, slots=True)
class CalibrationMap:
    """A fitted map from scores to chances, with an interval.

    Args:
        method: ``venn-abers`` reads ``scores``, ``below`` and ``above``; ``beta`` reads ``curve`` and
            ``covariance``.
        scale: what a score is: a ``probability`` in [0, 1], or a ``log-odds``.
        scores: the calibration scores at which the step functions may change, rising.
        below: for each gap between calibration scores (one more than ``scores``), the chance if the
            new case were to turn out a "no". A score equal to ``scores[i]`` reads ``below[i + 1]``.
        above: the same for a "yes", except that a score equal to ``scores[i]`` reads ``above[i]``.
        curve: a, b and c of ``log-odds = a ln(p) - b ln(1 - p) + c``.
        covariance: of a, b and c, row by row: the source of the beta curve's 95% interval.

    Raises:
        CalibrationError: when the parts do not fit together.
    """

    method: Method
    scale: Scale
    scores: tuple[float, ...] = ()
    below: tuple[float, ...] = ()
    above: tuple[float, ...] = ()
    curve: tuple[float, float, float] = (1.0, 1.0, 0.0)
    covariance: tuple[float, ...] = (0.0,) * 9

    def __post_init__(self) -> None:
        if self.method not in _METHODS or self.scale not in _SCALES:
            raise CalibrationError(f"A calibration map has a method of {_METHODS} and a scale of {_SCALES}.")
        if self.method == "beta":
            if len(self.curve) != 3 or len(self.covariance) != 9 or self.curve[0] < 0 or self.curve[1] < 0:
                raise CalibrationError(
                    "A beta map needs a curve (a, b at least 0, c) and its nine covariances."
                )
            return
        if not len(self.below) == len(self.above) == len(self.scores) + 1:
            raise CalibrationError("A Venn-Abers map needs one step more than it has scores.")
        if any(a >= b for a, b in pairwise(self.scores)):
            raise CalibrationError("The scores of a Venn-Abers map must rise from one to the next.")
        for steps in (self.below, self.above):
            if any(a > b for a, b in pairwise(steps)) or not 0 <= steps[0] <= steps[-1] <= 1:
                raise CalibrationError("The steps of a Venn-Abers map must be chances that never fall.")

    @overload
    def predict(self, score: float) -> float: ...
    @overload
    def predict(self, score: NDArray[np.floating] | Sequence[float]) -> NDArray[np.float64]: ...
    def predict(self, score: float | NDArray[np.floating] | Sequence[float]) -> float | NDArray[np.float64]:
        """Answer: what is the calibrated chance at this score (or at each of these)?

        Raises:
            CalibrationError: when a score is not finite, or not a chance where the scale says it is.
        """
        if np.ndim(score) == 0:
            return self._one(float(cast("float", score)))[1]
        return self._many(np.asarray(score, dtype=np.float64))[1]

    @overload
    def interval(self, score: float) -> tuple[float, float]: ...
    @overload
    def interval(
        self, score: NDArray[np.floating] | Sequence[float]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
    def interval(
        self, score: float | NDArray[np.floating] | Sequence[float]
    ) -> tuple[float, float] | tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Answer: between which chances does the calibration leave this score?

        Venn-Abers: the two chances of the pair, one of which is calibrated for data of any distribution.
        Beta: 95%, from the fit's covariance. Neither says how good the model is.

        Raises:
            CalibrationError: as ``predict``.
        """
        if np.ndim(score) == 0:
            lower, _, upper = self._one(float(cast("float", score)))
            return lower, upper
        low, _, high = self._many(np.asarray(score, dtype=np.float64))
        return low, high

    def around(self, scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Answer: what is the calibrated chance at each score, and between which is it: lower, chance, upper?

        Raises:
            CalibrationError: as ``predict``.
        """
        return self._many(scores)

    def _one(self, score: float) -> tuple[float, float, float]:
        if self.method == "beta":
            low, middle, high = self._many(np.array([score]))
            return float(low[0]), float(middle[0]), float(high[0])
        self._refuse(usable=math.isfinite(score) and (self.scale == "log-odds" or 0.0 <= score <= 1.0))
        lower = self.below[bisect_right(self.scores, score)]
        upper = self.above[bisect_left(self.scores, score)]
        return lower, upper / (1.0 - lower + upper), upper

    def _many(self, score: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        in_scale = self.scale == "log-odds" or bool(((score >= 0) & (score <= 1)).all())
        self._refuse(usable=bool(np.isfinite(score).all()) and in_scale)
        if self.method == "venn-abers":
            scores = np.array(self.scores)
            lower = np.array(self.below)[np.searchsorted(scores, score, side="right")]
            upper = np.array(self.above)[np.searchsorted(scores, score, side="left")]
            return lower, upper / (1.0 - lower + upper), upper
        design = np.stack((*log_chances(score, scale=self.scale), np.ones_like(score)), axis=-1)
        middle = design @ np.array(self.curve)
        variance = np.einsum("...i,ij,...j->...", design, np.array(self.covariance).reshape(3, 3), design)
        reach = 1.959963984540054 * np.sqrt(np.maximum(variance, 0.0))
        return sigmoid(middle - reach), sigmoid(middle), sigmoid(middle + reach)

    def _refuse(self, *, usable: bool) -> None:
        if not usable:
            wanted = "a chance from 0 to 1" if self.scale == "probability" else "a finite log-odds"
            raise CalibrationError(
                f"A score to be calibrated must be {wanted}, as those that the map was fitted on."
            )

    def to_dict(self) -> dict[str, object]:
        """Give the map as plain data; ``from_dict`` reads it back without loss."""
        head: dict[str, object] = {"format": FORMAT, "method": self.method, "scale": self.scale}
        if self.method == "beta":
            return {**head, "curve": list(self.curve), "covariance": list(self.covariance)}
        return {**head, "scores": list(self.scores), "below": list(self.below), "above": list(self.above)}

    @classmethod
    def from_dict(cls, document: Mapping[str, object]) -> CalibrationMap:
        """Read what ``to_dict`` gave.

        Raises:
            CalibrationError: when the document is of another format or malformed.
        """
        if document.get("format") != FORMAT:
            raise CalibrationError(
                f"The document is not a calibration map of the format {FORMAT!r}; write it again."
            )
        parts = {name: part for name, part in document.items() if name != "format"}
        try:
            for name, part in parts.items():
                if isinstance(part, list):
                    parts[name] = tuple(map(float, part))
            return cls(**parts)  # type: ignore[arg-type]
        except TypeError as error:
            raise CalibrationError(
                "The calibration document lacks a part or holds an unknown one."
            ) from error


def log_chances(
    score: NDArray[np.float64], *, scale: Scale
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give ln(p) and -ln(1 - p) of each score: the two readings that the beta curve adds up."""
    if scale == "probability":
        kept = np.clip(score, NEAREST, 1.0 - NEAREST)
        return np.log(kept), -np.log1p(-kept)
    # ln(p) = -ln(1 + e^-s) and -ln(1 - p) = ln(1 + e^s): finite for every log-odds.
    return -np.logaddexp(0.0, -score), np.logaddexp(0.0, score)


def sigmoid(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the chance of a log-odds, without overflow."""
    small = np.exp(-np.abs(score))
    return np.where(score >= 0, 1.0 / (1.0 + small), small / (1.0 + small))
