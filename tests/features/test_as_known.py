"""As it was known: what becomes known later changes nothing, corrections count from the day they are known."""

from collections.abc import Callable
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import batch, live
from features.contract import CASE_TABLES, TABLES
from features.definitions import INFLIGHT, SPEC
from features.histories import Histories
from features.outcomes import decision_points, progress, referral_outcomes
from features.spec import FeatureSpec
from features.subject import subjects
from features.versions import current
from tests.features.every_engine import ENGINES, on_made_histories

Tables = Callable[..., dict[str, pl.DataFrame]]
Points = Callable[..., pl.DataFrame]
AS_OF = date(2020, 3, 10)


def with_later_rows(made: dict[str, pl.DataFrame], later: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The tables with rows added whose every knowledge comes on the as-of day or after it."""
    known = {name: "decided_on" if name == "decisions" else "known_on" for name in CASE_TABLES}
    return {
        name: pl.concat(
            [made[name], later[name].filter(pl.col(known[name]).is_null() | (pl.col(known[name]) >= AS_OF))]
        )
        for name in made
    }


def asked_on(day: date, points: pl.DataFrame) -> pl.DataFrame:
    """The points' people and referrals, all on one day."""
    asked = points.drop("assessment_id").with_columns(as_of=pl.lit(day)).unique()
    return asked.sort("crn", "referral_id")


@pytest.mark.parametrize("spec", [SPEC, INFLIGHT], ids=["person", "referral"])
@pytest.mark.parametrize("engine", ENGINES)
def test_rows_known_later_change_no_feature(
    engine: str, spec: FeatureSpec, tables: Tables, points: Points
) -> None:
    def unchanged(seed: int, people: int, rows: int) -> None:
        made = tables(seed=seed, people=people, rows=rows)
        more = with_later_rows(made, tables(seed=seed + 1, people=people, rows=rows))
        asked = asked_on(AS_OF, points(seed=seed, people=people))
        before = batch.evaluate(Histories.of(made), asked, spec=spec)
        after = batch.evaluate(Histories.of(more), asked, spec=spec, engine=engine)
        assert before.equals(after)

    on_made_histories(engine, unchanged)


@pytest.mark.parametrize("spec", [SPEC, INFLIGHT], ids=["person", "referral"])
def test_the_same_rows_known_earlier_change_every_feature(
    spec: FeatureSpec, tables: Tables, points: Points
) -> None:
    """That later rows change nothing says little unless they could: known earlier, they move each feature."""
    made, other = (tables(seed=seed, people=25, rows=12, days=60, empty=0.0) for seed in (3, 7))
    asked = points(seed=3, people=25, days=60)
    whole = {name: pl.concat([made[name], other[name]]) for name in made}
    before, after = (batch.evaluate(Histories.of(t), asked, spec=spec) for t in (made, whole))
    assert [name for name in spec.names if before[name].equals(after[name])] == []


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 2), people=st.integers(1, 4))
def test_rows_known_later_change_no_live_value_fact_or_label(
    tables: Tables, points: Points, seed: int, people: int
) -> None:
    made = tables(seed=seed, people=people, rows=10)
    more = with_later_rows(made, tables(seed=seed + 1, people=people, rows=10))
    crns = [f"A{n:06d}" for n in range(people)]
    histories = [Histories.of(t) for t in (made, more)]
    rows = [[live.evaluate(case, as_of=AS_OF).values for case in h.cases(crns)] for h in histories]
    assert rows[0] == rows[1]
    asked = pl.DataFrame({"crn": crns}).with_columns(as_of=pl.lit(AS_OF))
    assert subjects(histories[0], asked).equals(subjects(histories[1], asked))
    for label in (decision_points, referral_outcomes, progress):
        assert label(histories[0], known_before=AS_OF).equals(label(histories[1], known_before=AS_OF))


def contact(day: date, known: date, outcome: str | None) -> dict[str, object]:
    return {"crn": "A000001", "scheduled_on": day, "known_on": known, "kind": "OFFICE", "outcome": outcome}


def history(*rows: dict[str, object], name: str = "contacts") -> Histories:
    return Histories.of({name: pl.DataFrame(rows, schema=TABLES[name].polars_schema())})


