"""The directory of services and the travel table as columns: what is on offer where, when, and how far away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from catalogue.errors import UsageError
from catalogue.particulars import day_number
from catalogue.subjects import Floats, Ints

if TYPE_CHECKING:
    import polars as pl

DIRECTORY: Final = (
    "intervention_id",
    "region",
    "pdu",
    "venue",
    "format",
    "women_only",
    "women_in_group",
    "next_start_on",
    "sessions_per_week",
    "waiting_weeks",
    "valid_from",
    "valid_to",
)
"""The columns of the contract's directory that are read."""
TRAVEL: Final = ("pdu", "venue", "minutes")
"""The columns of the contract's travel table."""
NOWHERE: Final = -1
"""The code of a place, region or format that is not recorded."""
_EVER: Final = np.iinfo(np.int64)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Near:
    """The entries that somebody of one delivery unit and region can go to on some days.

    ``entries`` are places in the directory, sorted by intervention and within one by what suits best for anybody: the
    shortest way, then the names of venue and format, then the order of the directory. ``minutes`` each way are in
    the same order (NaN: not known, or no travel). ``interventions`` are those of the entries, each once, and ``starts`` where
    each one's entries begin. ``listed`` are all interventions that the directory has on those days, near or not.
    """

    entries: Ints
    minutes: Floats
    interventions: Ints
    starts: Ints
    listed: Ints


