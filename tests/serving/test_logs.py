"""Logs hold no personal data: every value that was sent, in a document, an address or a header, is looked for in them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import orjson

from serving import people
from serving.auth import ROLES
from serving.schemas.case_document import ROWS
from serving.store import cases
from serving.store.database import Database
from tests.serving.conftest import ISSUER, KeyServer, free_port

UNLIKELY = "Mr Zebulon O'Unlikely-Æther 🧭"
# Sent, and rightly logged: which method, that it is HTTP on this machine, and the caller's own correlation id.
NOT_PERSONAL = {"", "GET", "POST", "PUT", "DELETE", "http", "127.0.0.1", "v1", "a-correlation-id-of-ours"}
# What a line may say. Anything else is a surprise, whatever it is.
FIELDS = {
    "event": r"started|stopped|request|bundle_in_use|bundle_refused|unpassed_bundle_scores|fault|store_unavailable",
    "level": r"info|warning|error",
    "timestamp": r"\d{4}-\d\d-\d\dT[\d:.]+Z",
    "correlation_id": r"a-correlation-id-of-ours|[0-9a-f-]{36}",
    "route": r"(/[a-z0-9-]+|/\{[a-zA-Z]+\}|/)+|\(none\)",
    "method": r"GET|POST|PUT|DELETE",
    "status": r"[2-5]\d\d",
    "ms": r"\d+(\.\d+)?",
    "bundle": r"[0-9a-f]{12}|None",
    "before": r"None",
    "version": r"[0-9a-f]{12}",
    "serving": r"None",
    "gate": r"[A-Z_]+",
    "environment": r"local",
    "kind": r"[A-Za-z]+",
    "place": r"[a-z_/.]+:\d+",
}


# What is measured or counted by the clock may be any number, and is held to its form alone.
MEASURED = {"ms", "status", "timestamp"}


def leaves(value: object) -> Iterator[str]:
    """Every value in a document, as a text."""
    if isinstance(value, dict):
        for member in value.values():
            yield from leaves(member)
    elif isinstance(value, list):
        for member in value:
            yield from leaves(member)
    elif isinstance(value, str):
        yield value
    elif value is not None and not isinstance(value, bool):
        yield str(value)


class Sent:
    """Everything that a client sends, in pieces."""

    def __init__(self) -> None:
        self.values: set[str] = set()

    def __call__(self, request: httpx.Request) -> None:
        address = urlsplit(str(request.url))
        self.values.update(unquote(part) for part in address.path.split("/") if re.search(r"[A-Z0-9]", part))
        self.values.update(value for _, value in parse_qsl(address.query))
        self.values.update(
            part
            for name, value in request.headers.items()
            if name not in STANDARD
            for part in (value, *value.split(" "))
        )
        content = request.content
        try:
            self.values.update(leaves(orjson.loads(content)))
        except ValueError:
            self.values.add(content.decode(errors="replace"))


# Headers that say nothing of anybody: how the content is to be read.
STANDARD = {"accept", "accept-encoding", "connection", "content-type", "content-length", "host"}


def surprises(log: str, sent: Iterable[str]) -> list[str]:
    """What a log says that it should not: a value that was sent, or anything that is not one of its fields."""
    found = []
    said: set[str] = set()
    for line in log.splitlines():
        try:
            content = json.loads(line)
        except ValueError:
            found.append(f"not a structured line: {line[:60]}")
            said.update((line, *re.split(r"\W", line)))
            continue
        for name, value in content.items():
            if name not in FIELDS or not re.fullmatch(FIELDS[name], str(value)):
                found.append(f"{name} says {value!r}")
            if name not in MEASURED:
                said.update((str(value), *re.split(r"[/:_ ]", str(value))))
    text = "\n".join(said)
    # A short value is in every text somewhere: it counts where it is said as such.
    told = [
        value for value in set(sent) - NOT_PERSONAL if value in said or (len(value) > 3 and value in text)
    ]
    return [*found, *(f"it was sent: {value!r}" for value in told)]


def test_no_value_that_was_sent_is_in_the_logs(
    store: Path, trained_bundle: Path, key_server: KeyServer, someone: str, tmp_path: Path
) -> None:
    log, port = tmp_path / "service.log", free_port()
    environment = {
        **os.environ,
        "SIGNPOST_DATABASE_URL": f"sqlite:///{store}",
        "SIGNPOST_BUNDLE": str(trained_bundle),
        "SIGNPOST_SERVE_UNPASSED": "1",
        "SIGNPOST_PORT": str(port),
        "SIGNPOST_AUTH_JWKS_URL": key_server.url,
        "SIGNPOST_AUTH_ISSUER": ISSUER,
        "SIGNPOST_LOG_LEVEL": "DEBUG",
    }
    sent = Sent()
    with log.open("wb") as out:
        service = subprocess.Popen([sys.executable, "-m", "serving"], env=environment, stdout=out, stderr=out)
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=60, event_hooks={"request": [sent]}
        ) as client:
            _until_ready(client)
            client.headers.update(
                {
                    "Authorization": f"Bearer {key_server.token(*ROLES, user='PRACTITIONER_UNLIKELY')}",
                    "User-Agent": "agent-of-nobody-else/1.0",
                    "Referer": f"http://elsewhere.example/people/{someone}",
                    "Cookie": "session=cookie-of-nobody-else",
                    "X-Forwarded-For": "203.0.113.77",
                }
            )
            statuses = _everything(client, store, someone)
    finally:
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=60) in {0, -signal.SIGTERM}
    logged = log.read_text()
    assert {200, 201, 202, 204, 400, 401, 404, 409, 413, 415, 422, 503} <= set(statuses)
    assert logged.count('"event":"request"') >= len(statuses)
    assert len(sent.values) > 400
    assert surprises(logged, sent.values) == []


def _until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if client.get("/health/readiness").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the service did not become ready")


def _everything(client: httpx.Client, store: Path, someone: str) -> list[int]:
    """Every kind of question, good and bad, with every column of a case in it; the statuses of the answers."""
    statuses: list[int] = []

    def ask(method: str, path: str, **more: Any) -> Any:
        answer = client.request(method, path, **more)
        statuses.append(answer.status_code)
        return answer.json() if answer.content and answer.status_code < 400 else {}

    with closing(Database(f"sqlite:///{store}")) as database, database.read() as connection:
        found = cases.find(connection, someone)
        assert found is not None
        document = {"crn": someone, **people.stored_tables(found.document)}
        referrals = [row["referral_id"] for row in document["referrals"]]
    document["people"][-1].update(
        {"practitioner": UNLIKELY, "team": "TEAM-UNLIKELY", "excluded_users": ["USER_UNLIKELY"]}
    )
    kept = {**document, "protected": [{"ethnicity": "ETHNICITY-UNLIKELY", "religion": "FAITH-UNLIKELY"}]}
    assert set(ROWS) - set(kept) == set()
    person = f"/v1/people/{someone}"
    for params in ({}, {"asOf": "2025-11-17"}, {"setting": "PRE_RELEASE"}, {"asOf": "a day unlikely"}):
        ask("GET", f"{person}/suggestions", params=params)
    shown = ask("GET", f"{person}/suggestions")
    ask("GET", f"{person}/suggestions", headers={"X-Correlation-Id": "a-correlation-id-of-ours"})
    ask("GET", f"{person}/suggestions", headers={"X-Correlation-Id": "Zebulon unlikely"})
    ask("GET", f"{person}/suggestions", headers={"Authorization": "Bearer token.of.nobody"})
    ask("GET", "/v1/people/Zebulon-Unlikely/suggestions")
    ask("GET", "/v1/people/Z987654/suggestions")
    ask("GET", f"/somewhere/unlikely/{someone}")
    ask("PUT", f"/v1/cases/{someone}", json=kept)
    ask(
        "POST", "/v1/suggestions", json={name: rows for name, rows in document.items() if name != "decisions"}
    )
    for number, row in enumerate(
        document["contacts"][:5]
    ):  # each column of it wrong, and a column that is not one
        for wrong in (UNLIKELY, 77_131 + number, {"deep": [UNLIKELY, 99_173]}):
            broken = {**row, "scheduled_on": wrong}
            ask("PUT", f"/v1/cases/{someone}", json={"contacts": [broken]})
    ask("PUT", f"/v1/cases/{someone}", json={"people": [{"shoe_size_unlikely": "47-UNLIKELY"}]})
    ask("POST", "/v1/suggestions", json={"crn": someone, "people": [{"religion": "FAITH-UNLIKELY"}]})
    ask(
        "PUT",
        f"/v1/cases/{someone}",
        content=b'{"people": [{"practitioner": "UNLIKELY-BROKEN"',
        headers={"Content-Type": "application/json"},
    )
    ask("PUT", f"/v1/cases/{someone}", content=b"UNLIKELY-PLAIN", headers={"Content-Type": "text/plain"})
    ask("PUT", f"/v1/cases/{someone}", json={"people": [{"practitioner": "UNLIKELY-LONG " * 90_000}]})
    path, key = f"/v1/suggestion-sets/{shown['id']}", {"Idempotency-Key": "key-of-nobody-else"}
    decided = {"action": "NONE_CHOSEN", "reasonCode": "OTHER", "ownWords": f"Words of {UNLIKELY}"}
    ask("POST", f"{path}/decision", json=decided, headers=key)
    ask("POST", f"{path}/decision", json={**decided, "ownWords": "Other words, unlikely"}, headers=key)
    contest = ask("POST", f"{path}/contest", json={"grounds": f"Grounds of {UNLIKELY}"})
    ask(
        "POST",
        f"{path}/contest/{contest['id']}/outcome",
        json={"outcome": "UPHELD", "explanation": f"Explained to {UNLIKELY}"},
    )
    for name in ("practitioner", "team", "pdu"):
        ask("GET", "/v1/flags", params={name: UNLIKELY})
    flags = ask("GET", "/v1/flags", params={"size": 1})["content"]
    for flag in flags:
        answer = {"response": "CONTACTED", "ownWords": f"Told {UNLIKELY}"}
        ask("POST", f"/v1/flags/{flag['id']}/response", json=answer)
    for referral in (*referrals[:2], "REFERRAL-UNLIKELY"):
        ask("GET", f"/v1/referrals/{referral}/completion-risk")
    for kind, information in (
        ("probation-case.engagement.created", {"records": {"contacts": document["contacts"][:3]}}),
        ("probation-case.merge.completed", {"sourceCRN": "Z876543", "targetCRN": someone}),
        ("probation-case.merge.completed", {"sourceCRN": someone, "targetCRN": "Z876543"}),
        ("unlikely.event.of-nobody", {"note": f"About {UNLIKELY}", "eventId": "EVENT-UNLIKELY-1"}),
    ):
        ask(
            "POST",
            "/v1/events",
            json={
                "eventType": kind,
                "occurredAt": "2026-01-17T11:22:33Z",
                "description": f"What happened to {UNLIKELY}",
                "additionalInformation": information,
                "personReference": {
                    "identifiers": [{"type": "CRN", "value": someone}, {"type": "NOMS", "value": "A1234ZZ"}]
                },
            },
        )
    ask("GET", f"{person}/account")
    ask(
        "GET",
        "/subject-access-request",
        params={"crn": someone, "fromDate": "2019-03-14", "toDate": "2031-03-14"},
    )
    ask("GET", "/subject-access-request", params={"prn": "A4321ZZ"})
    ask("GET", "/v1/directory", params={"pdu": "PDU-UNLIKELY"})
    with closing(Database(f"sqlite:///{store}")) as blocker, blocker.write():
        ask("GET", f"{person}/account")
    ask("DELETE", f"/v1/cases/{someone}")
    return statuses


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    line = {
        "event": "request",
        "level": "info",
        "status": 200,
        "ms": 1.5,
        "method": "GET",
        "route": "/v1/flags",
    }
    text = json.dumps(line)
    assert surprises(text, ["X123456", "F", "MALE", "200", "GET"]) == []
    for more, value in (
        ({"route": "/v1/people/X123456"}, "X123456"),
        ({"kind": "F"}, "F"),
        ({"kind": "Male"}, "Male"),
        ({"practitioner": "somebody"}, "nothing of it"),
    ):
        assert surprises(json.dumps({**line, **more}), [value]), more
    assert surprises(f"{text}\nTraceback of X123456", ["X123456"])
    assert list(leaves({"a": [1, {"b": "two"}], "c": None, "d": True})) == ["1", "two"]
