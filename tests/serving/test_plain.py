"""A plain question is answered in one go; every other one, and every refusal, goes the framework's way. Both say the same."""

import gzip
import shutil
import sqlite3
import time
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import jwt
import orjson
import pytest
from sqlalchemy import select, text, update

from features.case import Case
from serving import auth
from serving.auth import FLAGS, ROLES, SUGGESTIONS, JwksKeys, Verifier
from serving.routes import suggestions as route
from serving.settings import Settings
from serving.store import cases
from serving.store.database import Database
from serving.store.tables import facts, protected_characteristics, suggestion_sets
from tests.serving.conftest import ISSUER, KeyServer, running

PLAIN = [{}, {"asOf": "2025-06-30"}, {"setting": "CUSTODY"}, {"asOf": "2025-06-30", "setting": "REMAND"}]
NOT_PLAIN: list[tuple[str, str, int]] = [
    ("X12345", "", 422),
    ("X1234567", "", 422),
    ("x123456", "", 422),
    ("X123456%0A", "", 422),
    ("{crn}", "asOf=2025-6-30", 422),
    ("{crn}", "asOf=20250630", 422),
    ("{crn}", "asOf=2025-02-30", 422),
    ("{crn}", "asOf=9999-12-31", 422),
    ("{crn}", "asOf=1999-12-31", 422),
    ("{crn}", "asOf=", 422),
    ("{crn}", "setting=HOME", 422),
    ("{crn}", "setting=", 422),
    ("Z999999", "", 404),
]


@pytest.fixture
def framework(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route, "plain_question", lambda _request: None)


def _asked(api: httpx.Client, crn: str) -> list[Any]:
    plain = [api.get(f"/v1/people/{crn}/suggestions", params=params) for params in PLAIN]
    others = [
        api.get(f"/v1/people/{path.format(crn=crn)}/suggestions?{query}") for path, query, _ in NOT_PLAIN
    ]
    assert [answer.status_code for answer in plain] == [200] * len(PLAIN)
    assert [answer.status_code for answer in others] == [status for _, _, status in NOT_PLAIN]
    return [(answer.headers["content-type"], answer.json()) for answer in [*plain, *others]]


@pytest.mark.usefixtures("framework")
def test_both_ways_say_the_same(
    settings: Settings, key_server: KeyServer, someone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Authorization": f"Bearer {key_server.token(*ROLES)}"}
    with running(settings) as address, httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        by_framework = _asked(client, someone)
        monkeypatch.undo()
        seen: list[object] = []
        plain = route.plain_question
        monkeypatch.setattr(route, "plain_question", lambda request: seen.append(plain(request)) or seen[-1])
        assert _asked(client, someone) == by_framework
        assert sum(question is not None for question in seen) >= len(PLAIN)
        other_role = {"Authorization": f"Bearer {key_server.token(FLAGS)}"}
        for headers, status in (({"Authorization": "Bearer abc"}, 401), (other_role, 403)):
            answer = client.get(f"/v1/people/{someone}/suggestions", headers=headers)
            assert (answer.status_code, seen[-1] is None) == (status, False)
        for scheme in ("bearer", "Basic"):
            unusual = {"Authorization": f"{scheme} {key_server.token(SUGGESTIONS)}"}
            answer = client.get(f"/v1/people/{someone}/suggestions", headers=unusual)
            assert (answer.status_code, seen[-1]) == (200 if scheme == "bearer" else 401, None)


def test_whoever_takes_gzip_gets_the_same_bytes_packed(api: httpx.Client, someone: str) -> None:
    path = f"/v1/people/{someone}/suggestions"
    found = {}
    for accepted in ("identity", "gzip", "br, GZIP;q=0.5", "gzip;q=0", "gzip; q=0.000, deflate", "*", ""):
        with api.stream("GET", path, headers={"Accept-Encoding": accepted}) as answer:
            sent = b"".join(answer.iter_raw())
        assert answer.status_code == 200
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["content-type"] == "application/json"
        packed = answer.headers.get("content-encoding") == "gzip"
        assert packed is (accepted in {"gzip", "br, GZIP;q=0.5"}), accepted
        found[accepted] = gzip.decompress(sent) if packed else sent
        assert len(sent) < 60_000 or not packed
    assert len(set(found.values())) == 1
    assert orjson.loads(found["gzip"])["crn"] == someone


def test_a_set_that_an_earlier_version_kept_is_read_and_sent_plainly(
    settings: Settings, key_server: KeyServer, someone: str
) -> None:
    headers = {"Authorization": f"Bearer {key_server.token(*ROLES)}"}
    with running(settings) as address:
        first = httpx.get(f"{address}/v1/people/{someone}/suggestions", headers=headers, timeout=30)
    database = Database(settings.database_url)
    with database.write() as connection:
        connection.execute(update(suggestion_sets).values(content=zlib.compress(first.content, 1)))
    database.close()
    with running(settings) as address, httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        again = client.get(f"/v1/people/{someone}/suggestions")
        assert 'signpost_answers_total{source="shown before"} 1.0' in client.get("/metrics").text
        held = client.get("/subject-access-request", params={"crn": someone}).json()["content"]
    assert again.content == first.content
    assert "content-encoding" not in again.headers
    assert held["suggestionsShown"][0]["suggestions"] == first.json()["suggestions"]


def test_a_token_that_held_is_refused_once_it_expires_and_once_its_key_is_withdrawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = KeyServer()
    clock = [0.0]
    keys = JwksKeys(server.url, seconds=60, clock=lambda: clock[0])
    verifier = Verifier(keys=keys, issuer=ISSUER, audience=None)
    read: list[str] = []
    decode = jwt.decode
    monkeypatch.setattr(jwt, "decode", lambda token, *a, **k: read.append(token) or decode(token, *a, **k))
    try:
        token = server.token(SUGGESTIONS)
        first = verifier.principal(token)
        assert verifier.principal(token) == first
        assert len(read) == 1
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 600 + auth.LEEWAY_SECONDS + 1)
        verifier.principal(token)
        assert (
            len(read) == 2
        )  # by our clock it has expired: it is looked at again, and by whom it was looked at first
        monkeypatch.setattr(time, "time", lambda: now)
        short = server.token(SUGGESTIONS, exp=int(now) - auth.LEEWAY_SECONDS + 3)
        verifier.principal(short)
        monkeypatch.undo()
        time.sleep(max(0.0, now + 3.1 - time.time()))
        with pytest.raises(auth.ServiceError) as refused:
            verifier.principal(short)
        assert refused.value.status == 401
        server.rotate("two")
        clock[0] += 61  # the published keys are read again
        with pytest.raises(auth.ServiceError) as refused:
            verifier.principal(token)
        assert refused.value.status == 401
    finally:
        server.close()


