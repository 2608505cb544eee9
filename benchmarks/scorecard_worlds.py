"""The rows of the four heads, from a synthetic world whose seed serves this benchmark alone."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from scorecard_data import Rows, Table

from catalogue import load
from features.histories import Histories
from features.outcomes import referral_outcomes
from training.benefit import effects
from training.config import TrainingConfig
from training.heads import commence, complete, referrals
from training.heads.windows import labels_of
from training.inflight import FAILED
from training.inflight.landmarks import landmark_points, rows_of
from training.inflight.model import stack

PEOPLE, SEED, BEGIN, END = 20_000, 606, "2021-01-01", "2025-12-31"


def tables(place: Path) -> tuple[Table, ...]:
    """Give the heads' tables of the baseline world; it is made at `place` when rows are first asked for."""
    made = [
        Table(
            "commence", "baseline world", "the referral starts", True, lambda: _referrals(place, "commence")
        ),
        Table("complete", "baseline world", "it is finished", True, lambda: _referrals(place, "complete")),
        Table("in-flight", "baseline world", "it fails within 4 weeks", True, lambda: _landmarks(place)),
        Table("benefit", "baseline world", "progress in 12 months", True, lambda: _decisions(place)),
    ]
    return tuple(made)


@cache
def _world(place: Path) -> Histories:
    folder = place / f"baseline-{PEOPLE}-{SEED}"
    if not folder.exists():
        part = place / f"{folder.name}.part"
        command = [sys.executable, "-m", "signpost", "synthesise", "--people", str(PEOPLE)]
        command += ["--seed", str(SEED), "--start", BEGIN, "--end", END, "--out", str(part)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        part.rename(folder)
    return Histories.open(folder)


def _referrals(place: Path, head: str) -> Rows:
    histories, day = _world(place), _day(place)
    outcomes = referral_outcomes(histories, known_before=day)
    frame = referrals.frame(histories, outcomes, catalogue=load())
    module = {"commence": commence, "complete": complete}[head]
    rows = referrals.rows(frame, labels_of(module.HEAD, outcomes, day, TrainingConfig()))
    return _rows(rows.frame.select(rows.features), rows.frame["y"].to_numpy(), rows.frame["crn"])


def _landmarks(place: Path) -> Rows:
    """One landmark in eight weeks of each referral, and each interval of four weeks after it."""
    histories, day = _world(place), _day(place)
    outcomes = referral_outcomes(histories, known_before=day)
    points = landmark_points(outcomes, known_before=day, seed=SEED, every=8)
    points = points.filter(pl.col("as_of") < day - timedelta(days=84 + 183))
    known, rows = rows_of(histories, points, catalogue=load())
    stacked = stack(rows, interval=4, intervals=3)
    return _rows(stacked.design(rows.features), stacked.kind == FAILED, known["crn"][stacked.landmark])


def _decisions(place: Path) -> Rows:
    """Decision points with the arm as a feature: the pooled outcome model of the benefit head."""
    rows = effects.decision_rows(_world(place), training_date=_day(place), catalogue=load())
    kept = rows.points["progressed"].is_not_null()
    points = rows.points.filter(kept)
    frame = rows.features.filter(kept).with_columns(points["arm"])
    return _rows(frame, points["progressed"].to_numpy(), points["crn"])


def _day(place: Path) -> date:
    return _world(place).last_day + timedelta(days=1)


def _rows(frame: pl.DataFrame, y: np.ndarray, people: pl.Series) -> Rows:
    """Every method is given the same plain columns: floats with NaN, and texts with None."""
    columns = {}
    for column in frame:
        number = column.dtype == pl.Boolean or column.dtype.is_numeric()
        values = column.cast(pl.Float64 if number else pl.String).to_list()
        columns[column.name] = np.array(values, dtype=float if number else object)
    return Rows(pd.DataFrame(columns), np.asarray(y).astype(int), people.to_numpy())
