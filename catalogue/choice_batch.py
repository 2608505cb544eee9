"""The order of choice of everyone at once: ``catalogue.choice`` as arrays.

A test holds both to the same order for generated people and sets of interventions.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from catalogue.choice import STABILISING, Step, asks_too_much_at_low_risk, covers, low_risk
from catalogue.fields import FIELDS, NEED_THRESHOLDS, linked_field
from catalogue.intervention import InterventionType
from catalogue.loading import Catalogue

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]

# What the order of choice may read of a person: everything but lists and who or where they are.
PERSON: Final = tuple(name for name, field in FIELDS.items() if field.assessed or name in {"sex", "setting"})
_NEEDS: Final = tuple(NEED_THRESHOLDS)
_STEPS: Final = {
    InterventionType.ACP: Step.FIRST_CHOICE,
    InterventionType.TREATMENT_REQUIREMENT: Step.FIRST_CHOICE,
    InterventionType.SI: Step.IN_ITS_PLACE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Arrays [people, interventions], in catalogue order.

    ``place`` counts from 0 in the person's order (the number of those that stand in it, for those that do not);
    ``step`` is a ``Step``, 0 for those that do not; ``not_advised`` whether the order warns against it.
    """

    place: Places
    step: Places
    not_advised: Flags


def order(subjects: pl.DataFrame, catalogue: Catalogue, *, eligible: Flags, reachable: Flags) -> Order:
    """In which order would the operating model have practitioners consider what these people are eligible for?

    ``subjects`` has the columns ``PERSON``; ``eligible`` and ``reachable`` are [people, interventions].
    """
    entries = catalogue.interventions
    needs = _needs(subjects)
    meets = np.array([[need in each.needs for need in _NEEDS] for each in entries], dtype=np.bool_)
    harsh = np.array([asks_too_much_at_low_risk(each) for each in entries], dtype=np.bool_)
    over = _low(subjects, asked=np.asarray((eligible & harsh).any(axis=1)))[:, None] & harsh & eligible
    work = np.array([covers(each) for each in entries], dtype=np.bool_)
    advised = eligible & reachable & ~over & work
    covered = advised.astype(np.int64) @ meets.astype(np.int64) > 0
    step = _steps(subjects, catalogue, needs=needs, meets=meets, covered=covered)
    met = needs.astype(np.int64) @ meets.T.astype(np.int64)
    last = np.argsort(np.argsort(np.array(catalogue.ids)))  # of two alike, the one whose id comes first
    rank = ((step * 2 + over) * (len(_NEEDS) + 1) + (len(_NEEDS) - met)) * len(entries) + last
    rank[~eligible] = np.iinfo(np.int64).max
    place = np.argsort(np.argsort(rank, axis=1, kind="stable"), axis=1, kind="stable")
    chosen = eligible.sum(axis=1, keepdims=True)
    return Order(
        place=np.where(eligible, place, chosen), step=np.where(eligible, step, 0), not_advised=over & eligible
    )


def _needs(subjects: pl.DataFrame) -> Flags:
    """``choice.needs_of`` as [people, sections]."""
    found = subjects.select(
        (
            (pl.col(need).cast(pl.Float64).fill_nan(None) >= threshold).fill_null(value=False)
            | pl.col(linked_field(need)).fill_null(value=False)
        ).alias(need)
        for need, threshold in NEED_THRESHOLDS.items()
    )
    return found.to_numpy()


def _low(subjects: pl.DataFrame, *, asked: Flags) -> Flags:
    """Who is at low risk for certain, of those of whom it is asked: the one-person rule, which reads the identifier."""
    low = np.zeros(subjects.height, dtype=np.bool_)
    rows = np.flatnonzero(asked)
    people = subjects.select(PERSON)[rows]
    low[rows] = [low_risk(person) is True for person in people.iter_rows(named=True)]
    return low


def _steps(
    subjects: pl.DataFrame, catalogue: Catalogue, *, needs: Flags, meets: Flags, covered: Flags
) -> Places:
    """The step of each intervention, were the person eligible for it."""
    unsteady = (
        ~subjects["substance_stable"].fill_null(value=True)
        | subjects["acute_mental_health"].fill_null(value=False)
    ).to_numpy()
    steadies = np.array([need in STABILISING for need in _NEEDS])
    step = np.full((subjects.height, len(catalogue.interventions)), int(Step.BESIDE), dtype=np.int64)
    for column, entry in enumerate(catalogue.interventions):
        if entry.type in _STEPS:
            step[:, column] = int(_STEPS[entry.type])
        elif entry.type is InterventionType.CRS:
            met = needs & meets[column]
            step[(met & ~covered).any(axis=1), column] = int(Step.FOR_OTHER_NEED)
            step[unsteady & (met & steadies).any(axis=1), column] = int(Step.FIRST_CHOICE)
    return step
