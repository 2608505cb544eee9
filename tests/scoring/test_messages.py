"""The sentences that explain: complete, one sentence each, and naming no protected characteristic."""

import re

import pytest

from catalogue.fields import SECTIONS
from scoring.advice import Why
from scoring.reasons import Fact, messages, of_terms

PROTECTED = re.compile(
    r"\b(age|old|young|sex|gender|male|female|man|men|woman|women|race|ethnic\w*|white|black|asian|religio\w*|"
    r"faith|disab\w*|pregnan\w*|marri\w*|gay|lesbian|orientation|national\w*)\b",
    re.IGNORECASE,
)


def sentences(part: object) -> list[str]:
    if isinstance(part, dict):
        return [text for value in part.values() for text in sentences(value)]
    return [str(part)]


def test_every_rule_of_the_advice_has_its_sentence() -> None:
    assert set(messages()["why"]) == {why.value for why in Why}


def test_every_section_has_a_name() -> None:
    assert set(messages()["needs"]) == set(SECTIONS)


@pytest.mark.parametrize("text", sentences(messages()))
def test_no_sentence_names_a_protected_characteristic(text: str) -> None:
    assert not PROTECTED.search(text)


@pytest.mark.parametrize("text", [*sentences(messages()["why"]), *sentences(messages()["terms"])])
def test_one_sentence_each(text: str) -> None:
    assert text.endswith(".")
    assert text.count(". ") == 0


def test_terms_are_said_largest_first_with_their_direction() -> None:
    facts = {
        name: Fact(label=label, unit="", value=value, table="contacts", record_id=None, on=None)
        for name, label, value in (
            ("a", "Missed sessions", 3),
            ("b", "Has a job", True),
            ("c", "Unused", None),
        )
    }
    said = of_terms("complete", {"a": -0.5, "b": 0.2, "c": 0.0, "intercept": 9.0}, facts)
    assert [sentence.code for sentence in said] == ["COMPLETE_LESS_A", "COMPLETE_MORE_B"]
    assert said[0].text == "Missed sessions: 3; people with this on record finished less often."
    assert said[1].text == "Has a job: yes; people with this on record finished more often."
