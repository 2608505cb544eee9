"""The tables are the model: they agree with LightGBM, with one another, and with the law of purity."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogue.subjects import Categories
from scoring.scorecard import Scorecard
from training.scorecard import ScorecardClassifier, ScorecardRegressor

FEATURES = ("age_like", "rounded", "colour", "flag", "count", "many")


def world(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age_like": rng.normal(40, 12, rows),
            "rounded": rng.normal(size=rows).round(1),
            "colour": rng.choice(["red", "green", "blue", None], rows, p=[0.4, 0.3, 0.2, 0.1]),
            "flag": rng.random(rows) < 0.3,
            "count": rng.poisson(2, rows),
            "many": [f"k{int(k)}" for k in rng.integers(0, 60, rows)],
        }
    )
    frame.loc[rng.random(rows) < 0.15, "age_like"] = np.nan
    return frame


def signal(frame: pd.DataFrame) -> np.ndarray:
    age = frame["age_like"].fillna(55).to_numpy()
    return (
        (age - 40) / 12 * frame["rounded"].to_numpy()
        + 0.8 * (frame["colour"] == "red").to_numpy()
        + 0.4 * frame["count"].to_numpy() * frame["flag"].to_numpy()
        - 1.0
    )


@pytest.fixture(scope="module")
def classifier() -> ScorecardClassifier:
    frame = world(2500)
    y = np.random.default_rng(1).random(len(frame)) < 1 / (1 + np.exp(-signal(frame)))
    return ScorecardClassifier(max_pairs=3, bags=3).fit(frame, y)


@pytest.fixture(scope="module")
def regressor() -> ScorecardRegressor:
    frame = world(2000, seed=5)
    noise = np.random.default_rng(2).normal(size=len(frame))
    return ScorecardRegressor(max_pairs=3, bags=2, max_rounds=300).fit(frame, 1e5 + signal(frame) + noise)


number = st.one_of(
    st.none(), st.just(float("nan")), st.floats(allow_nan=False, allow_infinity=False), st.integers(-10, 90)
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "age_like": number,
            "rounded": number,
            "colour": st.sampled_from(["red", "green", "blue", None, "never seen", ""]),
            "flag": st.sampled_from([True, False, None]),
            "count": number,
            "many": st.one_of(st.none(), st.integers(0, 80).map(lambda k: f"k{k}")),
        }
    ),
    min_size=1,
    max_size=15,
)


@settings(max_examples=30, deadline=None)
@given(rows=rows)
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_terms_sum_to_lightgbms_raw_score(
    kind: str, rows: list[dict[str, Any]], request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(kind)
    frame = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=object) for name in FEATURES})
    explained = model.explain(frame).sum(axis=1).to_numpy() + model.intercept_
    raw = model.raw_score_of_trees(frame)
    assert np.abs(explained - raw).max() <= 1e-9 * max(1.0, np.abs(raw).max() / 1e3)
    many = model.scorecard_.score_many({name: frame[name].to_numpy() for name in FEATURES})
    one = np.array([model.scorecard_.score(row) for row in rows])
    assert np.abs(many - raw).max() <= 1e-9 * max(1.0, np.abs(raw).max() / 1e3)
    assert np.abs(many - one).max() <= 1e-12 * max(1.0, np.abs(one).max())
    names = model.scorecard_.term_names
    table = model.scorecard_.explain_many({name: frame[name].to_numpy() for name in FEATURES})
    for place, row in enumerate(rows):
        said = model.scorecard_.explain(row)
        assert list(said) == list(names)
        assert np.abs(np.array(list(said.values())) - table[place]).max(initial=0.0) <= 1e-12


@settings(max_examples=15, deadline=None)
@given(rows=rows, data=st.data())
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_pairs_read_what_they_share_and_their_own_as_whole_rows_do(
    kind: str, rows: list[dict[str, Any]], data: st.DataObject, request: pytest.FixtureRequest
) -> None:
    card = request.getfixturevalue(kind).scorecard_
    which = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=20))
    changed = {
        name: data.draw(st.permutations([row[name] for row in rows])) for name in ("rounded", "colour")
    }
    shared = {name: columns_of([row[name] for row in rows]) for name in FEATURES}
    own = {name: columns_of([values[place] for place in which]) for name, values in changed.items()}
    found = card.explain_pairs(shared, np.array(which, dtype=np.int64), own)
    assert found.shape == (len(which), len(card.term_names))
    for place, person in enumerate(which):
        whole = {**rows[person], **{name: values[person] for name, values in changed.items()}}
        expected = list(card.explain(whole).values())
        assert np.abs(found[place] - expected).max(initial=0.0) <= 1e-12


def columns_of(values: list[Any]) -> Any:
    """A column as features give it: names as `Categories`, numbers and yes or no as floats."""
    if any(isinstance(value, str) for value in values):
        return Categories.of(values)
    return np.array(values, dtype=np.float64)


def test_the_planted_pair_is_found_and_the_pairs_are_pure(
    classifier: ScorecardClassifier, regressor: ScorecardRegressor
) -> None:
    assert ("age_like", "rounded") in classifier.pairs_
    assert ("age_like", "rounded") in regressor.pairs_
    for model in (classifier, regressor):
        for term in model.terms_:
            weighted = term.values * term.weights  # noqa: PD011  a term's table, not a frame
            if len(term.axes) == 1:
                assert abs(weighted.sum() / term.weights.sum()) < 1e-10
                continue
            for along in (0, 1):
                weight = term.weights.sum(axis=along)
                held = weight > 0
                assert np.abs(weighted.sum(axis=along)[held] / weight[held]).max() < 1e-10


def test_weights_are_the_training_data(classifier: ScorecardClassifier) -> None:
    for term in classifier.terms_:
        assert term.weights.sum() == pytest.approx(2500)
        assert (term.weights >= 0).all()


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_json_gives_the_same_bits_back(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    model = request.getfixturevalue(kind)
    model.to_json(tmp_path / "model.json")
    again = type(model).from_json(tmp_path / "model.json")
    frame = world(300, seed=9)
    assert (again.predict(frame) == model.predict(frame)).all()
    assert again.explain(frame).equals(model.explain(frame))
    assert again.scorecard_.to_json() == model.scorecard_.to_json()
    assert Scorecard.from_json(model.scorecard_.to_json()).to_dict() == model.scorecard_.to_dict()
    if kind == "classifier":
        assert again.classes_.tolist() == model.classes_.tolist()
        assert (again.predict_proba(frame) == model.predict_proba(frame)).all()


def test_pickle_keeps_the_model(classifier: ScorecardClassifier) -> None:
    frame = world(50, seed=3)
    again = pickle.loads(pickle.dumps(classifier))
    assert (again.raw_score_of_trees(frame) == classifier.raw_score_of_trees(frame)).all()


def test_pandas_polars_and_arrays_read_alike(classifier: ScorecardClassifier) -> None:
    frame = world(400, seed=4)
    mine = classifier.predict_proba(frame)
    other = pl.DataFrame(
        {name: frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in FEATURES}
    )
    assert (classifier.predict_proba(other) == mine).all()
    nullable = frame.assign(flag=frame["flag"].astype("boolean"), count=frame["count"].astype("Int64"))
    nullable["colour"] = frame["colour"].astype("category")
    assert (classifier.predict_proba(nullable) == mine).all()
    scorecard = classifier.scorecard_
    assert (scorecard.score_many(other) == classifier.decision_function(frame)).all()
    assert (scorecard.probability_many(other) == mine[:, 1]).all()


def test_fitting_on_polars_is_fitting_on_pandas() -> None:
    frame = world(400, seed=6)
    y = signal(frame) > 0
    other = pl.DataFrame(
        {name: frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in FEATURES}
    )
    settings_ = {"max_pairs": 1, "bags": 2, "max_rounds": 40}
    one = ScorecardClassifier(**settings_).fit(frame, y)
    two = ScorecardClassifier(**settings_).fit(other, pl.Series(y))
    assert one.scorecard_.to_json() == two.scorecard_.to_json()


def test_the_same_data_give_the_same_bytes_in_any_order_of_rows() -> None:
    frame = world(600, seed=7)
    y = signal(frame) > 0
    order = np.random.default_rng(0).permutation(len(frame))
    fit = lambda X, y: ScorecardClassifier(max_pairs=2, bags=2, max_rounds=60).fit(X, y)  # noqa: E731
    one = fit(frame, y).scorecard_
    two = fit(frame.iloc[order].reset_index(drop=True), y[order]).scorecard_
    assert one.to_json() == fit(frame, y).scorecard_.to_json()
    columns = {name: world(200, seed=8)[name].to_numpy() for name in FEATURES}
    assert np.abs(one.score_many(columns) - two.score_many(columns)).max() < 1e-12


def test_whole_weights_are_repeated_rows() -> None:
    frame = world(300, seed=11)
    y = signal(frame) > 0
    weight = np.random.default_rng(3).integers(0, 4, len(frame))
    settings_ = {"max_pairs": 2, "bags": 3, "max_rounds": 60}
    weighed = ScorecardClassifier(**settings_).fit(frame, y, sample_weight=weight)
    again = np.repeat(np.arange(len(frame)), weight)
    repeated = ScorecardClassifier(**settings_).fit(frame.iloc[again].reset_index(drop=True), y[again])
    probe = world(200, seed=12)
    assert np.abs(weighed.decision_function(probe) - repeated.decision_function(probe)).max() < 1e-9


def test_the_scale_of_fractional_weights_does_not_matter() -> None:
    frame = world(300, seed=13)
    y = signal(frame) > 0
    weight = np.random.default_rng(4).random(len(frame)) + 0.1
    settings_ = {"max_pairs": 1, "bags": 2, "max_rounds": 40}
    one = ScorecardClassifier(**settings_).fit(frame, y, sample_weight=weight)
    two = ScorecardClassifier(**settings_).fit(frame, y, sample_weight=weight / weight.sum())
    probe = world(100, seed=14)
    assert np.abs(one.decision_function(probe) - two.decision_function(probe)).max() < 1e-6
    assert np.ptp(one.decision_function(probe)) > 0.5
