"""Every sentence: one, plain, easy to read, and naming no protected characteristic but as eligibility."""

import re
from collections.abc import Iterator
from datetime import date

import pytest
import textstat

import catalogue
from catalogue import UsageError, messages
from catalogue.checking import sample
from catalogue.directory import Directory
from catalogue.documents import read_model
from catalogue.feasibility import describe, reach
from catalogue.fields import FIELDS
from catalogue.particulars import day_numbers
from catalogue.subjects import Subjects

DAY = date(2024, 1, 1)
OFFERED = ("unpaid-work-group", "thinking-skills-programme-acp", "womens-services-crs")
# Places for women only, with no other woman in the group, and with some; made-up people all live in A.
PLACES = [
    Directory.of(
        [
            {"intervention_id": name, "venue": "V1", "format": "GROUP"}
            | {"women_only": alone, "women_in_group": women, "sessions_per_week": 2, "waiting_weeks": wait}
            for name in OFFERED
        ],
        travel={"A": {"V1": 75}},
    )
    for alone, women, wait in ((True, None, 1), (False, 0, 40), (False, 2, None))
]
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
    "units": "90",
    "amount": "120",
    "pace": "14",
    "learning": "24",
    "hours": "120",
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


def rendered() -> Iterator[tuple[str, str]]:
    """Every sentence as people see it: of many made-up people, from fully to hardly recorded, and of many places."""
    whole = catalogue.load()
    for seed, unanswered in ((1, sample.UNANSWERED), (2, (0.5, 0.9, 0.97, 1.0))):
        for person in sample.people(whole, count=250, seed=seed, unanswered=unanswered):
            found = catalogue.evaluate(person, whole, as_of=DAY)
            for each in found:
                yield from ((reason.code, reason.text) for reason in each.reasons)
                if each.nearly is not None:
                    yield "NEARLY", each.nearly
            for directory in PLACES:
                near = reach(Subjects.of([person]), whole, days=day_numbers(DAY), directory=directory)
                for place in describe(near, row=0):
                    if place.intervention_id in OFFERED:
                        yield from ((reason.code, reason.text) for reason in place.reasons)


def test_every_sentence_as_rendered_is_one_plain_sentence_that_is_easy_to_read() -> None:
    said = dict.fromkeys(rendered())
    assert len(said) > 1000
    attending = {"TRAVEL", "WOMEN_ONLY_VENUE", "WOMEN_ONLY_ON_OFFER", "WOMEN_IN_GROUP", "FITS_SENTENCE"}
    assert attending <= {code for code, _ in said}
    assert sum("need to know" in text for _, text in said) > 600
    for code, text in said:
        assert "{" not in text
        assert text[0].isupper()
        assert text.endswith(".")
        assert not re.search(r"[.!?] [A-Z]", text), text
        assert len(text.split()) <= 27, text
        assert textstat.textstat.automated_readability_index(text) <= GRADE_AT_MOST, text
        # That an answer is wanting may be said of any answer; a fact about a person only as eligibility.
        if "need to know" not in text and code not in ELIGIBILITY_BY_CHARACTERISTIC | {
            "ASSESSMENT_CURRENT",
            "ORDERED_OR_CURRENT",
            "NEARLY",
        }:
            assert not CHARACTERISTICS.search(text), (code, text)


def test_what_is_missing_is_named_by_short_words_and_the_rest_by_number() -> None:
    whole = catalogue.load()
    nobody = catalogue.evaluate({"sex": "FEMALE", "setting": "COMMUNITY"}, whole, as_of=DAY)
    found = next(each for each in nobody if each.intervention_id == "womens-services-crs")
    text = next(each.text for each in found.reasons if each.code == "NEED")
    named = [label for label in (FIELDS[name].label for name in found.missing) if label in text]
    assert 1 <= len(named) <= 3
    assert text.endswith(f" and {18 - len(named)} more.")


def test_no_protected_characteristic_is_named_but_as_eligibility() -> None:
    named = {code for code, text in sentences() if CHARACTERISTICS.search(text)}
    # "More than 55 weeks old" is said of an assessment.
    assert named - {"ASSESSMENT_CURRENT", "ORDERED_OR_CURRENT"} == ELIGIBILITY_BY_CHARACTERISTIC


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


def test_a_rule_without_its_own_unknown_sentence_takes_that_of_the_file() -> None:
    rule = {"met": "Yes.", "not_met": "No."}
    document = {
        "unknown": "We do not know.",
        "rules": {"A": rule, "B": rule | {"unknown": "Ask."}},
        "feasibility": {},
        "phrases": {},
    }
    found = read_model(messages.Messages, document, place="xx.yaml")
    assert (found.rules["A"].unknown, found.rules["B"].unknown) == ("We do not know.", "Ask.")
    with pytest.raises(UsageError, match=r"^xx\.yaml, rules, A lacks 'not_met'; add it\.$"):
        read_model(messages.Messages, document | {"rules": {"A": {"met": "Yes."}}}, place="xx.yaml")
