"""What could help this person, what could not, and why? Everything that is said of one case on one day.

Eligibility comes first, by the rules; then feasibility, the chances of starting and finishing, and the effect, each
with its terms; then the advice, which no score can lift over an eligibility rule. Without a bundle the rules alone
answer, marked as such. The national batch (`scoring.national`) gives the same answers from the same parts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from catalogue import Catalogue, choice, eligibility, feasibility
from catalogue.choice import Choice
from catalogue.eligibility import Eligibility, Reason
from catalogue.feasibility import Feasibility, Journey
from catalogue.fields import NEED_THRESHOLDS, Subject
from catalogue.intervention import Intervention
from features import live
from features.case import Case
from features.definitions import SPEC
from features.fit import LABELS, PERSON_FEATURES, fit_of, particulars
from features.spec import FeatureSpec, Scalar
from features.subject import subject_of
from scoring import reasons
from scoring.advice import Advice, Candidate, advise
from scoring.bundle import Bundle
from scoring.effects import Effect
from scoring.heads import HeadModel
from scoring.reasons import Fact, ReasonSentence
from scoring.similar import SimilarPeople

NO_MODEL = "RULES_ONLY"  # what stands for a bundle's version where there is no bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A calibrated chance: its range, and the terms whose sum with the intercept is the raw score."""

    probability: float
    lower: float
    upper: float
    terms: Mapping[str, float]
    intercept: float
    barely_predictable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectAnswer:
    """A difference in the chance of progress against supervision as usual; terms plus intercept are the effect."""

    effect: float
    lower: float
    upper: float
    terms: Mapping[str, float]
    intercept: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionAnswer:
    """Everything that is said of one intervention for one person."""

    intervention_id: str
    name: str
    type: str
    eligibility: str
    reasons: tuple[Reason, ...]
    missing: tuple[str, ...]
    nearly: str | None
    feasibility: Feasibility | None
    rank: int | None
    advice: str
    grounds: str | None
    needs: tuple[str, ...]
    p_commence: Estimate | None
    p_complete: Estimate | None
    effect: EffectAnswer | None
    support: str | None
    reason_codes: tuple[str, ...]
    explanation: tuple[ReasonSentence, ...]
    similar: SimilarPeople | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionSet:
    """The answer to one question: a person, a day, and the versions that answered, in display order.

    `inputs` are the person's features that the models read, by name.
    """

    as_of: date
    setting: str | None
    bundle_version: str
    spec_hash: str
    catalogue_hash: str
    rule_only: bool
    inputs: Mapping[str, Scalar]
    suggestions: tuple[InterventionAnswer, ...]


