"""What could help this person, what could not, and why? Everything that is said about one case on one day.

Eligibility comes first, by the rules; then feasibility, the chances of starting and finishing, and the effect, each
with its terms; then the advice, which no score can lift over an eligibility rule. Without a bundle the rules alone
answer, marked as such. `scoring.judging` works it out, for this case as for everybody; here it is put into words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np

from catalogue import Catalogue, eligibility, feasibility
from catalogue.directory import Directory
from catalogue.eligibility import Eligibility
from catalogue.feasibility import Feasibility
from catalogue.fields import NEED_THRESHOLDS, NEEDS
from catalogue.intervention import Intervention
from catalogue.particulars import day_numbers
from catalogue.plan import Reason
from features import columns, live
from features.case import Case
from features.definitions import SPEC
from features.live import Known, LiveRow
from features.spec import FeatureSpec, Scalar
from features.subject import known_subject
from scoring import judging, reasons
from scoring.advice import VERDICTS, display_order, grounds
from scoring.bundle import Bundle
from scoring.effects import SUPPORTS
from scoring.heads import HeadModel
from scoring.judging import NO_CODE, Advised, Chances
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
    """Everything that is said about one intervention for one person."""

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
    directory: Directory | None = None,
    setting: str | None = None,
) -> SuggestionSet:
    """Answer for one case.

    Args:
        case: the person's case history, without protected characteristics.
        as_of: the day of the question; only what was recorded before it counts.
        bundle: the release bundle, or None to answer by the rules alone.
        catalogue: the interventions and their rules.
        directory: what is on offer where, and how far away; None where that is not known.
        setting: where the person is; derived from the sentence if None.

    Returns:
        One answer for every intervention, in display order.

    Raises:
        UsageError: the bundle was trained on another feature definition than this version's.
    """
    known = Known(case, as_of=as_of)
    subject = known_subject(known, setting=setting)
    row = live.fold(known, spec=_wanted(frozenset() if bundle is None else bundle.reads))
    advised = judging.judge(
        subject,
        columns.of_row(row.values),
        days=day_numbers(as_of),
        bundle=bundle,
        catalogue=catalogue,
        directory=Directory.of() if directory is None else directory,
    )
    where = subject.value("setting", 0)
    return SuggestionSet(
        as_of=as_of,
        setting=where if isinstance(where, str) else None,
        bundle_version=NO_MODEL if bundle is None else bundle.version,
        spec_hash=SPEC.hash,
        catalogue_hash=catalogue.hash,
        rule_only=bundle is None,
        inputs=row.values,
        suggestions=_Words(advised, row).answers(),
    )


@lru_cache(maxsize=8)
def _wanted(reads: frozenset[str]) -> FeatureSpec:
    """The features that an answer is made from: the needs that reasons name, and what the models read."""
    return SPEC.only(*(name for name in SPEC.names if name in reads or name in NEED_THRESHOLDS))


class _Facts(Mapping[str, Fact]):
    """Each feature's value in words, with the newest record behind it, made when it is asked for."""

    def __init__(self, known: LiveRow) -> None:
        self._known = known
        self._made: dict[str, Fact] = {}

    def __getitem__(self, name: str) -> Fact:
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

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


