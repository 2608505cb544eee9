"""Who saw or changed what, and when? An append-only log: each entry has a hash over itself and the one before.

The actions are those of the Data Protection Act 2018, section 62: collection, alteration, consultation,
disclosure, combination and erasure. An entry names a person by a random reference; while the person's CRN
is known the log can be read by CRN, and once they are erased it says that something happened to someone.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import orjson
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from serving.store.database import Database
from serving.store.tables import audit_log, subjects

SERVICE: Final = "signpost"
FIRST: Final = "0" * 64
PERSON: Final = "PERSON"
PAGE: Final = 5_000
# Built once: every request about a person writes an entry.
_REFERENCE: Final = (
    select(subjects.c.reference)
    .where(subjects.c.crn == bindparam("crn"))
    .order_by(subjects.c.reference)
    .limit(1)
)
_NEWEST: Final = audit_log.alias("newest")
# The end of the chain and the reference of the person an entry is about, in one query; either may be missing.
_BEFORE: Final = select(
    select(_NEWEST.c.sequence)
    .order_by(_NEWEST.c.sequence.desc())
    .limit(1)
    .scalar_subquery()
    .label("sequence"),
    select(_NEWEST.c.hash).order_by(_NEWEST.c.sequence.desc()).limit(1).scalar_subquery().label("hash"),
    _REFERENCE.scalar_subquery().label("reference"),
)
_ENTRY: Final = insert(audit_log)


class Deed(StrEnum):
    """What was done (section 62(1))."""

    COLLECTION = "COLLECTION"
    ALTERATION = "ALTERATION"
    CONSULTATION = "CONSULTATION"
    DISCLOSURE = "DISCLOSURE"
    COMBINATION = "COMBINATION"
    ERASURE = "ERASURE"


@dataclass(frozen=True, kw_only=True)
class Actor:
    """On whose behalf an entry is written, and in answer to which request."""

    who: str
    correlation_id: str


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Does the chain hold? `broken_at` is the sequence number of the first entry that does not fit."""

    entries: int
    broken_at: int | None

    @property
    def intact(self) -> bool:
        """Nothing was changed, removed from within or put in between."""
        return self.broken_at is None

    @property
    def sentence(self) -> str:
        """The finding, for a terminal."""
        if self.intact:
            return f"The audit log is intact: {self.entries:,} entries, each sealed by the one before."
        return (
            f"The audit log does not hold from entry {self.broken_at:,} on: "
            "it was changed after it was written. Restore it from a backup and find out by whom."
        )


def append(
    connection: Connection,
    database: Database,
    *,
    deed: Deed,
    action: str,
    actor: Actor,
    at: datetime,
    crn: str | None = None,
    details: Mapping[str, object] | None = None,
) -> str:
    """Write one entry within the caller's transaction and return its id.

    Args:
        connection: a writing transaction.
        database: the store it belongs to.
        deed: what was done, in law.
        action: what was done, in the service's words, such as SUGGESTIONS_VIEWED.
        actor: by whom.
        at: when.
        crn: whom it concerns.
        details: codes, versions and identifiers of records; never personal values.
    """
    database.lock_chain(connection)
    before = connection.execute(_BEFORE, {"crn": crn}).one()
    entry = {
        "sequence": 1 + (before.sequence or 0),
        "id": str(uuid.uuid4()),
        "what": str(deed),
        "when": at.isoformat(timespec="milliseconds"),
        "who": actor.who,
        "subject_reference": None if crn is None else before.reference or _referenced(connection, crn),
        "subject_type": None if crn is None else PERSON,
        "correlation_id": actor.correlation_id,
        "service": SERVICE,
        "details": orjson.dumps({"event": action, **(details or {})}, option=orjson.OPT_SORT_KEYS).decode(),
        "previous_hash": before.hash or FIRST,
    }
    connection.execute(_ENTRY, {**entry, "hash": seal(entry)})
    return str(entry["id"])


def seal(entry: Mapping[str, object]) -> str:
    """The hash of an entry, over everything in it, the previous entry's hash included."""
    return hashlib.sha256(orjson.dumps(dict(entry), option=orjson.OPT_SORT_KEYS)).hexdigest()


def _referenced(connection: Connection, crn: str) -> str:
    """A new reference for somebody whom the log has not named before."""
    made = str(uuid.uuid4())
    connection.execute(insert(subjects).values(crn=crn, reference=made))
    return made


def forget(connection: Connection, crn: str) -> None:
    """Cut the link between a person and their entries."""
    connection.execute(delete(subjects).where(subjects.c.crn == crn))


def references(connection: Connection, crn: str) -> list[str]:
    """Every reference that the log knows a person by; more than one after a merge."""
    found = connection.execute(
        select(subjects.c.reference).where(subjects.c.crn == crn).order_by(subjects.c.reference)
    )
    return [str(reference) for reference in found.scalars()]


def rename(connection: Connection, *, found_under: list[str], crn: str) -> None:
    """Let the entries of these references be found under a CRN."""
    connection.execute(update(subjects).where(subjects.c.reference.in_(found_under)).values(crn=crn))


def entries_of(connection: Connection, crn: str) -> list[dict[str, object]]:
    """Every entry about a person, oldest first, in the form that HMPPS audit messages have."""
    rows = connection.execute(
        select(audit_log)
        .join(subjects, subjects.c.reference == audit_log.c.subject_reference)
        .where(subjects.c.crn == crn)
        .order_by(audit_log.c.sequence)
    )
    return [message(row, crn=crn) for row in rows]


def message(row: Row[tuple[object, ...]], *, crn: str | None) -> dict[str, object]:
    """An entry as `what, when, who, subjectId, subjectType, correlationId, service, details`."""
    return {
        "what": row.what,
        "when": row.when,
        "who": row.who,
        "subjectId": crn,
        "subjectType": row.subject_type,
        "correlationId": row.correlation_id,
        "service": row.service,
        "details": orjson.loads(row.details),
    }


def verify(*, database_url: str, progress: Callable[[int, int], None] | None = None) -> Verification:
    """Recompute the chain of a store's audit log, in the order of its numbers, without gaps."""
    database = Database(database_url)
    try:
        return _verify(database, progress)
    finally:
        database.close()


def _verify(database: Database, progress: Callable[[int, int], None] | None) -> Verification:
    previous, expected = FIRST, 1
    with database.read() as connection:
        while True:
            rows = (
                connection.execute(
                    select(audit_log)
                    .where(audit_log.c.sequence >= expected)
                    .order_by(audit_log.c.sequence)
                    .limit(PAGE)
                )
                .mappings()
                .all()
            )
            for row in rows:
                entry = {str(name): value for name, value in row.items()}
                given = entry.pop("hash")
                if row["sequence"] != expected or entry["previous_hash"] != previous or seal(entry) != given:
                    return Verification(entries=expected - 1, broken_at=expected)
                previous, expected = given, expected + 1
            if progress is not None:
                progress(expected - 1, expected - 1)
            if len(rows) < PAGE:
                return Verification(entries=expected - 1, broken_at=None)
