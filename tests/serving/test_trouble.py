"""Under trouble: no bundle, a bad bundle, a store that is away, too much at once, bad input, a sudden death."""

import asyncio
import itertools
import json
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from scoring.bundle import Bundle, canonical, digest_of, sha256, version_of
from serving.auth import ROLES
from serving.bundles import BundleHolder
from serving.metrics import Metrics
from serving.middleware import RequestMiddleware
from serving.settings import Settings
from serving.store.database import Database
from serving.tracing import Tracing
from tests.serving.conftest import KeyServer, but, running


@pytest.fixture
def headers(key_server: KeyServer) -> dict[str, str]:
    return {"Authorization": f"Bearer {key_server.token(*ROLES)}"}


def test_without_a_bundle_the_rules_answer_and_say_so(
    settings: Settings, headers: dict[str, str], someone: str
) -> None:
    with running(but(settings, bundle_folder=None)) as address:
        answer = httpx.get(f"{address}/v1/people/{someone}/suggestions", headers=headers).json()
        assert answer["ruleOnly"] is True
        assert all("pComplete" not in item and "effect" not in item for item in answer["suggestions"])
        assert {item["eligibility"] for item in answer["suggestions"]} >= {"NOT_ELIGIBLE"}
        assert httpx.get(f"{address}/v1/models/current", headers=headers).status_code == 404


def test_a_bad_bundle_is_refused_the_last_good_one_kept_and_health_says_so(
    settings: Settings, trained_bundle: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(trained_bundle, tmp_path / "bundle"))
    with running(but(settings, bundle_folder=folder, bundle_check_seconds=1)) as address:
        good = httpx.get(f"{address}/health").json()["components"]["bundle"]
        assert good["status"] == "UP"
        whole = (folder / "commence.json").read_bytes()
        (folder / "commence.json").write_bytes(whole.replace(b"1", b"2", 1))
        degraded = _until(address, "DEGRADED")
        assert degraded["details"]["version"] == good["details"]["version"]
        assert "commence.json" in degraded["details"]["problem"]
        (folder / "commence.json").write_bytes(whole)
        assert _until(address, "UP") == good


def _until(address: str, status: str) -> dict[str, dict[str, str]]:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        found: dict[str, dict[str, str]] = httpx.get(f"{address}/health").json()["components"]["bundle"]
        if found["status"] == status:
            return found
        time.sleep(0.1)
    raise AssertionError(f"the bundle never became {status}")


def another_release(bundle: Path, folder: Path) -> Path:
    """The same release with another intercept of one head: another version, whole and sealed, with other chances."""
    shutil.copytree(bundle, folder)
    head = json.loads((folder / "commence.json").read_bytes())
    head["scorecard"]["intercept"] += 0.5
    (folder / "commence.json").write_bytes(canonical(head))
    manifest = json.loads((folder / "bundle.json").read_bytes())
    manifest["files"]["commence.json"] = sha256((folder / "commence.json").read_bytes())
    manifest["version"] = version_of(manifest["files"])
    manifest["digest"] = digest_of(manifest)
    (folder / "bundle.json").write_bytes(canonical(manifest))
    return folder


def _put_in_place(release: Path, folder: Path) -> None:
    """As the runbook has it: its files into the folder, `bundle.json` last."""
    for file in sorted(release.iterdir(), key=lambda path: path.name == "bundle.json"):
        if file.is_file():
            shutil.copy(file, folder)
            time.sleep(0.05)


