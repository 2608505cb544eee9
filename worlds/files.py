"""How is a world written to disk? Chunk by chunk, so that memory does not grow with the number of people.

People are made in chunks of `CHUNK`. Every table is one Parquet file with a row group a chunk. Draws belong
to people, so the size of a chunk changes nobody's rows.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # ships no types

import catalogue
from catalogue.errors import UsageError
from features.contract import CONTRACT_VERSION, TABLES, Table
from features.predictors import OGP_VERSION, OGRS3_VERSION, OVP_VERSION
from worlds.comparison import write_comparison
from worlds.history import make_chunk
from worlds.inputs import WorldInputs
from worlds.interventions import load_arms
from worlds.provision import day, directory_frame, make_provision, travel_frame
from worlds.settings import WorldSettings, load_settings

CHUNK = 25_000
MOST_PEOPLE = 1_000_000
TRUTH = {
    "decision_points": {"crn": pl.String(), "decided_on": pl.Date(), "arm": pl.String()},
    "potential_outcomes": {
        "crn": pl.String(),
        "decided_on": pl.Date(),
        "intervention_id": pl.String(),
        "eligible": pl.Boolean(),
        "propensity": pl.Float64(),
        "p_commence": pl.Float64(),
        "p_complete": pl.Float64(),
        "p_complete_if_commenced": pl.Float64(),
        "p_progress": pl.Float64(),
        "p_reoffend": pl.Float64(),
    },
}
_MARK = "truth/world.json"
# These are kept from before the first day; of all other tables, only what happened since.
_STANDING = ("people", "protected", "sentences", "requirements")


def write_world(
    *,
    people: int,
    seed: int,
    start: date,
    end: date,
    out: Path,
    world: str | Path,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Write a world; arguments as `worlds.generate`."""
    settings = _checked(people=people, seed=seed, start=start, end=end, world=world)
    _clear(out)
    (out / "truth").mkdir(parents=True)
    entries = catalogue.load()
    arms = load_arms(entries)
    provision = make_provision(world=settings, arms=arms, seed=seed, start=start, end=end)
    inputs = WorldInputs(
        world=settings,
        catalogue=entries,
        arms=arms,
        provision=provision,
        seed=seed,
        start=day(start),
        end=day(end),
    )
    with _Writers(out, start=day(start), end=day(end)) as writers:
        writers.write("directory", directory_frame(provision=provision, world=settings, arms=arms))
        writers.write("travel", travel_frame(provision=provision, world=settings))
        for first in range(0, people, CHUNK):
            numbers = np.arange(first, min(first + CHUNK, people), dtype=np.int64)
            writers.write_chunk(make_chunk(inputs, numbers))
            if progress:
                progress(int(numbers[-1]) + 1, people)
    document = {
        "people": people,
        "seed": seed,
        "start": start.isoformat(),
        "end": end.isoformat(),
        "world": settings.name,
        "settings": settings.document(),
        "planted_disparities": settings.document()["planted"],
        "contract_version": CONTRACT_VERSION,
        "catalogue_hash": entries.hash,
        "predictors": [OGRS3_VERSION, OVP_VERSION, OGP_VERSION],
    }
    (out / _MARK).write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    write_comparison(out)


def _checked(*, people: int, seed: int, start: date, end: date, world: str | Path) -> WorldSettings:
    if not 1 <= people <= MOST_PEOPLE:
        raise UsageError(f"A world has from 1 to {MOST_PEOPLE:,} people; {people:,} were asked for.")
    if seed < 0:
        raise UsageError("The seed is a whole number from 0 on.")
    if (end - start).days < 60:
        raise UsageError(
            "The last day of a world must lie at least 60 days after the first; move --end or --start."
        )
    return load_settings(world)


def _clear(out: Path) -> None:
    """Delete an earlier world in this folder, and nothing else."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; name a folder for the world.")
    if not out.exists() or not any(out.iterdir()):
        return
    ours = {f"{name}.parquet" for name in TABLES} | {
        "truth",
        "quarantine",
        "calibration.html",
        "calibration.csv",
    }
    if not (out / _MARK).exists() and not (out / "truth").is_dir():
        raise UsageError(f"{out} holds something that is not a synthetic world; name another folder.")
    for path in sorted(out.iterdir()):
        if path.name in ours:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


class _Writers:
    """One Parquet writer a table, open for the whole run. So a table without rows has a file too."""

    def __init__(self, out: Path, *, start: int, end: int) -> None:
        self._start, self._end = start, end
        self._schemas: dict[str, dict[str, pl.DataType]] = {
            name: table.polars_schema() for name, table in TABLES.items()
        } | TRUTH
        self._paths = {
            name: out / ("truth" if name in TRUTH else "") / f"{name}.parquet" for name in self._schemas
        }
        self._open: dict[str, pq.ParquetWriter] = {}

    def __enter__(self) -> Self:
        for name, schema in self._schemas.items():
            arrow = pl.DataFrame(schema=schema).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
            self._open[name] = pq.ParquetWriter(self._paths[name], arrow, compression="zstd")
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._open.values():
            writer.close()

    def write(self, name: str, frame: pl.DataFrame) -> None:
        """Append a frame to a table, in the contract's columns and types."""
        schema = self._schemas[name]
        missing = [pl.lit(None).alias(column) for column in schema if column not in frame.columns]
        frame = frame.with_columns(missing).select(
            _as_date(frame, column) if isinstance(dtype, pl.Date) else pl.col(column).cast(dtype)
            for column, dtype in schema.items()
        )
        if frame.height:
            table: pa.Table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
            self._open[name].write_table(table, row_group_size=1_000_000)

    def write_chunk(self, frames: dict[str, pl.DataFrame]) -> None:
        """Append a chunk, keeping what had happened since the first day and was known by the last."""
        for name, frame in self._within(frames).items():
            self.write(name, frame)

    def _within(self, frames: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        kept: dict[str, pl.DataFrame] = {}
        for name, frame in frames.items():
            if name in TRUTH:
                continue
            rule = pl.col("known_on" if "known_on" in frame.columns else "decided_on") <= self._end
            happened = TABLES[name].happened
            if name not in _STANDING and happened is not None:
                rule &= pl.col(happened) >= self._start
            kept[name] = frame.filter(rule)
        for name in ("referral_events", "sessions"):
            if name in kept:
                kept[name] = kept[name].join(
                    kept["referrals"].select("referral_id"), on="referral_id", how="semi"
                )
        known = kept["assessments"].filter(layer=3).select("crn", pl.col("completed_on").alias("decided_on"))
        for name in TRUTH:
            if name in frames:
                kept[name] = frames[name].join(
                    known, on=["crn", "decided_on"], how="semi", maintain_order="left"
                )
        return {name: _ordered(TABLES.get(name), frame) for name, frame in kept.items()}


def _ordered(table: Table | None, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of a person together, by day."""
    if table is None:
        return frame.sort("crn", "decided_on", maintain_order=True)
    by = [name for name in ("crn", "referral_id", table.happened) if name and name in frame.columns]
    keys = [*by, *table.key, *(("known_on",) if table.dated else ())]
    return frame.sort(list(dict.fromkeys(keys)), maintain_order=True)


def _as_date(frame: pl.DataFrame, column: str) -> pl.Expr:
    if column not in frame.columns:
        return pl.lit(None, dtype=pl.Date).alias(column)
    return pl.col(column).cast(pl.Int32).cast(pl.Date)
