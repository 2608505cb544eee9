"""One definition, four ways to compute it: live, polars, DuckDB and Spark give the same values."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import polars as pl
import pytest

from catalogue.errors import UsageError
from features import batch, live
from features.case import Case
from features.contract import TABLES
from features.definitions import INFLIGHT, SPEC
from features.definitions.prompts import CHANGE_FACTS, CHECK_FACTS
from features.histories import Histories
from features.spec import FeatureSpec
from features.streams import STREAMS
from tests.features.every_engine import ENGINES, on_made_histories

PROMPTS = FeatureSpec((*CHANGE_FACTS.features, *CHECK_FACTS.features))
SPECS = (SPEC, INFLIGHT, PROMPTS)
Tables = Callable[..., dict[str, pl.DataFrame]]
Points = Callable[..., pl.DataFrame]


def cases_of(histories: Histories, crns: list[str]) -> dict[str, Case]:
    return dict(zip(crns, histories.cases(crns), strict=True))


def differences(
    histories: Histories, points: pl.DataFrame, spec: FeatureSpec, engine: str
) -> list[tuple[object, ...]]:
    """Where a batch row and the live row of its point differ in value or in type."""
    rows = batch.evaluate(histories, points, spec=spec, engine=engine)
    cases = cases_of(histories, points["crn"].unique().to_list())
    found = []
    for point, row in zip(points.iter_rows(named=True), rows.iter_rows(named=True), strict=True):
        assert (row["crn"], row["as_of"]) == (point["crn"], point["as_of"])
        lived = live.evaluate(
            cases[point["crn"]],
            as_of=point["as_of"],
            assessment_id=point["assessment_id"],
            referral_id=point["referral_id"],
            spec=spec,
        )
        assert list(lived.values) == list(spec.names) == [n for n in row if n in lived.values]
        found += [
            (name, row[name], value)
            for name, value in lived.values.items()
            if row[name] != value or type(row[name]) is not type(value)
        ]
    return found


@pytest.mark.parametrize("spec", SPECS, ids=["person", "referral", "prompts"])
@pytest.mark.parametrize("engine", ENGINES)
def test_live_and_batch_agree_on_every_feature(
    engine: str, spec: FeatureSpec, tables: Tables, points: Points
) -> None:
    def agree(seed: int, people: int, rows: int) -> None:
        histories = Histories.of(tables(seed=seed, people=people, rows=rows))
        assert differences(histories, points(seed=seed, people=people), spec, engine) == []

    on_made_histories(engine, agree)


def test_made_histories_are_unkind(tables: Tables) -> None:
    """What the engines agree on holds every trap that they are said to be held to."""
    made = [tables(seed=seed, people=5, rows=14) for seed in range(8)]
    contacts = pl.concat(tables["contacts"] for tables in made)
    dated = contacts.drop_nulls(["scheduled_on", "known_on", "kind"])
    key = ["crn", "scheduled_on", "kind"]
    assert dated.select(key).is_duplicated().any(), "a key that stands twice"
    corrected = dated.group_by(key).agg(pl.col("known_on", "outcome").n_unique())
    assert (corrected["known_on"] > 1).any(), "a correction known later"
    assert (dated.group_by("crn", "scheduled_on").len()["len"] > 1).any(), "events of one day"
    assert (dated["known_on"] > dated["scheduled_on"]).any(), "late knowledge"
    assert (dated["known_on"] < dated["scheduled_on"]).any(), "a row of the future"
    assert dated["scheduled_on"].is_in([date(2020, 2, 29)]).any(), "a leap day"
    texts = pl.concat(tables["referrals"] for tables in made)["venue"].drop_nulls()
    assert texts.str.contains(r"[^\x00-\x7F]").any(), "unicode"
    assert any(frame.is_empty() for tables in made for frame in tables.values()), "an empty stream"
    for name, frame in made[0].items():
        whole = pl.concat(tables[name] for tables in made)
        given = [column for column in frame.columns if column not in {"crn", "referral_id", "assessment_id"}]
        assert all(whole[column].null_count() for column in given), f"nulls everywhere in {name}"


def test_a_made_history_reaches_every_feature(tables: Tables, points: Points) -> None:
    """Agreement says little of features that are always empty: each takes two values at least."""
    histories = Histories.of(tables(seed=5, people=30, rows=40, days=900, empty=0.0))
    rows = batch.evaluate(histories, points(seed=5, people=30, days=900))
    flat = [name for name in SPEC.names if rows[name].n_unique() < 2]
    assert flat == []


def test_rows_come_in_the_order_of_the_points(tables: Tables, points: Points) -> None:
    histories = Histories.of(tables(seed=1, people=4, rows=10))
    asked = points(seed=1, people=4)
    shuffled = asked.sample(fraction=1.0, shuffle=True, seed=3)
    straight = batch.evaluate(histories, asked)
    other = batch.evaluate(histories, shuffled)
    assert other.equals(
        shuffled.select("crn", "as_of", "referral_id", "assessment_id")
        .join(
            straight.with_columns(assessment_id=asked["assessment_id"]),
            on=["crn", "as_of", "referral_id", "assessment_id"],
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )
        .drop("assessment_id")
    )


def test_the_order_of_rows_in_a_table_does_not_matter(tables: Tables, points: Points) -> None:
    made = tables(seed=2, people=4, rows=12)
    turned = {name: frame.reverse() for name, frame in made.items()}
    asked = points(seed=2, people=4)
    first, second = (batch.evaluate(Histories.of(t), asked) for t in (made, turned))
    assert first.equals(second)


def test_evidence_names_the_records_behind_a_value() -> None:
    rows = [
        {
            "kind": "OFFICE",
            "scheduled_on": date(2024, 3, day),
            "known_on": date(2024, 3, day + 1),
            "outcome": outcome,
        }
        for day, outcome in (
            (1, "UNACCEPTABLE_ABSENCE"),
            (5, "ATTENDED_COMPLIED"),
            (8, "UNACCEPTABLE_ABSENCE"),
        )
    ]
    case = Case("A000001", {"contacts": tuple({"crn": "A000001", **row} for row in rows)})
    row = live.evaluate(case, as_of=date(2024, 3, 20))
    missed = row.evidence["missed_contacts_in_28_days"]
    assert row.values["missed_contacts_in_28_days"] == 2
    assert [(ref.table, ref.id, ref.on, ref.known_on) for ref in missed] == [
        ("contacts", "2024-03-01/OFFICE", date(2024, 3, 1), date(2024, 3, 2)),
        ("contacts", "2024-03-08/OFFICE", date(2024, 3, 8), date(2024, 3, 9)),
    ]
    assert [ref.on for ref in row.evidence["days_since_contact"]] == [date(2024, 3, 5)]
    assert set(row.evidence) == set(row.values)
    assert row.evidence["warnings_in_a_year"] == ()


def only_behind(case: Case, spec: FeatureSpec, evidence: Sequence[live.EventRef]) -> Case:
    """The case with the records of the evidence alone; referrals stay where sessions or events belong to them."""
    named = {(ref.table, ref.id, ref.known_on) for ref in evidence}
    owned = any(STREAMS[part.stream].by_referral for part in spec.parts)

    def behind(table: str, row: Mapping[str, object]) -> bool:
        key = [row[column] for column in TABLES[table].key if column != "crn"]
        identity = "/".join("" if part is None else str(part) for part in key)
        known = row["decided_on" if table == "decisions" else "known_on"]
        return (table, identity, known) in named or (owned and table == "referrals")

    return Case(
        case.crn,
        {name: tuple(row for row in rows if behind(name, row)) for name, rows in case.tables.items()},
    )


@pytest.mark.parametrize("spec", SPECS, ids=["person", "referral", "prompts"])
def test_the_records_behind_a_value_are_enough_to_make_it(
    spec: FeatureSpec, tables: Tables, points: Points
) -> None:
    """The evidence trail is complete: from the records it names alone, each feature has the same value."""
    histories = Histories.of(tables(seed=20200229, people=3, rows=30, empty=0.0))
    asked = points(seed=20200229, people=3)
    cases = cases_of(histories, asked["crn"].unique().to_list())
    shown = set()
    for point in asked.filter(
        pl.col("as_of").is_in(asked["as_of"].unique().sort()[2:4].implode())
    ).to_dicts():
        case = cases[point.pop("crn")]
        row = live.evaluate(case, spec=spec, **point)
        for name in spec.names:
            behind = row.evidence[name]
            one = spec.only(name)
            again = live.evaluate(only_behind(case, one, behind), spec=one, **point)
            assert again.values[name] == row.values[name], name
            assert all(ref.on <= point["as_of"] for ref in behind)
            shown |= {name} if behind else set()
    assert len(shown) > 0.9 * len(spec.names)


@pytest.mark.parametrize("spec", SPECS, ids=["person", "referral", "prompts"])
def test_blocks_of_people_change_nothing(
    spec: FeatureSpec, tables: Tables, points: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    histories = Histories.of(tables(seed=4, people=9, rows=10))
    asked = points(seed=4, people=9)
    told: list[tuple[int, int]] = []
    whole = batch.evaluate(histories, asked, spec=spec)
    monkeypatch.setattr(batch, "_BLOCK_ROWS", 40)
    cut = batch.evaluate(histories, asked, spec=spec, progress=lambda done, total: told.append((done, total)))
    assert cut.equals(whole)
    assert told[-1][0] == told[-1][1] == len(told) > 20


def test_no_points_make_no_rows(tables: Tables, points: Points) -> None:
    asked = points(seed=1, people=2).head(0)
    rows = batch.evaluate(Histories.of(tables(seed=1, people=2, rows=4)), asked)
    assert rows.is_empty()
    assert rows.columns == ["crn", "as_of", "referral_id", *SPEC.names]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda p: p.drop("as_of"), "as_of"),
        (lambda p: p.drop("crn"), "crn"),
        (lambda p: p.drop("referral_id"), "referral_id"),
        (lambda p: p.with_columns(as_of=pl.lit("2024-01-01")), "dates"),
        (lambda p: p.with_columns(as_of=pl.lit(None, pl.Date)), "empty"),
    ],
)
def test_points_that_cannot_be_used_get_one_sentence(
    change: Callable[[pl.DataFrame], pl.DataFrame], word: str, tables: Tables, points: Points
) -> None:
    with pytest.raises(UsageError, match=word):
        batch.evaluate(
            Histories.of(tables(seed=1, people=2, rows=4)), change(points(seed=1, people=2)), spec=INFLIGHT
        )


@pytest.mark.parametrize("engine", ["pandas", "", "Polars"])
def test_a_wrong_engine_gets_one_sentence(engine: str, tables: Tables, points: Points) -> None:
    with pytest.raises(UsageError, match="engine"):
        batch.evaluate(
            Histories.of(tables(seed=1, people=1, rows=1)), points(seed=1, people=1), engine=engine
        )


def test_an_engine_that_is_not_installed_says_what_to_install(
    tables: Tables, points: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")  # no Java to be found
    with pytest.raises(UsageError, match=r"signpost\[spark\]"):
        batch.evaluate(
            Histories.of(tables(seed=1, people=1, rows=1)), points(seed=1, people=1), engine="spark"
        )


def test_a_live_referral_feature_needs_its_referral() -> None:
    with pytest.raises(UsageError, match="referral"):
        live.evaluate(Case("A000001", {}), as_of=date(2024, 1, 1), spec=INFLIGHT)
