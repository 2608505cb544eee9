"""Nothing acknowledged is lost, and nothing is half written, however often the service is killed under concurrent decisions.

Five sudden deaths on each database are part of `make test`; `KILL_ROUNDS=200 pytest tests/serving/test_kill.py`
is the long form.
"""

import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import select

from serving import audit_log, people
from serving.audit_log import Actor
from serving.auth import ROLES
from serving.services import Services
from serving.settings import Settings
from serving.store.tables import decisions, idempotency, outbox, suggestion_sets
from tests.serving.conftest import KeyServer, Spawner

ROUNDS = int(os.environ.get("KILL_ROUNDS", "5"))
WRITERS = 4
CRN = "X000001"
SECRET = "words-that-no-log-may-hold"
ME = Actor(who="TESTER", correlation_id="test-correlation")
DOCUMENT = {
    "people": [
        {"date_of_birth": "1990-05-17", "sex": "MALE", "region": "A", "pdu": "A01", "known_on": "2026-01-05"}
    ],
    "sentences": [
        {
            "event_number": 1,
            "sentence_type": "COMMUNITY_ORDER",
            "starts_on": "2026-01-01",
            "ends_on": "2027-01-01",
            "known_on": "2026-01-05",
        }
    ],
}


@dataclass
class Written:
    """What writers sent, which of it was acknowledged with which answer, by idempotency key; which sets they were shown."""

    sent: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    acknowledged: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    viewed: list[str] = field(default_factory=list)


def _write(
    base: str, headers: Mapping[str, str], set_id: str, written: Written, stop: threading.Event
) -> None:
    with httpx.Client(base_url=base, headers=headers, timeout=30) as client:
        while not stop.is_set():
            key = str(uuid.uuid4())
            body = {"action": "NONE_CHOSEN", "reasonCode": "OTHER", "ownWords": f"{SECRET} {key}"}
            written.sent[key] = body
            try:
                answer = client.post(
                    f"/v1/suggestion-sets/{set_id}/decision", json=body, headers={"Idempotency-Key": key}
                )
            except httpx.TransportError:
                return
            if answer.status_code == 201:
                written.acknowledged[key] = answer.json()
            _view(client, written)


def _view(client: httpx.Client, written: Written) -> None:
    """Look at a set, most often a new one: its day is one of many."""
    day = date(2026, 1, 6) - timedelta(days=len(written.viewed) % 97)
    try:
        answer = client.get(f"/v1/people/{CRN}/suggestions", params={"asOf": day.isoformat()})
    except httpx.TransportError:
        return
    if answer.status_code == 200:
        written.viewed.append(answer.json()["id"])


def _send_again(client: httpx.Client, set_id: str, written: Written, keys: set[str]) -> None:
    """What was under way when the service died is sent again: it counts once, whether or not it had been written."""
    for key in sorted(keys):
        path, header = f"/v1/suggestion-sets/{set_id}/decision", {"Idempotency-Key": key}
        first = client.post(path, json=written.sent[key], headers=header)
        assert first.status_code == 201, first.text
        assert client.post(path, json=written.sent[key], headers=header).json() == first.json()
        written.acknowledged[key] = first.json()


