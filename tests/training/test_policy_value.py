"""Off-policy value: against known truth, and silent where the log is too thin."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from catalogue.errors import UsageError
from training.policy_value import METHODS, Limitation, evaluate, read_truth, value_captured

ARMS = ["A", "B", "NONE"]


def log(*, rows: int, seed: int) -> dict[str, Any]:
    """A log by two rows a person; the policy sends x > 0 to A, the rest to B."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(rows // 2), 2)
    x = rng.normal(size=rows // 2)[person] + 0.3 * rng.normal(size=rows)
    score = np.column_stack([0.8 * x, -0.5 * x, np.zeros(rows)])
    propensity = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    code = (propensity.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1)
    chance = 1 / (1 + np.exp(-np.column_stack([0.4 + 0.5 * x, 0.1 - 0.2 * x, 0.2 * x])))
    outcome = (rng.random(rows) < chance[np.arange(rows), code]).astype(float)
    choose = np.where(x > 0, 0, 1)
    names = np.array(ARMS)
    return {
        "outcome": outcome,
        "arm": names[code],
        "propensity": propensity,
        "policy": names[choose],
        "groups": person,
        "model": np.clip(chance + 0.05 * np.sin(3 * x)[:, None], 0, 1),  # a model that is somewhat wrong
        "truth": float(chance[np.arange(rows), choose].mean()),
        "chance": chance,
    }


def test_dr_and_snips_intervals_cover_in_nine_draws_of_ten() -> None:
    covered = dict.fromkeys(METHODS, 0)
    draws = 100
    for seed in range(draws):
        d = log(rows=1000, seed=seed)
        found = evaluate(d["outcome"], d["arm"], d["propensity"], d["policy"], d["model"], d["groups"])
        for method in METHODS:
            covered[method] += found[method].lower <= d["truth"] <= found[method].upper
    assert covered["DR"] >= 90
    assert covered["SNIPS"] >= 90
    assert covered["IPS"] >= 88
    assert covered["SWITCH_DR"] >= 88


def test_methods_agree_with_their_formulae() -> None:
    d = log(rows=2000, seed=1)
    found = evaluate(d["outcome"], d["arm"], d["propensity"], d["policy"], d["model"])
    rows, code = np.arange(2000), np.array([ARMS.index(a) for a in d["arm"]])
    chosen = np.array([ARMS.index(a) for a in d["policy"]])
    w = (code == chosen) / d["propensity"][rows, code]
    direct = d["model"][rows, chosen]
    assert found["IPS"].value == pytest.approx((w * d["outcome"]).mean())
    assert found["SNIPS"].value == pytest.approx((w * d["outcome"]).sum() / w.sum())
    assert found["DM"].value == pytest.approx(direct.mean())
    assert found["Switch-DR"] == found["SWITCH_DR"]
    residual = d["outcome"] - d["model"][rows, code]
    assert found["DR"].value == pytest.approx((direct + w * residual).mean())
    kept = np.where(w <= found.switch_at, w, 0)
    assert found["SWITCH_DR"].value == pytest.approx((direct + kept * residual).mean())
    assert found.effective_sample_size == pytest.approx(w.sum() ** 2 / (w**2).sum())


@pytest.mark.parametrize("form", ["vector", "frame", "mapping", "policy chances"])
def test_every_form_of_the_input_gives_the_same_value(form: str) -> None:
    d = log(rows=600, seed=2)
    matrix = pd.DataFrame(d["propensity"], columns=ARMS)
    chances = (d["policy"][:, None] == np.array(ARMS)).astype(float)
    rows = np.arange(600)
    propensity: Any = {
        "vector": d["propensity"][rows, [ARMS.index(a) for a in d["arm"]]],
        "frame": pl.from_pandas(matrix),
        "mapping": {name: matrix[name] for name in ARMS},
        "policy chances": matrix,
    }[form]
    policy = chances if form == "policy chances" else pd.Series(d["policy"])
    plain = evaluate(d["outcome"], d["arm"], d["propensity"], d["policy"])
    other = evaluate(d["outcome"].tolist(), pl.Series(d["arm"]), propensity, policy)
    for method in METHODS:
        assert other[method].value == pytest.approx(plain[method].value)


def test_persons_with_many_rows_widen_the_interval() -> None:
    d = log(rows=400, seed=3)
    ten = {name: np.repeat(d[name], 10, axis=0) for name in ("outcome", "arm", "propensity", "policy")}
    alone = evaluate(d["outcome"], d["arm"], d["propensity"], d["policy"])["SNIPS"]
    copies = evaluate(**ten, groups=np.repeat(np.arange(400), 10))["SNIPS"]
    assert copies.interval == pytest.approx(alone.interval)


def test_it_refuses_to_conclude_on_a_thin_log() -> None:
    d = log(rows=120, seed=4)
    found = evaluate(d["outcome"], d["arm"], d["propensity"], d["policy"])
    assert Limitation.FEW_EFFECTIVE_ROWS in found.flags
    assert not found.conclusive
    assert found.to_dict()["conclusive"] is False
    assert evaluate(d["outcome"], d["arm"], d["propensity"], d["policy"], floor=5).conclusive


def test_what_limits_the_value_is_flagged() -> None:
    d = log(rows=400, seed=5)
    never = np.where(d["policy"] == "A", "C", "B")
    assert Limitation.CHOICES_NEVER_LOGGED in evaluate(d["outcome"], d["arm"], d["propensity"], never).flags
    d["outcome"][:50] = np.nan
    found = evaluate(d["outcome"], d["arm"], d["propensity"], d["policy"], d["model"])
    assert found.flags == (Limitation.OUTCOMES_MISSING,)
    assert evaluate(d["outcome"], d["arm"], d["propensity"], d["policy"]).flags == (
        Limitation.NO_OUTCOME_MODEL,
        Limitation.OUTCOMES_MISSING,
    )
    rare = d["propensity"].copy()
    rare[60:62] = 1e-6
    assert Limitation.EXTREME_WEIGHTS in evaluate(d["outcome"], d["arm"], rare, d["arm"], d["model"]).flags


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"propensity": np.zeros(400)}, "above 0"),
        ({"outcome": np.full(400, np.nan)}, "No outcome"),
        ({"policy": np.full((400, 3), 0.5)}, "sum to 1"),
        ({"weight": np.zeros(400)}, "weights"),
        ({"arm": ["A"]}, "one value for each"),
    ],
)
def test_input_that_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    d = log(rows=400, seed=6)
    inputs = {name: d[name] for name in ("outcome", "arm", "propensity", "policy")} | changes
    with pytest.raises(UsageError, match=message):
        evaluate(**inputs)


