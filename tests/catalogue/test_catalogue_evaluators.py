"""One definition, two evaluators: everyone at once gives what one person at a time gives."""

from datetime import date

import pytest

import catalogue
from catalogue import UsageError, batch
from catalogue.sample import frame, people

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


def test_a_value_outside_its_scale_is_refused_by_both(whole: catalogue.Catalogue) -> None:
    subject = people(whole, count=1, seed=1)[0] | {"rosh": "ENORMOUS"}
    with pytest.raises(UsageError, match="rosh"):
        catalogue.evaluate(subject, whole, as_of=DAY)
    with pytest.raises(UsageError, match="outside the scale"):
        batch.evaluate(frame([subject]), whole, as_of=DAY)
