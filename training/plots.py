"""Plots of the backtest: each model on its next block, and how the scorecard ages."""

from __future__ import annotations

from pathlib import Path

import polars as pl

HEADS = ("commence", "complete", "inflight")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def backtest_plots(table: pl.DataFrame, folder: Path) -> tuple[Path, ...]:
    """Write one picture a head for AUC by training date, and one for AUC by the scorecard's age."""
    own = table.filter((pl.col("group") == "all") & (pl.col("block") == 0))
    paths = [_lines(own, head, folder) for head in HEADS]
    return (
        *paths,
        _ageing(table.filter((pl.col("group") == "all") & (pl.col("model") == "scorecard")), folder),
    )


def _lines(own: pl.DataFrame, head: str, folder: Path) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    rows = own.filter(pl.col("head") == head)
    pairs = rows.select("model", "horizon").unique(maintain_order=True).rows()
    for place, (model, horizon) in enumerate(pairs):
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
    axes.set_title(f"{head}: discrimination on the months after each training date")
    axes.set_ylabel("AUC")
    axes.set_xlabel("training date")
    axes.tick_params(axis="x", rotation=30)
    axes.legend(fontsize=7)
    path = folder / f"{head}-auc.png"
    figure.savefig(path, dpi=120, metadata={"Software": None})
    return path


def _ageing(rows: pl.DataFrame, folder: Path) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for place, head in enumerate(HEADS):
        mean = (
            rows.filter(pl.col("head") == head)
            .drop_nulls("auc")
            .group_by("age_days")
            .agg(pl.col("auc").mean())
            .sort("age_days")
        )
        axes.plot(mean["age_days"].to_list(), mean["auc"].to_list(), marker=MARKERS[place], label=head)
    axes.set_title("Discrimination of the scorecards by the age of the model")
    axes.set_xlabel("days since the training date")
    axes.set_ylabel("AUC")
    axes.legend(fontsize=8)
    path = folder / "ageing.png"
    figure.savefig(path, dpi=120, metadata={"Software": None})
    return path
