"""Moving bad rows to quarantine: streamed, counted before anything is replaced, never lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from catalogue.errors import UsageError
from features.contract import Table
from features.rules import TableRule

ROW: Final = "quarantine_row"
REASON: Final = "quarantine_reason"
_ROW_GROUP: Final = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """Which rows of a table are bad, and why: the frame with what the rules look at, not yet read."""

    frame: pl.LazyFrame
    columns: tuple[str, ...]  # the table's own, in the file's order
    fails: pl.Expr
    rules: tuple[TableRule, ...]

    def reason(self) -> pl.Expr:
        """Every rule that a row breaks, in words."""
        texts = [pl.when(rule.broken).then(pl.lit(f"{rule.column} {rule.says}")) for rule in self.rules]
        return pl.concat_str(texts, separator="; ", ignore_nulls=True).alias(REASON)


def quarantine_path(place: Path, table: Table) -> Path:
    """The file that holds a table's bad rows."""
    return place / "quarantine" / f"{table.name}.parquet"


def move(path: Path, paths: tuple[Path, ...], bad: Bad, *, rows: int, bad_rows: int) -> None:
    """Write the bad rows of the files at `paths` to `path`, then the table without them.

    Both are written next to their final places and counted first; then the quarantine is put in its place, then the
    table: an interruption between the two leaves rows twice, never lost. Rows set aside before stay.

    Raises:
        UsageError: the counts do not add up; nothing of this table has been replaced then.
    """
    path.parent.mkdir(exist_ok=True)
    first, *rest = paths
    before = _height(path) if path.is_file() else 0
    aside = bad.frame.filter(bad.fails).select(ROW, *bad.columns, bad.reason())
    if before:
        aside = pl.concat([pl.scan_parquet(path), aside], how="diagonal_relaxed")
    sound = bad.frame.filter(~bad.fails).select(bad.columns)
    set_aside = _beside(path, lambda beside: aside.sink_parquet(beside, row_group_size=_ROW_GROUP))
    if first.suffix == ".csv":
        kept = _beside(first, sound.sink_csv)
        left = int(pl.scan_csv(kept, infer_schema=False).select(pl.len()).collect().item())
    else:
        kept = _beside(first, lambda beside: sound.sink_parquet(beside, row_group_size=_ROW_GROUP))
        left = _height(kept)
    if _height(set_aside) - before != bad_rows or left + bad_rows != rows:
        set_aside.unlink()
        kept.unlink()
        raise UsageError(f"The file {first.name} changed while it was checked; check the folder again.")
    os.replace(set_aside, path)  # noqa: PTH105  the one call that replaces on every system
    os.replace(kept, first)  # noqa: PTH105  the one call that replaces on every system
    for part in rest:
        part.unlink()


def _height(path: Path) -> int:
    return int(pl.scan_parquet(path).select(pl.len()).collect().item())


def _beside(path: Path, write: Callable[[Path], object]) -> Path:
    beside = path.with_name(f".{path.name}.new")
    write(beside)
    return beside
