"""Eligibility for every intervention, with the reason for each rule.

The rules are asked over columns: ``judge`` takes one person or thousands. ``answers`` puts one person's results into
words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from catalogue import messages
from catalogue.fields import FIELDS
from catalogue.intervention import Intervention, RuleKind
from catalogue.loading import Catalogue
from catalogue.particulars import day_numbers
from catalogue.plan import Outcome, PlannedRule, Reason
from catalogue.subjects import Bits, Ints, Subjects, fields_in
from catalogue.truth import FALSE, UNKNOWN, Truths

Statuses = npt.NDArray[np.int8]


class Status(StrEnum):
    """Whether a person can be offered an intervention."""

    ELIGIBLE = "ELIGIBLE"
    NEARLY = "NEARLY"
    MISSING_INFORMATION = "MISSING_INFORMATION"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"


STATUSES: Final = tuple(Status)
"""The statuses that the codes of ``Judged.status`` stand for, by place."""
ELIGIBLE, NEARLY, MISSING, NOT_ELIGIBLE = range(len(STATUSES))
# By the worst truth among the deciding rules, where none failed.
_STATUS_OF: Final = np.array([NOT_ELIGIBLE, MISSING, ELIGIBLE], dtype=np.int8)


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


@dataclass(frozen=True, eq=False, kw_only=True)
class Judged:
    """Some people held against the catalogue's rules.

    ``truths`` [criteria, people] says how each criterion came out, ``status`` [people, interventions] holds places in
    ``STATUSES``, ``offered`` [people, interventions] says what is on offer on each person's day.
    """

    subjects: Subjects
    catalogue: Catalogue
    truths: Truths
    status: Statuses
    offered: npt.NDArray[np.bool_]

    @cached_property
    def missing(self) -> Bits:
        """Which unanswered fields would help to decide each criterion? As ``catalogue.truth.Criteria.missing``."""
        return self.catalogue.plan.criteria.missing(self.subjects, self.truths)


def evaluate(subject: Mapping[str, object], catalogue: Catalogue, *, as_of: date) -> tuple[Eligibility, ...]:
    """What is this person eligible for, why not for the rest, and what is not known yet?

    Gives one answer an intervention, in the catalogue's order. ``subject`` maps names of ``catalogue.fields.FIELDS``
    to values; an absent name is not recorded. Raises ``UsageError`` for a value that its field cannot hold.
    """
    return answers(judge(Subjects.of([subject]), catalogue, days=day_numbers(as_of)), row=0)


def judge(subjects: Subjects, catalogue: Catalogue, *, days: Ints) -> Judged:
    """What is each of these people eligible for on their day?

    ``days`` counts days since 1970, one for each person or one for all. One failed rule rules a person out, even if
    others are unknown; NEARLY needs every other rule to hold, and a rule that can change.
    """
    plan = catalogue.plan
    truths = plan.criteria.truths(subjects)
    asked = plan.deciding
    status = np.full((len(plan.entries), len(subjects)), ELIGIBLE, dtype=np.int8)
    if len(plan.decided):
        worst = asked.smallest(truths)
        outcome = truths[asked.parts]
        failed = np.add.reduceat(outcome == FALSE, asked.starts, axis=0, dtype=np.int16)
        lasting = np.add.reduceat(
            (outcome == FALSE) & ~plan.changeable[:, None], asked.starts, axis=0, dtype=np.int16
        )
        unknown = np.logical_or.reduceat(outcome == UNKNOWN, asked.starts, axis=0)
        nearly = (failed == 1) & (lasting == 0) & ~unknown
        failed_status = np.where(nearly, np.int8(NEARLY), np.int8(NOT_ELIGIBLE))
        status[plan.decided] = np.where(worst == FALSE, failed_status, _STATUS_OF[worst])
    day = np.broadcast_to(days, len(subjects))[:, None]
    entries = catalogue.particulars
    offered = (day >= entries.valid_from) & (day < entries.valid_to)
    return Judged(
        subjects=subjects,
        catalogue=catalogue,
        truths=truths,
        status=np.where(offered, status.T, np.int8(NOT_ELIGIBLE)),
        offered=offered,
    )


def missing_fields(judged: Judged) -> tuple[Ints, Ints, Bits]:
    """Which unanswered fields would decide, for whom and which intervention?

    Gives the pairs that lack information: the person, the intervention and the fields as bits [pairs, words].
    """
    plan = judged.catalogue.plan
    people, entries = np.nonzero(judged.status == MISSING)
    if not len(people):
        return people, entries, np.zeros((0, judged.missing.shape[1]), dtype=np.uint64)
    together = plan.deciding.together(judged.missing)
    row = np.full(len(plan.entries), -1)
    row[plan.decided] = np.arange(len(plan.decided))
    return people, entries, together[row[entries], :, people]


# ---------------------------------------------------------------------------------------------------- in words


def answers(judged: Judged, *, row: int) -> tuple[Eligibility, ...]:
    """Every intervention for one of the people, in the catalogue's order, with a reason for each rule."""
    plan = judged.catalogue.plan
    found = judged.truths[:, row].tolist()
    outcomes = [UNKNOWN if rule.place is None else found[rule.place] for rule in plan.rules]
    wanted = [
        () if rule.place is None or outcomes[number] != UNKNOWN else _wanted(judged, rule, row)
        for number, rule in enumerate(plan.rules)
    ]
    reasons = [
        rule.reasons.get(truth) or rule.reason(truth, _text(judged.subjects, rule, truth, missing, row))
        for rule, truth, missing in zip(plan.rules, outcomes, wanted, strict=True)
    ]
    return tuple(
        _answer(judged, number, row, outcomes=outcomes, wanted=wanted, reasons=reasons)
        for number in range(len(plan.entries))
    )


