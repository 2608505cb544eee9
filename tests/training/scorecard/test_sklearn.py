"""scikit-learn's conventions, and what a user may ask of a fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from training.scorecard import ScorecardClassifier, ScorecardRegressor


def _checks() -> list[Any]:
    quick = {"bags": 2, "max_rounds": 150}
    return [
        pytest.param(
            estimator, check, id=f"{type(estimator).__name__}-{getattr(check, 'func', check).__name__}"
        )
        for estimator in (ScorecardClassifier(**quick), ScorecardRegressor(**quick))
        for estimator, check in estimator_checks_generator(estimator)
        # scikit-learn itself leaves this one out unless an environment variable asks for it.
        if "array_api" not in getattr(check, "func", check).__name__
    ]


@pytest.mark.parametrize(("estimator", "check"), _checks())
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def _interacting(rows: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 4)), columns=list("abcd"))
    score = 1.5 * frame["a"] * frame["b"] + frame["c"]
    return frame, (rng.random(rows) < 1 / (1 + np.exp(-score))).astype(int)


QUICK = {"bags": 2, "max_rounds": 200, "max_pairs": 2}


def test_in_a_pipeline_and_cloned() -> None:
    frame, y = _interacting(800)
    pipeline = make_pipeline(StandardScaler(), clone(ScorecardClassifier(**QUICK)))
    assert cross_val_score(pipeline, frame, y, cv=2, scoring="roc_auc").min() > 0.7
    settings = ScorecardClassifier(monotone={"a": 1}, banned=["b"]).get_params()
    assert settings["monotone"] == {"a": 1}
    assert settings["banned"] == ["b"]


def test_pairs_beat_single_factors_and_logistic_regression_where_there_is_an_interaction() -> None:
    frame, y = _interacting(3000)
    probe, truth = _interacting(3000, seed=1)
    paired = ScorecardClassifier(**{**QUICK, "max_rounds": 600}).fit(frame, y)
    single = ScorecardClassifier(**{**QUICK, "max_pairs": 0}).fit(frame, y)
    loss = {
        "paired": log_loss(truth, paired.predict_proba(probe)),
        "single": log_loss(truth, single.predict_proba(probe)),
        "logistic": log_loss(truth, LogisticRegression().fit(frame, y).predict_proba(probe)),
    }
    assert paired.pairs_[0] == ("a", "b")
    assert single.pairs_ == ()
    assert loss["paired"] < loss["single"] - 0.05
    assert loss["paired"] < loss["logistic"] - 0.05
    assert paired.held_out_loss_["with pairs"] < paired.held_out_loss_["single factors"]


def test_a_pair_kept_by_chance_is_weak_and_does_no_harm() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(2000, 4)), columns=list("abcd"))
    y = rng.random(2000) < 1 / (1 + np.exp(-frame["a"] - frame["b"]))
    model = ScorecardClassifier(**QUICK).fit(frame, y)
    strongest = max((t.importance for t in model.terms_ if len(t.axes) == 2), default=0.0)
    assert strongest < 0.2 * max(t.importance for t in model.terms_)
    single = ScorecardClassifier(**{**QUICK, "max_pairs": 0}).fit(frame, y)
    probe = pd.DataFrame(rng.normal(size=(5000, 4)), columns=list("abcd"))
    truth = 1 / (1 + np.exp(-probe["a"] - probe["b"]))
    paired_error, single_error = (
        np.mean((m.predict_proba(probe)[:, 1] - truth) ** 2) for m in (model, single)
    )
    assert paired_error < single_error + 0.001


@pytest.mark.parametrize(
    ("banned", "columns", "pairs"),
    [
        (["a"], {"b", "c", "d"}, {("b", "c"), ("b", "d"), ("c", "d")}),
        ([("a", "b")], set("abcd"), {("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")}),
        ([("b", "a")], set("abcd"), {("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")}),
        ([("a", "*")], set("abcd"), {("b", "c"), ("b", "d"), ("c", "d")}),
        (["sex", ("sex", "a")], set("abcd"), None),
    ],
)
def test_banned_columns_and_pairs_are_not_used(
    banned: list[Any], columns: set[str], pairs: set[tuple[str, str]] | None
) -> None:
    frame, y = _interacting(1200)
    model = ScorecardClassifier(**{**QUICK, "max_pairs": 6}, banned=banned).fit(frame, y)
    used = {name for term in model.terms_ for name in term.features}
    assert used <= columns
    assert pairs is None or set(model.pairs_) <= pairs
    if banned == ["a"]:
        moved = frame.assign(a=frame["a"] * 7 + 3)
        assert (model.predict_proba(moved) == model.predict_proba(frame)).all()


@pytest.mark.parametrize("monotone", [{"a": 1, "c": -1}, [1, 0, -1, 0]])
def test_monotone_directions_hold_everywhere(monotone: Any) -> None:
    frame, y = _interacting(1500)
    model = ScorecardClassifier(**QUICK, monotone=monotone).fit(frame, y)
    free = ScorecardClassifier(**QUICK).fit(frame, y)
    grid = np.linspace(-3, 3, 41)
    probe = frame.head(150)
    for name, sign in (("a", 1), ("c", -1)):
        rises = [
            np.diff([m.decision_function(probe.assign(**{name: value})) for value in grid], axis=0)
            for m in (model, free)
        ]
        assert (sign * rises[0] >= -1e-12).all()
        assert (sign * rises[1] < -1e-12).any()


def test_rows_of_one_group_are_held_out_together() -> None:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(150), 6)
    mark = rng.normal(size=150)
    frame = pd.DataFrame({"who": mark[person], "noise": rng.normal(size=900)})
    y = rng.integers(0, 2, 150)[person]  # a coin for each person: `who` tells nothing about others
    settings: dict[str, Any] = {"bags": 3, "max_pairs": 0, "max_rounds": 100, "random_cuts": False}
    settings |= {"factor_share": 1.0, "max_leaves": 3}  # to learn by heart
    alone = ScorecardClassifier(**settings).fit(frame, y)
    together = ScorecardClassifier(**settings).fit(frame, y, groups=person)
    assert alone.held_out_loss_["single factors"] < 0.66
    assert together.held_out_loss_["single factors"] > 0.68
    assert together.n_iter_ < alone.n_iter_


def test_without_early_stopping_all_rounds_are_made() -> None:
    frame, y = _interacting(400)
    model = ScorecardClassifier(early_stopping=False, max_rounds=17, max_pairs=1).fit(frame, y)
    assert model.n_iter_ == 17
    assert len(model.pairs_) <= 1
    assert np.abs(model.decision_function(frame) - model.raw_score_of_trees(frame)).max() < 1e-9
    assert ScorecardClassifier(max_rounds=400, bags=2, max_pairs=0).fit(frame, y).n_iter_ < 400


def test_numbers_can_be_read_as_categories() -> None:
    rng = np.random.default_rng(0)
    code = rng.integers(0, 6, 1500)
    y = rng.random(1500) < np.array([0.9, 0.1, 0.8, 0.2, 0.9, 0.1])[code]
    model = ScorecardClassifier(bags=2, max_rounds=100, max_pairs=0, categorical=["code"]).fit(
        pd.DataFrame({"code": code}), y
    )
    (term,) = model.terms_
    assert sorted(map(int, term.axes[0].categories)) == list(range(6))
    chance = model.predict_proba(pd.DataFrame({"code": [0, 1]}))[:, 1]
    assert chance[0] > 0.8
    assert chance[1] < 0.2


def test_classes_keep_their_names() -> None:
    frame, y = _interacting(400)
    named = np.where(y == 1, "yes", "no")
    model = ScorecardClassifier(bags=2, max_rounds=50, max_pairs=0).fit(frame, named)
    assert model.classes_.tolist() == ["no", "yes"]
    assert set(model.predict(frame)) == {"no", "yes"}
    assert ((model.predict_proba(frame)[:, 1] > 0.5) == (model.predict(frame) == "yes")).all()
