"""The version of each record that counts: of rows with one key, the one known last."""

from __future__ import annotations

from datetime import date

import polars as pl

from features.contract import TABLES, Kind
from features.histories import Histories


def current(histories: Histories, name: str, *, known_before: date | None = None) -> pl.LazyFrame:
    """A table with one row a record: the version with the latest `known_on`.

    `known_before` leaves out what became known on that day or later. Of versions
    known on one day the greatest by content counts, column by column in contract
    order, null least, as for every evaluator (docs/decisions/0200-as-it-was-known.md).
    """
    table = TABLES[name]
    frame = histories.table(name)
    if table.dated:
        frame = frame.filter(pl.col("known_on").is_not_null())
        if known_before is not None:
            frame = frame.filter(pl.col("known_on") < known_before)
    content = [
        pl.col(column.name).list.join("|") if column.kind is Kind.LIST else pl.col(column.name)
        for column in table.columns
        if column.name not in {"crn", "known_on"}
    ]
    days = [pl.col("known_on")] if table.dated else []
    key = list(dict.fromkeys((*(["crn"] if "crn" in table.names else []), *table.key)))
    ordered = frame.sort(*days, *content, nulls_last=False, maintain_order=True)
    return ordered.unique(key, keep="last", maintain_order=True)
