"""The hours that courts order, from the record to the answer whether they fit."""

from datetime import date

import polars as pl
import pytest

import catalogue
from catalogue import feasibility
from catalogue.directory import Directory
from catalogue.particulars import day_numbers
from catalogue.subjects import Subjects
from catalogue.truth import FALSE, TRUE, UNKNOWN
from features.case import Case
from features.contract import TABLES
from features.histories import Histories
from features.subject import known_subjects, subject_of

DAY = date(2024, 6, 1)
WHOLE = catalogue.load()
WORK = WHOLE.by_id("unpaid-work-group")
ROW = {"intervention_id": WORK.id, "pdu": "A1", "region": "A", "venue": "V1", "format": "GROUP"} | {
    "women_only": False,
    "women_in_group": 3.0,
    "next_start_on": None,
    "sessions_per_week": 1.0,
    "waiting_weeks": 2.0,
    "valid_from": None,
    "valid_to": None,
}


def order(
    event: int, kind: str, length: int | None, unit: str | None = "HOURS", known: str = "2024-01-12"
) -> dict[str, object]:
    return {
        "event_number": event,
        "requirement_type": kind,
        "imposed_on": "2024-01-10",
        "length": length,
        "unit": unit,
        "known_on": known,
    }


def document(*requirements: dict[str, object]) -> dict[str, object]:
    def sentence(event: int, ends: str) -> dict[str, object]:
        return {
            "event_number": event,
            "sentence_type": "COMMUNITY_ORDER",
            "sentenced_on": "2024-01-10",
            "starts_on": "2024-01-10",
            "ends_on": ends,
            "known_on": "2024-01-11",
        }

    return {
        "crn": "X000001",
        "people": [
            {
                "sex": "MALE",
                "date_of_birth": "1990-01-01",
                "region": "A",
                "pdu": "A1",
                "known_on": "2024-01-01",
            }
        ],
        "sentences": [sentence(1, "2025-01-09"), sentence(2, "2024-12-31"), sentence(3, "2024-03-01")],
        "requirements": list(requirements),
    }


@pytest.mark.parametrize(
    ("requirements", "hours"),
    [
        ((), None),
        ((order(1, "UNPAID_WORK", 120),), 120),
        ((order(1, "UNPAID_WORK", 120), order(2, "UNPAID_WORK", 40)), 160),
        ((order(1, "UNPAID_WORK", 120), order(3, "UNPAID_WORK", 40)), 120),  # that sentence is over
        ((order(1, "UNPAID_WORK", 120), order(1, "ATTENDANCE_CENTRE", 24)), 120),
        ((order(1, "UNPAID_WORK", 120), order(2, "UNPAID_WORK", None)), None),
        ((order(1, "UNPAID_WORK", 6, unit="MONTHS"),), None),
        ((order(1, "UNPAID_WORK", 120, unit=None),), None),
        ((order(1, "UNPAID_WORK", 120), order(1, "UNPAID_WORK", 180, known="2024-05-02")), 180),  # corrected
        (
            (order(1, "UNPAID_WORK", 120), order(1, "UNPAID_WORK", 180, known="2024-06-01")),
            120,
        ),  # not yet known
    ],
)
def test_ordered_hours_are_read_from_the_record_and_fill_the_time_left(
    requirements: tuple[dict[str, object], ...], hours: int | None
) -> None:
    case = Case.from_document(document(*requirements))
    subject = subject_of(case, as_of=DAY)
    assert subject["unpaid_work_hours"] == hours
    directory = Directory.of([ROW], travel={"A1": {"V1": 70}})
    reach = feasibility.reach(Subjects.of([subject]), WHOLE, days=day_numbers(DAY), directory=directory)
    found = feasibility.describe(reach, row=0)[WHOLE.ids.index(WORK.id)]
    # 222 days are left, 208 of them after the wait: 29 weeks of seven hours.
    expected = {None: True if not requirements else None}.get(hours, hours is not None and hours <= 29 * 7)
    assert found.feasible is expected
    assert found.units_that_fit == (None if hours is None else min(hours, 29 * 7))

    tables = {
        name: pl.DataFrame(
            [
                {**dict.fromkeys(table.names), **row, **({"crn": "X000001"} if "crn" in table.names else {})}
                for row in case.tables[name]
            ],
            schema=table.polars_schema(),
        )
        for name, table in TABLES.items()
        if name in case.tables
    }
    points = pl.DataFrame({"crn": ["X000001"], "as_of": [DAY]})
    many = known_subjects(Histories.of(tables), points)
    assert many.value("unpaid_work_hours", 0) == hours
    reach = feasibility.reach(
        many,
        WHOLE,
        days=day_numbers(DAY),
        directory=Directory.of_frames(
            pl.DataFrame([ROW], schema_overrides={"next_start_on": pl.Date}),
            pl.DataFrame({"pdu": ["A1"], "venue": ["V1"], "minutes": [70.0]}),
        ),
    )
    truth = {True: TRUE, False: FALSE, None: UNKNOWN}[expected]
    assert reach.feasible[0, WHOLE.ids.index(WORK.id)] == truth
