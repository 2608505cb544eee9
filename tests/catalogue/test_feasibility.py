"""Can it be attended here and now: each rule by itself, and one person as everybody."""

import random
from collections.abc import Mapping
from datetime import date, timedelta

import polars as pl
import pytest

import catalogue
from catalogue import UsageError, batch, feasibility
from catalogue.eligibility import Outcome
from catalogue.feasibility_batch import DIRECTORY

DAY = date(2024, 3, 1)
WHOLE = catalogue.load()
TSP = WHOLE.by_id("thinking-skills-programme-acp")
PERSON = {
    "sex": "FEMALE",
    "pdu": "A1",
    "region": "A",
    "setting": "COMMUNITY",
    "sentence_type": "COMMUNITY_ORDER",
    "days_left": 400,
    "needs_interpreter": False,
    "reads_simple_sentences": True,
}
ROW = {
    "intervention_id": TSP.id,
    "region": "A",
    "pdu": "A1",
    "venue": "V1",
    "format": "GROUP",
    "women_only": False,
    "women_in_group": 2,
    "next_start_on": date(2024, 4, 1),
    "sessions_per_week": 2,
    "waiting_weeks": 3,
    "valid_from": date(2024, 1, 1),
    "valid_to": None,
}


def assess(
    person: Mapping[str, object] = {},
    row: Mapping[str, object] = {},
    travel: Mapping[str, float] = {"V1": 30},
    intervention: str = TSP.id,
) -> feasibility.Feasibility:
    rows = [ROW | {"intervention_id": intervention} | row]
    return feasibility.assess(
        PERSON | person,  # type: ignore[operator]
        WHOLE.by_id(intervention),
        as_of=DAY,
        directory=rows,
        travel=travel,
    )


@pytest.mark.parametrize(
    ("person", "row", "minutes", "feasible", "code"),
    [
        ({}, {}, 60, True, "TRAVEL"),
        ({}, {}, 61, False, "TRAVEL"),
        ({}, {"format": "ONLINE"}, 500, True, "FITS_SENTENCE"),
        ({"setting": "CUSTODY"}, {}, 500, True, "FITS_SENTENCE"),
        ({}, {"women_in_group": 0}, 30, False, "WOMEN_IN_GROUP"),
        ({}, {"women_in_group": None}, 30, None, "WOMEN_IN_GROUP"),
        ({"sex": "MALE"}, {"women_in_group": 0}, 30, True, "FITS_SENTENCE"),
        ({"sex": "MALE"}, {"women_only": True}, 30, False, "WOMEN_ONLY_VENUE"),
        ({}, {"women_only": True, "women_in_group": 0}, 30, True, "WOMEN_ONLY_VENUE"),
        ({}, {"format": "ONE_TO_ONE", "women_in_group": 0}, 30, True, "FITS_SENTENCE"),
        # 19 sessions, two a week: ten weeks from 1 April is 31 days and 70.
        ({"days_left": 101}, {}, 30, True, "FITS_SENTENCE"),
        ({"days_left": 100}, {}, 30, False, "FITS_SENTENCE"),
        ({"days_left": None}, {}, 30, None, "FITS_SENTENCE"),
        ({"days_left": None, "sentence_type": "PRE_SENTENCE"}, {}, 30, True, "FITS_SENTENCE"),
    ],
)
def test_each_rule_decides_by_itself(
    person: Mapping[str, object],
    row: Mapping[str, object],
    minutes: float,
    feasible: bool | None,  # noqa: FBT001  a column of the table
    code: str,
) -> None:
    found = assess(person, row, {"V1": minutes})
    assert found.feasible is feasible
    outcome = {True: Outcome.MET, False: Outcome.NOT_MET, None: Outcome.UNKNOWN}[feasible]
    assert next(each for each in found.reasons if each.code == code).outcome is outcome


def test_unpaid_work_may_take_ninety_minutes() -> None:
    assert assess(travel={"V1": 90}, intervention="unpaid-work-group").feasible is True
    assert assess(travel={"V1": 91}, intervention="unpaid-work-group").feasible is False


