"""How fast is one person answered? `python benchmarks/serving_latency.py HISTORIES BUNDLE [SECONDS]`.

Serves a store of the histories in a process of its own, asks for a different person each time at 50 requests a
second from one connection pool, and prints the median and the 99th percentile in milliseconds, the memory of
the service, and how long it took to become ready. Nothing is remembered between people: each is asked once.
"""

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil

from features.histories import Histories
from serving.ingest import ingest
from serving.store import cases
from serving.store.database import Database

RATE = 50
PORT = 8931
PROGRAM = """
import sys
from pathlib import Path
from serving.run import serve
from serving.settings import Settings
serve(Settings.from_environment(database_url=sys.argv[1], bundle_folder=Path(sys.argv[2]), port=int(sys.argv[3]), log_level="ERROR"))
"""


def main() -> None:
    histories, bundle = Histories.open(sys.argv[1]), sys.argv[2]
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 10
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'store.db'}"
        started = time.perf_counter()
        count = ingest(histories, database_url=url)
        print(f"ingest: {count:,} people in {time.perf_counter() - started:.1f} s")
        database = Database(url)
        with database.read() as connection:
            lines, _ = cases.page(connection, running_on=histories.last_day, size=RATE * seconds + 20)
        database.close()
        crns = [line.crn for line in lines]
        begun = time.perf_counter()
        command = [sys.executable, "-c", PROGRAM, url, bundle, str(PORT)]
        service = subprocess.Popen(command, env={**os.environ, "DEV_AUTH": "1"}, stderr=subprocess.DEVNULL)
        try:
            measure(service.pid, crns, begun)
        finally:
            service.terminate()
            service.wait()


def measure(pid: int, crns: list[str], begun: float) -> None:
    """Ask for every person at the fixed rate, and print what it took."""
    base = f"http://127.0.0.1:{PORT}"
    while True:
        try:
            if httpx.get(f"{base}/health/readiness").status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.02)
    print(f"ready after {time.perf_counter() - begun:.2f} s")
    with httpx.Client(base_url=base, timeout=30) as client, ThreadPoolExecutor(8) as pool:
        client.post("/sign-in", data={"user": "DEMO_USER"})
        headers = {"Authorization": f"Bearer {client.cookies['signpost_session']}"}

        def ask(crn: str) -> float:
            start = time.perf_counter()
            answer = client.get(f"/v1/people/{crn}/suggestions", headers=headers)
            assert answer.status_code == 200, answer.status_code
            return (time.perf_counter() - start) * 1000

        for crn in crns[:20]:
            ask(crn)
        asked = []
        clock = time.perf_counter()
        for number, crn in enumerate(crns[20:]):
            time.sleep(max(0.0, clock + number / RATE - time.perf_counter()))
            asked.append(pool.submit(ask, crn))
        times = sorted(answer.result() for answer in asked)
    print(
        f"{len(times)} people at {RATE} a second: median {times[len(times) // 2]:.1f} ms, "
        f"99th percentile {times[int(len(times) * 0.99)]:.1f} ms"
    )
    print(f"resident memory: {psutil.Process(pid).memory_info().rss / 2**20:.0f} MB")


if __name__ == "__main__":
    main()
