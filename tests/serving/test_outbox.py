"""The service's own events: whole in the HMPPS envelope, in order, at least once, whatever the receiver does."""

import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import select

from serving import outbox, people
from serving.audit_log import Actor
from serving.auth import ROLES
from serving.services import Services
from serving.settings import Settings
from serving.store import tables
from tests.serving.conftest import KeyServer, but, running

ME = Actor(who="TESTER", correlation_id="test-correlation")


class Receiver:
    """Somebody else's service, which is at times unwell."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.answers: list[int] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = owner.answers.pop(0) if owner.answers else 202
                if status == 202:
                    assert self.headers["Content-Type"] == "application/json"
                    owner.got.append(body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/events"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def parts(url: str, receiver: Receiver) -> Iterator[Services]:
    made = Services(Settings(database_url=url, dev_auth=True, webhook_url=receiver.url))
    made.ensure_migrated()
    yield made
    made.close()


def announce(parts: Services, number: int, crn: str = "X000001") -> str:
    with parts.database.write() as connection:
        return outbox.announce(
            connection,
            event_type="signpost.decision.recorded",
            description="A decision",
            crn=crn,
            at=parts.now(),
            information={"decisionId": str(number)},
        )


def waiting(parts: Services) -> int:
    with parts.database.read() as connection:
        return outbox.waiting(connection)


def test_events_leave_in_order_and_wait_while_the_receiver_is_unwell(
    parts: Services, receiver: Receiver
) -> None:
    made = [announce(parts, number) for number in range(4)]
    receiver.answers = [202, 500]
    assert outbox.send(parts) == 1
    assert waiting(parts) == 3
    receiver.answers = [503]
    assert outbox.send(parts) == 0
    made.append(announce(parts, 4))
    assert outbox.send(parts) == 4
    assert outbox.send(parts) == 0
    assert [event["additionalInformation"]["eventId"] for event in receiver.got] == made
    assert waiting(parts) == 0
    with parts.database.read() as connection:
        attempts = connection.execute(
            select(tables.outbox.c.attempts).order_by(tables.outbox.c.sequence)
        ).scalars()
        assert list(attempts) == [1, 3, 1, 1, 1]


def test_a_receiver_that_is_away_loses_nothing(parts: Services, receiver: Receiver) -> None:
    announce(parts, 1)
    away = Services(but(parts.settings, webhook_url="http://127.0.0.1:9/events"))
    assert outbox.send(away) == 0
    away.close()
    nowhere = Services(but(parts.settings, webhook_url=None))
    assert outbox.send(nowhere) == 0
    nowhere.close()
    assert waiting(parts) == 1
    assert outbox.send(parts) == 1
    assert len(receiver.got) == 1


def test_an_event_whose_transaction_failed_never_leaves(parts: Services, receiver: Receiver) -> None:
    with pytest.raises(RuntimeError), parts.database.write() as connection:  # noqa: PT012  what fails comes after
        outbox.announce(
            connection, event_type="x", description="x", crn="X000001", at=parts.now(), information={}
        )
        raise RuntimeError
    assert outbox.send(parts) == 0
    assert receiver.got == []


def test_what_waits_of_an_erased_person_never_leaves(parts: Services, receiver: Receiver) -> None:
    row = {"sex": "MALE", "region": "A", "known_on": "2026-01-05"}
    people.put(parts, crn="X000001", document={"people": [row]}, actor=ME)
    announce(parts, 1)
    people.erase(parts, crn="X000001", actor=ME)
    assert outbox.send(parts) == 0
    assert receiver.got == []


def test_a_decision_leaves_in_the_hmpps_envelope_to_a_file(
    settings: Settings, key_server: KeyServer, someone: str, tmp_path: Path
) -> None:
    sink = tmp_path / "events.jsonl"
    headers = {"Authorization": f"Bearer {key_server.token(*ROLES)}"}
    told = but(settings, events_file=sink, bundle_folder=None)
    with running(told) as address, httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        set_id = client.get(f"/v1/people/{someone}/suggestions").json()["id"]
        body = {"action": "NONE_CHOSEN", "reasonCode": "NOT_READY_YET", "ownWords": "secret words"}
        decision = client.post(f"/v1/suggestion-sets/{set_id}/decision", json=body).json()
    sending = Services(told)
    sent = outbox.send(sending)
    sending.close()
    lines = sink.read_bytes().splitlines()
    assert len(lines) == 1 >= sent
    event = orjson.loads(lines[0])
    moment = datetime.fromisoformat(event.pop("occurredAt"))
    assert moment.tzinfo is not None
    information = event.pop("additionalInformation")
    assert event == {
        "eventType": "signpost.decision.recorded",
        "version": 1,
        "description": "A practitioner recorded a decision on suggested interventions",
        "detailUrl": f"/v1/people/{someone}/account",
        "personReference": {"identifiers": [{"type": "CRN", "value": someone}]},
    }
    assert information.pop("eventId")
    assert information == {"decisionId": decision["id"], "suggestionSetId": set_id, "action": "NONE_CHOSEN"}
    assert b"secret words" not in lines[0]
