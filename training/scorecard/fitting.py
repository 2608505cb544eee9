"""In which steps is a scorecard fitted? Single factors, then candidate pairs, then the pairs that gain.

1. Trees of single factors, one booster a fold, each stopped by the fold it leaves out.
2. All permitted pairs are screened on the held-out scores; the best are candidates.
3. Trees of the candidates, fitted to what the single factors leave; what each pair's purified table saves on
   held-out rows is its gain.
4. Pairs that gain more than one standard error are kept, their trees are fitted once more without the others,
   and they stay only if the whole does better on held-out rows than single factors do.

Pairs have a stage of their own because trees that may use either take single factors as long as those gain
anything at all, and have then overfitted what pairs would have explained (decision 0403). Where a number is
predicted from few rows, trees draw their cuts, so they overfit less: there one stage holds single factors and
pairs (decision 0404).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from scoring.scorecard.calibration import sigmoid
from training.scorecard.boosting import BoostingSettings, Ensemble, Pair, Stage, boost, lay_out
from training.scorecard.pairs import screen
from training.scorecard.tables import decompose, pure_pairs, pure_tables, terms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from scoring.scorecard import Term
    from training.scorecard.cells import Division
    from training.scorecard.rows import Records

    Floats = NDArray[np.float64]

LEAST_LEAVES_OF_A_PAIR = 3
LEAVES_BESIDE = 16
"""Leaves of a tree that may use single factors or a pair, where the cuts are drawn."""
CANDIDATES_PER_PAIR = 2
"""Pairs tried for each pair that may be kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """Trees, with the raw score ``[records, boosters]`` that each fold's boosters give each training record."""

    ensemble: Ensemble
    scores: Floats

    def held_out(self, rows: Records) -> Floats:
        """Give each record the raw score of the boosters that did not see it, averaged by its rows."""
        if self.scores.shape[1] != rows.folds:
            return np.asarray(self.scores.mean(axis=1))
        held_out: Floats = (self.scores * rows.dealt).sum(axis=1) / rows.dealt.sum(axis=1)
        return held_out


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
    settings: BoostingSettings

    def single_factors(self) -> Trained:
        """Fit trees of single factors."""
        layout = lay_out(self.divisions, self.held, features=self.usable, directions=self.directions)
        stage = boost(self.rows, layout, self.settings)
        return Trained(Ensemble((stage,)), stage.each(self.rows.cells))

    def with_pairs(self, single: Trained, pairs: Sequence[Pair]) -> Trained:
        """Fit trees of these pairs to what the single factors leave."""
        layout = lay_out(
            self.divisions,
            self.held,
            features=sorted({feature for pair in pairs for feature in pair}),
            pairs=pairs,
            directions=self.directions,
            most=self.pair_bins,
        )
        # A tree of two leaves reads one feature: a pair's trees need a third.
        leaves = max(self.settings.max_leaves, LEAST_LEAVES_OF_A_PAIR)
        settings = replace(self.settings, max_leaves=leaves, factor_share=1.0, random_cuts=False)
        stage = boost(self.rows, layout, settings, before=single.scores)
        ensemble = Ensemble((*single.ensemble.stages, stage))
        return Trained(ensemble, single.scores + stage.each(self.rows.cells))

    def beside(self, pairs: Sequence[Pair]) -> Trained:
        """Fit trees that may use a single factor or one of these pairs, all in one stage."""
        layout = lay_out(
            self.divisions,
            self.held,
            features=self.usable,
            pairs=pairs,
            directions=self.directions,
            most=self.pair_bins,
        )
        leaves = max(self.settings.max_leaves, LEAVES_BESIDE)
        stage = boost(self.rows, layout, replace(self.settings, max_leaves=leaves, factor_share=1.0))
        return Trained(Ensemble((stage,)), stage.each(self.rows.cells))

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
    single = problem.single_factors()
    judged = problem.rows.folds > 1
    made = {"single factors": single}
    if max_pairs > 0 and len(problem.usable) > 1:
        paired = _with_pairs(problem, single, max_pairs)
        if paired is not None:
            made["with pairs"] = paired
    losses = {name: _mean_loss(problem, trained) for name, trained in made.items()} if judged else {}
    best = made[min(losses, key=lambda name: losses[name])] if judged else list(made.values())[-1]
    constant, singles, pairs = pure_tables(best.ensemble, problem.divisions, problem.rows)
    constant, finished = terms(constant, singles, pairs, problem.divisions, problem.rows)
    return Fitted(constant, finished, best.ensemble, losses, best.ensemble.rounds)


