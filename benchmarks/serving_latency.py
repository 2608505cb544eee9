"""How fast is one person answered, and how does that compare with serving bare probabilities from MLflow?

`python benchmarks/serving_latency.py [HISTORIES BUNDLE [SECONDS]]`; without folders a world of 800 people is made and
a release trained on it first. The service runs in a process of its own on one core, the callers on another, over
4,000 people with exactly 300 events each: the longest histories of the world, their contacts cut or repeated on other
days. Each question is asked once, so nothing that was answered before can be found again; the service's own count of
the sets that it made is held against the number of questions.

Printed: until it is ready (clock and processor); the size of a lean answer; its median and 99th percentile at 50
requests a second, evenly spaced and with random arrivals, from when each was due; processor time a request; as many
answers as it gives to several callers at once; memory.

`mlflow models serve` gets what the service scores for the same people: their rows, one for each intervention that is
open to them, with every feature, and answers the bare chances of starting, finishing and progress. Its model is the
usual one: three unconstrained LightGBM classifiers of 300 trees behind an encoder, a pyfunc with a signature, one
worker, the same core.
"""

import http.client
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import psutil

from catalogue import load
from catalogue.subjects import Categories
from features import live
from features.case import Case
from features.definitions import SPEC
from features.fit import PERSON_FEATURES, fit
from features.histories import Histories
from features.live import Known
from features.subject import known_subject
from serving.ingest import ingest
from serving.store import cases
from serving.store.database import Database

RATE = 50
EVENTS = 300
PEOPLE = 4_000
TEMPLATES = 100
ASKED_FIRST = 40
CALLERS = 4
STARTS = 2
PROGRAM = """
import sys
from pathlib import Path
from serving.run import serve
from serving.settings import Settings
serve(Settings.from_environment(database_url=sys.argv[1], bundle_folder=Path(sys.argv[2]), port=int(sys.argv[3]), log_level="ERROR"))
"""
Question = tuple[str, date]


