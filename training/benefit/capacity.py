"""What are the suggestions worth when places are few, and whose need is left unmet?

Within each cell (a region and week, say) people compete for the places of each intervention. The
allocation with the greatest total effect is a transport problem, solved as a linear programme
(HiGHS, through SciPy), whose vertices are whole people in whole places.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
import scipy.optimize
import scipy.sparse

from catalogue.errors import UsageError
from training.frames import Floats, Ints

CELL: Final = ("region", "week")


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """Who gets which place, what that is worth, and what is missing.

    `placed` has the columns of the cell, `person`, `intervention_id` and `effect`; `gain` is the mean
    effect over all `people`, `unlimited_gain` the same if there were places for all first choices;
    `unmet` counts, by intervention and `area`, the people it was suggested to (`suggested`) and
    those of them who got no place at all (`without_place`), with all `eligible`.
    """

    placed: pl.DataFrame
    people: int
    gain: float
    unlimited_gain: float
    unmet: pl.DataFrame


def allocate(
    candidates: pl.DataFrame, capacity: pl.DataFrame, *, cell: Sequence[str] = CELL, area: str = "pdu"
) -> Allocation:
    """Allocate places so that the total effect is greatest.

    `candidates` is one row a person and intervention that the person is eligible for: the columns
    of `cell`, `area`, `person`, `intervention_id`, `effect` and `suggested` (bool). Only suggested
    rows compete, and only effects above zero win a place. `capacity` has the columns of
    `cell`, `intervention_id` and `places`; what it does not list has no place.
    """
    for frame, name, columns in (
        (candidates, "candidates", [*cell, area, "person", "intervention_id", "effect", "suggested"]),
        (capacity, "capacity", [*cell, "intervention_id", "places"]),
    ):
        missing = [column for column in columns if column not in frame.columns]
        if missing:
            raise UsageError(f"The table of {name} lacks the column {missing[0]}; add it.")
    if capacity["places"].cast(pl.Float64).fill_null(-1).lt(0).any():
        raise UsageError("The table of capacity has a number of places below 0 or none at all; correct it.")
    keys = [*cell, "person", "intervention_id"]
    competing = candidates.filter(pl.col("suggested") & (pl.col("effect") > 0)).sort(keys)
    limits = capacity.group_by(*cell, "intervention_id").agg(pl.col("places").sum())
    joined = competing.join(
        limits, on=[*cell, "intervention_id"], how="left", maintain_order="left"
    ).with_columns(pl.col("places").fill_null(0))
    parts = [_solve(part) for part in joined.partition_by(*cell, maintain_order=True)]
    columns = [*keys, "effect"]
    placed = pl.concat(parts).select(columns) if parts else joined.select(columns)
    people = candidates.select(*cell, "person").unique().height
    best = competing.group_by(*cell, "person", maintain_order=True).agg(pl.col("effect").max())["effect"]
    return Allocation(
        placed=placed,
        people=people,
        gain=float(placed["effect"].sum()) / max(people, 1),
        unlimited_gain=float(best.sum()) / max(people, 1),
        unmet=_unmet(candidates, placed, cell=cell, area=area),
    )


def _solve(part: pl.DataFrame) -> pl.DataFrame:
    """The rows of one cell that win a place."""
    persons = part["person"].rank("dense").cast(pl.Int64).to_numpy() - 1
    arms = part["intervention_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
    places = np.zeros(int(arms.max()) + 1)
    places[arms] = part["places"].cast(pl.Float64).to_numpy()
    chosen = _transport(part["effect"].cast(pl.Float64).to_numpy(), persons, arms, places)
    return part.filter(pl.Series(chosen > 0.5))


def _transport(effect: Floats, persons: Ints, arms: Ints, places: Floats) -> Floats:
    """1 where a person gets an arm: one arm a person, no more persons than places."""
    count, rows = int(persons.max()) + 1, np.arange(len(effect))
    ones = np.ones(len(effect))
    one_each = scipy.sparse.csr_array((ones, (persons, rows)), shape=(count, len(effect)))
    limited = scipy.sparse.csr_array((ones, (arms, rows)), shape=(len(places), len(effect)))
    found = scipy.optimize.linprog(  # type: ignore[call-overload]  # the stubs know no sparse constraints
        -effect,
        A_ub=scipy.sparse.vstack([one_each, limited]),
        b_ub=np.concatenate([np.ones(count), np.floor(places)]),
        bounds=(0, 1),
        method="highs-ds",
    )
    if not found.success:
        raise UsageError(
            "The places could not be allocated; hold the table of capacity against the candidates."
        )
    return np.asarray(found.x, dtype=np.float64)


def _unmet(candidates: pl.DataFrame, placed: pl.DataFrame, *, cell: Sequence[str], area: str) -> pl.DataFrame:
    """By intervention and area: eligible, suggested, and suggested but without any place."""
    got = placed.select(*cell, "person").unique().with_columns(got=pl.lit(value=True))
    return (
        candidates.join(got, on=[*cell, "person"], how="left", maintain_order="left")
        .group_by("intervention_id", area)
        .agg(
            eligible=pl.len(),
            suggested=pl.col("suggested").sum(),
            without_place=(pl.col("suggested") & pl.col("got").is_null()).sum(),
        )
        .sort("intervention_id", area)
    )
