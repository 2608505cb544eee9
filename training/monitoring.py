"""Does the world still look like the one a head was calibrated in, and since when does it not?

Two things can be watched, each as soon as it can be known. **Inputs and chances** are known on the day: every
week the last 28 days' rows are held against the head's profile by the population stability index. **Calibration**
is known only once a row's label window has closed and its records have had time to arrive: month by month, what
was foretold against what came, on the day from which that could be said and not before. Too few rows show
nothing but noise, and are not judged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from training.head import FittedHead
from training.profile import CHANCE, MOVED_MUCH, index, places, profile

FloatArray = npt.NDArray[np.float64]
MONTH_DAYS = 28
WEEK_DAYS = 7
#: With fewer rows the index exceeds its reading aids by chance alone (its noise is about bins over rows).
LEAST_ROWS = 300
#: Standard errors, and points of a share, by which what came must differ from what was foretold.
DRIFT_ERRORS, DRIFT_GAP = 3.0, 0.05


@dataclass(frozen=True, kw_only=True)
class Moved:
    """An input (or the chance itself) that moved much: when that was first seen, how far, and whether it still is."""

    name: str
    label: str
    noticed_on: date
    index: float
    still: bool

    def sentence(self) -> str:
        """For the model card."""
        now = "still so" if self.still else "no longer so"
        return (
            f"{self.label} moved much (stability index {self.index:.2f}), noticed on {self.noticed_on}, {now}"
        )


@dataclass(frozen=True, kw_only=True)
class Month:
    """What was foretold for the rows of 28 days, what came, and the day from which that was known."""

    begin: date
    end: date
    known_on: date
    rows: int
    foretold: float
    came: float
    errors: float

    @property
    def drifted(self) -> bool:
        """Whether chance does not explain the gap, and it is of a size that matters."""
        return abs(self.errors) > DRIFT_ERRORS and abs(self.came - self.foretold) > DRIFT_GAP

    def sentence(self) -> str:
        """For the model card."""
        return (
            f"of the rows of {self.begin} to {self.end - timedelta(days=1)} a share of {self.came:.3f} came true "
            f"where {self.foretold:.3f} was foretold, known from {self.known_on}"
        )


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What was seen of one head between two days."""

    head: str
    since: date
    until: date
    rows: int
    latest: Mapping[str, float]
    moved: tuple[Moved, ...]
    months: tuple[Month, ...]

    @property
    def noticed_on(self) -> date | None:
        """The first day on which anything was noticed."""
        days = [item.noticed_on for item in self.moved]
        days += [month.known_on for month in self.months if month.drifted]
        return min(days, default=None)

    def alerts(self) -> list[str]:
        """Sentences for the model card, the earliest first."""
        found = [(item.noticed_on, item.sentence()) for item in self.moved]
        found += [(month.known_on, month.sentence()) for month in self.months if month.drifted]
        return [f"{self.head}: {sentence}" for _, sentence in sorted(found)]

    def to_dict(self) -> dict[str, Any]:
        """The watch as plain data for training.json."""
        noticed = self.noticed_on
        return {
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "rows_of_latest_month": self.rows,
            "stability_of_latest_month": dict(self.latest),
            "noticed_on": None if noticed is None else noticed.isoformat(),
            "moved": [_plain(item) for item in self.moved],
            "months": [_plain(month) | {"drifted": month.drifted} for month in self.months],
        }


def watch_head(
    head: FittedHead, frame: pl.DataFrame, labelled: pl.DataFrame, *, until: date, delay_days: int
) -> Watch:
    """What moved since the block that calibrated a head, in its inputs, its chances and its calibration?

    `frame` is every referral (`as_of` and features), `labelled` those with a label (`y`, `crn` besides). The
    profile is of every referral of the calibration block, whether it was labelled or not, as is what it is
    held against.
    """
    names = head.scorecard.used_features
    then = frame.filter(head.blocks.calibrate())
    since = head.blocks.test_from
    later = labelled.filter(pl.col("as_of") >= since)
    return watch(
        head.head,
        held=profile(then.select(names), chances=head.predict(then)),
        labels=head.document["labels"],
        frame=frame,
        chances=head.predict(frame),
        since=since,
        until=until,
        months=calibration_by_month(
            later["as_of"],
            later["y"].to_numpy(),
            head.predict(later),
            later["crn"].to_numpy(),
            since=since,
            until=until,
            delay_days=delay_days,
        ),
    )


