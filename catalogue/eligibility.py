"""Eligibility of one person for every intervention, with the reason for each rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from catalogue import messages
from catalogue.fields import FIELDS, Subject
from catalogue.intervention import Rule, RuleKind
from catalogue.loading import Catalogue
from catalogue.logic import Truth
from catalogue.plan import Entry, PlannedRule


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


NAMED_AT_MOST: Final = 3
OUTCOMES: Final = {True: Outcome.MET, False: Outcome.NOT_MET, None: Outcome.UNKNOWN}


def evaluate(subject: Subject, catalogue: Catalogue, *, as_of: date) -> tuple[Eligibility, ...]:
    """What is this person eligible for, why not for the rest, and what is not known yet?

    Gives one answer an intervention, in the catalogue's order. ``subject`` maps names of ``catalogue.fields.FIELDS``
    to values; an absent name is not recorded. Raises ``UsageError`` for a value outside its field's scale.
    """
    plan = catalogue.plan
    answers: list[Truth] = [test.holds(subject) for test in plan.tests]
    return tuple(_eligibility(entry, subject=subject, answers=answers, as_of=as_of) for entry in plan.entries)


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


def _eligibility(entry: Entry, *, subject: Subject, answers: Sequence[Truth], as_of: date) -> Eligibility:
    reasons = [
        _reason(planned, None if planned.place is None else answers[planned.place], subject)
        for planned in entry.rules
    ]
    deciding = [planned for planned in entry.rules if planned.rule.decides]
    truths = [answers[planned.place] for planned in deciding if planned.place is not None]
    status = status_of([planned.rule for planned in deciding], truths)
    if not entry.intervention.offered_on(as_of):
        status = Status.NOT_ELIGIBLE
        reasons.insert(0, _not_offered(entry))
    missing: tuple[str, ...] = ()
    nearly = None
    if status is Status.MISSING_INFORMATION:
        missing = tuple(
            dict.fromkeys(
                name
                for planned, truth in zip(deciding, truths, strict=True)
                if truth is None and planned.rule.test is not None
                for name in planned.rule.test.missing(subject)
            )
        )
    if status is Status.NEARLY:
        nearly = next(
            planned.nearly for planned, truth in zip(deciding, truths, strict=True) if truth is False
        )
    return Eligibility(
        intervention_id=entry.intervention.id,
        status=status,
        reasons=tuple(reasons),
        missing=missing,
        nearly=nearly,
    )


def _not_offered(entry: Entry) -> Reason:
    return Reason(
        code="NOT_OFFERED",
        outcome=Outcome.NOT_MET,
        text=messages.load().rules["NOT_OFFERED"].not_met,
        fields=(),
        source=entry.intervention.source,
    )


def _reason(planned: PlannedRule, truth: Truth, subject: Subject) -> Reason:
    rule = planned.rule
    text = planned.texts[truth]
    if "{" in text:
        text = text.format(value=_value(rule, subject), missing=_wanting(rule, subject))
    return Reason(
        code=rule.code,
        outcome=OUTCOMES[truth],
        text=text,
        fields=planned.fields,
        source=rule.source,
        kind=rule.kind,
    )


def _value(rule: Rule, subject: Subject) -> str:
    """What the record holds for the first field of the rule, in words."""
    if rule.test is None:
        return ""
    value = subject.get(rule.test.fields[0])
    if isinstance(value, str):
        return value.lower().replace("_", " ")
    return f"{value:g}" if isinstance(value, int | float) else ""


def _wanting(rule: Rule, subject: Subject) -> str:
    """The missing answers in words: up to three by name, the rest by number."""
    if rule.test is None:
        return ""
    labels = [FIELDS[name].label for name in rule.test.missing(subject)]
    named, others = labels[:NAMED_AT_MOST], len(labels) - NAMED_AT_MOST
    if others > 0:
        named = [*named, messages.load().phrase("others" if others > 1 else "another", count=others)]
    if len(named) <= 1:
        return "".join(named)
    return f"{', '.join(named[:-1])} {messages.load().phrase('and')} {named[-1]}"
