"""What is on offer near one person? The rows of the directory and the travel table that can concern them."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from features.case import Case
from features.histories import Histories


def nearby(
    histories: Histories, case: Case, *, as_of: date
) -> tuple[list[Mapping[str, Any]], dict[str, float]]:
    """The directory as far as it concerns one person on a day, and minutes each way by venue.

    Rows of the person's region or delivery unit, and one row of each intervention that runs elsewhere only: "not on
    offer here" and "the directory does not say" are different answers (`catalogue.feasibility`).
    """
    people = case.tables["people"]
    regions = [row["region"] for row in people if row["region"] is not None]
    units = [row["pdu"] for row in people if row["pdu"] is not None]
    in_date = histories.table("directory").filter(
        (pl.col("valid_from").is_null() | (pl.col("valid_from") <= as_of))
        & (pl.col("valid_to").is_null() | (pl.col("valid_to") > as_of))
    )
    here = pl.col("region").is_null() | pl.col("region").is_in(regions) | pl.col("pdu").is_in(units)
    rows = in_date.with_columns(_here=here.fill_null(value=False)).collect()
    near = rows.filter("_here")
    elsewhere = rows.filter(~pl.col("_here")).unique("intervention_id", keep="first", maintain_order=True)
    travel = histories.table("travel").filter(pl.col("pdu").is_in(units)).select("venue", "minutes")
    found = pl.concat([near, elsewhere]).drop("_here").to_dicts()
    return list(found), dict(travel.collect().iter_rows())
