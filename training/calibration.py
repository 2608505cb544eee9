"""Does 30 in 100 mean 30 in 100? Calibration maps, fitted on a later block of time.

Two methods, chosen between by held-out log loss:

- Venn-Abers (Vovk, Petej and Fedorova 2015, "Large-scale probabilistic predictors with and without
  guarantees of validity"): isotonic calibration done twice for each score, as if the new case were a
  "no" and as if it were a "yes". The pair is the interval.
- Beta calibration (Kull, Silva Filho and Flach 2017): a curve of three parameters that can be the
  identity, so that it does not harm a model that is calibrated already.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, column_or_1d

from scoring.scorecard.calibration import CalibrationError, CalibrationMap, Scale, log_chances, sigmoid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

FOLDS = 5
RIDGE = 1e-4
"""Pulls the beta curve towards the identity very slightly: this bounds it where classes are separable."""
NEWTON_STEPS = 100
MIN_FOR_CHOICE = 10
"""Fewer rows of either class than this leave nothing to hold out: beta, the stiffer curve, is taken."""


class Calibrator(BaseEstimator):  # type: ignore[misc]
    """Turns a model's scores into chances, with an interval, on data that the model has not seen.

    Args:
        method: ``auto`` takes the smaller held-out log loss; or ``venn-abers`` or ``beta``.
        scale: ``probability`` (scores in [0, 1]), ``log-odds``, or ``auto``: log-odds if any calibration
            score lies outside [0, 1].

    Attributes:
        map_: the fitted ``CalibrationMap``, which scoring reads from JSON.
        method_: the method taken.
        held_out_loss_: mean held-out log loss of each method tried.
    """

    def __init__(
        self,
        *,
        method: Literal["auto", "venn-abers", "beta"] = "auto",
        scale: Literal["auto", "probability", "log-odds"] = "auto",
    ) -> None:
        self.method = method
        self.scale = scale

    def fit(self, score: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit on scores and outcomes.

        Args:
            score: ``[n]`` finite scores.
            y: ``[n]`` outcomes, 0 or 1 (or False and True).
            sample_weight: ``[n]`` weights, not negative; a weight of 2 counts as two rows.

        Raises:
            CalibrationError: for options that do not exist, outcomes other than 0 and 1, one class only.
            ValueError: for scores that are not finite, or lengths that differ.
        """
        if self.method not in {"auto", "venn-abers", "beta"}:
            raise CalibrationError("The method of a Calibrator is 'auto', 'venn-abers' or 'beta'.")
        if self.scale not in {"auto", "probability", "log-odds"}:
            raise CalibrationError("The scale of a Calibrator is 'auto', 'probability' or 'log-odds'.")
        sample = _sample(score, y, sample_weight)
        inside = bool(((sample.score >= 0) & (sample.score <= 1)).all())
        if self.scale == "probability" and not inside:
            raise CalibrationError("A score lies outside [0, 1]; give chances, or the scale 'log-odds'.")
        scale: Scale = "log-odds" if self.scale == "log-odds" or not inside else "probability"
        fitters = {"beta": _beta, "venn-abers": _venn_abers}
        self.held_out_loss_: dict[str, float] = {}
        if self.method != "auto":
            self.method_ = self.method
        elif min(sample.events, len(sample.y) - sample.events) < MIN_FOR_CHOICE:
            self.method_ = "beta"
        else:
            self.held_out_loss_ = {name: _held_out_loss(sample, fit, scale) for name, fit in fitters.items()}
            self.method_ = (
                "beta" if self.held_out_loss_["beta"] <= self.held_out_loss_["venn-abers"] else "venn-abers"
            )
        self.map_ = fitters[self.method_](sample, scale)
        return self

    def predict(self, score: ArrayLike) -> Floats:
        """Answer: what is the calibrated chance at each score? ``[n]``, never falling as scores rise."""
        check_is_fitted(self, "map_")
        return self.map_.predict(np.asarray(score, dtype=np.float64))

    def interval(self, score: ArrayLike) -> tuple[Floats, Floats]:
        """Answer: between which chances does calibration leave each score? Two arrays ``[n]``."""
        check_is_fitted(self, "map_")
        return self.map_.interval(np.asarray(score, dtype=np.float64))

    def to_json(self, path: str | Path) -> None:
        """Write the map to a file; ``from_json`` and ``CalibrationMap.from_dict`` read it without loss."""
        check_is_fitted(self, "map_")
        Path(path).write_text(json.dumps(self.map_.to_dict()), encoding="utf-8")

    @classmethod
    def from_json(cls, path: str | Path) -> Self:
        """Make a Calibrator from a written map: it predicts as the one that wrote it.

        Raises:
            CalibrationError: when the file is not a calibration map.
        """
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise CalibrationError("The calibration map is not valid JSON; write it again.") from error
        if not isinstance(document, dict):
            raise CalibrationError("The calibration map's JSON must be an object.")
        read = CalibrationMap.from_dict(document)
        calibrator = cls(method=read.method, scale=read.scale)
        calibrator.map_, calibrator.method_, calibrator.held_out_loss_ = read, read.method, {}
        return calibrator


