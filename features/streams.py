"""The event streams that features are folded over: which table, which day, which key.

A stream is a table of the contract seen as events of one person. Every event has two
days: the day it happened (`event_day`) and the day it became known (`known_day`).
Rows with the same key are versions of one event; the version with the latest
`known_day` before the as-of day counts (docs/decisions/0200-as-it-was-known.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import floor
from types import MappingProxyType

from features.contract import TABLES, Column, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A table as events.

    `event` names the columns whose first recorded day is the day of the event,
    `known` the column with the day it became known. `by_referral` streams belong to
    a person through their referral, and count from the day the referral is known.
    """

    name: str
    event: tuple[str, ...]
    known: str = "known_on"
    by_referral: bool = False

    def __post_init__(self) -> None:
        """Refuse a stream that is no table or has no such day."""
        for column in (*self.event, self.known):
            self.table.column(column)

    @property
    def table(self) -> Table:
        """The contract's table behind the stream."""
        return TABLES[self.name]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that a feature may use and that settle ties, in contract order."""
        return tuple(c for c in self.table.columns if c.name not in {"crn", "known_on"})

    @property
    def has_referral(self) -> bool:
        """Whether events belong to one referral."""
        return "referral_id" in self.table.names

    def column(self, name: str) -> Column:
        """A usable column by name; KeyError if the stream has none of that name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


_STREAMS = (
    Stream(name="people", event=("known_on",)),
    Stream(name="sentences", event=("sentenced_on", "known_on")),
    Stream(name="requirements", event=("imposed_on",)),
    Stream(name="assessments", event=("completed_on",)),
    Stream(name="circumstances", event=("observed_on",)),
    Stream(name="contacts", event=("scheduled_on",)),
    Stream(name="referrals", event=("referred_on",)),
    Stream(name="referral_events", event=("occurred_on",), by_referral=True),
    Stream(name="sessions", event=("scheduled_on",), by_referral=True),
    Stream(name="enforcement", event=("occurred_on",)),
    Stream(name="reoffences", event=("offence_on",)),
    Stream(name="decisions", event=("decided_on",), known="decided_on"),
)

STREAMS: Mapping[str, Stream] = MappingProxyType({stream.name: stream for stream in _STREAMS})
"""Every stream by name. `protected` is none of them: no feature can be made of it."""

NAMED = "assessments"
"""The stream of which a decision point names one record, which then counts as known."""

LIST_MARK = "|"
"""Inside streams a list is one text, `|A|B|`, so that every engine can order and search it."""

# How a row is written out as one text, so that ties fall the same in every engine: texts compare by
# their bytes everywhere, while engines differ in where they put nulls and how they write numbers.
ABSENT, PRESENT, SEPARATOR = "\x01", "\x02", "\x03"
FLOAT_STEPS = 1e9
_EPOCH = date(1970, 1, 1).toordinal()


def list_text(members: object) -> str | None:
    """A list column's value as a stream holds it; null stays null."""
    if members is None:
        return None
    assert isinstance(members, list | tuple)
    return LIST_MARK + "".join(f"{member}{LIST_MARK}" for member in members)


def content_text(stream: Stream, row: Mapping[str, object]) -> str:
    """A row as one text, column by column in contract order.

    Of two versions known on one day the one with the greater text counts, and events
    of one day that became known on one day stand in its order.
    """
    parts = []
    for column in stream.columns:
        value = row[column.name]
        parts.append(ABSENT if value is None else PRESENT + _text(value))
    return SEPARATOR.join(parts)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return str(floor(value * FLOAT_STEPS + 0.5))
    if isinstance(value, date):
        return str(value.toordinal() - _EPOCH)
    if isinstance(value, list | tuple):
        return str(list_text(value))
    return str(value)
