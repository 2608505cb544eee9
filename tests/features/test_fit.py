"""The facts of eligibility, one live and many in bulk; the fit of person and intervention, held against a plain reading."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import catalogue
from catalogue.errors import UsageError
from catalogue.fields import FIELDS, NEED_THRESHOLDS, REQUIREMENT_TYPES, SETTINGS, linked_field
from catalogue.intervention import Intervention
from catalogue.subjects import Categories, Subjects
from features import batch
from features.case import Case
from features.contract import TABLES
from features.fit import FIT_FEATURES, PERSON_FEATURES, access, fit, fit_frame
from features.histories import Histories
from features.spec import Use
from features.subject import subject_of, subjects

Tables = Callable[..., dict[str, pl.DataFrame]]
Points = Callable[..., pl.DataFrame]
CATALOGUE = catalogue.load()
TEXTS = ("x", "é", "ZZ", "\U0001f600", "NOT", "DIS", "|", "")


def on_scale(frames: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The tables without requirements of a type that the catalogue does not know: those are refused."""
    known = pl.col("requirement_type").is_in(REQUIREMENT_TYPES) | pl.col("requirement_type").is_null()
    return {**frames, "requirements": frames["requirements"].filter(known)}


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), people=st.integers(1, 4), rows=st.integers(0, 14))
def test_subjects_agree(tables: Tables, points: Points, seed: int, people: int, rows: int) -> None:
    histories = Histories.of(on_scale(tables(seed=seed, people=people, rows=rows)))
    asked = points(seed=seed, people=people)
    settings_given = pl.Series(["CUSTODY", None] * asked.height, dtype=pl.String)[: asked.height]
    asked = asked.with_columns(setting=settings_given)
    frame = subjects(histories, asked)
    assert frame.columns == ["crn", "as_of", *FIELDS]
    crns = asked["crn"].unique().to_list()
    cases = dict(zip(crns, histories.cases(crns), strict=True))
    for point, row in zip(asked.iter_rows(named=True), frame.iter_rows(named=True), strict=True):
        known = subject_of(
            cases[point["crn"]],
            as_of=point["as_of"],
            setting=point["setting"],
            assessment_id=point["assessment_id"],
        )
        in_bulk = {name: tuple(row[name]) if isinstance(row[name], list) else row[name] for name in FIELDS}
        assert in_bulk == known
        assert {k: type(v) for k, v in in_bulk.items()} == {k: type(v) for k, v in known.items()}


def plainly(
    subject: Mapping[str, object],
    entry: Intervention,
    *,
    minutes: float | None,
    waiting_weeks: float | None,
) -> dict[str, object]:
    """How do this person and this intervention fit? Feature by feature, for one pair."""
    needs = {need: subject[need] for need in entry.needs}
    scores = {need: score for need, score in needs.items() if isinstance(score, int | float)}
    matched = [need for need, score in scores.items() if score >= NEED_THRESHOLDS[need]]
    required, days_left, weeks = subject["requirement_types"], subject["days_left"], entry.duration_weeks
    return {
        "intervention_type": str(entry.type),
        "intervention_family": entry.family,
        "intervention_intensity": str(entry.intensity),
        "intervention_sessions": entry.sessions,
        "intervention_sessions_group": entry.sessions_group,
        "intervention_sessions_one_to_one": entry.sessions_one_to_one,
        "intervention_weeks": weeks,
        "offers_one_to_one": "ONE_TO_ONE" in entry.formats,
        "offers_online": "ONLINE" in entry.formats or "ONLINE" in entry.attendance,
        "setting": subject["setting"],
        "needs_matched": len(matched),
        "needs_matched_share": len(matched) / len(entry.needs) if entry.needs else None,
        "need_points_matched": int(sum(scores.values())) if scores else None,
        "linked_needs_matched": sum(subject[linked_field(need)] is True for need in matched),
        "required_by_sentence": None if required is None else entry.requirement in members(required),
        "completed_before": entry.id in members(subject["completed_interventions"]),
        "interventions_under_way": len(members(subject["open_interventions"])),
        "travel_minutes": minutes,
        "waiting_weeks": waiting_weeks,
        "spare_days": None
        if weeks is None or not isinstance(days_left, int | float)
        else int(days_left) - 7 * weeks,
    }


