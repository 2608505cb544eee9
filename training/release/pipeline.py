"""From histories to a release bundle: every head, the effects, the thresholds, and the figures of all of them.

`train` writes the bundle with its gate not yet run; the caller has it audited and sealed
(`training.release.bundle.seal`) and registered (`training.release.registry.register`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import polars as pl

from catalogue import load
from catalogue.errors import UsageError
from features.contract import CONTRACT_VERSION, TABLES
from features.definitions import SPEC
from features.histories import Histories
from features.outcomes import referral_outcomes
from scoring.bundle import Bundle
from scoring.columns import columns_of
from training.benefit import effects
from training.benefit.effects import FittedEffects
from training.config import TrainingConfig
from training.heads import baselines, commence, complete, referrals
from training.heads.head import FittedHead, HeadRows, fit_head
from training.heads.monitoring import monitoring_report, watch_head
from training.heads.performance import log_losses, performance
from training.heads.windows import labels_of, window_of
from training.inflight.head import FittedInFlight, fit_inflight
from training.inflight.judging import failed_within
from training.release import bundle, registry

Progress = Callable[[int, int], None]
STEPS = 7


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """What training made: the bundle's folder and version, and the figures to log.

    `metrics` holds each head's held-out figures; those that begin with `champion_` are the present champion's
    on the same rows.
    """

    folder: Path
    version: str
    training_date: date
    metrics: Mapping[str, float]


def train(
    histories: Histories, *, out: Path, config: TrainingConfig | None = None, progress: Progress | None = None
) -> TrainingResult:
    """Fit everything on what was known by the histories' last day, and write the bundle to `out`.

    Raises UsageError where the histories hold too little to learn from, or the folder cannot be written.
    """
    settings = config or TrainingConfig()
    catalogue = load()
    training_date = histories.last_day + timedelta(days=1)
    steps = _Steps(progress)
    outcomes = referral_outcomes(histories, known_before=training_date)
    if not outcomes.height:
        raise UsageError(
            f"The histories in {histories.folder} hold no referrals; there is nothing to learn from."
        )
    frame = referrals.frame(histories, outcomes, catalogue=catalogue)
    steps.done()
    rows = {
        module.HEAD: referrals.rows(frame, labels_of(module.HEAD, outcomes, training_date, settings))
        for module in (commence, complete)
    }
    each = settings.for_lane()

    def heads() -> tuple[FittedHead, FittedHead, FittedInFlight, list[dict[str, Any]]]:
        started = _fit(commence.HEAD, commence.QUESTION, rows, each)
        steps.done()
        finished = _fit(complete.HEAD, complete.QUESTION, rows, each)
        steps.done()
        inflight = fit_inflight(
            histories, outcomes, training_date=training_date, catalogue=catalogue, config=each
        )
        steps.done()
        compared = [row for head in (started, finished) for row in compare(head, rows[head.head], each)]
        steps.done()
        return started, finished, inflight, compared

    def effects_of() -> FittedEffects:
        found = effects.fit(histories, training_date=training_date, catalogue=catalogue, config=each)
        steps.done()
        return found

    # Two lanes of one thread each use two cores better than two threads that wait for each other at every tree.
    with ThreadPoolExecutor(max_workers=settings.lanes) as pool:
        of_heads, of_effects = pool.submit(heads), pool.submit(effects_of)
        started, finished, inflight, compared = of_heads.result()
        effect = of_effects.result()
    watches = [
        *(
            watch_head(
                head,
                frame,
                rows[head.head].frame,
                until=training_date,
                delay_days=window_of(head.head, settings) + settings.blocks.label_gap_days,
            )
            for head in (started, finished)
        ),
        inflight.watch,
    ]
    version = bundle.write(
        out,
        documents={
            "commence.json": started.document,
            "complete.json": finished.document,
            "inflight.json": inflight.document,
            "benefit.json": effect.benefit,
            "similar.json": effect.similar,
            "calibration.json": {
                "commence": started.calibration.to_dict(),
                "complete": finished.calibration.to_dict(),
                **inflight.calibration,
            },
            "thresholds.json": inflight.thresholds.to_dict(),
            bundle.TRAINING_FILE: {
                "config": settings.flat_for_cards(),
                "baselines": compared,
                "decision_points": effect.rows,
                "monitoring": monitoring_report(watches),
            },
        },
        spec_hash=SPEC.hash,
        catalogue_hash=catalogue.hash,
        contract_version=CONTRACT_VERSION,
        training_date=training_date,
        data_period=(_first_day(histories), histories.last_day),
    )
    metrics = _metrics(started, finished, inflight) | _champions(
        registry.champion(settings), started, finished, inflight
    )
    steps.done()
    return TrainingResult(folder=out, version=version, training_date=training_date, metrics=metrics)


def compare(head: FittedHead, rows: HeadRows, config: TrainingConfig) -> list[dict[str, Any]]:
    """The head next to its floor and ceiling, on the same blocks: rows of the model card's table."""
    fit_rows = rows.where(head.blocks.fit())
    models = baselines.compare(
        {
            "base rate": baselines.base_rate,
            "OGRS alone": baselines.one_feature("ogrs_2yr"),
            "attendance at appointments alone": baselines.one_feature("contact_attendance_in_a_year"),
            "logistic": baselines.logistic,
            "unconstrained LightGBM": baselines.boosted(config.seed, config.threads),
        },
        features=rows.features,
        fit_rows=fit_rows,
        calibrate_rows=rows.where(head.blocks.calibrate()),
    )
    truth = head.test["y"].to_numpy()
    chances = {name: predict(head.test) for name, predict in models.items()} | {
        "scorecard": head.predict(head.test)
    }
    weight = head.test["weight"].to_numpy()
    found = {name: performance(truth, chance, weight=weight) for name, chance in chances.items()}
    return [
        {"head": head.head, "model": name, "auc": p.auc, "brier": p.brier, "log_loss": p.log_loss}
        for name, p in found.items()
    ]