MARCH = [date(2024, 3, day) for day in range(1, 32)]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_version_known_last_counts_from_the_day_after(engine: str) -> None:
    made = history(
        contact(MARCH[3], MARCH[4], "UNACCEPTABLE_ABSENCE"),
        contact(MARCH[3], MARCH[9], "ATTENDED_COMPLIED"),
        contact(MARCH[3], MARCH[19], "UNACCEPTABLE_ABSENCE"),
    )
    missed = {
        MARCH[4]: 0,  # happened on the 4th, known on the 5th: on the 5th not yet
        MARCH[5]: 1,
        MARCH[9]: 1,  # corrected on the 10th: from the 11th an attendance
        MARCH[10]: 0,
        MARCH[20]: 1,  # and corrected back on the 20th
    }
    asked = pl.DataFrame({"crn": ["A000001"] * len(missed), "as_of": list(missed)})
    small = SPEC.only("missed_contacts_in_28_days", "contacts_in_half_a_year")
    rows = batch.evaluate(made, asked, engine=engine, spec=small)
    assert rows["missed_contacts_in_28_days"].to_list() == list(missed.values())
    assert rows["contacts_in_half_a_year"].to_list() == [int(day > MARCH[4]) for day in missed]
    case = next(made.cases(["A000001"]))
    lived = [live.evaluate(case, as_of=day, spec=small).values for day in missed]
    assert [values["missed_contacts_in_28_days"] for values in lived] == list(missed.values())


def test_of_versions_known_on_one_day_the_greatest_by_content_counts() -> None:
    versions = [
        contact(MARCH[3], MARCH[4], outcome)
        for outcome in ("ATTENDED_COMPLIED", "UNACCEPTABLE_ABSENCE", None)
    ]
    asked = pl.DataFrame({"crn": ["A000001"], "as_of": [MARCH[9]]})
    for order in (versions, versions[::-1]):
        made = history(*order)
        assert batch.evaluate(made, asked)["missed_contacts_in_28_days"].item() == 1
        assert (
            live.evaluate(next(made.cases(["A000001"])), as_of=MARCH[9]).values["missed_contacts_in_28_days"]
            == 1
        )
        assert current(made, "contacts").collect()["outcome"].to_list() == ["UNACCEPTABLE_ABSENCE"]


@pytest.mark.parametrize(("days_before", "counts"), [(0, 0), (1, 1), (28, 1), (29, 0)], ids=str)
def test_a_window_ends_before_the_day_and_reaches_back_its_days(days_before: int, counts: int) -> None:
    day = date(2024, 3, 29) - timedelta(days_before)  # over a leap day
    made = history(contact(day, day, "UNACCEPTABLE_ABSENCE"))
    asked = pl.DataFrame({"crn": ["A000001"], "as_of": [date(2024, 3, 29)]})
    assert batch.evaluate(made, asked)["missed_contacts_in_28_days"].item() == counts
    case = next(made.cases(["A000001"]))
    assert live.evaluate(case, as_of=date(2024, 3, 29)).values["missed_contacts_in_28_days"] == counts


def assessment(**values: object) -> dict[str, object]:
    row = dict.fromkeys(TABLES["assessments"].names)
    return row | {"crn": "A000001", "assessment_id": "S1", "layer": 3} | values


@pytest.mark.parametrize("engine", ENGINES)
def test_the_named_assessment_counts_on_its_own_day(engine: str) -> None:
    made = history(
        assessment(completed_on=MARCH[9], known_on=MARCH[11], motivation=2),
        assessment(completed_on=MARCH[9], known_on=MARCH[20], motivation=0),
        name="assessments",
    )
    expected = {None: None, "S1": 2, "S2": None}  # on the day itself nothing of it is known
    asked = pl.DataFrame(
        {"crn": ["A000001"] * 3, "as_of": [MARCH[9]] * 3, "assessment_id": list(expected)},
        schema_overrides={"assessment_id": pl.String},
    )
    small = SPEC.only("motivation", "assessment_age_days")
    rows = batch.evaluate(made, asked, engine=engine, spec=small)
    assert rows["motivation"].to_list() == list(expected.values())
    assert rows["assessment_age_days"].to_list() == [None, 0, None]
    case = next(made.cases(["A000001"]))
    for named, motivation in expected.items():
        lived = live.evaluate(case, as_of=MARCH[9], assessment_id=named).values
        assert lived["motivation"] == motivation
        assert live.evaluate(case, as_of=MARCH[25], assessment_id=named).values["motivation"] == 0


def test_events_of_a_referral_count_once_the_referral_is_known() -> None:
    session = {
        "referral_id": "R1",
        "session_number": 1,
        "scheduled_on": MARCH[2],
        "known_on": MARCH[2],
        "outcome": "ATTENDED_COMPLIED",
    }
    referral = dict.fromkeys(TABLES["referrals"].names) | {
        "referral_id": "R1", "crn": "A000001", "intervention_id": "x", "referred_on": MARCH[0], "known_on": MARCH[9],
    }  # fmt: skip
    made = Histories.of(
        {
            "sessions": pl.DataFrame([session], schema=TABLES["sessions"].polars_schema()),
            "referrals": pl.DataFrame([referral], schema=TABLES["referrals"].polars_schema()),
        }
    )
    asked = pl.DataFrame({"crn": ["A000001"] * 2, "as_of": [MARCH[9], MARCH[10]]})
    assert batch.evaluate(made, asked)["sessions_attended_in_a_year"].to_list() == [0, 1]
