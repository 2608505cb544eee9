"""One person's case history, as the live evaluator and the service hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

from catalogue.errors import UsageError
from features.contract import CASE_TABLES, TABLES, Column, ColumnKind

Row = Mapping[str, object]


_BLANKS = {name: (len(TABLES[name].columns), dict.fromkeys(TABLES[name].names)) for name in CASE_TABLES}


class ProtectedInCaseError(UsageError):
    """A case document that carries protected characteristics, which no score may see."""


@dataclass(frozen=True, slots=True)
class Case:
    """The rows of one person, table by table, with the contract's column names.

    Dates are `datetime.date`. Every case table is present, empty where there is
    nothing, and every column of a row, None where it is not recorded; `protected` and
    `truth` never are.
    """

    crn: str
    tables: Mapping[str, tuple[Row, ...]] = field(repr=False)

    def __post_init__(self) -> None:
        """Complete the tables and refuse those that a case may not hold."""
        for name in self.tables:
            if name == "protected" or name.startswith("truth"):
                raise ProtectedInCaseError(
                    "Protected characteristics are not accepted in a case; leave out the protected table."
                )
            if name not in CASE_TABLES:
                raise UsageError(
                    f"A case has no table of that name; its tables are {', '.join(CASE_TABLES)}."
                )
        complete = {
            name: tuple(row if len(row) >= width else {**blank, **row} for row in self.tables.get(name, ()))
            for name, (width, blank) in _BLANKS.items()
        }
        object.__setattr__(self, "tables", MappingProxyType(complete))

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Case:
        """Read a case document: `{"crn": …, "<table>": [{column: value}, …], …}`.

        Dates are ISO dates, lists are arrays, null or absent means not recorded; a
        table may also stand under a `tables` object. Raises UsageError naming table
        and column, never the value; ProtectedInCaseError for protected characteristics.
        """
        if not isinstance(document, Mapping):
            raise UsageError("A case document is a JSON object with a crn and the case tables.")
        crn = document.get("crn")
        if not isinstance(crn, str) or not crn:
            raise UsageError("A case document needs a crn.")
        inner = document.get("tables", {})
        if not isinstance(inner, Mapping):
            raise UsageError("The tables of a case document are an object of lists of rows.")
        given = {**inner, **{key: value for key, value in document.items() if key not in {"crn", "tables"}}}
        empty = cls(crn, dict.fromkeys(given, ()))  # refuses names before any row is read
        return cls(empty.crn, {name: _rows(name, given[name], crn) for name in given})

    def to_document(self) -> dict[str, Any]:
        """The case as JSON-able data, dates as ISO dates; `from_document` reads it back."""
        document: dict[str, Any] = {"crn": self.crn}
        for name, rows in self.tables.items():
            document[name] = [{key: _plain(value) for key, value in row.items()} for row in rows]
        return document


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return list(value)
    return value


def _rows(name: str, rows: object, crn: str) -> tuple[Row, ...]:
    table = TABLES[name]
    if not isinstance(rows, list | tuple):
        raise UsageError(f"The table {name} of a case document is a list of rows.")
    read: list[Row] = []
    for row in rows:
        if not isinstance(row, Mapping):
            raise UsageError(f"A row of the table {name} is an object of columns.")
        values: dict[str, object] = {
            column.name: _value(name, column, row.get(column.name)) for column in table.columns
        }
        if "crn" in values:
            if values["crn"] is None:
                values["crn"] = crn
            if values["crn"] != crn:
                raise UsageError(f"A row of the table {name} belongs to another person than the case.")
        read.append(values)
    return tuple(read)


def _value(table: str, column: Column, value: object) -> object:
    if value is None:
        return None
    read = _READERS[column.kind](value)
    if column.kind is ColumnKind.CODE and column.allowed and read not in column.allowed:
        raise UsageError(
            f"The column {column.name} of the table {table} holds a code that the contract does not have; correct it."
        )
    if read is None:
        raise UsageError(
            f"The column {column.name} of the table {table} holds something other than "
            f"{column.kind.value.lower()} values; correct it."
        )
    return read


def _read_text(value: object) -> object:
    return value if isinstance(value, str) else None


def _read_int(value: object) -> object:
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


def _read_float(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = float(value)
    return number if number - number == 0 else None  # neither NaN nor infinite


def _read_bool(value: object) -> object:
    if isinstance(value, str):
        return {"YES": True, "NO": False}.get(value)
    return value if isinstance(value, bool) else None


def _read_date(value: object) -> object:
    if isinstance(value, date):
        return date(value.year, value.month, value.day)
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _read_list(value: object) -> object:
    if isinstance(value, list | tuple) and all(isinstance(member, str) for member in value):
        return list(value)
    return None


_READERS = {
    ColumnKind.TEXT: _read_text,
    ColumnKind.CODE: _read_text,
    ColumnKind.INT: _read_int,
    ColumnKind.FLOAT: _read_float,
    ColumnKind.BOOL: _read_bool,
    ColumnKind.DATE: _read_date,
    ColumnKind.LIST: _read_list,
}
