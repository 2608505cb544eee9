"""Can it be attended here and now: each rule by itself, which place suits best, and that one person is as many."""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

import catalogue
from catalogue import Outcome, UsageError, feasibility
from catalogue.directory import DIRECTORY, TRAVEL, Directory
from catalogue.feasibility import NO_ENTRY, Feasibility, Reach
from catalogue.particulars import day_number, day_numbers
from catalogue.subjects import Subjects
from catalogue.truth import FALSE, TRUE, UNKNOWN

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


def at(directory: Directory, *people: Mapping[str, object], days: Iterable[date] = (DAY,)) -> Reach:
    return feasibility.reach(Subjects.of(people), WHOLE, days=day_numbers(*days), directory=directory)


def of_one(
    person: Mapping[str, object],
    rows: Sequence[Mapping[str, object]],
    travel: Mapping[str, float],
    intervention: str = TSP.id,
) -> Feasibility:
    """The answer for one person of the delivery unit A1, from where ``travel`` leads."""
    found = at(Directory.of(rows, travel={"A1": travel}), person)
    return feasibility.describe(found, row=0)[WHOLE.ids.index(intervention)]


def assess(
    person: Mapping[str, object] = {},
    row: Mapping[str, object] = {},
    travel: Mapping[str, float] = {"V1": 30},
    intervention: str = TSP.id,
) -> Feasibility:
    rows = [ROW | {"intervention_id": intervention} | row]
    return of_one({**PERSON, **person}, rows, travel, intervention)


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
        found = of_one(PERSON | {"sex": sex}, rows, {"V1": 30, "V2": 30})
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
        # Of the unit itself, whatever the region; for every unit of the region, or of every region.
        ({"region": "B"}, {"V1": 10}, True, "TRAVEL"),
        ({"pdu": None}, {}, None, "TRAVEL"),
        ({"pdu": None, "region": None}, {}, None, "TRAVEL"),
        ({"pdu": None, "region": "B"}, {"V1": 10}, False, "NOT_OFFERED_HERE"),
        # Online in the region, from wherever.
        ({"pdu": "A2", "format": "ONLINE"}, {}, True, "FITS_SENTENCE"),
        ({"pdu": "A2", "region": "B", "format": "ONLINE"}, {}, False, "NOT_OFFERED_HERE"),
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
    found = of_one(PERSON, rows, {"FAR": 200, "LATE": 5, "SOON": 40})
    assert (found.feasible, found.venue, found.minutes) == (True, "SOON", 40)
    assert (found.next_start_on, found.waiting_weeks) == (date(2024, 4, 1), 4.43)


@pytest.mark.parametrize(
    ("rows", "venue"),
    [
        # Feasible before open before impossible, then the earliest start, then the shortest way, then the names.
        (
            [{"venue": "V1", "sessions_per_week": 0.1}, {"venue": "V2", "next_start_on": date(2024, 6, 1)}],
            "V2",
        ),
        ([{"venue": "V9"}, {"venue": "FAR", "next_start_on": date(2024, 3, 20)}], "V9"),
        ([{"venue": "FAR"}, {"venue": "V9", "next_start_on": date(2024, 6, 1)}], "V9"),
        ([{"venue": "V1", "waiting_weeks": 9}, {"venue": "V2"}], "V2"),
        ([{"venue": "V1"}, {"venue": "V2"}], "V1"),
        ([{"venue": "V1"}, {"venue": "NEAR"}], "NEAR"),
        ([{"venue": "V1", "format": "ONE_TO_ONE"}, {"venue": "V1", "format": "GROUP"}], "V1"),
        ([{"venue": "V9"}, {"venue": None, "format": "ONLINE"}], None),
        ([{"venue": "V1", "women_in_group": 0}, {"venue": "V2", "women_only": True}], "V2"),
        ([{"venue": "V1", "women_in_group": None}, {"venue": "V2", "women_in_group": 0}], "V1"),
    ],
)
def test_which_place_suits_best(rows: list[dict[str, object]], venue: str | None) -> None:
    entries = [ROW | row for row in rows]
    # V9 is a place to which the way is not known.
    travel = {"V1": 30.0, "V2": 30.0, "NEAR": 10.0, "FAR": 200.0}
    for order in (entries, entries[::-1]):
        assert of_one(PERSON, order, travel).venue == venue
    if len({row.get("format") for row in rows} - {None}) > 1 and venue == "V1":
        assert of_one(PERSON, entries, travel).format == "GROUP"


