"""The document of a suggestion set: what the API answers, what the screens are drawn from and what is kept."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import orjson

from catalogue.eligibility import Reason
from catalogue.feasibility import Feasibility
from scoring.similar import SimilarPeople
from scoring.suggestions import EffectAnswer, Estimate, InterventionAnswer, SuggestionSet
from serving.screens.words import in_a_hundred

Document = dict[str, Any]


def describe(answer: SuggestionSet, *, key: str, crn: str | None, case_hash: str) -> Document:
    """The document of a suggestion set (serving.schemas.suggestions.SuggestionSetAnswer)."""
    return {
        "id": key,
        "crn": crn,
        "asOf": answer.as_of,
        "setting": answer.setting,
        "ruleOnly": answer.rule_only,
        "bundleVersion": answer.bundle_version,
        "specHash": answer.spec_hash,
        "catalogueHash": answer.catalogue_hash,
        "caseHash": case_hash,
        "suggestions": [_intervention(item) for item in answer.suggestions],
    }


def _intervention(item: InterventionAnswer) -> Document:
    return {
        "interventionId": item.intervention_id,
        "name": item.name,
        "type": str(item.type),
        "rank": item.rank,
        "advice": str(item.advice),
        "grounds": item.grounds,
        "eligibility": str(item.eligibility),
        "reasons": [_rule(reason) for reason in item.reasons],
        "missing": list(item.missing),
        "nearly": item.nearly,
        "feasibility": None if item.feasibility is None else _feasibility(item.feasibility),
        "needs": list(item.needs),
        "pCommence": None if item.p_commence is None else _estimate(item.p_commence),
        "pComplete": None if item.p_complete is None else _estimate(item.p_complete),
        "effect": None if item.effect is None else _effect(item.effect),
        "support": item.support,
        "reasonCodes": list(item.reason_codes),
        "explanation": [
            {
                "code": sentence.code,
                "text": sentence.text,
                "table": sentence.table,
                "recordId": sentence.record_id,
                "on": sentence.on,
            }
            for sentence in item.explanation
        ],
        "similar": None if item.similar is None else _similar(item.similar),
    }


Rule = tuple[str, str, str, tuple[str, ...], str, str | None]
# Most results of rules are one object for everybody: found by which object it is, beside that object.
_RULES: Final[dict[int, tuple[Reason, orjson.Fragment]]] = {}
_MOST_RULES: Final = 16_384


def _rule(reason: Reason) -> orjson.Fragment:
    known = _RULES.get(id(reason))
    if known is not None and known[0] is reason:
        return known[1]
    made = _rule_of((reason.code, reason.outcome, reason.text, reason.fields, reason.kind, reason.source))
    if len(_RULES) >= _MOST_RULES:
        _RULES.clear()
    _RULES[id(reason)] = (reason, made)
    return made


@lru_cache(maxsize=_MOST_RULES)
def _rule_of(rule: Rule) -> orjson.Fragment:
    """A rule's result as JSON: the same few thousand come again with every person, so each is made once."""
    code, outcome, text, fields, kind, source = rule
    found = {
        "code": code,
        "outcome": str(outcome),
        "text": text,
        "fields": list(fields),
        "kind": str(kind),
        "source": source,
    }
    return orjson.Fragment(orjson.dumps(found))


def _feasibility(found: Feasibility) -> Document:
    return {
        "feasible": found.feasible,
        "reasons": [_rule(reason) for reason in found.reasons],
        "venue": found.venue,
        "minutes": found.minutes,
        "nextStartOn": found.next_start_on,
        "waitingWeeks": found.waiting_weeks,
        "format": found.format,
    }


def _estimate(found: Estimate) -> Document:
    return {
        "probability": found.probability,
        "lower": found.lower,
        "upper": found.upper,
        "inWords": in_a_hundred(found.lower, found.upper),
        "barelyPredictable": found.barely_predictable,
        "intercept": found.intercept,
        "terms": dict(found.terms),
    }


def _effect(found: EffectAnswer) -> Document:
    return {
        "effect": found.effect,
        "lower": found.lower,
        "upper": found.upper,
        "intercept": found.intercept,
        "terms": dict(found.terms),
    }


def _similar(found: SimilarPeople) -> Document:
    return {
        "people": found.people,
        "share": found.share,
        "lower": found.lower,
        "upper": found.upper,
        "rung": found.rung,
        "alike": dict(found.alike),
        "label": found.label,
    }
