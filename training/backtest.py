"""Would the models have been right, at every date, by what was known? A walk forward through time.

At each of several training dates every model is fitted only on labels whose window had closed, and whose
records had six months to arrive, before that date, as they were known then; it is judged on every later block
of time. Simple baselines stand in the same table. Columns are fixed for each fit. Source: the vocabulary and
the caution of dssg's temporal cross-validation (Ackermann and others 2018).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from catalogue import Catalogue, load
from catalogue.errors import UsageError
from features.histories import Histories
from features.outcomes import referral_outcomes
from scoring import landmarks
from training import alerts, baselines, commence, complete, drift, referrals
from training.baselines import Fit
from training.config import TrainingConfig
from training.fitting import fit_scorecard
from training.inflight import CENSORED, FAILED, FINISHED, InFlightModel, LandmarkRows
from training.performance import performance
from training.pipeline import labels_of
from training.splits import last_usable, sample

FloatArray = npt.NDArray[np.float64]
Predict = Callable[[pl.DataFrame], FloatArray]
Progress = Callable[[int, int], None]
#: Fewer usable rows than this, and a training date is too early.
LEAST_ROWS = 200
#: Days that the last block must at least have.
LEAST_BLOCK_DAYS = 28
CALIBRATION_SHARE = 0.2
#: Share of the rows of a block that are flagged, for precision at a budget.
FLAGGED_SHARE = 0.1
SCORECARD = "scorecard"
GROUPS = {"region": "region", "sentence type": "sentence_type_of_row"}
KINDS = {"ENGAGEMENT": FAILED, "COMPLETED": FINISHED}


@dataclass(frozen=True, kw_only=True)
class Walk:
    """The training dates of one head and the blocks after them: block i runs from date i to the next."""

    dates: tuple[date, ...]
    until: date

    def blocks(self) -> tuple[tuple[date, date], ...]:
        """The blocks that judge, half open."""
        return tuple(zip(self.dates, (*self.dates[1:], self.until), strict=True))


@dataclass(frozen=True, kw_only=True)
class BacktestResult:
    """Every figure of the walk: `table` has one row a head, model, training date, later block and group."""

    folder: Path
    table: pl.DataFrame
    flags: pl.DataFrame

    def render(self) -> str:
        """The mean of each model over its own next block, as a table for a terminal."""
        rows = summary(self.table)
        lines = [
            f"{'head':<10} {'model':<34} {'AUC':>7} {'Brier':>7} {'log loss':>9} {'calibration error':>18}"
        ]
        lines += [
            f"{row['head']:<10} {row['model']:<34} {_shown(row['auc']):>7} {_shown(row['brier']):>7} "
            f"{_shown(row['log_loss']):>9} {_shown(row['calibration_error']):>18}"
            for row in rows
        ]
        return "\n".join([*lines, f"Tables, plots and backtest.json are in {self.folder}"])


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
    total = 3 * settings.backtest.dates
    catalogue, end = load(), histories.last_day + timedelta(days=1)
    outcomes = referral_outcomes(histories, known_before=end)
    frame = referrals.frame(histories, outcomes, catalogue=catalogue)
    found: list[dict[str, Any]] = []
    for rows in _heads(histories, frame, outcomes, end=end, config=settings):
        found.extend(rows)
        report(len({(row["head"], row["trained_on"]) for row in found}), total)
    flags: list[dict[str, Any]] = []
    for rows, flag in _in_flight(histories, outcomes, catalogue=catalogue, end=end, config=settings):
        found.extend(rows)
        flags.append(flag)
        report(len({(row["head"], row["trained_on"]) for row in found}), total)
    table = pl.DataFrame(found, infer_schema_length=None)
    result = BacktestResult(folder=out, table=table, flags=pl.DataFrame(flags, infer_schema_length=None))
    _write(result)
    report(total, total)
    return result


def walk(as_of: pl.Series, *, end: date, window_days: int, head: str, config: TrainingConfig) -> Walk:
    """Which training dates can this head be walked through? Evenly spaced, the last with a block after it.

    `as_of` are the days of the head's rows. Raises UsageError where no two dates fit.
    """
    closed = last_usable(end, window_days=window_days, gap_days=config.blocks.label_gap_days)
    days = as_of.sort()
    latest = closed - timedelta(days=LEAST_BLOCK_DAYS)
    if len(days) > LEAST_ROWS:
        earliest = days[LEAST_ROWS] + timedelta(days=window_days + config.blocks.label_gap_days + 1)
        count = config.backtest.dates
        # As many equal steps back from the latest date as the configuration asks for, each no longer than it says.
        step = min(config.backtest.step_days, (closed - earliest).days // count)
        if step >= LEAST_BLOCK_DAYS:
            dates = tuple(closed - timedelta(days=step * (count - i)) for i in range(count))
            return Walk(dates=dates, until=closed)
    raise UsageError(
        f"The histories are too short to walk the {head} head through {config.backtest.dates} training dates "
        f"before {latest}; give more years, or fewer backtest.dates."
    )


def summary(table: pl.DataFrame) -> list[dict[str, Any]]:
    """Each model's figures on its own next block, averaged over the training dates, weighted by rows."""
    names = ("auc", "brier", "log_loss", "calibration_error")
    own = table.filter((pl.col("block") == 0) & (pl.col("group") == "all"))
    wide = own.group_by("head", "model", "horizon", maintain_order=True).agg(
        *(
            (pl.col(n) * pl.col("rows")).sum() / pl.col("rows").filter(pl.col(n).is_not_null()).sum()
            for n in names
        ),
        pl.col("rows").sum(),
    )
    return [
        {
            **row,
            "model": row["model"] if row["horizon"] is None else f"{row['model']}, {row['horizon']} weeks",
        }
        for row in wide.to_dicts()
    ]