def test_what_scores_read_of_the_way_and_the_wait_does_not_turn_on_sex() -> None:
    rows = [
        ROW | {"venue": "V1", "women_in_group": 0},
        ROW | {"venue": "V2", "women_only": True, "waiting_weeks": 9},
        ROW | {"venue": "V3", "waiting_weeks": 12},
    ]
    people = [PERSON | {"sex": sex} for sex in ("FEMALE", "MALE", None)]
    found = at(Directory.of(rows, travel={"A1": {"V1": 10, "V2": 20, "V3": 30}}), *people)
    column = WHOLE.ids.index(TSP.id)
    assert found.entry[:, column].tolist() == [1, 0, 2]
    assert found.minutes[:, column].tolist() == [30.0] * 3
    assert found.waiting_weeks[:, column].tolist() == [12.0] * 3


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
        "reads_simple_sentences": rng.choice((True, False, None)),
    }


def _here_and_there(seed: int, count: int) -> tuple[list[dict[str, object]], dict[str, dict[str, float]]]:
    """Rows of a directory, and minutes each way by delivery unit and venue."""
    rng = random.Random(seed)
    rows = [_somewhere(rng) for _ in range(count)]
    travel = {
        pdu: {
            venue: float(rng.choice((10, 60, 61, 90, 91)))
            for venue in ("V1", "V2", "V3")
            if rng.random() < 0.8
        }
        for pdu in ("A1", "A2", "B1")
    }
    return rows, travel


ARRAYS = ("feasible", "entry", "listed", "minutes", "waiting_weeks")


