"""One request, one effect: an answer is kept under its caller's key, and given again when the key comes again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, insert, select

from serving.errors import ServiceError
from serving.store.tables import idempotency


@dataclass(frozen=True, kw_only=True)
class Once:
    """What makes a request the same as an earlier one."""

    scope: str
    key: str
    request_hash: str


def once(*, who: str, route: str, key: str | None, body: object) -> Once:
    """A request's identity: the caller's key, or without one its own content."""
    digest = hashlib.sha256(orjson.dumps([route, body])).hexdigest()
    return Once(scope=who, key=key or f"content:{digest}", request_hash=digest)


def replay(connection: Connection, once: Once) -> dict[str, Any] | None:
    """The answer that was given the first time, or None.

    Raises:
        ServiceError: 422 when the key was used for another request.
    """
    row = connection.execute(
        select(idempotency.c.request_hash, idempotency.c.response).where(
            idempotency.c.scope == once.scope, idempotency.c.key == once.key
        )
    ).first()
    if row is None:
        return None
    if row.request_hash != once.request_hash:
        raise ServiceError(
            status=422,
            code="IDEMPOTENCY_KEY_REUSED",
            user="This was sent before with other content. Send it again as something new.",
            developer="The Idempotency-Key was used for a different request; use a fresh one.",
        )
    answer: dict[str, Any] = orjson.loads(row.response)
    return answer


def keep(
    connection: Connection, once: Once, *, response: dict[str, Any], crn: str | None, at: datetime
) -> None:
    """Remember the answer."""
    connection.execute(
        insert(idempotency).values(
            scope=once.scope,
            key=once.key,
            request_hash=once.request_hash,
            response=orjson.dumps(response),
            crn=crn,
            kept_at=at,
        )
    )