def _heads(
    histories: Histories, frame: pl.DataFrame, outcomes: pl.DataFrame, *, end: date, config: TrainingConfig
) -> Iterator[list[dict[str, Any]]]:
    windows = {
        commence.HEAD: config.outcomes.commence_days,
        complete.HEAD: config.outcomes.complete_days,
    }
    for head, window in windows.items():
        judged = referrals.rows(frame, labels_of(head, outcomes, end, config)).frame
        steps = walk(judged["as_of"], end=end, window_days=window, head=head, config=config)
        for place, trained_on in enumerate(steps.dates):
            then = referral_outcomes(histories, known_before=trained_on)
            known = referrals.rows(frame, labels_of(head, then, trained_on, config)).frame
            models = _models(known, config)
            yield [
                row
                for block, (start, stop) in enumerate(steps.blocks()[place:])
                for row in _judge(
                    head, models, judged.filter(pl.col("as_of").is_between(start, stop, closed="left")),
                    trained_on=trained_on, block=block, start=start,
                )
            ]  # fmt: skip


def _models(rows: pl.DataFrame, config: TrainingConfig) -> dict[str, Predict]:
    """The scorecard and every baseline, fitted on the earlier rows and calibrated on the later ones."""
    cut = int(rows.height * (1 - CALIBRATION_SHARE))
    fit_rows = sample(rows[:cut], by="crn", at_most=config.backtest.max_rows, seed=config.seed)
    later = rows[cut:]
    models: dict[str, Fit] = {
        "base rate": baselines.base_rate,
        "OGRS alone": baselines.one_feature("ogrs_2yr"),
        "attendance so far alone": baselines.one_feature("contact_attendance_in_a_year"),
        "logistic": baselines.logistic,
        "unconstrained LightGBM": baselines.boosted(config.seed, config.threads),
        SCORECARD: scorecard_fit(config),
    }
    return baselines.compare(models, features=referrals.FEATURES, fit_rows=fit_rows, calibrate_rows=later)


def scorecard_fit(config: TrainingConfig, monotone: Mapping[str, int] = referrals.MONOTONE) -> Fit:
    """The glass box as one of the models of the table."""

    def fit(features: pl.DataFrame, y: FloatArray, weight: FloatArray) -> Predict:
        card = fit_scorecard(
            features,
            y,
            weight=weight,
            settings=config.scorecards,
            monotone=monotone,
            random_state=config.seed,
            n_jobs=config.threads,
        )
        return lambda rows: (
            card.score_many(rows) if card.used_features else np.full(rows.height, card.intercept)
        )

    return fit


