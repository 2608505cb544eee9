"""What arms share: chances that are true on average, kinds and families, and how much of an effect a person gets."""

import json
from typing import Any

import numpy as np
import pytest

from scoring.effects import EffectModel
from training.benefit import BenefitModel, groups, moderation, modifiers, nuisance
from training.benefit.rows import TrainingRows
from training.frames import read


def test_chances_are_true_on_average_for_every_arm(simulate: Any) -> None:
    w = simulate(rows=6000, arms=12, seed=5)
    x = nuisance.features(read(w.X), None)
    fold = nuisance.person_folds(w.person, folds=3, seed=0)
    codes = np.array([w.arms.index(a) for a in w.arm])
    found = nuisance.propensities(
        x, codes, w.eligible, fold, threads=1, seed=0, say=lambda _step: None, reference=0
    )
    assert np.allclose(found.sum(axis=1), 1.0, atol=1e-5)
    assert not found[~w.eligible].any()
    taken = np.bincount(codes, minlength=len(w.arms)) / len(codes)
    assert np.abs(found.mean(axis=0) - taken).max() < 0.01
    assert abs(found[:, 0].mean() - w.propensity[:, 0].mean()) < 0.015


def test_the_shared_part_finds_who_gets_more(simulate: Any) -> None:
    rng = np.random.default_rng(0)
    design = np.column_stack([np.ones(8000), rng.normal(size=(8000, 3))])
    effect = rng.normal(size=8000) * 0.3
    residual = effect * np.clip(1 + 0.6 * design[:, 1], 0.1, 4) + 0.4 * rng.normal(size=8000)
    found = moderation.fit_moderation(
        residual=residual, effect=effect, design=design, weight=np.ones(8000), widths=[1, 1, 1], noise=0.16
    )
    assert found.coefficients == pytest.approx([0.55, 0, 0], abs=0.12)
    nothing = moderation.fit_moderation(
        residual=effect + 0.4 * rng.normal(size=8000),
        effect=effect,
        design=design,
        weight=np.ones(8000),
        widths=[1, 1, 1],
        noise=0.16,
    )
    assert np.abs(nothing.coefficients).max() < 0.1


def test_a_served_model_with_a_shared_part_adds_up(simulate: Any) -> None:
    w = simulate(rows=4000, arms=8, seed=3)
    model = BenefitModel(threads=1, folds=2, random_state=1).fit(w.X, w.arm, w.outcome, groups=w.person)
    served = EffectModel.from_json(json.dumps(json.loads(model.model_.to_json())))
    assert (
        np.ptp(
            served.moderation.share(
                served.design([m.bins_of(w.X[m.name].to_numpy()) for m in served.modifiers], people=len(w.X))
            )
        )
        > 0
    )
    columns = {name: w.X[name].to_numpy()[:40] for name in served.feature_names}
    many, parts = served.effects(columns), served.explain(columns)
    assert parts.intercept + parts.terms.sum(axis=2) == pytest.approx(many.effect, abs=1e-12)
    for row in range(40):
        alone = {name: values[row : row + 1] for name, values in columns.items()}
        one, its_parts = served.effects(alone), served.explain(alone)
        assert one.effect[0] == pytest.approx(many.effect[row], abs=1e-12)
        assert one.lower[0] == pytest.approx(many.lower[row], abs=1e-12)
        assert its_parts.terms[0] == pytest.approx(parts.terms[row], abs=1e-12)
    mean = served.mean_effects(columns)
    assert [mean[arm][0] for arm in served.arms] == pytest.approx(many.effect.mean(axis=0), abs=1e-12)
    only = served.mean_effects(columns, arms=[served.arms[2]])
    assert only == {served.arms[2]: mean[served.arms[2]]}


def _rows(*, gap: float, seed: int) -> tuple[TrainingRows, np.ndarray]:
    """Ten arms, two groups; the effect of the first arm is larger by `gap` in group b."""
    rng = np.random.default_rng(seed)
    n, arms = 12_000, 10
    group = rng.choice(["a", "b"], n)
    arm = rng.integers(0, arms + 1, n)
    outcome = (rng.random(n) < 0.4 + gap * ((arm == 1) & (group == "b"))).astype(float)
    return TrainingRows(
        arms=("NONE", *(f"arm{i}" for i in range(arms))),
        reference=0,
        arm=arm.astype(np.int64),
        outcome=outcome,
        weight=np.ones(n),
        propensity=np.full((n, arms + 1), 1 / (arms + 1), dtype=np.float32),
        expected=np.full((n, arms + 1), 0.4, dtype=np.float32),
        eligible=np.ones((n, arms + 1), dtype=bool),
        groups=np.arange(n),
    ), group


def test_differences_by_group_are_reported_within_the_stated_rate() -> None:
    reports = [groups.differences(*_rows(gap=0.0, seed=seed)) for seed in range(20)]
    assert (
        sum(bool(found["reported"].any()) for found in reports) <= 4
    )  # 20 draws at 5%: 5 or more in 1 of 400
    assert all(len(found) == 10 for found in reports)


def test_a_planted_difference_is_reported() -> None:
    found = groups.differences(*_rows(gap=0.35, seed=1))
    assert found[found["reported"]]["arm"].to_list() == ["arm0"]
    assert found["difference"].iloc[0] == pytest.approx(-0.35, abs=0.1)


def test_kinds_hold_arms_together(simulate: Any) -> None:
    w = simulate(rows=4000, arms=12, seed=9, effect=0.12)
    kinds = {arm: (f"kind{i % 2}", f"family{i % 6}") for i, arm in enumerate(w.arms[1:])}
    settings = {"threads": 1, "folds": 2, "modifiers": ["risk"]}
    model = BenefitModel(families=kinds, **settings).fit(w.X, w.arm, w.outcome, groups=w.person)
    spread = model.model_.report["standard_deviations"]["average"]
    assert len(spread["families"]) == 2
    assert model.model_.families[w.arms[1]] == "family0"


@pytest.mark.parametrize("apart", [False, True])
def test_arms_depend_on_a_fact_of_their_own_only_where_the_evidence_is_strong(*, apart: bool) -> None:
    rng = np.random.default_rng(3)
    n, arms = 6000, 8
    x = rng.normal(size=n)
    code = np.where(rng.random(n) < 0.4, 0, rng.integers(1, arms + 1, n))
    sign = np.where(code % 2 == 0, -1.0, 1.0) if apart else 1.0
    outcome = 0.3 * (code > 0) * (1 + apart * sign * x) + 0.5 * rng.normal(size=n)
    names = np.array(["NONE", *(f"arm{i}" for i in range(arms))], dtype=object)
    served = BenefitModel(threads=1, folds=2).fit({"x": x}, names[code], outcome).model_
    tables = [np.abs(np.concatenate(arm["tables"])).max() for arm in served.to_dict()["arms"]]
    assert all((size > 0.2) if apart else (size == 0.0) for size in tables)


def test_any_need_of_an_arm_counts_and_counts_once() -> None:
    columns = {"drugs": np.array([0.0, 3, 3, np.nan]), "money": np.array([0.0, 0, 5, 5])}
    table = read(columns)
    cuts = tuple(m for name in columns if (m := modifiers.cut(table, name, degree=1, threshold=2.0)))
    needs = modifiers.needs_of(cuts, ["a", "b", "c"], {"a": ["drugs", "money"], "b": ["drugs"]})
    met = modifiers.needs_met(cuts, modifiers.places(cuts, table), needs)
    assert met is not None
    assert met.T.tolist() == [[0, 1, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert modifiers.needs_met(cuts, modifiers.places(cuts, table), needs[2:]) is None
