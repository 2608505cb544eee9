"""Which of one person's events count on a day? As they were known then, version by version, in order.

The live counterpart of `features.preparing`; the reasons are in docs/decisions/0200-as-it-was-known.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from features.case import Case, Row
from features.streams import NAMED, Stream, content_text

EPOCH = date(1970, 1, 1).toordinal()
"""The ordinal of day number 0."""


class Event(NamedTuple):
    """One event that counts: day numbers and the row."""

    day: int
    own: int
    row: Row


class Known:
    """One case as it was known before a day: each stream's events that count, prepared once however often they are read.

    Args:
        case: the person's records.
        as_of: the day; what was recorded on it or later does not count.
        assessment_id: an assessment that counts as known, as at a decision point.
    """

    __slots__ = ("_events", "as_of", "assessment_id", "case", "today")

    def __init__(self, case: Case, *, as_of: date, assessment_id: str | None = None) -> None:
        self.case = case
        self.as_of = as_of
        self.today = as_of.toordinal() - EPOCH
        self.assessment_id = assessment_id
        self._events: dict[str, list[Event]] = {}

    def events(self, stream: Stream) -> list[Event]:
        """The events of a stream that count, in their order."""
        found = self._events.get(stream.name)
        if found is None:
            found = self._events[stream.name] = visible_events(
                self.case, stream, self.today, self.assessment_id
            )
        return found


def visible_events(case: Case, stream: Stream, today: int, assessment_id: str | None = None) -> list[Event]:
    """The events of a stream that count at the day number, in their order.

    Of each key the version known last before that day; happened before it; the named
    assessment in any case. Order: day, day known, then content in contract order.
    """
    owned = _owned_from(case, today) if stream.by_referral else None
    rows = case.tables[stream.name]
    if not rows:
        return []
    key = _key_of(stream)
    single, first_event, known = len(stream.event) == 1, stream.event[0], stream.known
    latest: dict[object, Event] = {}
    for row in rows:
        own_date = row[known]
        if own_date is None:
            continue
        own = own_date.toordinal() - EPOCH  # type: ignore[attr-defined]  # contract rows hold dates
        if own >= today or (owned is not None and row["referral_id"] not in owned):
            continue
        happened = row[first_event] if single else _first_recorded(row, stream.event)
        if happened is None:
            continue
        event = Event(happened.toordinal() - EPOCH, own, row)  # type: ignore[attr-defined]  # as above
        name = key(row)
        other = latest.get(name)
        if other is None or _newer(stream, event, other):
            latest[name] = event
    if assessment_id is not None and stream.name == NAMED:
        kept = _with_named(stream, rows, latest, today, assessment_id)
    else:
        kept = [event for event in latest.values() if event.day < today]
    return _in_order(stream, kept)


def _owned_from(case: Case, today: int) -> set[object]:
    """The referrals that were known before the day; events of others do not count yet."""
    limit = date.fromordinal(today + EPOCH)
    return {
        row["referral_id"]
        for row in case.tables["referrals"]
        if row["known_on"] is not None and row["known_on"] < limit  # type: ignore[operator]  # dates
    }


def _first_recorded(row: Row, columns: tuple[str, ...]) -> object:
    for column in columns:
        if row[column] is not None:
            return row[column]
    return None


@lru_cache(maxsize=64)
def _key_of(stream: Stream) -> Callable[[Row], object]:
    names = [name for name in stream.table.key if name != "crn"]
    return itemgetter(*names) if names else lambda _row: None


def _newer(stream: Stream, event: Event, other: Event) -> bool:
    if event.own != other.own:
        return event.own > other.own
    return content_text(stream, event.row) > content_text(stream, other.row)


def _with_named(
    stream: Stream, rows: Sequence[Row], latest: dict[object, Event], today: int, named: str
) -> list[Event]:
    """The events that count when the named assessment counts as known, on its own day too."""
    if named not in latest:
        for row in rows:
            own_date, happened = row["known_on"], row["completed_on"]
            if row["assessment_id"] != named or own_date is None or happened is None:
                continue
            assert isinstance(own_date, date)
            assert isinstance(happened, date)
            event = Event(happened.toordinal() - EPOCH, own_date.toordinal() - EPOCH, row)
            other = latest.get(named)
            if (
                other is None
                or event.own < other.own
                or (event.own == other.own and _newer(stream, event, other))
            ):
                latest[named] = event
    return [
        event for name, event in latest.items() if event.day < today or (event.day == today and name == named)
    ]


def _in_order(stream: Stream, events: list[Event]) -> list[Event]:
    events.sort(key=itemgetter(0, 1))
    for left, right in pairwise(events):
        if left[0] == right[0] and left[1] == right[1]:
            events.sort(key=lambda event: (event.day, event.own, content_text(stream, event.row)))
            break
    return events