def test_a_bundle_is_swapped_for_another_and_back_without_a_dropped_request(
    settings: Settings, headers: dict[str, str], someone: str, trained_bundle: Path, tmp_path: Path
) -> None:
    """Every answer while it happens is whole and of one release; once the new one has answered the old one does not."""
    folder = Path(shutil.copytree(trained_bundle, tmp_path / "serving"))
    other = another_release(trained_bundle, tmp_path / "other")
    first, second = (str(Bundle.open(place).version) for place in (trained_bundle, other))
    assert first != second
    seen: list[list[tuple[int, str, str, tuple[float, ...]]]] = [[], []]
    stop = threading.Event()
    with running(but(settings, bundle_folder=folder, bundle_check_seconds=1)) as address:

        def ask(mine: list[tuple[int, str, str, tuple[float, ...]]], day: str) -> None:
            with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
                while not stop.is_set():
                    answer = client.get(
                        f"/v1/people/{someone}/suggestions", params={"asOf": day, "detail": "terms"}
                    )
                    content = answer.json()
                    chances = tuple(
                        item["pCommence"]["probability"]
                        for item in content.get("suggestions", ())
                        if item["pCommence"] is not None
                    )
                    mine.append(
                        (answer.status_code, content.get("bundleVersion", ""), content.get("id", ""), chances)
                    )

        threads = [
            threading.Thread(target=ask, args=(mine, day))
            for mine, day in zip(seen, ("2025-12-30", "2025-12-31"), strict=True)
        ]
        for thread in threads:
            thread.start()
        for release, version in ((other, second), (trained_bundle, first)):
            _put_in_place(release, folder)
            _until_it_serves(address, version)
            time.sleep(0.3)
        stop.set()
        for thread in threads:
            thread.join()
    for mine in seen:
        assert {status for status, *_ in mine} == {200}
        versions = [version for version, _ in itertools.groupby(version for _, version, *_ in mine)]
        assert versions == [first, second, first]
        by_version = {version: (identity, chances) for _, version, identity, chances in mine}
        assert by_version[first][0] != by_version[second][0]
        assert by_version[first][1]
        assert all(old < new for old, new in zip(by_version[first][1], by_version[second][1], strict=True))
        for _, version, identity, chances in mine:  # nothing of one release in an answer of the other
            assert (identity, chances) == by_version[version]


