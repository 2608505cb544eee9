"""How long does `signpost check` take on a folder larger than memory, and how much memory?

    python benchmarks/check_scale.py 100000000 --people 100000 [--folder DIR] [--bad 2000]

Makes a world of `--people` (each table as the generator writes it), replaces its contacts by the given number of rows of the
same kind, spoils one row in `--bad` (0: none), and runs the command itself in a process of its own, quarantine and all.
Prints rows, seconds by the clock and of processor, and peak memory. The target: 100 million contact rows in under
2 minutes and 2 GB on 2 cores. The folder (about 1 GB) is removed again unless it is named.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # ships no types

from features.contract import TABLES
from worlds import generate

START, END = date(2021, 1, 1), date(2025, 12, 31)
BATCH = 2_000_000
_DAY_ONE, _DAYS = 18628, 1800  # 2021-01-01, and how far contacts reach from it


def main() -> None:
    asked = argparse.ArgumentParser(description="Time signpost check on many contact rows.")
    asked.add_argument("rows", type=int, nargs="?", default=5_000_000)
    asked.add_argument("--people", type=int, default=20_000)
    asked.add_argument("--folder", type=Path)
    asked.add_argument("--bad", type=int, default=2000)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary) / "histories"
        if not (folder / "contacts.parquet").exists():
            generate(people=given.people, seed=7, start=START, end=END, out=folder)
        spoilt = write_contacts(folder, rows=given.rows, bad=given.bad)
        run(folder, rows=given.rows, spoilt=spoilt)


def write_contacts(folder: Path, *, rows: int, bad: int) -> int:
    """Replace the contacts: the people's rows together, in order of day; how many were spoilt is returned."""
    crns = pl.read_parquet(folder / "people.parquet", columns=["crn"])["crn"]
    schema = TABLES["contacts"].polars_schema()
    arrow = pl.DataFrame(schema=schema).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    kinds, outcomes = (pl.Series(TABLES["contacts"].column(name).allowed) for name in ("kind", "outcome"))
    spoilt = 0
    with pq.ParquetWriter(folder / "contacts.parquet", arrow, compression="zstd") as writer:
        for first in range(0, rows, BATCH):
            number = np.arange(first, min(first + BATCH, rows), dtype=np.int64)
            person = number * len(crns) // rows
            within = number - (person * rows + len(crns) - 1) // len(crns)
            day = _DAY_ONE + within * _DAYS // (rows // len(crns) + 1)
            late = (number * 2_654_435_761) % 7
            wrong = (number % bad == 7) if bad else np.zeros(len(number), dtype=np.bool_)
            spoilt += int(wrong.sum())
            frame = pl.DataFrame(
                {
                    "crn": crns.gather(pl.Series(person)),
                    "scheduled_on": day,
                    "known_on": day + np.where(wrong & (number % 3 == 0), -1, late),
                    "kind": kinds.gather(pl.Series((number * 40_503) % len(kinds))),
                    "outcome": outcomes.gather(pl.Series((number * 69_621) % len(outcomes))),
                }
            ).with_columns(
                crn=pl.when(pl.Series(wrong & (number % 3 == 1))).then(pl.lit("A999999")).otherwise("crn"),
                kind=pl.when(pl.Series(wrong & (number % 3 == 2))).then(pl.lit("SEANCE")).otherwise("kind"),
                scheduled_on=pl.col("scheduled_on").cast(pl.Int32).cast(pl.Date),
                known_on=pl.col("known_on").cast(pl.Int32).cast(pl.Date),
            )
            table: pa.Table = frame.select(list(schema)).to_arrow(compat_level=pl.CompatLevel.oldest())
            writer.write_table(table.cast(arrow))
    return spoilt


def run(folder: Path, *, rows: int, spoilt: int) -> None:
    """Run the command on the folder and print what it took."""
    size = sum(path.stat().st_size for path in folder.glob("*.parquet"))
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "signpost", "check", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ},
    )
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(done.stdout.strip() or done.stderr.strip())
    left = pl.scan_parquet(folder / "contacts.parquet").select(pl.len()).collect().item()
    print(
        f"{rows:,} contact rows ({size / 1e6:.0f} MB with the other tables), {spoilt:,} of them spoilt: status {done.returncode}, "
        f"{left:,} left, {seconds:.0f} s ({processor:.0f} s of processor), peak {after.ru_maxrss / 1e6:.2f} GB"
    )


if __name__ == "__main__":
    main()
