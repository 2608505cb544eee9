"""Does the audit name what is planted, and nothing where nothing is? Over many generated worlds, stage by stage.

The stages that need no model: recording, offers, travel, enforcement. For each `disparity` world every planted gap
must be named in its stage (at least 95 in 100); of `baseline` worlds at most 5 in 100 may name a gap by a planted
characteristic. Run: python benchmarks/fairness_planted.py --people 50000 --worlds 20
"""

import argparse
import tempfile
from datetime import date
from pathlib import Path

from catalogue import load
from fairness import stages
from fairness.audit import judge
from fairness.compare import Reading
from fairness.policy import default
from fairness.register import EMPTY
from features.histories import Histories
from features.synthetic import generate

PLANTED = {
    ("offered_programme", "ethnicity", "Black"),
    ("fully_assessed", "ethnicity", "Asian"),
    ("long_journey", "sex", "Women"),
    ("enforced", "ethnicity", "Mixed"),
}
MEASURES = {name for name, _, _ in PLANTED}


def named(world: str, *, people: int, seed: int) -> set[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        generate(
            people=people, seed=seed, start=date(2021, 1, 1), end=date(2025, 12, 31), out=out, world=world
        )
        histories = Histories.open(out)
        as_of = histories.last_day
        bare = {
            "decisions": stages.decisions(histories, load(), as_of=as_of),
            "delivery": stages.delivery(histories, as_of=as_of),
            "enforcement": stages.enforcement(histories, as_of=as_of),
        }
        frames = {name: stages.with_groups(frame, histories) for name, frame in bare.items()}
        found = judge(
            frames, people=frames["decisions"].unique("crn"), register=EMPTY, policy=default(), as_of=as_of,
            bundle_version="none", report=out / "index.html", cross_check=False,
        )  # fmt: skip
    return {
        (each.measure.id, each.characteristic, each.group)
        for each in found.comparisons
        if each.reading is Reading.GAP
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--worlds", type=int, default=20)
    chosen = parser.parse_args()
    hits = alarms = 0
    for seed in range(chosen.worlds):
        disparity = named("disparity", people=chosen.people, seed=seed)
        hits += len(PLANTED & disparity)
        baseline = named("baseline", people=chosen.people, seed=1000 + seed)
        false = {each for each in baseline if each[1] in {"sex", "ethnicity"}}
        alarms += bool(false)
        print(
            f"seed {seed}: planted and not named {sorted(PLANTED - disparity)}; named where nothing is planted {sorted(baseline)}",
            flush=True,
        )
    print(
        f"planted gaps named: {hits} of {len(PLANTED) * chosen.worlds}; worlds without any that named one: {alarms} of {chosen.worlds}"
    )


if __name__ == "__main__":
    main()