class _Words:
    """One person's results put into words."""

    def __init__(self, advised: Advised, known: LiveRow) -> None:
        self.advised = advised
        self.facts = _Facts(known)
        self.possible = np.flatnonzero(advised.possible[0])
        self.spoken = advised.spoken[0].tolist()
        self.judged = eligibility.answers(advised.judged, row=0)
        self.reach = feasibility.describe(advised.reach, row=0)
        self.needs = self._needs()
        codes, self.reasons = judging.reason_codes(advised)
        self.codes: list[list[int]] = codes[0].tolist()
        self.ranks: list[int] = advised.advice.rank[0].tolist()
        self.verdicts: list[int] = advised.advice.verdict[0].tolist()
        self.supports: list[int] = advised.effects.support[0].tolist()
        self.starts, self.finishes, self.similar = self._estimates(known)

    def answers(self) -> tuple[InterventionAnswer, ...]:
        """Every intervention, in display order."""
        advised = self.advised
        shown = display_order(advised.advice, advised.order.place, advised.catalogue.ids, row=0)
        return tuple(self._answer(column) for column in shown)

    def _answer(self, column: int) -> InterventionAnswer:
        advised = self.advised
        intervention: Intervention = advised.catalogue.interventions[column]
        judged: Eligibility = self.judged[column]
        rank = self.ranks[column]
        ground = grounds(advised.advice, 0, column) if rank else None
        explanation = self._explanation(column)
        spoken = self.spoken[column]
        return InterventionAnswer(
            intervention_id=intervention.id,
            name=intervention.name,
            type=intervention.type,
            eligibility=judged.status,
            reasons=judged.reasons,
            missing=judged.missing,
            nearly=judged.nearly,
            feasibility=self.reach[column],
            rank=rank or None,
            advice=VERDICTS[self.verdicts[column]].value,
            grounds=None if ground is None else ground.value,
            needs=tuple(need for need in self.needs if need in intervention.needs),
            p_commence=self.starts.get(column),
            p_complete=self.finishes.get(column),
            effect=self._effect(column) if spoken else None,
            support=SUPPORTS[self.supports[column]] if spoken else None,
            reason_codes=tuple(reason.code for reason in explanation),
            explanation=explanation,
            similar=self.similar.get(column),
        )

    def _needs(self) -> tuple[str, ...]:
        """The person's needs, the furthest over its threshold first, ties by name."""
        pressing = self.advised.needs.pressing[0]
        order = np.argsort(-pressing, kind="stable")
        return tuple(NEEDS[place] for place in order if self.advised.needs.present[0, place])

    def _explanation(self, column: int) -> tuple[ReasonSentence, ...]:
        """Up to four reasons: the need, the rule that settled it, and the facts that move the effect most."""
        said = [code for code in self.codes[column] if code != NO_CODE]
        return tuple([reasons.sentence(self.reasons[code], self.facts) for code in said])

    def _effect(self, column: int) -> EffectAnswer:
        advised = self.advised
        assert advised.bundle is not None
        assert advised.explained is not None
        effects, arm = advised.effects, advised.arms[column]
        names = advised.bundle.benefit.feature_names
        return EffectAnswer(
            effect=float(effects.effect[0, column]),
            lower=float(effects.lower[0, column]),
            upper=float(effects.upper[0, column]),
            terms=dict(zip(names, advised.explained.terms[0, arm].tolist(), strict=True)),
            intercept=float(advised.explained.intercept[0, arm]),
        )

    def _estimates(
        self, known: LiveRow
    ) -> tuple[dict[int, Estimate], dict[int, Estimate], dict[int, SimilarPeople | None]]:
        """The chances of starting and of finishing, and what happened to similar people, of what is possible."""
        bundle = self.advised.bundle
        if bundle is None:
            return {}, {}, {}
        places = bundle.similar.places(known.values)
        ids = self.advised.catalogue.ids
        heads = (bundle.commence, bundle.complete)
        people = np.zeros(len(self.possible), dtype=np.int64)
        starts, finishes = (
            self._chances(head, found)
            for head, found in zip(
                heads, judging.chances(self.advised, heads, people=people, which=self.possible), strict=True
            )
        )
        similar = {column: bundle.similar.lookup_at(places, ids[column]) for column in self.possible.tolist()}
        return starts, finishes, similar

    def _chances(self, head: HeadModel, found: Chances) -> dict[int, Estimate]:
        names = head.scorecard.term_names
        return {
            column: Estimate(
                probability=probability,
                lower=lower,
                upper=upper,
                terms=dict(zip(names, terms, strict=True)),
                intercept=head.scorecard.intercept,
                barely_predictable=head.barely_predictable,
            )
            for column, terms, lower, probability, upper in zip(
                self.possible.tolist(),
                found.terms.tolist(),
                found.lower.tolist(),
                found.probability.tolist(),
                found.upper.tolist(),
                strict=True,
            )
        }