def _until_it_serves(address: str, version: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if httpx.get(f"{address}/health").json()["components"]["bundle"]["details"]["version"] == version:
            return
        time.sleep(0.1)
    raise AssertionError(f"the release {version} never served")


def test_the_holder_looks_no_more_often_than_it_is_told(trained_bundle: Path) -> None:
    clock = [0.0]
    holder = BundleHolder(trained_bundle, seconds=10, unpassed=True, clock=lambda: clock[0])
    first = holder.state
    assert first.bundle is not None
    assert holder.state is first
    clock[0] = 11.0
    assert holder.state.version == first.version


def test_a_store_that_is_away_is_503_with_advice_and_recovers_by_itself(
    settings: Settings, store: Path, headers: dict[str, str], someone: str
) -> None:
    with running(settings) as address, httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        assert client.get(f"/v1/people/{someone}/suggestions").status_code == 200
        blocker = Database(settings.database_url)
        with blocker.write():
            answer = client.get("/v1/people/Z999999/account")
            assert answer.status_code in {404, 503}
            answer = client.get(f"/v1/people/{someone}/suggestions")
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.json()["errorCode"] == "UNAVAILABLE"
            assert client.get("/health/liveness").status_code == 200
        blocker.close()
        assert client.get(f"/v1/people/{someone}/suggestions").status_code == 200


def test_too_much_at_once_is_429_and_health_still_answers(
    settings: Settings, headers: dict[str, str]
) -> None:
    small = but(settings, workers_at_once=1, queue_length=1)
    with running(small) as address:
        blocker = Database(settings.database_url)
        with blocker.write(), ThreadPoolExecutor(8) as pool:
            body = {"action": "NONE_CHOSEN", "reasonCode": "NOT_READY_YET"}
            asked = [
                pool.submit(
                    httpx.put,
                    f"{address}/v1/cases/X00000{number}",
                    json={"people": []},
                    headers=headers,
                    timeout=60,
                )
                for number in range(8)
            ]
            time.sleep(0.5)
            assert httpx.get(f"{address}/health/ping").status_code == 200
            statuses = sorted(answer.result().status_code for answer in asked)
            del body
        blocker.close()
        assert statuses.count(429) == 6, statuses
        assert set(statuses) <= {200, 429, 503}


BODIES = [
    (b"", 422),
    (b"{", 400),
    (b"[]", 422),
    (b"null", 422),
    (b'{"crn": NaN}', 400),
    (b'{"crn": "\\ud800"}', 400),
    (b'{"crn": "X123456", "people": [{"region": "\\u0000"}]}', 400),
    (b"[" * 100_000 + b"]" * 100_000, 400),
    (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, 400),
    (b'"' + b"a" * 1_100_000 + b'"', 413),
    ('{"crn": "X123456", "people": [{"practitioner": "\U0001f9ed\u202e"}]}'.encode(), 200),
    (b'{"crn": 5}', 422),
    (b'{"crn": "X123456", "people": "secret-value"}', 422),
    (b'{"crn": "X123456", "people": [{"date_of_birth": "secret-value"}]}', 422),
    (b'{"crn": "X123456", "secret-value": []}', 422),
]


def test_bad_bodies_are_refused_in_the_error_shape_without_repeating_them(
    settings: Settings, headers: dict[str, str]
) -> None:
    with running(settings) as address, httpx.Client(base_url=address, headers=headers) as client:
        for body, status in BODIES:
            answer = client.post(
                "/v1/suggestions", content=body, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == status, (body[:60], answer.text[:200])
            if status != 200:
                assert set(answer.json()) >= {
                    "status",
                    "errorCode",
                    "userMessage",
                    "developerMessage",
                    "moreInfo",
                }
            assert "secret-value" not in answer.text
            assert "Traceback" not in answer.text
        plain = client.post("/v1/suggestions", content=b"{}", headers={"Content-Type": "text/plain"})
        assert plain.status_code == 415
        assert client.request("PATCH", "/v1/catalogue").status_code == 405
        assert client.get("/nothing/here").json()["errorCode"] == "NOT_FOUND"
        given = client.get("/health", headers={"X-Correlation-Id": "abc-12345678"})
        assert given.headers["X-Correlation-Id"] == "abc-12345678"
        made = client.get("/health", headers={"X-Correlation-Id": "<script>"})
        assert re.fullmatch(r"[0-9a-f-]{36}", made.headers["X-Correlation-Id"])


def _talk(address: str, *parts: bytes, pause: float = 0.3) -> bytes:
    """Send the parts with pauses between them, then listen until the service hangs up."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=15) as connection:
        heard = b""
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            while got := connection.recv(65536):
                heard += got
        except ConnectionError:
            pass
        return heard


def test_slow_callers_are_cut_off_and_others_are_not_kept_waiting(
    settings: Settings, headers: dict[str, str], someone: str
) -> None:
    told = but(settings, request_seconds=1, workers_at_once=1, bundle_folder=None)
    with running(told) as address, ThreadPoolExecutor(8) as pool:
        head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        started = time.monotonic()
        silent = pool.submit(_talk, address)
        drips = pool.submit(_talk, address, *(head[n : n + 9] for n in range(0, 54, 9)))
        body = pool.submit(
            _talk, address, head + b"Content-Length: 100\r\nConnection: close\r\n\r\n", b"{", b" "
        )
        second = pool.submit(
            _talk, address, b"GET /health/ping HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /health/ping HT", pause=0.2
        )
        # Meanwhile somebody in time is answered, although there is but one turn.
        answer = httpx.get(f"{address}/v1/people/{someone}/suggestions", headers=headers, timeout=10)
        assert answer.status_code == 200
        assert silent.result() == b""
        assert drips.result() == b""
        refused = body.result()
        assert refused.startswith(b"HTTP/1.1 408 ")
        assert b'"errorCode":"TOO_SLOW"' in refused
        assert second.result().count(b"HTTP/1.1 200") == 1
        assert time.monotonic() - started < 20


def test_who_does_not_read_holds_no_turn(settings: Settings) -> None:
    middleware = RequestMiddleware(
        _endless,
        settings=but(settings, request_seconds=1),
        metrics=Metrics(),
        tracing=Tracing(None, environment="test"),
    )

    async def nothing() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def stuck(message: object) -> None:
        if message["type"] == "http.response.body":  # type: ignore[index]  # an ASGI message is a mapping
            await asyncio.sleep(3600)

    async def ask() -> None:
        scope = {"type": "http", "method": "GET", "path": "/v1/x", "headers": []}
        await asyncio.wait_for(middleware(scope, nothing, stuck), timeout=10)

    asyncio.run(ask())


async def _endless(scope: object, receive: object, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})


def test_a_stop_finishes_what_was_taken(settings: Settings, headers: dict[str, str], someone: str) -> None:
    answers: list[int] = []
    with running(settings) as address:

        def ask() -> None:
            answers.append(
                httpx.get(
                    f"{address}/v1/people/{someone}/suggestions", headers=headers, timeout=30
                ).status_code
            )

        thread = threading.Thread(target=ask)
        blocker = Database(settings.database_url)
        with blocker.write():
            thread.start()
            time.sleep(0.5)
        blocker.close()
    thread.join()
    assert answers == [200]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Logs of a service in this process go to this test's stderr only."""
    import structlog

    yield
    structlog.reset_defaults()
