"""Histories are read from Parquet, parts or CSV alike; what cannot be read gets one sentence."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from catalogue.errors import UsageError
from features.batch import evaluate
from features.case import Case, ProtectedInCaseError
from features.check import check
from features.contract import CASE_TABLES, TABLES
from features.histories import Histories

Tables = Callable[..., dict[str, pl.DataFrame]]


@pytest.fixture
def folder(tmp_path: Path, tables: Tables) -> Path:
    made = tables(seed=1, people=4, rows=6)
    for name, table in TABLES.items():
        frame = made.get(name, pl.DataFrame(schema=table.polars_schema()))
        frame.write_parquet(tmp_path / f"{name}.parquet")
    return tmp_path


def as_csv(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        pl.col(name).list.join(";") for name, dtype in frame.schema.items() if dtype == pl.List(pl.String)
    )


def test_csv_and_parts_read_as_parquet_does(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    for name in TABLES:
        frame = pl.read_parquet(folder / f"{name}.parquet")
        if name == "contacts":
            (other / name).mkdir()
            frame.head(5).write_parquet(other / name / "part-0.parquet")
            frame.tail(-5).write_parquet(other / name / "part-1.parquet")
        else:
            as_csv(frame).write_csv(other / f"{name}.csv", quote_style="non_numeric")
    first, second = Histories.open(folder), Histories.open(other)
    for name in TABLES:
        expected = first.collect(name)
        lists = [c for c, dtype in expected.schema.items() if dtype == pl.List(pl.String)]
        blank = [
            pl.when(pl.col(c).list.len() > 0).then(c) for c in lists
        ]  # CSV cannot tell an empty list from null
        texts = [c for c, dtype in expected.schema.items() if dtype == pl.String]
        empty = [pl.col(c).replace("", None) for c in texts]
        assert_frame_equal(
            second.collect(name).with_columns(*blank, *empty), expected.with_columns(*blank, *empty)
        )
    assert first.last_day == second.last_day


def test_types_that_say_the_same_are_taken(folder: Path) -> None:
    path = folder / "assessments.parquet"
    plain = pl.read_parquet(path)
    yes_no = pl.when(pl.col("q1_30")).then(pl.lit("YES")).when(~pl.col("q1_30")).then(pl.lit("NO"))
    plain.with_columns(
        pl.col("completed_on").cast(pl.Datetime),
        pl.col("layer").cast(pl.Int64),
        pl.col("motivation").cast(pl.Float64),
        pl.col("rosh").cast(pl.Categorical),
        q1_30=yes_no,
        extra=pl.lit("kept"),
    ).write_parquet(path)
    assert_frame_equal(Histories.open(folder).collect("assessments"), plain)


def without(folder: Path, name: str) -> None:
    (folder / f"{name}.parquet").unlink()


def broken(folder: Path, name: str) -> None:
    (folder / f"{name}.parquet").write_bytes(b"PAR1 this is no Parquet file")


def dropped(folder: Path, name: str, column: str) -> None:
    path = folder / f"{name}.parquet"
    pl.read_parquet(path).drop(column).write_parquet(path)


def numbers(folder: Path, name: str, column: str) -> None:
    path = folder / f"{name}.parquet"
    pl.read_parquet(path).with_columns(pl.lit(1.5).alias(column)).write_parquet(path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: without(f, "contacts"), ("contacts",)),
        (lambda f: broken(f, "sessions"), ("sessions",)),
        (lambda f: dropped(f, "referrals", "venue"), ("referrals", "venue")),
        (lambda f: numbers(f, "referrals", "referred_on"), ("referrals", "referred_on", "date")),
        (lambda f: numbers(f, "contacts", "outcome"), ("contacts", "outcome", "code")),
        (lambda f: (f / "contacts.csv").write_text("crn\n"), ("contacts", "twice")),
    ],
)
def test_what_cannot_be_read_gets_one_sentence(
    folder: Path, spoil: Callable[[Path], object], words: tuple[str, ...]
) -> None:
    spoil(folder)
    with pytest.raises(UsageError) as raised:
        Histories.open(folder)
    assert all(word in str(raised.value) for word in words)
    assert "\n" not in str(raised.value)


def test_an_optional_table_may_be_missing_and_a_folder_may_not(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    without(folder, "enforcement")
    assert Histories.open(folder).collect("enforcement").is_empty()
    for nowhere in (folder / "nowhere", tmp_path_factory.mktemp("empty")):
        with pytest.raises(UsageError):
            Histories.open(nowhere)
    with pytest.raises(UsageError):
        Histories.open(folder).table("protein")


def test_a_case_holds_one_person_and_travels_as_json(folder: Path) -> None:
    histories = Histories.open(folder)
    crn = histories.crns()[0]
    case = histories.case(crn)
    assert set(case.tables) == set(CASE_TABLES)
    assert all(row["crn"] == crn for name in CASE_TABLES for row in case.tables[name] if "crn" in row)
    counted = histories.collect("contacts").filter(pl.col("crn") == crn).height
    assert len(case.tables["contacts"]) == counted
    spoken = json.loads(json.dumps(case.to_document()))
    clean = {
        name: [{k: v for k, v in row.items() if k != "kind" or v} for row in rows]
        if isinstance(rows, list)
        else rows
        for name, rows in spoken.items()
    }
    known = {name: rows for name, rows in clean.items() if name in {"crn", "people", "sessions"}}
    assert Case.from_document(known).tables["people"] == case.tables["people"]
    with pytest.raises(UsageError) as raised:
        histories.case("Z999999")
    assert "Z999999" not in str(raised.value)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, ("crn",)),
        ({"crn": "A000001", "protected": []}, ("Protected",)),
        ({"crn": "A000001", "nonsense": []}, ("tables",)),
        ({"crn": "A000001", "contacts": {}}, ("contacts", "list")),
        ({"crn": "A000001", "contacts": [1]}, ("contacts",)),
        ({"crn": "A000001", "contacts": [{"scheduled_on": "yesterday"}]}, ("contacts", "scheduled_on")),
        ({"crn": "A000001", "contacts": [{"kind": "SEANCE"}]}, ("contacts", "kind")),
        ({"crn": "A000001", "assessments": [{"motivation": True}]}, ("motivation",)),
        ({"crn": "A000001", "assessments": [{"ogrs_2yr": float("nan")}]}, ("ogrs_2yr",)),
        ({"crn": "A000001", "contacts": [{"crn": "B000002"}]}, ("contacts", "another person")),
    ],
    ids=str,
)
def test_a_case_document_that_cannot_be_read_is_refused(
    document: dict[str, object], words: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError) as raised:
        Case.from_document(document)
    assert all(word in str(raised.value) for word in words)
    assert "yesterday" not in str(raised.value)
    assert "B000002" not in str(raised.value)


def test_protected_characteristics_have_an_error_of_their_own() -> None:
    with pytest.raises(ProtectedInCaseError):
        Case.from_document({"crn": "A000001", "tables": {"protected": [{"ethnicity": "X"}]}})
    with pytest.raises(ProtectedInCaseError):
        Case("A000001", {"protected": ()})


def test_a_case_document_fills_what_is_left_out() -> None:
    case = Case.from_document(
        {"crn": "A000001", "contacts": [{"scheduled_on": "2024-02-29", "kind": "OFFICE"}]}
    )
    (row,) = case.tables["contacts"]
    assert row == {
        "crn": "A000001",
        "scheduled_on": date(2024, 2, 29),
        "known_on": None,
        "kind": "OFFICE",
        "outcome": None,
    }
    assert case.tables["people"] == ()


def test_a_file_that_breaks_off_gets_one_sentence(folder: Path) -> None:
    path = folder / "contacts.csv"
    (folder / "contacts.parquet").unlink()
    path.write_text(
        ",".join(TABLES["contacts"].names) + "\nA000001,2024-01-01,2024-01-02,OFFICE,,one,too,many\n"
    )
    histories = Histories.open(folder)
    asked = pl.DataFrame({"crn": ["A000001"], "as_of": [date(2024, 3, 1)]})
    for read in (
        lambda: histories.collect("contacts"),
        lambda: evaluate(histories, asked),
        lambda: check(folder),
    ):
        with pytest.raises(UsageError):
            read()


def test_a_case_fills_the_columns_that_a_row_leaves_out() -> None:
    case = Case("A000001", {"contacts": ({"crn": "A000001", "kind": "OFFICE"},)})
    assert set(case.tables["contacts"][0]) == set(TABLES["contacts"].names)
