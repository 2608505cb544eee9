"""How long do the flags of a national caseload take? `python benchmarks/flags_national.py [--open N]`.

Makes a world, trains a release on it, and copies the people who are under supervision on one day, under new
numbers, until `--open` referrals are open. Then runs `signpost flags` over them as a user would, and prints the
seconds it took, of clock and of processor, and the most memory it held. Every copy is flagged as its original:
the benchmark fails where one is not.
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

from features.contract import TABLES
from features.histories import Histories
from scoring.inflight.from_histories import open_at
from training.config import TrainingConfig
from training.release import pipeline
from worlds import generate

AS_OF = date(2025, 6, 30)
SEED = 6_120
#: People under supervision for each who has an open referral: about 240,000 for 120,000.
SUPERVISED_FOR_OPEN = 2
SECONDS = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--open", type=int, default=120_000, help="open referrals in the caseload")
    parser.add_argument("--people", type=int, default=20_000, help="people of the world that is copied")
    parser.add_argument("--scratch", type=Path, help="folder to keep and use again")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = chosen.scratch or Path(made)
        world, bundle, caseload = folder / "world", folder / "bundle", folder / "caseload"
        if not world.exists():
            generate(
                people=chosen.people,
                seed=SEED,
                start=date(2021, 1, 1),
                end=date(2025, 12, 31),
                out=world,
                world="baseline",
            )
        if not bundle.exists():
            config = TrainingConfig.from_dict({"tracking": {"enabled": False}})
            pipeline.train(Histories.open(world), out=bundle, config=config)
        if not caseload.exists():
            copy_caseload(Histories.open(world), caseload, wanted=chosen.open)
        measure(caseload, bundle, folder / "flags.parquet")


def copy_caseload(histories: Histories, folder: Path, *, wanted: int) -> None:
    """Write the tables of the people under supervision on the day, copied until `wanted` referrals are open."""
    is_open = open_at(histories, AS_OF)
    whose = histories.collect("referrals").join(is_open, on="referral_id", how="semi")["crn"].unique()
    running = histories.collect("sentences").filter(
        (pl.col("starts_on") <= AS_OF) & (pl.col("ends_on") >= AS_OF)
    )
    others = running.filter(~pl.col("crn").is_in(whose.implode()))["crn"].unique().sort()
    people = pl.concat([whose.sort(), others.head((SUPERVISED_FOR_OPEN - 1) * len(whose))])
    numbers = pl.DataFrame({"crn": people}).with_row_index("_number")
    copies = -(-wanted // is_open.height)
    for name in TABLES:
        table = histories.collect(name)
        place = folder / name
        place.mkdir(parents=True)
        if "crn" not in table.columns and "referral_id" not in table.columns:
            table.write_parquet(place / "part-000.parquet")
            continue
        if "crn" in table.columns:
            table = table.join(numbers, on="crn", maintain_order="left")
        else:
            of = histories.collect("referrals").select("referral_id", "crn").unique("referral_id", keep="any")
            table = table.join(of.join(numbers, on="crn"), on="referral_id", maintain_order="left").drop(
                "crn"
            )
        for copy in range(copies):
            number = pl.col("_number") + copy * len(people)
            letter = pl.lit("ABCDEFGHIJKLMNOPQRSTUVWXYZ").str.slice(number // 1_000_000, 1)
            fresh = {"crn": pl.concat_str(letter, (number % 1_000_000).cast(pl.String).str.zfill(6))}
            for key in ("referral_id", "assessment_id", "suggestion_set_id", "decision_id"):
                fresh[key] = pl.concat_str(pl.lit(f"{copy:03}-"), pl.col(key))
            kept = {key: value for key, value in fresh.items() if key in table.columns}
            table.with_columns(**kept).drop("_number").write_parquet(place / f"part-{copy:03}.parquet")


def measure(caseload: Path, bundle: Path, out: Path) -> None:
    """Run the command, and print what it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    command = [sys.executable, "-m", "signpost", "flags", "--histories", str(caseload)]
    command += ["--bundle", str(bundle), "--as-of", AS_OF.isoformat(), "--out", str(out)]
    subprocess.run(command, check=True)
    seconds = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    flags = pl.read_parquet(out)
    told = flags.with_columns(original=pl.col("referral_id").str.slice(4)).drop("crn", "referral_id")
    assert told.unique().height == told["original"].n_unique(), "copies of one referral differ"
    people = Histories.open(caseload).table("people").select(pl.col("crn").n_unique()).collect().item()
    print(f"open referrals              {flags.height:>10,} of {people:,} people under supervision")
    print(f"flagged                     {int(flags['flagged'].sum()):>10,} ({flags['flagged'].mean():.1%})")
    print(f"seconds of clock            {seconds:>10.1f} (target: under {SECONDS:.0f})")
    print(f"seconds of processor        {spent:>10.1f}")
    print(f"most memory, GB             {after.ru_maxrss / 1e6:>10.2f}")


if __name__ == "__main__":
    main()
