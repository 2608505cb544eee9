"""How fast are features, and how much memory do they take?

Four questions, answered in one run: the full specification over many events, for everybody at one as-of day; the
same in plain pandas, which has to agree; DuckDB beside polars; and one live case of 200 events. Sizes:
BENCH_EVENTS (default 4,000,000; the target is stated for 100,000,000) and BENCH_PANDAS_PEOPLE (default 20,000).
Times are of the processor as well as of the clock, because the clock counts what else the machine does.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import features_pandas
import features_world
import polars as pl

from features import batch, live
from features.case import Case
from features.definitions import SPEC
from features.histories import Histories

EVENTS = int(os.environ.get("BENCH_EVENTS", "4000000"))
PANDAS_PEOPLE = int(os.environ.get("BENCH_PANDAS_PEOPLE", "20000"))
EVENTS_A_PERSON = 400
LIVE_EVENTS = 200


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="signpost-bench-") as name:
        large, small = Path(name, "large"), Path(name, "small")
        made = features_world.make(large, people=max(1, EVENTS // EVENTS_A_PERSON))
        print(f"{len(SPEC.features)} features; {made:,} events")
        whole = _apart("polars", large)
        rate = made / whole["wall"]
        print(f"  polars, one day for everybody: {_told(whole)}, {rate / 1e6:.1f} million events a second")
        print(f"  as if 100 million: {100e6 / rate:.0f} s (target: under 60 s and 3 GB on 2 cores)")
        features_world.make(small, people=PANDAS_PEOPLE)
        polars, duckdb = (_apart(engine, small) for engine in ("polars", "duckdb"))
        pandas = _apart("pandas", small)
        print(f"{PANDAS_PEOPLE:,} people")
        for engine, taken in (("polars", polars), ("duckdb", duckdb), ("pandas", pandas)):
            print(f"  {engine:<7} {_told(taken)}, {taken['wall'] / polars['wall']:.1f} times polars")
        print(f"  agreement with pandas: {_agreement(small)} (target: all)")
        print(f"  pandas / polars: {pandas['wall'] / polars['wall']:.1f} (target: at least 10)")
        best, middle = _live(small)
        print(
            f"one live case of {LIVE_EVENTS} events: {best:.2f} ms at best, {middle:.2f} ms median (target: under 1)"
        )


def _told(taken: dict[str, float]) -> str:
    return f"{taken['wall']:.1f} s ({taken['processor']:.1f} s of processor), {taken['memory']:.2f} GB"


def _apart(engine: str, folder: Path) -> dict[str, float]:
    """Time an evaluation in a process of its own, so that its memory is its own."""
    command = [sys.executable, __file__, engine, str(folder)]
    taken: dict[str, float] = json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
    )
    return taken


def _timed(engine: str, folder: Path) -> None:
    histories = Histories.open(folder)
    points = batch.at(histories, features_world.AS_OF)
    began, used = time.perf_counter(), time.process_time()
    if engine == "pandas":
        features_pandas.evaluate(histories, points["crn"].to_list(), features_world.AS_OF, SPEC)
    else:
        batch.evaluate(histories, points, engine=engine)
    wall = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps({"wall": wall, "processor": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss / 1e6})
    )


def _agreement(folder: Path) -> str:
    """How many features have the same values in pandas, numbers to twelve digits."""
    histories = Histories.open(folder)
    points = batch.at(histories, features_world.AS_OF)
    ours = batch.evaluate(histories, points)
    theirs = features_pandas.evaluate(histories, points["crn"].to_list(), features_world.AS_OF, SPEC)
    differ = []
    for name in SPEC.names:
        left = ours[name].to_list()
        right = [None if value != value or value is None else value for value in theirs[name].tolist()]  # noqa: PLR0124  NaN
        if not all(_same(a, b) for a, b in zip(left, right, strict=True)):
            differ.append(name)
    return f"{len(SPEC.names) - len(differ)} of {len(SPEC.names)}" + (
        f", not {', '.join(differ)}" if differ else ""
    )


def _same(left: object, right: object) -> bool:
    if isinstance(left, float) and isinstance(right, int | float):
        return abs(left - right) <= 1e-12 * max(1.0, abs(left))
    return left == right


def _live(folder: Path) -> tuple[float, float]:
    """Milliseconds for one case with 200 events: the best and the median of many goes."""
    case = next(Histories.open(folder).cases(["A000000"]))
    share = LIVE_EVENTS / sum(len(rows) for rows in case.tables.values())
    fewer = Case(
        case.crn, {name: rows[: round(len(rows) * share + 0.4)] for name, rows in case.tables.items()}
    )
    live.evaluate(fewer, as_of=features_world.AS_OF)
    taken = []
    for _ in range(300):
        began = time.perf_counter()
        live.evaluate(fewer, as_of=features_world.AS_OF)
        taken.append((time.perf_counter() - began) * 1e3)
    return min(taken), statistics.median(taken)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        pl.Config.set_verbose(False)
        _timed(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
