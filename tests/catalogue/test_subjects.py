"""People as columns: the same from mappings and from a data frame, and the same refusals."""

import re
from collections.abc import Callable
from datetime import date

import numpy as np
import polars as pl
import pytest

import catalogue
from catalogue import UsageError, frames
from catalogue.checking.sample import frame, people
from catalogue.fields import FIELDS, Value
from catalogue.frames import write
from catalogue.subjects import Subjects, as_bits, bits_of, fields_in

DAY = date(2024, 1, 1)
WHOLE = catalogue.load()


def alike(one: Subjects, other: Subjects) -> bool:
    """The same columns, bit for bit."""
    return (
        np.array_equal(one.numbers, other.numbers, equal_nan=True)
        and np.array_equal(one.codes, other.codes)
        and one.vocabularies == other.vocabularies
        and one.lists.keys() == other.lists.keys()
        and all(
            mine.names == theirs.names
            and np.array_equal(mine.recorded, theirs.recorded)
            and np.array_equal(mine.has, theirs.has)
            for mine, theirs in ((one.lists[name], other.lists[name]) for name in one.lists)
        )
    )


def test_mappings_and_a_frame_give_the_same_columns() -> None:
    subjects = people(WHOLE, count=200, seed=1)
    for person, region, done in zip(subjects, "ZBZA" * 50, ("z", "b", "z", "a") * 50, strict=True):
        person |= {"region": region, "completed_interventions": (done, "c", done)}
    subjects.append({"offence_types": ("GANG", "SEXUAL", "GANG"), "requirement_types": ()})
    table = frame(subjects)
    of_mappings, of_frame = Subjects.of(subjects), frames.read(table)
    assert alike(of_mappings, of_frame)
    assert write(of_mappings).equals(write(of_frame))
    assert alike(frames.read(write(of_mappings)), of_mappings)
    # Not recorded in one and not there in the other; and nobody at all.
    assert alike(Subjects.of([{}] * 3), frames.read(pl.DataFrame({"crn": ["a", "b", "c"]})))
    assert alike(Subjects.of([]), frames.read(table.head(0)))


def test_what_went_in_is_what_is_recorded() -> None:
    subjects = people(WHOLE, count=60, seed=2)
    found = Subjects.of(subjects)
    for name in FIELDS:
        for row, person in enumerate(subjects):
            value = person[name]
            if isinstance(value, tuple):
                assert sorted(found.value(name, row) or ()) == sorted(value)  # type: ignore[arg-type]
            else:
                assert found.value(name, row) == value
            assert found.recorded(name)[row] == (value is not None)
    unanswered = found.unanswered()
    for row, person in enumerate(subjects):
        assert fields_in(unanswered[:, row].tolist(), FIELDS) == tuple(
            name for name in FIELDS if person[name] is None
        )


def test_a_set_of_fields_goes_into_bits_and_out_again() -> None:
    for names in ((), tuple(FIELDS), tuple(FIELDS)[::3], (list(FIELDS)[63], list(FIELDS)[64])):
        holds = np.array([[name in names] for name in FIELDS])
        assert bits_of(names).tolist() == as_bits(holds)[:, 0].tolist()
        assert fields_in(bits_of(names).tolist(), FIELDS) == names


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
def test_a_code_outside_its_scale_is_refused_in_the_same_words(field: str, value: Value) -> None:
    subject = people(WHOLE, count=1, seed=1)[0] | {field: value}
    said = refusals(
        lambda: Subjects.of([subject]),
        lambda: frames.read(frame([subject])),
        lambda: catalogue.evaluate(subject, WHOLE, as_of=DAY),
    )
    assert re.search(f"'{field}' holds a value outside its scale", said)
    assert not any(code in said for code in ("ENORMOUS", "MOON", "FINE", "JAYWALKING", "TAG"))


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("q1_30", 2, "something else than yes or no"),
        ("substance_stable", 0.5, "something else than yes or no"),
        ("completed_interventions", ["a", None], "something else than codes"),
        ("offence_types", ["SEXUAL", None], "outside its scale"),
    ],
)
def test_a_malformed_fact_is_refused_in_the_same_words(field: str, value: object, sentence: str) -> None:
    said = refusals(
        lambda: Subjects.of([{field: value}]), lambda: frames.read(pl.DataFrame({field: [value]}))
    )
    assert sentence in said


def refusals(*ask: Callable[[], object]) -> str:
    """What each of them says, which is the same."""
    said = set()
    for each in ask:
        with pytest.raises(UsageError) as raised:
            each()
        said.add(str(raised.value))
    assert len(said) == 1
    return said.pop()


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
def test_a_malformed_fact_gets_one_clear_sentence(field: str, value: object, sentence: str) -> None:
    subject = people(WHOLE, count=1, seed=1)[0] | {field: value}  # type: ignore[operator]
    with pytest.raises(UsageError, match=f"The field '{field}'.*{sentence}") as raised:
        catalogue.evaluate(subject, WHOLE, as_of=DAY)
    text = str(raised.value)
    assert re.fullmatch(r"[^.\n]*[.]", text)
    assert "sixty" not in text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ogrs_2yr", "sixty"),
        ("ogrs_2yr", "60"),
        ("age", True),
        ("days_left", DAY),
        ("q11_6", [2]),
        ("substance_stable", "yes"),
        ("rosh", ["LOW"]),
        ("offence_types", "SEXUAL"),
    ],
)
def test_a_column_of_another_kind_is_refused(field: str, value: object) -> None:
    with pytest.raises(UsageError, match="another kind"):
        frames.read(pl.DataFrame({field: [value]}))


def test_a_column_that_is_needed_has_to_be_there() -> None:
    table = frame(people(WHOLE, count=3, seed=1)).drop("offence_types")
    with pytest.raises(UsageError, match="'offence_types'"):
        frames.read(table, needed=("age", "offence_types"))
    assert not frames.read(table, needed=("age",)).recorded("offence_types").any()


def test_not_a_number_is_not_recorded() -> None:
    nan = float("nan")
    for name in ("ogrs_2yr", "q11_6", "days_left", "q1_30"):
        column = [nan, None, 1.0]
        of_mappings = Subjects.of([{name: value} for value in column])
        of_frame = frames.read(pl.DataFrame({name: column}, schema={name: pl.Float64}, strict=False))
        assert alike(of_mappings, of_frame)
        assert of_frame.recorded(name).tolist() == [False, False, True]


def test_facts_in_the_form_of_a_frame_come_to_the_same() -> None:
    (person,) = people(WHOLE, count=1, seed=3, unanswered=(0.0,))
    as_frame = {
        name: np.float64(value)
        if isinstance(value, float)
        else np.bool_(value)
        if isinstance(value, bool)
        else np.int64(value)
        if isinstance(value, int)
        else list(value)
        if isinstance(value, tuple)
        else value
        for name, value in person.items()
    } | {"crn": "X000000"}
    assert alike(Subjects.of([as_frame]), Subjects.of([person]))


def test_some_of_the_people_are_those_rows() -> None:
    subjects = people(WHOLE, count=40, seed=4)
    found = Subjects.of(subjects)
    chosen = [31, 2, 2, 17]
    rows = found.rows(np.array(chosen))
    assert len(rows) == len(chosen)
    for name in FIELDS:
        assert [rows.value(name, row) for row in range(4)] == [found.value(name, row) for row in chosen]