GROUP_WORK, ONE_PLACE, CENTRE = "unpaid-work-group", "unpaid-work-individual", "attendance-centre"
ORDER = {"requirement_types": ("UNPAID_WORK",), "unpaid_work_hours": 120}
COURSE = {"requirement_types": ("ATTENDANCE_CENTRE",), "attendance_centre_hours": 24}


@pytest.mark.parametrize(
    ("intervention", "person", "row", "feasible", "units", "sentence"),
    [
        # 120 hours at two days of seven hours a week are nine weeks: 63 days after the 31 until 1 April.
        (GROUP_WORK, ORDER | {"days_left": 94}, {}, True, 120, "at 14 a week"),
        (GROUP_WORK, ORDER | {"days_left": 93}, {}, False, 112, "112 of 120 hours, at 14 a week"),
        (ONE_PLACE, ORDER | {"days_left": 93}, {"format": "ONE_TO_ONE"}, False, 112, "112 of 120"),
        # Never more than 28 hours a week, at whatever pace the place is open: 120 hours are five weeks.
        (GROUP_WORK, ORDER | {"days_left": 66}, {"sessions_per_week": 7}, True, 120, "at 28 a week"),
        (GROUP_WORK, ORDER | {"days_left": 65}, {"sessions_per_week": 7}, False, 112, "at 28 a week"),
        (GROUP_WORK, ORDER | {"days_left": 66}, {"sessions_per_week": None}, True, 120, "at 28 a week"),
        # Ordered, but not how much: 40 hours need three weeks at 14, 300 need twenty-two.
        (GROUP_WORK, ORDER | {"unpaid_work_hours": None, "days_left": 185}, {}, True, None, "at 14"),
        (GROUP_WORK, ORDER | {"unpaid_work_hours": None, "days_left": 184}, {}, None, None, "need to know"),
        (GROUP_WORK, ORDER | {"unpaid_work_hours": None, "days_left": 52}, {}, None, None, "need to know"),
        (GROUP_WORK, ORDER | {"unpaid_work_hours": None, "days_left": 51}, {}, False, None, "3 weeks"),
        (GROUP_WORK, ORDER | {"days_left": None}, {}, None, None, "need to know"),
        # 24 hours of three are eight sessions: four weeks at two a week.
        (CENTRE, COURSE | {"days_left": 59}, {}, True, 24, "at 6 a week"),
        (CENTRE, COURSE | {"days_left": 58}, {}, False, 18, "18 of 24 hours"),
        # Through RAR days no hours are ordered.
        (CENTRE, {"requirement_types": ("RAR",), "days_left": 40}, {}, True, None, "It can be done"),
        (TSP.id, {"days_left": 100}, {}, False, 18, "18 of 19 sessions"),
    ],
)
def test_what_fits_before_the_end_of_the_sentence(
    intervention: str,
    person: Mapping[str, object],
    row: Mapping[str, object],
    feasible: bool | None,  # noqa: FBT001  a column of the table
    units: int | None,
    sentence: str,
) -> None:
    found = assess(person, row, intervention=intervention)
    reason = next(each for each in found.reasons if each.code == "FITS_SENTENCE")
    assert (found.feasible, found.units_that_fit) == (feasible, units)
    assert sentence in reason.text


def test_up_to_a_fifth_of_the_hours_can_be_learning() -> None:
    said = [
        each.text for each in assess(ORDER, intervention=GROUP_WORK).reasons if each.code == "LEARNING_HOURS"
    ]
    assert said == ["Up to 24 of the 120 hours can go on training or work skills."]
    unknown = assess(ORDER | {"unpaid_work_hours": None}, intervention=GROUP_WORK)
    centre = assess(COURSE, intervention=CENTRE)
    assert not [
        each for found in (unknown, centre) for each in found.reasons if each.code == "LEARNING_HOURS"
    ]


def test_where_the_format_is_not_recorded_a_group_is_reckoned_with() -> None:
    alone = {"format": None, "women_in_group": 0}
    assert assess(row=alone).feasible is False
    assert assess(row=alone, intervention=ONE_PLACE).feasible is True


