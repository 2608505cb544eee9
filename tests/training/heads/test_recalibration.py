"""A later block moves a model's chances where it contradicts them, and leaves them where chance explains it."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.calibration import Calibrator
from training.config import Scorecards
from training.heads.fitting import AS_IT_IS, unseen_line
from training.heads.recalibration import follow, recalibrated


def rows(
    n: int, seed: int, *, level: float = 0.0, slope: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, the true chances that a level and a slope make of them, and outcomes drawn from those."""
    rng = np.random.default_rng(seed)
    score = rng.normal(0.8, 0.9, n)
    true = 1 / (1 + np.exp(-(level + slope * score)))
    return score, true, (rng.random(n) < true).astype(float)


def test_chances_that_mean_what_they_say_are_left_alone_more_closely_than_a_free_curve_leaves_them() -> None:
    ours, free = [], []
    for seed in range(40):
        score, true, y = rows(1_300, seed)
        ours.append(np.mean((recalibrated(score, y).predict(score) - true) ** 2))
        curve = Calibrator(method="beta", scale="log-odds").fit(score, y)
        free.append(np.mean((curve.predict(score) - true) ** 2))
    assert np.sqrt(np.mean(ours)) < 0.013
    assert np.sqrt(np.mean(free)) > 0.018


@pytest.mark.parametrize(("level", "slope"), [(0.4, 1.0), (0.0, 0.6), (-0.5, 1.4)])
def test_what_many_rows_contradict_is_followed(level: float, slope: float) -> None:
    score, true, y = rows(40_000, 3, level=level, slope=slope)
    found = recalibrated(score, y)
    assert np.sqrt(np.mean((found.predict(score) - true) ** 2)) < 0.006
    beta = Calibrator(method="beta", scale="log-odds").fit(score, y)
    assert np.abs(found.predict(score) - beta.predict(score)).max() < 0.02


def test_few_rows_of_a_large_shift_are_followed_too() -> None:
    score, true, y = rows(1_300, 5, level=-0.8)
    off = np.sqrt(np.mean((1 / (1 + np.exp(-score)) - true) ** 2))
    assert np.sqrt(np.mean((recalibrated(score, y).predict(score) - true) ** 2)) < off / 5


def test_a_line_that_is_known_beforehand_is_where_few_rows_leave_chances() -> None:
    score, true, y = rows(300, 2, slope=1.2, level=0.3)
    told = recalibrated(score, y, line=(1.2, 0.3)).predict(score)
    assert told == pytest.approx(true, abs=1e-9)


def test_a_shrunk_fit_is_stretched_by_what_people_it_has_not_seen_say() -> None:
    rng = np.random.default_rng(4)
    design = pl.DataFrame({f"x{i}": rng.normal(size=3_000) for i in range(4)})
    chance = 1 / (1 + np.exp(-design.to_numpy().sum(axis=1) * 0.7))
    y = (rng.random(3_000) < chance).astype(float)
    settings = Scorecards(ridge_rows=2_400.0, max_bins=16, bags=2, max_pairs=0)
    people = pl.Series([f"P{row // 2}" for row in range(3_000)])
    slope, level = unseen_line(design, y, settings=settings, weight=np.ones(3_000), groups=people, n_jobs=1)
    assert 1.02 < slope < 1.5
    assert abs(level) < 0.1
    few = unseen_line(
        design[:300], y[:300], settings=settings, weight=np.ones(300), groups=people[:300], n_jobs=1
    )
    assert few == AS_IT_IS


def test_rows_of_one_person_are_no_evidence_of_many() -> None:
    score, _, y = rows(400, 8, level=0.25)
    many, people = np.tile(score, 10), np.tile(np.arange(400), 10)
    alone = recalibrated(score, y)
    told = recalibrated(many, np.tile(y, 10), groups=people)
    fooled = recalibrated(many, np.tile(y, 10))
    assert told.predict(score) == pytest.approx(alone.predict(score), abs=2e-3)
    assert np.abs(fooled.predict(score) - alone.predict(score)).max() > 0.01
    assert np.array(told.covariance)[0] == pytest.approx(alone.covariance[0], rel=0.02)


def test_scores_that_tell_nothing_or_the_wrong_way_give_everybody_one_chance() -> None:
    score, _, y = rows(5_000, 9, slope=-0.7)
    assert np.ptp(recalibrated(score, y).predict(score)) < 1e-12
    constant = recalibrated(np.full(500, 0.3), np.tile([1.0, 0.0, 0.0, 0.0], 125)).predict([0.3])[0]
    assert constant == pytest.approx(0.25, abs=0.01)


@given(st.lists(st.tuples(st.floats(-30, 30), st.booleans()), min_size=2, max_size=60))
def test_any_scores_give_chances_that_never_fall(drawn: list[tuple[float, bool]]) -> None:
    score = np.array([value for value, _ in drawn] + [0.0, 0.0])
    y = np.array([float(came) for _, came in drawn] + [0.0, 1.0])
    found = recalibrated(score, y)
    low, high = found.interval(np.sort(score))
    chances = found.predict(np.sort(score))
    assert ((chances >= 0) & (chances <= 1)).all()
    assert (np.diff(chances) >= -1e-12).all()
    assert ((low <= chances) & (chances <= high)).all()


@given(st.floats(-50, 50))
def test_the_share_that_is_followed_lies_between_none_and_all(errors: float) -> None:
    share = float(follow(np.array([errors]))[0])
    assert 0 <= share < 1
    assert share == 0 or abs(errors) > 2
