"""A case document as it is sent: typed models made from the data contract, so that the two cannot differ.

Each table of the contract becomes a model of one row, with its codes, patterns and bounds, and nothing else: an
unknown table or column is refused, so that a spelling mistake is never ignored. What is sent to be scored may
not carry protected characteristics, under the contract's names or others; what is sent to be kept has them in
the table `protected` only, which the scoring code cannot reach.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    create_model,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic.types import Strict
from pydantic_core import PydanticCustomError

from features.contract import CASE_TABLES, TABLES, Column, ColumnKind, Table
from serving.protected import PROTECTED, protected_refused
from serving.schemas.base import CRN_PATTERN

EARLIEST: Final = date(1900, 1, 1)
LATEST: Final = date(2199, 12, 31)
WHOLE: Final = 2**31 - 1
LONGEST: Final = 240
# Columns that the store keeps with the document, as wide as it has them.
WIDTHS: Final[Mapping[str, int]] = {"pdu": 64, "referral_id": 120, "intervention_id": 120}
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class ContractRow(BaseModel):
    """What every row shares: the contract's names, nothing unknown, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _read_date(value: object) -> object:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            found = date.fromisoformat(value)
        except ValueError:
            found = None
        if found is not None and EARLIEST <= found <= LATEST:
            return found
    raise PydanticCustomError("date_expected", "A date between 1900 and 2199 is needed, such as 2026-03-31")


def _read_answer(value: object) -> object:
    """YES and NO, as some case systems write them, are true and false."""
    return {"YES": True, "NO": False}.get(value, value) if isinstance(value, str) else value


def _whole(value: object) -> object:
    """A whole number may be written as 2.0, as JSON Schema has it; neither true nor "2" is one."""
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "Input should be a valid integer")
    return int(value) if isinstance(value, float) and value.is_integer() else value


Day = Annotated[date, BeforeValidator(_read_date)]
YesOrNo = Annotated[StrictBool, BeforeValidator(_read_answer)]
CrnText = Annotated[str, StringConstraints(pattern=CRN_PATTERN)]
OwnCrn = Annotated[CrnText | None, SkipJsonSchema()]


def _type_of(column: Column) -> Any:
    """The type of a column's values, with its bounds."""
    if column.numbers:
        one: Any = Annotated[Literal[column.numbers], BeforeValidator(_whole)]
    elif column.allowed:
        one = Literal[column.allowed]
    elif column.kind is ColumnKind.INT:
        least, most = _bound(column.least, -WHOLE), _bound(column.most, WHOLE)
        one = Annotated[int, Strict(), Field(ge=least, le=most), BeforeValidator(_whole)]
    elif column.kind is ColumnKind.FLOAT:
        one = Annotated[float, Strict(), Field(ge=column.least, le=column.most)]
    else:
        width = WIDTHS.get(column.name, LONGEST)
        one = Annotated[str, StringConstraints(max_length=width, pattern=column.pattern)]
    return {
        ColumnKind.DATE: Day,
        ColumnKind.BOOL: YesOrNo,
        ColumnKind.LIST: Annotated[list[one], Field(max_length=200)],
    }.get(column.kind, one)


def _bound(given: float | None, otherwise: int) -> int:
    return otherwise if given is None else int(given)


def _row_model(table: Table) -> type[ContractRow]:
    """A row of one table; every column may be left out or null, which means that it was not recorded."""
    name = "".join(part.capitalize() for part in table.name.split("_"))
    fields: dict[str, Any] = {
        # The CRN is the document's; a row may say it again, which the description need not invite.
        column.name: (OwnCrn if column.name == "crn" else _type_of(column) | None, None)
        for column in table.columns
    }
    return create_model(
        f"{name}Row", __base__=ContractRow, __doc__=f"One row of the table {table.name}.", **fields
    )


ROWS: Final[Mapping[str, type[ContractRow]]] = {
    name: _row_model(TABLES[name]) for name in (*CASE_TABLES, PROTECTED)
}

if TYPE_CHECKING:

    class CaseTables(ContractRow):
        """Rows of the contract's tables, by table."""

else:
    CaseTables = create_model(
        "CaseTables",
        __base__=ContractRow,
        __doc__="Rows of the contract's tables, by table.",
        **{name: (list[ROWS[name]], Field(default_factory=list)) for name in CASE_TABLES},
    )


class SentCase(CaseTables):
    """A case that is sent to be answered: its CRN and its rows, without protected characteristics."""

    crn: CrnText
    tables: CaseTables | None = None

    @model_validator(mode="before")
    @classmethod
    def _nothing_protected(cls, document: object) -> object:
        return refuse_protected(document)


class KeptCase(CaseTables):
    """A case that is sent to be kept; `protected`, one row, is kept apart from it."""

    crn: OwnCrn = None
    tables: CaseTables | None = None
    protected: Annotated[list[ROWS[PROTECTED]], Field(max_length=1)] | None = None  # type: ignore[valid-type]  # made at run time

    @model_validator(mode="before")
    @classmethod
    def _protected_apart(cls, document: object) -> object:
        if not isinstance(document, Mapping):
            return document
        apart = document.get(PROTECTED)
        refuse_protected({name: value for name, value in document.items() if name != PROTECTED})
        return {**document, PROTECTED: [apart]} if isinstance(apart, Mapping) else document


def refuse_protected(document: object) -> object:
    """The document itself, when nothing in it names a protected characteristic.

    Raises:
        ServiceError: 422 PROTECTED_CHARACTERISTIC_NOT_ACCEPTED.
    """
    refusal = protected_refused(document) if isinstance(document, Mapping) else None
    if refusal is not None:
        raise refusal
    return document


def plain(document: ContractRow) -> dict[str, Any]:
    """What was sent, and nothing that was not, as data."""
    return document.model_dump(exclude_unset=True, exclude_none=True)
