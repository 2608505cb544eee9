"""The other ways of flagging: how each is fitted, and what it says about rows it has not seen.

Every fit answers twice: for the rows as they are, and for the same rows with another recorded group. Only a way
that looks at the group (a threshold for each) can answer differently, and such a way can never be served.
"""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
MOST_TELLING = 3


@dataclass(frozen=True, slots=True)
class Rows:
    """Features as numbers, what happened, the recorded group, and whose row it is."""

    X: Floats
    y: Bools
    group: NDArray[np.str_]
    person: NDArray[np.str_]


Fit = Callable[[Rows, Rows], tuple[Floats, Floats]]
"""Fitted on the first rows: scores of the second, and of the same with another recorded group."""


@dataclass(frozen=True, slots=True)
class WayOfFlagging:
    """A way of flagging: its name, how it is fitted, and whether it treats two like people alike."""

    name: str
    fit: Fit
    servable: bool = True


def candidates() -> tuple[WayOfFlagging, ...]:
    """Models without constraints, where a miss costs more, without telling features, under constraints, and parity."""
    return (
        WayOfFlagging("Logistic regression, group unknown", _logistic()),
        WayOfFlagging("Logistic regression, few terms", _logistic(strength=0.02)),
        WayOfFlagging("Logistic regression, a miss costs twice", _logistic(miss_cost=2.0)),
        WayOfFlagging("Logistic regression, a miss costs four times", _logistic(miss_cost=4.0)),
        WayOfFlagging("Logistic regression without the most telling features", _without_telling),
        WayOfFlagging("Boosted trees without constraints", _boosted(leaves=8)),
        WayOfFlagging("Boosted stumps", _boosted(leaves=2)),
        WayOfFlagging("fairlearn ExponentiatedGradient, equal misses", _exponentiated),
        WayOfFlagging("fairlearn GridSearch, shallow trees, equal flag rates", _grid),
        WayOfFlagging(
            "fairlearn ThresholdOptimizer, a threshold for each group", _thresholds, servable=False
        ),
    )


def _logistic(*, miss_cost: float = 1.0, strength: float = 1.0) -> Fit:
    def fit(train: Rows, test: Rows) -> tuple[Floats, Floats]:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        model = make_pipeline(
            StandardScaler(),
            LogisticRegression(max_iter=500, C=strength, class_weight={False: 1.0, True: miss_cost}),
        )
        scores = model.fit(train.X, train.y).predict_proba(test.X)[:, 1]
        return scores, scores

    return fit


def _without_telling(train: Rows, test: Rows) -> tuple[Floats, Floats]:
    """The features that go most with the recorded group are left out."""
    largest = max(np.unique(train.group), key=lambda name: int((train.group == name).sum()))
    other = (train.group != largest).astype(float)
    spread = train.X.std(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        going = np.abs(
            ((train.X - train.X.mean(axis=0)) * (other - other.mean())[:, None]).mean(axis=0) / spread
        )
    kept = np.argsort(-np.nan_to_num(going), kind="stable")[MOST_TELLING:]
    if not len(kept):
        return _logistic()(train, test)
    few = Rows(train.X[:, kept], train.y, train.group, train.person)
    return _logistic()(few, Rows(test.X[:, kept], test.y, test.group, test.person))


def _boosted(*, leaves: int) -> Fit:
    def fit(train: Rows, test: Rows) -> tuple[Floats, Floats]:
        from sklearn.ensemble import HistGradientBoostingClassifier

        model = HistGradientBoostingClassifier(
            max_iter=100, max_leaf_nodes=leaves, learning_rate=0.05, random_state=0
        )
        scores = model.fit(train.X, train.y).predict_proba(test.X)[:, 1]
        return scores, scores

    return fit


def _exponentiated(train: Rows, test: Rows) -> tuple[Floats, Floats]:
    from fairlearn.reductions import ExponentiatedGradient, TruePositiveRateParity
    from sklearn.tree import DecisionTreeClassifier

    base = DecisionTreeClassifier(max_depth=4, min_samples_leaf=20, random_state=0)
    model = ExponentiatedGradient(base, TruePositiveRateParity(difference_bound=0.05), max_iter=15)
    with _quiet():
        model.fit(train.X, train.y.astype(int), sensitive_features=train.group)
        # The mixture's own chances rather than its drawn decisions, so that it can be held to the same number of flags.
        scores = sum(
            weight * np.asarray(each.predict_proba(test.X))[:, -1]
            for weight, each in zip(model.weights_, model.predictors_, strict=True)
            if weight > 0
        )
    made = np.asarray(scores, dtype=float)
    return made, made


def _grid(train: Rows, test: Rows) -> tuple[Floats, Floats]:
    from fairlearn.reductions import DemographicParity, GridSearch
    from sklearn.tree import DecisionTreeClassifier

    base = DecisionTreeClassifier(max_depth=4, min_samples_leaf=20, random_state=0)
    model = GridSearch(base, DemographicParity(), grid_size=15)
    with _quiet():
        model.fit(train.X, train.y.astype(int), sensitive_features=train.group)
        scores = np.asarray(model.predict_proba(test.X))[:, 1]
    return scores, scores


def _thresholds(train: Rows, test: Rows) -> tuple[Floats, Floats]:
    from fairlearn.postprocessing import ThresholdOptimizer
    from sklearn.linear_model import LogisticRegression

    groups, counts = np.unique(train.group, return_counts=True)
    both = [name for name in groups if len(np.unique(train.y[train.group == name])) == 2]
    kept = np.isin(train.group, both)
    others = groups[np.isin(groups, both)][np.argsort(-counts[np.isin(groups, both)])]
    swap = {name: others[(place + 1) % len(others)] for place, name in enumerate(others)}
    model = ThresholdOptimizer(
        estimator=LogisticRegression(max_iter=500), constraints="true_positive_rate_parity",
        objective="balanced_accuracy_score", predict_method="predict_proba",
    )  # fmt: skip
    mine = np.where(np.isin(test.group, both), test.group, others[0])
    other = np.array([swap[name] for name in mine])
    scale = np.maximum(np.abs(train.X).max(axis=0), 1e-9)
    with _quiet():
        model.fit(train.X[kept] / scale, train.y[kept].astype(int), sensitive_features=train.group[kept])
        as_recorded = np.asarray(
            model.predict(test.X / scale, sensitive_features=mine, random_state=0), dtype=float
        )
        as_other = np.asarray(
            model.predict(test.X / scale, sensitive_features=other, random_state=0), dtype=float
        )
    return as_recorded, as_other


@contextmanager
def _quiet() -> Iterator[None]:
    """Fairlearn's advice on how to use it (sizes of grids, versions) is not for the reader of a report."""
    chatter = logging.getLogger("fairlearn")
    level = chatter.level
    chatter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        chatter.setLevel(level)