def _judge(
    head: str, models: Mapping[str, Predict], rows: pl.DataFrame, *, trained_on: date, block: int, start: date
) -> Iterator[dict[str, Any]]:
    truth = rows["y"].to_numpy()
    for model, predict in models.items():
        chance = predict(rows)
        about = {
            "head": head, "model": model, "horizon": None, "trained_on": trained_on, "block_from": start,
            "block": block, "age_days": (start - trained_on).days,
        }  # fmt: skip
        yield {**about, "group": "all", "value": "all", **_figures(truth, chance)}
        if model != SCORECARD or block:
            continue
        for group, column in GROUPS.items():
            values = rows[column].fill_null("not recorded").to_numpy()
            for value in np.unique(values):
                here = values == value
                yield {**about, "group": group, "value": str(value), **_figures(truth[here], chance[here])}


def _figures(truth: FloatArray, chance: FloatArray) -> dict[str, Any]:
    at_budget = alerts.precision_at(chance, truth > 0, round(len(chance) * FLAGGED_SHARE))
    return performance(truth, chance).to_dict() | {
        f"precision_at_tenth_{name}": value for name, value in at_budget.items()
    }


def _in_flight(
    histories: Histories, outcomes: pl.DataFrame, *, catalogue: Catalogue, end: date, config: TrainingConfig
) -> Iterator[tuple[list[dict[str, Any]], dict[str, Any]]]:
    horizons, weeks = config.inflight.horizons_weeks, config.flags.horizon_weeks
    reach = 7 * max(horizons)
    stop = last_usable(end, window_days=reach, gap_days=config.blocks.label_gap_days)
    weekly = drift.landmark_points(outcomes, known_before=end, seed=config.seed, every=1).filter(
        pl.col("as_of") < stop
    )
    kept = sample(weekly, by="referral_id", at_most=config.backtest.max_rows, seed=config.seed)
    points, rows = drift.rows_of(histories, kept, catalogue=catalogue)
    steps = walk(points["as_of"], end=end, window_days=reach, head="in-flight", config=config)
    for place, trained_on in enumerate(steps.dates):
        before = (
            points["as_of"]
            < last_usable(trained_on, window_days=reach, gap_days=config.blocks.label_gap_days)
        ).to_numpy()
        then = _relabelled(points, rows, referral_outcomes(histories, known_before=trained_on), trained_on)
        days = points["as_of"].to_physical().to_numpy()
        cut = np.quantile(days[before], 1 - CALIBRATION_SHARE)
        every = points["week"].to_numpy() % config.inflight.landmark_every_weeks == 0
        model = _fit_in_flight(
            _take(then, before & (days < cut) & every), _take(then, before & (days >= cut)), config
        )
        others = _others(
            _take(then, before & (days < cut) & every), _take(then, before & (days >= cut)), weeks, config
        )
        found = []
        for block, (start, until) in enumerate(steps.blocks()[place:]):
            here = points["as_of"].is_between(start, until, closed="left").to_numpy()
            part = _take(rows, here)
            chances = model.incidence(part.features, horizons)
            about = {
                "head": "inflight", "trained_on": trained_on, "block_from": start, "block": block,
                "age_days": (start - trained_on).days, "group": "all", "value": "all",
            }  # fmt: skip
            for i, horizon in enumerate(horizons):
                truth, seen = drift.failed_within(part, horizon)
                found.append(
                    {
                        **about,
                        "model": SCORECARD,
                        "horizon": horizon,
                        **_figures(truth[seen], chances[seen, i]),
                    }
                )
            truth, seen = drift.failed_within(part, weeks)
            for name, predict in others.items():
                chance = predict(part.features)
                found.append(
                    {**about, "model": name, "horizon": weeks, **_figures(truth[seen], chance[seen])}
                )
        yield (
            found,
            _flag_figures(
                model,
                points=points,
                then=then,
                rows=rows,
                block=steps.blocks()[place],
                late=before & (days >= cut),
                config=config,
            ),
        )