def suggest(
    case: Case,
    *,
    as_of: date,
    bundle: Bundle | None,
    catalogue: Catalogue,
    directory: Sequence[Mapping[str, Any]] = (),
    travel: Mapping[str, float] | None = None,
    setting: str | None = None,
) -> SuggestionSet:
    """Answer for one case.

    Args:
        case: the person's case history, without protected characteristics.
        as_of: the day of the question; only what was recorded before it counts.
        bundle: the release bundle, or None to answer by the rules alone.
        catalogue: the interventions and their rules.
        directory: rows of the contract's directory table (what is on offer where).
        travel: venue to minutes each way from the person's delivery unit.
        setting: where the person is; derived from the sentence if None.

    Returns:
        One answer for every intervention, in display order.

    Raises:
        UsageError: the bundle was trained on another feature definition than this version's.
    """
    subject = subject_of(case, as_of=as_of, setting=setting)
    judged = {found.intervention_id: found for found in eligibility.evaluate(subject, catalogue, as_of=as_of)}
    known = live.evaluate(case, as_of=as_of, spec=_wanted(frozenset() if bundle is None else bundle.reads))
    needs = assessed_needs(subject)
    effects = bundle.benefit.effects(known.values) if bundle is not None else {}
    offers: dict[object, list[Mapping[str, Any]]] = {}
    for row in directory:
        offers.setdefault(row.get("intervention_id"), []).append(row)
    # Scores read the way and the wait to the place that would suit anybody best: a separate service is a rule of
    # feasibility, and must not move a score by sex.
    question = feasibility.Question(subject, as_of=as_of, travel=travel or {})
    reachable: dict[str, Feasibility] = {}
    journeys: dict[str, Journey] = {}
    for intervention in catalogue.interventions:
        name = intervention.id
        found, journeys[name] = question.answer_and_journey(intervention, offers.get(name, ()))
        reachable[name] = found
    chosen = choice.order(
        subject,
        tuple(judged.values()),
        catalogue,
        reachable=[name for name, found in reachable.items() if found.feasible is not False],
    )
    places = {found.intervention_id: place for place, found in enumerate(chosen)}
    choices = {found.intervention_id: found for found in chosen}
    under_way = subject.get("open_interventions") or ()
    assert isinstance(under_way, tuple)
    candidates = [
        Candidate(
            intervention_id=intervention.id,
            eligibility=judged[intervention.id].status,
            order=places.get(intervention.id, len(places)),
            need=first_need(intervention, needs),
            feasible=reachable[intervention.id].feasible,
            not_advised=choices[intervention.id].not_advised if intervention.id in choices else None,
            under_way=intervention.id in under_way,
            step=int(choices[intervention.id].step) if intervention.id in choices else 0,
            **_bounds(effects.get(intervention.id)),
        )
        for intervention in catalogue.interventions
    ]
    facts = _Facts(known)
    possible = [found.intervention_id for found in judged.values() if found.status != "NOT_ELIGIBLE"]
    chances = (
        {}
        if bundle is None
        else _chances(bundle, known.values, subject, catalogue, {name: journeys[name] for name in possible})
    )
    similar = {}
    if bundle is not None:
        places_alike = bundle.similar.places(known.values)
        similar = {name: bundle.similar.lookup_at(places_alike, name) for name in possible}
    answers = tuple(
        _answer(
            catalogue.by_id(advice.intervention_id),
            advice=advice,
            judged=judged[advice.intervention_id],
            reachable=reachable[advice.intervention_id],
            needs=needs,
            effect=effects.get(advice.intervention_id),
            facts=facts,
            choice=choices.get(advice.intervention_id),
            chances=chances.get(advice.intervention_id, (None, None)),
            similar=similar.get(advice.intervention_id),
        )
        for advice in advise(candidates)
    )
    return SuggestionSet(
        as_of=as_of,
        setting=known_setting if isinstance(known_setting := subject["setting"], str) else None,
        bundle_version=NO_MODEL if bundle is None else bundle.version,
        spec_hash=SPEC.hash,
        catalogue_hash=catalogue.hash,
        rule_only=bundle is None,
        inputs=known.values,
        suggestions=answers,
    )


@lru_cache(maxsize=8)
def _wanted(reads: frozenset[str]) -> FeatureSpec:
    """The features that an answer is made from: the needs that reasons speak of, and what the models read."""
    return SPEC.only(*(name for name in SPEC.names if name in reads or name in NEED_THRESHOLDS))


def assessed_needs(subject: Subject) -> tuple[str, ...]:
    """The sections in which the person has a need, the furthest over its threshold first, ties by name.

    A need is a score at its threshold or a link to reoffending (`catalogue.choice.needs_of`).
    """
    over = {need: _share_of_threshold(subject, need) for need in choice.needs_of(subject)}
    return tuple(sorted(over, key=lambda need: (-over[need], need)))


def _share_of_threshold(subject: Subject, need: str) -> float:
    score = subject.get(need)
    return float(score) / NEED_THRESHOLDS[need] if isinstance(score, int | float) else 0.0


def first_need(intervention: Intervention, needs: Iterable[str]) -> str | None:
    """The assessed need that an intervention meets first, or None where it meets none."""
    return next((need for need in needs if need in intervention.needs), None)


def _bounds(effect: Effect | None) -> dict[str, Any]:
    if effect is None:
        return {}
    return {"effect": effect.effect, "lower": effect.lower, "upper": effect.upper, "support": effect.support}


class _Facts(Mapping[str, Fact]):
    """Each feature's value in words, with the newest record behind it, made when it is asked for."""

    def __init__(self, known: live.LiveRow) -> None:
        self._known = known
        self._made: dict[str, Fact] = {}

    def __getitem__(self, name: str) -> Fact:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._make(name)
        return made

    def _make(self, name: str) -> Fact:
        value = self._known.values[name]
        events = self._known.evidence.get(name, ())
        newest = max(events, key=lambda event: (event.on, event.known_on, event.id)) if events else None
        feature = SPEC[name]
        return Fact(
            label=feature.label,
            unit=feature.unit,
            value=value,
            table=newest.table if newest else None,
            record_id=newest.id if newest else None,
            on=newest.on if newest else None,
        )

    def __contains__(self, name: object) -> bool:
        return name in self._known.values

    def __iter__(self) -> Iterator[str]:
        return iter(self._known.values)

    def __len__(self) -> int:
        return len(self._known.values)