def _fit(head: str, question: str, rows: Mapping[str, HeadRows], config: TrainingConfig) -> FittedHead:
    return fit_head(
        head, question, rows[head], labels=referrals.LABELS, config=config, monotone=referrals.MONOTONE
    )


def _first_day(histories: Histories) -> date:
    """The earliest day on which anything became known."""
    days = [
        histories.table(name).select(pl.col("known_on").min()).collect().item()
        for name, table in TABLES.items()
        if table.dated
    ]
    first: date = min(day for day in days if day is not None)
    return first


def _metrics(started: FittedHead, finished: FittedHead, inflight: FittedInFlight) -> dict[str, float]:
    documents = {"commence": started.document, "complete": finished.document, "inflight": inflight.document}
    figures: dict[str, float] = {}
    for head, document in documents.items():
        held = document["performance"]
        for name in (
            "auc",
            "brier",
            "log_loss",
            "calibration_slope",
            "calibration_in_the_large",
            "calibration_error",
            "calibration_error_debiased",
        ):
            if held[name] is not None:
                figures[f"{head}_{name}"] = float(held[name])
        figures[f"{head}_barely_predictable"] = float(document["barely_predictable"])
    for name, value in inflight.thresholds.evidence.items():
        if isinstance(value, float):
            figures[f"flag_{name}"] = value
    return figures


def _champions(
    champion: Bundle | None, started: FittedHead, finished: FittedHead, inflight: FittedInFlight
) -> dict[str, float]:
    """The present champion's log loss on the rows that judge the new heads.

    Empty where there is no champion, and where it cannot read the rows: then nothing is promoted in its place.
    """
    if champion is None:
        return {}
    try:
        found: dict[str, float] = {}
        for fitted, held in ((started, champion.commence), (finished, champion.complete)):
            chances = held.probability_many(fitted.test)
            found[f"champion_{fitted.head}_log_loss"] = float(
                log_losses(fitted.test["y"].to_numpy(), chances).mean()
            )
        test, head = inflight.test, champion.inflight
        weeks = inflight.thresholds.horizon_weeks
        truth, seen = failed_within(test, weeks)
        chances = head.probabilities_many(
            columns_of(test.features, head.feature_names), rows=test.features.height
        )
        place = head.horizons_weeks.index(weeks)
        found["champion_inflight_log_loss"] = float(np.mean(log_losses(truth[seen], chances[seen, place])))
    except (UsageError, ValueError, pl.exceptions.ColumnNotFoundError):
        return {}
    return found


class _Steps:
    """Reports how many of the steps are done."""

    def __init__(self, report: Progress | None) -> None:
        self._report, self._done, self._lock = report, 0, Lock()
        if report is not None:
            report(0, STEPS)

    def done(self) -> None:
        """One more step is done."""
        with self._lock:
            self._done += 1
            if self._report is not None:
                self._report(self._done, STEPS)