def watch(
    head: str,
    *,
    held: Mapping[str, Any],
    labels: Mapping[str, str],
    frame: pl.DataFrame,
    chances: npt.ArrayLike,
    since: date,
    until: date,
    months: tuple[Month, ...] = (),
) -> Watch:
    """What moved between two days, of the rows of `frame` (`as_of` and the profiled features) and their chances?

    `held` is the profile (`training.profile.profile`) of the rows that later ones are held against. Looks back from `until` in steps of a week, each time at the 28 days before. `months` are those of
    `calibration_by_month`, which alone read labels.
    """
    recent = (frame["as_of"].is_between(since, until, closed="left")).to_numpy()
    rows = frame.filter(pl.Series(recent))
    week = ((pl.Series([until]) - rows["as_of"]).dt.total_days().to_numpy() - 1) // WEEK_DAYS
    last = (
        until - since
    ).days // WEEK_DAYS  # whole weeks that were watched; the oldest part of one is left out
    per_month = MONTH_DAYS // WEEK_DAYS
    totals = _rolling(np.bincount(week, minlength=last + 1)[:last, None], per_month)[:, 0]
    found: dict[str, FloatArray] = {}
    for name, (place, bins) in places(held, rows, chances=np.asarray(chances)[recent]).items():
        counts = np.bincount(week * bins + place, minlength=(last + 1) * bins).reshape(-1, bins)[:last]
        shares = _rolling(counts, per_month) / np.maximum(totals, 1)[:, None]
        before = np.asarray(held[name]["shares"])
        found[name] = np.array([index(before, share) for share in shares])
    enough = totals >= LEAST_ROWS
    moved = [
        item
        for name, values in found.items()
        if (item := _moved(name, labels.get(name, name), np.where(enough, values, 0.0), until)) is not None
    ]
    judged = bool(len(totals)) and bool(enough[0])
    return Watch(
        head=head,
        since=since,
        until=until,
        rows=int(totals[0]) if len(totals) else 0,
        latest={name: round(float(values[0]), 4) for name, values in found.items()} if judged else {},
        moved=tuple(sorted(moved, key=lambda item: (item.noticed_on, -item.index, item.name))),
        months=months,
    )


def calibration_by_month(
    as_of: pl.Series,
    y: npt.ArrayLike,
    chances: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    since: date,
    until: date,
    delay_days: int,
) -> tuple[Month, ...]:
    """Month by month, what was foretold and what came, of rows whose labels could be known before `until`?

    `delay_days` is how long after its day a row's label is known: its window and the months for records to
    arrive. A month whose last label was not known by `until` is left out, whatever the rows say.
    """
    days = (as_of - pl.Series([since])).dt.total_days().to_numpy()
    truth, chance = np.asarray(y, dtype=np.float64), np.asarray(chances, dtype=np.float64)
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    found: list[Month] = []
    begin = since
    while begin + timedelta(days=MONTH_DAYS + delay_days) <= until:
        start = (begin - since).days
        here = (days >= start) & (days < start + MONTH_DAYS)
        end = begin + timedelta(days=MONTH_DAYS)
        if here.sum() >= LEAST_ROWS:
            rest = truth[here] - chance[here]
            spread = np.bincount(member[here], weights=rest - rest.mean())
            error = math.sqrt(float((spread**2).sum())) / len(rest)
            found.append(
                Month(
                    begin=begin,
                    end=end,
                    known_on=end + timedelta(days=delay_days),
                    rows=int(here.sum()),
                    foretold=float(chance[here].mean()),
                    came=float(truth[here].mean()),
                    errors=float(rest.mean()) / error if error > 0 else 0.0,
                )
            )
        begin = end
    return tuple(found)


def _rolling(counts: npt.NDArray[np.int64], weeks: int) -> npt.NDArray[np.int64]:
    """Sums over each week and those before it (rows run from the latest week back); only whole months."""
    if len(counts) < weeks:
        return np.zeros((0, counts.shape[1]), dtype=np.int64)
    total = np.concatenate([np.zeros((1, counts.shape[1]), dtype=np.int64), np.cumsum(counts, axis=0)])
    result: npt.NDArray[np.int64] = total[weeks:] - total[:-weeks]
    return result


def _moved(name: str, label: str, values: FloatArray, until: date) -> Moved | None:
    over = np.flatnonzero(values > MOVED_MUCH)
    if not len(over):
        return None
    first = int(over.max())  # the furthest back
    return Moved(
        name=name,
        label="The chance itself" if name == CHANCE else label,
        noticed_on=until - timedelta(days=WEEK_DAYS * first),
        index=round(float(values[over].max()), 4),
        still=bool(values[0] > MOVED_MUCH),
    )


def _plain(item: Moved | Month) -> dict[str, Any]:
    return {
        name: value.isoformat()
        if isinstance(value, date)
        else round(value, 6)
        if isinstance(value, float)
        else value
        for name in item.__dataclass_fields__
        for value in (getattr(item, name),)
    }
