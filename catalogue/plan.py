"""The catalogue made ready to be asked: every distinct criterion and rule once, sentences with their values filled in.

Many entries share a rule (adults only, sentences to read, an assessment in date), and rules about competing programmes
repeat those programmes' criteria. Asking each distinct criterion once a person, parts before wholes, is what keeps one
person's answer with all its reasons under three milliseconds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from catalogue import logic, messages, pni
from catalogue.criteria import AllOf, AnyOf, AtLeast, Criterion, FirstRecorded, Not, OnPathway, parts_of
from catalogue.errors import UsageError
from catalogue.fields import Subject
from catalogue.intervention import Intervention, Rule
from catalogue.logic import Truth
from catalogue.messages import Messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A distinct criterion, the places of its parts, and how their truths combine (``None`` for a leaf).

    ``pathway`` is the criterion again where it asks for a pathway.
    """

    criterion: Criterion
    parts: tuple[int, ...]
    combine: Callable[[Sequence[Truth]], Truth] | None
    pathway: OnPathway | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRule:
    """A distinct rule, the place of its test among the nodes (``None`` for a question), and its sentences by outcome.

    ``nearly`` says what would make it hold; ``statement`` is the rule by itself.
    """

    rule: Rule
    place: int | None
    fields: tuple[str, ...]
    texts: Mapping[Truth, str]
    nearly: str | None
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An intervention, the places of its rules among the distinct ones, and of those that decide."""

    intervention: Intervention
    rules: tuple[int, ...]
    deciding: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The distinct criteria, parts before wholes; the distinct rules; and the entries that refer to them."""

    nodes: tuple[Node, ...]
    rules: tuple[PlannedRule, ...]
    entries: tuple[Entry, ...]
    asks_pathway: bool

    def truths(self, subject: Subject) -> list[Truth]:
        """How does each criterion come out for this person, in the order of the nodes?"""
        truths: list[Truth] = []
        # Every rule on pathways asks the same of the identifier, so it is asked once.
        reachable = pni.reachable(subject) if self.asks_pathway else frozenset()
        for node in self.nodes:
            if node.combine is not None:
                truths.append(node.combine([truths[part] for part in node.parts]))
            elif node.pathway is not None:
                truths.append(node.pathway.among(reachable))
            else:
                truths.append(node.criterion.holds(subject))
        return truths

    def missing(
        self, place: int, subject: Subject, truths: Sequence[Truth], known: dict[int, tuple[str, ...]]
    ) -> tuple[str, ...]:
        """Which unanswered fields would decide the criterion at ``place``? ``known`` keeps the answers of one person."""
        if truths[place] is not None:
            return ()
        if place not in known:
            node = self.nodes[place]
            known[place] = (
                tuple(node.criterion.missing(subject))
                if node.combine is None
                else tuple(
                    dict.fromkeys(
                        name for part in node.parts for name in self.missing(part, subject, truths, known)
                    )
                )
            )
        return known[place]


def build(interventions: Sequence[Intervention]) -> Plan:
    """Which criteria and rules does the catalogue hold, each once, and which entry uses which?

    Raises ``UsageError`` naming the rule whose sentences are missing from the message file.
    """
    texts = messages.load()
    nodes: dict[Criterion, int] = {}
    planned: list[Node] = []
    rules: dict[tuple[object, ...], int] = {}
    ready: list[PlannedRule] = []
    entries = []
    for intervention in interventions:
        places = []
        for rule in intervention.criteria:
            place = None if rule.test is None else _place(rule.test, nodes, planned)
            key = (
                rule.code,
                rule.kind,
                place,
                rule.source,
                tuple(rule.values.items()),
                rule.changeable,
                rule.legal_basis,
                rule.note,
            )
            if key not in rules:
                rules[key] = len(ready)
                ready.append(_planned(rule, place, texts, intervention.id))
            places.append(rules[key])
        deciding = tuple(each for each in places if ready[each].rule.decides)
        entries.append(Entry(intervention=intervention, rules=tuple(places), deciding=deciding))
    return Plan(
        nodes=tuple(planned),
        rules=tuple(ready),
        entries=tuple(entries),
        asks_pathway=any(node.pathway is not None for node in planned),
    )


def _place(criterion: Criterion, nodes: dict[Criterion, int], planned: list[Node]) -> int:
    if criterion in nodes:
        return nodes[criterion]
    combine = _combination(criterion)
    parts = () if combine is None else tuple(_place(part, nodes, planned) for part in parts_of(criterion))
    nodes[criterion] = len(planned)
    pathway = criterion if isinstance(criterion, OnPathway) else None
    planned.append(Node(criterion=criterion, parts=parts, combine=combine, pathway=pathway))
    return nodes[criterion]


def _combination(criterion: Criterion) -> Callable[[Sequence[Truth]], Truth] | None:
    match criterion:
        case AllOf():
            return logic.conjunction
        case AnyOf():
            return logic.disjunction
        case AtLeast():
            return partial(logic.at_least, criterion.count)
        case Not():
            return _negation
        case FirstRecorded():
            return _first_known
        case _:
            return None


def _negation(truths: Sequence[Truth]) -> Truth:
    return logic.negation(truths[0])


def _first_known(truths: Sequence[Truth]) -> Truth:
    return next((truth for truth in truths if truth is not None), None)


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
        statement=(sentences.rule or sentences.not_met).format(**open_ends, **rule.values),
    )
