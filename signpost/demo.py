"""`make demo`: from nothing to a referral screen, every step shown, and reused when nothing changed."""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import click

from catalogue.errors import UsageError
from signpost.progress import progress

PROJECT = Path(__file__).resolve().parent.parent
ROOMS = (
    "catalogue",
    "charts",
    "pages",
    "features",
    "worlds",
    "scoring",
    "training",
    "fairness",
    "serving",
    "signpost",
)
START, END, SEED = date(2021, 1, 1), date(2025, 12, 31), 20260101
# Lifts, by name, what a small world is too small to judge; never a disparity.
REGISTER = PROJECT / "fairness" / "demonstration-register.yaml"
LOOPBACK = "127.0.0.1"
PORTS_TO_TRY = 50
STOP_SECONDS = 10
START_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class DemoFolder:
    """Where the demo keeps what it makes, under one folder."""

    root: Path

    @property
    def world(self) -> Path:
        """The synthetic case histories."""
        return self.root / "world"

    @property
    def rows(self) -> Path:
        """Feature rows at each decision point, for the notebook."""
        return self.root / "features.parquet"

    @property
    def bundle(self) -> Path:
        """The release bundle."""
        return self.root / "bundle"

    @property
    def database(self) -> Path:
        """The service's store."""
        return self.root / "signpost.db"

    @property
    def mlflow(self) -> Path:
        """MLflow's tracking store."""
        return self.root / "mlflow.db"


