"""The benefit head against worlds whose truth is known, and against what cannot be."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone

from catalogue.errors import UsageError
from features import columns
from scoring.effects import EffectModel
from training.benefit import BenefitModel


def fit(world: Any, **settings: Any) -> BenefitModel:
    inputs = {"groups": world.person, "time": world.day, "eligible": world.eligible_frame()}
    known = settings.pop("known", True)
    if known:
        inputs["propensity"] = world.propensity_frame()
    return BenefitModel(threads=1, **settings).fit(world.X, world.arm, world.outcome, **inputs)


@pytest.fixture(scope="module")
def strong(simulate: Any) -> Any:
    return simulate(rows=8000, arms=4, effect=0.15, missing=0.2, seed=6)


@pytest.fixture(scope="module")
def model(strong: Any) -> BenefitModel:
    return fit(strong, known=False, families=strong.families)


def test_effects_are_nearer_the_truth_than_raw_contrasts(strong: Any, model: BenefitModel) -> None:
    found = model.effects(strong.X)
    seen = ~np.isnan(strong.outcome)
    usual = strong.outcome[seen & (strong.arm == "NONE")].mean()
    adjusted, contrast = [], []
    for i, arm in enumerate(strong.arms[1:]):
        able = strong.eligible[:, i + 1]
        truth = strong.effect[able, i].mean()
        raw = strong.outcome[seen & (strong.arm == arm)].mean() - usual
        adjusted.append(abs(found[arm]["effect"][able].mean() - truth))
        contrast.append(abs(raw - truth))
    assert np.mean(adjusted) < 0.7 * np.mean(contrast)


def test_the_policy_gets_most_of_the_way_to_the_best_choice(strong: Any, model: BenefitModel) -> None:
    assert strong.captured(model.recommend(strong.X, strong.eligible_frame(), rule="effect")) > 0.8
    assert strong.captured(model.recommend(strong.X, strong.eligible_frame())) > 0.7


def test_only_eligible_arms_with_a_bound_above_nought_are_recommended(
    strong: Any, model: BenefitModel
) -> None:
    chosen = model.recommend(strong.X, strong.eligible_frame(), rule="lower_bound")
    found = model.effects(strong.X)
    for i, arm in enumerate(strong.arms[1:]):
        rows = chosen == arm
        assert strong.eligible[rows, i + 1].all()
        assert (found[arm]["lower"][rows] > 0).all()
        assert (found[arm]["support"][rows] != "NONE").all()


def test_the_policy_takes_the_best_bound_where_choosing_so_helps_on_average(
    strong: Any, model: BenefitModel
) -> None:
    chosen = model.recommend(strong.X, strong.eligible_frame())
    clear = model.recommend(strong.X, strong.eligible_frame(), rule="lower_bound")
    found = model.effects(strong.X)
    assert model.model_.report["evidence"]["lower"] > 0
    assert (chosen == clear)[clear != "NONE"].all()  # what is clear stays first
    assert (chosen != "NONE").sum() > (clear != "NONE").sum()
    lower = found.xs("lower", axis=1, level=1).to_numpy()
    usable = (
        strong.eligible[:, 1:]
        & (found.xs("effect", axis=1, level=1).to_numpy() > 0)
        & (found.xs("support", axis=1, level=1).to_numpy() != "NONE")
    )
    best = np.where(usable, lower, -np.inf).argmax(axis=1)
    expected = np.where(usable.any(axis=1), np.array(strong.arms[1:])[best], "NONE")
    assert (chosen == expected).all()


def test_without_evidence_only_what_is_clear_is_recommended(strong: Any, model: BenefitModel) -> None:
    doubtful = clone(model)
    vars(doubtful).update({name: value for name, value in vars(model).items() if name.endswith("_")})
    doubtful.model_ = type(model.model_).from_dict(model.model_.to_dict())
    doubtful.model_.report["evidence"] = {"lower": -0.01}
    assert (
        doubtful.recommend(strong.X, strong.eligible_frame())
        == model.recommend(strong.X, strong.eligible_frame(), rule="lower_bound")
    ).all()


def test_no_interval_is_narrower_than_the_hidden_bias_allows(strong: Any, model: BenefitModel) -> None:
    hidden = model.model_.report["hidden_bias"]
    assert hidden == pytest.approx(0.03 * np.nanstd(strong.outcome), rel=0.1)
    found = model.model_.mean_effects(
        {name: strong.X[name].to_numpy() for name in model.model_.feature_names}
    )
    assert all(upper - effect > 1.6 * hidden for effect, _, upper in found.values())


def test_intervals_cover_group_effects(simulate: Any) -> None:
    inside, cells = 0, 0
    for seed in range(4):
        world = simulate(rows=4000, arms=5, seed=100 + seed)
        effects = fit(world).model_
        band = np.digitize(world.X["risk"], [42, 58])
        for i, arm in enumerate(world.arms[1:]):
            for value in range(3):
                rows = (band == value) & world.eligible[:, i + 1]
                frame = {name: world.X[name].to_numpy()[rows] for name in effects.feature_names}
                _, lower, upper = effects.mean_effects(frame)[arm]
                inside += lower <= world.effect[rows, i].mean() <= upper
                cells += 1
    assert 0.75 <= inside / cells <= 1.0  # nominal 0.90; 60 cells, alike within a world


def test_a_world_without_effects_gets_no_suggestions(simulate: Any) -> None:
    shares = []
    for seed in range(3):
        world = simulate(rows=4000, arms=8, effect=0.0, seed=seed)
        shares.append((fit(world).recommend(world.X, world.eligible_frame()) != "NONE").mean())
    assert np.mean(shares) <= 0.05


def test_terms_sum_to_the_effect_and_serving_needs_only_the_json(model: BenefitModel, strong: Any) -> None:
    served = EffectModel.from_json(model.to_effect_model().to_json())
    row = columns.of_row(strong.X.iloc[3].to_dict())
    found, parts = served.effects(row), served.explain(row)
    assert parts.intercept + parts.terms.sum(axis=2) == pytest.approx(found.effect, abs=1e-12)
    fitted = model.effects(strong.X.iloc[[3]])
    for place, arm in enumerate(served.arms):
        assert found.effect[0, place] == pytest.approx(fitted[arm]["effect"].iloc[0], abs=1e-12)


def test_average_effects_cover_the_truth(strong: Any, model: BenefitModel) -> None:
    table = model.average_effects(by=strong.X["motivation"].astype(int))
    assert set(table["group"]) == {"0", "1", "2"}
    overall = model.average_effects()
    inside = 0
    for i, arm in enumerate(strong.arms[1:]):
        row = overall[overall["arm"] == arm].iloc[0]
        truth = strong.effect[strong.eligible[:, i + 1], i].mean()
        inside += row["lower"] - 0.02 <= truth <= row["upper"] + 0.02
    assert inside >= 3


@pytest.mark.parametrize("kind", ["polars", "numpy", "mapping"])
def test_any_frame_gives_the_same_effects(strong: Any, kind: str) -> None:
    X = strong.X[[c for c in strong.X if c != "region"]]
    forms = {
        "polars": pl.from_pandas(X),
        "numpy": X.to_numpy(),
        "mapping": {name: X[name].tolist() for name in X},
    }
    settings: dict[str, Any] = {"eligible": strong.eligible, "propensity": strong.propensity}
    order = np.argsort(strong.arms)  # a matrix has its arms sorted by name
    settings = {name: value[:, order] for name, value in settings.items()}
    one = BenefitModel(threads=1).fit(X, strong.arm, strong.outcome, **settings)
    other = BenefitModel(threads=1).fit(forms[kind], list(strong.arm), pd.Series(strong.outcome), **settings)
    assert np.allclose(
        one.effects(X).xs("effect", axis=1, level=1), other.effects(forms[kind]).xs("effect", axis=1, level=1)
    )


def test_the_same_seed_gives_the_same_bytes(strong: Any, model: BenefitModel) -> None:
    again = fit(strong, known=False, families=strong.families)
    assert again.to_effect_model().to_json() == model.to_effect_model().to_json()


def test_a_clone_has_the_parameters_and_nothing_of_the_fit(strong: Any, model: BenefitModel) -> None:
    again = clone(model)
    given = again.get_params()
    assert given == model.get_params()
    assert given["families"] == strong.families
    assert not hasattr(again, "model_")
    assert clone(BenefitModel(0, 12.0, targets={1: ["x"]})).get_params()["targets"] == {1: ["x"]}
    assert again.set_params(level=0.5).level == 0.5


def test_two_arms_a_number_and_a_propensity_vector() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=3000)
    chance = 1 / (1 + np.exp(-x))
    treated = rng.random(3000) < chance
    y = 2 * x + treated * (1 + 0.5 * x) + rng.normal(size=3000)
    model = BenefitModel(reference=0, threads=1).fit({"x": x}, treated.astype(int), y, propensity=chance)
    found = model.effects({"x": np.array([-1.0, 0.0, 1.0])})[1]
    assert found["effect"].to_numpy() == pytest.approx([0.5, 1.0, 1.5], abs=0.25)
    assert set(model.recommend({"x": np.array([-1.0, 1.0])}).tolist()) <= {0, 1}


def test_outcomes_missing_because_of_themselves_are_weighted_where_declared() -> None:
    # who fails is always known, who does not is seen again half as often when treated
    rng = np.random.default_rng(3)
    n = 6000
    x = rng.normal(size=n)
    arm = np.where(rng.random(n) < 0.5, "A", "NONE")
    fails = rng.random(n) < 0.4
    good = ~fails & (rng.random(n) < 0.6)
    seen = fails | (rng.random(n) < np.where(arm == "A", 0.4, 0.8))
    outcome = np.where(seen, good.astype(float), np.nan)
    plain = BenefitModel(threads=1).fit({"x": x}, arm, outcome)
    weighted = BenefitModel(threads=1).fit({"x": x}, arm, outcome, always_recorded=fails)
    _, lower, upper = weighted.model_.mean_effects({"x": x})["A"]
    assert lower <= 0.0 <= upper  # the truth
    assert plain.model_.mean_effects({"x": x})["A"][2] < 0.0  # the trap


def test_need_match_is_learned_over_all_arms(simulate: Any) -> None:
    world = simulate(rows=4000, arms=12, seed=8, effect=0.12)
    targets = {arm: [f"need_{i % 6}"] for i, arm in enumerate(world.arms[1:])}
    error = {}
    for name, given in (("with", targets), ("without", None)):
        effects = (
            fit(world, families=world.families, targets=given).effects(world.X).xs("effect", axis=1, level=1)
        )
        error[name] = float(np.sqrt(((effects.to_numpy() - world.effect)[world.eligible[:, 1:]] ** 2).mean()))
    assert error["with"] < error["without"]


def test_a_need_counts_from_its_threshold_where_one_is_given(simulate: Any) -> None:
    rng = np.random.default_rng(4)
    n, arms = 12_000, 6
    need = rng.integers(0, 8, (n, arms)).astype(float)
    code = np.where(rng.random(n) < 0.5, 0, rng.integers(1, arms + 1, n))
    has = need[np.arange(n), np.maximum(code - 1, 0)] >= 5
    outcome = (rng.random(n) < 0.3 + 0.2 * ((code > 0) & has)).astype(float)
    X = {f"need_{i}": need[:, i] for i in range(arms)}
    names = np.array(["NONE", *(f"arm{i}" for i in range(arms))], dtype=object)
    model = BenefitModel(
        threads=1,
        folds=2,
        targets={f"arm{i}": [f"need_{i}"] for i in range(arms)},
        thresholds={f"need_{i}": 5.0 for i in range(arms)},
    ).fit(X, names[code], outcome)
    few = {name: np.full(2, 3.0) for name in X} | {"need_0": np.array([4.0, 5.0])}
    below, at = model.effects(few)["arm0"]["effect"]
    assert at - below == pytest.approx(0.2, abs=0.07)
    assert abs(below) < 0.06


def test_awkward_frames_are_learned_from() -> None:
    rng = np.random.default_rng(0)
    arm = np.array(["RARE", *["NONE", "A"] * 150], dtype=object)
    outcome = rng.random(301)
    frame = pd.DataFrame(
        {
            "constant": 1.0,
            "never": np.nan,
            "kind": pd.Categorical(rng.choice(["p", "q"], 301)),
            "count": pd.array(rng.integers(0, 5, 301), dtype="Int64"),
        }
    )
    model = BenefitModel(threads=1).fit(frame, arm, outcome)
    assert model.model_.feature_names == ("kind", "count")
    found = model.effects(frame)
    assert set(found["RARE"]["support"]) == {"NONE"}
    assert list(model.model_.report["average_effects"]) == ["A"]
    assert model.average_effects().set_index("arm").loc["RARE"].isna().any()
    bare = BenefitModel(threads=1).fit(frame[["constant"]], arm, outcome)
    assert np.ptp(bare.effects(frame[["constant"]])["A"]["effect"]) == 0
    with pytest.raises(UsageError, match="make it numbers"):
        BenefitModel().fit(pd.DataFrame({"day": pd.date_range("2020-01-01", periods=301)}), arm, outcome)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reference": "OTHER"}, "reference arm OTHER"),
        ({"modifiers": ["shoe_size"]}, "modifier shoe_size"),
        ({"outcome": np.full(4000, np.nan)}, "too few"),
        ({"outcome": np.ones(4000)}, "never varies"),
        ({"outcome": ["good"] * 4000}, "must be numbers"),
        ({"arm": ["NONE"] * 4000}, "1 arms"),
        ({"arm": ["NONE", None] * 2000}, "without a value"),
        ({"groups": [1, 2, 3]}, "one value for each"),
        ({"propensity": np.full((4000, 7), 2.0)}, "between 0 and 1"),
        ({"eligible": np.ones((4000, 2))}, "shape"),
        ({"X": "rows.csv"}, "cannot be read as features"),
    ],
)
def test_input_that_does_not_fit_is_refused_in_a_sentence(
    world: Any, changes: dict[str, Any], message: str
) -> None:
    made = {key: changes.pop(key) for key in ("reference", "modifiers") if key in changes}
    inputs = {"X": world.X, "arm": world.arm, "outcome": world.outcome, **changes}
    with pytest.raises(UsageError, match=message):
        BenefitModel(threads=1, **made).fit(**inputs)
