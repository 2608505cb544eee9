"""Eligibility of one person for every intervention, with the reason for each rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Final

from catalogue import messages
from catalogue.fields import FIELDS, Subject
from catalogue.intervention import Intervention, Rule, RuleKind
from catalogue.loading import Catalogue
from catalogue.logic import Truth
from catalogue.plan import Entry, PlannedRule
from catalogue.subject import checked


class Status(StrEnum):
    """Whether a person can be offered an intervention."""

    ELIGIBLE = "ELIGIBLE"
    NEARLY = "NEARLY"
    MISSING_INFORMATION = "MISSING_INFORMATION"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"


class Outcome(StrEnum):
    """How a single rule came out."""

    MET = "MET"
    NOT_MET = "NOT_MET"
    UNKNOWN = "UNKNOWN"


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
class Eligibility:
    """One person and one intervention: the status, a reason for each rule, and what would change it.

    ``missing`` names the unanswered fields that would decide, under MISSING_INFORMATION only; ``nearly`` is the
    sentence that says what it would take, under NEARLY only.
    """

    intervention_id: str
    status: Status
    reasons: tuple[Reason, ...]
    missing: tuple[str, ...]
    nearly: str | None


OUTCOMES: Final = {True: Outcome.MET, False: Outcome.NOT_MET, None: Outcome.UNKNOWN}


def evaluate(subject: Mapping[str, object], catalogue: Catalogue, *, as_of: date) -> tuple[Eligibility, ...]:
    """What is this person eligible for, why not for the rest, and what is not known yet?

    Gives one answer an intervention, in the catalogue's order. ``subject`` maps names of ``catalogue.fields.FIELDS``
    to values; an absent name is not recorded. Raises ``UsageError`` for a value that its field cannot hold.
    """
    person = _Person(catalogue, checked(subject))
    return tuple(person.eligibility(entry, as_of) for entry in catalogue.plan.entries)


def status_of(rules: Sequence[Rule], truths: Sequence[Truth]) -> Status:
    """What do the outcomes of an entry's deciding rules come to?

    One failed rule rules a person out, whatever is unknown; NEARLY needs every other rule to hold.
    """
    failed = [rule for rule, truth in zip(rules, truths, strict=True) if truth is False]
    unknown = any(truth is None for truth in truths)
    if not failed:
        return Status.MISSING_INFORMATION if unknown else Status.ELIGIBLE
    if len(failed) == 1 and failed[0].changeable is not None and not unknown:
        return Status.NEARLY
    return Status.NOT_ELIGIBLE


class _Person:
    """One person's answers to every distinct criterion, and the reasons made from them, each once."""

    def __init__(self, catalogue: Catalogue, subject: Subject) -> None:
        plan = self.plan = catalogue.plan
        self.subject = subject
        self.truths = plan.truths(subject)
        self.wanting: dict[int, tuple[str, ...]] = {}
        self.outcomes: list[Truth] = [
            None if planned.place is None else self.truths[planned.place] for planned in plan.rules
        ]
        self.reasons = [
            ready.get(truth) or self._reason(planned, truth)
            for planned, truth, ready in zip(
                plan.rules, self.outcomes, _reasons_for_anybody(catalogue), strict=True
            )
        ]

    def eligibility(self, entry: Entry, as_of: date) -> Eligibility:
        """How does one intervention come out?"""
        rules = self.plan.rules
        reasons = tuple([self.reasons[each] for each in entry.rules])
        truths = [self.outcomes[each] for each in entry.deciding]
        if False in truths:
            status = status_of([rules[each].rule for each in entry.deciding], truths)
        else:  # as `status_of` has it where no rule failed
            status = Status.MISSING_INFORMATION if None in truths else Status.ELIGIBLE
        if not entry.intervention.offered_on(as_of):
            status = Status.NOT_ELIGIBLE
            reasons = (_not_offered(entry.intervention), *reasons)
        missing: tuple[str, ...] = ()
        nearly = None
        if status is Status.MISSING_INFORMATION:
            missing = tuple(
                dict.fromkeys(name for each in entry.deciding for name in self._missing(rules[each]))
            )
        elif status is Status.NEARLY:
            nearly = next(rules[each].nearly for each in entry.deciding if self.outcomes[each] is False)
        return Eligibility(
            intervention_id=entry.intervention.id,
            status=status,
            reasons=reasons,
            missing=missing,
            nearly=nearly,
        )

    def _missing(self, planned: PlannedRule) -> tuple[str, ...]:
        if planned.place is None:
            return ()
        return self.plan.missing(planned.place, self.subject, self.truths, self.wanting)

    def _reason(self, planned: PlannedRule, truth: Truth) -> Reason:
        text = planned.texts[truth]
        if "{missing}" in text:
            labels = tuple([FIELDS[name].label for name in self._missing(planned)])
            text = messages.naming(text, "missing", labels)
        elif "{" in text:
            text = text.format(value=_value(planned, self.subject))
        return _reason_of(planned, truth, text)


def _reason_of(planned: PlannedRule, truth: Truth, text: str) -> Reason:
    rule = planned.rule
    return Reason(
        code=rule.code,
        outcome=OUTCOMES[truth],
        text=text,
        fields=planned.fields,
        source=rule.source,
        kind=rule.kind,
    )


@lru_cache(maxsize=8)
def _reasons_for_anybody(catalogue: Catalogue) -> tuple[Mapping[Truth, Reason], ...]:
    """Of each distinct rule, by outcome, the reasons whose sentence has no place for what a record holds."""
    return tuple(
        {truth: _reason_of(planned, truth, text) for truth, text in planned.texts.items() if "{" not in text}
        for planned in catalogue.plan.rules
    )


def _not_offered(intervention: Intervention) -> Reason:
    return Reason(
        code="NOT_OFFERED",
        outcome=Outcome.NOT_MET,
        text=messages.load().rules["NOT_OFFERED"].not_met,
        fields=(),
        source=intervention.source,
    )


def _value(planned: PlannedRule, subject: Subject) -> str:
    """What the record holds for the first field of the rule, in words."""
    value = subject.get(planned.fields[0]) if planned.fields else None
    if isinstance(value, str):
        return value.lower().replace("_", " ")
    return f"{value:g}" if isinstance(value, int | float) else ""
