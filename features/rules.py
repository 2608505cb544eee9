"""Which rules must a table's rows meet? Expressions that are true where a rule is broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from features.contract import CIRCUMSTANCE_VALUES, Column, ColumnKind, Table

READ = "read:"
"""Prefix of a column as it was read into the contract's type, next to the raw one."""


@dataclass(frozen=True, slots=True)
class TableRule:
    """One rule: the column it is about, what it says, and where it is broken."""

    column: str
    says: str
    broken: pl.Expr


def row_rules(table: Table, raw: Mapping[str, pl.DataType]) -> list[TableRule]:
    """The rules that one row can be held against by itself."""
    rules = [rule for column in table.columns for rule in _column_rules(column, raw[column.name])]
    if table.dated and table.happened is not None:
        early = read("known_on") < read(table.happened)
        rules.append(TableRule("known_on", f"is before {table.happened}", _true(early)))
    rules += [
        TableRule(end, f"is before {start}", _true(read(end) < read(start)))
        for start, end in (("starts_on", "ends_on"), ("valid_from", "valid_to"))
        if start in table.names
    ]
    if table.name == "people":
        born_later = read("date_of_birth") > read("known_on")
        rules.append(TableRule("date_of_birth", "is after known_on", _true(born_later)))
    if table.name == "circumstances":
        fitting = [
            (read("kind") == kind) & read("value").is_in(list(values))
            for kind, values in CIRCUMSTANCE_VALUES.items()
        ]
        known = read("kind").is_in(list(CIRCUMSTANCE_VALUES)) & read("value").is_not_null()
        rules.append(
            TableRule("value", "does not belong to its kind", _true(known & ~pl.any_horizontal(fitting)))
        )
    return rules


def read(name: str) -> pl.Expr:
    """The column as it was read."""
    return pl.col(f"{READ}{name}")


def _true(expression: pl.Expr) -> pl.Expr:
    return expression.fill_null(value=False)


def _column_rules(column: Column, raw: pl.DataType) -> list[TableRule]:
    name, value = column.name, read(column.name)
    rules: list[TableRule] = []
    if not _surely_read(column, raw):
        unread = pl.col(name).is_not_null() & value.is_null()
        rules.append(TableRule(name, f"holds no {_kind_in_words(column.kind)}", unread))
    if not column.nullable:
        rules.append(TableRule(name, "is not recorded", pl.col(name).is_null()))
    if column.allowed and column.kind is ColumnKind.LIST:
        foreign = value.list.eval(~pl.element().is_in(list(column.allowed))).list.any()
        rules.append(TableRule(name, "has a member that is not among the codes", _true(foreign)))
    elif column.allowed:
        rules.append(TableRule(name, "is not among the codes", _true(~value.is_in(list(column.allowed)))))
    if column.pattern is not None:
        rules.append(
            TableRule(name, f"does not match {column.pattern}", _true(~value.str.contains(column.pattern)))
        )
    if column.numbers:
        listed = ", ".join(map(str, column.numbers))
        rules.append(TableRule(name, f"is not one of {listed}", _true(~value.is_in(list(column.numbers)))))
    if column.least is not None:
        rules.append(TableRule(name, f"is less than {column.least:g}", _true(value < column.least)))
    if column.most is not None:
        rules.append(TableRule(name, f"is more than {column.most:g}", _true(value > column.most)))
    return rules


def _surely_read(column: Column, raw: pl.DataType) -> bool:
    """Whether every value of the raw type can be read, so that no rule has to look."""
    return (
        raw == column.dtype() or isinstance(raw, pl.Null) or column.kind in {ColumnKind.TEXT, ColumnKind.CODE}
    )


def _kind_in_words(kind: ColumnKind) -> str:
    words = {
        ColumnKind.INT: "whole number",
        ColumnKind.FLOAT: "number",
        ColumnKind.BOOL: "yes or no",
        ColumnKind.DATE: "date",
        ColumnKind.LIST: "list",
        ColumnKind.TEXT: "text",
        ColumnKind.CODE: "code",
    }
    return words[kind]