def _answer(
    intervention: Intervention,
    *,
    advice: Advice,
    judged: Eligibility,
    reachable: Feasibility,
    needs: tuple[str, ...],
    effect: Effect | None,
    facts: Mapping[str, Fact],
    choice: Choice | None,
    chances: tuple[Estimate | None, Estimate | None],
    similar: SimilarPeople | None,
) -> InterventionAnswer:
    possible = judged.status != "NOT_ELIGIBLE"
    explanation = _explanation(advice, effect=effect if possible else None, facts=facts, choice=choice)
    return InterventionAnswer(
        intervention_id=intervention.id,
        name=intervention.name,
        type=intervention.type,
        eligibility=judged.status,
        reasons=judged.reasons,
        missing=judged.missing,
        nearly=judged.nearly,
        feasibility=reachable,
        rank=advice.rank,
        advice=advice.advice.value,
        grounds=advice.grounds.value if advice.grounds else None,
        needs=tuple(need for need in needs if need in intervention.needs),
        p_commence=chances[0],
        p_complete=chances[1],
        effect=_effect_answer(effect) if effect is not None and possible else None,
        support=effect.support if effect is not None and possible else None,
        reason_codes=tuple(reason.code for reason in explanation),
        explanation=explanation,
        similar=similar,
    )


def _chances(
    bundle: Bundle,
    values: Mapping[str, Any],
    subject: Subject,
    catalogue: Catalogue,
    journeys: Mapping[str, Journey],
) -> dict[str, tuple[Estimate, Estimate]]:
    """The chances of starting and of finishing each intervention of ``journeys``: a head answers all of them at once."""
    person = {name: values[name] for name in PERSON_FEATURES if name in values and name not in LABELS}
    entries = _entries(catalogue)
    rows = [
        fit_of(subject, *entries[name], minutes=minutes, waiting_weeks=weeks)
        for name, (minutes, weeks) in journeys.items()
    ]
    both = zip(
        _estimates(bundle.commence, person, rows), _estimates(bundle.complete, person, rows), strict=True
    )
    return dict(zip(journeys, both, strict=True))


@lru_cache(maxsize=8)
def _entries(catalogue: Catalogue) -> dict[str, tuple[Intervention, Mapping[str, Any]]]:
    """Each intervention with what a head reads of it, whoever the person; worked out once a catalogue."""
    return {entry.id: (entry, particulars(entry)) for entry in catalogue.interventions}


def _estimates(
    head: HeadModel, person: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> list[Estimate]:
    explained = head.explain_each(person, rows)
    intercept = head.scorecard.intercept
    # The raw score, as the scorecard sums it.
    around = head.calibration.around_each([sum(terms.values(), intercept) for terms in explained])
    return [
        Estimate(
            probability=chance,
            lower=lower,
            upper=upper,
            terms=terms,
            intercept=intercept,
            barely_predictable=head.barely_predictable,
        )
        for terms, (lower, chance, upper) in zip(explained, around, strict=True)
    ]


def _effect_answer(effect: Effect) -> EffectAnswer:
    terms = {name: value for name, value in effect.terms.items() if name != reasons.INTERCEPT}
    return EffectAnswer(
        effect=effect.effect,
        lower=effect.lower,
        upper=effect.upper,
        terms=terms,
        intercept=effect.terms[reasons.INTERCEPT],
    )


def _explanation(
    advice: Advice, *, effect: Effect | None, facts: Mapping[str, Fact], choice: Choice | None
) -> tuple[ReasonSentence, ...]:
    """Up to four reasons: the need, the rule that settled it, and the facts that move the effect most."""
    said: list[ReasonSentence] = []
    if advice.need is not None and advice.advice != "NOT_ELIGIBLE":
        said.append(reasons.of_need(advice.need, facts.get(advice.need)))
    said.append(
        reasons.of_choice(choice)
        if choice is not None and choice.not_advised
        else reasons.of_advice(advice.why)
    )
    if effect is not None and advice.advice != "NOT_ELIGIBLE":
        said.extend(reasons.of_terms("effect", effect.terms, facts))
    return tuple(said[: reasons.MOST_REASONS])
