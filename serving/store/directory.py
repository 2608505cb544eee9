"""The directory of services and the travel times to their venues, kept in memory once read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import orjson
from sqlalchemy import Connection, func, select

from serving.store.tables import directory, facts, travel

VERSION: Final = "directory_version"
DATES: Final = ("next_start_on", "valid_from", "valid_to")


@dataclass(frozen=True)
class Directory:
    """Every entry of the directory, and minutes of travel by delivery unit and venue."""

    version: str
    entries: tuple[Mapping[str, Any], ...]
    minutes: Mapping[str, Mapping[str, float]]

    def near(self, *, pdu: str | None, region: str | None) -> Sequence[Mapping[str, Any]]:
        """The entries that may serve someone there: of their region, or at a venue with a known way to it."""
        ways = self.travel(pdu)
        return [
            entry
            for entry in self.entries
            if entry.get("region") == region or entry.get("pdu") == pdu or entry.get("venue") in ways
        ]

    def travel(self, pdu: str | None) -> Mapping[str, float]:
        """Minutes each way to each venue, from a delivery unit."""
        return self.minutes.get(pdu or "", {})


def version(connection: Connection) -> str:
    """Changes whenever the directory does; empty when none was ever loaded."""
    return str(connection.execute(select(facts.c.value).where(facts.c.name == VERSION)).scalar() or "")


def load(connection: Connection) -> Directory:
    """Read the whole directory."""
    minutes: dict[str, dict[str, float]] = {}
    for row in connection.execute(select(travel.c.pdu, travel.c.venue, travel.c.minutes)):
        minutes.setdefault(row.pdu, {})[row.venue] = row.minutes
    entries = tuple(
        _entry(document)
        for document in connection.execute(select(directory.c.document).order_by(directory.c.id)).scalars()
    )
    return Directory(version=version(connection), entries=entries, minutes=minutes)


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
    entry: dict[str, Any] = orjson.loads(document)
    for name in DATES:
        if entry.get(name) is not None:
            entry[name] = date.fromisoformat(entry[name])
    return entry
