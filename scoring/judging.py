"""What is advised to some people, from what is known of them: eligibility, reach, order, effects, advice, chances.

Everything works over columns, so a screen asks with one row and the national batch with thousands.
`scoring.suggestions` puts one person's results into words, `scoring.national` writes everybody's to a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from catalogue import Catalogue, choice, eligibility, feasibility
from catalogue.directory import Directory
from catalogue.eligibility import ELIGIBLE, NOT_ELIGIBLE
from catalogue.feasibility import Reach
from catalogue.fields import NEEDS
from catalogue.subjects import Bools, Floats, Ints, Subjects
from catalogue.truth import FALSE
from features.columns import Columns
from features.fit import LABELS, PERSON_FEATURES, fit
from scoring import reasons
from scoring.advice import WHYS, Advice, advise
from scoring.bundle import Bundle
from scoring.effects import EffectArrays, Explained
from scoring.heads import HeadModel
from scoring.reasons import ReasonCode

NO_CODE: Final = -1


@dataclass(frozen=True, kw_only=True)
class Advised:
    """Some people, what is known of them, and what is advised about every intervention.

    Arrays are [people, interventions] in catalogue order. `need` is the place in `NEEDS` of the need that an
    intervention meets first (-1: none); `effects` have one column an intervention, with a support of -1 where no model
    covers it.
    """

    subjects: Subjects
    features: Columns
    catalogue: Catalogue
    bundle: Bundle | None
    judged: eligibility.Judged
    reach: Reach
    needs: choice.Needs
    need: Ints
    order: choice.Order
    effects: EffectArrays
    advice: Advice

    @property
    def eligible(self) -> Bools:
        """Who is eligible for what?"""
        return np.asarray(self.judged.status == ELIGIBLE)

    @property
    def possible(self) -> Bools:
        """What do the rules not rule out, as far as is known?"""
        return np.asarray(self.judged.status != NOT_ELIGIBLE)

    @property
    def spoken(self) -> Bools:
        """Of what that is possible does the model speak?"""
        return self.possible & (self.effects.support >= 0)

    @cached_property
    def arms(self) -> Ints:
        """Where the model has each intervention among its arms, [interventions]; -1 where it does not have it."""
        known = () if self.bundle is None else self.bundle.benefit.arms
        return _places(known, self.catalogue)

    @cached_property
    def explained(self) -> Explained | None:
        """What the effects are made of, with one column an arm of the model; None without a model."""
        return None if self.bundle is None else self.bundle.benefit.explain(self.features)


def judge(
    subjects: Subjects,
    features: Columns,
    *,
    days: Ints,
    bundle: Bundle | None,
    catalogue: Catalogue,
    directory: Directory,
) -> Advised:
    """What is advised of each intervention, to each person on their day?

    Args:
        subjects: what rules may ask about.
        features: the columns that the bundle's models read, one row a person.
        days: days since 1970, one for each person or one for all.
        bundle: the release, or None to answer by the rules alone.
        catalogue: the interventions and their rules.
        directory: what is on offer where.
    """
    judged = eligibility.judge(subjects, catalogue, days=days)
    reach = feasibility.reach(subjects, catalogue, days=days, directory=directory)
    needs = choice.needs_of(subjects)
    need = choice.first_needs(needs, catalogue)
    order = choice.order(
        subjects,
        needs,
        catalogue,
        eligible=judged.status == ELIGIBLE,
        reachable=reach.feasible != FALSE,
    )
    effects = _effects(bundle, features, catalogue, people=len(subjects))
    advice = advise(
        ids=catalogue.ids,
        eligibility=judged.status,
        order=order.place,
        need=need,
        feasible=reach.feasible,
        not_advised=order.not_advised,
        under_way=subjects.lists["open_interventions"].contains(catalogue.ids),
        step=order.step,
        lower=effects.lower,
        upper=effects.upper,
        support=effects.support,
    )
    return Advised(
        subjects=subjects,
        features=features,
        catalogue=catalogue,
        bundle=bundle,
        judged=judged,
        reach=reach,
        needs=needs,
        need=need,
        order=order,
        effects=effects,
        advice=advice,
    )


def _places(arms: tuple[str, ...], catalogue: Catalogue) -> Ints:
    """Where the model has each intervention of the catalogue among its arms; -1 where it does not have it."""
    where = {arm: place for place, arm in enumerate(arms)}
    return np.array([where.get(name, -1) for name in catalogue.ids], dtype=np.int64)


def _effects(bundle: Bundle | None, features: Columns, catalogue: Catalogue, *, people: int) -> EffectArrays:
    """The effects with one column an intervention; a support of -1 where no model covers it."""
    shape = (people, len(catalogue.ids))
    numbers = {name: np.full(shape, np.nan) for name in ("effect", "lower", "upper", "similar")}
    support = np.full(shape, -1, dtype=np.int8)
    if bundle is not None:
        found = bundle.benefit.effects(features)
        place = _places(found.arms, catalogue)
        known = place >= 0
        support[:, known] = found.support[:, place[known]]
        for name, column in numbers.items():
            column[:, known] = getattr(found, name)[:, place[known]]
    return EffectArrays(arms=catalogue.ids, support=support, **numbers)


# ------------------------------------------------------------------------------------------------- the chances


@dataclass(frozen=True, kw_only=True)
class Chances:
    """A head's answer for pairs of a person and an intervention: arrays [pairs], and [pairs, terms].

    The terms and the scorecard's intercept sum to the raw score, of which `probability` is the calibrated chance,
    between `lower` and `upper`.
    """

    terms: Floats
    probability: Floats
    lower: Floats
    upper: Floats


def chances(advised: Advised, heads: Sequence[HeadModel], *, people: Ints, which: Ints) -> list[Chances]:
    """How likely does each head think it is, for pairs of people and interventions?

    Scores read the way and the wait to the entry that would suit anybody best: a separate service is a rule, and must
    not move a score by sex.
    """
    person = {
        name: advised.features[name]
        for name in PERSON_FEATURES
        if name in advised.features and name not in LABELS
    }
    own = fit(
        advised.subjects,
        advised.catalogue,
        people=people,
        which=which,
        minutes=advised.reach.minutes[people, which],
        waiting_weeks=advised.reach.waiting_weeks[people, which],
    )
    return [_chances(head, head.scorecard.explain_pairs(person, people, own)) for head in heads]


def _chances(head: HeadModel, terms: Floats) -> Chances:
    score = np.full(len(terms), head.scorecard.intercept)
    for term in range(terms.shape[1]):
        score += terms[:, term]
    lower, probability, upper = head.calibration.around(score)
    return Chances(terms=terms, probability=probability, lower=lower, upper=upper)


# ------------------------------------------------------------------------------------------------- the reasons


def reason_codes(advised: Advised) -> tuple[npt.NDArray[np.int32], tuple[ReasonCode, ...]]:
    """Up to four reasons for each person and intervention: the need, the rule, the strongest terms of the effect.

    Gives places in the codes that come with them, [people, interventions, reasons]; `NO_CODE` where there are fewer.
    """
    names = () if advised.bundle is None else advised.bundle.benefit.feature_names
    codes = _codes(names)
    need = np.where(advised.eligible & (advised.need >= 0), advised.need, NO_CODE)
    columns = [need, len(NEEDS) + advised.advice.why.astype(np.int64)]
    if advised.explained is not None:
        by_name = np.argsort(np.array(names, dtype=np.str_), kind="stable")
        terms = advised.explained.terms[:, :, by_name]
        strongest = _largest(np.abs(terms), reasons.MOST_TERMS)
        value = np.take_along_axis(terms, strongest, axis=2)
        first = len(NEEDS) + len(WHYS)
        by_arm = np.where(value != 0, first + 2 * strongest + (value > 0), NO_CODE)
        said = (advised.eligible & advised.spoken)[:, :, None]
        moved = np.where(said, by_arm[:, advised.arms], NO_CODE)
        columns.extend(moved[:, :, number] for number in range(moved.shape[2]))
    return np.stack(columns, axis=2).astype(np.int32), codes


@lru_cache(maxsize=8)
def _codes(features: tuple[str, ...]) -> tuple[ReasonCode, ...]:
    """Every reason that can be given: needs, rules, and less or more of an effect by each feature in order of name."""
    return (
        *(reasons.need_code(need) for need in NEEDS),
        *(reasons.why_code(why) for why in WHYS),
        *(
            reasons.term_code("effect", name, more=more)
            for name in sorted(features)
            for more in (False, True)
        ),
    )


def _largest(sizes: Floats, most: int) -> Ints:
    """The places of the largest along the last axis, the largest first; of equals, those that stand first."""
    left = sizes.copy()
    places = np.empty((*sizes.shape[:2], min(most, sizes.shape[2])), dtype=np.int64)
    for number in range(places.shape[2]):
        places[:, :, number] = left.argmax(axis=2)
        np.put_along_axis(left, places[:, :, number, None], -1.0, axis=2)
    return places