def main() -> None:
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 6
    psutil.Process().cpu_affinity([(os.cpu_count() or 1) - 1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        world, bundle = (Path(sys.argv[1]), Path(sys.argv[2])) if len(sys.argv) > 2 else made(folder)
        url = f"sqlite:///{folder / 'store.db'}"
        ingest(Histories.open(world), database_url=url)
        documents, day = lengthened(url)
        for _ in range(STARTS - 1):
            with service(url, bundle):
                pass
        crns = list(documents)
        with service(url, bundle) as server:
            ours, open_to = answered(server, crns, day, seconds=seconds)
        rows = rows_of([Case.from_document(documents[crn]) for crn in crns[:ASKED_FIRST]], open_to, day)
        theirs = of_mlflow(folder, rows, seconds=seconds)
        each = sum(map(len, rows)) / len(rows)
        print(
            f"mlflow models serve: {theirs.a_second:.0f} answers a second, each the bare chances of {each:.0f} rows, "
            f"{theirs.milliseconds:.1f} ms of processor each"
        )
        print(
            f"signpost: {ours.a_second:.0f} lean answers a second, {ours.milliseconds:.1f} ms of processor each; "
            f"{ours.a_second / theirs.a_second:.1f} times mlflow by the clock, "
            f"{theirs.milliseconds / ours.milliseconds:.1f} times by the processor"
        )


def made(folder: Path) -> tuple[Path, Path]:
    """A world and a release of our own."""
    world, bundle = folder / "world", folder / "bundle"
    dates = ["--start", "2021-01-01", "--end", "2025-12-31"]
    signpost = [sys.executable, "-m", "signpost"]
    subprocess.run(
        [*signpost, "synthesise", "--people", "800", "--seed", "11", *dates, "--out", world], check=True
    )
    tracking = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}"}
    trained = subprocess.run(
        [*signpost, "train", "--histories", world, "--out", bundle], env=tracking, cwd=folder, check=False
    )
    assert trained.returncode in {0, 1}
    return world, bundle


def lengthened(url: str) -> tuple[dict[str, dict[str, Any]], date]:
    """Keep people with exactly this many events in the store; their documents by CRN, and the last day known."""
    database = Database(url)
    with database.read() as connection:
        last = cases.last_known(connection)
        assert last is not None
        lines, _ = cases.page(connection, running_on=last, size=100_000)
        stored = [found for line in lines if (found := cases.find(connection, line.crn)) is not None]
    held = [
        {name: rows for name, rows in orjson.loads(case.document).items() if name != "crn"} for case in stored
    ]
    held.sort(key=lambda tables: -sum(map(len, tables.values())))
    documents: dict[str, dict[str, Any]] = {}
    with database.write() as connection:
        for number in range(PEOPLE):
            tables = of_length(held[number % TEMPLATES], mark=str(number // TEMPLATES))
            crn = f"L{100_000 + number}"
            cases.put(connection, crn=crn, tables=tables)
            documents[crn] = {"crn": crn, **tables}
    database.close()
    return documents, last


def of_length(tables: dict[str, list[dict[str, Any]]], *, mark: str) -> dict[str, list[dict[str, Any]]]:
    """A person's tables with exactly this many events: contacts cut, oldest first, or repeated a day earlier."""
    made = {name: [dict(row) for row in rows] for name, rows in tables.items()}
    for name in ("referrals", "referral_events", "sessions"):
        for row in made[name]:
            row["referral_id"] = f"{row['referral_id']}-{mark}"
    contacts = made["contacts"]
    missing = EVENTS - sum(map(len, made.values()))
    assert contacts
    assert len(contacts) + missing > 0
    if missing < 0:
        del contacts[:-missing]
    for place in range(missing):
        row = dict(contacts[place])
        for column in ("scheduled_on", "known_on"):
            row[column] = (date.fromisoformat(row[column]) - timedelta(days=1)).isoformat()
        contacts.append(row)
    assert sum(map(len, made.values())) == EVENTS
    return made


@dataclass
class Server:
    """The service under test, and a way to ask it."""

    process: psutil.Process
    port: int
    headers: dict[str, str]
    local: threading.local

    def sign_in(self) -> None:
        """Be somebody, as on the demonstration's first page."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}") as client:
            client.post("/sign-in", data={"user": "DEMO_USER"})
            self.headers = {"Authorization": f"Bearer {client.cookies['signpost_session']}"}

    def ask(self, question: Question, *, detail: str = "") -> bytes:
        """One question over a connection of the thread's own; the answer's body."""
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        crn, day = question
        self.local.connection.request(
            "GET", f"/v1/people/{crn}/suggestions?asOf={day.isoformat()}{detail}", headers=self.headers
        )
        answer = self.local.connection.getresponse()
        body: bytes = answer.read()
        assert answer.status == 200, answer.status
        return body

    def asking(self, questions: Iterator[Question]) -> Callable[[], bool]:
        """Each call asks the next question; False when there are none left."""
        lock = threading.Lock()

        def ask() -> bool:
            with lock:
                question = next(questions, None)
            if question is not None:
                self.ask(question)
            return question is not None

        return ask

    def get(self, path: str) -> str:
        """The text of a route."""
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers=self.headers, timeout=300).text

    @property
    def made(self) -> int:
        """How many sets has the service made, by its own count?"""
        lines = self.get("/metrics").splitlines()
        counts = [line for line in lines if line.startswith("signpost_suggestion_sets_total{")]
        return int(sum(float(line.rpartition(" ")[2]) for line in counts))

    @property
    def megabytes(self) -> float:
        """Its resident memory."""
        return float(self.process.memory_info().rss / 2**20)

    @property
    def cpu(self) -> float:
        """Seconds of processor that it has used."""
        return float(sum(self.process.cpu_times()[:2]))


@contextmanager
def service(url: str, bundle: Path) -> Iterator[Server]:
    """The service in a process of its own, on the first core; prints how long it took to be ready."""
    port = free_port()
    environment = {**os.environ, "DEV_AUTH": "1", "SIGNPOST_SERVE_UNPASSED": "1", "OPENBLAS_NUM_THREADS": "1"}
    begun = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, str(bundle), str(port)],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    process = psutil.Process(child.pid)
    process.cpu_affinity([0])
    try:
        wait(port, "/health/readiness")
        server = Server(process=process, port=port, headers={}, local=threading.local())
        print(f"ready after {time.perf_counter() - begun:.2f} s ({server.cpu:.2f} s of processor)")
        yield server
    finally:
        child.terminate()
        child.wait()


def at_rate(kind: str, server: Server, questions: Iterator[Question], *, seconds: int, evenly: bool) -> None:
    """Print what an answer takes at the fixed rate, from when it was due, waiting included."""
    chance, number = random.Random(1), RATE * seconds
    gaps = [1 / RATE if evenly else chance.expovariate(RATE) for _ in range(number)]
    before = server.cpu

    def ask(question: Question, due: float) -> float:
        server.ask(question)
        return (time.perf_counter() - due) * 1000

    with ThreadPoolExecutor(12) as pool:
        begin, asked = time.perf_counter() + 0.1, []
        for due in itertools.accumulate(gaps, initial=begin):
            time.sleep(max(0.0, due - time.perf_counter()))
            asked.append(pool.submit(ask, next(questions), due))
        times = sorted(answer.result() for answer in asked)
    cpu = (server.cpu - before) / len(times) * 1000
    print(
        f"{kind}, {RATE} a second: median {times[len(times) // 2]:.1f} ms, 99th percentile "
        f"{times[int(len(times) * 0.99)]:.1f} ms, {cpu:.1f} ms of processor each ({len(times)} answers)"
    )


@dataclass(frozen=True)
class Throughput:
    """Answers a second, and what each took of the processor."""

    a_second: float
    milliseconds: float


def throughput(ask: Callable[[], bool], seconds: int, servers: list[psutil.Process]) -> Throughput:
    """How much do these processes answer, asked by several callers at once?"""
    before = sum(sum(server.cpu_times()[:2]) for server in servers)
    until, asked = time.perf_counter() + seconds, itertools.count()

    def keep_asking() -> None:
        while time.perf_counter() < until and ask():
            next(asked)

    started = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as pool:
        for done in [pool.submit(keep_asking) for _ in range(CALLERS)]:
            done.result()
    answers, passed = next(asked), time.perf_counter() - started
    used = sum(sum(server.cpu_times()[:2]) for server in servers) - before
    return Throughput(a_second=answers / passed, milliseconds=1000 * used / answers)


def answered(
    server: Server, crns: list[str], day: date, *, seconds: int
) -> tuple[Throughput, list[set[str]]]:
    """Print what lean answers take; how many there are a second, and what is scored for the first people asked about."""
    server.sign_in()
    asked = itertools.count(1)
    questions = ((crn, day - timedelta(days=back)) for back in range(9) for crn in crns if next(asked))
    first = [server.ask(next(questions)) for _ in range(ASKED_FIRST)]
    sizes = sorted(map(len, first))
    print(f"a lean answer: median {sizes[len(sizes) // 2] / 1000:.1f} KB, largest {sizes[-1] / 1000:.1f} KB")
    at_rate("evenly", server, questions, seconds=seconds, evenly=True)
    at_rate("at random", server, questions, seconds=seconds, evenly=False)
    found = throughput(server.asking(questions), seconds, [server.process])
    print(f"resident memory: {server.megabytes:.0f} MB")
    assert server.made == next(asked) - 1, "an answer was found again"
    return found, [scored(server, (crn, day)) for crn in crns[:ASKED_FIRST]]


def scored(server: Server, question: Question) -> set[str]:
    """The interventions of whose start and end the service gives the chances, in full."""
    answer = orjson.loads(server.ask(question, detail="&detail=terms"))
    return {item["interventionId"] for item in answer["suggestions"] if item["pCommence"] is not None}


def rows_of(people: list[Case], open_to: list[set[str]], day: date) -> list[list[dict[str, Any]]]:
    """For each person the rows of features of the interventions that are open to them."""
    catalogue = load()
    found = []
    for case, names in zip(people, open_to, strict=True):
        known = Known(case, as_of=day)
        which = np.array([place for place, name in enumerate(catalogue.ids) if name in names], dtype=np.int64)
        alike = np.zeros(len(which))
        fitted = fit(
            known_subject(known), catalogue, people=alike.astype(np.int64), which=which,
            minutes=alike + 20.0, waiting_weeks=alike + 3.0,
        )  # fmt: skip
        values = live.fold(known, spec=SPEC.only(*PERSON_FEATURES)).values
        columns = {
            name: column.to_list()
            if isinstance(column, Categories)
            else [None if np.isnan(number) else number for number in column.tolist()]
            for name, column in fitted.items()
        }
        pairs = zip(*columns.values(), strict=True)
        found.append([{**values, **dict(zip(columns, pair, strict=True))} for pair in pairs])
    return found


def of_mlflow(folder: Path, rows: list[list[dict[str, Any]]], *, seconds: int) -> Throughput:
    """What `mlflow models serve` answers about the same people."""
    rows = [[{name: plain(value) for name, value in row.items()} for row in person] for person in rows]
    path = folder / "mlflow-model"
    program = Path(__file__).with_name("serving_mlflow_model.py")
    (folder / "rows.json").write_bytes(orjson.dumps(rows))
    subprocess.run([sys.executable, program, folder / "rows.json", path], check=True)
    names = list(rows[0][0])
    bodies = itertools.cycle(
        orjson.dumps({"dataframe_split": {"columns": names, "data": [list(row.values()) for row in person]}})
        for person in rows
    )
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(path)]
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    server = subprocess.Popen(
        [*command, "-p", str(port), "-w", "1", "--env-manager", "local"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={
            **os.environ,
            **threads,
            "PATH": os.pathsep.join((sysconfig.get_path("scripts"), os.environ["PATH"])),
        },
    )
    try:
        wait(port, "/ping")
        serving = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
        for process in serving:
            process.cpu_affinity([0])
        lock, local = threading.Lock(), threading.local()

        def ask() -> bool:
            if not hasattr(local, "connection"):
                local.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            with lock:
                body = next(bodies)
            local.connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
            answer = local.connection.getresponse()
            content = answer.read()
            assert answer.status == 200, content
            return True

        for _ in range(5):
            ask()
        return throughput(ask, seconds, serving)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def plain(value: Any) -> Any:
    """A value as a frame of texts and numbers has it."""
    return value if value is None or isinstance(value, str) else float(value)


def wait(port: int, path: str) -> None:
    """Until somebody answers there."""
    deadline = time.perf_counter() + 300
    while time.perf_counter() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)
        finally:
            connection.close()
    raise AssertionError("nobody answers")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


if __name__ == "__main__":
    main()
