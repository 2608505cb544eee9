"""The order of choice by rules alone: what comes first, what stands in, what goes with it.

Source: the operating model, part two. Accredited programmes and treatment requirements are the interventions of
choice for those eligible; structured interventions follow for those who are not, or who cannot reach one;
commissioned services meet need that those do not meet, or bring stability first; toolkits go with other work. What a
court has ordered is carried out. People at low risk gain nothing from intensive work, and may be harmed by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from catalogue import pni, tier
from catalogue.fields import ERG_RAISED, NEED_THRESHOLDS, NEEDS, RISK_BANDS, linked_field
from catalogue.intervention import Intensity, Intervention, InterventionType
from catalogue.loading import Catalogue
from catalogue.subjects import Bools, Floats, Ints, Subjects
from catalogue.truth import FALSE, TRUE, UNKNOWN, Truths


class Step(IntEnum):
    """The place of an intervention in the order of choice."""

    FIRST_CHOICE = 1
    IN_ITS_PLACE = 2
    FOR_OTHER_NEED = 3
    BESIDE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The assessed needs of some people; arrays [people, needs] in the order of ``NEEDS``.

    ``present`` says who has which need: a score at its threshold, or a link to reoffending. ``pressing`` is how far a
    need goes, as its score over its threshold (0 where it has no score), and minus infinity where there is none.
    """

    present: Bools
    pressing: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Arrays [people, interventions], in catalogue order.

    ``place`` counts from 0 in the person's order (the number of those that stand in it, for those that do not);
    ``step`` is a ``Step``, 0 for those that do not; ``not_advised`` whether the order warns against it.
    """

    place: Ints
    step: Ints
    not_advised: Bools


# Sections that wrap-around services steady before other work can take hold (operating model, part two:
# "addressing the need leads to stabilisation to enable other interventions to take place").
STABILISING: Final = frozenset({"s3_accommodation", "s8_drugs", "s9_alcohol", "s10_emotional"})
_LOW_TIERS: Final = tuple(tier.LETTERS.index(letter) for letter in "EFG")
_STEPS: Final = {
    InterventionType.ACP: Step.FIRST_CHOICE,
    InterventionType.TREATMENT_REQUIREMENT: Step.FIRST_CHOICE,
    InterventionType.SI: Step.IN_ITS_PLACE,
}
_JUDGED: Final = frozenset({InterventionType.ACP, InterventionType.SI})


def needs_of(subjects: Subjects) -> Needs:
    """Which needs does each person have, and how far does each go?"""
    share = np.stack([subjects.number(need) / NEED_THRESHOLDS[need] for need in NEEDS], axis=1)
    linked = np.stack([subjects.yes(linked_field(need)) for need in NEEDS], axis=1)
    present = (share >= 1) | linked
    return Needs(present=present, pressing=np.where(present, np.nan_to_num(share), -np.inf))


def first_needs(needs: Needs, catalogue: Catalogue) -> Ints:
    """Which of a person's needs does each intervention meet first, the furthest over its threshold?

    Array [people, interventions] of places in ``NEEDS``; -1 where it meets none.
    """
    pressing = np.where(catalogue.particulars.needs, needs.pressing[:, None, :], -np.inf)
    first = pressing.argmax(axis=2)
    meets = np.take_along_axis(pressing, first[:, :, None], axis=2)[:, :, 0] > -np.inf
    return np.where(meets, first, -1)


def low_risk(subjects: Subjects) -> Truths:
    """Is each person at low risk, by the identifier's bands and the tier?

    A raised extremism score or a high risk of serious harm is not low risk, even if the other scores are low.
    """
    rosh = subjects.code("rosh")
    raised = (rosh >= RISK_BANDS.index("HIGH")) | (subjects.number("erg") >= ERG_RAISED)
    risk = pni.risk(subjects, female=subjects.is_code("sex", "FEMALE"))
    tiers = tier.by_predictors_and_harm(subjects.number("ogrs_2yr"), subjects.number("rsr"), rosh)
    low = np.isin(tiers, (*_LOW_TIERS, tier.NO_TIER))
    settled = np.where(risk.projected != pni.LOW, UNKNOWN, np.where(low, TRUE, FALSE))
    return np.where(raised | (risk.recorded != pni.LOW), FALSE, settled).astype(np.int8)


def asks_too_much_at_low_risk(intervention: Intervention) -> bool:
    """Is this work on behaviour of more than low intensity, from which people at low risk gain nothing?"""
    return intervention.type in _JUDGED and intervention.intensity is not Intensity.LOW


def covers(intervention: Intervention) -> bool:
    """Does this, where it can be had, meet its needs, so that no commissioned service is wanted for them?"""
    return intervention.type in _STEPS


def order(
    subjects: Subjects, needs: Needs, catalogue: Catalogue, *, eligible: Bools, reachable: Bools
) -> Order:
    """In which order would the operating model have practitioners consider what these people are eligible for?

    ``eligible`` and ``reachable`` (can be attended) are [people, interventions]. Only what a person is eligible for
    stands in the order; a programme that cannot be reached gives way. Within a step, more needs met come first, then
    catalogue order; what is not advised comes last of its step.
    """
    entries = catalogue.interventions
    meets = catalogue.particulars.needs
    harsh = np.array([asks_too_much_at_low_risk(each) for each in entries], dtype=np.bool_)
    over = (low_risk(subjects) == TRUE)[:, None] & harsh & eligible
    work = np.array([covers(each) for each in entries], dtype=np.bool_)
    advised = eligible & reachable & ~over & work
    covered = advised.astype(np.int64) @ meets.astype(np.int64) > 0
    step = _steps(subjects, catalogue, needs=needs.present, meets=meets, covered=covered)
    met = needs.present.astype(np.int64) @ meets.T.astype(np.int64)
    last = np.argsort(np.argsort(np.array(catalogue.ids)))  # of two alike, the one whose id comes first
    rank = ((step * 2 + over) * (len(NEEDS) + 1) + (len(NEEDS) - met)) * len(entries) + last
    rank[~eligible] = np.iinfo(np.int64).max
    place = np.argsort(np.argsort(rank, axis=1, kind="stable"), axis=1, kind="stable")
    chosen = eligible.sum(axis=1, keepdims=True)
    return Order(place=np.where(eligible, place, chosen), step=np.where(eligible, step, 0), not_advised=over)


def _steps(subjects: Subjects, catalogue: Catalogue, *, needs: Bools, meets: Bools, covered: Bools) -> Ints:
    """The step of each intervention, were the person eligible for it."""
    types = [entry.type for entry in catalogue.interventions]
    usual = np.array([int(_STEPS.get(kind, Step.BESIDE)) for kind in types], dtype=np.int64)
    service = np.array([kind is InterventionType.CRS for kind in types], dtype=np.bool_)
    unsteady = subjects.no("substance_stable") | subjects.yes("acute_mental_health")
    steadies = np.array([need in STABILISING for need in NEEDS])
    own = service & _any_in_common(needs & ~covered, meets)
    steadying = service & unsteady[:, None] & _any_in_common(needs & steadies, meets)
    return np.where(steadying, int(Step.FIRST_CHOICE), np.where(own, int(Step.FOR_OTHER_NEED), usual))


def _any_in_common(needs: Bools, meets: Bools) -> Bools:
    """Does an intervention meet any of a person's needs? [people, interventions]."""
    return np.asarray(needs.astype(np.int64) @ meets.T.astype(np.int64) > 0)
