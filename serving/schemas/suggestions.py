"""What is said about every intervention for one person, as it was shown and as it is kept."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from serving.schemas.base import Answer

Eligibility = Literal["ELIGIBLE", "NEARLY", "MISSING_INFORMATION", "NOT_ELIGIBLE"]
Outcome = Literal["MET", "NOT_MET", "UNKNOWN"]
Advice = Literal["SUGGESTED", "COMPARABLE", "TOO_FEW_SIMILAR", "NOT_ADVISED", "NOT_ELIGIBLE"]
Support = Literal["SUPPORTED", "THIN", "NONE"]


class RuleAnswer(Answer):
    """One rule of an intervention, and whether this person meets it."""

    code: str
    outcome: Outcome
    text: str
    fields: list[str]
    kind: Literal["RULE", "ADVISORY", "QUESTION"]
    source: str | None


class FeasibilityAnswer(Answer):
    """Can it be had here and in time? `feasible` is null where the directory says nothing."""

    feasible: bool | None
    reasons: list[RuleAnswer]
    venue: str | None
    minutes: float | None
    next_start_on: date | None
    waiting_weeks: float | None
    format: str | None


class EstimateAnswer(Answer):
    """A calibrated chance with its interval, and the terms whose sum with the intercept is its raw score."""

    probability: Annotated[float, Field(ge=0, le=1)]
    lower: Annotated[float, Field(ge=0, le=1)]
    upper: Annotated[float, Field(ge=0, le=1)]
    in_words: str
    barely_predictable: bool
    intercept: float
    terms: dict[str, float]


class EffectAnswer(Answer):
    """Difference in the chance of progress within 12 months against supervision as usual."""

    effect: float
    lower: float
    upper: float
    intercept: float
    terms: dict[str, float]


class SentenceAnswer(Answer):
    """A reason in a sentence, with the record it came from and its date."""

    code: str
    text: str
    table: str | None
    record_id: str | None
    on: date | None


class SimilarAnswer(Answer):
    """What happened to past people like this one after it: a description, not an effect.

    `alike` says in what they were alike; `rung` is 0 for the closest group that could be shown.
    """

    people: int
    share: float
    lower: float
    upper: float
    rung: int
    alike: dict[str, str]
    label: str


class InterventionAnswer(Answer):
    """Everything that is said about one intervention for this person."""

    intervention_id: str
    name: str
    type: str
    rank: int | None
    advice: Advice
    grounds: Literal["EFFECT", "RULES"] | None
    eligibility: Eligibility
    reasons: list[RuleAnswer]
    missing: list[str]
    nearly: str | None
    feasibility: FeasibilityAnswer | None
    needs: list[str]
    p_commence: EstimateAnswer | None
    p_complete: EstimateAnswer | None
    effect: EffectAnswer | None
    support: Support | None
    reason_codes: list[str]
    explanation: list[SentenceAnswer]
    similar: SimilarAnswer | None


class SuggestionSetAnswer(Answer):
    """A suggestion set: what was said about every intervention, in display order, and from which versions.

    `ruleOnly` is true when no release bundle was in use: eligibility and the order of choice by rules alone.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid", allow_inf_nan=False
    )

    id: str
    crn: str | None
    as_of: date
    setting: str | None
    rule_only: bool
    bundle_version: str
    spec_hash: str
    catalogue_hash: str
    case_hash: str
    suggestions: list[InterventionAnswer]