def _digest_of_sources() -> str:
    """Hash of every source and data file of the rooms: a change remakes what depends on it."""
    digest = hashlib.sha256()
    for room in ROOMS:
        for path in sorted((PROJECT / room).rglob("*")):
            if path.suffix in {".py", ".yaml", ".csv", ".json", ".j2", ".css"} and "vendor" not in path.parts:
                digest.update(path.relative_to(PROJECT).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


class Steps:
    """Runs steps that have not run yet for these sources and this size.

    A step leaves a stamp when it has finished, so that an interrupted demo goes on where it stopped
    and a half-made folder is never taken for a whole one.
    """

    def __init__(self, root: Path, *, key: str) -> None:
        self._stamps = root / "steps.json"
        stored = json.loads(self._stamps.read_text()) if self._stamps.exists() else {}
        self._done: dict[str, float] = stored.get("done", {}) if stored.get("key") == key else {}
        self._key = key

    def run(self, name: str, title: str, work: Callable[[], None], *, clear: tuple[Path, ...]) -> None:
        """Do one step, or say that what it made is reused."""
        if name in self._done and all(path.exists() for path in clear):
            click.echo(f"{title}: reused")
            return
        for path in clear:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                for part in path.parent.glob(f"{path.name}*"):  # a database and its journal
                    part.unlink()
        began = time.monotonic()
        work()
        seconds = time.monotonic() - began
        self._done[name] = round(seconds, 1)
        self._stamps.write_text(json.dumps({"key": self._key, "done": self._done}, indent=1))
        click.echo(f"{title}: done in {seconds:.0f} s")


def prepare(*, people: int, root: Path) -> DemoFolder:
    """Make, or reuse, everything that the demo serves.

    Args:
        people: size of the synthetic world.
        root: folder that holds everything the demo makes.

    Returns:
        Where things are.

    Raises:
        UsageError: the world did not pass its own contract check.
    """
    places = DemoFolder(root=root)
    root.mkdir(parents=True, exist_ok=True)
    # The demo logs only to its own store, even if this shell points at another; nothing is reported to anybody.
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{places.mlflow.resolve()}"
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"
    key = hashlib.sha256(f"{people} {SEED} {START} {END} {_digest_of_sources()}".encode()).hexdigest()
    steps = Steps(root, key=key)
    steps.run(
        "world",
        f"Synthetic world of {people:,} people",
        lambda: _world(people, places),
        clear=(places.world,),
    )
    steps.run("check", "Contract check", lambda: _check(places), clear=())
    steps.run("features", "Feature rows", lambda: _features(places), clear=(places.rows,))
    steps.run("train", "Models, audit and gate", lambda: _train(places), clear=(places.bundle,))
    steps.run("store", "The service's store", lambda: _store(places), clear=(places.database,))
    return places


def _world(people: int, places: DemoFolder) -> None:
    from worlds import generate

    with progress("  generating") as report:
        generate(people=people, seed=SEED, start=START, end=END, out=places.world, progress=report)


def _check(places: DemoFolder) -> None:
    from features.check import check

    found = check(places.world, quarantine=False)
    if not found.clean:
        raise UsageError(f"the generated world breaks the data contract:\n{found.render()}")


def _features(places: DemoFolder) -> None:
    from features.histories import Histories
    from features.rows import write_features

    opened = Histories.open(places.world)
    with progress("  computing features") as report:
        write_features(opened, as_of="decision-points", out=places.rows, engine="polars", progress=report)


def _train(places: DemoFolder) -> None:
    from fairness.release import audit_release
    from training.release.run import release

    audit = partial(audit_release, register=REGISTER)
    with progress("  training and judging") as report:
        result = release(histories=places.world, out=places.bundle, config=None, audit=audit, progress=report)
    click.echo(f"  {result.sentence}")
    if not result.passed:
        click.echo("  It may not score: the screens will show eligibility and the order of choice alone.")


def _store(places: DemoFolder) -> None:
    from features.histories import Histories
    from serving.ingest import ingest

    with progress("  loading cases") as report:
        ingest(Histories.open(places.world), database_url=f"sqlite:///{places.database}", progress=report)


def free_port(first: int) -> int:
    """Find the first free loopback port at or after `first`."""
    for port in range(first, first + PORTS_TO_TRY):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise UsageError(
        f"no free port from {first} to {first + PORTS_TO_TRY - 1}; name another with DEMO_PORT=…"
    )


def serve(places: DemoFolder, *, port: int) -> None:
    """Serve the screens, the API and MLflow on loopback until interrupted."""
    from serving.run import serve as serve_until_stopped
    from serving.settings import Settings

    port = free_port(port)
    mlflow_port = free_port(port + 1)
    mlflow = subprocess.Popen(  # noqa: S603  our own interpreter, with arguments of our own
        [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--host",
            LOOPBACK,
            "--port",
            str(mlflow_port),
            "--workers",
            "1",
            "--backend-store-uri",
            f"sqlite:///{places.mlflow.resolve()}",
        ],
        cwd=places.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # A polite kill has to reach the `finally` below, or MLflow would be left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        threading.Thread(target=_announce, args=(port, mlflow_port), daemon=True).start()
        os.environ["DEV_AUTH"] = "1"
        serve_until_stopped(
            Settings.from_environment(
                bundle_folder=places.bundle,
                database_url=f"sqlite:///{places.database}",
                host=LOOPBACK,
                port=port,
            )
        )
    finally:
        os.killpg(mlflow.pid, signal.SIGTERM)
        try:
            mlflow.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(mlflow.pid, signal.SIGKILL)


def _announce(port: int, mlflow_port: int) -> None:
    """Print the addresses once something answers at them, so that every one of them opens."""
    site, mlflow = f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{mlflow_port}"
    late = [name for name, where in (("Signpost", port), ("MLflow", mlflow_port)) if not _answers(where)]
    click.echo(
        "\nSignpost is being served on this machine (all people are synthetic):\n"
        f"  referral screen     {site}/referrals/\n"
        f"  API documentation   {site}/swagger-ui.html\n"
        f"  equality report     {site}/referrals/equality-report\n"
        f"  MLflow              {mlflow}/#/experiments\n"
        + "".join(f"{name} has not answered within {START_SECONDS} seconds.\n" for name in late)
        + "Press Ctrl-C to stop.\n"
    )


def _answers(port: int) -> bool:
    """Whether something listens on a loopback port within the time that starting may take."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return True
        time.sleep(0.2)
    return False
