"""How are trees boosted so that a scorecard can be read from them?

LightGBM is given cell numbers and may use one feature, or the two of a permitted pair, along any one
path from root to leaf. Every leaf then adds a constant to a block of one table, and the whole model is
the sum of its tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import lightgbm as lgb
import numpy as np

from training.scorecard.cells import Division, coarsen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scoring.scorecard import Axis
    from training.scorecard.rows import Records

    Floats = NDArray[np.float64]

Pair = tuple[int, int]
"""Two features by their places, the lesser first."""

Objective = Literal["binary", "regression"]
ROUNDS_WITHOUT_HOLDOUT = 100
"""Rounds where there is too little data to hold any out."""
CELLS_WORTH_A_THREAD = 2_000_000
"""Rows times columns from which more than one thread is used."""


@dataclass(frozen=True, slots=True)
class BoostingSettings:
    """How to boost; see ``ScorecardClassifier`` for what each setting does."""

    objective: Objective
    learning_rate: float
    max_rounds: int
    early_stopping: bool
    early_stopping_rounds: int
    early_stopping_gain: float
    max_leaves: int
    factor_share: float
    random_cuts: bool
    min_leaf_rows: int
    l2: float
    seed: int
    n_jobs: int


@dataclass(frozen=True, slots=True, eq=False)
class InputColumn:
    """One column that the trees see: a feature's cells, fine or coarse.

    ``cell_of[c]`` is this column's cell for the feature's cell ``c``.
    """

    feature: int
    axis: Axis
    cell_of: NDArray[np.int32]
    direction: int

    @property
    def categorical(self) -> bool:
        """Whether the trees part its cells by set rather than by order."""
        return self.axis.kind == "category"

    def values(self, cells: NDArray[np.int16]) -> NDArray[np.float32]:
        """Give what the trees see for rows in these cells of the feature: NaN is a number not recorded."""
        seen = self.cell_values()[self.cell_of].astype(np.float32)
        return np.asarray(seen[cells])

    def cell_values(self) -> Floats:
        """Give what the trees see for each of the column's own cells."""
        values = np.arange(self.axis.cells, dtype=np.float64)
        if not self.categorical:
            values[-1] = np.nan
        return values


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The columns that the trees see, and which of them may share a path."""

    columns: tuple[InputColumn, ...]
    pairs: tuple[tuple[int, int], ...]

    def matrix(self, cells: NDArray[np.int16]) -> NDArray[np.float32]:
        """Give the trees' input ``[rows, columns]`` for rows in these cells ``[rows, features]``."""
        out = np.empty((len(cells), len(self.columns)), dtype=np.float32)
        for place, column in enumerate(self.columns):
            out[:, place] = column.values(cells[:, column.feature])
        return out


def lay_out(
    divisions: Sequence[Division],
    held: Sequence[Floats],
    *,
    features: Sequence[int],
    pairs: Sequence[Pair] = (),
    directions: Mapping[int, int],
    most: int | None = None,
) -> Layout:
    """Give each of these features a column.

    Args:
        divisions: of all features.
        held: the training weight in each cell of each feature.
        features: those that the trees may use, by place, rising.
        pairs: the features that may be used together, all of them among ``features``.
        directions: +1 or -1 for features whose effect may only rise, or only fall.
        most: the most value cells of a column; without it columns are as fine as their features.
    """
    place = {feature: index for index, feature in enumerate(features)}
    columns = []
    for feature in features:
        axis = divisions[feature].axis
        coarse, cell_of = coarsen(axis, held[feature], most=axis.cells if most is None else most)
        columns.append(InputColumn(feature, coarse, cell_of, directions.get(feature, 0)))
    return Layout(tuple(columns), tuple((place[one], place[two]) for one, two in pairs))


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Trees over one layout: a booster for each fold, or one in all."""

    layout: Layout
    boosters: tuple[lgb.Booster, ...]

    def each(self, cells: NDArray[np.int16]) -> Floats:
        """Give each booster's raw score ``[rows, boosters]`` of rows in these cells."""
        matrix = self.layout.matrix(cells)
        scores: Floats = np.stack([raw_score(booster, matrix) for booster in self.boosters], axis=1)
        return scores

    @property
    def rounds(self) -> int:
        """The most trees that any booster uses."""
        return max(booster.best_iteration or booster.num_trees() for booster in self.boosters)


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """Stages whose scores are added: single factors, and the pairs fitted to what those leave."""

    stages: tuple[Stage, ...]

    def raw(self, cells: NDArray[np.int16]) -> Floats:
        """Give LightGBM's own raw score of rows in these cells, averaged over the folds' boosters."""
        scores: Floats = np.sum([stage.each(cells).mean(axis=1) for stage in self.stages], axis=0)
        return scores

    @property
    def rounds(self) -> int:
        """The most trees that any booster of any stage uses."""
        return max(stage.rounds for stage in self.stages)


def raw_score(booster: lgb.Booster, matrix: NDArray[np.float32]) -> Floats:
    """Give one booster's raw score of each row of its input matrix."""
    return np.asarray(
        booster.predict(matrix, raw_score=True, num_threads=threads(matrix.size, 2)), dtype=np.float64
    )


