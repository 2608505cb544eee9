"""At what probability should a flag go up, so that practitioners see no more than they can answer?

The threshold is the lowest whose new flags stay within the alert budget on one block of time; the next block
verifies it. Flags have hysteresis (they clear lower than they are raised), and only the weeks in which a flag
goes up count against the budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from features.histories import Histories
from scoring.thresholds import Band, Thresholds

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
CANDIDATES = 200
#: Weeks before the end by which a flag has to be up to be of use.
IN_TIME_WEEKS = 3
#: How far above the base rate a chance must lie for a flag, even with a large budget.
LEAST_LIFT = 1.25
BAND_NAMES = ("USUAL", "RAISED", "HIGH")


@dataclass(frozen=True, kw_only=True)
class WeeklyChances:
    """Referrals watched weekly through a block of time.

    `chances` is [referrals, weeks], NaN where a referral was not open; `failed_after` the weeks from each cell
    to an end without completion (NaN: it did not end so, or not yet). `practitioner_weeks` is how many
    practitioners were at work in how many weeks, for the share of referrals that was watched.
    """

    chances: FloatArray
    failed_after: FloatArray
    practitioner_weeks: float

    def __post_init__(self) -> None:
        """Hold the parts to one shape."""
        if self.chances.shape != self.failed_after.shape:
            raise ValueError("The parts of a watch differ in shape.")


def weekly_chances(rows: pl.DataFrame, chances: npt.ArrayLike, *, practitioner_weeks: float) -> WeeklyChances:
    """A watch from weekly rows: `referral_id`, `as_of`, and `failed_on` (null: it did not end so)."""
    work = rows.select(
        pl.col("referral_id").rank("dense").cast(pl.Int64).alias("line") - 1,
        ((pl.col("as_of") - pl.col("as_of").min()).dt.total_days() // 7).alias("week"),
        ((pl.col("failed_on") - pl.col("as_of")).dt.total_days() / 7.0).alias("after"),
    )
    lines, weeks = work["line"].to_numpy(), work["week"].to_numpy()
    shape = (int(lines.max()) + 1, int(weeks.max()) + 1) if len(lines) else (0, 0)
    held, after = np.full(shape, np.nan), np.full(shape, np.nan)
    held[lines, weeks] = np.asarray(chances, dtype=np.float64)
    after[lines, weeks] = work["after"].fill_null(float("nan")).to_numpy()
    return WeeklyChances(chances=held, failed_after=after, practitioner_weeks=practitioner_weeks)


def up(chances: FloatArray, raise_at: float, clear_at: float) -> BoolArray:
    """Is the flag up in each week? [referrals, weeks]."""
    limits = Thresholds(
        horizon_weeks=1,
        raise_at=raise_at,
        clear_at=clear_at,
        bands=(Band(name="ALL", at_least=0.0),),
        evidence={},
    )
    return limits.raised(chances)


def new_flags(flags: BoolArray) -> BoolArray:
    """In which weeks does a flag go up?"""
    before = np.zeros_like(flags)
    before[:, 1:] = flags[:, :-1]
    return np.asarray(flags & ~before, dtype=np.bool_)


def threshold_for(watch: WeeklyChances, *, per_practitioner_week: float, clear_ratio: float) -> float:
    """The lowest threshold whose new flags stay within the budget; just above every chance if none does."""
    known = watch.chances[~np.isnan(watch.chances)]
    if not len(known):
        return 1.0
    candidates = np.unique(np.quantile(known, np.linspace(0.0, 1.0, CANDIDATES)))
    # New flags need not fall with every step up, because a flag that stays up is not new: the answer is the
    # lowest candidate from which on all are within the budget.
    chosen = min(1.0, float(candidates[-1]) + 1e-6)
    for candidate in candidates[::-1]:
        rising = new_flags(up(watch.chances, float(candidate), float(candidate) * clear_ratio))
        if rising.sum() / max(watch.practitioner_weeks, 1e-9) > per_practitioner_week:
            break
        chosen = float(candidate)
    return chosen


def leads(watch: WeeklyChances, flags: BoolArray) -> FloatArray:
    """Of the referrals that were flagged and failed: by how many weeks did the first flag come before the end?"""
    caught = ~np.isnan(watch.failed_after).all(axis=1) & flags.any(axis=1)
    first = np.argmax(flags, axis=1) if flags.size else np.zeros(len(flags), dtype=np.int64)
    return np.asarray(watch.failed_after[np.arange(len(flags)), first][caught], dtype=np.float64)


def raise_from(
    watch: WeeklyChances, *, base_rate: float, per_practitioner_week: float, clear_ratio: float
) -> float:
    """The threshold that serves: within the budget, and never near the base rate, even with a large budget.

    A flag on everybody tells nothing about anybody.
    """
    within = threshold_for(watch, per_practitioner_week=per_practitioner_week, clear_ratio=clear_ratio)
    return round(max(within, LEAST_LIFT * base_rate), 6)


def flag_figures(
    watch: WeeklyChances, *, raise_at: float, clear_at: float, horizon_weeks: int
) -> dict[str, float | None]:
    """What a threshold does on a block: flags a week, how many were right, and how early they came."""
    flags = up(watch.chances, raise_at, clear_at)
    rising = new_flags(flags)
    soon = watch.failed_after <= horizon_weeks
    total = int(rising.sum())
    failing = ~np.isnan(watch.failed_after).all(axis=1)
    caught = failing & flags.any(axis=1)
    lead = leads(watch, flags)
    return {
        "flags_per_practitioner_week": total / watch.practitioner_weeks if watch.practitioner_weeks else None,
        "new_flags": float(total),
        "precision": float(soon[rising].mean()) if total else None,
        "ended_without_completion_after_flag": float((~np.isnan(watch.failed_after[rising])).mean())
        if total
        else None,
        "failures_flagged": float(caught.sum() / failing.sum()) if failing.any() else None,
        "median_lead_weeks": float(np.median(lead)) if len(lead) else None,
        "flagged_in_time": float((lead >= IN_TIME_WEEKS).mean()) if len(lead) else None,
    }


def thresholds(
    set_on: WeeklyChances,
    verified_on: WeeklyChances,
    *,
    base_rate: float,
    horizon_weeks: int,
    per_practitioner_week: float,
    clear_ratio: float,
    periods: Mapping[str, Any],
) -> Thresholds:
    """The thresholds that serve, with the evidence of both blocks."""
    raise_at = raise_from(
        set_on, base_rate=base_rate, per_practitioner_week=per_practitioner_week, clear_ratio=clear_ratio
    )
    clear_at = round(raise_at * clear_ratio, 6)
    middle = min(base_rate, raise_at * 0.999)
    settings = {"raise_at": raise_at, "clear_at": clear_at, "horizon_weeks": horizon_weeks}
    return Thresholds(
        horizon_weeks=horizon_weeks,
        raise_at=raise_at,
        clear_at=clear_at,
        bands=tuple(
            Band(name=name, at_least=start)
            for name, start in zip(BAND_NAMES, (0.0, middle, raise_at), strict=True)
        ),
        evidence={
            "budget_per_practitioner_week": per_practitioner_week,
            **{f"set_{name}": value for name, value in flag_figures(set_on, **settings).items()},  # type: ignore[arg-type]
            **{f"verified_{name}": value for name, value in flag_figures(verified_on, **settings).items()},  # type: ignore[arg-type]
            **periods,
        },
    )


def practitioner_weeks(histories: Histories, points: pl.DataFrame, kept: pl.DataFrame) -> float:
    """How many weeks of practitioners' work fall to a sample of the weekly points of one block?

    The practitioners who had any of the referrals, times the weeks of the block; a sample stands for its
    share of them.
    """
    if not kept.height:
        return 0.0
    share = kept["referral_id"].n_unique() / points["referral_id"].n_unique()
    people = histories.table("people").select("crn", "practitioner").drop_nulls().unique("crn", keep="any")
    theirs = (
        points.lazy().select("crn").unique().join(people, on="crn").select(pl.col("practitioner").n_unique())
    )
    days: int = points.select((pl.col("as_of").max() - pl.col("as_of").min()).dt.total_days() + 1).item()
    return max(float(theirs.collect().item()), 1.0) * days / 7.0 * share
