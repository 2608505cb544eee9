"""The directory of services and the travel times to their venues, kept in memory once read."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
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

    Most entries are of years that hardly anybody asks about: they stay packed, those of the same days together.

    Args:
        version: changes whenever the content does.
        documents: rows of the contract's directory table, as the store keeps them.
        minutes: delivery unit to venue to minutes each way.
    """

    def __init__(
        self,
        *,
        version: str,
        documents: Iterable[bytes],
        minutes: Mapping[str, Mapping[str, float]],
    ) -> None:
        self.version = version
        self._issues = _issues(documents)
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
            valid = [entry for issue in self._issues if issue.valid_on(as_of) for entry in issue.entries()]
            valid.sort(key=itemgetter(0))  # in the order of the directory
            held = self._of_day = (as_of, tuple(entry for _, entry in valid))
        return held[1]

    def travel(self, pdu: str | None) -> Mapping[str, float]:
        """Minutes each way to each venue, from a delivery unit."""
        return self._minutes.get(pdu or "", {})


@dataclass(frozen=True, slots=True)
class _Issue:
    """The entries that are in force on the same days: their places in the directory, and their documents, packed."""

    valid_from: date | None
    valid_to: date | None
    places: tuple[int, ...]
    packed: bytes

    def valid_on(self, day: date) -> bool:
        """Are they in force on a day? From their first day to the day before their last; null is open."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day < self.valid_to
        )

    def entries(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Each with its place."""
        return zip(self.places, map(_dated, orjson.loads(zlib.decompress(self.packed))), strict=True)


def _issues(documents: Iterable[bytes]) -> tuple[_Issue, ...]:
    together: dict[tuple[date | None, date | None], list[tuple[int, bytes]]] = {}
    for place, document in enumerate(documents):
        entry = _entry(document)
        together.setdefault((entry.get("valid_from"), entry.get("valid_to")), []).append((place, document))
    return tuple(
        _Issue(
            *days,
            tuple(place for place, _ in held),
            zlib.compress(b"[" + b",".join(document for _, document in held) + b"]", 1),
        )
        for days, held in together.items()
    )


def version(connection: Connection) -> str:
    """Changes whenever the directory does; empty when none was ever loaded."""
    return str(connection.execute(_VERSION).scalar() or "")


def load(connection: Connection) -> Directory:
    """Read the whole directory."""
    minutes: dict[str, dict[str, float]] = {}
    for row in connection.execute(select(travel.c.pdu, travel.c.venue, travel.c.minutes)):
        minutes.setdefault(row.pdu, {})[row.venue] = row.minutes
    documents = connection.execute(select(directory.c.document).order_by(directory.c.id)).scalars()
    return Directory(version=version(connection), documents=documents, minutes=minutes)


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
