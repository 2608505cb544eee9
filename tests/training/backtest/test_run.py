"""The walk through time on the small world: what is in its tables, and that nothing of the future is in its models."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from catalogue.errors import UsageError
from features.histories import Histories
from features.outcomes import referral_outcomes
from training.backtest import BacktestResult, backtest
from training.backtest.run import decay, summary
from training.backtest.walk import walk
from training.config import TrainingConfig
from training.heads.head import HeadRows, fit_head
from training.heads.windows import labels_of

SMALL = {
    "threads": 1,
    "scorecards": {"bags": 2, "max_pairs": 0, "learning_rate": 0.3, "patience": 5},
    "backtest": {"max_rows": 1500, "max_landmarks": 5000},
    # With a flag budget as large as this, the small world has some.
    "flags": {"per_practitioner_week": 0.5},
}
BASELINES = {
    "base rate",
    "OGRS alone",
    "attendance so far alone",
    "logistic",
    "unconstrained LightGBM",
    "scorecard",
}


@pytest.fixture(scope="module")
def config() -> TrainingConfig:
    return TrainingConfig.from_dict(SMALL)


@pytest.fixture(scope="module")
def walked(
    small_world: Path,
    made_once: Callable[[str, Callable[[Path], None]], Path],
    tmp_path_factory: pytest.TempPathFactory,
    config: TrainingConfig,
) -> tuple[BacktestResult, list[tuple[int, int]]]:
    told: list[tuple[int, int]] = []
    result = backtest(
        Histories.open(small_world),
        out=tmp_path_factory.mktemp("backtest") / "new",
        config=config,
        progress=lambda done, total: told.append((done, total)),
    )
    return result, told


def test_every_head_is_walked_through_four_dates_and_judged_on_every_later_block(
    walked: tuple[BacktestResult, list[tuple[int, int]]],
) -> None:
    table = walked[0].table.filter(pl.col("group") == "all")
    for head in ("commence", "complete", "inflight"):
        of = table.filter(pl.col("head") == head)
        assert set(of["model"]) == BASELINES
        dates = of["trained_on"].unique().sort().to_list()
        assert len(dates) == 4
        for place, day in enumerate(dates):
            blocks = of.filter((pl.col("trained_on") == day) & (pl.col("model") == "logistic"))
            assert blocks["block_from"].to_list() == dates[place:]
            assert blocks["age_days"].to_list() == [(later - day).days for later in dates[place:]]
    horizons = table.filter((pl.col("head") == "inflight") & (pl.col("model") == "scorecard"))
    assert set(horizons["horizon"]) == {4, 8, 12}
    # Models of different dates are judged on the same rows of a block, and so can be compared.
    assert table.group_by("head", "horizon", "block_from").agg(pl.col("rows").n_unique())["rows"].max() == 1


def test_the_groups_of_the_scorecard_part_its_rows(
    walked: tuple[BacktestResult, list[tuple[int, int]]],
) -> None:
    own = walked[0].table.filter((pl.col("model") == "scorecard") & (pl.col("block") == 0))
    keys = ["head", "horizon", "trained_on"]
    whole = own.filter(pl.col("group") == "all").select(*keys, "rows")
    for group in ("region", "sentence type"):
        parts = own.filter(pl.col("group") == group).group_by(keys).agg(pl.col("rows").sum())
        assert parts.sort(keys).equals(whole.sort(keys).cast(parts.schema))
    assert len(set(own.filter(pl.col("group") == "region")["value"]) - {"not recorded"}) == 12


def test_baselines_are_what_they_are_called(walked: tuple[BacktestResult, list[tuple[int, int]]]) -> None:
    rows = {(row["head"], row["model"]): row for row in summary(walked[0].table)}
    for head in ("commence", "complete"):
        assert rows[head, "base rate"]["auc"] == pytest.approx(0.5)
        assert rows[head, "OGRS alone"]["auc"] != pytest.approx(0.5)
    scorecard, attendance = (
        rows["inflight", f"{name}, 8 weeks"]["auc"] for name in ("scorecard", "attendance so far alone")
    )
    assert scorecard > attendance > 0.5


def test_precision_at_a_budget_lies_between_the_best_and_the_worst_order_of_ties(
    walked: tuple[BacktestResult, list[tuple[int, int]]],
) -> None:
    found = walked[0].table.drop_nulls("precision_at_tenth_expected")
    best, expected, worst = (
        found[f"precision_at_tenth_{name}"].to_numpy() for name in ("best", "expected", "worst")
    )
    assert ((worst <= expected + 1e-12) & (expected <= best + 1e-12)).all()
    ties = found.filter(pl.col("model") == "base rate")
    assert (ties["precision_at_tenth_best"] > ties["precision_at_tenth_worst"]).all()


def test_flags_have_a_threshold_of_an_earlier_block_and_a_lead(
    walked: tuple[BacktestResult, list[tuple[int, int]]],
) -> None:
    result = walked[0]
    assert result.flags.height == 4
    assert result.flags["raise_at"].is_between(0, 1).all()
    assert (result.flags["set_flags_per_practitioner_week"] <= 0.5).all()
    assert result.flags["new_flags"].sum() > 0
    assert len(result.leads) > 0
    assert min(result.leads) >= 0


def test_the_files_say_what_the_result_says_and_progress_runs_to_the_end(
    walked: tuple[BacktestResult, list[tuple[int, int]]],
) -> None:
    result, told = walked
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[0] == (0, 13)
    assert told[-1] == (13, 13)
    document = json.loads((result.folder / "backtest.json").read_text())
    assert len(document["rows"]) == result.table.height
    assert {row["block"] for row in document["decay"]} == {0, 1, 2, 3}
    assert document["decay"][0]["age_days"] == 0
    assert len(decay(result.table)) == 4 * 5
    assert set(document["monitoring"]) == {"commence", "complete"}
    assert pl.read_csv(result.folder / "backtest.csv").height == result.table.height
    pictures = {path.name for path in result.folder.glob("*.svg")}
    assert pictures == {
        "commence-auc.svg", "complete-auc.svg", "inflight-auc.svg", "ageing.svg", "calibration.svg", "precision.svg",
        "lead.svg", "drift.svg",
    }  # fmt: skip
    assert "scorecard, 8 weeks" in result.render()


def test_a_start_that_is_recorded_after_a_training_date_is_not_a_start_at_that_date(
    small_world: Path, config: TrainingConfig
) -> None:
    histories = Histories.open(small_world)
    day = date(2024, 3, 1)

    def labels(given: Histories, known_before: date) -> pl.DataFrame:
        found = labels_of("commence", referral_outcomes(given, known_before=known_before), day, config)
        return found.rows.select("referral_id", "as_of", "y").sort("referral_id")

    before = labels(histories, day)
    assert before["as_of"].max() < day - timedelta(days=183 + 183)  # type: ignore[operator]
    not_started = before.filter(pl.col("y") == 0).head(25)
    events = histories.collect("referral_events")
    late = not_started.select(
        "referral_id",
        occurred_on=pl.col("as_of") + timedelta(days=10),
        known_on=pl.lit(day + timedelta(days=5)),
        status=pl.lit("ON_PROGRAMME"),
        reason=pl.lit(None, dtype=pl.String),
    )
    tables = {name: histories.collect(name) for name in ("referrals", "sessions")}
    told = Histories.of({**tables, "referral_events": pl.concat([events, late.select(events.columns)])})
    assert labels(told, day).equals(before)
    hindsight = labels(told, histories.last_day + timedelta(days=1))
    ids = not_started["referral_id"].to_list()
    assert hindsight.filter(pl.col("referral_id").is_in(ids))["y"].to_list() == [1.0] * 25


def test_histories_that_are_too_short_are_refused_in_one_sentence(config: TrainingConfig) -> None:
    days = pl.Series([date(2021, 1, 1) + timedelta(days=i // 3) for i in range(900)])
    with pytest.raises(UsageError, match="too short to walk the commence head"):
        walk(days, end=date(2022, 1, 10), window_days=183, head="commence", config=config)


def test_a_head_fitted_on_shuffled_labels_says_barely_predictable_and_on_real_ones_does_not(
    config: TrainingConfig,
) -> None:
    rng = np.random.default_rng(8)
    n = 4000
    missed, kind = rng.poisson(1.0, n), rng.choice(["GROUP", "ONE_TO_ONE"], n)
    y = (rng.random(n) < 1 / (1 + np.exp(-1.2 + 0.8 * missed - 0.5 * (kind == "GROUP")))).astype(float)
    frame = pl.DataFrame(
        {
            "crn": [f"A{i // 2:06}" for i in range(n)],
            "as_of": [date(2021, 1, 1) + timedelta(days=i // 4) for i in range(n)],
            "missed": missed,
            "kind": kind,
            "noise": rng.normal(size=n),
            "weight": np.ones(n),
            "region": rng.choice(list("ABC"), n),
            "sentence_type_of_row": ["COMMUNITY_ORDER"] * n,
        }
    )
    said, largest = [], []
    for shuffle in (None, 1, 2, 3, 4):
        label = y if shuffle is None else np.random.default_rng(shuffle).permutation(y)
        rows = HeadRows(
            frame=frame.with_columns(y=pl.Series(label)), features=("missed", "kind", "noise"), censored=0
        )
        document = fit_head("commence", "?", rows, labels={}, config=config).document
        said.append(document["barely_predictable"])
        largest.append(max(figures["rows"] for figures in document["by_group"]["region"].values()))
    assert said == [False, True, True, True, True]
    assert min(largest) > 100
