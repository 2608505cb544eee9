"""How fast are features, and how much memory do they take?

Answered in one run: the full specification over many events, as a caseload has them and as very long histories
have them; the same in plain pandas, which has to agree; DuckDB compared with polars; every decision point within a limit
of memory; and one live case of 200 events. Sizes: BENCH_EVENTS (default 4,000,000; the target is stated for
100,000,000), BENCH_PEOPLE (default 25,000; stated for 250,000) and BENCH_PANDAS_PEOPLE (default 20,000).
BENCH_ONLY names the parts to run, comma-separated: events, people, pandas, points, live.

Each evaluation runs in a process of its own. Times are of the clock and of the processor, imports left out; the
clock counts what else the machine does, the processor does not.
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
from collections.abc import Callable
from pathlib import Path

import features_world
import polars as pl

from features import batch, live
from features.case import Case
from features.definitions import SPEC
from features.histories import Histories

EVENTS = int(os.environ.get("BENCH_EVENTS", "4000000"))
PEOPLE = int(os.environ.get("BENCH_PEOPLE", "25000"))
PANDAS_PEOPLE = int(os.environ.get("BENCH_PANDAS_PEOPLE", "20000"))
PARTS = os.environ.get("BENCH_ONLY", "events,people,pandas,points,live").split(",")
EVENTS_A_PERSON = 400
# A generated caseload of five years holds about 30 contacts and 7 sessions a person.
CASELOAD = {"contacts": 30, "sessions": 7}
POINTS_A_PERSON = 5
LIVE_EVENTS = 200
MEMORY_LIMIT = 4_000_000_000
GIB = 1024 * 1024


def main() -> None:
    runs: dict[str, Callable[[Path], None]] = {
        "events": _events,
        "people": _people,
        "pandas": _pandas,
        "points": _points,
        "live": _live,
    }
    print(f"{len(SPEC.features)} features, {pl.thread_pool_size()} threads")
    for part in PARTS:
        with tempfile.TemporaryDirectory(prefix="signpost-bench-") as name:
            runs[part](Path(name, "world"))


def _events(folder: Path) -> None:
    made = features_world.make(folder, people=max(1, EVENTS // EVENTS_A_PERSON))
    taken = _apart("polars", folder)
    print(f"{made:,} events, {EVENTS_A_PERSON} a person, one as-of day: {_told(taken)}")
    print(f"  as if 100 million: {_scaled(taken, 100e6 / made)} (target: under 60 s and 3 GB on 2 cores)")


def _people(folder: Path) -> None:
    made = features_world.make(folder, people=PEOPLE, **CASELOAD)
    taken = _apart("polars", folder)
    print(f"{PEOPLE:,} people of a caseload ({made:,} events), one as-of day: {_told(taken)}")
    print(f"  as if 250,000: {_scaled(taken, 250_000 / PEOPLE)} (target: under 20 s)")


def _pandas(folder: Path) -> None:
    made = features_world.make(folder, people=PANDAS_PEOPLE)
    taken = {engine: _apart(engine, folder) for engine in ("polars", "duckdb", "pandas")}
    print(f"{PANDAS_PEOPLE:,} people ({made:,} events), one as-of day")
    for engine, one in taken.items():
        print(f"  {engine:<7} {_told(one)}, {one['wall'] / taken['polars']['wall']:.1f} times polars")
    wall, processor = (taken["pandas"][name] / taken["polars"][name] for name in ("wall", "processor"))
    print(
        f"  pandas / polars: {wall:.1f} by the clock, {processor:.1f} by the processor (target: at least 10)"
    )
    print(f"  agreement with pandas: {_agreement(folder)} (target: all)")


def _points(folder: Path) -> None:
    """Every decision point of a caseload: memory has to stay bounded, however many there are."""
    features_world.make(folder, people=PEOPLE, **CASELOAD)
    taken = _apart("points", folder)
    print(
        f"{PEOPLE * POINTS_A_PERSON:,} decision points within {MEMORY_LIMIT / 1e9:.0f} GB of address space beyond "
        f"the libraries' own: {_told(taken)}"
    )


def _told(taken: dict[str, float]) -> str:
    return f"{taken['wall']:.1f} s ({taken['processor']:.1f} s of processor), {taken['memory']:.2f} GiB"


def _scaled(taken: dict[str, float], times: float) -> str:
    return f"{taken['wall'] * times:.0f} s ({taken['processor'] * times:.0f} s of processor)"


def _apart(work: str, folder: Path) -> dict[str, float]:
    """Time an evaluation in a process of its own, so that its memory is its own."""
    command = [sys.executable, __file__, work, str(folder)]
    taken: dict[str, float] = json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
    )
    return taken


def _timed(work: str, folder: Path) -> None:
    if work == "pandas":
        import features_pandas
    if work == "points":
        _limit_memory()
    began, used = time.perf_counter(), time.process_time()
    if work == "pandas":
        features_pandas.evaluate(folder, features_world.AS_OF, SPEC)
    else:
        histories = Histories.open(folder)
        points = batch.at(histories, features_world.AS_OF) if work != "points" else _decided(histories)
        batch.evaluate(histories, points, engine="polars" if work == "points" else work)
    wall, processor = time.perf_counter() - began, time.process_time() - used
    memory = _most_resident() / GIB
    print(json.dumps({"wall": wall, "processor": processor, "memory": memory}))


def _most_resident() -> int:
    """The most memory this process has held, in KiB; getrusage would count what its parent held at the fork."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def _decided(histories: Histories) -> pl.DataFrame:
    """A decision point at each assessment, which counts as known there."""
    return histories.collect("assessments").select("crn", "assessment_id", as_of="completed_on")


def _limit_memory() -> None:
    """Let this process take no more than so much beyond what it holds already, as `ulimit -v` would."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY_LIMIT
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _agreement(folder: Path) -> str:
    """How many features have the same values in pandas, numbers to twelve digits."""
    import features_pandas

    histories = Histories.open(folder)
    ours = batch.evaluate(histories, batch.at(histories, features_world.AS_OF))
    theirs = features_pandas.evaluate(folder, features_world.AS_OF, SPEC)
    assert ours["crn"].to_list() == list(theirs.index)
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


def _live(folder: Path) -> None:
    """Milliseconds for one case with 200 events: the best and the median of many goes."""
    features_world.make(folder, people=1)
    case = next(Histories.open(folder).cases(["A000000"]))
    share = LIVE_EVENTS / sum(len(rows) for rows in case.tables.values())
    fewer = Case(
        case.crn, {name: rows[: round(len(rows) * share + 0.4)] for name, rows in case.tables.items()}
    )
    held = sum(len(rows) for rows in fewer.tables.values())
    live.evaluate(fewer, as_of=features_world.AS_OF)
    taken = []
    for _ in range(300):
        began = time.perf_counter()
        live.evaluate(fewer, as_of=features_world.AS_OF)
        taken.append((time.perf_counter() - began) * 1e3)
    best, middle = min(taken), statistics.median(taken)
    print(f"one live case of {held} events: {best:.2f} ms at best, {middle:.2f} ms median (target: under 1)")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _timed(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
