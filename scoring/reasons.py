"""Why is this said? Template sentences, each tied to the record and the date it came from.

A sentence states an assessed need, the rule that settled the advice, or a fact of the record that moves a
number; the facts come from the terms of the scorecards themselves, which *are* the number. Every string is in
`messages/`, so that it can be read, corrected and translated without touching code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from catalogue import messages as catalogue_messages
from catalogue.fields import SECTIONS
from scoring.advice import Why

MESSAGES: Final = Path(__file__).parent / "messages"
MOST_TERMS: Final = 2
"""How many terms of an effect are named as reasons."""

Question = Literal["effect", "commence", "complete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonSentence:
    """One reason: its code, its sentence, and the record it came from (None where it is a rule)."""

    code: str
    text: str
    table: str | None = None
    record_id: str | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonCode:
    """What a reason is about, without the person: a need, the rule that settled the advice, or a term of a number.

    `about` is the section of the need, the rule, or the feature; `question` and `more` (does it raise the number?) are
    set for a term.
    """

    code: str
    about: str
    question: Question | None = None
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A feature's value for one person, said in plain English, with the newest record behind it."""

    label: str
    unit: str
    value: object
    table: str | None
    record_id: str | None
    on: date | None


@cache
def messages(language: str = "en") -> Mapping[str, Any]:
    """The sentences of one language."""
    loaded: Mapping[str, Any] = yaml.load(
        (MESSAGES / f"{language}.yaml").read_text(), Loader=yaml.CSafeLoader
    )
    return loaded


def need_code(need: str) -> ReasonCode:
    """The reason that an intervention is tied to an assessed need, e.g. NEED_S11_THINKING."""
    return ReasonCode(code=f"NEED_{need.upper()}", about=need)


def why_code(why: Why) -> ReasonCode:
    """The reason that a rule of the advice settled it."""
    return ReasonCode(code=why.value, about=why.value)


def term_code(question: Question, feature: str, *, more: bool) -> ReasonCode:
    """The reason that a term moves a number, e.g. EFFECT_MORE_MOTIVATION."""
    name = feature.upper().replace(" & ", "_WITH_")
    return ReasonCode(
        code=f"{question.upper()}_{'MORE' if more else 'LESS'}_{name}",
        about=feature,
        question=question,
        more=more,
    )


def sentence(reason: ReasonCode, facts: Mapping[str, Fact]) -> ReasonSentence:
    """The reason for one person, in a sentence, with the record that it came from.

    `facts` maps features to their values in words; a need that is not among them has no score.
    """
    if reason.question is not None:
        return _of_term(reason, reason.question, facts[reason.about])
    if reason.about in SECTIONS:
        return _of_need(reason, facts.get(reason.about))
    return _of_rule(reason.code)


@cache
def _of_rule(code: str) -> ReasonSentence:
    if code == Why.ORDER_OF_CHOICE.value:
        return ReasonSentence(code=code, text=catalogue_messages.load().phrase("NOT_ADVISED_LOW_RISK"))
    return ReasonSentence(code=code, text=messages()["why"][code])


def _of_need(reason: ReasonCode, fact: Fact | None) -> ReasonSentence:
    words = messages()
    label, maximum = SECTIONS[reason.about]
    if fact is None or fact.value is None:
        return ReasonSentence(code=reason.code, text=words["need_unscored"].format(need=label))
    return ReasonSentence(
        code=reason.code,
        text=words["need"].format(need=label, score=_said(fact.value), maximum=maximum),
        table=fact.table,
        record_id=fact.record_id,
        on=fact.on,
    )


def _of_term(reason: ReasonCode, question: Question, fact: Fact) -> ReasonSentence:
    said = f"{fact.label}: {_said(fact.value)}{_unit(fact)}"
    return ReasonSentence(
        code=reason.code,
        text=messages()["terms"][question]["more" if reason.more else "less"].format(fact=said),
        table=fact.table,
        record_id=fact.record_id,
        on=fact.on,
    )


def _unit(fact: Fact) -> str:
    """The unit after a number, in the singular after 1."""
    if not fact.unit or not isinstance(fact.value, int | float) or isinstance(fact.value, bool):
        return ""
    return f" {fact.unit.removesuffix('s') if fact.value == 1 else fact.unit}"


def _said(value: object) -> str:
    words = messages()["values"]
    if value is None:
        return str(words["missing"])
    if isinstance(value, bool):
        return str(words["true" if value else "false"])
    if isinstance(value, float):
        return f"{value:.0f}" if value == int(value) else f"{value:.1f}"
    if isinstance(value, str):
        return value.replace("_", " ").lower()
    return str(value)
