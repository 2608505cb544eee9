"""Is a shifted world noticed, and does a steady one raise no alarm? `python benchmarks/heads_shifted.py`.

Heads are trained on what was known on the day before the disruption of the `shifted` world begins, and watched
week by week from then on; the same is done in a baseline world, where nothing should be noticed (`--worlds 6`:
in more of each). Printed for each: when something was first noticed and what, which months' outcomes left their
chances and when that could first be known, and the figures before and during the disruption. `--release` trains
a whole release three months after it began, and prints what its model card says.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from catalogue import load
from features.histories import Histories
from features.outcomes import referral_outcomes
from training.config import TrainingConfig
from training.heads import commence, complete, referrals
from training.heads.head import FittedHead, fit_head
from training.heads.monitoring import watch_head
from training.heads.performance import performance
from training.release import pipeline
from worlds import generate

SHIFT, OVER = date(2023, 7, 1), date(2024, 7, 1)
WORLDS = (
    ("shifted", 9_107), ("baseline", 9_108), ("shifted", 9_117), ("baseline", 9_118), ("baseline", 9_128), ("baseline", 9_129),
)  # fmt: skip
CONFIG = TrainingConfig.from_dict({"threads": 1, "tracking": {"enabled": False}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--worlds", type=int, default=2, help=f"how many of the {len(WORLDS)} worlds")
    parser.add_argument("--scratch", type=Path, help="folder to keep worlds in")
    parser.add_argument("--release", action="store_true", help="train a whole release in the disruption")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = chosen.scratch or Path(made)
        for name, seed in WORLDS[: chosen.worlds]:
            place = folder / f"{name}-{seed}-{chosen.people}"
            if not place.exists():
                make(place, name, seed, chosen.people, end=date(2025, 12, 31))
            print(f"== {name}, seed {seed}, {chosen.people:,} people, trained on {SHIFT}")
            watched(Histories.open(place))
        if chosen.release:
            place = folder / f"shifted-{chosen.people}-early"
            if not place.exists():
                make(place, *WORLDS[0], chosen.people, end=date(2023, 9, 30))
            release(Histories.open(place), folder / "bundle")


def make(place: Path, name: str, seed: int, people: int, *, end: date) -> None:
    """Write a world."""
    place.parent.mkdir(parents=True, exist_ok=True)
    generate(people=people, seed=seed, start=date(2021, 1, 1), end=end, out=place, world=name)


def watched(histories: Histories) -> None:
    """Train on the day of the shift, watch to the end, and print what was seen."""
    end = histories.last_day + timedelta(days=1)
    outcomes = referral_outcomes(histories, known_before=end)
    then = referral_outcomes(histories, known_before=SHIFT)
    frame = referrals.frame(histories, outcomes, catalogue=load())
    for module in (commence, complete):
        known = referrals.rows(frame, pipeline.labels_of(module.HEAD, then, SHIFT, CONFIG))
        judged = referrals.rows(frame, pipeline.labels_of(module.HEAD, outcomes, end, CONFIG)).frame
        head = fit_head(
            module.HEAD,
            module.QUESTION,
            known,
            labels=referrals.LABELS,
            config=CONFIG,
            monotone=referrals.MONOTONE,
        )
        delay = pipeline.window_of(module.HEAD, CONFIG) + CONFIG.blocks.label_gap_days
        seen = watch_head(head, frame, judged, until=end, delay_days=delay)
        print(f"{module.HEAD}: watched from {seen.since}; first noticed on {seen.noticed_on or 'no day'}")
        for item in seen.moved:
            print(f"  {item.sentence()}")
        off = [month for month in seen.months if month.drifted]
        print(f"  months whose outcomes left their chances: {len(off)} of {len(seen.months)}")
        for month in off[:2]:
            print(f"  {month.sentence()}")
        figures(head, judged)


def figures(head: FittedHead, judged: pl.DataFrame) -> None:
    """The head's figures before, during and after the disruption."""
    spans = {
        "before": (head.blocks.test_from, SHIFT),
        "during": (SHIFT, OVER),
        "after": (OVER, date(2100, 1, 1)),
    }
    for name, (begin, stop) in spans.items():
        rows = judged.filter(pl.col("as_of").is_between(begin, stop, closed="left"))
        held = performance(rows["y"].to_numpy(), head.predict(rows), rows["crn"].to_numpy())
        if held.auc is None or held.log_loss is None or held.calibration_in_the_large is None:
            continue
        print(
            f"  {name:<7} rows {held.rows:>6,}  share {held.base_rate:.3f}  AUC {held.auc:.3f}  log loss {held.log_loss:.4f}  "
            f"in the large {held.calibration_in_the_large:+.3f}  calibration error without chance {held.calibration_error_debiased:.3f}"
        )


def release(histories: Histories, bundle: Path) -> None:
    """Train a release in the disruption, and print what its card says about it."""
    made = pipeline.train(histories, out=bundle, config=CONFIG)
    card = (bundle / "model-card.md").read_text(encoding="utf-8")
    print(f"== the model card of a release trained on {made.training_date}")
    print(next((line for line in card.splitlines() if "latest months differ" in line), "It says nothing."))
    print(card.split("## Since then")[1].split("## The flag")[0].strip())


if __name__ == "__main__":
    main()
