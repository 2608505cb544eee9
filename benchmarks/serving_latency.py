"""How fast is one person answered, and how does that compare with serving bare probabilities from MLflow?

`python benchmarks/serving_latency.py [HISTORIES BUNDLE [SECONDS]]`; without folders a world of 1,500 people is made
and a release trained on it first. The service runs in a process of its own on one core, over the people with the
longest histories. Nothing is remembered between answers: each person is asked about once a day of theirs. Printed:
how long until it was ready, the median and the 99th percentile at 50 requests a second, its CPU time a request and
memory, and its throughput as a ratio to `mlflow models serve`, which is given a LightGBM model and as many rows and
columns as a person has (one row for each intervention that can be scored) and answers the probabilities alone.
"""

import os
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from pathlib import Path

import httpx
import numpy as np
import orjson
import psutil

from features.histories import Histories
from scoring.bundle import Bundle
from serving.ingest import ingest
from serving.store import cases
from serving.store.database import Database

RATE = 50
CALLERS = 4
SEVERAL = 200
ROWS = 25
PROGRAM = """
import sys
from pathlib import Path
from serving.run import serve
from serving.settings import Settings
serve(Settings.from_environment(database_url=sys.argv[1], bundle_folder=Path(sys.argv[2]), port=int(sys.argv[3]), log_level="ERROR"))
"""


def main() -> None:
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 10
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        world, bundle = (Path(sys.argv[1]), Path(sys.argv[2])) if len(sys.argv) > 2 else prepared(folder)
        url = f"sqlite:///{folder / 'store.db'}"
        started = time.perf_counter()
        loaded = ingest(Histories.open(world), database_url=url)
        print(f"ingest: {loaded:,} people in {time.perf_counter() - started:.1f} s")
        people = longest(url)
        port = free_port()
        begun = time.perf_counter()
        environment = {**os.environ, "DEV_AUTH": "1", "SIGNPOST_SERVE_UNPASSED": "1"}
        command = [sys.executable, "-c", PROGRAM, url, str(bundle), str(port)]
        service = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        psutil.Process(service.pid).cpu_affinity([0])
        try:
            wait(port, "/health/readiness")
            print(f"ready after {time.perf_counter() - begun:.2f} s")
            ours = measure(service.pid, port, people, seconds)
        finally:
            service.terminate()
            service.wait()
        theirs = of_mlflow(folder, columns=len(Bundle.open(bundle).commence.feature_names), seconds=seconds)
    print(
        f"throughput on one core: {ours:.0f} answers a second with every reason; mlflow models serve {theirs:.0f} "
        f"answers of {ROWS} bare probabilities; ratio {ours / theirs:.2f}"
    )


def prepared(folder: Path) -> tuple[Path, Path]:
    """A world and a release of our own."""
    world, bundle = folder / "world", folder / "bundle"
    dates = ["--start", "2021-01-01", "--end", "2025-12-31"]
    signpost = [sys.executable, "-m", "signpost"]
    subprocess.run(
        [*signpost, "synthesise", "--people", "1500", "--seed", "11", *dates, "--out", world], check=True
    )
    tracking = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}"}
    trained = subprocess.run(
        [*signpost, "train", "--histories", world, "--out", bundle], env=tracking, cwd=folder, check=False
    )
    assert trained.returncode in {0, 1}
    return world, bundle


def longest(url: str) -> list[tuple[str, str]]:
    """Questions about the people with the longest histories: a CRN and a day, no two alike."""
    database = Database(url)
    with database.read() as connection:
        last = cases.last_known(connection)
        assert last is not None
        lines, _ = cases.page(connection, running_on=last, size=100_000)
        found = []
        for line in lines:
            case = cases.find(connection, line.crn)
            assert case is not None
            held = orjson.loads(case.document).values()
            found.append((sum(len(rows) for rows in held if isinstance(rows, list)), line.crn))
    database.close()
    most = sorted(found, reverse=True)[:SEVERAL]
    print(f"histories: {most[0][0]} to {most[-1][0]} records, median {most[len(most) // 2][0]}")
    days = [(last - timedelta(days=back)).isoformat() for back in range(60)]
    return [(crn, day) for day in days for _, crn in most]


