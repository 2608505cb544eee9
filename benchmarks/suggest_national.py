"""How long do suggestions for a national caseload take? `python benchmarks/suggest_national.py --people 240000`.

Makes a world, trains a release on it, and copies the people under supervision on one day, under new numbers, until
there are so many (the caseload of `flags_national.py`; `--scratch` keeps it and uses it again). Then runs `signpost
suggest` over them as a user would: everybody by the whole catalogue, with eligibility, feasibility, effects, bounds and
reasons. Prints the seconds it took, of clock and of processor, and the most memory it held.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).parent))

import flags_national

from catalogue import load
from features.histories import Histories
from scoring.national import under_supervision
from training.config import TrainingConfig
from training.release import pipeline
from worlds import generate

AS_OF = flags_national.AS_OF
SECONDS, GIGABYTES = 300.0, 6.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--people",
        type=int,
        default=24_000,
        help="people under supervision; the target is stated for 240,000",
    )
    parser.add_argument("--scratch", type=Path, help="folder to keep and use again: world, bundle, caseload")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = chosen.scratch or Path(made)
        world, bundle, caseload = folder / "world", folder / "bundle", folder / "caseload"
        if not world.exists():
            generate(
                people=20_000,
                seed=flags_national.SEED,
                start=date(2021, 1, 1),
                end=date(2025, 12, 31),
                out=world,
            )
        if not bundle.exists():
            config = TrainingConfig.from_dict({"tracking": {"enabled": False}})
            pipeline.train(Histories.open(world), out=bundle, config=config)
        if not caseload.exists():
            flags_national.copy_caseload(
                Histories.open(world), caseload, wanted=chosen.people // flags_national.SUPERVISED_FOR_OPEN
            )
        measure(caseload, bundle, Path(made) / "suggestions.parquet")


def measure(caseload: Path, bundle: Path, out: Path) -> None:
    """Run the command and hold it against the budget."""
    people = len(under_supervision(Histories.open(caseload), AS_OF))
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "signpost", "suggest", "--histories", caseload, "--bundle", bundle,
         "--as-of", str(AS_OF), "--out", out],
        check=True,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    rows = pl.scan_parquet(out).select(pl.len()).collect().item()
    assert rows == people * len(load().interventions)
    print(f"{people:,} people, {rows:,} rows")
    print(f"{seconds:8.1f} s of clock (budget {SECONDS:.0f} s for 240,000)")
    print(f"{used.ru_utime + used.ru_stime:8.1f} s of processor")
    print(f"{used.ru_maxrss / 2**20:8.2f} GB at most (budget {GIGABYTES} GB)")
    print(f"{240_000 * seconds / people:8.1f} s of clock for 240,000 at this rate")


if __name__ == "__main__":
    main()
