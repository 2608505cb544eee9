"""The directory of services and the travel times to their venues, kept in memory once read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import orjson
from sqlalchemy import Connection, func, select

from catalogue.directory import Directory
from serving.store.tables import directory, facts, travel

VERSION: Final = "directory_version"
DATES: Final = ("next_start_on", "valid_from", "valid_to")
_VERSION: Final = select(facts.c.value).where(facts.c.name == VERSION)


@dataclass(frozen=True, slots=True, eq=False)
class StoredDirectory:
    """The directory of services and the journeys to its venues, as the store has them.

    `version` changes whenever the content does.
    """

    version: str
    entries: Directory


def version(connection: Connection) -> str:
    """Changes whenever the directory does; empty when none was ever loaded."""
    return str(connection.execute(_VERSION).scalar() or "")


def load(connection: Connection) -> StoredDirectory:
    """Read the whole directory."""
    minutes: dict[str, dict[str, float | None]] = {}
    for row in connection.execute(select(travel.c.pdu, travel.c.venue, travel.c.minutes)):
        minutes.setdefault(row.pdu, {})[row.venue] = row.minutes
    documents = connection.execute(select(directory.c.document).order_by(directory.c.id)).scalars()
    entries = Directory.of(map(_entry, documents), travel=minutes)
    return StoredDirectory(version(connection), entries)


def page(
    connection: Connection, *, pdu: str | None, number: int, size: int
) -> tuple[list[Mapping[str, Any]], int]:
    """One page (0-based) of entries, and how many there are."""
    wanted = [] if pdu is None else [directory.c.pdu == pdu]
    total = connection.execute(select(func.count()).select_from(directory).where(*wanted)).scalar_one()
    found = connection.execute(
        select(directory.c.document)
        .where(*wanted)
        .order_by(directory.c.intervention_id, directory.c.id)
        .limit(size)
        .offset(number * size)
    ).scalars()
    return [_entry(document) for document in found], total


def _entry(document: bytes) -> Mapping[str, Any]:
    return _dated(orjson.loads(document))


def _dated(entry: dict[str, Any]) -> Mapping[str, Any]:
    for name in DATES:
        if entry.get(name) is not None:
            entry[name] = date.fromisoformat(entry[name])
    return entry
