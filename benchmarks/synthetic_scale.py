"""How long does a world take, and how much memory?

    python benchmarks/synthetic_scale.py 250000 [--out DIR] [--world national]

Prints people, seconds, processor seconds, peak memory and size on disk, and how many are under supervision (sentenced,
before or after release or on an order) on the first and the last day. The target: 250,000 people with five
years of history in under 6 minutes and 8 GB on 2 cores.
"""

import argparse
import resource
import tempfile
import time
from datetime import date
from pathlib import Path

import polars as pl

from worlds import generate

START, END = date(2021, 1, 1), date(2025, 12, 31)


def supervised(folder: Path, on: date) -> int:
    """People under a sentence on a day, by the record as it stands."""
    sentences = (
        pl.scan_parquet(folder / "sentences.parquet")
        .filter(pl.col("sentence_type") != "PRE_SENTENCE")
        .sort("known_on")
        .unique(["crn", "event_number"], keep="last")
    )
    running = sentences.filter((pl.col("starts_on") <= on) & (pl.col("ends_on") >= on))
    return int(running.select(pl.col("crn").n_unique()).collect().item())


def main() -> None:
    asked = argparse.ArgumentParser(description="Time the making of a world.")
    asked.add_argument("people", type=int, nargs="?", default=25_000)
    asked.add_argument("--out", type=Path, help="folder to keep the world in")
    asked.add_argument("--world", default="baseline")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as made:
        timed(given.people, given.out or Path(made) / "world", given.world)


def timed(people: int, out: Path, world: str) -> None:
    began = time.perf_counter()
    generate(people=people, seed=7, start=START, end=END, out=out, world=world)
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(
        f"{people:,} people in {seconds:.0f} s ({used.ru_utime + used.ru_stime:.0f} s of processor), "
        f"peak {used.ru_maxrss / 1e6:.2f} GB, {size / 1e6:.0f} MB on disk"
    )
    days = (START, date(2023, 7, 1), END)
    print("; ".join(f"{supervised(out, day):,} under supervision on {day}" for day in days))


if __name__ == "__main__":
    main()
