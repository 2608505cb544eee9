"""How a table's file becomes a frame with the contract's columns and types."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from catalogue.errors import UsageError
from features.contract import Column, ColumnKind, Table

_YES = ("YES", "TRUE", "T", "Y", "1")
_NO = ("NO", "FALSE", "F", "N", "0")
_STRAY = re.compile(r'[^,"\r\n]"[^,"\r\n]')
_SUFFIXES = (".parquet", ".csv")


def files_of(folder: Path, table: Table) -> tuple[Path, ...]:
    """The files that hold a table: `name.parquet`, `name.csv`, or Parquet parts in `name/`.

    Empty when there are none. Two forms of the same table are refused, because one
    of them would be silently ignored.
    """
    found = [folder / f"{table.name}{suffix}" for suffix in _SUFFIXES]
    forms: list[tuple[Path, ...]] = [(path,) for path in found if path.is_file()]
    parts = tuple(sorted((folder / table.name).glob("*.parquet")))
    if parts:
        forms.append(parts)
    if len(forms) > 1:
        raise UsageError(
            f"The folder {folder} holds the table {table.name} twice "
            f"({forms[0][0].name} and {forms[1][0].name}); keep one of them."
        )
    return forms[0] if forms else ()


def scan_raw(paths: tuple[Path, ...], table: Table) -> pl.LazyFrame:
    """The files as they are, before any conversion (CSV: every field as text)."""
    try:
        if paths[0].suffix == ".csv":
            frame = pl.scan_csv(paths[0], infer_schema=False, null_values=[""], encoding="utf8")
        else:
            frame = pl.scan_parquet(list(paths))
        names = frame.collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UsageError(
            f"The file {paths[0].name} of the table {table.name} cannot be read; "
            "write it again as Parquet, or as CSV with a header line."
        ) from error
    for name in table.names:
        if name not in names:
            raise UsageError(
                f"The table {table.name} has no column {name} ({paths[0].name}); add it, empty where not recorded."
            )
    return frame


def spoilt_line(path: Path) -> int | None:
    """The first line of a CSV file (the header is 1) with more fields than the header, or with a stray quote."""
    began, raw = 1, ""

    def kept() -> Iterator[str]:
        nonlocal raw
        for line in file:
            raw += line
            yield line

    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        records = csv.reader(kept(), strict=True)
        try:
            width = len(next(records, []))
            began, raw = records.line_num + 1, ""
            for fields in records:
                if len(fields) > width or raw.count('"') % 2 or _STRAY.search(raw):
                    return began
                began, raw = records.line_num + 1, ""
        except csv.Error:
            return began
    return None


def convert(column: Column, dtype: pl.DataType, *, table: str) -> pl.Expr:
    """The column in the contract's type; what cannot be converted becomes null.

    A type that no value could be converted from is a UsageError.
    """
    source = pl.col(column.name)
    if isinstance(dtype, pl.Categorical | pl.Enum):
        source, dtype = source.cast(pl.String), pl.String()
    if isinstance(dtype, pl.Null):
        return pl.lit(None, column.dtype()).alias(column.name)
    text = isinstance(dtype, pl.String)
    kind = column.kind
    expression: pl.Expr | None = None
    if kind in {ColumnKind.TEXT, ColumnKind.CODE}:
        expression = source if text else None
    elif kind is ColumnKind.INT:
        expression = _integer(source, dtype)
    elif kind is ColumnKind.FLOAT:
        if text or dtype.is_numeric():
            expression = source.cast(pl.Float64, strict=False).fill_nan(None)
    elif kind is ColumnKind.BOOL:
        expression = _boolean(source, dtype)
    elif kind is ColumnKind.DATE:
        expression = _date(source, dtype)
    else:
        expression = _list(source, dtype)
    if expression is None:
        raise UsageError(
            f"The column {column.name} of the table {table} has the type {dtype}; "
            f"the contract wants {kind.value.lower()} values."
        )
    return expression.alias(column.name)


def _integer(source: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    if dtype.is_integer():
        return source.cast(pl.Int32, strict=False)
    if isinstance(dtype, pl.String) or dtype.is_float():
        number = source.cast(pl.Float64, strict=False).fill_nan(None)
        return pl.when(number == number.floor()).then(number).cast(pl.Int32, strict=False)
    return None


def _boolean(source: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    if isinstance(dtype, pl.Boolean):
        return source
    if isinstance(dtype, pl.String):
        word = source.str.strip_chars().str.to_uppercase()
        return (
            pl.when(word.is_in(_YES)).then(pl.lit(value=True)).when(word.is_in(_NO)).then(pl.lit(value=False))
        )
    if dtype.is_integer():
        return pl.when(source == 1).then(pl.lit(value=True)).when(source == 0).then(pl.lit(value=False))
    return None


def _date(source: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    if isinstance(dtype, pl.Date):
        return source
    if isinstance(dtype, pl.Datetime):
        return source.cast(pl.Date)
    if isinstance(dtype, pl.String):
        return source.str.strip_chars().str.head(10).str.to_date("%Y-%m-%d", strict=False)
    return None


def _list(source: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    if isinstance(dtype, pl.List | pl.Array):
        return source.cast(pl.List(pl.String), strict=False)
    if isinstance(dtype, pl.String):  # CSV: A;B, A|B, A,B or ["A", "B"]
        inside = source.str.replace_all(r"[\[\]\"'\s]", "")
        return (
            inside.str.split("|")
            .list.eval(
                pl.element().str.replace_all("[;,]", "|").str.split("|").list.explode(keep_nulls=False)
            )
            .list.eval(pl.element().filter(pl.element() != ""))
        )
    return None


def contract_frame(raw: pl.LazyFrame, table: Table) -> pl.LazyFrame:
    """A raw frame with exactly the contract's columns and types, in contract order."""
    schema = raw.collect_schema()
    return raw.select(convert(column, schema[column.name], table=table.name) for column in table.columns)


def empty(table: Table) -> pl.LazyFrame:
    """A table with no rows."""
    return pl.LazyFrame(schema=table.polars_schema())
