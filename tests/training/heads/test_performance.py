"""Held-out figures against scikit-learn, against hand counts and under chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import roc_auc_score

from training.heads.performance import auc, barely_predictable, calibration, performance


@given(hnp.arrays(np.bool_, 60), hnp.arrays(np.float64, 60, elements=st.sampled_from([0.1, 0.2, 0.3, 0.7])))
def test_the_auc_is_scikit_learns(y: np.ndarray, p: np.ndarray) -> None:
    found = auc(y.astype(float), p)
    if y.all() or not y.any():
        assert found is None
    else:
        assert found == pytest.approx(roc_auc_score(y, p))


def test_figures_of_a_calibrated_chance_and_of_none() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.05, 0.95, 20_000)
    held = performance((rng.random(20_000) < p).astype(float), p)
    assert held.calibration_slope == pytest.approx(1.0, abs=0.05)
    assert held.calibration_in_the_large == pytest.approx(0.0, abs=0.05)
    assert held.calibration_error is not None
    assert held.calibration_error < 0.015
    empty = performance([], [])
    assert empty.auc is None
    assert empty.brier is None


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_outcomes_are_barely_predictable_and_real_ones_are_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(500), 4)
    p = np.repeat(rng.uniform(0.1, 0.9, 500), 4)
    y = (rng.random(2000) < p).astype(float)
    assert not barely_predictable(y, p, float(y.mean()), people)
    assert barely_predictable(rng.permutation(y), p, float(y.mean()), people)


def test_the_debiased_calibration_error_sees_bias_and_not_chance() -> None:
    rng = np.random.default_rng(5)
    squares: dict[float, list[float]] = {0.0: [], 0.06: []}
    for _ in range(60):
        p = rng.uniform(0.2, 0.8, 600)
        for bias, found in squares.items():
            measured = calibration((rng.random(600) < p + bias).astype(float), p)
            assert measured is not None
            found.append(measured.debiased_square)
            if not bias:
                # Chance alone makes the plain error of 600 perfect chances about four points.
                assert measured.by_chance == pytest.approx(0.04, abs=0.01)
    assert np.mean(squares[0.0]) == pytest.approx(0.0, abs=0.0006)
    assert np.sqrt(np.mean(squares[0.06])) == pytest.approx(0.06, abs=0.008)


def test_rows_of_one_person_count_once_in_the_chance_of_a_calibration_error() -> None:
    rng = np.random.default_rng(6)
    p = np.repeat(rng.uniform(0.3, 0.7, 200), 8)
    y = np.repeat((rng.random(200) < p[::8]).astype(float), 8)
    alone, together = calibration(y, p), calibration(y, p, np.repeat(np.arange(200), 8))
    assert alone is not None
    assert together is not None
    assert together.by_chance > 2 * alone.by_chance


def test_chances_are_judged_with_the_weights_of_those_who_stand_for_the_censored() -> None:
    rng = np.random.default_rng(7)
    p = rng.uniform(0.3, 0.9, 6000)
    y = (rng.random(6000) < p).astype(float)
    # Half of those with the event are lost: those who remain speak for two.
    seen = (y == 0) | (rng.random(6000) < 0.5)
    weight = np.where(y == 1, 2.0, 1.0)[seen]
    plain = performance(y[seen], p[seen])
    weighed = performance(y[seen], p[seen], weight=weight)
    assert plain.calibration_in_the_large is not None
    assert plain.calibration_in_the_large < -0.5
    assert weighed.calibration_in_the_large == pytest.approx(0.0, abs=0.1)
    assert weighed.calibration_error is not None
    assert weighed.calibration_error < 0.03
    ones = performance(y, p, weight=np.ones(6000)).to_dict()
    assert ones == pytest.approx(performance(y, p).to_dict())
