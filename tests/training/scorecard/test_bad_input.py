"""Bad input gives a clear error or a documented behaviour, never a silent wrong score."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from catalogue.errors import UsageError
from scoring.scorecard import Scorecard, ScorecardError
from training.scorecard import ScorecardClassifier, ScorecardRegressor

QUICK = {"bags": 2, "max_rounds": 40, "max_pairs": 1}


def frame(rows: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.normal(size=rows), "b": rng.choice(["x", "y"], rows)})


def outcome(rows: int = 200) -> np.ndarray:
    return (frame(rows)["a"] > 0).to_numpy().astype(int)


@pytest.fixture(scope="module")
def model() -> ScorecardClassifier:
    return ScorecardClassifier(**QUICK).fit(frame(), outcome())


FIT_ERRORS: list[tuple[str, Callable[[], object], type[Exception], str]] = [
    ("infinite", lambda: ScorecardClassifier().fit(frame().assign(a=np.inf), outcome()), ValueError, "infinity"),
    ("one class", lambda: ScorecardClassifier().fit(frame(), np.ones(200)), ValueError, "one class"),
    ("three classes", lambda: ScorecardClassifier().fit(frame(), np.arange(200) % 3), ValueError, "Only binary"),
    ("one row", lambda: ScorecardRegressor().fit(frame(1), [1.0]), ValueError, "at least 2 rows"),
    ("no row", lambda: ScorecardRegressor().fit(frame(0), []), ValueError, "0 sample"),
    ("no column", lambda: ScorecardRegressor().fit(pd.DataFrame(index=range(9)), np.arange(9)), ValueError, "0 feature"),
    ("lengths", lambda: ScorecardClassifier().fit(frame(), outcome(150)), ValueError, "inconsistent"),
    ("no y", lambda: ScorecardClassifier().fit(frame(), None), ValueError, "requires y"),
    ("y not a number", lambda: ScorecardRegressor().fit(frame(), np.full(200, np.nan)), ValueError, "NaN"),
    ("dates", lambda: ScorecardClassifier().fit(frame().assign(d=pd.Timestamp("2026-01-01")), outcome()), ValueError, "dates"),
    ("objects", lambda: ScorecardClassifier().fit(frame().assign(d=[date(2026, 1, 1)] * 200), outcome()), TypeError, "string or a number"),
    ("negative weight", lambda: ScorecardClassifier().fit(frame(), outcome(), np.full(200, -1.0)), ValueError, "not negative"),
    ("no weight", lambda: ScorecardClassifier().fit(frame(), outcome(), np.zeros(200)), ValueError, "non-zero"),
    ("rate", lambda: ScorecardClassifier(learning_rate=0).fit(frame(), outcome()), ValueError, "learning_rate"),
    ("bags", lambda: ScorecardClassifier(bags=0).fit(frame(), outcome()), ValueError, "bags"),
    ("monotone name", lambda: ScorecardClassifier(monotone={"z": 1}).fit(frame(), outcome()), ValueError, "monotone"),
    ("monotone size", lambda: ScorecardClassifier(monotone=[1]).fit(frame(), outcome()), ValueError, "one number for each"),
    ("monotone sign", lambda: ScorecardClassifier(monotone={"a": 2}).fit(frame(), outcome()), ValueError, "-1, 0 or"),
    ("monotone kind", lambda: ScorecardClassifier(monotone={"b": 1}).fit(frame(), outcome()), ValueError, "no order"),
    ("categorical", lambda: ScorecardClassifier(categorical=["z"]).fit(frame(), outcome()), ValueError, "categorical"),
    ("ban as text", lambda: ScorecardClassifier(banned="ab").fit(frame(), outcome()), ValueError, "into a list"),
    ("ban by place", lambda: ScorecardClassifier(banned=[0]).fit(frame(), outcome()), ValueError, "pair of names"),
    ("half a pair", lambda: ScorecardClassifier(max_pairs=1.5).fit(frame(), outcome()), ValueError, "whole number"),
    ("no factors", lambda: ScorecardClassifier(factor_share=0).fit(frame(), outcome()), ValueError, "factor_share"),
    ("some leaf", lambda: ScorecardClassifier(min_leaf_rows="some").fit(frame(), outcome()), ValueError, "min_leaf_rows"),
    ("some cuts", lambda: ScorecardClassifier(random_cuts="some").fit(frame(), outcome()), ValueError, "'auto'"),
    ("no pairs said", lambda: ScorecardClassifier(max_pairs=None).fit(frame(), outcome()), ValueError, "whole number"),
    ("class not known", lambda: ScorecardClassifier().fit(frame(), np.where(outcome(), 1.0, np.nan)), ValueError, "y contains NaN"),
    ("same name", lambda: ScorecardClassifier().fit(pd.DataFrame(np.eye(200)[:, :2], columns=["a", "a"]), outcome()), ValueError, "same name"),
    ("lazy frame", lambda: ScorecardClassifier().fit(pl.LazyFrame({"a": [1.0]}), [1]), ValueError, "collect"),
    ("ban", lambda: ScorecardClassifier(banned=[("a",)]).fit(frame(), outcome()), ValueError, "pair of names"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "error", "says"), [case[1:] for case in FIT_ERRORS], ids=[c[0] for c in FIT_ERRORS]
)
def test_what_cannot_be_fitted_is_refused(
    make: Callable[[], object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        make()


ASK_ERRORS = [
    ("fewer columns", lambda f: f[["a"]], "feature names"),
    ("other names", lambda f: f.rename(columns={"a": "z"}), "feature names"),
    ("other order", lambda f: f[["b", "a"]], "feature names"),
    ("infinite", lambda f: f.assign(a=-np.inf), "infinity"),
    ("text for a number", lambda f: f.assign(a="many"), "holds text"),
]


@pytest.mark.parametrize(
    ("spoil", "says"), [case[1:] for case in ASK_ERRORS], ids=[case[0] for case in ASK_ERRORS]
)
def test_what_cannot_be_asked_is_refused(
    model: ScorecardClassifier, spoil: Callable[[Any], Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        model.predict_proba(spoil(frame(5)))


def test_a_column_of_numbers_is_no_column_of_texts() -> None:
    X = frame()
    model = ScorecardClassifier(**QUICK).fit(X, X["b"] == "x")
    with pytest.raises(ScorecardError, match="'b' must hold text"):
        model.predict_proba(X.assign(b=5))
    odd = X.assign(b=pd.Series(["x", 5, None] + ["y"] * 197, dtype=object))
    assert np.isfinite(model.decision_function(odd)).all()
    nothing = X.assign(b=np.nan)
    assert np.ptp(model.decision_function(nothing)) < np.ptp(model.decision_function(X))


ROW_ERRORS: list[tuple[str, dict[str, Any], str]] = [
    ("absent", {"b": "x"}, "no value for the feature 'a'"),
    ("text", {"a": "secret", "b": "x"}, "must be a number"),
    ("list", {"a": 1.0, "b": ["secret"]}, "must be a category"),
    ("infinite", {"a": float("inf"), "b": "x"}, "infinite"),
    ("minus infinite", {"a": float("-inf"), "b": "x"}, "infinite"),
]


@pytest.fixture(scope="module")
def both() -> Scorecard:
    rng = np.random.default_rng(1)
    X = frame(600)
    y = rng.random(600) < np.where(X["b"] == "x", 0.7, 0.3) * np.where(X["a"] > 0, 1.2, 0.6)
    card = ScorecardClassifier(**QUICK).fit(X, y).scorecard_
    assert card.used_features == ("a", "b")
    return card


@pytest.mark.parametrize(
    ("row", "says"), [case[1:] for case in ROW_ERRORS], ids=[case[0] for case in ROW_ERRORS]
)
def test_one_row_and_many_refuse_the_same(both: Scorecard, row: dict[str, Any], says: str) -> None:
    with pytest.raises(ScorecardError, match=says) as caught:
        both.score(row)
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value, UsageError)
    with pytest.raises(ScorecardError):
        both.score_many({name: np.array([value], dtype=object) for name, value in row.items()})


def test_columns_of_unequal_length_are_refused(both: Scorecard) -> None:
    with pytest.raises(ScorecardError, match="differ in length"):
        both.score_many({"a": np.zeros(3), "b": np.array(["x"] * 4)})


def test_nan_none_and_absence_of_kind_are_one_thing(both: Scorecard) -> None:
    assert both.score({"a": None, "b": None}) == both.score({"a": float("nan"), "b": float("nan")})
    assert both.score({"a": np.float32(0.5), "b": np.str_("x")}) == both.score({"a": 0.5, "b": "x"})


def test_a_value_never_seen_is_read_as_the_usual_one(both: Scorecard) -> None:
    usual = {f.name: f.usual for f in both.features}
    assert both.score({"a": 0.1, "b": "never seen"}) == both.score({"a": 0.1, "b": usual["b"]})
    assert not any(feature.missing_seen for feature in both.features)


def test_constant_and_empty_features_have_no_term() -> None:
    X = frame().assign(same=1.0, none=np.nan, word="w")
    X["nothing"] = pd.Series([None] * 200, dtype=object)
    model = ScorecardClassifier(**QUICK).fit(X, outcome())
    assert {name for term in model.terms_ for name in term.features} <= {"a", "b"}
    assert model.predict_proba(X.head(3)).shape == (3, 2)


def test_only_constant_features_give_the_average() -> None:
    X = pd.DataFrame({"same": np.ones(200)})
    y = np.arange(200) % 4 == 0
    model = ScorecardClassifier(**QUICK).fit(X, y)
    assert model.terms_ == ()
    assert model.predict_proba(X)[:, 1] == pytest.approx(0.25)
    assert model.raw_score_of_trees(X) == pytest.approx(model.decision_function(X))
    assert model.explain(X).shape == (200, 0)
    assert ScorecardRegressor(**QUICK).fit(X, y).predict(X) == pytest.approx(0.25)


def test_a_hundred_thousand_categories() -> None:
    rng = np.random.default_rng(0)
    rows = 120_000
    code = np.concatenate([np.arange(100_000), rng.integers(0, 20, 20_000)])
    X = pd.DataFrame({"code": [f"c{k}" for k in code], "a": rng.normal(size=rows)})
    y = rng.random(rows) < np.where(code < 20, 0.8, 0.4)
    model = ScorecardClassifier(bags=2, max_rounds=15, max_pairs=0).fit(X, y)
    axis = next(term.axes[0] for term in model.terms_ if term.features == ("code",))
    assert set(axis.categories) == {f"c{k}" for k in range(20)}
    probe = pd.DataFrame({"code": ["c3", "c99999", "never seen"], "a": [0.0, 0.0, 0.0]})
    chance = model.predict_proba(probe)[:, 1]
    assert chance[0] > chance[1] + 0.2
    assert chance[1] == chance[2]


def test_a_file_of_another_kind_is_refused(model: ScorecardClassifier, tmp_path: Any) -> None:
    model.to_json(tmp_path / "model.json")
    with pytest.raises(ScorecardError, match="cannot be read as a ScorecardRegressor"):
        ScorecardRegressor.from_json(tmp_path / "model.json")
    with pytest.raises(ScorecardError, match="no trees"):
        ScorecardClassifier.from_json(tmp_path / "model.json").raw_score_of_trees(frame(3))


def _spoil(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def spoiled(document: dict[str, Any]) -> dict[str, Any]:
        change(document)
        return document

    return spoiled


DOCUMENTS = [
    ("format", _spoil(lambda d: d.update(format="other/9")), "format"),
    ("part", _spoil(lambda d: d.pop("intercept")), "lacks a part"),
    ("link", _spoil(lambda d: d.update(link="probit")), "link"),
    ("table", _spoil(lambda d: d["terms"][0]["values"].pop()), "shape"),
    ("number", _spoil(lambda d: d["terms"][0]["values"].__setitem__(0, None)), "not finite"),
    ("cuts", _spoil(lambda d: d["terms"][0]["axes"][0].update(cuts=[2.0, 1.0])), "rise|shape"),
    ("unknown", _spoil(lambda d: d["features"].pop(0)), "lacks"),
    ("twice", _spoil(lambda d: d["terms"].append(d["terms"][0])), "twice"),
]


@pytest.mark.parametrize(
    ("spoil", "says"), [case[1:] for case in DOCUMENTS], ids=[case[0] for case in DOCUMENTS]
)
def test_a_spoiled_document_is_refused(both: Scorecard, spoil: Callable[[Any], Any], says: str) -> None:
    with pytest.raises(ScorecardError, match=says):
        Scorecard.from_json(json.dumps(spoil(both.to_dict())))
    with pytest.raises(ScorecardError, match="not valid JSON"):
        Scorecard.from_json("{")
