"""The sentences that explain: complete, one sentence each, and naming no protected characteristic."""

import re

import pytest

from catalogue.fields import NEEDS, SECTIONS
from scoring.advice import Why
from scoring.reasons import Fact, messages, need_code, sentence, term_code

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


@pytest.mark.parametrize("need", NEEDS)
def test_every_need_has_a_sentence_with_its_name_and_its_score(need: str) -> None:
    label, maximum = SECTIONS[need]
    assert not PROTECTED.search(label)
    fact = Fact(label=label, unit="", value=maximum, table="assessments", record_id="a1", on=None)
    scored, unscored = (sentence(need_code(need), facts) for facts in ({need: fact}, {}))
    assert scored.code == unscored.code == f"NEED_{need.upper()}"
    assert label in scored.text
    assert label in unscored.text
    assert f"{maximum} of {maximum}" in scored.text
    assert (scored.record_id, unscored.record_id) == ("a1", None)


@pytest.mark.parametrize("text", sentences(messages()))
def test_no_sentence_names_a_protected_characteristic(text: str) -> None:
    assert not PROTECTED.search(text)


@pytest.mark.parametrize("text", [*sentences(messages()["why"]), *sentences(messages()["terms"])])
def test_one_sentence_each(text: str) -> None:
    assert text.endswith(".")
    assert text.count(". ") == 0


@pytest.mark.parametrize(
    ("name", "label", "value", "more", "code", "text"),
    [
        (
            "a",
            "Missed sessions",
            3,
            False,
            "COMPLETE_LESS_A",
            "Missed sessions: 3; people with this on record finished less often.",
        ),
        (
            "b",
            "Has a job",
            True,
            True,
            "COMPLETE_MORE_B",
            "Has a job: yes; people with this on record finished more often.",
        ),
    ],
)
def test_terms_are_said_with_their_direction(
    *, name: str, label: str, value: object, more: bool, code: str, text: str
) -> None:
    fact = Fact(label=label, unit="", value=value, table="contacts", record_id=None, on=None)
    said = sentence(term_code("complete", name, more=more), {name: fact})
    assert (said.code, said.text, said.table) == (code, text, "contacts")
