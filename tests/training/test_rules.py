"""Blocks of time, labels, censoring, figures, thresholds, promotion, configuration: rules as tables and laws."""

import re
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import roc_auc_score

from catalogue.errors import UsageError
from signpost.commands.train import train
from training import alerts, commence, complete, registry
from training.alerts import Watched
from training.censoring import censoring_weights
from training.config import TrainingConfig, options
from training.performance import auc, barely_predictable, calibration, performance
from training.profile import profile, stability
from training.registry import promotion
from training.splits import blocks, last_usable, sample, usable

DAY = date(2024, 1, 1)


def outcomes(*rows: tuple[int | None, int | None, str]) -> pl.DataFrame:
    """Referrals made on DAY: days to the start, days to the end, and the kind of end."""
    after = [(None if a is None else DAY + timedelta(days=a)) for a, _, _ in rows]
    ended = [(None if b is None else DAY + timedelta(days=b)) for _, b, _ in rows]
    return pl.DataFrame(
        {
            "referral_id": [f"r{i}" for i in range(len(rows))],
            "crn": [f"c{i}" for i in range(len(rows))],
            "intervention_id": ["x"] * len(rows),
            "referred_on": [DAY] * len(rows),
            "commenced_on": pl.Series(after, dtype=pl.Date),
            "ended_on": pl.Series(ended, dtype=pl.Date),
            "end": [end for _, _, end in rows],
        }
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((20, 90, "COMPLETED"), 1.0),
        ((None, 90, "COMPLETED"), 1.0),  # completed without a recorded start has started
        ((20, None, "OPEN"), 1.0),
        ((200, None, "OPEN"), 0.0),  # too late
        ((None, None, "OPEN"), 0.0),
        ((None, 60, "ENGAGEMENT"), 0.0),
        ((None, 60, "ADMINISTRATIVE"), None),
        ((None, 300, "ADMINISTRATIVE"), 0.0),  # it had not started when the window closed
        ((20, 60, "ADMINISTRATIVE"), 1.0),  # it had
    ],
)
def test_the_label_of_starting(row: tuple[int | None, int | None, str], expected: float | None) -> None:
    found = commence.labels(outcomes(row), window_days=183)
    assert found.rows["y"].to_list() == ([] if expected is None else [expected])
    assert found.censored == (expected is None)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((20, 90, "COMPLETED"), [1.0]),
        ((20, 90, "ENGAGEMENT"), [0.0]),
        ((20, 90, "ADMINISTRATIVE"), []),
        ((20, None, "OPEN"), []),
        ((20, 400, "COMPLETED"), []),  # still running when the window closed
        ((None, 90, "ENGAGEMENT"), []),  # never started: not this head's question
        ((None, 90, "COMPLETED"), [1.0]),
    ],
)
def test_the_label_of_finishing(row: tuple[int | None, int | None, str], expected: list[float]) -> None:
    assert complete.labels(outcomes(row), window_days=365).rows["y"].to_list() == expected


def test_those_who_remain_stand_for_those_who_were_lost() -> None:
    # Four are followed; one is lost at 10 days, when three remain: each of them speaks for 4/3.
    weights = censoring_weights([5, 10, 20, 30], [False, True, False, False])
    assert np.allclose(weights, [1.0, 0.0, 3 / 2, 3 / 2])
    assert np.allclose(censoring_weights([1, 2, 3], [False] * 3), 1.0)


@given(hnp.arrays(np.int64, 40, elements=st.integers(0, 30)), hnp.arrays(np.bool_, 40))
def test_censoring_weights_are_never_below_one_for_who_was_seen(times: np.ndarray, lost: np.ndarray) -> None:
    weights = censoring_weights(times, lost)
    assert (weights[lost] == 0).all()
    assert (weights[~lost] >= 1).all()


@given(st.dates(date(2022, 1, 1), date(2026, 1, 1)), st.integers(1, 400), st.integers(0, 300))
def test_a_label_is_used_only_after_its_window_and_gap(training_date: date, window: int, gap: int) -> None:
    rows = pl.DataFrame({"as_of": pl.date_range(date(2021, 1, 1), date(2026, 1, 1), "7d", eager=True)})
    kept = usable(rows, training_date, window_days=window, gap_days=gap)
    assert all(day + timedelta(days=window + gap) < training_date for day in kept["as_of"])
    assert kept.height == (rows["as_of"] < last_usable(training_date, window_days=window, gap_days=gap)).sum()


