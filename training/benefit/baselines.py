"""Which plain policies does the benefit head have to beat? Each is made from the same log.

Each gives an eligible arm for every row: the most common one, the best by raw mean outcome, the best
among those who finished (the trap: they differ from those who did not before they began), and the best
by an outcome model with the arm as a feature (S-learner) or one an arm (T-learner).
"""

from collections.abc import Hashable, Mapping
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from training import frames
from training.benefit import nuisance
from training.frames import Floats, Ints

LEAST_ROWS: Final = 20
"""Recorded rows of an arm under which its mean, or its own model, is not trusted at all."""


def policies(
    X: object,
    arm: object,
    outcome: object,
    eligible: object,
    *,
    reference: Hashable = "NONE",
    completed: object | None = None,
    threads: int = 2,
    random_state: int = 0,
) -> Mapping[str, npt.NDArray[Any]]:
    """The choice of every baseline for every row, by name.

    Arguments as for `BenefitModel.fit`; `completed` marks rows whose intervention was finished (the
    reference's rows count as such) and adds "completers only".
    """
    table = frames.read(X)
    n = table.length
    codes, labels = frames.codes(arm, name="arm", length=n)
    values = frames.numbers(outcome, name="outcome", length=n)
    allowed = (
        frames.by_arm(eligible, name="eligible", length=n, arms=labels, reference=reference, default=1.0) > 0
    )
    base = labels.index(reference)
    allowed[:, base] = True
    allowed[np.arange(n), codes] = True
    seen = ~np.isnan(values)
    common = np.bincount(codes, minlength=len(labels)).astype(np.float64)
    common[base] = -1.0
    scores: dict[str, Floats] = {
        "most common arm": np.broadcast_to(common, allowed.shape),
        "raw arm means": np.broadcast_to(
            _means(codes, values, seen, base=base, arms=len(labels)), allowed.shape
        ),
    }
    if completed is not None:
        finished = (frames.numbers(completed, name="completed", length=n) > 0) | (codes == base)
        means = _means(codes, values, seen & finished, base=base, arms=len(labels))
        scores["completers only"] = np.broadcast_to(means, allowed.shape)
    features = nuisance.features(table, None)
    settings = {"threads": threads, "seed": random_state}
    scores["S-learner"] = _s_learner(features, codes, values, seen, arms=len(labels), **settings)
    scores["T-learner"] = _t_learner(features, codes, values, seen, base=base, arms=len(labels), **settings)
    names = np.array(labels, dtype=object)
    return {name: names[np.where(allowed, score, -np.inf).argmax(axis=1)] for name, score in scores.items()}


def _means(codes: Ints, values: Floats, use: npt.NDArray[np.bool_], *, base: int, arms: int) -> Floats:
    """Mean outcome of each arm; where an arm has too few rows, a little less than the reference's."""
    counts = np.bincount(codes[use], minlength=arms)
    sums = np.bincount(codes[use], weights=values[use], minlength=arms)
    means = np.divide(sums, counts, out=np.zeros(arms), where=counts > 0)
    return np.where(counts >= LEAST_ROWS, means, means[base] - 1e-9)


def _train(
    x: npt.NDArray[np.float32], y: Floats, categorical: list[int], settings: dict[str, Any]
) -> lgb.Booster:
    data = lgb.Dataset(x, label=y, categorical_feature=categorical, params={"verbosity": -1, "max_bin": 63})
    return lgb.train(settings, data, num_boost_round=100)


def _s_learner(
    features: nuisance.Features,
    codes: Ints,
    values: Floats,
    seen: npt.NDArray[np.bool_],
    *,
    arms: int,
    threads: int,
    seed: int,
) -> Floats:
    rows = np.flatnonzero(seen)
    x = np.column_stack([features.raw, codes]).astype(np.float32)
    settings = nuisance.trees(objective="regression", rows=len(rows), threads=threads, seed=seed)
    settings |= {"min_data_per_group": LEAST_ROWS, "feature_fraction": 1.0}
    booster = _train(x[rows], values[rows], [*features.categorical, x.shape[1] - 1], settings)
    out = np.empty((len(x), arms))
    for place in range(arms):
        x[:, -1] = place
        out[:, place] = np.asarray(booster.predict(x, num_threads=threads))
    return out


def _t_learner(
    features: nuisance.Features,
    codes: Ints,
    values: Floats,
    seen: npt.NDArray[np.bool_],
    *,
    base: int,
    arms: int,
    threads: int,
    seed: int,
) -> Floats:
    out = np.empty((len(codes), arms))
    for place in [base, *(p for p in range(arms) if p != base)]:
        rows = np.flatnonzero(seen & (codes == place))
        if len(rows) < LEAST_ROWS:
            out[:, place] = out[:, base] - 1e-9
            continue
        settings = nuisance.trees(objective="regression", rows=len(rows), threads=threads, seed=seed)
        booster = _train(features.raw[rows], values[rows], features.categorical, settings)
        out[:, place] = np.asarray(booster.predict(features.raw, num_threads=threads))
    return out
