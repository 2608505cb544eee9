"""Every sentence: one, plain, easy to read, and naming no protected characteristic but as eligibility."""

import re
from collections.abc import Iterator

import pytest
import textstat

import catalogue
from catalogue import UsageError, messages

TEXTS = messages.load()
# Grade 9 of the automated readability index is read at 14; the plain-English average of the set is lower.
GRADE_AT_MOST = 9.0
AVERAGE_AT_MOST = 6.0
# Filled in as a reader would see them: short words for short values.
EXAMPLE = {
    "setting": "in the community",
    "minimum": "25",
    "maximum": "75",
    "bound": "25",
    "value": "60",
    "missing": "the OGRS score",
    "offence": "violent",
    "programmes": "Horizon",
    "pathway": "high",
    "needs": "drug misuse",
    "minutes": "30",
    "limit": "60",
    "weeks": "10",
    "count": "3",
}
ELIGIBILITY_BY_CHARACTERISTIC = {
    "FOR_MEN",
    "FOR_WOMEN",
    "ADULT",
    "AGE_AT_MOST",
    "AGE_BELOW",
    "ORIENTATION_STATED",
    "WOMEN_ONLY_ON_OFFER",
    "WOMEN_ONLY_VENUE",
    "WOMEN_IN_GROUP",
}
CHARACTERISTICS = re.compile(
    r"\b(wom[ae]n|m[ae]n|male|female|sex|gender|age|aged|young|old|elderly|race|ethnic\w*|black|white|asian|nation\w*"
    r"|religio\w*|belief|disab\w*|pregnan\w*|matern\w*|married|marriage|civil partner\w*|orientation|heterosexual|gay"
    r"|lesbian|bisexual|trans\w*)\b",
    re.IGNORECASE,
)


def sentences() -> Iterator[tuple[str, str]]:
    for code, entry in (*TEXTS.rules.items(), *TEXTS.feasibility.items()):
        for text in dict.fromkeys(entry.all):
            yield code, text.format(**EXAMPLE)
    for key, text in TEXTS.phrases.items():
        if text.endswith("."):
            yield key, text.format(**EXAMPLE)


@pytest.mark.parametrize(("code", "text"), list(sentences()))
def test_one_plain_sentence(code: str, text: str) -> None:
    assert text[0].isupper()
    assert text.endswith(".")
    assert not re.search(r"[.!?] [A-Z]", text), "more than one sentence"
    assert len(text.split()) <= 25
    assert textstat.textstat.automated_readability_index(text) <= GRADE_AT_MOST


def test_on_average_a_twelve_year_old_can_read_them() -> None:
    grades = [textstat.textstat.automated_readability_index(text) for _, text in sentences()]
    assert sum(grades) / len(grades) <= AVERAGE_AT_MOST


def test_no_protected_characteristic_is_named_but_as_eligibility() -> None:
    named = {code for code, text in sentences() if CHARACTERISTICS.search(text)}
    # "More than 55 weeks old" is said of an assessment.
    assert named - {"ASSESSMENT_CURRENT"} == ELIGIBILITY_BY_CHARACTERISTIC


def test_every_rule_of_the_catalogue_has_its_sentences_and_fills_them() -> None:
    plan = catalogue.load().plan
    assert len(plan.rules) > 80
    for planned in plan.rules:
        for text in planned.texts.values():
            assert messages.placeholders(text) <= {"value", "missing"}
        assert not messages.placeholders(planned.statement)


def test_a_language_without_a_file_is_refused() -> None:
    with pytest.raises(UsageError, match=r"xx\.yaml"):
        messages.load("xx")
