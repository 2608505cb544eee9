"""What does the in-flight head read of an open referral on one day, and in what form?

The features are those of `features.definitions.INFLIGHT`, and the type of the intervention, which the catalogue
knows. They are read from histories by `scoring.inflight.from_histories` and from cases by
`scoring.inflight.from_cases`; from there on everything is a rule over columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from catalogue import Catalogue
from catalogue.errors import UsageError
from features.definitions import INFLIGHT
from features.spec import FeatureSpec

INTERVENTION_TYPE = "intervention_type"

#: Every feature of an open referral, in plain English; also the order of the columns.
LABELS: Mapping[str, str] = MappingProxyType(
    {
        **{feature.name: feature.label for feature in INFLIGHT.features},
        INTERVENTION_TYPE: "Type of intervention",
    }
)

#: Where policy demands a direction: missing a session never lowers the risk.
MONOTONE: Mapping[str, int] = MappingProxyType(
    {
        "sessions_missed": 1,
        "sessions_missed_in_28_days": 1,
        "missed_contacts_in_28_days": 1,
        "missed_contacts_in_90_days": 1,
    }
)

Column = npt.NDArray[Any] | list[Any]
Columns = Mapping[str, Column]
"""Features by name: numbers and yes/no as floats with NaN where not recorded, codes as lists with None."""
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmarks:
    """The features of some referrals in some earlier weeks, one row a referral and week in which it was open.

    `place` says which of the referrals asked about a row is of, `week` how many weeks back it lies.
    """

    place: Places
    week: Places
    columns: Columns


LookBack = Callable[[Places, Sequence[int]], Landmarks]
"""How are some referrals (their places) read in some earlier weeks? Weeks in which one was not open are left out."""


@lru_cache(maxsize=8)
def features_of(names: tuple[str, ...]) -> FeatureSpec | None:
    """The part of the specification that has these names; None where only the type of intervention is asked for.

    Raises UsageError for a name that this version does not have.
    """
    absent = [name for name in names if name not in LABELS]
    if absent:
        raise UsageError(
            f"The bundle reads features that this version does not have ({', '.join(absent)}); train it again."
        )
    chosen = tuple(feature for feature in INFLIGHT.features if feature.name in names)
    return FeatureSpec(chosen) if chosen else None


def types_of(catalogue: Catalogue) -> dict[str, str]:
    """The type of each intervention of the catalogue, by id."""
    return {entry.id: str(entry.type) for entry in catalogue.interventions}


def numbers(values: Iterable[float | None]) -> npt.NDArray[np.float64]:
    """Numbers and yes/no as a column, NaN where not recorded."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