def test_tokens_that_held_are_remembered_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "MOST_SEEN", 3)
    server = KeyServer()
    try:
        verifier = Verifier(keys=JwksKeys(server.url, seconds=600), issuer=ISSUER, audience=None)
        for number in range(8):
            token = server.token(SUGGESTIONS, user=f"USER_{number}")
            assert verifier.principal(token).user_name == f"USER_{number}"
        assert len(verifier._seen) == 3
    finally:
        server.close()


def test_a_stored_case_reads_as_if_it_were_held_against_the_contract_again(filled: Path) -> None:
    database = Database(f"sqlite:///{filled}")
    with database.read() as connection:
        lines, total = cases.page(connection, size=200)
        stored = [cases.find(connection, line.crn) for line in lines]
    database.close()
    assert len(stored) == total
    for case in stored:
        assert case is not None
        assert case.read() == Case.from_document(orjson.loads(case.document))


def _in_the_file(store: Path) -> list[str]:
    """The names that the file holds without SQLite's log of pages beside it."""
    alone = Path(shutil.copy(store, store.with_suffix(".alone")))
    with closing(sqlite3.connect(f"file:{alone}?immutable=1", uri=True)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'facts'").fetchone():
            return []
        return [name for (name,) in connection.execute("SELECT name FROM facts")]


def _half_a_note(database: Database) -> None:
    with database.note() as connection:
        connection.execute(facts.insert(), {"name": "b", "value": "2"})
        raise RuntimeError("half way")


def test_notes_are_all_or_nothing_and_a_write_brings_them_to_disk(tmp_path: Path) -> None:
    """What differs is only how long the disk is waited for: the level that SQLite is told, by kind of connection."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    with database.write() as connection:
        facts.create(connection)
        protected_characteristics.create(connection)
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
    with database.note() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 1
        connection.execute(facts.insert(), {"name": "a", "value": "1"})
    with pytest.raises(RuntimeError, match="half way"):
        _half_a_note(database)
    assert _in_the_file(tmp_path / "store.db") == []
    database.settle()
    assert _in_the_file(tmp_path / "store.db") == ["a"]
    with database.read() as connection:
        assert list(connection.execute(select(facts.c.name)).scalars()) == ["a"]
    database.close()
