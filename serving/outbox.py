"""What does the service tell other services? Its own events, kept in the transaction that made them and sent later.

The envelope is that of HMPPS domain events. An event leaves at least once, in order; its id lets a receiver
drop a repeat. Sinks are a webhook and a file, by configuration; with neither, events wait.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import orjson
from sqlalchemy import Connection, func, insert, select, update

from serving.services import Services
from serving.store.tables import outbox

AT_ONCE: Final = 100
SECONDS: Final = 5.0


def announce(
    connection: Connection,
    *,
    event_type: str,
    description: str,
    crn: str,
    at: datetime,
    information: Mapping[str, object],
) -> str:
    """Put an event into the outbox within the caller's transaction; its id."""
    made = str(uuid.uuid4())
    body = {
        "eventType": event_type,
        "version": 1,
        "description": description,
        "detailUrl": f"/v1/people/{crn}/account",
        "occurredAt": at.isoformat(timespec="milliseconds"),
        "additionalInformation": {"eventId": made, **information},
        "personReference": {"identifiers": [{"type": "CRN", "value": crn}]},
    }
    connection.execute(
        insert(outbox).values(
            id=made, crn=crn, event_type=event_type, body=orjson.dumps(body), made_at=at, attempts=0
        )
    )
    return made


def waiting(connection: Connection) -> int:
    """How many events have not left?"""
    count = select(func.count()).select_from(outbox).where(outbox.c.sent_at.is_(None))
    return int(connection.execute(count).scalar_one())


def send(services: Services) -> int:
    """Send what waits, oldest first, until one fails; how many left."""
    settings = services.settings
    if settings.webhook_url is None and settings.events_file is None:
        return 0
    with services.database.read() as connection:
        rows = connection.execute(
            select(outbox.c.sequence, outbox.c.body)
            .where(outbox.c.sent_at.is_(None))
            .order_by(outbox.c.sequence)
            .limit(AT_ONCE)
        ).all()
    sent = 0
    for row in rows:
        gone = _deliver(services, row.body)
        with services.database.write() as connection:
            connection.execute(
                update(outbox)
                .where(outbox.c.sequence == row.sequence)
                .values(attempts=outbox.c.attempts + 1, sent_at=services.now() if gone else None)
            )
        if not gone:
            break
        sent += 1
    return sent


def _deliver(services: Services, body: bytes) -> bool:
    settings = services.settings
    if settings.events_file is not None:
        try:
            with settings.events_file.open("ab") as file:
                file.write(body + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            return False
    if settings.webhook_url is not None:
        request = urllib.request.Request(  # noqa: S310  the address is configuration
            settings.webhook_url, data=body, headers={"Content-Type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS):  # noqa: S310  the address is configuration
                pass
        except (urllib.error.URLError, OSError):
            return False
    return True
