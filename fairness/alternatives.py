"""Would another model be fairer at the same accuracy, and what would parity cost?

Alternatives to the flags are fitted on earlier days and held against the latest, all at the alert
budget of the flags that serve: models without constraints, models with dearer misses, fairlearn's
reductions, and a threshold for each group. The last treats two like people differently by group,
so it shows what parity would cost and can never be registered for serving (`servable` is False).
"""

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairness.characteristics import APART, Characteristic
from fairness.evidence import Grid
from fairness.probes import design

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
LEAST_ROWS, LEAST_GROUP = 400, 30
MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """One way to flag, held against what happened: shares of the rows tested; None where undefined."""

    name: str
    servable: bool
    flagged: float
    right: float
    missed: float | None
    missed_worst: float | None
    worst_group: str
    largest_ratio: float | None
    changed_by_group: float


@dataclass(frozen=True, slots=True)
class _Data:
    X: Floats
    y: Bools
    group: NDArray[np.str_]


def weigh(
    frame: pl.DataFrame, features: Sequence[str], characteristic: Characteristic
) -> tuple[Alternative, ...]:
    """The trade-off for one characteristic; empty where too few rows could be tested.

    `frame` has one row a referral and day: `as_of`, the features, `failed`, `flagged` and the groups.
    """
    known = frame.filter(~pl.col(characteristic.name).is_in(list(APART))).sort("as_of", "crn", "referral_id")
    days = known["as_of"].unique().sort()
    if len(days) < 2:
        return ()
    earlier, latest = known.filter(pl.col("as_of") < days[-1]), known.filter(pl.col("as_of") == days[-1])
    earlier, latest = earlier.head(MOST_ROWS), latest.head(MOST_ROWS)
    groups = [
        name for name, count in latest[characteristic.name].value_counts().iter_rows() if count >= LEAST_GROUP
    ]
    too_few = min(len(earlier), len(latest)) < LEAST_ROWS or len(groups) < 2
    if too_few or earlier["failed"].n_unique() < 2 or latest["failed"].n_unique() < 2:
        return ()
    train, test = (_data(part, features, characteristic.name) for part in (earlier, latest))
    budget = float(latest["flagged"].mean() or 0.0)  # type: ignore[arg-type]  # a mean of booleans is a number
    served = latest["flagged"].to_numpy()
    made = [_measured("As served", served, test, characteristic.reference, servable=True)]
    for name, fit, servable in _candidates():
        scores, swapped = fit(train, test)
        flagged, moved = _at_budget(scores, budget), _at_budget(swapped, budget)
        made.append(
            _measured(
                name,
                flagged,
                test,
                characteristic.reference,
                servable=servable,
                moved=float((flagged != moved).mean()),
            )
        )
    return tuple(made)


def _data(part: pl.DataFrame, features: Sequence[str], by: str) -> _Data:
    X = np.nan_to_num(design(part, features), nan=-1.0)
    return _Data(X, part["failed"].to_numpy(), part[by].to_numpy().astype(str))


def _at_budget(scores: Floats, budget: float) -> Bools:
    """The highest scores, as many as the flags that serve; decisions (0 or 1) stay as they are."""
    if set(np.unique(scores)) <= {0.0, 1.0}:
        return scores > 0
    wanted = round(budget * len(scores))
    order = np.argsort(-scores, kind="stable")
    flagged = np.zeros(len(scores), dtype=bool)
    flagged[order[:wanted]] = True
    return flagged


Fit = Callable[[_Data, _Data], tuple[Floats, Floats]]
"""Scores of the test rows, and of the same rows with another recorded group."""


def _candidates() -> list[tuple[str, Fit, bool]]:
    return [
        ("Logistic regression, group unknown", _logistic(miss_cost=1.0), True),
        ("Logistic regression, a miss costs twice", _logistic(miss_cost=2.0), True),
        ("Logistic regression, a miss costs four times", _logistic(miss_cost=4.0), True),
        ("Boosted trees without constraints", _boosted, True),
        ("fairlearn ExponentiatedGradient, equal misses", _exponentiated, True),
        ("fairlearn GridSearch, shallow trees, equal flag rates", _grid, True),
        ("fairlearn ThresholdOptimizer, a threshold for each group", _thresholds, False),
    ]


