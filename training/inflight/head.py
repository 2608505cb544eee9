"""The in-flight head on case histories: landmarks, fit, calibration, judgement, and the flag's threshold.

Rows are weekly landmarks of every referral while it was open. The model is fitted on one week in several (by
hash of the referral). It is judged, and the threshold is set, on every week of a sample of referrals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from catalogue import Catalogue
from features.definitions import INFLIGHT
from features.histories import Histories
from scoring.inflight import landmarks
from scoring.thresholds import Band, Thresholds
from training.config import TrainingConfig
from training.heads.head import importance
from training.heads.monitoring import Watch, calibration_by_month, watch
from training.heads.performance import barely_predictable, gain_over_base_rate
from training.heads.profile import profile
from training.heads.splits import TimeBlocks, blocks, last_usable, sample
from training.inflight import flag_threshold
from training.inflight.judging import attendance_alone, by_landmark, failed_share, failed_within, judge
from training.inflight.landmarks import landmark_points, rows_of
from training.inflight.model import CENSORED, InFlightModel, LandmarkRows

FloatArray = npt.NDArray[np.float64]
#: Weekly rows of one block, at most, that judge and set the threshold.
WATCHED_ROWS = 20_000
QUESTION = "Given how it goes so far, will this referral end without completion?"


@dataclass(frozen=True, kw_only=True)
class FittedInFlight:
    """The fitted in-flight head: what serves, the flag's thresholds, and what is known of it."""

    model: InFlightModel
    document: Mapping[str, Any]
    calibration: Mapping[str, Any]
    thresholds: Thresholds
    blocks: TimeBlocks
    test: LandmarkRows
    watch: Watch


def unfitted(config: TrainingConfig) -> InFlightModel:
    """The in-flight model as it is configured, before it has seen any row."""
    settings = config.inflight
    return InFlightModel(
        features=tuple(landmarks.LABELS),
        interval=settings.interval_weeks,
        intervals=max(settings.horizons_weeks) // settings.interval_weeks,
        settings=config.inflight_scorecards,
        monotone=landmarks.MONOTONE,
        random_state=config.seed,
        n_jobs=config.threads,
    )


def fit_inflight(
    histories: Histories,
    outcomes: pl.DataFrame,
    *,
    training_date: date,
    catalogue: Catalogue,
    config: TrainingConfig,
) -> FittedInFlight:
    """Fit, calibrate and judge the in-flight head, and set and verify the flag's threshold."""
    settings = config.inflight
    reach = 7 * max(settings.horizons_weeks)
    stop = last_usable(training_date, window_days=reach, gap_days=config.blocks.label_gap_days)
    points = landmark_points(
        outcomes, known_before=training_date, seed=config.seed, every=settings.landmark_every_weeks
    ).filter(pl.col("as_of") < stop)
    cut = blocks(
        points["as_of"],
        calibration_share=config.blocks.calibration_share,
        test_share=config.blocks.test_share,
        head="in-flight",
    )
    model = unfitted(config)
    fit_points = sample(
        points.filter(cut.fit()), by="referral_id", at_most=settings.max_landmarks, seed=config.seed
    )
    _, fit_rows = rows_of(histories, fit_points, catalogue=catalogue)
    model.fit_landmarks(fit_rows)
    weekly = landmark_points(outcomes, known_before=training_date, seed=config.seed, every=1).filter(
        pl.col("as_of") < stop
    )
    set_on, set_weeks = _watch(histories, weekly.filter(cut.calibrate()), seed=config.seed)
    verify_on, verify_weeks = _watch(histories, weekly.filter(cut.test()), seed=config.seed)
    set_points, set_rows = rows_of(histories, set_on, catalogue=catalogue)
    model.calibrate_landmarks(set_rows)
    test_points, test_rows = rows_of(histories, verify_on, catalogue=catalogue)
    horizons = settings.horizons_weeks
    chances = model.incidence(test_rows.features, horizons)
    place = horizons.index(config.flags.horizon_weeks)
    held = [judge(test_rows, chances[:, i], weeks) for i, weeks in enumerate(horizons)]
    inputs = profile(set_rows.features, chances=model.incidence(set_rows.features, horizons)[:, place])
    truth, seen = failed_within(test_rows, config.flags.horizon_weeks)
    base_rate = failed_share(set_rows, config.flags.horizon_weeks)
    people = test_points["crn"].to_numpy()[seen]
    barely = barely_predictable(truth[seen], chances[seen, place], base_rate, people)
    saved, errors = gain_over_base_rate(truth[seen], chances[seen, place], base_rate, people)
    limits = _thresholds(
        set_on=(set_points, model.incidence(set_rows.features, horizons)[:, place], set_weeks),
        verify_on=(test_points, chances[:, place], verify_weeks),
        base_rate=base_rate,
        cut=cut,
        config=config,
    )
    cards = (model.not_completed_, model.completed_)
    assert cards[0] is not None
    assert cards[1] is not None
    document = {
        "head": "inflight",
        "question": QUESTION,
        "spec_hash": INFLIGHT.hash,
        "scorecards": {"not_completed": cards[0].to_dict(), "completed": cards[1].to_dict()},
        "interval_weeks": settings.interval_weeks,
        "intervals": model.intervals,
        "horizons_weeks": list(horizons),
        "labels": {**landmarks.LABELS, "interval_ahead": "weeks ahead that are asked about"},
        "barely_predictable": barely,
        "base_rate": base_rate,
        "auc": 0.5 if held[place].auc is None else held[place].auc,
        "gain": {"log_loss_saved": saved, "standard_errors": errors},
        "performance": held[place].to_dict(),
        "by_horizon": {str(weeks): figures.to_dict() for weeks, figures in zip(horizons, held, strict=True)},
        "by_landmark": by_landmark(test_points, test_rows, chances[:, place], config.flags.horizon_weeks),
        "attendance_alone": attendance_alone(test_rows, config.flags.horizon_weeks),
        "rows": {
            "fit": fit_rows.features.height,
            "calibrate": set_rows.features.height,
            "test": test_rows.features.height,
            "censored": int((fit_rows.kind == CENSORED).sum()),
        },
        "blocks": cut.to_dict(),
        "importance": importance(cards[0]),
        "profile": inputs,
    }
    calibration = {
        "inflight_not_completed": model.calibration_["not_completed"].to_dict(),
        "inflight_completed": model.calibration_["completed"].to_dict(),
    }
    return FittedInFlight(
        model=model,
        document=document,
        calibration=calibration,
        thresholds=limits,
        blocks=cut,
        test=test_rows,
        watch=_watch_since(
            model,
            inputs,
            landmark_points(
                outcomes, known_before=training_date, seed=config.seed, every=settings.landmark_every_weeks
            ).filter(pl.col("as_of") >= cut.test_from),
            histories=histories,
            catalogue=catalogue,
            since=cut.test_from,
            until=training_date,
            config=config,
        ),
    )


