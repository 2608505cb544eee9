"""Is a world like the real thing? Each published figure next to what the world generated.

The figures, their sources and their tolerances are in `figures.csv`. A figure without a published source is
marked as an assumption.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import polars as pl

from catalogue.errors import UsageError
from features.contract import TABLES
from worlds.comparison.effects import effects
from worlds.comparison.page import page
from worlds.comparison.people_and_needs import needs, people, sentencing
from worlds.comparison.referrals_and_reoffending import behaviour, delivery, reoffending
from worlds.comparison.values import Value
from worlds.people import crns

COLUMNS = ("figure", "label", "target", "tolerance", "status", "source", "generated", "count", "within")
JUDGED_PEOPLE = 40_000  # a larger world is judged by its first people, who are like the rest
FEWEST = 100  # people or events behind a generated value; with fewer it is not judged
SAMPLING = 1.96  # standard errors of a generated share that are allowed on top of the tolerance


def write_comparison(folder: Path) -> pl.DataFrame:
    """How like the real thing is the world in this folder? Written next to it as `calibration.csv` and `.html`.

    One row a figure: `COLUMNS`. `within` is null where fewer than `FEWEST` people or events stand behind it. A
    share may miss its tolerance by its own sampling error (95%), so that a small world is not blamed for it.

    Raises:
        UsageError: the folder holds no synthetic world.
    """
    frame = compare_world(folder)
    frame.write_csv(folder / "calibration.csv")
    (folder / "calibration.html").write_text(page(frame), encoding="utf-8")
    return frame


def compare_world(folder: Path) -> pl.DataFrame:
    """The comparison of `write_comparison`, without writing anything."""
    if not (folder / "truth" / "world.json").exists():
        raise UsageError(
            f"{folder} holds no synthetic world (no truth/world.json); make one with signpost synthesise."
        )
    tables = {name: _first(pl.scan_parquet(folder / f"{name}.parquet")).collect() for name in TABLES}
    # The first version of each, as the court made it. A later version only says that a death ended it.
    tables["sentences"] = (
        tables["sentences"]
        .sort("known_on")
        .unique(["crn", "event_number"], keep="first", maintain_order=True)
    )
    truth = {
        name: _first(pl.scan_parquet(folder / "truth" / f"{name}.parquet"))
        for name in ("decision_points", "potential_outcomes")
    }
    values: dict[str, Value] = {}
    for measure in (people, sentencing, needs, delivery, behaviour, reoffending):
        values |= measure(tables)
    values |= effects(tables, truth)
    rows = []
    with (Path(__file__).parent / "figures.csv").open(encoding="utf-8", newline="") as file:
        for figure in csv.DictReader(file):
            exact, count = values[figure["figure"]]
            generated = None if exact is None else round(exact, 6)  # parallel sums differ in the last digits
            target, tolerance = float(figure["target"]), float(figure["tolerance"])
            judged = generated is not None and count >= FEWEST
            allowed = tolerance + sampling_error(figure["kind"], generated, count) + 1e-9
            within = abs(float(generated or 0.0) - target) <= allowed if judged else None
            rows.append(
                (
                    figure["figure"],
                    figure["label"],
                    target,
                    tolerance,
                    figure["status"],
                    figure["source"],
                    generated,
                    count,
                    within,
                )
            )
    types = (
        pl.String,
        pl.String,
        pl.Float64,
        pl.Float64,
        pl.String,
        pl.String,
        pl.Float64,
        pl.Int64,
        pl.Boolean,
    )
    return pl.DataFrame(rows, schema=dict(zip(COLUMNS, types, strict=True)), orient="row")


def _first(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The rows of the first people. They are enough to compare by, and memory stays bounded."""
    columns = frame.collect_schema().names()
    last = crns(np.array([JUDGED_PEOPLE - 1]))[0]
    if "crn" in columns:
        return frame.filter(pl.col("crn") <= last)
    return frame.filter(pl.col("referral_id") <= f"R{last}~") if "referral_id" in columns else frame


def sampling_error(kind: str, generated: float | None, count: int) -> float:
    """By how much a generated share may be off by chance; other figures get no allowance."""
    if kind != "SHARE" or generated is None or not 0 < generated < 1:
        return 0.0
    return SAMPLING * float(np.sqrt(generated * (1 - generated) / count))
