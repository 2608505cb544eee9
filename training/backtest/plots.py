"""Plots of the backtest: discrimination by date and by age, calibration, precision at a budget, lead, and drift."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from training.heads.monitoring import Watch
from training.inflight.flag_threshold import IN_TIME_WEEKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEADS = ("commence", "complete", "inflight")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def backtest_plots(
    table: pl.DataFrame,
    folder: Path,
    *,
    curves: pl.DataFrame,
    leads: Sequence[float],
    watches: Sequence[Watch],
) -> tuple[Path, ...]:
    """Write every picture of a backtest into its folder; gives their paths."""
    own = table.filter((pl.col("group") == "all") & (pl.col("block") == 0))
    cards = table.filter((pl.col("group") == "all") & (pl.col("model") == "scorecard"))
    return (
        *(_lines(own, head, folder) for head in HEADS),
        _ageing(cards, folder),
        _calibration(curves, folder),
        _precision(own, folder),
        _leads(leads, folder),
        _drift(watches, folder),
    )


def _lines(own: pl.DataFrame, head: str, folder: Path) -> Path:
    figure, axes = _page()
    rows = own.filter(pl.col("head") == head)
    for place, (model, horizon) in enumerate(
        rows.select("model", "horizon").unique(maintain_order=True).rows()
    ):
        same = pl.col("horizon").is_null() if horizon is None else pl.col("horizon") == horizon
        line = rows.filter((pl.col("model") == model) & same).drop_nulls("auc").sort("trained_on")
        label = model if horizon is None else f"{model}, {horizon} weeks"
        axes.plot(
            line["trained_on"].to_list(),
            line["auc"].to_list(),
            marker=MARKERS[place % len(MARKERS)],
            label=label,
        )
    axes.axhline(0.5, color="grey", linewidth=0.8)
    axes.tick_params(axis="x", rotation=30)
    return _save(
        figure,
        axes,
        folder / f"{head}-auc.png",
        title=f"{head}: discrimination on the months after each training date",
        x="training date",
        y="AUC",
    )


def _ageing(rows: pl.DataFrame, folder: Path) -> Path:
    figure, axes = _page()
    for place, head in enumerate(HEADS):
        mean = (
            rows.filter(pl.col("head") == head)
            .drop_nulls("auc")
            .group_by("age_days")
            .agg(pl.col("auc").mean())
            .sort("age_days")
        )
        axes.plot(mean["age_days"].to_list(), mean["auc"].to_list(), marker=MARKERS[place], label=head)
    return _save(
        figure,
        axes,
        folder / "ageing.png",
        title="Discrimination of the scorecards by the age of the model",
        x="days since the training date",
        y="AUC",
    )


def _calibration(curves: pl.DataFrame, folder: Path) -> Path:
    figure, axes = _page()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for place, head in enumerate(HEADS):
        points = curves.filter(pl.col("head") == head)
        axes.scatter(
            points["foretold"].to_list(), points["came"].to_list(), marker=MARKERS[place], s=14, label=head
        )
    return _save(
        figure,
        axes,
        folder / "calibration.png",
        title="What the scorecards foretold and what came, on the next block of each date",
        x="share foretold",
        y="share that came",
    )


def _precision(own: pl.DataFrame, folder: Path) -> Path:
    figure, axes = _page()
    names = [f"precision_at_tenth_{name}" for name in ("expected", "best", "worst")]
    rows = own.group_by("head", "model", "horizon", maintain_order=True).agg(pl.col(names).mean())
    for place, row in enumerate(rows.drop_nulls(names).to_dicts()):
        label = f"{row['head']}, {row['model']}" + (f", {row['horizon']} weeks" if row["horizon"] else "")
        axes.plot([row[names[2]], row[names[1]]], [place, place], color="grey", linewidth=2)
        axes.plot([row[names[0]]], [place], marker="o", color="black")
        axes.text(-0.02, place, label, ha="right", va="center", fontsize=6)
    axes.set_yticks([])
    axes.set_xlim(0, 1)
    return _save(
        figure,
        axes,
        folder / "precision.png",
        title="Share of the tenth with the highest chances for whom it came; bar: ties at worst and at best",
        x="precision",
        y="",
    )


def _leads(leads: Sequence[float], folder: Path) -> Path:
    figure, axes = _page()
    axes.hist([min(lead, 52.0) for lead in leads], bins=list(range(0, 54, 2)), color="steelblue")
    axes.axvline(IN_TIME_WEEKS, color="black", linewidth=0.8, label=f"{IN_TIME_WEEKS} weeks")
    return _save(
        figure,
        axes,
        folder / "lead.png",
        title="How long before the end the first flag came, of those flagged who did not finish",
        x="weeks",
        y="referrals",
    )


def _drift(watches: Sequence[Watch], folder: Path) -> Path:
    figure, axes = _page()
    for place, watch in enumerate(watches):
        days = pl.Series([month.begin for month in watch.months], dtype=pl.Date).to_numpy()
        axes.plot(
            days,
            [month.came - month.foretold for month in watch.months],
            marker=MARKERS[place],
            label=watch.head,
        )
    axes.axhline(0.0, color="grey", linewidth=0.8)
    axes.tick_params(axis="x", rotation=30)
    return _save(
        figure,
        axes,
        folder / "drift.png",
        title="What came less what the first date's scorecard foretold, month by month",
        x="month of the referral",
        y="difference of shares",
    )


def _page() -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure as Drawn

    figure = Drawn(figsize=(7, 4), layout="constrained")
    return figure, figure.subplots()


def _save(figure: Figure, axes: Axes, path: Path, *, title: str, x: str, y: str) -> Path:
    axes.set_title(title, fontsize=9)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    return path
