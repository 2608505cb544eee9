"""What several rooms' tests share: one small world and one release, made once a run.

Worlds and bundles are made through the command line, as a user would, and kept in the run's temporary
folder; with several workers the first one makes them and the others wait.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.browser import chromium

WORLD_PEOPLE, WORLD_SEED = 1500, 7
REGISTER = Path(__file__).parents[1] / "fairness" / "demonstration-register.yaml"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, aloud, what this machine cannot run: browser tests (never under CI), tests of Spark."""
    reasons = {}
    if not (chromium() or os.environ.get("CI")):
        reasons["browser"] = "no Chromium on this machine"
    if importlib.util.find_spec("pyspark") is None or shutil.which("java") is None:
        reasons["spark"] = "make test-spark runs them, and so does .ci/run where there is Java"
    left_out = {
        f"{mark} tests were LEFT OUT: {why}": [item for item in items if item.get_closest_marker(mark)]
        for mark, why in reasons.items()
    }
    config.stash[LEFT_OUT] = {sentence: len(tests) for sentence, tests in left_out.items() if tests}
    gone = {item for tests in left_out.values() for item in tests}
    if gone:
        config.hook.pytest_deselected(items=[item for item in items if item in gone])
        items[:] = [item for item in items if item not in gone]


LEFT_OUT = pytest.StashKey[dict[str, int]]()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells the process that reports what it left out; every worker leaves out the same."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash.get(LEFT_OUT, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take what a worker left out."""
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say at the end how many tests were left out, and why."""
    for sentence, count in config.stash.get(LEFT_OUT, {}).items():
        terminalreporter.write_line(f"{count} {sentence}")


def signpost(
    *arguments: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "signpost", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        timeout=600,
    )


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """One folder for the whole run, shared by its workers."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def made_once(run_folder: Path) -> Callable[[str, Callable[[Path], None]], Path]:
    """Make something the first time it is asked for in this run; later askers get the same folder."""

    def make(name: str, work: Callable[[Path], None]) -> Path:
        folder, done = run_folder / name, run_folder / f"{name}.done"
        with FileLock(run_folder / f"{name}.lock"):
            if not done.exists():
                work(folder)
                done.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def small_world(made_once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """A synthetic world of 1,500 people and five years; tests read it and never write into it."""

    def work(folder: Path) -> None:
        made = signpost(
            "synthesise",
            "--people",
            str(WORLD_PEOPLE),
            "--seed",
            str(WORLD_SEED),
            "--start",
            "2021-01-01",
            "--end",
            "2025-12-31",
            "--out",
            folder,
        )
        assert made.returncode == 0, made.stderr

    return made_once("small-world", work)


@pytest.fixture(scope="session")
def trained(made_once: Callable[[str, Callable[[Path], None]], Path], small_world: Path) -> Path:
    """A folder with `bundle/`, trained, audited and sealed on the small world, and its `mlflow.db`."""

    def work(folder: Path) -> None:
        folder.mkdir()
        made = signpost(
            "train",
            "--histories",
            small_world,
            "--out",
            folder / "bundle",
            "--register",
            REGISTER,
            cwd=folder,
            env={"MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}"},
        )
        assert made.returncode in {0, 1}, made.stderr

    return made_once("trained", work)


@pytest.fixture(scope="session")
def trained_bundle(trained: Path) -> Path:
    """The release bundle of the small world."""
    return trained / "bundle"