@dataclass(frozen=True, slots=True)
class _Sample:
    """Calibration rows in rising order of score."""

    score: Floats
    y: Floats
    weight: Floats

    @property
    def events(self) -> int:
        return int(self.y.sum())

    def where(self, kept: NDArray[np.bool_]) -> _Sample:
        return _Sample(self.score[kept], self.y[kept], self.weight[kept])


def _sample(score: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None) -> _Sample:
    scores = check_array(column_or_1d(score), ensure_2d=False, dtype=np.float64, input_name="score")
    outcome = check_array(column_or_1d(y), ensure_2d=False, dtype=np.float64, input_name="y")
    weight = (
        np.ones_like(scores)
        if sample_weight is None
        else column_or_1d(np.asarray(sample_weight, dtype=np.float64))
    )
    check_consistent_length(scores, outcome, weight)
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise CalibrationError("The sample weights of a Calibrator must be finite and not negative.")
    if not np.isin(outcome, (0.0, 1.0)).all():
        raise CalibrationError("The outcomes that a Calibrator is fitted on must be 0 or 1.")
    kept = weight > 0
    if len(np.unique(outcome[kept])) < 2:
        raise CalibrationError("A Calibrator needs rows of both classes; here all rows have one outcome.")
    # Equal scores are ordered by outcome, so that the order of the input rows does not matter.
    order = np.lexsort((weight[kept], outcome[kept], scores[kept]))
    return _Sample(scores[kept][order], outcome[kept][order], weight[kept][order])


def _held_out_loss(sample: _Sample, fit: _Fitter, scale: Scale) -> float:
    """Mean log loss on rows left out, each row once; rows are dealt to the folds in turn, by class."""
    fold = np.empty(len(sample.y), dtype=int)
    for label in (0.0, 1.0):
        rows = np.flatnonzero(sample.y == label)
        fold[rows] = np.arange(len(rows)) % FOLDS
    loss = 0.0
    for held_out in range(FOLDS):
        out = sample.where(fold == held_out)
        chance = np.asarray(fit(sample.where(fold != held_out), scale).predict(out.score))
        chance = np.clip(chance, 1e-15, 1 - 1e-15)
        loss -= float((out.weight * np.where(out.y == 1, np.log(chance), np.log1p(-chance))).sum())
    return loss / float(sample.weight.sum())


def _venn_abers(sample: _Sample, scale: Scale) -> CalibrationMap:
    scores, start = np.unique(sample.score, return_index=True)
    weight = np.add.reduceat(sample.weight, start)
    events = np.add.reduceat(sample.weight * sample.y, start)
    above = np.append(_as_if_yes(weight, events), 1.0)
    # "As if no" is "as if yes" with the order and the outcomes turned round.
    below = np.insert(1.0 - _as_if_yes(weight[::-1], (weight - events)[::-1])[::-1], 0, 0.0)
    above = np.clip(np.maximum.accumulate(above), 0.0, 1.0)
    below = np.clip(np.maximum.accumulate(below), 0.0, 1.0)
    steps = (below[1:] != below[:-1]) | (above[1:] != above[:-1])
    kept = np.append(True, steps)
    # A step that changes nothing is left out, with the score before it.
    return CalibrationMap(
        method="venn-abers",
        scale=scale,
        scores=tuple(scores[steps].tolist()),
        below=tuple(below[kept].tolist()),
        above=tuple(above[kept].tolist()),
    )


