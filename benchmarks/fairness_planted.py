"""Does the audit name every planted gap, in its stage, and no gap where none is planted?

One release, trained once on a world without planted gaps, is audited on many worlds it has never seen: `disparity`
worlds, where every planted gap of practical size has to be named in its stage (at least 95 in 100) and the gate has to
fail, and `baseline` worlds, of which at most 5 in 100 may name any gap at all, by any characteristic, at any stage. In
these the same release is judged once more as if it flagged nobody: that must not pass.

It can be stopped and run again: what was found in each world lies in the scratch folder. `--again` judges the stages
found there again, without making the worlds again; a scratch folder belongs to one version of the code. Without options
the script looks at one pair of small worlds; the full measure is the command below, 40 worlds and half an hour of one core.

Run: python benchmarks/fairness_planted.py --people 50000 --worlds 20 --scratch /tmp/planted
"""

import argparse
import json
import resource
import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import polars as pl

from catalogue import load
from fairness.audit import everybody, judge, past_flags, stage_frames
from fairness.compare import GapReading
from fairness.narrowing import with_open_referrals
from fairness.policy import default
from fairness.register import EMPTY
from fairness.suggested import suggested
from features.histories import Histories
from scoring.bundle import Bundle
from scoring.inflight.from_histories import flag_all
from scoring.national import suggestion_chunks
from training.config import TrainingConfig
from training.release.pipeline import train
from worlds import generate

PLANTED = {
    ("offered_programme", "ethnicity", "Black"),
    ("fully_assessed", "ethnicity", "Asian"),
    ("long_journey", "sex", "Women"),
    ("enforced", "ethnicity", "Mixed"),
}
FIRST, LAST = date(2021, 1, 1), date(2025, 12, 31)
TRAINING_PEOPLE, TRAINING_SEED = 20_000, 9_001
SEEDS = {"disparity": 5_000, "baseline": 6_000}


def release(scratch: Path) -> Path:
    """The release that is judged, trained once on a world of its own."""
    folder = scratch / "release"
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=scratch) as place:
            world, made = Path(place) / "world", Path(place) / "release"
            generate(
                people=TRAINING_PEOPLE, seed=TRAINING_SEED, start=FIRST, end=LAST, out=world, world="baseline"
            )
            train(Histories.open(world), out=made, config=TrainingConfig(threads=1))
            shutil.move(made, folder)
    return folder


def stages_of(world: str, *, people: int, seed: int, bundle: Path) -> dict[str, pl.DataFrame]:
    """The stages of one world, as the audit counts them, and everybody."""
    with tempfile.TemporaryDirectory() as place:
        generate(people=people, seed=seed, start=FIRST, end=LAST, out=Path(place), world=world)
        histories, opened = Histories.open(Path(place)), Bundle.open(bundle)
        as_of = histories.last_day
        parts = suggestion_chunks(histories, bundle=opened, catalogue=load(), as_of=as_of)
        flags = flag_all(with_open_referrals(histories, days=[as_of]), bundle=opened, as_of=as_of)
        past = past_flags(histories, bundle, as_of)
        frames = stage_frames(histories, suggested(parts, load()), flags, past, as_of)
        return {**frames, "everybody": everybody(histories, as_of)}


def found(frames: Mapping[str, pl.DataFrame]) -> dict[str, object]:
    """What the report of these stages names, and what its gate says."""
    judged = judge(
        {name: frame for name, frame in frames.items() if name != "everybody"}, people=frames["everybody"],
        register=EMPTY, policy=default(), as_of=LAST, bundle_version="none", report=Path("none"), cross_check=False,
    )  # fmt: skip
    gaps = [each for each in judged.comparisons if each.reading is GapReading.GAP]
    return {
        "gate": judged.gate.state,
        "gaps": [
            {
                "named": [each.measure.id, each.characteristic, each.group],
                "ratio": each.judged[0],
                "p_adjusted": each.p_adjusted,
                "people": each.people_affected,
            }
            for each in gaps
        ],
    }


def blind(frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The same stages, of a release that flags nobody."""
    outcomes = frames["flag_outcomes"].with_columns(
        missed=pl.when(pl.col("missed").is_not_null()).then(statement=True),
        flagged_wrongly=pl.when(pl.col("flagged_wrongly").is_not_null()).then(statement=False),
        flag_right=pl.lit(None, pl.Boolean),
    )
    flags = frames["flags"].with_columns(flagged=pl.lit(value=False))
    return {**frames, "flags": flags, "flag_outcomes": outcomes}


def one(world: str, number: int, *, people: int, scratch: Path, again: bool) -> dict[str, object]:
    """One world, or what was found in it before."""
    place = scratch / f"{world}-{people}-{number:02}"
    answer = place / "found.json"
    if answer.exists() and not again:
        return dict(json.loads(answer.read_text(encoding="utf-8")))
    files = sorted(place.glob("*.parquet"))
    if files:
        frames = {file.stem: pl.read_parquet(file) for file in files}
    else:
        frames = stages_of(world, people=people, seed=SEEDS[world] + number, bundle=release(scratch))
        with tempfile.TemporaryDirectory(dir=scratch) as made:
            for name, frame in frames.items():
                frame.write_parquet(Path(made) / f"{name}.parquet")
            shutil.copytree(made, place)
    result = found(frames)
    if world == "baseline":
        result["gate_if_nobody_were_flagged"] = found(blind(frames))["gate"]
    answer.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--worlds", type=int, default=1)
    parser.add_argument(
        "--scratch", type=Path, help="kept from run to run; a new one, thrown away, if not given"
    )
    parser.add_argument("--again", action="store_true")
    chosen = parser.parse_args()
    if chosen.scratch is None:
        with tempfile.TemporaryDirectory() as place:
            run(chosen, Path(place))
        return
    chosen.scratch.mkdir(parents=True, exist_ok=True)
    run(chosen, chosen.scratch)


def run(chosen: argparse.Namespace, scratch: Path) -> None:
    """All worlds, and what was found in them."""
    release(scratch)
    hits = failed = alarms = unseen = 0
    # A process a world: what one world took of memory does not stay for the next.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        asked = {
            (world, number): pool.submit(
                one, world, number, people=chosen.people, scratch=scratch, again=chosen.again
            )
            for number in range(chosen.worlds)
            for world in ("disparity", "baseline")
        }
        for (world, number), answer in asked.items():
            result = answer.result()
            named = {tuple(each["named"]) for each in result["gaps"]}  # type: ignore[attr-defined]  # read from JSON
            if world == "disparity":
                hits += len(PLANTED & named)
                failed += result["gate"] == "FAIL"
                print(f"disparity {number}: planted and not named {sorted(PLANTED - named)}", flush=True)
            else:
                alarms += bool(named)
                unseen += result["gate_if_nobody_were_flagged"] == "PASS"
                print(f"baseline {number}: named {sorted(named)}", flush=True)
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"planted gaps named in their stage: {hits} of {len(PLANTED) * chosen.worlds} (at least 95 in 100)")
    print(f"worlds with planted gaps whose gate fails: {failed} of {chosen.worlds}")
    print(f"worlds without any that named one: {alarms} of {chosen.worlds} (at most 5 in 100)")
    print(f"releases that flag nobody and pass: {unseen} of {chosen.worlds}")
    print(f"processor time of this run: {cpu.ru_utime + cpu.ru_stime:,.0f} s")


if __name__ == "__main__":
    main()
