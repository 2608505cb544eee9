"""Which offences are people sentenced for, and of which types is each? Read from offences.csv."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from features.contract import OFFENCE_TYPES
from features.predictors import offence_weight
from worlds.draws import Bools, Floats


@dataclass(frozen=True, slots=True)
class IndexOffence:
    """One kind of index offence: a line of offences.csv.

    `men` and `women` weigh how often each sex is sentenced for it, `custody` moves the log-odds of custody,
    `weight` is what OGRS3 adds for it.
    """

    group: str
    types: tuple[str, ...]
    men: float
    women: float
    custody: float
    violent: bool
    weight: float


@cache
def index_offences() -> tuple[IndexOffence, ...]:
    """The offences that people of a world are sentenced for."""
    with (Path(__file__).parent / "offences.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            IndexOffence(
                group=row["offence_group"],
                types=tuple(row["offence_types"].split("|")),
                men=float(row["men"]),
                women=float(row["women"]),
                custody=float(row["custody"]),
                violent=row["violent"] == "yes",
                weight=offence_weight(row["offence_group"]),
            )
            for row in csv.DictReader(file)
        )


def types_of_offences() -> Bools:
    """Index offence by offence type of the contract."""
    return np.array(
        [[one in each.types for one in OFFENCE_TYPES] for each in index_offences()], dtype=np.bool_
    )


def violent_offences() -> Bools:
    """Which index offences are violent."""
    return np.array([one.violent for one in index_offences()], dtype=np.bool_)


def ogrs3_weights() -> Floats:
    """What OGRS3 adds for each index offence."""
    return np.array([one.weight for one in index_offences()], dtype=np.float64)
