"""Which assessment answers: the latest full one, with its age and its layer; live and in bulk alike."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

import catalogue
from features.case import Case
from features.contract import TABLES
from features.histories import Histories
from features.subject import subject_of, subjects

CRN, AS_OF = "A000001", date(2025, 6, 30)
WHOLE = catalogue.load()
BUILDING_CHOICES = "building-choices-moderate-intensity-acp"
Row = dict[str, Any]
Expected = dict[str, object]

ANSWERS: Row = {"s8_drugs": 6, "q12_1": 1, "learning_screen_subtotal": 2, "ogrs_2yr": 60.0, "ovp_2yr": 35.0}
FOUND: Expected = {**ANSWERS, "assessment_layer": 3}
NOTHING: Expected = dict.fromkeys((*ANSWERS, "rosh", "assessment_layer", "assessment_age_days"))


def assessed(days: int, *, layer: int, known: int | None = None, **values: Any) -> Row:
    on = AS_OF - timedelta(days)
    row = {"crn": CRN, "assessment_id": f"a{days}", "completed_on": on, "layer": layer, **values}
    known_on = on if known is None else AS_OF - timedelta(known)
    return {**dict.fromkeys(TABLES["assessments"].names), **row, "known_on": known_on}


FULL = assessed(200, layer=3, rosh="MEDIUM", **ANSWERS)
SHORT: Row = {"ogrs_2yr": 80.0, "predictor_generation": "OGRS4"}


def subject(rows: tuple[Row, ...], assessment_id: str | None = None) -> dict[str, object]:
    """The subject, live; the same in bulk."""
    case = Case(CRN, {"assessments": rows})
    known = subject_of(case, as_of=AS_OF, assessment_id=assessment_id)
    frame = pl.DataFrame(list(rows), schema=TABLES["assessments"].polars_schema())
    points = pl.DataFrame(
        {"crn": [CRN], "as_of": [AS_OF], "assessment_id": [assessment_id]},
        schema_overrides={"assessment_id": pl.String},
    )
    (bulk,) = subjects(Histories.of({"assessments": frame}), points).iter_rows(named=True)
    single = {name: value for name, value in known.items() if not isinstance(value, tuple)}
    assert {name: bulk[name] for name in single} == single
    return dict(known)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((), NOTHING),
        ((FULL,), {**FOUND, "rosh": "MEDIUM", "assessment_age_days": 200}),
        # A later short one blanks nothing, and what it scores is not mixed with the answers of the full one.
        ((FULL, assessed(20, layer=1)), {**FOUND, "rosh": "MEDIUM", "assessment_age_days": 200}),
        (
            (FULL, assessed(20, layer=1, rosh="HIGH", **SHORT)),
            {**FOUND, "predictor_generation": None, "rosh": "HIGH", "assessment_age_days": 200},
        ),
        # A later full one counts as it stands, with what it leaves open.
        (
            (FULL, assessed(90, layer=3, s8_drugs=1)),
            {**NOTHING, "s8_drugs": 1, "assessment_layer": 3, "assessment_age_days": 90},
        ),
        ((assessed(300, layer=1, **SHORT), FULL), {**FOUND, "rosh": "MEDIUM", "assessment_age_days": 200}),
        # One that is not known yet answers nothing.
        (
            (FULL, assessed(90, layer=3, known=0, s8_drugs=1)),
            {**FOUND, "rosh": "MEDIUM", "assessment_age_days": 200},
        ),
        # Where there is no full one the latest short one says what it can.
        (
            (assessed(90, layer=1), assessed(20, layer=1, rosh="LOW", **SHORT)),
            {**NOTHING, **SHORT, "rosh": "LOW", "assessment_layer": 1, "assessment_age_days": 20},
        ),
        ((assessed(500, layer=3), assessed(20, layer=1)), {"assessment_layer": 3, "assessment_age_days": 500}),
    ],
)  # fmt: skip
def test_the_latest_full_assessment_answers_with_its_age(rows: tuple[Row, ...], expected: Expected) -> None:
    known = subject(rows)
    assert {name: known[name] for name in expected} == expected
    assert subject(tuple(reversed(rows))) == known


def test_at_a_decision_point_its_own_assessment_answers() -> None:
    own = assessed(0, layer=3, s8_drugs=9)
    known = subject((FULL, own, assessed(20, layer=1)), assessment_id="a0")
    assert (known["s8_drugs"], known["assessment_age_days"], known["assessment_layer"]) == (9, 0, 3)


def test_rules_are_asked_of_the_full_assessment() -> None:
    def reasons(*rows: Row) -> dict[str, str]:
        answers = catalogue.evaluate(subject(rows), WHOLE, as_of=AS_OF)
        found = next(each for each in answers if each.intervention_id == BUILDING_CHOICES)
        return {reason.code: str(reason.outcome) for reason in found.reasons}

    short = assessed(20, layer=1, **SHORT)
    assert reasons(FULL, short) == reasons(FULL)
    assert reasons(FULL, short)["FULL_ASSESSMENT"] == "MET"
    assert reasons(short)["FULL_ASSESSMENT"] == "NOT_MET"
    stale = assessed(386, layer=3, **ANSWERS)
    assert (
        reasons(stale, short)["ASSESSMENT_CURRENT"] == "NOT_MET"
    )  # a short one does not bring it up to date
