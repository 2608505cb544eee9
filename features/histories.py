"""A folder of case histories, opened for reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from catalogue.errors import UsageError
from features.case import Case
from features.contract import CASE_TABLES, TABLES
from features.reading import contract_frame, empty, files_of, scan_raw

_CASES_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Histories:
    """The tables of a folder, as the data contract has them.

    Opened with `Histories.open(folder)`, or made from frames with
    `Histories.of(tables)`. Frames are lazy: nothing is read before it is asked for.
    """

    folder: Path
    _tables: Mapping[str, pl.LazyFrame] = field(repr=False)

    @classmethod
    def open(cls, folder: Path | str) -> Histories:
        """Open a folder of Parquet or CSV files, one a table.

        Raises UsageError for a folder that is not there, a required table or a
        column that is missing, a file that cannot be read, a column of a type that
        the contract cannot take. An optional table that is missing is an empty one.
        """
        place = Path(folder)
        if not place.is_dir():
            raise UsageError(f"There is no folder {place}; name the folder that holds the case histories.")
        found = {name: files_of(place, table) for name, table in TABLES.items()}
        if not any(found.values()):
            raise UsageError(f"The folder {place} holds none of the contract's tables; name another folder.")
        tables: dict[str, pl.LazyFrame] = {}
        for name, table in TABLES.items():
            if found[name]:
                tables[name] = contract_frame(scan_raw(found[name], table), table)
            elif table.optional:
                tables[name] = empty(table)
            else:
                raise UsageError(
                    f"The folder {place} has no table {name}; add {name}.parquet or {name}.csv, with no rows if empty."
                )
        return cls(place, tables)

    @classmethod
    def of(cls, tables: Mapping[str, pl.DataFrame | pl.LazyFrame]) -> Histories:
        """Histories from frames in memory; tables that are not named are empty."""
        unknown = sorted(set(tables) - set(TABLES))
        if unknown:
            raise UsageError(f"The contract has no table {unknown[0]}; its tables are {', '.join(TABLES)}.")
        frames = {
            name: contract_frame(tables[name].lazy(), table) if name in tables else empty(table)
            for name, table in TABLES.items()
        }
        return cls(Path(), frames)

    def table(self, name: str) -> pl.LazyFrame:
        """A table, lazily, with the contract's columns and types; UsageError for an unknown name."""
        try:
            return self._tables[name]
        except KeyError:
            raise UsageError(
                f"The contract has no table {name}; its tables are {', '.join(TABLES)}."
            ) from None

    def collect(self, name: str) -> pl.DataFrame:
        """A table in memory; UsageError for a file that turns out to be broken."""
        return self.gather(self.table(name))

    def gather(self, frame: pl.LazyFrame) -> pl.DataFrame:
        """A frame made of the tables, in memory; UsageError where a file turns out to be broken."""
        try:
            return frame.collect()
        except (pl.exceptions.ComputeError, OSError) as error:
            raise UsageError(
                f"The files in {self.folder} cannot be read to their end; run signpost check to see which."
            ) from error

    def height(self, name: str) -> int:
        """How many rows a table has; Parquet says so without being read."""
        return int(self.gather(self.table(name).select(pl.len())).item())

    def crns(self) -> tuple[str, ...]:
        """Everybody in the people table, sorted."""
        frame = self.gather(self.table("people").select(pl.col("crn").drop_nulls().unique().sort()))
        return tuple(frame["crn"].to_list())

    @property
    def last_day(self) -> date:
        """The latest day on which anything became known; UsageError when there are no rows."""
        days = [
            self.gather(self.table(name).select(pl.col("known_on").max())).item()
            for name, table in TABLES.items()
            if table.dated
        ]
        known: list[date] = [day for day in days if day is not None]
        if not known:
            raise UsageError(f"The tables of {self.folder} hold no rows; name a folder with case histories.")
        return max(known)

    def case(self, crn: str) -> Case:
        """One person's case; UsageError when the people table does not have the person."""
        cases = dict(self._cases_of([crn]))
        if not cases[crn].tables["people"]:
            raise UsageError(f"The folder {self.folder} has nobody with that CRN; check the number.")
        return cases[crn]

    def cases(self, crns: Sequence[str] | None = None) -> Iterator[Case]:
        """Many cases in the order asked for (everybody, sorted, by default), read in blocks."""
        wanted = self.crns() if crns is None else crns
        for start in range(0, len(wanted), _CASES_AT_ONCE):
            block = list(wanted[start : start + _CASES_AT_ONCE])
            cases = dict(self._cases_of(block))
            for crn in block:
                yield cases[crn]

    def _cases_of(self, crns: list[str]) -> Iterator[tuple[str, Case]]:
        tables: dict[str, dict[str, list[dict[str, object]]]] = {crn: {} for crn in crns}
        # The version known first says whose a referral is, as for the batch evaluator.
        referrals = self.table("referrals").select("referral_id", "crn", "known_on").drop_nulls()
        owners = referrals.sort("known_on", "crn").unique("referral_id", keep="first", maintain_order=True)
        wanted = pl.Series("crn", crns, pl.String)
        for name in CASE_TABLES:
            frame = self.table(name)
            if "crn" in TABLES[name].names:
                rows = frame.filter(pl.col("crn").is_in(wanted.implode())).with_columns(_crn=pl.col("crn"))
            else:
                mine = owners.filter(pl.col("crn").is_in(wanted.implode()))
                rows = frame.join(mine.select("referral_id", _crn="crn"), on="referral_id")
            for row in self.gather(rows).iter_rows(named=True):
                crn = row.pop("_crn")
                tables[crn].setdefault(name, []).append(row)
        for crn in crns:
            yield crn, Case(crn, {name: tuple(rows) for name, rows in tables[crn].items()})
