"""Beside the effects: hidden confounding, the policy in three questions, and too few places."""

import itertools
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogue.errors import UsageError
from training.benefit import BenefitModel
from training.benefit.capacity import allocate
from training.benefit.sensitivity import e_values, leading_suggestions
from training.benefit.tree import Branch, grow


@pytest.fixture(scope="module")
def fitted(simulate: Any) -> tuple[Any, BenefitModel]:
    world = simulate(rows=5000, arms=4, effect=0.2, seed=9)
    model = BenefitModel(threads=1).fit(
        world.X,
        world.arm,
        world.outcome,
        groups=world.person,
        eligible=world.eligible_frame(),
        propensity=world.propensity_frame(),
    )
    return world, model


@pytest.mark.parametrize(
    ("effect", "baseline", "expected"),
    [
        (0.0, 0.4, 1.0),
        (0.4, 0.4, 2 + 2**0.5),  # risk ratio 2 (VanderWeele and Ding: 3.41)
        (-0.2, 0.4, 2 + 2**0.5),
        (0.195, 0.05, 9.27),  # risk ratio 4.9: the paper's own order of magnitude
    ],
)
def test_e_value_is_the_published_formula(effect: float, baseline: float, expected: float) -> None:
    assert float(e_values(effect=effect, baseline=baseline)) == pytest.approx(expected, abs=0.01)


def test_e_value_of_a_number_uses_its_deviation() -> None:
    ratio = np.exp(0.91 * 0.5)
    found = float(e_values(effect=-1.0, baseline=7.0, deviation=2.0))
    assert found == pytest.approx(ratio + np.sqrt(ratio * (ratio - 1)))
    with pytest.raises(UsageError, match="above 0"):
        e_values(effect=1.0, baseline=0.0, deviation=0.0)


def test_each_leading_suggestion_has_its_sensitivity(fitted: tuple[Any, BenefitModel]) -> None:
    world, model = fitted
    table = leading_suggestions(model, world.X, eligible=world.eligible_frame())
    chosen = model.recommend(world.X, world.eligible_frame())
    assert dict(zip(table["arm"], table["people"], strict=True)) == {
        arm: int((chosen == arm).sum()) for arm in world.arms[1:] if (chosen == arm).any()
    }
    assert (table["e_value"] >= table["e_value_of_bound"]).all()
    assert (table["e_value_of_bound"] >= 1).all()
    assert (table["e_value"] > 1).all()


def _leaves(branch: Branch) -> list[Branch]:
    if branch.yes is None or branch.no is None:
        return [branch]
    return _leaves(branch.yes) + _leaves(branch.no)


def test_three_questions_hold_everybody_and_beat_one_arm_for_all(fitted: tuple[Any, BenefitModel]) -> None:
    world, model = fitted
    tree = grow(model.model_, world.X, eligible=world.eligible_frame(), least=100)
    alone = grow(model.model_, world.X, eligible=world.eligible_frame(), depth=0)
    leaves = _leaves(tree)
    assert 2 <= len(leaves) <= 8
    assert sum(leaf.people for leaf in leaves) == len(world.X)
    assert min(leaf.people for leaf in leaves) >= 100
    assert tree.gain > alone.gain
    assert tree.to_dict()["yes"]["people"] + tree.to_dict()["no"]["people"] == len(world.X)


def test_a_tree_of_nobody_is_refused(fitted: tuple[Any, BenefitModel]) -> None:
    world, model = fitted
    with pytest.raises(UsageError, match="empty"):
        grow(model.model_, world.X.iloc[:0])


def _candidates(effects: list[list[int]]) -> pl.DataFrame:
    rows = [
        {
            "region": "A",
            "week": 1,
            "pdu": f"P{person % 2}",
            "person": f"X{person}",
            "intervention_id": f"i{arm}",
            "effect": effect / 100,
            "suggested": effect >= 0,
        }
        for person, row in enumerate(effects)
        for arm, effect in enumerate(row)
    ]
    return pl.DataFrame(rows)


def _capacity(places: list[int]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"region": "A", "week": 1, "intervention_id": f"i{arm}", "places": n}
            for arm, n in enumerate(places)
        ]
    )


def _best_by_hand(effects: list[list[int]], places: list[int]) -> int:
    best = 0
    for choice in itertools.product(range(-1, len(places)), repeat=len(effects)):
        used = [choice.count(arm) for arm in range(len(places))]
        if all(u <= p for u, p in zip(used, places, strict=True)):
            best = max(best, sum(max(effects[i][arm], 0) for i, arm in enumerate(choice) if arm >= 0))
    return best


@settings(max_examples=40, deadline=None)
@given(
    effects=st.lists(st.lists(st.integers(-3, 9), min_size=2, max_size=2), min_size=1, max_size=5),
    places=st.lists(st.integers(0, 3), min_size=2, max_size=2),
)
def test_places_go_where_they_do_most(effects: list[list[int]], places: list[int]) -> None:
    found = allocate(_candidates(effects), _capacity(places))
    assert found.gain * len(effects) * 100 == pytest.approx(_best_by_hand(effects, places))
    assert found.placed["person"].is_unique().all()
    used = dict(found.placed.group_by("intervention_id").len().iter_rows())
    assert all(used.get(f"i{arm}", 0) <= n for arm, n in enumerate(places))
    assert found.gain <= found.unlimited_gain + 1e-12


def test_unmet_need_is_counted_by_intervention_and_area() -> None:
    found = allocate(_candidates([[5], [4], [-2], [3]]), _capacity([1]))
    assert found.unmet.to_dicts() == [
        {"intervention_id": "i0", "pdu": "P0", "eligible": 2, "suggested": 1, "without_place": 0},
        {"intervention_id": "i0", "pdu": "P1", "eligible": 2, "suggested": 2, "without_place": 2},
    ]
    assert found.people == 4
    assert found.gain == pytest.approx(0.05 / 4)
    assert found.unlimited_gain == pytest.approx(0.12 / 4)


def test_tables_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="lacks the column places"):
        allocate(_candidates([[1]]), _capacity([1]).drop("places"))
    with pytest.raises(UsageError, match="below 0"):
        allocate(_candidates([[1]]), _capacity([-1]))
