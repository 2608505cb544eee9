"""Would the models have been right, at every date, by what was known? A walk forward through time.

At each of several training dates every model is fitted only on labels whose window had closed, and whose
records had six months to arrive, before that date, as they were known then; it is judged on every later block
of time. Simple baselines stand in the same table. Columns are fixed for each fit. Source: the vocabulary and
the caution of dssg's temporal cross-validation (Ackermann and others 2018).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from catalogue import load
from catalogue.errors import UsageError
from features.histories import Histories
from features.outcomes import referral_outcomes
from training.backtest.inflight import inflight_steps
from training.backtest.judging import SCORECARD
from training.backtest.referrals import referral_steps
from training.backtest.walk import BacktestStep
from training.config import TrainingConfig
from training.heads import referrals
from training.heads.monitoring import Watch

Progress = Callable[[int, int], None]
HEADS = 3
SUMMARISED = (
    "auc",
    "brier",
    "log_loss",
    "calibration_slope",
    "calibration_in_the_large",
    "calibration_error",
)


@dataclass(frozen=True, kw_only=True)
class BacktestResult:
    """Every figure of the walk.

    `table` has one row a head, model, horizon, training date, later block and group; `flags` one a training
    date; `curves` predicted against observed shares of the scorecards' own next blocks; `leads` the weeks by
    which flags came before the end; `watches` what monitoring saw of the first date's scorecards.
    """

    folder: Path
    table: pl.DataFrame
    flags: pl.DataFrame
    curves: pl.DataFrame
    leads: tuple[float, ...]
    watches: tuple[Watch, ...]

    def render(self) -> str:
        """The mean of each model over its own next block, as a table for a terminal."""
        lines = [
            f"{'head':<10} {'model':<34} {'AUC':>7} {'Brier':>7} {'log loss':>9} {'slope':>7} {'calibration error':>18}"
        ]
        lines += [
            f"{row['head']:<10} {row['model']:<34} {_shown(row['auc']):>7} {_shown(row['brier']):>7} "
            f"{_shown(row['log_loss']):>9} {_shown(row['calibration_slope']):>7} {_shown(row['calibration_error']):>18}"
            for row in summary(self.table)
        ]
        noticed = [
            f"{watch.head}: something moved, first noticed on {watch.noticed_on}"
            for watch in self.watches
            if watch.noticed_on is not None
        ]
        return "\n".join([*lines, *noticed, f"Tables, plots and backtest.json are in {self.folder}"])


def backtest(
    histories: Histories,
    *,
    out: Path,
    config: Path | TrainingConfig | None = None,
    progress: Progress | None = None,
) -> BacktestResult:
    """Walk every head and baseline through time; write tables, plots and backtest.json to `out`.

    Raises UsageError where the histories are too short for the walk, or the folder cannot be written.
    """
    settings = config if isinstance(config, TrainingConfig) else TrainingConfig.load(config)
    report = progress or (lambda _done, _total: None)
    total = HEADS * settings.backtest.dates + 1
    report(0, total)
    found: list[BacktestStep] = []
    for step in _steps(histories, settings):
        found.append(step)
        report(len(found), total)
    result = BacktestResult(
        folder=out,
        table=_frame([row for step in found for row in step.rows]),
        flags=_frame([step.flag for step in found if step.flag is not None]),
        curves=_frame([point for step in found for point in step.curve]),
        leads=tuple(lead for step in found for lead in step.leads),
        watches=tuple(step.watched for step in found if step.watched is not None),
    )
    _write(result)
    report(total, total)
    return result


def summary(table: pl.DataFrame) -> list[dict[str, Any]]:
    """Each model's figures on its own next block, averaged over the training dates, weighted by rows."""
    own = table.filter((pl.col("block") == 0) & (pl.col("group") == "all"))
    wide = own.group_by("head", "model", "horizon", maintain_order=True).agg(
        *(
            (pl.col(name) * pl.col("rows")).sum() / pl.col("rows").filter(pl.col(name).is_not_null()).sum()
            for name in SUMMARISED
        ),
        pl.col("rows").sum(),
    )
    return [
        {
            **row,
            **{name: None if math.isnan(row[name]) else row[name] for name in SUMMARISED},
            "model": row["model"] if row["horizon"] is None else f"{row['model']}, {row['horizon']} weeks",
        }
        for row in wide.to_dicts()
    ]


def decay(table: pl.DataFrame) -> list[dict[str, Any]]:
    """How do the scorecards' figures change with the age of the model, in days since its training date?"""
    aged = table.filter((pl.col("model") == SCORECARD) & (pl.col("group") == "all"))
    found = aged.group_by("head", "horizon", "block", maintain_order=True).agg(
        pl.col("age_days").mean(),
        pl.col("auc").mean(),
        pl.col("log_loss").mean(),
        pl.col("calibration_in_the_large").abs().mean().alias("distance_in_the_large"),
        pl.len().alias("blocks"),
    )
    return found.sort("head", "horizon", "block").to_dicts()


def _steps(histories: Histories, config: TrainingConfig) -> Iterator[BacktestStep]:
    catalogue, end = load(), histories.last_day + timedelta(days=1)
    outcomes = referral_outcomes(histories, known_before=end)
    frame = referrals.frame(histories, outcomes, catalogue=catalogue)
    yield from referral_steps(histories, frame, outcomes, end=end, config=config)
    del frame
    yield from inflight_steps(histories, outcomes, catalogue=catalogue, end=end, config=config)


def _frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame([dict(row) for row in rows], infer_schema_length=None)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _write(result: BacktestResult) -> None:
    from training.backtest.plots import backtest_plots

    try:
        result.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The backtest cannot be written to {result.folder}; name a folder that can be made."
        ) from error
    result.table.write_csv(result.folder / "backtest.csv")
    result.flags.write_csv(result.folder / "flags.csv")
    document = {
        "summary": summary(result.table),
        "decay": decay(result.table),
        "rows": [_plain(row) for row in result.table.to_dicts()],
        "flags": [_plain(row) for row in result.flags.to_dicts()],
        "calibration": [_plain(row) for row in result.curves.to_dicts()],
        "lead_weeks": list(result.leads),
        "monitoring": {watch.head: watch.to_dict() for watch in result.watches},
    }
    text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
    (result.folder / "backtest.json").write_text(text + "\n", encoding="utf-8")
    backtest_plots(
        result.table, result.folder, curves=result.curves, leads=result.leads, watches=result.watches
    )


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}
