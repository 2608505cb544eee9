"""How good are the in-flight chances, on landmarks that the model has not seen?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from training.heads.performance import Performance, auc, performance
from training.inflight.model import FAILED, FINISHED, LandmarkRows

FloatArray = npt.NDArray[np.float64]


def failed_within(rows: LandmarkRows, weeks: float) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Did each landmark end without completion within `weeks` (1 or 0), and is that known?"""
    ended = (rows.kind == FAILED) | (rows.kind == FINISHED)
    failed = (rows.kind == FAILED) & (rows.until <= weeks)
    known = ended | (rows.until >= weeks)
    return failed.astype(np.float64), known


def judge(rows: LandmarkRows, chances: FloatArray, weeks: float) -> Performance:
    """The figures of one horizon, over the landmarks whose outcome by then is known; referrals count once."""
    truth, known = failed_within(rows, weeks)
    return performance(truth[known], chances[known], rows.units.to_numpy()[known])


def by_landmark(
    points: pl.DataFrame, rows: LandmarkRows, chances: FloatArray, weeks: float
) -> dict[str, dict[str, Any]]:
    """The figures by how long the referral had been running: the first month, to three, to six, and later."""
    running = points["week"].to_numpy()
    truth, known = failed_within(rows, weeks)
    spans = {
        "weeks 1 to 4": (1, 4),
        "weeks 5 to 13": (5, 13),
        "weeks 14 to 26": (14, 26),
        "later": (27, 10_000),
    }
    result = {}
    for name, (first, last) in spans.items():
        here = known & (running >= first) & (running <= last)
        result[name] = performance(truth[here], chances[here]).to_dict()
    return result


def attendance_alone(rows: LandmarkRows, weeks: float) -> dict[str, Any]:
    """The baseline: how well does attendance so far, alone, rank who will fail (its AUC; unknown counts as average)?"""
    truth, known = failed_within(rows, weeks)
    share = rows.features["session_attendance"].cast(pl.Float64).to_numpy()
    filled = np.where(np.isnan(share), np.nanmean(share) if not np.isnan(share).all() else 0.5, share)
    return {"auc": auc(truth[known], 1.0 - filled[known])}


def failed_share(rows: LandmarkRows, weeks: float) -> float:
    """What share of the landmarks whose end by then is known ended without completion? 0 where none is known."""
    truth, known = failed_within(rows, weeks)
    return float(truth[known].mean()) if known.any() else 0.0