class Directory:
    """Entries of the directory and journeys, as columns.

    Codes of interventions, delivery units, regions, venues and formats are places in ``interventions``, ``units``,
    ``regions``, ``venues`` and ``formats``, each in the order of the alphabet; ``NOWHERE`` where nothing is recorded.
    Days count from 1970; an entry is in date from ``valid_from`` to the day before ``valid_to``.
    """

    def __init__(
        self, columns: Mapping[str, Sequence[object]], journeys: Iterable[tuple[object, ...]]
    ) -> None:
        ways = [(str(pdu), str(venue), minutes) for pdu, venue, minutes in journeys if pdu and venue]
        self.interventions, self.intervention = _coded(columns["intervention_id"])
        self.regions, self.region = _coded(columns["region"])
        self.formats, self.format = _coded(columns["format"])
        self.units, self.unit = _coded(columns["pdu"], more=[pdu for pdu, _, _ in ways])
        self.venues, self.venue = _coded(columns["venue"], more=[venue for _, venue, _ in ways])
        self.women_only = np.array([each is True for each in columns["women_only"]], dtype=np.bool_)
        self.women_in_group = _numbers(columns["women_in_group"])
        self.sessions_per_week = _numbers(columns["sessions_per_week"])
        waiting = np.nan_to_num(_numbers(columns["waiting_weeks"]))
        self.waiting_days = np.ceil(7 * waiting).astype(np.int64)
        self.next_start = _days(columns["next_start_on"], otherwise=_EVER.min)
        self.valid_from = _days(columns["valid_from"], otherwise=_EVER.min)
        self.valid_to = _days(columns["valid_to"], otherwise=_EVER.max)
        self.changes = np.unique(np.concatenate([self.valid_from, self.valid_to]))
        self.minutes = np.full((len(self.units), len(self.venues)), np.nan)
        self.way_known = np.zeros(self.minutes.shape, dtype=np.bool_)
        unit, venue = _places(self.units), _places(self.venues)
        for pdu, place, minutes in ways:
            self.way_known[unit[pdu], venue[place]] = True
            self.minutes[unit[pdu], venue[place]] = np.nan if minutes is None else float(str(minutes))
        self.online = self.format == (
            self.formats.index("ONLINE") if "ONLINE" in self.formats else len(self.formats)
        )
        self.in_group = self.format == (
            self.formats.index("GROUP") if "GROUP" in self.formats else len(self.formats)
        )

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self.intervention)

    @classmethod
    def of(
        cls,
        entries: Iterable[Mapping[str, object]] = (),
        *,
        travel: Mapping[str, Mapping[str, float | None]] | None = None,
    ) -> Self:
        """Read rows of the contract's directory, and minutes each way by delivery unit and venue."""
        held = list(entries)
        columns = {name: [entry.get(name) for entry in held] for name in DIRECTORY}
        ways = (
            (pdu, venue, minutes)
            for pdu, venues in (travel or {}).items()
            for venue, minutes in venues.items()
        )
        return cls(columns, ways)

    @classmethod
    def of_frames(cls, directory: pl.DataFrame, travel: pl.DataFrame) -> Self:
        """Read the contract's tables. ``UsageError`` for a missing column."""
        for frame, wanted, name in ((directory, DIRECTORY, "directory"), (travel, TRAVEL, "travel table")):
            absent = [column for column in wanted if column not in frame.columns]
            if absent:
                raise UsageError(
                    f"The {name} lacks the column '{absent[0]}'; add it, with nulls where nothing is recorded."
                )
        columns = {name: directory[name].to_list() for name in DIRECTORY}
        return cls(columns, travel.select(TRAVEL).iter_rows())

    def period(self, days: Ints) -> Ints:
        """In which period does each day lie? Within a period the same entries are in date."""
        return np.searchsorted(self.changes, days, side="right")

    def unit_of(self, name: str | None) -> int:
        """The code of a delivery unit; ``NOWHERE`` for none, and for one that the directory does not name."""
        return self.units.index(name) if name in self.units else NOWHERE

    def near(self, *, unit: str | None, region: str | None, day: int) -> Near:
        """Which entries are for somebody of this delivery unit and region on a day?

        Those of the unit itself; those of the region, or of no region in particular, that are for every unit, online or
        at a venue with a known way to it.
        """
        in_date = np.flatnonzero((self.valid_from <= day) & (day < self.valid_to))
        home = self.unit_of(unit)
        venue, online = self.venue[in_date], self.online[in_date]
        of_unit = (self.unit[in_date] == home) & (home != NOWHERE)
        place = self.regions.index(region) if region in self.regions else None
        of_region = (self.region[in_date] == NOWHERE) | (self.region[in_date] == place)
        known = np.zeros(len(in_date), dtype=np.bool_)
        minutes = np.full(len(in_date), np.nan)
        if home != NOWHERE and self.venues:
            known = self.way_known[home, venue] & (venue != NOWHERE)
            minutes = np.where(known & ~online, self.minutes[home, venue], np.nan)
        near = of_unit | (of_region & ((self.unit[in_date] == NOWHERE) | online | known))
        entries, minutes = in_date[near], minutes[near]
        way = np.where(np.isnan(minutes), np.inf, minutes)
        order = np.lexsort(
            (entries, self.format[entries], self.venue[entries], way, self.intervention[entries])
        )
        entries, minutes = entries[order], minutes[order]
        interventions, starts = np.unique(self.intervention[entries], return_index=True)
        return Near(
            entries=entries,
            minutes=minutes,
            interventions=interventions,
            starts=starts,
            listed=np.unique(self.intervention[in_date]),
        )


def _places(names: Sequence[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(names)}


def _coded(column: Sequence[object], *, more: Iterable[str] = ()) -> tuple[tuple[str, ...], Ints]:
    """The names in a column in the order of the alphabet, and each row's place among them."""
    names = tuple(sorted({str(each) for each in column if each is not None}.union(more)))
    place = _places(names)
    codes = [NOWHERE if each is None else place[str(each)] for each in column]
    return names, np.array(codes, dtype=np.int64)


def _numbers(column: Sequence[object]) -> Floats:
    return np.array(
        [
            float(each) if isinstance(each, int | float) and not isinstance(each, bool) else np.nan
            for each in column
        ],
        dtype=np.float64,
    )


def _days(column: Sequence[object], *, otherwise: int) -> Ints:
    return np.array(
        [day_number(each if isinstance(each, date) else None, otherwise) for each in column],
        dtype=np.int64,
    )