def _with_pairs(problem: Problem, single: Trained, max_pairs: int) -> Trained | None:
    """Give the fit with the pairs that earned their place, if any did."""
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
        return problem.with_pairs(single, sorted(kept)) if kept else None
    candidates = sorted(pair for gain, pair in ranked[: max_pairs * CANDIDATES_PER_PAIR] if gain > 0)
    if not candidates:
        return None
    beside = problem.settings.random_cuts and problem.settings.objective == "regression"
    fit = problem.beside if beside else partial(problem.with_pairs, single)
    return _choose(problem, fit, single, candidates, max_pairs)


def _choose(
    problem: Problem,
    fit: Callable[[Sequence[Pair]], Trained],
    single: Trained,
    candidates: list[Pair],
    max_pairs: int,
) -> Trained | None:
    """Fit the candidates, and once more those alone that earned their place."""
    tried = fit(candidates)
    gains = pair_gains(problem, tried)
    earned = [pair for pair, (gain, doubt) in gains.items() if gain > doubt]
    kept = sorted(sorted(earned, key=lambda pair: (-gains[pair][0], pair))[:max_pairs])
    if kept == candidates:
        return tried
    alone = fit(kept) if kept else None
    if len(candidates) > max_pairs:
        return alone
    # Few enough to keep them all: pairs that share features may only gain together.
    return tried if _mean_loss(problem, tried) < _mean_loss(problem, alone or single) else alone


def pair_gains(problem: Problem, trained: Trained) -> dict[Pair, tuple[float, float]]:
    """Answer: how much held-out loss does each pair's purified table save, and with what standard error?

    For each fold, by the boosters that did not see it: the loss without the table minus the loss with it.
    """
    rows = problem.rows
    stage = trained.ensemble.stages[-1]
    saved: dict[Pair, Floats] = {}
    for fold, booster in enumerate(stage.boosters):
        share = rows.dealt[:, fold] / rows.dealt.sum(axis=1)
        score = trained.scores[:, fold]
        with_all = problem.losses(score)
        for pair in pure_pairs(decompose(Stage(stage.layout, (booster,))), stage.layout, rows):
            cells = [pair.cell_of[side][rows.cells[:, f]] for side, f in enumerate(pair.features)]
            without = problem.losses(score - pair.table[cells[0], cells[1]])
            saved.setdefault(pair.features, np.zeros(len(share)))
            saved[pair.features] += share * (without - with_all)
    return {pair: (float(gain.sum()), float(np.sqrt((gain**2).sum()))) for pair, gain in saved.items()}


def _mean_loss(problem: Problem, trained: Trained) -> float:
    """The mean held-out loss."""
    return float(_held_out_losses(problem, trained).sum()) / float(problem.rows.weight.sum())


def _held_out_losses(problem: Problem, trained: Trained) -> Floats:
    """The weighted loss of each record, each of its rows by the boosters that did not see it."""
    rows = problem.rows
    share = rows.dealt / rows.dealt.sum(axis=1)[:, None]
    losses = [share[:, fold] * problem.losses(trained.scores[:, fold]) for fold in range(rows.folds)]
    return np.asarray(np.sum(losses, axis=0))


def _constant(problem: Problem) -> float:
    mean = float(np.average(problem.rows.target, weights=problem.rows.weight))
    return float(np.log(mean / (1.0 - mean))) if problem.settings.objective == "binary" else mean
