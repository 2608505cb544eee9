"""The walk of the in-flight head: fitted by what was known at each date, judged on all later weeks, with its flag."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from catalogue import Catalogue
from features.histories import Histories
from features.outcomes import referral_outcomes
from features.subject import subjects
from training.backtest.judging import SCORECARD, Block, curve
from training.backtest.walk import CALIBRATION_SHARE, BacktestStep, Walk, walk
from training.config import TrainingConfig
from training.heads import baselines
from training.heads.baselines import Fit, Predict
from training.heads.splits import last_usable, sample
from training.inflight import CENSORED, InFlightModel, LandmarkRows, flag_threshold
from training.inflight.flag_threshold import practitioner_weeks
from training.inflight.head import unfitted
from training.inflight.judging import failed_within
from training.inflight.landmarks import KINDS, landmark_points, rows_of

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
HEAD = "inflight"


@dataclass(frozen=True, kw_only=True)
class SampledLandmarks:
    """The weekly landmarks of a sample of referrals: `weekly` is every referral's, `points` the sample's."""

    weekly: pl.DataFrame
    points: pl.DataFrame
    rows: LandmarkRows
    about: pl.DataFrame


def inflight_steps(
    histories: Histories, outcomes: pl.DataFrame, *, catalogue: Catalogue, end: date, config: TrainingConfig
) -> Iterator[BacktestStep]:
    """Every step of the in-flight head."""
    reach = 7 * max(config.inflight.horizons_weeks)
    stop = last_usable(end, window_days=reach, gap_days=config.blocks.label_gap_days)
    weekly = landmark_points(outcomes, known_before=end, seed=config.seed, every=1).filter(
        pl.col("as_of") < stop
    )
    kept = sample(weekly, by="referral_id", at_most=config.backtest.max_landmarks, seed=config.seed)
    points, rows = rows_of(histories, kept, catalogue=catalogue)
    facts = subjects(histories, points.select("crn", "as_of"))
    about = facts.select("region", pl.col("sentence_type").alias("sentence_type_of_row"))
    watched = SampledLandmarks(weekly=weekly, points=points, rows=rows, about=about)
    way = walk(points["as_of"], end=end, window_days=reach, head="in-flight", config=config)
    for place in range(len(way.dates)):
        yield _step(histories, watched, way=way, place=place, config=config)


def _step(
    histories: Histories, watched: SampledLandmarks, *, way: Walk, place: int, config: TrainingConfig
) -> BacktestStep:
    trained_on, weeks = way.dates[place], config.flags.horizon_weeks
    points, rows = watched.points, watched.rows
    reach = 7 * max(config.inflight.horizons_weeks)
    closed = last_usable(trained_on, window_days=reach, gap_days=config.blocks.label_gap_days)
    before = (points["as_of"] < closed).to_numpy()
    then = _relabelled(points, rows, referral_outcomes(histories, known_before=trained_on), trained_on)
    days = points["as_of"].to_physical().to_numpy()
    late = before & (days >= np.quantile(days[before], 1 - CALIBRATION_SHARE))
    every = points["week"].to_numpy() % config.inflight.landmark_every_weeks == 0
    fit_rows, later = _take(then, before & ~late & every), _take(then, late)
    model = _fit(fit_rows, later, config)
    others = _others(fit_rows, later, weeks, config)
    found: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    for number, (start, until) in enumerate(way.blocks()[place:]):
        here = points["as_of"].is_between(start, until, closed="left").to_numpy()
        part, about = _take(rows, here), watched.about.filter(pl.Series(here))
        chances = model.incidence(part.features, config.inflight.horizons_weeks)
        for i, horizon in enumerate(config.inflight.horizons_weeks):
            truth, seen = failed_within(part, horizon)
            block = Block(
                head=HEAD,
                trained_on=trained_on,
                start=start,
                number=number,
                truth=truth[seen],
                groups=part.units.to_numpy()[seen],
                about=about.filter(pl.Series(seen)),
            )
            found.extend(block.judge(SCORECARD, chances[seen, i], horizon=horizon, by_group=number == 0))
            if horizon == weeks:
                for name, predict in others.items():
                    found.extend(block.judge(name, predict(part.features)[seen], horizon=weeks))
                if number == 0:
                    named = {"head": HEAD, "trained_on": trained_on}
                    curves += [named | point for point in curve(truth[seen], chances[seen, i])]
    flag, leads = _flag(
        histories, model, watched, then=then, late=late, block=way.blocks()[place], config=config
    )
    return BacktestStep(
        head=HEAD,
        trained_on=trained_on,
        rows=tuple(found),
        curve=tuple(curves),
        flag={"trained_on": trained_on, **flag},
        leads=tuple(leads.tolist()),
    )


def _flag(
    histories: Histories,
    model: InFlightModel,
    watched: SampledLandmarks,
    *,
    then: LandmarkRows,
    late: BoolArray,
    block: tuple[date, date],
    config: TrainingConfig,
) -> tuple[dict[str, Any], FloatArray]:
    """The flag's threshold, set on the calibration weeks before the date and verified on the block after it."""
    flags = config.flags
    here = watched.points["as_of"].is_between(*block, closed="left").to_numpy()
    watches = []
    for where, part in ((late, _take(then, late)), (here, _take(watched.rows, here))):
        chosen = watched.points.filter(pl.Series(where))
        first, last = chosen["as_of"].min(), chosen["as_of"].max()
        of_block = watched.weekly.filter(pl.col("as_of").is_between(first, last))
        watches.append(
            flag_threshold.weekly_chances(
                chosen,
                model.incidence(part.features, [flags.horizon_weeks])[:, 0],
                practitioner_weeks=practitioner_weeks(histories, of_block, chosen),
            )
        )
    truth, seen = failed_within(_take(then, late), flags.horizon_weeks)
    raise_at = flag_threshold.raise_from(
        watches[0],
        base_rate=float(truth[seen].mean()) if seen.any() else 0.0,
        per_practitioner_week=flags.per_practitioner_week,
        clear_ratio=flags.clear_ratio,
    )
    clear_at = raise_at * flags.clear_ratio
    told = [
        flag_threshold.flag_figures(
            watch, raise_at=raise_at, clear_at=clear_at, horizon_weeks=flags.horizon_weeks
        )
        for watch in watches
    ]
    leads = flag_threshold.leads(watches[1], flag_threshold.up(watches[1].chances, raise_at, clear_at))
    set_week = told[0]["flags_per_practitioner_week"]
    return {"raise_at": raise_at, "set_flags_per_practitioner_week": set_week, **told[1]}, leads


def _fit(fit_rows: LandmarkRows, later: LandmarkRows, config: TrainingConfig) -> InFlightModel:
    return unfitted(config).fit_landmarks(fit_rows).calibrate_landmarks(later)


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
    return baselines.compare(
        models,
        features=tuple(fit_rows.features.columns),
        fit_rows=binary(fit_rows, weeks),
        calibrate_rows=binary(later, weeks),
    )


def binary(rows: LandmarkRows, weeks: int) -> pl.DataFrame:
    """The landmarks whose outcome within the horizon is known, as rows of a yes-or-no question."""
    truth, seen = failed_within(rows, weeks)
    frame = rows.features.with_columns(y=pl.Series(truth), weight=pl.lit(1.0), referral_id=rows.units)
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


def _take(rows: LandmarkRows, where: BoolArray) -> LandmarkRows:
    mask = pl.Series(where)
    return LandmarkRows(
        features=rows.features.filter(mask),
        units=rows.units.filter(mask),
        until=rows.until[where],
        kind=rows.kind[where],
    )
