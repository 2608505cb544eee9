"""The gate binds serving: a release scores when its gate is PASS, or when a setting says that it is an evaluation."""

import json
import shutil
import time
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from scoring.bundle import Bundle
from serving.auth import ROLES
from serving.bundles import BundleHolder
from serving.settings import Settings
from tests.serving.conftest import KeyServer, but, running
from training.release.bundle import seal


@pytest.fixture
def headers(key_server: KeyServer) -> dict[str, str]:
    return {"Authorization": f"Bearer {key_server.token(*ROLES)}"}


@pytest.fixture
def folder(trained_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained_bundle, tmp_path / "bundle"))


def gated(folder: Path, state: str) -> Path:
    """The same release, as the audit would have sealed it with this state."""
    seal(folder, fairness=Bundle.open(folder).fairness, gate={"state": state})
    return folder


@pytest.mark.parametrize("state", ["FAIL", "INSUFFICIENT_DATA", "NOT_RUN"])
def test_an_unpassed_release_leaves_the_rules_alone_and_everything_says_why(
    settings: Settings, headers: dict[str, str], someone: str, folder: Path, state: str
) -> None:
    strict = but(settings, bundle_folder=gated(folder, state), serve_unpassed=False)
    with running(strict) as address, httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        answer = client.get(f"/v1/people/{someone}/suggestions").json()
        assert answer["ruleOnly"] is True
        assert answer["bundleVersion"] == "RULES_ONLY"
        assert all("pComplete" not in item and "effect" not in item for item in answer["suggestions"])
        health = client.get("/health").json()
        assert health["status"] == "UP"
        assert health["components"]["bundle"]["status"] == "DEGRADED"
        details = health["components"]["bundle"]["details"]
        assert (details["ruleOnly"], details["gate"], details["withheldGate"]) == (True, None, state)
        refused = client.get("/v1/models/current")
        assert refused.status_code == 404
        assert refused.json()["errorCode"] == "GATE_NOT_PASSED"
        assert state in refused.json()["userMessage"]


@pytest.mark.parametrize(("state", "unpassed"), [("PASS", False), ("FAIL", True)])
def test_a_passed_release_scores_and_the_setting_lets_another_one(
    settings: Settings, headers: dict[str, str], someone: str, folder: Path, *, state: str, unpassed: bool
) -> None:
    chosen = but(settings, bundle_folder=gated(folder, state), serve_unpassed=unpassed)
    with running(chosen) as address, httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        answer = client.get(f"/v1/people/{someone}/suggestions").json()
        assert answer["ruleOnly"] is False
        assert any("pComplete" in item for item in answer["suggestions"])
        bundle = client.get("/health").json()["components"]["bundle"]
        assert bundle["status"] == "UP"
        assert bundle["details"]["gate"] == state
        current = client.get("/v1/models/current").json()
        assert (current["gate"]["state"], current["problem"]) == (state, None)


def test_a_swap_to_an_unpassed_release_keeps_the_last_good_one_and_is_logged_once(folder: Path) -> None:
    clock = [0.0]
    holder = BundleHolder(gated(folder, "PASS"), seconds=10, clock=lambda: clock[0])
    good = holder.state
    assert good.gate == "PASS"
    gated(folder, "FAIL")
    with capture_logs() as logged:
        for _ in range(3):
            clock[0] += 11
            assert holder.state.bundle is good.bundle
            assert holder.state.withheld == "FAIL"
            assert "FAIL" in str(holder.state.problem)
    lines = [line for line in logged if line["event"] == "bundle_withheld"]
    assert [(line["gate"], line["serving"]) for line in lines] == [("FAIL", good.version)]
    clock[0] += 11
    gated(folder, "PASS")
    assert (holder.state.problem, holder.state.withheld) == (None, None)


def test_the_card_of_the_last_good_release_is_told_beside_why_the_next_does_not_serve(
    settings: Settings, headers: dict[str, str], folder: Path
) -> None:
    strict = but(settings, bundle_folder=gated(folder, "PASS"), serve_unpassed=False, bundle_check_seconds=1)
    with running(strict) as address, httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        card = client.get("/v1/models/current").json()["modelCard"]
        gated(folder, "FAIL")
        deadline = time.monotonic() + 15
        current = client.get("/v1/models/current")
        while current.json().get("problem") is None and time.monotonic() < deadline:
            time.sleep(0.1)
            current = client.get("/v1/models/current")
            assert current.status_code == 200, current.text
        assert current.json()["modelCard"] == card
        assert current.json()["gate"]["state"] == "PASS"
        assert "FAIL" in current.json()["problem"]


@pytest.mark.parametrize(("text", "read"), [("1", True), ("0", False), (None, False)])
def test_the_setting_is_off_unless_it_is_set(
    monkeypatch: pytest.MonkeyPatch, text: str | None, *, read: bool
) -> None:
    monkeypatch.setenv("DEV_AUTH", "1")
    if text is not None:
        monkeypatch.setenv("SIGNPOST_SERVE_UNPASSED", text)
    assert Settings.from_environment().serve_unpassed is read


@pytest.mark.parametrize("place", ["inside", "beside", "set"])
def test_a_reviewer_reads_the_equality_report(
    settings: Settings, headers: dict[str, str], folder: Path, tmp_path: Path, place: str
) -> None:
    shutil.rmtree(folder / "equality-report", ignore_errors=True)
    report = {
        "inside": folder / "equality-report",
        "beside": folder.parent / "equality-report",
        "set": tmp_path / "elsewhere",
    }[place]
    report.mkdir()
    (report / "report.html").write_text("<!doctype html><title>Equality report</title>")
    (report / "report.json").write_text(json.dumps({"measures": []}))
    chosen = but(settings, bundle_folder=folder, report_folder=report if place == "set" else None)
    with running(chosen) as address, httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        answer = client.get("/v1/equality-report")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "<title>Equality report</title>" in answer.text
        assert client.get("/v1/equality-report", params={"format": "json"}).json() == {"measures": []}
        assert client.get("/v1/equality-report", params={"format": "csv"}).status_code == 404
