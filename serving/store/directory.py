"""The directory of services and the travel times to their venues, kept in memory once read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import orjson
from sqlalchemy import Connection, func, select

from serving.store.tables import directory, facts, travel

PLACES: Final = 512
VERSION: Final = "directory_version"
DATES: Final = ("next_start_on", "valid_from", "valid_to")
_VERSION: Final = select(facts.c.value).where(facts.c.name == VERSION)


class Directory:
    """Every entry of the directory, and minutes of travel by delivery unit and venue.

    Args:
        version: changes whenever the content does.
        entries: rows of the contract's directory table, dates as dates.
        minutes: delivery unit to venue to minutes each way.
    """

    def __init__(
        self,
        *,
        version: str,
        entries: Sequence[Mapping[str, Any]],
        minutes: Mapping[str, Mapping[str, float]],
    ) -> None:
        self.version = version
        self._entries = tuple(entries)
        self._minutes = minutes
        self._near: dict[tuple[str | None, str | None, date], Sequence[Mapping[str, Any]]] = {}
        self._of_day: tuple[date, tuple[Mapping[str, Any], ...]] | None = None

    def near(self, *, pdu: str | None, region: str | None, as_of: date) -> Sequence[Mapping[str, Any]]:
        """The entries valid on a day that settle what can be had from a place.

        Those of its delivery unit or region, those for everywhere, those at a venue with a way to it; and of
        an intervention that is offered elsewhere only, one entry, so that "not offered here" is not mistaken
        for "not in the directory". Remembered, because a day's questions are about the same few places.
        """
        key = (pdu, region, as_of)
        found = self._near.get(key)
        if found is None:
            found = self._settling(pdu, region, as_of)
            if len(self._near) >= PLACES:
                self._near.clear()
            self._near[key] = found
        return found

    def _settling(self, pdu: str | None, region: str | None, as_of: date) -> Sequence[Mapping[str, Any]]:
        ways = self.travel(pdu)
        here: list[Mapping[str, Any]] = []
        elsewhere: dict[str, Mapping[str, Any]] = {}
        for entry in self._valid_on(as_of):
            if entry.get("region") in {region, None} or entry.get("pdu") == pdu or entry.get("venue") in ways:
                here.append(entry)
            else:
                elsewhere.setdefault(entry["intervention_id"], entry)
        there = {entry["intervention_id"] for entry in here}
        return (*here, *(entry for name, entry in elsewhere.items() if name not in there))

    def _valid_on(self, as_of: date) -> tuple[Mapping[str, Any], ...]:
        """The entries in force on a day; those of the last day asked about are remembered."""
        held = self._of_day
        if held is None or held[0] != as_of:
            held = self._of_day = (as_of, tuple(entry for entry in self._entries if _valid(entry, as_of)))
        return held[1]

    def travel(self, pdu: str | None) -> Mapping[str, float]:
        """Minutes each way to each venue, from a delivery unit."""
        return self._minutes.get(pdu or "", {})


def _valid(entry: Mapping[str, Any], as_of: date) -> bool:
    """Is the entry in force on a day? From its first day to the day before its last; null is open."""
    start, end = entry.get("valid_from"), entry.get("valid_to")
    return (start is None or start <= as_of) and (end is None or as_of < end)


def version(connection: Connection) -> str:
    """Changes whenever the directory does; empty when none was ever loaded."""
    return str(connection.execute(_VERSION).scalar() or "")


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
