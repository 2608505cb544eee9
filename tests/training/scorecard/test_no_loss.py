"""Does the scorecard as it comes keep up with LightGBM that was tuned, on data that comes with scikit-learn?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.model_selection import KFold, StratifiedKFold

from training.scorecard import ScorecardClassifier, ScorecardRegressor

LEAVES = (4, 8, 31)


def tuned(X: np.ndarray, y: np.ndarray, probe: np.ndarray, objective: str) -> np.ndarray:
    """The mean of five fits, each stopped by the fold it leaves out, of the size that does best on those folds."""
    parts = (StratifiedKFold if objective == "binary" else KFold)(5, shuffle=True, random_state=0)
    best: tuple[float, np.ndarray] | None = None
    for leaves in LEAVES:
        settings = {"objective": objective, "num_leaves": leaves, "learning_rate": 0.1, "lambda_l2": 1.0}
        settings |= {"verbosity": -1, "num_threads": 1, "deterministic": True}
        loss, predicted = 0.0, []
        for fit, held_out in parts.split(X, y):
            check = lgb.Dataset(X[held_out], y[held_out])
            stop = lgb.early_stopping(50, verbose=False)
            booster = lgb.train(
                settings, lgb.Dataset(X[fit], y[fit]), 2000, valid_sets=[check], callbacks=[stop]
            )
            loss += next(iter(booster.best_score["valid_0"].values()))
            predicted.append(booster.predict(probe))
        if best is None or loss < best[0]:
            best = (loss, np.mean(predicted, axis=0))
    assert best is not None
    return best[1]


@pytest.mark.parametrize(("loader", "positive"), [(load_breast_cancer, 0), (load_wine, 1)])
def test_a_scorecard_as_it_comes_is_no_worse_than_a_tuned_lightgbm(
    loader: Callable[..., Any], positive: int
) -> None:
    X, y = loader(return_X_y=True)
    y = (y == positive).astype(int)
    ours, theirs = np.zeros(len(y)), np.zeros(len(y))
    for fit, out in StratifiedKFold(3, shuffle=True, random_state=7).split(X, y):
        ours[out] = ScorecardClassifier(n_jobs=1).fit(X[fit], y[fit]).predict_proba(X[out])[:, 1]
        theirs[out] = tuned(X[fit], y[fit], X[out], "binary")
    assert np.mean((ours - y) ** 2) <= np.mean((theirs - y) ** 2) + 0.003


def test_a_number_is_predicted_no_worse_than_by_a_tuned_lightgbm() -> None:
    X, y = load_diabetes(return_X_y=True)
    ours, theirs = np.zeros(len(y)), np.zeros(len(y))
    for fit, out in KFold(3, shuffle=True, random_state=7).split(X):
        ours[out] = ScorecardRegressor(n_jobs=1).fit(X[fit], y[fit]).predict(X[out])
        theirs[out] = tuned(X[fit], y[fit], X[out], "regression")
    assert np.mean((ours - y) ** 2) ** 0.5 <= 1.003 * np.mean((theirs - y) ** 2) ** 0.5


def test_like_factors_share_what_they_tell() -> None:
    def weaker(seed: int, share: float) -> float:
        """How far the weaker of two like factors moves scores, beside the stronger."""
        rng = np.random.default_rng(seed)
        a = rng.normal(size=1500)
        frame = pd.DataFrame(
            {"a": a, "like": a + rng.normal(scale=0.2, size=1500), "noise": rng.normal(size=1500)}
        )
        y = rng.random(1500) < 1 / (1 + np.exp(-2 * a))
        settings = {"max_pairs": 0, "bags": 2, "random_cuts": False, "n_jobs": 1}
        model = ScorecardClassifier(**settings, factor_share=share).fit(frame, y)
        spread = model.explain(frame).std()[["a", "like"]]
        return float(spread.min() / spread.max())

    assert np.mean([weaker(seed, 0.3) for seed in (3, 4, 5)]) > 0.6
    assert np.mean([weaker(seed, 1.0) for seed in (3, 4, 5)]) < 0.5