def test_blocks_follow_each_other_and_lose_nothing() -> None:
    days = pl.Series([DAY + timedelta(days=i // 3) for i in range(300)])
    cut = blocks(days, calibration_share=0.2, test_share=0.2, head="any")
    frame = pl.DataFrame({"as_of": days})
    parts = [frame.filter(part) for part in (cut.fit(), cut.calibrate(), cut.test())]
    assert sum(part.height for part in parts) == 300
    assert (
        parts[0]["as_of"].max() < parts[1]["as_of"].min() <= parts[1]["as_of"].max() < parts[2]["as_of"].min()
    )
    with pytest.raises(UsageError, match="too few"):
        blocks(days[:5], calibration_share=0.2, test_share=0.2, head="any")


def test_a_sample_keeps_people_whole_and_does_not_depend_on_order() -> None:
    rows = pl.DataFrame({"crn": [f"c{i % 50}" for i in range(500)], "n": range(500)})
    kept = sample(rows, by="crn", at_most=200, seed=3)
    assert 0 < kept.height <= 200
    assert set(kept.group_by("crn").len()["len"]) == {10}
    assert set(sample(rows.reverse(), by="crn", at_most=200, seed=3)["n"]) == set(kept["n"])


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


def test_the_threshold_keeps_the_budget_and_a_flag_does_not_flicker() -> None:
    rng = np.random.default_rng(1)
    chances = np.clip(np.cumsum(rng.normal(0.01, 0.05, (400, 20)), axis=1) + 0.2, 0, 1)
    watch = Watched(chances=chances, failed_after=np.full(chances.shape, np.nan), practitioner_weeks=400.0)
    raise_at = alerts.threshold_for(watch, per_practitioner_week=0.3, clear_ratio=0.8)
    told = alerts.figures(watch, raise_at=raise_at, clear_at=0.8 * raise_at, horizon_weeks=8)
    assert told["flags_per_practitioner_week"] is not None
    assert 0.2 < told["flags_per_practitioner_week"] <= 0.3
    steady = alerts.new_flags(alerts.up(chances, raise_at, 0.8 * raise_at)).sum()
    assert steady < alerts.new_flags(alerts.up(chances, raise_at, raise_at)).sum()


def test_hysteresis_by_hand() -> None:
    weekly = np.array([[0.1, 0.5, 0.45, 0.39, 0.45, np.nan, 0.45]])
    assert alerts.up(weekly, 0.5, 0.4).tolist() == [[False, True, True, False, False, False, False]]


def test_precision_at_a_budget_breaks_ties_at_best_at_worst_and_on_average() -> None:
    found = alerts.precision_at(
        np.array([0.9, 0.5, 0.5, 0.5, 0.1]), np.array([True, True, False, False, True]), 2
    )
    assert found == {"expected": pytest.approx((1 + 1 / 3) / 2), "best": 1.0, "worst": 0.5}


@pytest.mark.parametrize(
    ("gate", "champion", "metrics", "expected"),
    [
        ("PASS", False, {}, True),
        ("FAIL", False, {}, False),
        ("INSUFFICIENT_DATA", False, {}, False),
        ("PASS", True, {"commence_log_loss": 0.6, "champion_commence_log_loss": 0.6}, True),
        ("PASS", True, {"commence_log_loss": 0.61, "champion_commence_log_loss": 0.6}, False),
        ("PASS", False, {"commence_log_loss": 0.6}, True),
        ("PASS", True, {"commence_log_loss": 0.6}, False),
        ("PASS", True, {}, False),
        (
            "PASS",
            True,
            {"commence_log_loss": 0.6, "complete_log_loss": 0.1, "champion_commence_log_loss": 0.6},
            False,
        ),
    ],
)
def test_who_becomes_champion(gate: str, champion: bool, metrics: dict[str, float], expected: bool) -> None:  # noqa: FBT001
    assert promotion(gate=gate, metrics=metrics, champion=champion)[0] is expected


@pytest.mark.parametrize("theirs", [{}, {"champion_inflight_log_loss": 0.9}])
def test_a_champion_that_cannot_be_scored_is_replaced_by_hand_only(theirs: dict[str, float]) -> None:
    ours = {"commence_log_loss": 0.1, "complete_log_loss": 0.1, "inflight_log_loss": 0.1}
    assert promotion(gate="PASS", metrics=ours | theirs, champion=True) == (
        False,
        "the present champion cannot be scored on the same block; promote by hand",
    )


def test_a_version_that_stays_challenger_is_tagged_with_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    bundle = SimpleNamespace(
        version="v", gate={"state": "PASS"}, spec_hash="s", catalogue_hash="c", training_date=DAY,
        folder=tmp_path / "bundle", benefit=None,
    )  # fmt: skip
    monkeypatch.setattr(registry.Bundle, "open", lambda _folder: bundle)
    monkeypatch.setattr(registry.scorecard_release, "write", lambda _bundle, _folder: None)
    monkeypatch.setattr(registry.benefit_page, "write", lambda _benefit, _folder: None)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    config = TrainingConfig.from_dict({"tracking": {"tracking_uri": uri}})
    first, second = (
        registry.register(bundle.folder, config=config, metrics={"commence_log_loss": loss})
        for loss in (0.6, 0.1)
    )
    assert first.aliases == ("challenger", "champion")
    assert second.aliases == ("challenger",)
    from mlflow.tracking import MlflowClient  # after the registry has set it to keep quiet

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    model = config.tracking.model
    assert str(client.get_model_version_by_alias(model, "champion").version) == first.model_version
    tags = client.get_model_version(model, second.model_version).tags
    assert tags["promotion"] == "the present champion cannot be scored on the same block; promote by hand"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("colour: red\n", "The training configuration c.yaml holds the unknown key 'colour'; the keys are"),
        ("flags:\n  clears: 1\n", "c.yaml, flags holds the unknown key 'clears'; the keys are clear_ratio,"),
        ("flags:\n  horizon_weeks: 9\n", "c.yaml flags a horizon_weeks that is not among"),
        ("flags:\n  clear_ratio: 2\n", "c.yaml, flags, clear_ratio is above 1; correct it."),
        ("seed: early\n", "c.yaml, seed holds no whole number where one belongs; write one."),
        ("inflight:\n  horizons_weeks: [8, 4]\n", "c.yaml, inflight lists horizons_weeks that do not rise"),
        ("seed: 1\nseed: 2\n", "is not readable YAML, line 2 (a key stands twice: 'seed')"),
        ("- 3\n", "must be a mapping of keys to values"),
        ("{", "is not readable YAML"),
    ],
)
def test_a_wrong_configuration_names_what_is_wrong(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(UsageError, match=re.escape(sentence)):
        TrainingConfig.load(tmp_path / "c.yaml")


def test_the_printed_configuration_explains_every_option_and_is_the_default(tmp_path: Path) -> None:
    printed = CliRunner().invoke(train, ["--show-config"])
    assert printed.exit_code == 0
    (tmp_path / "c.yaml").write_text(printed.output)
    assert TrainingConfig.load(tmp_path / "c.yaml") == TrainingConfig()
    lines = [line.strip() for line in printed.output.splitlines()]
    for name, default, explanation in options():
        place = lines.index(f"# {explanation}")
        assert lines[place + 1] == f"{name.rpartition('.')[2]}: {default}"


def test_every_option_is_explained_where_people_read_it() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    for name, default, explanation in options():
        assert explanation, name
        assert f"| `{name}` | {default} | {explanation} |" in documented


def test_stability_is_nought_for_the_same_rows_and_large_for_others() -> None:
    rng = np.random.default_rng(2)
    frame = pl.DataFrame({"x": rng.normal(size=2000), "k": rng.choice(["a", "b"], 2000)})
    held = profile(frame, chances=rng.random(2000))
    same = stability(held, frame, chances=rng.random(2000))
    assert same["x"] == pytest.approx(0.0, abs=1e-9)
    assert same["chance"] < 0.05
    moved = stability(held, frame.with_columns(pl.col("x") + 2, k=pl.lit("c")), chances=rng.random(2000) ** 4)
    assert min(moved.values()) > 0.25


def test_no_budget_is_large_enough_to_flag_everybody() -> None:
    chances = np.random.default_rng(3).uniform(0.05, 0.6, size=(40, 6))
    failed_after = np.where(np.arange(40)[:, None] % 4 == 0, 5.0, np.nan) * np.ones((40, 6))
    watch = alerts.Watched(chances=chances, failed_after=failed_after, practitioner_weeks=10.0)
    found = alerts.thresholds(
        watch,
        watch,
        base_rate=0.25,
        horizon_weeks=8,
        per_practitioner_week=1e6,
        clear_ratio=0.8,
        periods={},
    )
    assert found.raise_at == 0.25 * alerts.LEAST_LIFT
    assert not found.raised(chances).all()
    assert [band.name for band in found.bands] == list(alerts.BAND_NAMES)


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