def _flag_figures(
    model: InFlightModel,
    *,
    points: pl.DataFrame,
    then: LandmarkRows,
    rows: LandmarkRows,
    block: tuple[date, date],
    late: npt.NDArray[np.bool_],
    config: TrainingConfig,
) -> dict[str, Any]:
    """The flag's threshold, set on the calibration weeks before the date and verified on the block after it."""
    weeks = config.flags.horizon_weeks
    here = points["as_of"].is_between(*block, closed="left").to_numpy()
    watches = []
    for where, part in ((late, _take(then, late)), (here, _take(rows, here))):
        chosen = points.filter(pl.Series(where))
        # Within a sample of referrals, budgets are per referral under way: one practitioner has about ten.
        practitioner_weeks = chosen.height / 10.0
        watches.append(
            alerts.watched(
                chosen, model.incidence(part.features, [weeks])[:, 0], practitioner_weeks=practitioner_weeks
            )
        )
    raise_at = alerts.threshold_for(
        watches[0],
        per_practitioner_week=config.flags.per_practitioner_week,
        clear_ratio=config.flags.clear_ratio,
    )
    told = alerts.figures(
        watches[1], raise_at=raise_at, clear_at=raise_at * config.flags.clear_ratio, horizon_weeks=weeks
    )
    return {"trained_on": block[0], "raise_at": raise_at, **told}


def _fit_in_flight(fit_rows: LandmarkRows, later: LandmarkRows, config: TrainingConfig) -> InFlightModel:
    model = InFlightModel(
        features=tuple(landmarks.LABELS),
        interval=config.inflight.interval_weeks,
        intervals=max(config.inflight.horizons_weeks) // config.inflight.interval_weeks,
        settings=config.scorecards,
        monotone=landmarks.MONOTONE,
        random_state=config.seed,
        n_jobs=config.threads,
    )
    return model.fit_landmarks(fit_rows).calibrate_landmarks(later)


def _others(
    fit_rows: LandmarkRows, later: LandmarkRows, weeks: int, config: TrainingConfig
) -> dict[str, Predict]:
    """The baselines of the in-flight head, each fitted to failing within the flag's horizon."""
    models: dict[str, Fit] = {
        "base rate": baselines.base_rate,
        "OGRS alone": baselines.one_feature("ogrs_2yr"),
        "attendance so far alone": baselines.one_feature("session_attendance"),
        "logistic": baselines.logistic,
        "unconstrained LightGBM": baselines.boosted(config.seed, config.threads),
    }
    features = tuple(fit_rows.features.columns)
    return baselines.compare(
        models,
        features=features,
        fit_rows=_binary(fit_rows, weeks),
        calibrate_rows=_binary(later, weeks),
    )


def _binary(rows: LandmarkRows, weeks: int) -> pl.DataFrame:
    truth, seen = drift.failed_within(rows, weeks)
    frame = rows.features.with_columns(y=pl.Series(truth), weight=pl.lit(1.0))
    return frame.filter(pl.Series(seen))


def _relabelled(points: pl.DataFrame, rows: LandmarkRows, then: pl.DataFrame, day: date) -> LandmarkRows:
    """The same landmarks with the ends that were known on an earlier day."""
    told = points.select("referral_id", "as_of").join(
        then.select("referral_id", "ended_on", "end"), on="referral_id", how="left", maintain_order="left"
    )
    stop = pl.min_horizontal(pl.col("ended_on").fill_null(pl.lit(day)), pl.lit(day))
    kind = pl.col("end").cast(pl.String).replace_strict(KINDS, default=CENSORED, return_dtype=pl.Int64)
    known = told.select(until=(stop - pl.col("as_of")).dt.total_days() / 7.0, kind=kind)
    return LandmarkRows(
        features=rows.features,
        units=rows.units,
        until=known["until"].to_numpy(),
        kind=known["kind"].to_numpy(),
    )


def _take(rows: LandmarkRows, where: npt.NDArray[np.bool_]) -> LandmarkRows:
    mask = pl.Series(where)
    return LandmarkRows(
        features=rows.features.filter(mask),
        units=rows.units.filter(mask),
        until=rows.until[where],
        kind=rows.kind[where],
    )


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _write(result: BacktestResult) -> None:
    from training.plots import backtest_plots

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
        "rows": [_plain(row) for row in result.table.to_dicts()],
        "flags": [_plain(row) for row in result.flags.to_dicts()],
    }
    text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
    (result.folder / "backtest.json").write_text(text + "\n", encoding="utf-8")
    backtest_plots(result.table, result.folder)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}
