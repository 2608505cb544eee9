"""The course of a fit: single factors, then candidate pairs, then the pairs that earned their place.

1. Trees of single factors, one booster a fold, each stopped by the fold it leaves out.
2. All permitted pairs are screened on the held-out scores; the best are candidates.
3. Trees with the candidates; what each pair's purified table saves on held-out rows is its gain.
4. Pairs that gain more than one standard error are kept, the trees are fitted once more with those alone, and the whole is kept only
   if it does better on held-out rows than single factors do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scoring.calibration import sigmoid
from training.scorecard_boosting import Ensemble, Pair, Settings, boost, lay_out
from training.scorecard_pairs import screen
from training.scorecard_tables import decompose, pure_tables, terms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scoring.scorecard import Term
    from training.scorecard_cells import Division
    from training.scorecard_rows import Records

    Floats = NDArray[np.float64]

CANDIDATES_PER_PAIR = 2
"""Pairs tried for each pair that may be kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What there is to fit, and what is permitted."""

    rows: Records
    divisions: Sequence[Division]
    held: Sequence[Floats]
    usable: Sequence[int]
    directions: Mapping[int, int]
    banned_pairs: frozenset[frozenset[int]]
    pair_bins: int
    settings: Settings

    def boost(self, pairs: Sequence[Pair]) -> Ensemble:
        """Fit trees of single factors and of these pairs."""
        layout = lay_out(
            self.divisions,
            self.held,
            usable=self.usable,
            pairs=pairs,
            directions=self.directions,
            pair_bins=self.pair_bins,
        )
        return boost(self.rows, layout, self.settings)

    def losses(self, score: Floats) -> Floats:
        """Give each record's weighted loss at a raw score: log loss, or half the squared error."""
        if self.settings.objective == "binary":
            return self.rows.weight * (np.logaddexp(0.0, score) - self.rows.target * score)
        return 0.5 * self.rows.weight * (self.rows.target - score) ** 2

    def slopes(self, score: Floats) -> tuple[Floats, Floats]:
        """Give the first and second derivative of each record's weighted loss at a raw score."""
        weight = self.rows.weight
        if self.settings.objective == "binary":
            chance = sigmoid(score)
            return weight * (chance - self.rows.target), weight * chance * (1.0 - chance)
        return weight * (score - self.rows.target), weight.copy()


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A finished fit: the tables, the trees that they came from (None where nothing varies), and the judging."""

    constant: float
    terms: tuple[Term, ...]
    ensemble: Ensemble | None
    losses: dict[str, float]
    rounds: int


def fit_tables(problem: Problem, *, max_pairs: int) -> Fitted:
    """Fit, choose pairs, and read the tables.

    Args:
        problem: what there is to fit.
        max_pairs: the most pairs to keep.
    """
    if not problem.usable:
        return Fitted(_constant(problem), (), None, {}, 0)
    single = problem.boost(())
    judged = problem.rows.folds > 1
    losses = {"single factors": _mean_loss(problem, single)} if judged else {}
    best = single
    if max_pairs > 0 and len(problem.usable) > 1:
        paired = _with_pairs(problem, single, max_pairs)
        if paired is not None:
            if judged:
                losses["with pairs"] = _mean_loss(problem, paired)
            if not judged or losses["with pairs"] < losses["single factors"]:
                best = paired
    constant, singles, pairs = pure_tables(decompose(best), best.layout, problem.divisions, problem.rows)
    constant, finished = terms(constant, singles, pairs, problem.divisions, problem.rows)
    return Fitted(constant, finished, best, losses, best.rounds)


def _with_pairs(problem: Problem, single: Ensemble, max_pairs: int) -> Ensemble | None:
    ranked = screen(
        problem.rows,
        problem.divisions,
        problem.held,
        *problem.slopes(single.held_out(problem.rows)),
        usable=problem.usable,
        banned=problem.banned_pairs,
        l2=problem.settings.l2,
    )
    if problem.rows.folds == 1:
        kept = [pair for gain, pair in ranked[:max_pairs] if gain > 0]
        return problem.boost(sorted(kept)) if kept else None
    candidates = sorted(pair for gain, pair in ranked[: max_pairs * CANDIDATES_PER_PAIR] if gain > 0)
    if not candidates:
        return None
    tried = problem.boost(candidates)
    gains = pair_gains(problem, tried)
    earned = [pair for pair, (gain, doubt) in gains.items() if gain > doubt]
    kept = sorted(sorted(earned, key=lambda pair: (-gains[pair][0], pair))[:max_pairs])
    if not kept:
        return None
    return tried if kept == candidates else problem.boost(kept)


def pair_gains(problem: Problem, ensemble: Ensemble) -> dict[Pair, tuple[float, float]]:
    """Answer: how much held-out loss does each pair's purified table save, and with what standard error?

    For each fold, by the booster that did not see it: the loss without the table minus the loss with it.
    """
    rows = problem.rows
    saved: dict[Pair, Floats] = {}
    for fold, booster in enumerate(ensemble.boosters):
        alone = Ensemble(ensemble.layout, (booster,))
        share = rows.dealt[:, fold] / rows.dealt.sum(axis=1)
        score = alone.raw(rows.cells)
        with_all = problem.losses(score)
        _, _, pairs = pure_tables(decompose(alone), alone.layout, problem.divisions, rows)
        for features, pair in pairs.items():
            cells = [pair.cell_of[side][rows.cells[:, feature]] for side, feature in enumerate(features)]
            without = problem.losses(score - pair.table[cells[0], cells[1]])
            saved.setdefault(features, np.zeros(len(share)))
            saved[features] += share * (without - with_all)
    return {pair: (float(gain.sum()), float(np.sqrt((gain**2).sum()))) for pair, gain in saved.items()}


def _mean_loss(problem: Problem, ensemble: Ensemble) -> float:
    """The mean held-out loss, each fold by the booster that did not see it."""
    rows = problem.rows
    total = 0.0
    matrix_score = ensemble.each(rows.cells)
    for fold in range(rows.folds):
        share = rows.dealt[:, fold] / rows.dealt.sum(axis=1)
        total += float((share * problem.losses(matrix_score[:, fold])).sum())
    return total / float(rows.weight.sum())


def _constant(problem: Problem) -> float:
    mean = float(np.average(problem.rows.target, weights=problem.rows.weight))
    return float(np.log(mean / (1.0 - mean))) if problem.settings.objective == "binary" else mean