def _logistic(*, miss_cost: float) -> Fit:
    def fit(train: _Data, test: _Data) -> tuple[Floats, Floats]:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        model = make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=500, class_weight={False: 1.0, True: miss_cost})
        )
        scores = model.fit(train.X, train.y).predict_proba(test.X)[:, 1]
        return scores, scores

    return fit


def _boosted(train: _Data, test: _Data) -> tuple[Floats, Floats]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=8, learning_rate=0.05, random_state=0)
    scores = model.fit(train.X, train.y).predict_proba(test.X)[:, 1]
    return scores, scores


def _exponentiated(train: _Data, test: _Data) -> tuple[Floats, Floats]:
    from fairlearn.reductions import ExponentiatedGradient, TruePositiveRateParity
    from sklearn.tree import DecisionTreeClassifier

    base = DecisionTreeClassifier(max_depth=4, min_samples_leaf=20, random_state=0)
    model = ExponentiatedGradient(base, TruePositiveRateParity(difference_bound=0.05), max_iter=15)
    with _quiet():
        model.fit(train.X, train.y.astype(int), sensitive_features=train.group)
        scores = np.asarray(model._pmf_predict(test.X))[:, 1]  # noqa: SLF001  the only way to its probabilities
    return scores, scores


def _grid(train: _Data, test: _Data) -> tuple[Floats, Floats]:
    from fairlearn.reductions import DemographicParity, GridSearch
    from sklearn.tree import DecisionTreeClassifier

    base = DecisionTreeClassifier(max_depth=4, min_samples_leaf=20, random_state=0)
    model = GridSearch(base, DemographicParity(), grid_size=15)
    with _quiet():
        model.fit(train.X, train.y.astype(int), sensitive_features=train.group)
        scores = np.asarray(model.predict_proba(test.X))[:, 1]
    return scores, scores


def _thresholds(train: _Data, test: _Data) -> tuple[Floats, Floats]:
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


def _measured(
    name: str, flagged: Bools, test: _Data, reference: str, *, servable: bool, moved: float = 0.0
) -> Alternative:
    misses: dict[str, float] = {}
    rates: dict[str, float] = {}
    for group in np.unique(test.group):
        mine = test.group == group
        if mine.sum() < LEAST_GROUP:
            continue
        rates[str(group)] = float(flagged[mine].mean())
        failed = mine & test.y
        if failed.sum() >= LEAST_GROUP // 3:
            misses[str(group)] = float((~flagged[failed]).mean())
    worst = max(misses, key=lambda group: (misses[group], group)) if misses else ""
    base = rates.get(reference, 0.0)
    ratios = [rate / base for group, rate in rates.items() if group != reference and base > 0]
    return Alternative(
        name=name,
        servable=servable,
        flagged=float(flagged.mean()),
        right=float((flagged == test.y).mean()),
        missed=float((~flagged[test.y]).mean()) if test.y.any() else None,
        missed_worst=misses.get(worst),
        worst_group=worst,
        largest_ratio=max(ratios, key=lambda ratio: abs(np.log(max(ratio, 1e-6)))) if ratios else None,
        changed_by_group=moved,
    )


def table(made: Sequence[Alternative], characteristic: Characteristic) -> Grid:
    """The trade-off as a table, the chosen one first."""
    columns = [
        "Way of flagging", "Flagged in 100", "Right in 100", "Missed in 100", "Missed in 100, worst served group",
        "Worst served group", "Relative flag rate furthest from 1", "Flags in 100 that another recorded group would change",
        "May be served",
    ]  # fmt: skip
    rows: list[list[str | float | int | None]] = [
        [
            each.name,
            _hundred(each.flagged),
            _hundred(each.right),
            _hundred(each.missed),
            _hundred(each.missed_worst),
            each.worst_group,
            None if each.largest_ratio is None else round(each.largest_ratio, 2),
            _hundred(each.changed_by_group),
            "Yes" if each.servable else "Never: two like people would be treated differently by group",
        ]
        for each in made
    ]
    return Grid(
        name=f"alternatives-{characteristic.name}",
        title=f"Other ways of flagging, by {characteristic.title.lower()}",
        columns=columns,
        rows=rows,
    )


def _hundred(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)
