"""Who was erased, so that their records do not come back by accident? A mark for each person, which names nobody.

Events about a person may come late or twice, after they have been erased. To be able to drop them, the store keeps for each
erased CRN its HMAC under a random key of the store's own, and when they were erased; nothing else of them is left.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select

from serving.store.tables import erasures, facts

KEY: Final = "erasure_key"
_KEY: Final = select(facts.c.value).where(facts.c.name == KEY)
_WHEN: Final = select(erasures.c.erased_at).where(erasures.c.mark == bindparam("mark"))


def remember(connection: Connection, crns: Iterable[str], *, at: datetime) -> None:
    """Mark these CRNs as erased at that moment; a mark that is there already keeps the later moment."""
    key = _key(connection)
    if key is None:
        key = secrets.token_bytes(32)
        connection.execute(insert(facts).values(name=KEY, value=key.hex()))
    for crn in sorted(set(crns)):
        before = when(connection, crn)
        if before is not None and before >= at:
            continue
        mark = _mark(key, crn)
        connection.execute(delete(erasures).where(erasures.c.mark == mark))
        connection.execute(insert(erasures).values(mark=mark, erased_at=at))


def when(connection: Connection, crn: str) -> datetime | None:
    """When was the person of this CRN erased? None for somebody who was not."""
    key = _key(connection)
    return None if key is None else connection.execute(_WHEN, {"mark": _mark(key, crn)}).scalar()


def among(connection: Connection, crns: Iterable[str]) -> set[str]:
    """Which of these were erased?"""
    key = _key(connection)
    if key is None:
        return set()
    marks = set(connection.execute(select(erasures.c.mark)).scalars())
    return {crn for crn in crns if _mark(key, crn) in marks}


def lift(connection: Connection, crn: str) -> bool:
    """Somebody says on purpose that the person is known again; False when they were not erased."""
    key = _key(connection)
    if key is None:
        return False
    return connection.execute(delete(erasures).where(erasures.c.mark == _mark(key, crn))).rowcount > 0


def _key(connection: Connection) -> bytes | None:
    found = connection.execute(_KEY).scalar()
    return None if found is None else bytes.fromhex(found)


def _mark(key: bytes, crn: str) -> str:
    return hmac.digest(key, crn.encode(), "sha256").hex()