@pytest.mark.parametrize(("women_only", "outcome"), [(True, Outcome.MET), (False, Outcome.NOT_MET)])
def test_a_woman_is_told_whether_a_place_for_women_only_is_on_offer(
    women_only: bool,  # noqa: FBT001  a column of the table
    outcome: Outcome,
) -> None:
    found = assess(row={"women_only": women_only})
    said = {each.code: each.outcome for each in found.reasons}
    assert (found.feasible, said["WOMEN_ONLY_ON_OFFER"]) == (True, outcome)
    assert "WOMEN_ONLY_ON_OFFER" not in {
        each.code for each in assess(intervention="womens-services-crs").reasons
    }


def test_a_woman_is_told_of_a_place_for_women_only_and_a_man_is_not() -> None:
    rows = [ROW, ROW | {"venue": "V2", "women_only": True, "next_start_on": date(2024, 9, 1)}]
    for sex, told in (("FEMALE", True), ("MALE", False)):
        found = feasibility.assess(
            PERSON | {"sex": sex}, TSP, as_of=DAY, directory=rows, travel={"V1": 30, "V2": 30}
        )
        assert found.venue == "V1"
        assert ("WOMEN_ONLY_ON_OFFER" in {each.code for each in found.reasons}) is told


def test_interpreter_and_literacy_are_reasons_to_prepare_and_never_to_withhold() -> None:
    found = assess({"needs_interpreter": True, "reads_simple_sentences": False})
    assert found.feasible is True
    assert {"INTERPRETER", "LITERACY_SUPPORT"} <= {each.code for each in found.reasons}


@pytest.mark.parametrize(
    ("row", "travel", "feasible", "code"),
    [
        ({"pdu": "B1", "region": "B"}, {"V1": 10}, False, "NOT_OFFERED_HERE"),
        ({"pdu": "A2"}, {}, False, "NOT_OFFERED_HERE"),
        ({"pdu": "A2"}, {"V1": 10}, True, "TRAVEL"),
        ({"valid_to": DAY}, {"V1": 10}, None, "NO_DIRECTORY_ENTRY"),
        ({"valid_from": DAY + timedelta(1)}, {"V1": 10}, None, "NO_DIRECTORY_ENTRY"),
    ],
)
def test_which_rows_of_the_directory_are_looked_at(
    row: Mapping[str, object],
    travel: Mapping[str, float],
    feasible: bool | None,  # noqa: FBT001  a column of the table
    code: str,
) -> None:
    found = assess(row=row, travel=travel)
    assert found.feasible is feasible
    assert code in {each.code for each in found.reasons}


def test_the_earliest_place_that_can_be_attended_is_named() -> None:
    rows = [
        ROW | {"venue": "FAR", "next_start_on": date(2024, 3, 2), "waiting_weeks": 0},
        ROW | {"venue": "LATE", "next_start_on": date(2024, 6, 1)},
        ROW | {"venue": "SOON"},
    ]
    found = feasibility.assess(
        PERSON, TSP, as_of=DAY, directory=rows, travel={"FAR": 200, "LATE": 5, "SOON": 40}
    )
    assert (found.feasible, found.venue, found.minutes) == (True, "SOON", 40)
    assert (found.next_start_on, found.waiting_weeks) == (date(2024, 4, 1), 4.43)


LISTED = (*WHOLE.ids[:12], "unpaid-work-group", "unpaid-work-individual")


def _somewhere(rng: random.Random) -> dict[str, object]:
    region = rng.choice("AB")
    return {
        "intervention_id": rng.choice(LISTED),
        "region": rng.choice((region, region, None)),
        "pdu": rng.choice((f"{region}1", f"{region}2", None)),
        "venue": rng.choice(("V1", "V2", "V3", None)),
        "format": rng.choice(("GROUP", "GROUP", "ONE_TO_ONE", "ONLINE", None)),
        "women_only": rng.choice((False, False, True, None)),
        "women_in_group": rng.choice((0, 1, 3, None)),
        "next_start_on": rng.choice((None, DAY - timedelta(9), DAY + timedelta(20), DAY + timedelta(200))),
        "sessions_per_week": rng.choice((None, 0, 1, 2, 2.5)),
        "waiting_weeks": rng.choice((None, 0, 2.5, 6)),
        "valid_from": rng.choice((None, DAY - timedelta(5), DAY + timedelta(5))),
        "valid_to": rng.choice((None, DAY, DAY + timedelta(90))),
    }


