"""The catalogue made ready to be asked: distinct tests once each, and sentences with their values filled in.

Many entries share a rule (adults only, sentences to read, an assessment in date); asking each distinct test once a
person is what keeps one person's answer under three milliseconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from catalogue import messages
from catalogue.criteria import Criterion
from catalogue.errors import UsageError
from catalogue.intervention import Intervention, Rule
from catalogue.logic import Truth
from catalogue.messages import Messages


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRule:
    """A rule, the place of its test in the plan (``None`` for a question), and its sentences by outcome."""

    rule: Rule
    place: int | None
    fields: tuple[str, ...]
    texts: Mapping[Truth, str]
    nearly: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An intervention and its rules, ready to be asked."""

    intervention: Intervention
    rules: tuple[PlannedRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The distinct tests, and the entries that refer to them by place."""

    tests: tuple[Criterion, ...]
    entries: tuple[Entry, ...]


def build(interventions: Sequence[Intervention]) -> Plan:
    """Which tests does the catalogue ask, each once, and who uses them?

    Raises ``UsageError`` naming the rule whose sentences are missing from the message file.
    """
    texts = messages.load()
    places: dict[Criterion, int] = {}
    entries = []
    for intervention in interventions:
        rules = []
        for rule in intervention.criteria:
            place = None if rule.test is None else places.setdefault(rule.test, len(places))
            rules.append(_planned(rule, place, texts, intervention.id))
        entries.append(Entry(intervention=intervention, rules=tuple(rules)))
    return Plan(tests=tuple(places), entries=tuple(entries))


def _planned(rule: Rule, place: int | None, texts: Messages, intervention_id: str) -> PlannedRule:
    sentences = texts.rules.get(rule.code)
    if sentences is None:
        raise UsageError(
            f"The rule '{rule.code}' of '{intervention_id}' has no sentences; add them to catalogue/messages/en.yaml."
        )
    # What only the person's record can fill stays open until then.
    open_ends = {"value": "{value}", "missing": "{missing}"}
    try:
        filled = {
            outcome: sentence.format(**open_ends, **rule.values)
            for outcome, sentence in (
                (True, sentences.met),
                (False, sentences.not_met),
                (None, sentences.unknown),
            )
        }
    except KeyError as error:
        raise UsageError(
            f"The sentences of '{rule.code}' want a value {error} that '{intervention_id}' does not give; "
            "add it under the rule's 'values'."
        ) from error
    if rule.changeable is not None and sentences.nearly is None:
        raise UsageError(
            f"The rule '{rule.code}' can change, but no sentence says what it would take; add 'nearly'."
        )
    return PlannedRule(
        rule=rule,
        place=place,
        fields=() if rule.test is None else rule.test.fields,
        texts=MappingProxyType(filled),
        nearly=None if sentences.nearly is None else sentences.nearly.format(**rule.values),
    )