def boost(
    rows: Records, layout: Layout, settings: BoostingSettings, *, before: Floats | None = None
) -> Stage:
    """Fit one booster a fold, each stopped where the fold it leaves out stops gaining.

    With a single fold, or without early stopping, one booster is fitted on all rows.

    Args:
        rows: the training records.
        layout: the columns that the trees see.
        settings: how to boost.
        before: ``[records, boosters]``, the raw scores that the trees are to improve on, where there are any.
    """
    parameters = _parameters(layout, settings, rows)
    # A leaf's least number of rows is counted in records: one that stands for many rows is laid out
    # often enough to make a leaf by itself, its weight shared out.
    times = np.minimum(rows.dealt.sum(axis=1), parameters["min_data_in_leaf"])
    laid = np.repeat(np.arange(len(times)), times)
    begun = None if before is None else before[laid]
    data = lgb.Dataset(
        layout.matrix(rows.cells)[laid],
        label=rows.target[laid],
        weight=(rows.weight / times)[laid],
        categorical_feature=[i for i, column in enumerate(layout.columns) if column.categorical],
        params=parameters,
        free_raw_data=False,
    ).construct()
    if rows.folds == 1 or not settings.early_stopping:
        few = settings.early_stopping
        rounds = min(settings.max_rounds, ROUNDS_WITHOUT_HOLDOUT) if few else settings.max_rounds
        if begun is not None:
            data.set_init_score(begun[:, 0])
        return Stage(layout, (lgb.train(parameters, data, num_boost_round=rounds),))
    weight = (rows.weight / times)[laid]
    boosters = []
    for fold in range(rows.folds):
        out = (rows.held_out(fold) / times)[laid]
        start = None if begun is None else begun[:, fold]
        boosters.append(_fold(data, weight, out, start=start, parameters=parameters, settings=settings))
    return Stage(layout, tuple(boosters))


def _fold(
    data: lgb.Dataset,
    weight: Floats,
    out: Floats,
    *,
    start: Floats | None,
    parameters: dict[str, Any],
    settings: BoostingSettings,
) -> lgb.Booster:
    train = _part(data, weight - out, start, parameters)
    check = _part(data, out, start, parameters)
    label = np.asarray(data.get_label(), dtype=np.float64)
    stop = lgb.early_stopping(
        settings.early_stopping_rounds,
        verbose=False,
        min_delta=settings.early_stopping_gain * _loss_before(label, out, start, settings.objective),
    )
    # Prediction and dump stop at the best round by themselves.
    return lgb.train(
        parameters, train, num_boost_round=settings.max_rounds, valid_sets=[check], callbacks=[stop]
    )


def _loss_before(label: Floats, weight: Floats, start: Floats | None, objective: Objective) -> float:
    """The mean loss on these rows of the scores that a stage begins with, or of the best constant."""
    if objective == "regression":
        begun = np.average(label, weights=weight) if start is None else start
        return float(np.average((label - begun) ** 2, weights=weight))
    if start is not None:
        return float(np.average(np.logaddexp(0.0, start) - label * start, weights=weight))
    mean = float(np.average(label, weights=weight))
    return float(-sum(p * np.log(p) for p in (mean, 1.0 - mean) if p > 0))


def _part(data: lgb.Dataset, weight: Floats, start: Floats | None, parameters: dict[str, Any]) -> lgb.Dataset:
    """The records that have weight, with the bins of the whole: an empty cell keeps its place."""
    kept = np.flatnonzero(weight > 1e-9)
    part = data.subset(kept.tolist(), params=parameters).construct()
    part.set_weight(weight[kept])
    if start is not None:
        part.set_init_score(start[kept])
    return part


def threads(cells: int, most: int) -> int:
    """Answer: how many threads for this many cells of input? In small fits, threads lose more time waiting than they save."""
    return most if cells >= CELLS_WORTH_A_THREAD else 1


def _parameters(layout: Layout, settings: BoostingSettings, rows: Records) -> dict[str, Any]:
    count = int(rows.dealt.sum())
    least = max(1, min(settings.min_leaf_rows, count // 10))
    # A drawn group of categories must be one that may stand, or such a feature is never split.
    group = least if settings.random_cuts else max(1, min(100, count // 10))
    paired = {column for pair in layout.pairs for column in pair}
    alone = [[place] for place in range(len(layout.columns)) if place not in paired]
    parameters: dict[str, Any] = {
        "objective": settings.objective,
        "metric": "binary_logloss" if settings.objective == "binary" else "l2",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.max_leaves,
        "min_data_in_leaf": least,
        "min_data_per_group": group,
        "lambda_l2": settings.l2,
        "max_bin": max(column.axis.cells for column in layout.columns) + 1,
        "min_data_in_bin": 1,
        "bin_construct_sample_cnt": max(len(rows.target), 2),
        "feature_pre_filter": False,
        "enable_bundle": False,
        "interaction_constraints": [*alone, *map(list, layout.pairs)],
        "seed": settings.seed,
        # Its seed is LightGBM's own, made of `seed`: with the seed of the cuts both draws would be the same.
        "feature_fraction": settings.factor_share,
        "extra_trees": settings.random_cuts,
        "extra_seed": settings.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads(len(rows.target) * len(layout.columns), settings.n_jobs),
        "verbosity": -1,
    }
    directions = [column.direction for column in layout.columns]
    if any(directions):
        parameters["monotone_constraints"] = directions
    return parameters