def test_value_captured_is_the_share_of_the_way_to_the_best() -> None:
    mean = np.array([[0.5, 0.2, 0.3], [0.1, 0.6, 0.3]])
    eligible = np.array([[1, 1, 1], [1, 0, 1]])
    usual = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5]])
    found = value_captured(mean=mean, eligible=eligible, propensity=usual, policy=["A", "NONE"], arms=ARMS)
    assert (found.policy, found.status_quo, found.best) == pytest.approx((0.4, 0.225, 0.4))
    assert found.captured == pytest.approx(1.0)
    same = value_captured(mean=mean, eligible=eligible, propensity=usual, policy=usual, arms=ARMS)
    assert same.captured == pytest.approx(0.0)
    with pytest.raises(UsageError, match="not eligible"):
        value_captured(mean=mean, eligible=eligible, propensity=usual, policy=["A", "B"], arms=ARMS)
    flat = value_captured(mean=mean * 0, eligible=eligible, propensity=usual, policy=usual, arms=ARMS)
    assert flat.captured is None


def test_the_truth_of_a_world_is_laid_out_by_arm() -> None:
    table = pl.DataFrame(
        {
            "crn": ["X2", "X1", "X1"],
            "decided_on": [3, 2, 2],
            "intervention_id": ["NONE", "tsp", "NONE"],
            "eligible": [True, True, True],
            "propensity": [1.0, 0.25, 0.75],
            "p_progress": [0.4, 0.6, 0.5],
        }
    )
    truth = read_truth(table)
    assert truth.arms == ("NONE", "tsp")
    assert truth.keys["crn"].to_list() == ["X1", "X2"]
    assert truth.mean.tolist() == [[0.5, 0.6], [0.4, 0.0]]
    assert truth.eligible.tolist() == [[True, True], [True, False]]
    assert truth.propensity.tolist() == [[0.75, 0.25], [1.0, 0.0]]