def _answer(
    judged: Judged,
    number: int,
    row: int,
    *,
    outcomes: list[int],
    wanted: list[tuple[str, ...]],
    reasons: list[Reason],
) -> Eligibility:
    plan = judged.catalogue.plan
    entry = plan.entries[number]
    status = STATUSES[judged.status[row, number]]
    said = tuple([reasons[each] for each in entry.rules])
    if not judged.offered[row, number]:
        said = (_not_offered(entry.intervention), *said)
    missing: tuple[str, ...] = ()
    nearly = None
    if status is Status.MISSING_INFORMATION:
        missing = tuple(dict.fromkeys(name for each in entry.deciding for name in wanted[each]))
    elif status is Status.NEARLY:
        nearly = next(plan.rules[each].nearly for each in entry.deciding if outcomes[each] == FALSE)
    return Eligibility(
        intervention_id=entry.intervention.id, status=status, reasons=said, missing=missing, nearly=nearly
    )


def _wanted(judged: Judged, rule: PlannedRule, row: int) -> tuple[str, ...]:
    """The unanswered fields that would decide a rule, in the order in which the rule names them."""
    return fields_in(judged.missing[rule.place, :, row].tolist(), rule.fields)


def _text(subjects: Subjects, rule: PlannedRule, truth: int, missing: tuple[str, ...], row: int) -> str:
    """The sentence of a rule that has a place for what the record holds, or lacks."""
    text = rule.texts[truth]
    if "{missing}" in text:
        return messages.naming(text, "missing", tuple([FIELDS[name].label for name in missing]))
    return text.format(value=_value(subjects, rule, row))


def _value(subjects: Subjects, rule: PlannedRule, row: int) -> str:
    """What the record holds for the first field of the rule, in words."""
    value = subjects.value(rule.fields[0], row) if rule.fields else None
    if isinstance(value, str):
        return value.lower().replace("_", " ")
    return f"{value:g}" if isinstance(value, int | float) else ""


def _not_offered(intervention: Intervention) -> Reason:
    return Reason(
        code="NOT_OFFERED",
        outcome=Outcome.NOT_MET,
        text=messages.load().rules["NOT_OFFERED"].not_met,
        fields=(),
        source=intervention.source,
        kind=RuleKind.RULE,
    )
