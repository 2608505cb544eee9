"""One definition, two evaluators: everyone at once gives what one person at a time gives."""

import re
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import catalogue
from catalogue import UsageError, batch
from catalogue.checking.sample import frame, people
from catalogue.fields import Value

DAY = date(2024, 1, 1)


@pytest.fixture(scope="module")
def whole() -> catalogue.Catalogue:
    return catalogue.load()


def test_live_and_batch_agree_on_status_and_missing_fields(whole: catalogue.Catalogue) -> None:
    subjects = people(whole, count=500, seed=1)
    table = frame(subjects)
    live = [catalogue.evaluate(subject, whole, as_of=DAY) for subject in subjects]

    statuses = batch.evaluate(table, whole, as_of=DAY)
    assert statuses.columns == list(whole.ids)
    assert statuses.rows() == [tuple(each.status for each in answers) for answers in live]

    missing = batch.missing(table, whole, as_of=DAY)
    assert set(missing.iter_rows()) == {
        (row, each.intervention_id, field)
        for row, answers in enumerate(live)
        for each in answers
        for field in each.missing
    }


def test_batch_names_the_column_that_the_subjects_lack(whole: catalogue.Catalogue) -> None:
    with pytest.raises(UsageError, match="'offence_types'"):
        batch.evaluate(frame(people(whole, count=3, seed=1)).drop("offence_types"), whole, as_of=DAY)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rosh", "ENORMOUS"),
        ("sara_partner", "VERY_HIGH"),
        ("osp_dc", "NONE"),
        ("sex", "M"),
        ("setting", "MOON"),
        ("sentence_type", "FINE"),
        ("offence_types", ("SEXUAL", "JAYWALKING")),
        ("requirement_types", ("TAG",)),
    ],
)
def test_a_code_outside_its_scale_is_refused_by_both_in_the_same_words(
    whole: catalogue.Catalogue, field: str, value: Value
) -> None:
    subject = people(whole, count=1, seed=1)[0] | {field: value}
    said = []
    for ask in (
        lambda: catalogue.evaluate(subject, whole, as_of=DAY),
        lambda: batch.evaluate(frame([subject]), whole, as_of=DAY),
    ):
        with pytest.raises(UsageError, match=f"'{field}' holds a value outside its scale") as raised:
            ask()
        said.append(str(raised.value))
    assert said[0] == said[1]
    assert not any(code in said[0] for code in ("ENORMOUS", "MOON", "FINE", "JAYWALKING", "TAG"))


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("ogrs_2yr", "sixty", "something else than a number"),
        ("age", True, "something else than a number"),
        ("days_left", date(2024, 1, 1), "something else than a number"),
        ("q11_6", [2], "something else than a number"),
        ("substance_stable", "yes", "something else than yes or no"),
        ("q1_30", 2, "something else than yes or no"),
        ("sex", 1, "something else than a code"),
        ("rosh", ["LOW"], "something else than a code"),
        ("offence_types", "SEXUAL", "one value where a list belongs"),
        ("completed_interventions", (3,), "something else than codes"),
        ("offence_types", (None,), "outside its scale"),
    ],
)
def test_a_malformed_fact_gets_one_clear_sentence(
    whole: catalogue.Catalogue, field: str, value: object, sentence: str
) -> None:
    subject = people(whole, count=1, seed=1)[0] | {field: value}  # type: ignore[operator]
    with pytest.raises(UsageError, match=f"The field '{field}'.*{sentence}") as raised:
        catalogue.evaluate(subject, whole, as_of=DAY)
    text = str(raised.value)
    assert re.fullmatch(r"[^.\n]*[.]", text)
    assert "sixty" not in text


def test_a_column_of_another_kind_is_refused(whole: catalogue.Catalogue) -> None:
    table = frame(people(whole, count=2, seed=1)).with_columns(ogrs_2yr=pl.lit("sixty"))
    with pytest.raises(UsageError, match="another kind"):
        batch.evaluate(table, whole, as_of=DAY)


def test_facts_in_the_form_of_a_frame_come_to_the_same(whole: catalogue.Catalogue) -> None:
    (person,) = people(whole, count=1, seed=3, unanswered=(0.0,))
    as_frame = {
        name: np.float64(value)
        if isinstance(value, float)
        else np.bool_(value)
        if isinstance(value, bool)
        else list(value)
        if isinstance(value, tuple)
        else value
        for name, value in person.items()
    } | {"crn": "X000000"}
    assert catalogue.evaluate(as_frame, whole, as_of=DAY) == catalogue.evaluate(person, whole, as_of=DAY)


ENTRY = """
id: {id}
name: {id}
type: SI
family: made-up
needs: []
settings: [COMMUNITY]
formats: []
attendance: []
sessions: {{group: null, one_to_one: null}}
duration_weeks: null
duration_basis: null
intensity: LOW
learning_disability: null
valid_from: {valid_from}
valid_to: {valid_to}
source: 'DATA_CONTRACT: made up'
criteria:
- code: NEED
  test: {test}
  source: 'DATA_CONTRACT: made up'
- code: SUBSTANCE_STABLE
  test: {{field: substance_stable, is: true}}
  source: 'DATA_CONTRACT: made up'
  changeable: STABILITY
"""
# Forms that the catalogue itself does not use, or not in this company.
TESTS = (
    "{at_least_n: {n: 2, of: [{need: s8_drugs}, {band_of: rsr, at_least: HIGH}, {field: dependence, is: true}]}}",
    "{not: {any: [{pathway: [HIGH, MODERATE]}, {highest_of: [rosh], at_least: VERY_HIGH}]}}",
    "{all: [{field: learning_screen_subtotal, below: 3}, {band_of: ogp_2yr, at_most: VERY_HIGH, at_least: LOW}]}",
    "{first_recorded: [{field: rsr, at_least: 1}, {field: ovp_2yr, at_most: 30}, {field: ogrs_2yr, at_least: 9}]}",
    "{pathway: [ALTERNATIVE]}",
    "{any: [{field: predictor_generation, in: [OGRS4]}, {field: age, at_most: 25}]}",
)


