"""How long does a world take, and how much memory?

    python benchmarks/synthetic_scale.py 250000 /tmp/world [national]

Prints people, seconds, processor seconds, peak memory and size on disk. The target: 250,000 people with five
years of history in under 6 minutes and 8 GB on 2 cores.
"""

import resource
import sys
import time
from datetime import date
from pathlib import Path

from features.synthetic import generate


def main() -> None:
    people, out = int(sys.argv[1]), Path(sys.argv[2])
    world = sys.argv[3] if len(sys.argv) > 3 else "baseline"
    began = time.perf_counter()
    generate(people=people, seed=7, start=date(2021, 1, 1), end=date(2025, 12, 31), out=out, world=world)
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(
        f"{people:,} people in {seconds:.0f} s ({used.ru_utime + used.ru_stime:.0f} s of processor), "
        f"peak {used.ru_maxrss / 1e6:.2f} GB, {size / 1e6:.0f} MB on disk"
    )


if __name__ == "__main__":
    main()
