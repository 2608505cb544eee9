"""The threshold of the in-flight flag: its budget, its floor and its hysteresis."""

import numpy as np

from training.inflight import flag_threshold
from training.inflight.flag_threshold import WeeklyChances


def test_the_threshold_keeps_the_budget_and_a_flag_does_not_flicker() -> None:
    rng = np.random.default_rng(1)
    chances = np.clip(np.cumsum(rng.normal(0.01, 0.05, (400, 20)), axis=1) + 0.2, 0, 1)
    watch = WeeklyChances(
        chances=chances, failed_after=np.full(chances.shape, np.nan), practitioner_weeks=400.0
    )
    raise_at = flag_threshold.threshold_for(watch, per_practitioner_week=0.3, clear_ratio=0.8)
    told = flag_threshold.flag_figures(watch, raise_at=raise_at, clear_at=0.8 * raise_at, horizon_weeks=8)
    assert told["flags_per_practitioner_week"] is not None
    assert 0.2 < told["flags_per_practitioner_week"] <= 0.3
    steady = flag_threshold.new_flags(flag_threshold.up(chances, raise_at, 0.8 * raise_at)).sum()
    assert steady < flag_threshold.new_flags(flag_threshold.up(chances, raise_at, raise_at)).sum()


def test_hysteresis_by_hand() -> None:
    weekly = np.array([[0.1, 0.5, 0.45, 0.39, 0.45, np.nan, 0.45]])
    assert flag_threshold.up(weekly, 0.5, 0.4).tolist() == [[False, True, True, False, False, False, False]]


def test_no_budget_is_large_enough_to_flag_everybody() -> None:
    chances = np.random.default_rng(3).uniform(0.05, 0.6, size=(40, 6))
    failed_after = np.where(np.arange(40)[:, None] % 4 == 0, 5.0, np.nan) * np.ones((40, 6))
    watch = flag_threshold.WeeklyChances(chances=chances, failed_after=failed_after, practitioner_weeks=10.0)
    found = flag_threshold.thresholds(
        watch,
        watch,
        base_rate=0.25,
        horizon_weeks=8,
        per_practitioner_week=1e6,
        clear_ratio=0.8,
        periods={},
    )
    assert found.raise_at == 0.25 * flag_threshold.LEAST_LIFT
    assert not found.raised(chances).all()
    assert [band.name for band in found.bands] == list(flag_threshold.BAND_NAMES)