def test_people_of_many_homes_and_days_one_by_one_are_as_together(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(5)
    rows, travel = _here_and_there(seed=5, count=120)
    directory = Directory.of(rows, travel=travel)
    people = [_someone(rng) for _ in range(250)]
    days = [DAY + timedelta(rng.choice((0, 1, 7, 100))) for _ in people]
    together = at(directory, *people, days=days)
    assert {FALSE, UNKNOWN, TRUE} == set(np.unique(together.feasible).tolist())
    assert len({directory.period(day_numbers(day)).item() for day in days}) > 1
    for row, (person, day) in enumerate(zip(people, days, strict=True)):
        alone = at(directory, person, days=[day])
        for name in ARRAYS:
            assert np.array_equal(
                getattr(alone, name)[0],
                getattr(together, name)[row],
                equal_nan=name in {"minutes", "waiting_weeks"},
            )
        said = feasibility.describe(together, row=row)
        assert said == feasibility.describe(alone, row=0)
        for column, each in enumerate(said):
            assert (
                each.feasible
                is {FALSE: False, UNKNOWN: None, TRUE: True}[int(together.feasible[row, column])]
            )
            _is_the_entry(each, rows, int(together.entry[row, column]))
            if not together.listed[row, column]:
                assert each.reasons[0].code == "NO_DIRECTORY_ENTRY"
            rules = [reason.outcome for reason in each.reasons if reason.kind == "RULE"]
            worst = min(rules, key=(Outcome.NOT_MET, Outcome.UNKNOWN, Outcome.MET).index)
            assert {Outcome.NOT_MET: False, Outcome.UNKNOWN: None, Outcome.MET: True}[worst] is each.feasible
    # Few cells at a time, so that one home takes many turns.
    monkeypatch.setattr("catalogue.feasibility._CELLS", 200)
    pieces = at(directory, *people, days=days)
    assert len(pieces.homes) > len(together.homes)
    for name in ARRAYS:
        one, other = getattr(pieces, name), getattr(together, name)
        assert np.array_equal(one, other, equal_nan=name in {"minutes", "waiting_weeks"})


def _is_the_entry(said: Feasibility, rows: Sequence[Mapping[str, object]], entry: int) -> None:
    if entry == NO_ENTRY:
        assert (said.venue, said.format, said.next_start_on) == (None, None, None)
        return
    row = rows[entry]
    assert (row["intervention_id"], row["venue"], row["format"]) == (
        said.intervention_id,
        said.venue,
        said.format,
    )


def test_no_entry_that_is_near_would_suit_better() -> None:
    rng = random.Random(6)
    rows, travel = _here_and_there(seed=6, count=100)
    people = [_someone(rng) for _ in range(40)]
    found = at(Directory.of(rows, travel=travel), *people)
    looked = 0
    for row, person in enumerate(people):
        said = {each.intervention_id: each for each in feasibility.describe(found, row=row)}
        for entry in rows:
            # The same directory with this entry alone says what the entry has to offer.
            alone = feasibility.describe(at(Directory.of([entry], travel=travel), person), row=0)
            (other,) = [each for each in alone if each.intervention_id == entry["intervention_id"]]
            if other.next_start_on is not None:
                looked += 1
                assert _preference(said[other.intervention_id]) <= _preference(other)
    assert looked > 300


def _preference(said: Feasibility) -> tuple[object, ...]:
    assert said.next_start_on is not None
    return (
        (True, None, False).index(said.feasible),
        said.next_start_on,
        float("inf") if said.minutes is None else said.minutes,
        said.venue or "",
        said.format or "",
    )


def test_the_directory_in_any_order_leads_to_the_same_place() -> None:
    rng = random.Random(7)
    rows, travel = _here_and_there(seed=7, count=150)
    people = [_someone(rng) for _ in range(80)]
    found = at(Directory.of(rows, travel=travel), *people)
    for _ in range(3):
        order = rng.sample(range(len(rows)), k=len(rows))
        other = at(Directory.of([rows[each] for each in order], travel=travel), *people)
        for name in ("feasible", "listed", "minutes", "waiting_weeks"):
            assert np.array_equal(
                getattr(found, name), getattr(other, name), equal_nan=name in {"minutes", "waiting_weeks"}
            )
        for row in range(len(people)):
            pairs = zip(
                feasibility.describe(found, row=row), feasibility.describe(other, row=row), strict=True
            )
            for one, same in pairs:
                # Two entries of the same place, format and start may differ in their pace: the order decides.
                for name in ("feasible", "venue", "format", "minutes", "next_start_on", "waiting_weeks"):
                    assert getattr(one, name) == getattr(same, name)


def test_rows_and_frames_give_the_same_directory() -> None:
    rows, travel = _here_and_there(seed=8, count=60)
    ways = [(pdu, venue, minutes) for pdu, venues in travel.items() for venue, minutes in venues.items()]
    of_rows = Directory.of(rows, travel=travel)
    of_frames = Directory.of_frames(
        pl.DataFrame(rows, infer_schema_length=None), pl.DataFrame(ways, schema=list(TRAVEL), orient="row")
    )
    people = [_someone(random.Random(each)) for each in range(40)]
    one, other = at(of_rows, *people), at(of_frames, *people)
    assert len(of_rows) == len(of_frames) == 60
    for name in ARRAYS:
        assert np.array_equal(
            getattr(one, name), getattr(other, name), equal_nan=name in {"minutes", "waiting_weeks"}
        )
    assert (one.entry != NO_ENTRY).any()


def test_an_entry_is_in_date_from_its_first_day_to_the_day_before_its_last() -> None:
    directory = Directory.of(
        [ROW | {"valid_from": DAY, "valid_to": DAY + timedelta(3)}], travel={"A1": {"V1": 30}}
    )
    days = [DAY + timedelta(each) for each in range(-1, 5)]
    found = at(directory, *[PERSON] * len(days), days=days)
    column = WHOLE.ids.index(TSP.id)
    assert found.listed[:, column].tolist() == [False, True, True, True, False, False]
    listed = [bool(len(directory.near(unit="A1", region="A", day=day_number(day, 0)).listed)) for day in days]
    assert listed == found.listed[:, column].tolist()


def test_an_empty_directory_says_nothing_of_anybody() -> None:
    nothing = Directory.of_frames(
        pl.DataFrame(schema=dict.fromkeys(DIRECTORY, pl.String)),
        pl.DataFrame(schema={"pdu": pl.String, "venue": pl.String, "minutes": pl.Float64}),
    )
    people = [_someone(random.Random(each)) for each in range(5)]
    for directory in (nothing, Directory.of()):
        for held in (people, []):
            found = at(directory, *held)
            assert found.feasible.shape == (len(held), len(WHOLE.ids))
            assert (found.feasible == UNKNOWN).all()
            assert (found.entry == NO_ENTRY).all()
            assert np.isnan(found.minutes).all()
            assert not found.listed.any()
        said = feasibility.describe(at(directory, *people), row=3)
        assert {(each.feasible, each.reasons[0].code) for each in said} == {(None, "NO_DIRECTORY_ENTRY")}


def test_an_intervention_that_the_catalogue_does_not_have_is_left_out() -> None:
    rows = [ROW | {"intervention_id": "elsewhere"}, ROW]
    found = at(Directory.of(rows, travel={"A1": {"V1": 30}}), PERSON)
    assert np.flatnonzero(found.listed[0]).tolist() == [WHOLE.ids.index(TSP.id)]
    assert found.entry[0, WHOLE.ids.index(TSP.id)] == 1


@pytest.mark.parametrize("column", DIRECTORY)
def test_a_directory_without_its_columns_is_refused(column: str) -> None:
    travel = pl.DataFrame({"pdu": [], "venue": [], "minutes": []})
    with pytest.raises(UsageError, match=f"directory lacks the column '{column}'"):
        Directory.of_frames(pl.DataFrame([ROW]).drop(column), travel)


@pytest.mark.parametrize("column", TRAVEL)
def test_a_travel_table_without_its_columns_is_refused(column: str) -> None:
    travel = pl.DataFrame({"pdu": [], "venue": [], "minutes": []}).drop(column)
    with pytest.raises(UsageError, match=f"travel table lacks the column '{column}'"):
        Directory.of_frames(pl.DataFrame([ROW]), travel)