def _check(url: str, written: Written) -> None:
    """Every acknowledged decision is there whole: row, kept answer, audit entry and event; and nothing besides."""
    parts = Services(Settings(database_url=url, dev_auth=True))
    with parts.database.read() as connection:
        rows = {row.id: row for row in connection.execute(select(decisions))}
        kept = {row.key: orjson.loads(row.response) for row in connection.execute(select(idempotency))}
        events = [orjson.loads(body) for body in connection.execute(select(outbox.c.body)).scalars()]
        entries = [
            orjson.loads(text) for text in connection.execute(select(audit_log.audit_log.c.details)).scalars()
        ]
        shown = set(connection.execute(select(suggestion_sets.c.id)).scalars())
    parts.close()
    looks = Counter(entry["suggestionSetId"] for entry in entries if entry["event"] == "SUGGESTIONS_VIEWED")
    assert shown == set(looks)  # a set and the view it was made for: both, or neither
    assert all(looks[identity] >= times for identity, times in Counter(written.viewed).items())
    for key, answer in written.acknowledged.items():
        assert kept[key] == answer
        assert rows[answer["id"]].own_words == written.sent[key]["ownWords"]
    said = [entry["decisionId"] for entry in entries if entry["event"] == "DECISION_RECORDED"]
    announced = [event["additionalInformation"]["decisionId"] for event in events]
    assert (
        sorted(said) == sorted(announced) == sorted(rows) == sorted(answer["id"] for answer in kept.values())
    )
    assert set(kept) <= set(written.sent)
    assert audit_log.verify(database_url=url).intact


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_the_service_is_killed(
    url: str, key_server: KeyServer, tmp_path: Path
) -> None:
    parts = Services(Settings(database_url=url, dev_auth=True))
    parts.ensure_migrated()
    people.put(parts, crn=CRN, document=DOCUMENT, actor=ME)
    parts.close()
    headers = {"Authorization": f"Bearer {key_server.token(*ROLES, exp=2**31)}"}
    log, chance = tmp_path / "service.log", random.Random(1)
    service = Spawner(url, key_server, log)
    written = Written()
    under_way: set[str] = set()
    again = 0
    with closing(service):
        for death in range(ROUNDS):
            process, base = service.start()
            with httpx.Client(base_url=base, headers=headers, timeout=30) as client:
                set_id = client.get(f"/v1/people/{CRN}/suggestions").json()["id"]
                _send_again(client, set_id, written, under_way)
                again += len(under_way)
            before, stop = set(written.sent), threading.Event()
            threads = [
                threading.Thread(target=_write, args=(base, headers, set_id, written, stop))
                for _ in range(WRITERS)
            ]
            for thread in threads:
                thread.start()
            # After none to eleven of its acknowledgements, and a moment more: the same on a busy machine.
            wanted, deadline = len(written.acknowledged) + chance.randrange(12), time.monotonic() + 30
            while len(written.acknowledged) < wanted and time.monotonic() < deadline:
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.05))
            service.kill(process)
            stop.set()
            for thread in threads:
                thread.join()
            under_way = set(written.sent) - before - set(written.acknowledged)
            if death % 20 == 0 or death == ROUNDS - 1:
                _check(url, written)
    assert len(written.acknowledged) >= ROUNDS
    assert len(written.viewed) >= ROUNDS
    assert again, "no request was ever under way when the service died"
    print(
        f"{ROUNDS} sudden deaths, {len(written.acknowledged)} decisions and {len(written.viewed)} views acknowledged, "
        f"{again} sent again"
    )
    logged = log.read_text()
    assert "request" in logged
    for value in (CRN, SECRET, "A_PRACTITIONER"):
        assert value not in logged


def test_a_lost_or_a_halved_write_would_be_found(url: str) -> None:
    """The check can fail: it says so when an acknowledged decision, or a part of one, is not there."""
    parts = Services(Settings(database_url=url, dev_auth=True))
    parts.ensure_migrated()
    _check(url, Written())
    with parts.database.write() as connection:
        connection.execute(
            outbox.insert().values(
                id=str(uuid.uuid4()),
                crn=CRN,
                event_type="signpost.decision.recorded",
                body=orjson.dumps({"additionalInformation": {"decisionId": "half"}}),
                made_at=parts.now(),
                attempts=0,
            )
        )
    parts.close()
    with pytest.raises(AssertionError):
        _check(url, Written())
    with pytest.raises(KeyError):
        _check(url, Written(acknowledged={"lost": {"id": "lost"}}))
    with pytest.raises(AssertionError):
        _check(url, Written(viewed=["lost"]))