def members(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, list | tuple) else ()


def fitted(
    subjects_of: Sequence[Mapping[str, object]], pairs: Sequence[tuple[int, int, float | None, float | None]]
) -> list[dict[str, object]]:
    """The rows of `fit` for pairs of a person, an intervention, minutes and weeks; None where not known."""
    people, which, minutes, weeks = (np.array(column) for column in zip(*pairs, strict=True))
    found = fit(
        Subjects.of(subjects_of),
        CATALOGUE,
        people=people.astype(np.int64),
        which=which.astype(np.int64),
        minutes=minutes.astype(np.float64),
        waiting_weeks=weeks.astype(np.float64),
    )
    assert tuple(found) == FIT_FEATURES
    columns = {
        name: column.to_list()
        if isinstance(column, Categories)
        else [None if np.isnan(value) else value for value in column]
        for name, column in found.items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


IDS = st.sampled_from(CATALOGUE.ids)
SUBJECTS = st.fixed_dictionaries(
    {
        **{need: st.none() | st.integers(0, 12) for need in NEED_THRESHOLDS},
        **{linked_field(need): st.sampled_from([None, True, False]) for need in NEED_THRESHOLDS},
        "requirement_types": st.none()
        | st.lists(st.sampled_from(REQUIREMENT_TYPES), max_size=5, unique=True),
        "completed_interventions": st.none() | st.lists(IDS, max_size=30, unique=True),
        "open_interventions": st.none() | st.lists(IDS, max_size=4, unique=True),
        "days_left": st.none() | st.integers(0, 900),
        "setting": st.none() | st.sampled_from(SETTINGS),
    }
)
PAIRS = st.tuples(
    st.integers(0, len(CATALOGUE.ids) - 1),
    st.none() | st.floats(0, 200),
    st.none() | st.floats(0, 40),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(chosen=st.lists(st.tuples(SUBJECTS, PAIRS), min_size=1, max_size=8), data=st.data())
def test_a_fit_is_the_plain_reading_of_each_pair_alone_or_among_others(
    chosen: list[tuple[dict[str, object], tuple[int, float | None, float | None]]], data: st.DataObject
) -> None:
    expected = [
        plainly(subject, CATALOGUE.interventions[which], minutes=minutes, waiting_weeks=weeks)
        for subject, (which, minutes, weeks) in chosen
    ]
    everybody = [subject for subject, _ in chosen]
    order = data.draw(st.permutations(range(len(chosen))))
    together = fitted(everybody, [(place, *chosen[place][1]) for place in order])
    assert together == [expected[place] for place in order]
    for (subject, pair), row in zip(chosen, expected, strict=True):
        assert fitted([subject], [(0, *pair)]) == [row]


@settings(max_examples=3, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_frame_of_fits_is_the_plain_reading_with_whole_numbers_and_yes_or_no(
    tables: Tables, points: Points, seed: int
) -> None:
    histories = Histories.of(on_scale(tables(seed=seed, people=2, rows=14)))
    asked = points(seed=seed, people=2).drop("referral_id")
    entries = CATALOGUE.interventions[seed % 3 :: 3]
    chosen = list(product(range(asked.height), entries))
    repeated = asked[[n for n, _ in chosen]]
    pairs = pl.DataFrame(
        {
            "intervention_id": [entry.id for _, entry in chosen],
            "minutes": [None if n % 3 else float(n) for n in range(len(chosen))],
            "waiting_weeks": [None if n % 2 else n / 4 for n in range(len(chosen))],
        }
    )
    features, facts = batch.evaluate(histories, repeated, uses={Use.SCORING}), subjects(histories, repeated)
    frame = fit_frame(features, facts, pairs, catalogue=CATALOGUE)
    assert frame.columns == [*PERSON_FEATURES, *FIT_FEATURES]
    assert frame.select(PERSON_FEATURES).equals(features.select(PERSON_FEATURES))
    for (_, entry), fact, pair, row in zip(
        chosen,
        facts.iter_rows(named=True),
        pairs.iter_rows(named=True),
        frame.select(FIT_FEATURES).iter_rows(named=True),
        strict=True,
    ):
        expected = plainly(fact, entry, minutes=pair["minutes"], waiting_weeks=pair["waiting_weeks"])
        assert row == expected
        assert {k: type(v) for k, v in row.items()} == {k: type(v) for k, v in expected.items()}


@settings(max_examples=20, deadline=None, derandomize=True)
@given(subject=SUBJECTS)
def test_no_fit_reads_sex_or_age(subject: dict[str, object]) -> None:
    people = [
        {**subject, "sex": sex, "age": age, "region": region}
        for sex, age, region in (("FEMALE", 19, "A"), ("MALE", 60, "K"))
    ]
    one, other = (
        fitted(people, [(person, which, None, None) for which in range(len(CATALOGUE.ids))])
        for person in range(2)
    )
    assert one == other


def test_frames_that_are_not_aligned_and_unknown_interventions_are_refused(tables: Tables) -> None:
    histories = Histories.of(tables(seed=1, people=1, rows=5))
    asked = pl.DataFrame({"crn": ["A000000"], "as_of": [date(2020, 3, 9)]})
    features, facts = batch.evaluate(histories, asked), subjects(histories, asked)
    with pytest.raises(UsageError, match="aligned"):
        fit_frame(features, facts, pl.DataFrame({"intervention_id": ["a", "b"]}), catalogue=CATALOGUE)
    with pytest.raises(UsageError, match="catalogue"):
        fit_frame(features, facts, pl.DataFrame({"intervention_id": ["no-such-thing"]}), catalogue=CATALOGUE)


BIRTH = date(2000, 2, 29)


@pytest.mark.parametrize(
    ("as_of", "age"),
    [(date(2023, 2, 28), 22), (date(2023, 3, 1), 23), (date(2024, 2, 28), 23), (date(2024, 2, 29), 24)],
)
def test_age_is_whole_years_and_leap_days_are_had(as_of: date, age: int) -> None:
    person = dict.fromkeys(TABLES["people"].names) | {
        "crn": "A000001",
        "date_of_birth": BIRTH,
        "known_on": date(2020, 1, 1),
    }
    case = Case("A000001", {"people": (person,)})
    assert subject_of(case, as_of=as_of)["age"] == age
    histories = Histories.of({"people": pl.DataFrame([person], schema=TABLES["people"].polars_schema())})
    frame = subjects(histories, pl.DataFrame({"crn": ["A000001"], "as_of": [as_of]}))
    assert frame["age"].to_list() == [age]


def made(name: str, **values: object) -> dict[str, object]:
    return dict.fromkeys(TABLES[name].names) | {"known_on": date(2024, 1, 1)} | values


def test_the_lists_of_a_subject_follow_the_running_sentence_and_the_last_status() -> None:
    day = date(2024, 1, 1)
    crn = {"crn": "A000001"}
    running = {"starts_on": day, "ends_on": day + timedelta(300), "sentence_type": "COMMUNITY_ORDER"}
    over = {"starts_on": day - timedelta(900), "ends_on": day - timedelta(500), "sentence_type": "CUSTODY"}
    case = Case(
        "A000001",
        {
            "sentences": (
                made(
                    "sentences",
                    **crn,
                    **running,
                    event_number=2,
                    sentenced_on=day,
                    offence_types=["GANG"],
                    rar_days=20,
                ),
                made("sentences", **crn, **over, event_number=1, sentenced_on=day, offence_types=["SEXUAL"]),
            ),
            "requirements": (
                made("requirements", **crn, event_number=2, requirement_type="RAR", imposed_on=day),
                made("requirements", **crn, event_number=1, requirement_type="CURFEW", imposed_on=day),
            ),
            "referrals": tuple(
                made("referrals", **crn, referral_id=name, intervention_id=f"i{name}", referred_on=day)
                for name in "ABC"
            ),
            "referral_events": (
                made("referral_events", referral_id="A", occurred_on=day, status="COMPLETED"),
                made("referral_events", referral_id="A", occurred_on=day, status="ON_PROGRAMME"),
                made("referral_events", referral_id="B", occurred_on=day, status="WITHDRAWN", reason="NOT"),
            ),
        },
    )
    subject = subject_of(case, as_of=day + timedelta(30))
    expected = {
        "sentence_type": "COMMUNITY_ORDER",
        "setting": "COMMUNITY",
        "days_left": 270,
        "sentence_length_days": 300,
        "rar_days": 20,
        "offence_types": ("GANG",),
        "past_offence_types": ("SEXUAL",),
        "requirement_types": ("RAR",),
        "completed_interventions": ("iA",),
        "open_interventions": ("iC",),
    }
    assert {name: subject[name] for name in expected} == expected
    assert subject_of(case, as_of=day + timedelta(30), setting="REMAND")["setting"] == "REMAND"
    assert subject_of(Case("A000001", {}), as_of=day)["requirement_types"] is None


def test_a_requirement_of_an_unknown_type_is_refused_live_and_in_bulk() -> None:
    day = date(2024, 1, 1)
    rows = {
        "sentences": made("sentences", crn="A000001", event_number=1, sentenced_on=day, starts_on=day),
        "requirements": made(
            "requirements", crn="A000001", event_number=1, imposed_on=day, requirement_type="ZZ"
        ),
    }
    with pytest.raises(UsageError, match="'requirement_types' holds a value outside its scale"):
        subject_of(Case("A000001", {name: (row,) for name, row in rows.items()}), as_of=day + timedelta(9))
    histories = Histories.of(
        {name: pl.DataFrame([row], schema=TABLES[name].polars_schema()) for name, row in rows.items()}
    )
    with pytest.raises(UsageError, match="'requirement_types' holds a value outside its scale"):
        subjects(histories, pl.DataFrame({"crn": ["A000001"], "as_of": [day + timedelta(9)]}))


def test_access_is_the_way_to_the_venue_and_the_wait_of_its_day() -> None:
    day = date(2024, 1, 1)
    histories = Histories.of(
        {
            "people": pl.DataFrame([made("people", crn="A000001", pdu="P1")], schema=TABLES["people"].polars_schema()),
            "referrals": pl.DataFrame(
                [
                    made("referrals", crn="A000001", referral_id=name, intervention_id="x", venue=venue, referred_on=day)
                    for name, venue in (("R1", "V1"), ("R2", "V2"), ("R3", None))
                ],
                schema=TABLES["referrals"].polars_schema(),
            ),
            "travel": pl.DataFrame({"pdu": ["P1"], "venue": ["V1"], "minutes": [35.0]}),
            "directory": pl.DataFrame(
                [
                    {**dict.fromkeys(TABLES["directory"].names), "intervention_id": "x", "pdu": "P1", "venue": "V1", "waiting_weeks": wait, "valid_from": start, "valid_to": end}
                    for wait, start, end in ((9.0, date(2023, 1, 1), date(2023, 12, 31)), (4.0, day, None))
                ],
                schema=TABLES["directory"].polars_schema(),
            ),
        }
    )  # fmt: skip
    found = access(histories, pl.DataFrame({"referral_id": ["R3", "R1", "R2"]}))
    assert found.rows() == [("R3", None, None), ("R1", 35.0, 4.0), ("R2", None, None)]


REFERRED = date(2024, 3, 1)
BEFORE, AFTER = REFERRED - timedelta(9), REFERRED + timedelta(9)


def reached(*, referrals: list[dict[str, object]], people: list[dict[str, object]]) -> tuple[object, ...]:
    """Minutes and weeks of referral R1: 10 and 1 from P1 to V1, 20 and 2 to V2; 30 and 3 from P2 to V1."""
    ways = [("P1", "V1", 10.0, 1.0), ("P1", "V2", 20.0, 2.0), ("P2", "V1", 30.0, 3.0)]
    facts = {"crn": "A000001", "referral_id": "R1", "intervention_id": "x", "referred_on": REFERRED}
    rows = {
        "referrals": [
            made("referrals", **{**facts, "venue": "V1", "known_on": REFERRED, **row}) for row in referrals
        ],
        "people": [made("people", **{"crn": "A000001", **row}) for row in people],
        "travel": [{"pdu": pdu, "venue": venue, "minutes": minutes} for pdu, venue, minutes, _ in ways],
        "directory": [
            dict.fromkeys(TABLES["directory"].names)
            | {"intervention_id": "x", "pdu": pdu, "venue": venue, "waiting_weeks": weeks}
            for pdu, venue, _, weeks in ways
        ],
    }
    found = []
    for order in (1, -1):  # the order of rows in a file never matters
        tables = {
            name: pl.DataFrame(
                [{key: row.get(key) for key in TABLES[name].names} for row in made_rows[::order]],
                schema=TABLES[name].polars_schema(),
            )
            for name, made_rows in rows.items()
        }
        found.append(access(Histories.of(tables), pl.DataFrame({"referral_id": ["R1"]})).row(0))
    assert found[0] == found[1]
    return found[0][1:]


HOME = {"pdu": "P1", "known_on": BEFORE}


@pytest.mark.parametrize(
    ("referrals", "people", "expected"),
    [
        pytest.param([{}], [HOME], (10.0, 1.0), id="one version of each"),
        pytest.param([{}, {"venue": "V2", "known_on": AFTER}], [HOME], (10.0, 1.0), id="a later venue"),
        pytest.param([{}, {"venue": None, "known_on": AFTER}], [HOME], (10.0, 1.0), id="a venue lost later"),
        pytest.param(
            [{}, {"crn": "A000002", "known_on": AFTER}],
            [HOME],
            (10.0, 1.0),
            id="a later owner counts for nothing",
        ),
        pytest.param(
            [{}, {"referred_on": AFTER, "known_on": AFTER + timedelta(1)}],
            [HOME, {"pdu": "P2", "known_on": REFERRED}],
            (10.0, 1.0),
            id="a day corrected later",
        ),
        pytest.param([{}, {"venue": "V2"}], [HOME], (20.0, 2.0), id="of one day the greatest by content"),
        pytest.param([{}], [HOME, {"pdu": "P2", "known_on": AFTER}], (10.0, 1.0), id="a later move"),
        pytest.param([{}], [HOME, {"pdu": "P2", "known_on": REFERRED}], (10.0, 1.0), id="a move on the day"),
        pytest.param(
            [{}],
            [HOME, {"pdu": "P2", "known_on": REFERRED - timedelta(1)}],
            (30.0, 3.0),
            id="a move the day before",
        ),
        pytest.param(
            [{}],
            [HOME, {"pdu": None, "known_on": REFERRED - timedelta(1)}],
            (None, None),
            id="a unit withdrawn before",
        ),
        pytest.param(
            [{}],
            [{"pdu": "P2", "known_on": AFTER}, {"pdu": "P1", "known_on": AFTER + timedelta(1)}],
            (30.0, 3.0),
            id="nobody known in time: the first version",
        ),
        pytest.param([{}], [], (None, None), id="nobody known at all"),
        pytest.param([{"referred_on": None}], [HOME], (10.0, 1.0), id="no day: the first version"),
    ],
)
def test_access_is_as_it_was_known_on_the_day_of_the_referral(
    referrals: list[dict[str, object]], people: list[dict[str, object]], expected: tuple[object, ...]
) -> None:
    assert reached(referrals=referrals, people=people) == expected


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_became_known_after_the_referral_never_moves_access(tables: Tables, seed: int) -> None:
    frames = tables(seed=seed, people=3, rows=12)
    asked = (
        frames["referrals"]
        .drop_nulls(["referral_id", "crn", "known_on"])
        .select(pl.col("referral_id").unique().sort())
    )
    ways = pl.DataFrame(
        [(pdu, venue, float(7 * n + m)) for n, pdu in enumerate(TEXTS) for m, venue in enumerate(TEXTS)],
        schema=["pdu", "venue", "minutes"],
        orient="row",
    )
    found = access(Histories.of({**frames, "travel": ways}), asked)
    end = date(2030, 1, 1)
    later = [
        frames[name].with_columns(known_on=pl.lit(end), **{moved: pl.lit("x", pl.String)})
        for name, moved in (("people", "pdu"), ("referrals", "venue"))
    ]
    people, referrals = (
        pl.concat([frames[name], frame.drop_nulls(["crn"])])
        for name, frame in zip(("people", "referrals"), later, strict=True)
    )
    known = frames["people"].drop_nulls(["crn", "known_on"])["crn"].implode()
    people = people.filter((pl.col("known_on") != end) | pl.col("crn").is_in(known))
    after = access(Histories.of({**frames, "people": people, "referrals": referrals, "travel": ways}), asked)
    assert after.equals(found)
