"""Do inputs, chances and outcomes still look as they did when a head was calibrated, and if not, since when?

Two things can be watched, each as soon as it can be known. **Inputs and chances** are known on the day: every
week the last 28 days' rows are held, by the population stability index, against the quarter before them and
against the head's profile. A jump from the quarter before is noticed; a slow drift away from the profile (as
"days since" does while records grow longer) is reported, without an alarm. **Calibration**
is known only once a row's label window has closed and its records have had time to arrive: month by month,
what was predicted against what was observed, dated by the day from which it was known. Too few rows show
nothing but noise, and are not judged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from scoring.stability import stability_index
from training.heads.head import FittedHead
from training.heads.profile import CHANCE, MOVED_MUCH, places, profile

FloatArray = npt.NDArray[np.float64]
MONTH_DAYS = 28
WEEK_DAYS = 7
#: Weeks before a month that show what was usual.
USUAL_WEEKS = 13
#: With fewer rows the index exceeds its reading aids by chance alone (its noise is about bins over rows).
LEAST_ROWS = 300
#: Fewer rows with labels than this make no month; the standard error covers the rest.
LEAST_LABELLED = 100
#: Standard errors, and points of a share, by which observed and predicted shares must differ.
#: A watch of three years over three heads looks at a hundred months: 3.5 errors keep the chance that any of them
#: rings while nothing moved at one in twenty (Bonferroni).
DRIFT_ERRORS, DRIFT_GAP = 3.5, 0.05


@dataclass(frozen=True, kw_only=True)
class Moved:
    """An input (or the chance itself) that moved much.

    `noticed_on` is the first day on which the last 28 days had jumped from the quarter before, `jump` the
    largest such index; `away` is the index of the latest month against the calibration block.
    """

    name: str
    label: str
    noticed_on: date | None
    jump: float
    away: float

    def sentence(self) -> str:
        """For the model card."""
        now = f"against the calibration block the latest month stands at {self.away:.2f}"
        if self.noticed_on is None:
            return f"{self.label} drifted, without a jump: {now}"
        return f"{self.label} jumped (stability index {self.jump:.2f}), noticed on {self.noticed_on}; {now}"


@dataclass(frozen=True, kw_only=True)
class Month:
    """What was predicted for the rows of 28 days, what was observed, and the day from which that was known."""

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
            f"where {self.foretold:.3f} was predicted, known from {self.known_on}"
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
        days = [item.noticed_on for item in self.moved if item.noticed_on is not None]
        days += [month.known_on for month in self.months if month.drifted]
        return min(days, default=None)

    def alerts(self) -> list[str]:
        """Sentences for the model card, the earliest first; slow drifts come last."""
        found = [(item.noticed_on or self.until, item.sentence()) for item in self.moved]
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

    `frame` is every referral (`as_of` and features), `labelled` those with a label (also `y` and `crn`). The
    profile is of every referral of the calibration block, labelled or not; so are
    the rows it is compared with.
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
            weight=later["weight"].to_numpy(),
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
    """What moved between two days, in the inputs and the chances?

    `frame` has `as_of` and the profiled features. `held` is the profile (`training.heads.profile.profile`) of
    the rows that later ones are held against. Looks back from `until` in steps of a week, each time at the 28
    days before. `months` are those of `calibration_by_month`, which alone read labels.
    """
    begin = since - timedelta(weeks=USUAL_WEEKS)
    recent = (frame["as_of"].is_between(begin, until, closed="left")).to_numpy()
    rows = frame.filter(pl.Series(recent))
    week = ((pl.Series([until]) - rows["as_of"]).dt.total_days().to_numpy() - 1) // WEEK_DAYS
    last = (until - begin).days // WEEK_DAYS  # whole weeks; the oldest part of one is left out
    looks = max((until - since).days // WEEK_DAYS - MONTH_DAYS // WEEK_DAYS + 1, 0)
    totals, usual_totals = _months(np.bincount(week, minlength=last + 1)[:last, None], looks)
    enough = (totals[:, 0] >= LEAST_ROWS) & (usual_totals[:, 0] >= LEAST_ROWS)
    by_chance = (1 / np.maximum(totals, 1) + 1 / np.maximum(usual_totals, 1))[:, 0]
    jumps: dict[str, FloatArray] = {}
    aways: dict[str, FloatArray] = {}
    for name, place in places(held, rows, chances=np.asarray(chances)[recent]).items():
        bins = len(held[name]["shares"])
        counts = np.bincount(week * bins + place, minlength=(last + 1) * bins).reshape(-1, bins)[:last]
        months_of, usual = _months(counts, looks)
        shares = months_of / np.maximum(totals, 1)
        before = usual / np.maximum(usual_totals, 1)
        calibrated = np.asarray(held[name]["shares"])
        # What chance alone adds to the index of two samples, on average (Yurdakul 2018).
        chance = (np.count_nonzero(months_of + usual, axis=1) - 1) * by_chance
        jumps[name] = (
            np.array([stability_index(a, b) for a, b in zip(before, shares, strict=True)]) - chance
        ) * enough
        aways[name] = np.array([stability_index(calibrated, share) for share in shares])
    moved = [
        item
        for name in jumps
        if (item := _moved(name, labels.get(name, name), jumps[name], aways[name] * enough, until))
        is not None
    ]
    judged = bool(looks) and bool(enough[0])
    return Watch(
        head=head,
        since=since,
        until=until,
        rows=int(totals[0, 0]) if looks else 0,
        latest={name: round(float(values[0]), 4) for name, values in aways.items()} if judged else {},
        moved=tuple(sorted(moved, key=lambda item: (item.noticed_on or date.max, -item.jump, item.name))),
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
    weight: FloatArray | None = None,
) -> tuple[Month, ...]:
    """What was predicted and what was observed, in each month whose labels were known before `until`?

    `delay_days` is how long after its day a row's label is known: its window and the months for records to
    arrive. A month whose last label was not known by `until` is left out. `weight` is
    how many rows each stands for, where some were censored.
    """
    days = (as_of - pl.Series([since])).dt.total_days().to_numpy()
    truth, chance = np.asarray(y, dtype=np.float64), np.asarray(chances, dtype=np.float64)
    w = np.ones(len(truth)) if weight is None else weight
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    found: list[Month] = []
    begin = since
    while begin + timedelta(days=MONTH_DAYS + delay_days) <= until:
        start = (begin - since).days
        here = (days >= start) & (days < start + MONTH_DAYS)
        end = begin + timedelta(days=MONTH_DAYS)
        if here.sum() >= LEAST_LABELLED:
            share = w[here] / w[here].sum()
            foretold, came = float((share * chance[here]).sum()), float((share * truth[here]).sum())
            rest = truth[here] - chance[here] - (came - foretold)
            spread = np.bincount(member[here], weights=share * rest)
            error = math.sqrt(float((spread**2).sum()))
            found.append(
                Month(
                    begin=begin,
                    end=end,
                    known_on=end + timedelta(days=delay_days),
                    rows=int(here.sum()),
                    foretold=foretold,
                    came=came,
                    errors=(came - foretold) / error if error > 0 else 0.0,
                )
            )
        begin = end
    return tuple(found)


def _months(counts: npt.NDArray[np.int64], looks: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For each weekly look, the latest first: the counts of its last four weeks and of the quarter before.

    `counts` is [weeks, bins] from the latest week back.
    """
    total = np.concatenate([np.zeros((1, counts.shape[1]), dtype=np.int64), np.cumsum(counts, axis=0)])
    first = np.arange(looks)
    month = np.minimum(first + MONTH_DAYS // WEEK_DAYS, len(counts))
    usual = np.minimum(month + USUAL_WEEKS, len(counts))
    return total[month] - total[first], total[usual] - total[month]


def _moved(name: str, label: str, jumps: FloatArray, aways: FloatArray, until: date) -> Moved | None:
    jumped = np.flatnonzero(jumps > MOVED_MUCH)
    away = float(aways[0]) if len(aways) else 0.0
    if not len(jumped) and away <= MOVED_MUCH:
        return None
    return Moved(
        name=name,
        label="The chance itself" if name == CHANCE else label,
        # The furthest back is the first.
        noticed_on=until - timedelta(days=WEEK_DAYS * int(jumped.max())) if len(jumped) else None,
        jump=round(float(jumps.max()), 4) if len(jumps) else 0.0,
        away=round(away, 4),
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


def monitoring_report(watches: Sequence[Watch]) -> dict[str, Any]:
    """What was watched and noticed, as plain data: sentences for the card, and every head's figures."""
    days = [watch.noticed_on for watch in watches if watch.noticed_on is not None]
    return {
        "alerts": [alert for watch in watches for alert in watch.alerts()],
        "noticed_on": min(days).isoformat() if days else None,
        "heads": {watch.head: watch.to_dict() for watch in watches},
    }
