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

from catalogue.choice import Choice
from catalogue.fields import SECTIONS
from scoring.advice import Why

MESSAGES: Final = Path(__file__).parent / "messages"
INTERCEPT: Final = "intercept"
MOST_REASONS: Final = 4
MOST_TERMS: Final = 2

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


def need_name(need: str) -> str:
    """A section of the assessment as a person would say it."""
    return str(messages()["needs"][need])


def of_need(need: str, fact: Fact | None) -> ReasonSentence:
    """The assessed need that an intervention is tied to."""
    words = messages()
    if fact is None or fact.value is None:
        return ReasonSentence(code=need_code(need), text=words["need_unscored"].format(need=need_name(need)))
    text = words["need"].format(need=need_name(need), score=_said(fact.value), maximum=SECTIONS[need][1])
    return ReasonSentence(
        code=need_code(need), text=text, table=fact.table, record_id=fact.record_id, on=fact.on
    )


@cache
def of_advice(why: Why) -> ReasonSentence:
    """The rule of the advice that settled it."""
    return ReasonSentence(code=why.value, text=messages()["why"][why.value])


def of_choice(choice: Choice) -> ReasonSentence:
    """The sentence of the order of choice that speaks against an intervention, in the catalogue's words."""
    return ReasonSentence(code=Why.ORDER_OF_CHOICE.value, text=choice.not_advised or choice.text)


def of_terms(
    question: Question, terms: Mapping[str, float], facts: Mapping[str, Fact], *, most: int = MOST_TERMS
) -> tuple[ReasonSentence, ...]:
    """The facts of the record that move a number most, largest first.

    Args:
        question: which number: the effect, the chance of starting, the chance of finishing.
        terms: contribution by term name; pairs and the intercept are left to the full list of terms.
        facts: feature name to its value in words; terms without one are passed over.
        most: how many sentences at most.
    """
    moving = [
        (name, value) for name, value in terms.items() if value != 0 and name in facts and name != INTERCEPT
    ]
    moving.sort(key=lambda item: (-abs(item[1]), item[0]))
    return tuple(_of_term(question, name, value, facts[name]) for name, value in moving[:most])


def _of_term(question: Question, name: str, value: float, fact: Fact) -> ReasonSentence:
    direction = "more" if value > 0 else "less"
    said = f"{fact.label}: {_said(fact.value)}{_unit(fact)}"
    return ReasonSentence(
        code=term_code(question, name, value),
        text=messages()["terms"][question][direction].format(fact=said),
        table=fact.table,
        record_id=fact.record_id,
        on=fact.on,
    )


def need_code(need: str) -> str:
    """The code of a need as a reason, e.g. NEED_S11_THINKING."""
    return f"NEED_{need.upper()}"


def term_code(question: Question, name: str, value: float) -> str:
    """The code of a term as a reason, e.g. EFFECT_MORE_MOTIVATION."""
    return f"{question.upper()}_{'MORE' if value > 0 else 'LESS'}_{name.upper().replace(' & ', '_WITH_')}"


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
