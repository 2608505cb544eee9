"""Which pictures does a backtest give? Discrimination by date and by age, calibration, precision, lead and drift."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from charts import IntervalLine, Meaning, Scale, Series, as_file, bars, calibration, intervals, lines
from training.heads.monitoring import Watch
from training.inflight.flag_threshold import IN_TIME_WEEKS

if TYPE_CHECKING:
    from markupsafe import Markup

HEADS = ("commence", "complete", "inflight")
LONGEST_WEEKS = 52
CHANCE_AUC = 0.5
SHARES = Scale(low=0.0, high=1.0, ticks=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
NUMBERS = "The numbers are in backtest.json."


def backtest_plots(
    table: pl.DataFrame,
    folder: Path,
    *,
    curves: pl.DataFrame,
    leads: Sequence[float],
    watches: Sequence[Watch],
) -> tuple[Path, ...]:
    """Write every picture of a backtest into its folder as SVG; gives their paths."""
    own = table.filter((pl.col("group") == "all") & (pl.col("block") == 0))
    cards = table.filter((pl.col("group") == "all") & (pl.col("model") == "scorecard"))
    pictures = {
        **{f"{head}-auc": _by_date(own.filter(pl.col("head") == head), head) for head in HEADS},
        "ageing": _ageing(cards),
        "calibration": _calibration(curves),
        "precision": _precision(own),
        "lead": _leads(leads),
        "drift": _drift(watches),
    }
    paths = []
    for name, picture in pictures.items():
        path = folder / f"{name}.svg"
        path.write_text(as_file(picture), encoding="utf-8")
        paths.append(path)
    return tuple(paths)


def _by_date(rows: pl.DataFrame, head: str) -> Markup:
    series = []
    for (model, horizon), same in rows.group_by("model", "horizon", maintain_order=True):
        line = same.drop_nulls("auc").sort("trained_on")
        label = str(model) if horizon is None else f"{model}, {horizon} weeks"
        series.append(Series(label=label, x=line["trained_on"].to_list(), y=line["auc"].to_list()))
    own = rows.filter(pl.col("model") == "scorecard").drop_nulls("auc")["auc"].to_list()
    meaning = Meaning(
        name=f"{head}-auc",
        title=f"{head}: the scorecard's AUC is {_range(own)} on the months after each training date",
        description=f"A line for each model: AUC by training date. The line at {CHANCE_AUC} is chance. {NUMBERS}",
    )
    return lines(series, meaning, x="training date", y="AUC", reference=CHANCE_AUC)


def _ageing(rows: pl.DataFrame) -> Markup:
    series = []
    for head in HEADS:
        of = rows.filter(pl.col("head") == head).drop_nulls("auc")
        mean = of.group_by("age_days").agg(pl.col("auc").mean()).sort("age_days")
        series.append(Series(label=head, x=mean["age_days"].to_list(), y=mean["auc"].to_list()))
    told = [f"{each.label} from {each.y[0]:.2f} to {each.y[-1]:.2f}" for each in series if len(each.y) > 1]
    meaning = Meaning(
        name="ageing",
        title="AUC of the scorecards as the model gets older: " + ("; ".join(told) or "too few dates"),
        description=f"A line for each head: mean AUC by days since the training date. {NUMBERS}",
    )
    return lines(series, meaning, x="days since the training date", y="AUC")


def _calibration(curves: pl.DataFrame) -> Markup:
    series, furthest = [], 0.0
    for head in HEADS:
        points = curves.filter(pl.col("head") == head)
        predicted, observed = points["foretold"].to_list(), points["came"].to_list()
        series.append(Series(label=head, x=predicted, y=observed))
        furthest = max([furthest, *(abs(a - b) for a, b in zip(predicted, observed, strict=True))])
    meaning = Meaning(
        name="calibration",
        title=f"Predicted and observed shares are at most {100 * furthest:.0f} in 100 apart",
        description="A mark for each bin of each head, on the next block of each date. Right chances are on the "
        f"diagonal. {NUMBERS}",
    )
    return calibration(series, meaning, x="predicted share", y="observed share")


def _precision(own: pl.DataFrame) -> Markup:
    names = [f"precision_at_tenth_{name}" for name in ("expected", "best", "worst")]
    found = own.group_by("head", "model", "horizon", maintain_order=True).agg(pl.col(names).mean())
    rows = [
        IntervalLine(
            label=f"{row['head']}, {row['model']}" + (f", {row['horizon']} weeks" if row["horizon"] else ""),
            value=row[names[0]],
            lower=row[names[2]],
            upper=row[names[1]],
        )
        for row in found.drop_nulls(names).to_dicts()
    ]
    best = max(rows, key=lambda row: row.value, default=None)
    finding = "nothing was judged" if best is None else f"highest for {best.label}, {best.value:.2f}"
    meaning = Meaning(
        name="precision",
        title=f"Precision of the tenth with the highest chances: {finding}",
        description="A line for each model: the share of that tenth for whom it happened. The line goes from the worst "
        f"to the best order of people with the same chance. {NUMBERS}",
    )
    return intervals(rows, meaning, scale=SHARES)


def _leads(leads: Sequence[float]) -> Markup:
    edges = list(range(0, LONGEST_WEEKS + 4, 2))
    counts = np.histogram([min(lead, float(LONGEST_WEEKS)) for lead in leads], bins=edges)[0]
    in_time = sum(lead >= IN_TIME_WEEKS for lead in leads)
    meaning = Meaning(
        name="lead",
        title=f"{in_time:,} of {len(leads):,} first flags came at least {IN_TIME_WEEKS} weeks before the end",
        description="Bars: flagged referrals that were not completed, by weeks from the first flag to the end. The last "
        f"bar has all longer times. {NUMBERS}",
    )
    return bars(
        edges,
        counts.tolist(),
        meaning,
        x="weeks from the first flag to the end",
        y="referrals",
        reference=(IN_TIME_WEEKS, f"{IN_TIME_WEEKS} weeks"),
    )


def _drift(watches: Sequence[Watch]) -> Markup:
    series = [
        Series(
            label=watch.head,
            x=[month.begin for month in watch.months],
            y=[month.came - month.foretold for month in watch.months],
        )
        for watch in watches
    ]
    furthest = max((abs(gap) for each in series for gap in each.y), default=0.0)
    meaning = Meaning(
        name="drift",
        title=f"Observed and predicted shares are at most {100 * furthest:.0f} in 100 apart in any month",
        description="A line for each head: observed minus predicted share by the first date's scorecard, by month. "
        f"{NUMBERS}",
    )
    return lines(series, meaning, x="month of the referral", y="difference of shares", reference=0.0)


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}" if values else "not defined"
