"""The document of a suggestion set: whole, as it is kept and as the screens read it, and lean, as the API sends it.

The whole document says everything: each rule of each intervention, and each term of each chance. `lean` leaves out
what no screen shows and says a sentence that several interventions share once
(docs/decisions/0809-lean-answers.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from catalogue.feasibility import Feasibility
from catalogue.plan import Reason
from scoring.similar import SimilarPeople
from scoring.suggestions import EffectAnswer, Estimate, InterventionAnswer, SuggestionSet
from serving.words import in_a_hundred

Document = dict[str, Any]

DECIMALS: Final = 3
"""Decimals of the chances, shares and effects of a lean document."""


def describe(answer: SuggestionSet, *, key: str, crn: str | None, case_hash: str) -> Document:
    """What is said about a person, as plain JSON values? The whole document (`SuggestionSetInFull`).

    Args:
        answer: what the scoring room said.
        key: the id of the set.
        crn: the person; None for a case that is not in the store.
        case_hash: the hash of the case that was answered about.
    """
    return {
        "id": key,
        "crn": crn,
        "asOf": answer.as_of.isoformat(),
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
                "on": None if sentence.on is None else sentence.on.isoformat(),
            }
            for sentence in item.explanation
        ],
        "similar": None if item.similar is None else _similar(item.similar),
    }


def _rule(reason: Reason) -> Document:
    return {
        "code": reason.code,
        "outcome": str(reason.outcome),
        "text": reason.text,
        "fields": list(reason.fields),
        "kind": str(reason.kind),
        "source": reason.source,
    }


def _feasibility(found: Feasibility) -> Document:
    return {
        "feasible": found.feasible,
        "reasons": [_rule(reason) for reason in found.reasons],
        "venue": found.venue,
        "minutes": found.minutes,
        "nextStartOn": None if found.next_start_on is None else found.next_start_on.isoformat(),
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


def lean(whole: Document) -> Document:
    """What a screen shows of a whole document (`SuggestionSetAnswer`), in an eighth of its size.

    - Each sentence stands once, in `sentences`; `reasons` and `explanation` give the places of theirs, from 0.
    - What is ranked or comparable has all its rules, its chances, its effect and where it can be had. The rest has
      what settles it: the rules that are not met or not known, or the explanation.
    - What is null or empty is left out, but for `rank` and `missing`. So are terms, intercepts and the sources of
      rules. Chances, shares and effects have three decimals.
    """
    sentences = _Sentences()
    suggestions = [_lean_intervention(item, sentences) for item in whole["suggestions"]]
    return {**whole, "sentences": sentences.listed(), "suggestions": suggestions}


class _Sentences:
    """Numbers the sentences of a set in the order in which they are first said."""

    def __init__(self) -> None:
        self._places: dict[tuple[str | None, ...], int] = {}

    def rules(self, rules: Iterable[Document]) -> list[int]:
        """The places of the results of rules."""
        return [self._place(rule["code"], rule["text"], rule["outcome"], None, None) for rule in rules]

    def explanation(self, said: Iterable[Document]) -> list[int]:
        """The places of the sentences that explain an advice, each with the record it comes from."""
        return [self._place(line["code"], line["text"], None, line["table"], line["on"]) for line in said]

    def _place(self, *sentence: str | None) -> int:
        return self._places.setdefault(sentence, len(self._places))

    def listed(self) -> list[Document]:
        """Every sentence, by its place."""
        names = ("code", "text", "outcome", "table", "on")
        return [_without_null(dict(zip(names, sentence, strict=True))) for sentence in self._places]


def _lean_intervention(item: Document, sentences: _Sentences) -> Document:
    """One intervention, as a card or a line of a screen shows it."""
    found = {name: item[name] for name in ("interventionId", "name", "type", "rank", "advice")}
    found |= {"eligibility": item["eligibility"], "missing": item["missing"]}
    if item["needs"]:
        found["needs"] = item["needs"]
    if item["nearly"]:
        found["nearly"] = item["nearly"]
    if item["eligibility"] != "ELIGIBLE":
        return {**found, "reasons": sentences.rules(filter(_decides, item["reasons"]))}
    found["explanation"] = sentences.explanation(item["explanation"])
    reachable = item["feasibility"]
    if reachable is not None:
        not_met = sentences.rules(filter(_decides, reachable["reasons"]))
        reachable = _without_null({**reachable, "reasons": not_met or None})
    if item["rank"] is None and item["advice"] != "COMPARABLE":
        if reachable is not None and "reasons" in reachable:
            found["feasibility"] = reachable
        return found
    shown = {
        "grounds": item["grounds"],
        "reasons": sentences.rules(item["reasons"]),
        "feasibility": reachable,
        "support": item["support"],
        "pCommence": _rounded(item["pCommence"]),
        "pComplete": _rounded(item["pComplete"]),
        "effect": _rounded(item["effect"]),
        "similar": _rounded(item["similar"]),
    }
    return {**found, **_without_null(shown)}


def _decides(rule: Document) -> bool:
    """Can this result keep somebody out? Advice and questions decide nothing."""
    return bool(rule["outcome"] != "MET" and rule["kind"] == "RULE")


NOT_SHOWN: Final = frozenset({"terms", "intercept", "rung", "alike"})


def _rounded(found: Document | None) -> Document | None:
    """A chance, an effect or similar people, without what no screen shows."""
    if found is None:
        return None
    return {
        name: round(value, DECIMALS) if isinstance(value, float) else value
        for name, value in found.items()
        if name not in NOT_SHOWN
    }


def _without_null(document: Document) -> Document:
    return {name: value for name, value in document.items() if value is not None}