def _someone(rng: random.Random) -> dict[str, object]:
    return {
        "sex": rng.choice(("MALE", "FEMALE", "FEMALE", None)),
        "pdu": rng.choice(("A1", "A2", "B1", None)),
        "region": rng.choice(("A", "B", None)),
        "setting": rng.choice(("COMMUNITY", "CUSTODY", None)),
        "sentence_type": rng.choice(("COMMUNITY_ORDER", "PRE_SENTENCE", None)),
        "days_left": rng.choice((None, 10, 60, 150, 700)),
        "requirement_types": rng.choice((None, [], ["UNPAID_WORK"], ["ATTENDANCE_CENTRE", "RAR"])),
        "unpaid_work_hours": rng.choice((None, None, 0, 40, 120, 300)),
        "attendance_centre_hours": rng.choice((None, None, 12, 36)),
        "as_of": DAY + timedelta(rng.choice((0, 1, 7))),
    }


def test_one_person_as_everybody() -> None:
    rng = random.Random(5)
    rows = [_somewhere(rng) for _ in range(120)]
    journeys = {
        (pdu, venue): float(rng.choice((10, 60, 61, 90, 91)))
        for pdu in ("A1", "A2", "B1")
        for venue in ("V1", "V2", "V3")
        if rng.random() < 0.8
    }
    people = [_someone(rng) for _ in range(250)]
    directory = pl.DataFrame(rows, schema=DIRECTORY)
    travel = pl.DataFrame(
        [(pdu, venue, minutes) for (pdu, venue), minutes in journeys.items()],
        schema=["pdu", "venue", "minutes"],
        orient="row",
    )
    subjects = pl.DataFrame(people, infer_schema_length=None)
    places = batch.places(subjects, WHOLE, directory=directory, travel=travel)
    wide = batch.feasible(subjects, WHOLE, directory=directory, travel=travel)
    by_pair = {(row["row"], row["intervention_id"]): row for row in places.iter_rows(named=True)}
    for row, person in enumerate(people):
        mine = {venue: minutes for (pdu, venue), minutes in journeys.items() if pdu == person["pdu"]}
        for intervention in (WHOLE.by_id(each) for each in (*LISTED, WHOLE.ids[12])):
            live = feasibility.assess(
                person,  # type: ignore[arg-type]
                intervention,
                as_of=person["as_of"],  # type: ignore[arg-type]
                directory=rows,
                travel=mine,
            )
            assert wide[row, intervention.id] is live.feasible
            found = by_pair.get((row, intervention.id))
            if found is None:
                assert live.reasons[0].code == "NO_DIRECTORY_ENTRY"
                continue
            for name in ("feasible", "venue", "minutes", "next_start_on", "waiting_weeks", "format"):
                assert found[name] == getattr(live, name), (row, intervention.id, name)
    some = places.filter(pl.col("row") % 7 == 0).select("row", "intervention_id")
    asked = batch.places(subjects, WHOLE, directory=directory, travel=travel, pairs=some)
    assert asked.equals(places.filter(pl.col("row") % 7 == 0))


def test_an_empty_directory_says_nothing_of_anybody() -> None:
    subjects = pl.DataFrame([_someone(random.Random(each)) for each in range(5)], infer_schema_length=None)
    for people in (subjects, subjects.head(0)):
        wide = batch.feasible(
            people,
            WHOLE,
            directory=pl.DataFrame(schema=DIRECTORY),
            travel=pl.DataFrame(schema={"pdu": pl.String, "venue": pl.String, "minutes": pl.Float64}),
        )
        assert wide.shape == (people.height, len(WHOLE.ids))
        assert wide.null_count().row(0) == (people.height,) * len(WHOLE.ids)


def test_a_directory_without_its_columns_is_refused() -> None:
    subjects = pl.DataFrame([_someone(random.Random(1))], infer_schema_length=None)
    with pytest.raises(UsageError, match="women_in_group"):
        batch.feasible(
            subjects,
            WHOLE,
            directory=pl.DataFrame([ROW]).drop("women_in_group"),
            travel=pl.DataFrame({"pdu": [], "venue": [], "minutes": []}),
        )