def test_every_form_of_test_and_dates_of_offer_agree(tmp_path: Path) -> None:
    for place, text in enumerate(TESTS):
        entry = ENTRY.format(
            id=f"e{place}",
            test=text,
            valid_from="2024-01-01" if place % 2 else "null",
            valid_to="2024-06-01" if place % 3 else "null",
        )
        (tmp_path / f"e{place}.yaml").write_text(entry, encoding="utf-8")
    small = catalogue.load(tmp_path)
    subjects = people(small, count=2400, seed=6)
    days = [date(2023, 12, 31), date(2024, 1, 1), date(2024, 5, 31), date(2024, 6, 1)] * 600
    table = frame(subjects).with_columns(as_of=pl.Series(days))
    statuses = batch.evaluate(table, small)
    live = [
        catalogue.evaluate(subject, small, as_of=day) for subject, day in zip(subjects, days, strict=True)
    ]
    assert statuses.rows() == [tuple(each.status for each in answers) for answers in live]
    for name in small.ids:
        assert set(statuses[name].unique()) == set(catalogue.Status)
    missing = batch.missing(table, small)
    assert set(missing.iter_rows()) == {
        (row, each.intervention_id, field)
        for row, answers in enumerate(live)
        for each in answers
        for field in each.missing
    }
    # The day as a number, as the pipeline has it, and everybody in pieces, come to the same.
    as_numbers = table.with_columns(pl.col("as_of").cast(pl.Int32))
    assert batch.evaluate(as_numbers, small).equals(statuses)
    pieces = [batch.evaluate(table[start : start + 500], small) for start in range(0, 2400, 500)]
    assert pl.concat(pieces).equals(statuses)
    assert batch.evaluate(table.head(0), small).shape == (0, len(TESTS))


@pytest.mark.parametrize(
    ("rule", "short", "takes"),
    [
        (
            "SUBSTANCE_STABLE, STABILITY, {field: substance_stable, is: true}",
            {"substance_stable": False},
            "stable first",
        ),
        ("MOTIVATED, READINESS, {field: motivation, at_least: 1}", {"motivation": 0}, "ready to take part"),
        ("TIME_LEFT_FOR_BBR, TIME, {field: days_left, at_least: 365}", {"days_left": 364}, "12 months left"),
        (
            "FULL_ASSESSMENT, ASSESSMENT, {field: assessment_layer, at_least: 3}",
            {"assessment_layer": 1},
            "full assessment",
        ),
    ],
)
def test_whatever_can_change_makes_nearly_alone_and_says_what_it_takes(
    tmp_path: Path, rule: str, short: dict[str, Value], takes: str
) -> None:
    code, change, test = rule.split(", ", 2)
    entry = ENTRY.format(id="e", test="{field: dependence, is: true}", valid_from="null", valid_to="null")
    entry = entry[: entry.index("- code: SUBSTANCE_STABLE")]
    entry += f"- code: {code}\n  test: {test}\n  source: 'DATA_CONTRACT: made up'\n  changeable: {change}\n"
    (tmp_path / "e.yaml").write_text(entry, encoding="utf-8")
    small = catalogue.load(tmp_path)
    whole_person: dict[str, Value] = {
        "setting": "COMMUNITY",
        "dependence": True,
        "substance_stable": True,
        "motivation": 1,
        "days_left": 365,
        "assessment_age_days": 1,
        "assessment_layer": 3,
    }
    cases: list[tuple[dict[str, Value], str]] = [
        ({}, "ELIGIBLE"),
        (short, "NEARLY"),
        (dict.fromkeys(short), "MISSING_INFORMATION"),
        (short | {"dependence": False}, "NOT_ELIGIBLE"),
        (short | {"dependence": None}, "NOT_ELIGIBLE"),
        (short | {"setting": "CUSTODY"}, "NOT_ELIGIBLE"),
    ]
    people_of = [whole_person | change for change, _ in cases]
    found = [catalogue.evaluate(person, small, as_of=DAY)[0] for person in people_of]
    assert [each.status for each in found] == [status for _, status in cases]
    assert takes in str(found[1].nearly)
    assert [each.nearly for each in found if each.status != "NEARLY"] == [None] * 5
    assert batch.evaluate(frame(people_of), small, as_of=DAY)["e"].to_list() == [
        status for _, status in cases
    ]


def test_not_a_number_is_not_recorded(whole: catalogue.Catalogue) -> None:
    subjects = people(whole, count=60, seed=9, unanswered=(0.0,))
    for name in ("ogrs_2yr", "q11_6", "days_left"):
        blank = [each | {name: None} for each in subjects]
        broken = [each | {name: float("nan")} for each in subjects]
        for one, other in zip(blank, broken, strict=True):
            assert catalogue.evaluate(one, whole, as_of=DAY) == catalogue.evaluate(other, whole, as_of=DAY)
        assert batch.evaluate(frame(blank), whole, as_of=DAY).equals(
            batch.evaluate(frame(broken), whole, as_of=DAY)
        )
        assert batch.missing(frame(blank), whole, as_of=DAY).equals(
            batch.missing(frame(broken), whole, as_of=DAY)
        )
