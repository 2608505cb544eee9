"""How long does `signpost audit` take for a national caseload, and how much memory?

A world is made (or one is named), a small release trained on a world of its own unless one is named, and the command
run as a reviewer runs it. Limits for 250,000 people on 2 cores: 90 s, 4 GB over all its processes.
Run: python benchmarks/fairness_audit.py --people 250000
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path

import psutil

from features.histories import Histories
from training.config import TrainingConfig
from training.release.pipeline import train
from worlds import generate

FIRST, LAST = date(2021, 1, 1), date(2025, 12, 31)
SECONDS, GIGABYTES = 90, 4


def resident(process: psutil.Process) -> int:
    """Memory of a process and those it started, in bytes; shared pages count in each."""
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20_000, help="the target is stated for 250,000")
    parser.add_argument("--histories", type=Path)
    parser.add_argument("--bundle", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        world, bundle = chosen.histories or Path(place) / "world", chosen.bundle or Path(place) / "bundle"
        if chosen.histories is None:
            generate(people=chosen.people, seed=9_100, start=FIRST, end=LAST, out=world, world="baseline")
        if chosen.bundle is None:
            small = Path(place) / "small"
            generate(people=20_000, seed=9_001, start=FIRST, end=LAST, out=small, world="baseline")
            train(Histories.open(small), out=bundle, config=TrainingConfig())
        command = [
            sys.executable,
            "-m",
            "signpost",
            "audit",
            "--histories",
            world,
            "--bundle",
            bundle,
            "--out",
            Path(place) / "report",
        ]
        start = time.perf_counter()
        running = psutil.Popen([str(each) for each in command], stdout=subprocess.PIPE, text=True)
        most = 0

        def watch() -> None:
            nonlocal most
            while running.poll() is None:
                most = max(most, resident(running))
                time.sleep(0.2)

        watcher = threading.Thread(target=watch)
        watcher.start()
        said, _ = running.communicate()
        watcher.join()
        took = time.perf_counter() - start
    print(said.strip())
    print(
        f"audit: {took:.0f} s (limit {SECONDS} s for 250,000 people), {most / 1e9:.1f} GB (limit {GIGABYTES} GB), status {running.returncode}"
    )


if __name__ == "__main__":
    main()