def measure(pid: int, port: int, people: list[tuple[str, str]], seconds: int) -> float:
    """Print what an answer takes at the fixed rate; answers a second when asked as fast as it goes."""
    limits = httpx.Limits(max_connections=CALLERS * 2)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, limits=limits) as client:
        client.post("/sign-in", data={"user": "DEMO_USER"})
        headers = {"Authorization": f"Bearer {client.cookies['signpost_session']}"}
        questions = iter(people)

        def ask() -> float:
            crn, day = next(questions)
            start = time.perf_counter()
            answer = client.get(f"/v1/people/{crn}/suggestions", params={"asOf": day}, headers=headers)
            assert answer.status_code == 200, answer.status_code
            return (time.perf_counter() - start) * 1000

        for _ in range(20):
            ask()
        service, asked = psutil.Process(pid), []
        before = sum(service.cpu_times()[:2])
        with ThreadPoolExecutor(8) as pool:
            clock = time.perf_counter()
            for number in range(RATE * seconds):
                time.sleep(max(0.0, clock + number / RATE - time.perf_counter()))
                asked.append(pool.submit(ask))
            times = sorted(answer.result() for answer in asked)
        cpu = (sum(service.cpu_times()[:2]) - before) / len(times) * 1000
        print(
            f"{len(times)} answers at {RATE} a second: median {times[len(times) // 2]:.1f} ms, "
            f"99th percentile {times[int(len(times) * 0.99)]:.1f} ms, {cpu:.1f} ms of CPU each"
        )
        print(f"resident memory: {service.memory_info().rss / 2**20:.0f} MB")
        return throughput(ask, seconds)


def throughput(ask: Callable[[], object], seconds: int) -> float:
    """Answers a second, by several callers at once."""
    until, asked = time.perf_counter() + seconds, count()

    def keep_asking() -> None:
        while time.perf_counter() < until:
            ask()
            next(asked)

    started = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as pool:
        for done in [pool.submit(keep_asking) for _ in range(CALLERS)]:
            done.result()
    return next(asked) / (time.perf_counter() - started)


def of_mlflow(folder: Path, *, columns: int, seconds: int) -> float:
    """Answers a second of `mlflow models serve` with a LightGBM model of as many columns."""
    import lightgbm
    import mlflow.lightgbm
    import pandas as pd

    chance = np.random.default_rng(1)
    names = [f"x{number}" for number in range(columns)]
    frame = pd.DataFrame(chance.normal(size=(2_000, columns)), columns=names)
    model = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_threads": 1},
        lightgbm.Dataset(frame, label=(frame["x0"] > 0).astype(int)),
        num_boost_round=200,
    )
    mlflow.lightgbm.save_model(model, str(folder / "mlflow-model"))
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(folder / "mlflow-model")]
    server = subprocess.Popen(
        [*command, "-p", str(port), "-w", "1", "--env-manager", "local"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "PATH": os.pathsep.join((sysconfig.get_path("scripts"), os.environ["PATH"]))},
    )
    try:
        wait(port, "/ping")
        psutil.Process(server.pid).cpu_affinity([0])
        for child in psutil.Process(server.pid).children(recursive=True):
            child.cpu_affinity([0])
        body = orjson.dumps(
            {"dataframe_split": {"columns": names, "data": frame.head(ROWS).to_numpy().tolist()}}
        )
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

            def ask() -> None:
                answer = client.post(
                    "/invocations", content=body, headers={"Content-Type": "application/json"}
                )
                assert answer.status_code == 200, answer.text

            return throughput(ask, seconds)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def wait(port: int, path: str) -> None:
    """Until somebody answers there."""
    deadline = time.perf_counter() + 300
    while time.perf_counter() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            if httpx.get(f"http://127.0.0.1:{port}{path}", timeout=30).status_code == 200:
                return
        except (OSError, httpx.TransportError):
            time.sleep(0.02)
    raise AssertionError("nobody answers")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


if __name__ == "__main__":
    main()