def _as_if_yes(weight: Floats, events: Floats) -> Floats:
    """For each score group: the isotonic estimate there, were one more "yes" to fall in that group.

    The estimate is a slope of the greatest convex minorant of the cumulative-sum diagram. Moving the
    extra case one group to the right moves one point of the diagram by (-1, -1); the corners of the
    minorant are kept on a stack, so that all groups together cost one sweep.
    """
    points = [(0.0, 0.0), *zip(np.cumsum(weight).tolist(), np.cumsum(events).tolist(), strict=True)]
    corners: list[tuple[float, float]] = []  # leftmost last
    for point in reversed([(-1.0, -1.0), *points]):
        while len(corners) > 1 and not _turns_left(point, corners[-1], corners[-2]):
            corners.pop()
        corners.append(point)
    slopes = []
    for x, y in points[1:]:
        (x0, y0), (x1, y1) = corners[-1], corners[-2]
        slope = (y1 - y0) / (x1 - x0)
        slopes.append(slope)
        moved = (x - 1.0, y - 1.0)
        if moved[1] >= y0 + slope * (moved[0] - x0):
            continue
        corners.pop()
        while len(corners) > 1 and not _turns_left(moved, corners[-1], corners[-2]):
            corners.pop()
        corners.append(moved)
    return np.array(slopes)


def _turns_left(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]) > 0


def _beta(sample: _Sample, scale: Scale) -> CalibrationMap:
    up, down = log_chances(sample.score, scale=scale)
    design = np.stack((up, down, np.ones_like(up)), axis=1)
    curve, covariance = _logistic(design, sample, (0, 1, 2))
    # A negative a or b would turn the order of scores round: that reading is left out (Kull 2017, 4.2).
    if curve[0] < 0 or curve[1] < 0:
        fits = [_logistic(design, sample, kept) for kept in ((0, 2), (1, 2), (2,))]
        curve, covariance = min(
            (fit for fit in fits if min(fit[0][:2]) >= 0), key=lambda fit: _loss(design @ fit[0], sample)
        )
    a, b, c = curve.tolist()
    return CalibrationMap(
        method="beta", scale=scale, curve=(a, b, c), covariance=tuple(covariance.ravel().tolist())
    )


def _logistic(design: Floats, sample: _Sample, kept: Sequence[int]) -> tuple[Floats, Floats]:
    """Logistic regression on the kept columns by Newton's method, with almost no penalty."""
    columns = list(kept)
    identity = np.array([1.0, 1.0, 0.0])[columns]
    part, beta = design[:, columns], identity.copy()
    loss = np.inf
    for _ in range(NEWTON_STEPS):
        chance = sigmoid(part @ beta)
        gradient = part.T @ (sample.weight * (chance - sample.y)) + RIDGE * (beta - identity)
        spread = sample.weight * chance * (1 - chance)
        hessian = (part * spread[:, None]).T @ part + RIDGE * np.eye(len(columns))
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-8:
            tried = beta - size * step
            new = _loss(part @ tried, sample) + 0.5 * RIDGE * float(((tried - identity) ** 2).sum())
            if new <= loss:
                break
            size /= 2
        else:
            break
        done = loss - new <= 1e-14 * max(1.0, abs(new))
        beta, loss = tried, new
        if done:
            break
    curve, covariance = np.zeros(3), np.zeros((3, 3))
    curve[columns] = beta
    covariance[np.ix_(columns, columns)] = np.linalg.inv(hessian)
    return curve, covariance


def _loss(score: Floats, sample: _Sample) -> float:
    return float((sample.weight * (np.logaddexp(0.0, score) - sample.y * score)).sum())


if TYPE_CHECKING:
    from collections.abc import Callable

    _Fitter = Callable[[_Sample, Scale], CalibrationMap]
