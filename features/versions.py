"""The version of each record that counts: of rows with one key the one known last, or every one in turn."""

from __future__ import annotations

from datetime import date

import polars as pl

from features.contract import TABLES, ColumnKind
from features.histories import Histories


def current(histories: Histories, name: str, *, known_before: date | None = None) -> pl.LazyFrame:
    """A table with one row a record: the version with the latest `known_on`.

    `known_before` leaves out what became known on that day or later. Of versions
    known on one day the greatest by content counts, column by column in contract
    order, null least, as for every evaluator (docs/decisions/0200-as-it-was-known.md).
    """
    table = TABLES[name]
    ordered = _ordered(histories, name)
    if table.dated and known_before is not None:
        ordered = ordered.filter(pl.col("known_on") < known_before)
    return ordered.unique(_key(name), keep="last", maintain_order=True)


def versions(histories: Histories, name: str) -> pl.LazyFrame:
    """Every version of each record of a dated table, in the order in which they became known.

    One row a record and `known_on`: of versions known on one day the one that counts, as for `current`.
    """
    return _ordered(histories, name).unique([*_key(name), "known_on"], keep="last", maintain_order=True)


def _key(name: str) -> list[str]:
    """What makes rows versions of one record; a record never changes its person."""
    table = TABLES[name]
    return list(dict.fromkeys((*(["crn"] if "crn" in table.names else []), *table.key)))


def _ordered(histories: Histories, name: str) -> pl.LazyFrame:
    """The rows by the day they became known, then by content; those of no day are left out."""
    table = TABLES[name]
    frame = histories.table(name)
    if table.dated:
        frame = frame.filter(pl.col("known_on").is_not_null())
    content = [
        pl.col(column.name).list.join("|") if column.kind is ColumnKind.LIST else pl.col(column.name)
        for column in table.columns
        if column.name not in {"crn", "known_on"}
    ]
    days = [pl.col("known_on")] if table.dated else []
    return frame.sort(*days, *content, nulls_last=False, maintain_order=True)
