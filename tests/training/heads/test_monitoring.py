"""Monitoring says when something moved, not before it could be known, and says nothing of noise."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.heads.monitoring import MONTH_DAYS, Month, Watch, calibration_by_month, monitoring_report, watch
from training.heads.profile import profile
from training.release.cards import Facts, model_card

SINCE, UNTIL = date(2023, 1, 2), date(2023, 10, 9)
SHIFT = date(2023, 7, 1)


def rows(*, a_day: int, shift: float = 0.0, seed: int = 0) -> pl.DataFrame:
    """Referrals day by day, whose waiting time jumps on SHIFT."""
    rng = np.random.default_rng(seed)
    days = [SINCE + timedelta(days=i) for i in range((UNTIL - SINCE).days) for _ in range(a_day)]
    late = np.array([day >= SHIFT for day in days])
    return pl.DataFrame(
        {
            "as_of": days,
            "wait": rng.normal(size=len(days)) + shift * late,
            "kind": rng.choice(["a", "b"], len(days)),
        }
    )


def watched(frame: pl.DataFrame, months: tuple[Month, ...] = ()) -> Watch:
    before = rows(a_day=20, seed=9).drop("as_of")
    return watch(
        "commence",
        held=profile(before, chances=np.linspace(0.1, 0.9, before.height)),
        labels={"wait": "Weeks of waiting"},
        frame=frame,
        chances=np.tile(np.linspace(0.1, 0.9, 97), frame.height // 97 + 1)[: frame.height],
        since=SINCE,
        until=UNTIL,
        months=months,
    )


def test_a_jump_is_noticed_within_a_month_and_named_with_its_day() -> None:
    found = watched(rows(a_day=12, shift=2.0))
    assert [item.name for item in found.moved] == ["wait"]
    assert found.noticed_on is not None
    assert SHIFT < found.noticed_on <= SHIFT + timedelta(days=MONTH_DAYS)
    assert found.moved[0].away > 0.25
    assert found.alerts()[0].startswith("commence: Weeks of waiting jumped")


def test_a_jump_that_went_away_is_remembered_as_over() -> None:
    frame = rows(a_day=12, shift=2.0)
    calm = frame.with_columns(
        pl.when(pl.col("as_of") >= SHIFT + timedelta(days=42))
        .then(pl.col("wait") - 2.0)
        .otherwise(pl.col("wait"))
    )
    item = watched(calm).moved[0]
    assert item.noticed_on is not None
    assert item.noticed_on <= SHIFT + timedelta(days=MONTH_DAYS)
    assert item.away < 0.1


def test_what_drifts_slowly_is_told_without_an_alarm() -> None:
    frame = rows(a_day=12)
    days = (frame["as_of"] - SINCE).dt.total_days()
    found = watched(frame.with_columns(pl.col("wait") + days / 250))
    assert found.noticed_on is None
    assert [(item.name, item.noticed_on) for item in found.moved] == [("wait", None)]
    assert "drifted, without a jump" in found.alerts()[0]


@pytest.mark.parametrize("seed", range(3))
def test_the_same_world_and_a_thin_one_raise_nothing(seed: int) -> None:
    assert watched(rows(a_day=12, seed=seed)).noticed_on is None
    thin = watched(rows(a_day=3, shift=2.0, seed=seed))  # 84 rows a month: not enough to say anything
    assert thin.noticed_on is None
    assert thin.latest == {}


@given(st.integers(0, 30))
@settings(max_examples=15, deadline=None)
def test_what_is_said_on_a_day_reads_nothing_later(weeks: int) -> None:
    frame = rows(a_day=12, shift=2.0)
    day = UNTIL - timedelta(weeks=weeks)
    arguments = {
        "held": profile(frame.drop("as_of"), chances=np.full(frame.height, 0.5)),
        "labels": {},
        "since": SINCE,
        "until": day,
    }
    seen = frame.filter(pl.col("as_of") < day)
    whole = watch("x", frame=frame, chances=np.full(frame.height, 0.5), **arguments)  # type: ignore[arg-type]
    cut = watch("x", frame=seen, chances=np.full(seen.height, 0.5), **arguments)  # type: ignore[arg-type]
    assert whole == cut


def outcomes(*, bias: float, until: date, delay: int) -> tuple[Month, ...]:
    rng = np.random.default_rng(3)
    frame = rows(a_day=20)
    late = (frame["as_of"] >= SHIFT).to_numpy()
    chance = rng.uniform(0.4, 0.8, frame.height)
    came = rng.random(frame.height) < chance - bias * late
    return calibration_by_month(
        frame["as_of"],
        came.astype(float),
        chance,
        np.arange(frame.height),
        since=SINCE,
        until=until,
        delay_days=delay,
    )


def test_calibration_drift_is_known_once_labels_are_and_not_before() -> None:
    delay = 100
    late = UNTIL + timedelta(days=delay)
    months = outcomes(bias=0.2, until=late, delay=delay)
    off = [month for month in months if month.drifted]
    assert [month.begin >= SHIFT - timedelta(days=MONTH_DAYS) for month in months if month in off] == [
        True
    ] * len(off)
    assert len(off) >= 3
    assert all(month.known_on == month.end + timedelta(days=delay) <= late for month in months)
    assert not any(month.drifted for month in outcomes(bias=0.2, until=SHIFT + timedelta(60), delay=delay))
    assert not any(month.drifted for month in outcomes(bias=0.0, until=late, delay=delay))


def test_the_model_card_says_what_was_noticed_and_when() -> None:
    months = outcomes(bias=0.2, until=UNTIL + timedelta(days=100), delay=100)
    held = monitoring_report([watched(rows(a_day=12, shift=2.0), months)])
    assert SHIFT < date.fromisoformat(held["noticed_on"]) <= SHIFT + timedelta(days=MONTH_DAYS)
    document: dict[str, object] = {"performance": {}, "rows": {}, "blocks": {}}
    flag = {"horizon_weeks": 8, "raise_at": 0.3, "clear_at": 0.2}
    card = model_card(
        Facts(
            version="v",
            manifest={
                "training_date": "2023-10-09",
                "spec_hash": "s",
                "catalogue_hash": "c",
                "contract_version": "1",
            },
            documents={
                "commence.json": document,
                "complete.json": document,
                "inflight.json": document,
                "benefit.json": {},
                "thresholds.json": {"flag": flag},
                "training.json": {"monitoring": held},
            },
            fairness={},
            gate={"state": "PASS"},
        )
    )
    assert f"first noticed on {held['noticed_on']}" in card
    assert "Weeks of waiting jumped" in card
    assert "was predicted, known from" in card
