"""Synthetic worlds: case histories that behave like real ones, with the truth about what would have happened.

All people in them are invented. `generate` writes a world; `comparison` holds it against published
figures. How it works, with pictures: `docs/worlds.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path


def generate(
    *,
    people: int,
    seed: int,
    start: date,
    end: date,
    out: Path,
    world: str | Path = "baseline",
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a synthetic world: every table of the data contract as Parquet, and `truth/`.

    `calibration.html` and `calibration.csv` next to them hold the world against published figures.
    `people` is from 1 to 1,000,000. A smaller world is the first people of a larger one with the same
    seed, days and settings. `world` names one of the project's worlds or a YAML file. `progress` is
    called with people done and people in all.

    Raises:
        UsageError: a setting that cannot be used, or a folder that already holds something else.
    """
    from worlds.files import write_world

    write_world(people=people, seed=seed, start=start, end=end, out=out, world=world, progress=progress)


__all__ = ["generate"]
