"""Calibration maps: equal to the published package, monotone, and chosen by held-out loss."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from venn_abers import VennAbers

from scoring.scorecard.calibration import CalibrationError, CalibrationMap
from training.calibration import Calibrator


def sample(rows: int, seed: int, decimals: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    score = rng.random(rows)
    if decimals is not None:
        score = score.round(decimals)
    y = (rng.random(rows) < score**1.7).astype(int)
    y[:2] = 0, 1
    return score, y


@pytest.mark.parametrize(("rows", "decimals"), [(2, None), (40, 1), (300, None), (1500, 2), (4000, None)])
def test_venn_abers_equals_the_package(rows: int, decimals: int | None) -> None:
    score, y = sample(rows, seed=rows, decimals=decimals)
    mine = Calibrator(method="venn-abers").fit(score, y)
    theirs = VennAbers()
    theirs.fit(np.column_stack((1 - score, score)), y)
    probe = np.concatenate((np.random.default_rng(1).random(300), score[:200], [0.0, 1.0]))
    chance, pair = theirs.predict_proba(np.column_stack((1 - probe, probe)))
    lower, upper = mine.interval(probe)
    assert np.abs(mine.predict(probe) - chance[:, 1]).max() < 1e-12
    assert np.abs(lower - pair[:, 0]).max() < 1e-12
    assert np.abs(upper - pair[:, 1]).max() < 1e-12


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=2, max_size=60),
    method=st.sampled_from(["venn-abers", "beta", "auto"]),
    log_odds=st.booleans(),
)
def test_maps_never_fall_and_hold_their_interval(
    rows: list[tuple[int, bool]], method: str, *, log_odds: bool
) -> None:
    y = np.array([outcome for _, outcome in rows])
    score = np.array([place / 20 for place, _ in rows])
    if y.all() or not y.any():
        with pytest.raises(CalibrationError, match="both classes"):
            Calibrator().fit(score, y)
        return
    if log_odds:
        score = score * 12 - 6
    model = Calibrator(method=method, scale="log-odds" if log_odds else "probability").fit(score, y)  # type: ignore[arg-type]
    probe = np.linspace(-9, 9, 83) if log_odds else np.linspace(0, 1, 83)
    chance = model.predict(probe)
    lower, upper = model.interval(probe)
    assert (np.diff(chance) >= -1e-12).all()
    assert ((lower <= chance + 1e-12) & (chance <= upper + 1e-12)).all()
    assert ((lower >= 0) & (upper <= 1)).all()
    again = CalibrationMap.from_dict(json.loads(json.dumps(model.map_.to_dict())))
    assert again == model.map_
    one = [again.predict(float(value)) for value in probe]
    assert np.abs(np.array(one) - chance).max() < 1e-12
    assert again.interval(float(probe[40])) == pytest.approx((lower[40], upper[40]), abs=1e-12)


def test_a_calibrated_score_is_left_nearly_as_it_is() -> None:
    rng = np.random.default_rng(0)
    score = rng.beta(2, 3, 20_000)
    y = rng.random(20_000) < score
    model = Calibrator(method="beta").fit(score, y)
    probe = np.linspace(0.05, 0.9, 30)
    assert np.abs(model.predict(probe) - probe).max() < 0.03
    lower, upper = model.interval(probe)
    assert ((lower < probe + 0.01) & (probe - 0.01 < upper)).all()


def test_the_choice_is_by_held_out_loss() -> None:
    rng = np.random.default_rng(0)
    score = rng.random(6000)
    stepped = np.where(score < 0.3, 0.1, np.where(score < 0.6, 0.5, 0.55))
    smooth = 1 / (1 + np.exp(-(1.3 * np.log(score) - 0.4 * np.log1p(-score))))
    steps = Calibrator().fit(score, rng.random(6000) < stepped)
    curve = Calibrator().fit(score[:120], rng.random(120) < smooth[:120])
    assert steps.method_ == "venn-abers"
    assert curve.method_ == "beta"
    for model in (steps, curve):
        assert model.held_out_loss_[model.method_] == min(model.held_out_loss_.values())
    assert Calibrator().fit([0.1, 0.2, 0.8, 0.9], [0, 1, 0, 1]).method_ == "beta"


def test_beta_recovers_a_planted_curve() -> None:
    rng = np.random.default_rng(1)
    score = rng.random(60_000)
    truth = 1 / (1 + np.exp(-(1.4 * np.log(score) - 0.6 * np.log1p(-score) + 0.3)))
    a, b, c = Calibrator(method="beta").fit(score, rng.random(60_000) < truth).map_.curve
    assert (a, b, c) == pytest.approx((1.4, 0.6, 0.3), abs=0.12)


@pytest.mark.parametrize("method", ["venn-abers", "beta"])
def test_whole_weights_are_repeated_rows_and_order_does_not_matter(method: str) -> None:
    score, y = sample(200, seed=3, decimals=2)
    weight = np.random.default_rng(2).integers(0, 4, 200)
    weight[:2] = 1
    order = np.random.default_rng(4).permutation(200)
    weighed = Calibrator(method=method).fit(score[order], y[order], sample_weight=weight[order])  # type: ignore[arg-type]
    repeated = Calibrator(method=method).fit(np.repeat(score, weight), np.repeat(y, weight))  # type: ignore[arg-type]
    probe = np.linspace(0, 1, 50)
    assert np.abs(weighed.predict(probe) - repeated.predict(probe)).max() < 1e-9


def test_log_odds_and_chances_agree() -> None:
    score, y = sample(3000, seed=5)
    score = np.clip(score, 0.01, 0.99)
    raw = np.log(score / (1 - score))
    one = Calibrator(method="beta").fit(score, y)
    two = Calibrator(method="beta").fit(raw, y)
    assert two.map_.scale == "log-odds"
    assert np.abs(one.predict(score[:50]) - two.predict(raw[:50])).max() < 1e-6


ERRORS = [
    (lambda: Calibrator(method="platt").fit([0.1, 0.9], [0, 1]), "method"),  # type: ignore[arg-type]
    (lambda: Calibrator(scale="points").fit([0.1, 0.9], [0, 1]), "scale"),  # type: ignore[arg-type]
    (lambda: Calibrator(scale="probability").fit([0.1, 1.9], [0, 1]), "outside"),
    (lambda: Calibrator().fit([0.1, 0.9], [0, 2]), "0 or 1"),
    (lambda: Calibrator().fit([0.1, 0.9], [1, 1]), "both classes"),
    (lambda: Calibrator().fit([0.1, np.nan], [0, 1]), "NaN"),
    (lambda: Calibrator().fit([0.1, 0.9], [0, 1, 1]), "inconsistent"),
    (lambda: Calibrator().fit([0.1, 0.9], [0, 1], [1, -1]), "not negative"),
    (lambda: Calibrator().fit([0.1, 0.9], [0, 1]).predict([1.5]), "from 0 to 1"),
    (lambda: Calibrator().fit([0.1, 0.9], [0, 1]).map_.predict(float("nan")), "from 0 to 1"),
    (lambda: Calibrator(method="venn-abers").fit([-3, 3], [0, 1]).map_.predict(float("inf")), "log-odds"),
    (lambda: CalibrationMap.from_dict({"format": "x"}), "format"),
    (
        lambda: CalibrationMap("venn-abers", "probability", scores=(0.5,), below=(0.1,), above=(0.2,)),
        "one step more",
    ),
    (lambda: CalibrationMap("venn-abers", "probability", (0.5,), (0.3, 0.1), (0.2, 0.4)), "never fall"),
    (lambda: CalibrationMap("beta", "probability", curve=(-1.0, 1.0, 0.0)), "at least 0"),
]


@pytest.mark.parametrize(("make", "says"), ERRORS)
def test_bad_input_is_refused(make, says: str) -> None:  # noqa: ANN001
    with pytest.raises(ValueError, match=says):
        make()


@pytest.mark.parametrize("method", ["venn-abers", "beta"])
def test_a_written_calibrator_predicts_the_same(method: str, tmp_path: Path) -> None:
    score, y = sample(300, seed=8)
    model = Calibrator(method=method).fit(score, y)  # type: ignore[arg-type]
    model.to_json(tmp_path / "map.json")
    again = Calibrator.from_json(tmp_path / "map.json")
    assert (again.predict(score) == model.predict(score)).all()
    assert again.map_ == model.map_
    (tmp_path / "map.json").write_text("[1]")
    with pytest.raises(CalibrationError, match="object"):
        Calibrator.from_json(tmp_path / "map.json")


def test_it_can_be_cloned() -> None:
    assert clone(Calibrator(method="beta")).get_params() == {"method": "beta", "scale": "auto"}
