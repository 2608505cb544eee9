"""What is said about every intervention for one person: lean, as a screen shows it, and in full.

A lean answer leaves out what is null or empty, so most of its fields may be absent; `serving.suggestion_document`
says what it holds.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from serving.schemas.base import Answer

EligibilityCode = Literal["ELIGIBLE", "NEARLY", "MISSING_INFORMATION", "NOT_ELIGIBLE"]
RuleOutcomeCode = Literal["MET", "NOT_MET", "UNKNOWN"]
AdviceCode = Literal["SUGGESTED", "COMPARABLE", "TOO_FEW_SIMILAR", "NOT_ADVISED", "NOT_ELIGIBLE"]
SupportCode = Literal["SUPPORTED", "THIN", "NONE"]
GroundsCode = Literal["EFFECT", "RULES"]
Chance = Annotated[float, Field(ge=0, le=1)]
Place = Annotated[int, Field(ge=0, description="A place in `sentences`, counted from 0")]


class SentenceAnswer(Answer):
    """A reason in words. `outcome` is there for a rule; `table` and `on` say which record it comes from."""

    code: str
    text: str
    outcome: RuleOutcomeCode | None = None
    table: str | None = None
    on: date | None = None


class FeasibilityAnswer(Answer):
    """Can it be had here and in time? `feasible` is absent where the directory says nothing."""

    feasible: bool | None = None
    reasons: list[Place] | None = None
    venue: str | None = None
    minutes: float | None = None
    next_start_on: date | None = None
    waiting_weeks: float | None = None
    format: str | None = None


class ChanceAnswer(Answer):
    """A calibrated chance with its interval."""

    probability: Chance
    lower: Chance
    upper: Chance
    in_words: str
    barely_predictable: bool


class EffectRangeAnswer(Answer):
    """Difference in the chance of progress within 12 months against supervision as usual, with its interval."""

    effect: float
    lower: float
    upper: float


class SimilarPeopleAnswer(Answer):
    """What happened to past people like this one after it: a description, not an effect."""

    people: int
    share: float
    lower: float
    upper: float
    label: str


class SuggestionAnswer(Answer):
    """What a screen shows about one intervention for this person."""

    intervention_id: str
    name: str
    type: str
    rank: int | None
    advice: AdviceCode
    eligibility: EligibilityCode
    missing: list[str]
    needs: list[str] | None = None
    nearly: str | None = None
    grounds: GroundsCode | None = None
    reasons: list[Place] | None = None
    explanation: list[Place] | None = None
    feasibility: FeasibilityAnswer | None = None
    p_commence: ChanceAnswer | None = None
    p_complete: ChanceAnswer | None = None
    effect: EffectRangeAnswer | None = None
    support: SupportCode | None = None
    similar: SimilarPeopleAnswer | None = None


class SuggestionSetHead(Answer):
    """Which question a set answers, and from which versions.

    `ruleOnly` is true when no release bundle was in use: eligibility and the order of choice by rules alone.
    """

    id: str
    crn: str | None
    as_of: date
    setting: str | None
    rule_only: bool
    bundle_version: str
    spec_hash: str
    catalogue_hash: str
    case_hash: str


class SuggestionSetAnswer(SuggestionSetHead):
    """A suggestion set, lean: what was said about every intervention, in display order, each sentence once."""

    sentences: list[SentenceAnswer]
    suggestions: list[SuggestionAnswer]


class RuleAnswer(Answer):
    """One rule of an intervention, whether this person meets it, and where the rule comes from."""

    code: str
    outcome: RuleOutcomeCode
    text: str
    fields: list[str]
    kind: Literal["RULE", "ADVISORY", "QUESTION"]
    source: str | None


class FeasibilityInFull(Answer):
    """Can it be had here and in time? `feasible` is null where the directory says nothing."""

    feasible: bool | None
    reasons: list[RuleAnswer]
    venue: str | None
    minutes: float | None
    next_start_on: date | None
    waiting_weeks: float | None
    format: str | None


class ChanceInFull(ChanceAnswer):
    """The terms and the intercept add up to the raw score of the chance."""

    intercept: float
    terms: dict[str, float]


class EffectInFull(EffectRangeAnswer):
    """The terms and the intercept add up to the effect."""

    intercept: float
    terms: dict[str, float]


class ExplanationAnswer(Answer):
    """A reason in a sentence, with the record it comes from and its date."""

    code: str
    text: str
    table: str | None
    record_id: str | None
    on: date | None


class SimilarPeopleInFull(SimilarPeopleAnswer):
    """`alike` says in what they were alike; `rung` is 0 for the closest group that could be shown."""

    rung: int
    alike: dict[str, str]


class SuggestionInFull(Answer):
    """Everything that is said about one intervention for this person."""

    intervention_id: str
    name: str
    type: str
    rank: int | None
    advice: AdviceCode
    grounds: GroundsCode | None
    eligibility: EligibilityCode
    reasons: list[RuleAnswer]
    missing: list[str]
    nearly: str | None
    feasibility: FeasibilityInFull | None
    needs: list[str]
    p_commence: ChanceInFull | None
    p_complete: ChanceInFull | None
    effect: EffectInFull | None
    support: SupportCode | None
    reason_codes: list[str]
    explanation: list[ExplanationAnswer]
    similar: SimilarPeopleInFull | None


class SuggestionSetInFull(SuggestionSetHead):
    """A suggestion set as it is kept: every rule of every intervention, and every term of every chance."""

    suggestions: list[SuggestionInFull]