def _watch_since(
    model: InFlightModel,
    inputs: Mapping[str, Any],
    points: pl.DataFrame,
    *,
    histories: Histories,
    catalogue: Catalogue,
    since: date,
    until: date,
    config: TrainingConfig,
) -> Watch:
    """What moved since the calibration block, in the landmarks themselves and in the outcomes of the closed ones?"""
    weeks = config.flags.horizon_weeks
    kept = sample(points, by="referral_id", at_most=WATCHED_ROWS, seed=config.seed + 2)
    seen, rows = rows_of(histories, kept, catalogue=catalogue)
    chances = model.incidence(rows.features, [weeks])[:, 0]
    truth, known = failed_within(rows, weeks)
    delay = 7 * weeks + config.blocks.label_gap_days
    closed = known & (seen["as_of"] < until - timedelta(days=delay)).to_numpy()
    return watch(
        "inflight",
        held=inputs,
        labels=landmarks.LABELS,
        frame=rows.features.with_columns(as_of=seen["as_of"]),
        chances=chances,
        since=since,
        until=until,
        months=calibration_by_month(
            seen["as_of"].filter(pl.Series(closed)),
            truth[closed],
            chances[closed],
            seen["crn"].to_numpy()[closed],
            since=since,
            until=until,
            delay_days=delay,
        ),
    )


def _watch(histories: Histories, points: pl.DataFrame, *, seed: int) -> tuple[pl.DataFrame, float]:
    """Every week of a sample of referrals, and the practitioner-weeks that fall to the sample."""
    kept = sample(points, by="referral_id", at_most=WATCHED_ROWS, seed=seed + 1)
    return kept, flag_threshold.practitioner_weeks(histories, points, kept)


def _thresholds(
    *,
    set_on: tuple[pl.DataFrame, FloatArray, float],
    verify_on: tuple[pl.DataFrame, FloatArray, float],
    base_rate: float,
    cut: TimeBlocks,
    config: TrainingConfig,
) -> Thresholds:
    flags = config.flags
    spans = ((cut.calibrate_from, cut.test_from), (cut.test_from, cut.until))
    watches = [
        flag_threshold.weekly_chances(points, chances, practitioner_weeks=weeks)
        for points, chances, weeks in (set_on, verify_on)
    ]
    if not all(len(watch.chances) for watch in watches):
        return Thresholds(
            horizon_weeks=flags.horizon_weeks,
            raise_at=1.0,
            clear_at=1.0,
            bands=(Band(name=flag_threshold.BAND_NAMES[0], at_least=0.0),),
            evidence={},
        )
    return flag_threshold.thresholds(
        watches[0],
        watches[1],
        base_rate=base_rate,
        horizon_weeks=flags.horizon_weeks,
        per_practitioner_week=flags.per_practitioner_week,
        clear_ratio=flags.clear_ratio,
        periods={
            "set_from": spans[0][0].isoformat(),
            "set_until": (spans[0][1] - timedelta(days=1)).isoformat(),
            "verified_from": spans[1][0].isoformat(),
            "verified_until": (spans[1][1] - timedelta(days=1)).isoformat(),
        },
    )
