"""The catalogue made ready to be asked: every distinct criterion and rule once, sentences with their values filled in.

Many entries share a rule (adults only, sentences to read, an assessment in date), and rules about competing programmes
repeat those programmes' criteria. Each distinct criterion is asked once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np

from catalogue import messages
from catalogue.criteria import Criterion
from catalogue.errors import UsageError
from catalogue.intervention import Intervention, Rule, RuleKind
from catalogue.messages import Messages
from catalogue.subjects import Bools, Ints
from catalogue.truth import FALSE, TRUE, UNKNOWN, Criteria, Segments, criteria


class Outcome(StrEnum):
    """How a single rule came out."""

    MET = "MET"
    NOT_MET = "NOT_MET"
    UNKNOWN = "UNKNOWN"


OUTCOMES: Final[Mapping[int, Outcome]] = MappingProxyType(
    {FALSE: Outcome.NOT_MET, UNKNOWN: Outcome.UNKNOWN, TRUE: Outcome.MET}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """How one rule came out for one person, in a sentence, with the fields and the source it rests on.

    ``kind`` says whether the rule decides, advises or asks; advice and questions bear on no status.
    """

    code: str
    outcome: Outcome
    text: str
    fields: tuple[str, ...]
    source: str
    kind: RuleKind = RuleKind.RULE


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRule:
    """A distinct rule, where its test stands among the criteria (``None`` for a question), and its sentences by truth.

    ``reasons`` holds, by truth, the reason whose sentence has no place for what a record holds: it is the same for
    everybody. ``nearly`` says what would make the rule hold; ``statement`` is the rule by itself.
    """

    rule: Rule
    place: int | None
    fields: tuple[str, ...]
    texts: Mapping[int, str]
    reasons: Mapping[int, Reason]
    nearly: str | None
    statement: str

    def reason(self, truth: int, text: str) -> Reason:
        """The reason that says how the rule came out."""
        return Reason(
            code=self.rule.code,
            outcome=OUTCOMES[truth],
            text=text,
            fields=self.fields,
            source=self.rule.source,
            kind=self.rule.kind,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedEntry:
    """An intervention, the places of its rules among the distinct ones, and of those that decide."""

    intervention: Intervention
    rules: tuple[int, ...]
    deciding: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """The distinct criteria and rules of a catalogue, and the entries that refer to them.

    ``deciding`` are the tests of each entry's deciding rules among the criteria, end to end in the order of the entries
    that have any (``decided``); ``changeable`` says for each whether it could hold later.
    """

    criteria: Criteria
    rules: tuple[PlannedRule, ...]
    entries: tuple[PlannedEntry, ...]
    decided: Ints
    deciding: Segments
    changeable: Bools

    @property
    def fields(self) -> tuple[str, ...]:
        """Which fields do the deciding rules ask about, by name?"""
        asked = {
            name for entry in self.entries for each in entry.deciding for name in self.rules[each].fields
        }
        return tuple(sorted(asked))


def build(interventions: Sequence[Intervention]) -> Plan:
    """Which criteria and rules does the catalogue hold, each once, and which entry uses which?

    Raises ``UsageError`` naming the rule whose sentences are missing from the message file.
    """
    texts = messages.load()
    asked = criteria(rule.test for each in interventions for rule in each.criteria if rule.test is not None)
    rules: dict[tuple[object, ...], int] = {}
    planned: list[PlannedRule] = []
    entries = []
    for intervention in interventions:
        places = []
        for rule in intervention.criteria:
            key = _identity(rule, asked.place)
            if key not in rules:
                rules[key] = len(planned)
                planned.append(_planned(rule, asked.place, texts, intervention.id))
            places.append(rules[key])
        deciding = tuple(each for each in places if planned[each].rule.decides)
        entries.append(PlannedEntry(intervention=intervention, rules=tuple(places), deciding=deciding))
    ruled = [number for number, entry in enumerate(entries) if entry.deciding]
    held = [planned[each] for number in ruled for each in entries[number].deciding]
    return Plan(
        criteria=asked,
        rules=tuple(planned),
        entries=tuple(entries),
        decided=np.array(ruled, dtype=np.int64),
        deciding=Segments.of(
            [[_test(planned[each]) for each in entries[number].deciding] for number in ruled]
        ),
        changeable=np.array([each.rule.changeable is not None for each in held], dtype=np.bool_),
    )


def _identity(rule: Rule, place: Mapping[Criterion, int]) -> tuple[object, ...]:
    """What two rules share that are one and the same."""
    return (
        rule.code,
        rule.kind,
        None if rule.test is None else place[rule.test],
        rule.source,
        tuple(rule.values.items()),
        rule.changeable,
        rule.legal_basis,
        rule.note,
    )


def _test(planned: PlannedRule) -> int:
    """Where the test of a deciding rule stands among the criteria."""
    assert planned.place is not None
    return planned.place


def _planned(
    rule: Rule, place: Mapping[Criterion, int], texts: Messages, intervention_id: str
) -> PlannedRule:
    sentences = texts.rules.get(rule.code)
    if sentences is None:
        raise UsageError(
            f"The rule '{rule.code}' of '{intervention_id}' has no sentences; add them to catalogue/messages/en.yaml."
        )
    # What only the person's record can fill stays open until then.
    open_ends = {"value": "{value}", "missing": "{missing}"}
    try:
        filled = {
            truth: sentence.format(**open_ends, **rule.values)
            for truth, sentence in (
                (TRUE, sentences.met),
                (FALSE, sentences.not_met),
                (UNKNOWN, sentences.unknown),
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
    bare = PlannedRule(
        rule=rule,
        place=None if rule.test is None else place[rule.test],
        fields=() if rule.test is None else rule.test.fields,
        texts=MappingProxyType(filled),
        reasons=MappingProxyType({}),
        nearly=None if sentences.nearly is None else sentences.nearly.format(**rule.values),
        statement=(sentences.rule or sentences.not_met).format(**open_ends, **rule.values),
    )
    ready = {truth: bare.reason(truth, text) for truth, text in filled.items() if "{" not in text}
    return replace(bare, reasons=MappingProxyType(ready))
