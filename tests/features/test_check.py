"""`check` finds every broken rule, moves exactly the bad rows, and loses nothing."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import catalogue
from catalogue.errors import UsageError
from features.check import check
from features.contract import TABLES, ColumnKind

D1, D2, D3 = date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 3)
CRN = "A000001"


def row(name: str, **values: object) -> dict[str, object]:
    """A row that breaks no rule."""
    sound: dict[str, dict[str, object]] = {
        "people": {"sex": "FEMALE", "region": "A", "date_of_birth": date(1990, 2, 28)},
        "sentences": {
            "event_number": 1,
            "sentence_type": "LICENCE",
            "starts_on": D1,
            "ends_on": D3,
            "offence_types": ["GANG"],
        },
        "requirements": {"event_number": 1, "requirement_type": "RAR", "imposed_on": D1},
        "assessments": {
            "assessment_id": "S1",
            "completed_on": D1,
            "layer": 3,
            "motivation": 1,
            "ogrs_2yr": 30.0,
        },
        "circumstances": {"observed_on": D1, "kind": "EMPLOYMENT", "value": "TRAINING"},
        "contacts": {"scheduled_on": D1, "kind": "OFFICE", "outcome": "ATTENDED_COMPLIED"},
        "referrals": {"referral_id": "R1", "intervention_id": "x", "referred_on": D1},
        "referral_events": {"referral_id": "R1", "occurred_on": D1, "status": "ON_PROGRAMME"},
        "sessions": {"referral_id": "R1", "session_number": 1, "scheduled_on": D1},
        "enforcement": {"occurred_on": D1, "kind": "WARNING"},
        "reoffences": {"offence_on": D1, "violent": False},
        "directory": {"intervention_id": "x"},
        "travel": {"pdu": "P", "venue": "V", "minutes": 10.0},
        "decisions": {"decision_id": "1", "decided_on": D1, "action": "ACCEPTED"},
    }
    made = dict.fromkeys(TABLES[name].names)
    made |= {"crn": CRN} if "crn" in made else {}
    made |= {"known_on": D2} if "known_on" in made else {}
    return made | sound.get(name, {}) | values


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, table in TABLES.items():
        pl.DataFrame([row(name)], schema=table.polars_schema()).write_parquet(tmp_path / f"{name}.parquet")
    return tmp_path


def add(folder: Path, name: str, *more: dict[str, object]) -> None:
    path = folder / f"{name}.parquet"
    frame = pl.DataFrame(list(more), schema=TABLES[name].polars_schema())
    pl.concat([pl.read_parquet(path), frame]).write_parquet(path)


def test_a_sound_folder_is_clean_and_untouched(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    report = check(folder)
    assert report.clean
    assert (report.rows, report.bad_rows) == (len(TABLES), 0)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("table", "values", "column", "rule"),
    [
        ("people", {"crn": "a000002"}, "crn", "does not match"),
        ("people", {"crn": "A000002", "sex": "X"}, "sex", "not among the codes"),
        ("people", {"crn": "A000002", "date_of_birth": D3}, "date_of_birth", "after known_on"),
        ("people", {}, "crn", "repeats the key"),
        ("sentences", {"event_number": 2, "ends_on": date(2023, 1, 1)}, "ends_on", "before starts_on"),
        ("sentences", {"event_number": 2, "offence_types": ["GANG", "PIRACY"]}, "offence_types", "member"),
        ("sentences", {"event_number": 2, "offence_group": "12"}, "offence_group", "does not match"),
        ("sentences", {"event_number": None}, "event_number", "not recorded"),
        ("requirements", {"event_number": 7}, "event_number", "not in the table sentences"),
        ("assessments", {"assessment_id": "S2", "layer": 2}, "layer", "not one of"),
        ("assessments", {"assessment_id": "S2", "motivation": 3}, "motivation", "more than 2"),
        ("assessments", {"assessment_id": "S2", "ogrs_2yr": -1.0}, "ogrs_2yr", "less than 0"),
        ("assessments", {"assessment_id": "S2", "known_on": date(2023, 12, 31)}, "known_on", "before completed_on"),
        ("assessments", {}, "assessment_id", "repeats the key"),
        ("circumstances", {"observed_on": D2, "value": "SETTLED"}, "value", "does not belong"),
        ("contacts", {"crn": "B999999"}, "crn", "not in the table people"),
        ("referral_events", {"referral_id": "R9"}, "referral_id", "not in the table referrals"),
        ("referral_events", {"occurred_on": date(2023, 1, 1)}, "occurred_on", "before the day of the referral"),
        ("sessions", {"session_number": 2, "scheduled_on": date(2023, 1, 1)}, "scheduled_on", "before the day of the referral"),
        ("sessions", {"session_number": 0, "known_on": None}, "known_on", "not recorded"),
        ("directory", {"valid_from": D2, "valid_to": D1}, "valid_to", "before valid_from"),
        ("decisions", {}, "decision_id", "repeats the key"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)  # fmt: skip
def test_a_bad_row_is_found_and_set_aside(
    folder: Path, table: str, values: dict[str, object], column: str, rule: str
) -> None:
    sound = pl.read_parquet(folder / f"{table}.parquet")
    bad = row(table, **values)
    add(folder, table, bad)
    report = check(folder)
    (found,) = report.violations
    assert (found.table, found.column.split(",")[0], found.count, found.rows) == (table, column, 1, (2,))
    assert rule in found.rule
    assert_frame_equal(pl.read_parquet(folder / f"{table}.parquet"), sound)
    aside = pl.read_parquet(folder / "quarantine" / f"{table}.parquet")
    assert aside["quarantine_row"].to_list() == [2]
    assert rule in aside["quarantine_reason"].item()
    assert aside.select(TABLES[table].names).row(0, named=True) == bad
    assert check(folder).clean


def test_two_ends_of_a_referral_and_what_follows_them(folder: Path) -> None:
    add(
        folder,
        "referral_events",
        row("referral_events", occurred_on=D2, known_on=D2, status="WITHDRAWN", reason="NOT"),
        row(
            "referral_events", occurred_on=D2, known_on=D3, status="WITHDRAWN", reason="W_ERROR"
        ),  # a correction
        row("referral_events", occurred_on=D3, known_on=D3, status="ON_PROGRAMME"),
    )
    (found,) = check(folder).violations
    assert (found.column, found.rows) == ("status", (4,))


def test_a_session_after_the_end_of_its_referral(folder: Path) -> None:
    """An end that cannot be right, because it lies before the referral, ends nothing."""
    end = row("referral_events", occurred_on=D2, known_on=D2, status="COMPLETED")
    add(folder, "referrals", row("referrals", referral_id="R2"))
    add(folder, "referral_events", end, end | {"referral_id": "R2", "occurred_on": date(2023, 1, 1)})
    late = {"scheduled_on": date(2035, 1, 1), "known_on": date(2035, 1, 2)}
    add(
        folder,
        "sessions",
        row("sessions", session_number=2, scheduled_on=D2),
        row("sessions", session_number=3, **late),
        row("sessions", session_number=4, referral_id="R2", **late),
    )
    found = check(folder).violations
    assert [(v.table, v.column, v.rule, v.rows) for v in found] == [
        ("referral_events", "occurred_on", "is before the day of the referral", (3,)),
        ("sessions", "scheduled_on", "is after the end of the referral", (3,)),
    ]
    assert check(folder).clean


def test_a_correction_is_no_fault_and_two_visits_on_a_day_are_none(folder: Path) -> None:
    add(folder, "people", row("people", known_on=D3, pdu="elsewhere"))
    add(folder, "contacts", row("contacts", outcome="UNACCEPTABLE_ABSENCE"))
    assert check(folder).clean


def test_without_quarantine_everything_stays(folder: Path) -> None:
    add(folder, "contacts", row("contacts", kind="SEANCE"))
    before = (folder / "contacts.parquet").read_bytes()
    report = check(folder, quarantine=False)
    assert not report.clean
    assert (folder / "contacts.parquet").read_bytes() == before
    assert not (folder / "quarantine").exists()


def test_a_row_with_two_faults_goes_once_and_later_checks_add_to_it(folder: Path) -> None:
    add(folder, "contacts", row("contacts", kind="SEANCE", known_on=date(2023, 1, 1)))
    report = check(folder)
    assert [v.count for v in report.violations] == [1, 1]
    assert report.bad_rows == 1
    add(folder, "contacts", row("contacts", kind=None))
    check(folder)
    aside = pl.read_parquet(folder / "quarantine" / "contacts.parquet")
    assert aside["kind"].to_list() == ["SEANCE", None]
    assert aside["quarantine_reason"][0] == "kind is not among the codes; known_on is before scheduled_on"


def test_the_rows_of_somebody_in_quarantine_are_no_orphans(folder: Path) -> None:
    add(folder, "people", row("people", crn="A000002", sex="X"))
    add(folder, "contacts", row("contacts", crn="A000002"))
    assert [v.table for v in check(folder).violations] == ["people"]
    assert check(folder).clean


def test_the_rows_left_behind_by_a_parent_in_quarantine_are_counted_each_time(folder: Path) -> None:
    """A parent with a sound row beside the bad one leaves nothing behind."""
    add(folder, "people", row("people", crn="A000002", sex="X"), row("people", known_on=D3, sex="X"))
    add(folder, "contacts", row("contacts", crn="A000002"), row("contacts", crn="A000002", scheduled_on=D2))
    add(folder, "referrals", row("referrals", referral_id="R2", referred_on=None))
    add(folder, "sessions", row("sessions", referral_id="R2"))
    for _ in range(2):
        report = check(folder)
        left = [n for n in report.notices if "only in rows" in n.rule]
        assert [(n.table, n.column, n.count, n.rows) for n in left] == [
            ("contacts", "crn", 2, (2, 3)),
            ("sessions", "referral_id", 1, (2,)),
        ]
        says = "contacts.crn is in the table people only in rows that break a rule: 2 rows (2, 3)"
        assert says in report.render()
    assert report.clean


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_every_row_is_either_kept_or_set_aside(
    tmp_path: Path, tables: Callable[..., dict[str, pl.DataFrame]], seed: int, suffix: str
) -> None:
    """Histories with every kind of fault: what stays and what goes are together what came, in the order it came."""
    lists = {name for name, table in TABLES.items() for c in table.columns if c.kind is ColumnKind.LIST}
    came = {
        name: table.select(pl.all().cast(pl.String)) if name not in lists else table
        for name, table in tables(seed=seed, people=8, rows=12).items()
    }
    came |= {
        name: pl.DataFrame(schema=table.polars_schema()) for name, table in TABLES.items() if name not in came
    }
    for name, frame in came.items():
        csv = suffix == "csv" and name not in lists
        path = tmp_path / f"{name}.{'csv' if csv else 'parquet'}"
        _ = frame.write_csv(path) if csv else frame.write_parquet(path)
        came[name] = pl.read_csv(path, infer_schema=False, null_values=[""]) if csv else frame
    report = check(tmp_path)
    assert len({found.table for found in report.violations}) >= 8
    for name, frame in came.items():
        path = tmp_path / f"{name}.{'csv' if suffix == 'csv' and name not in lists else 'parquet'}"
        kept = (
            pl.read_csv(path, infer_schema=False, null_values=[""])
            if path.suffix == ".csv"
            else pl.read_parquet(path)
        )
        aside_path = tmp_path / "quarantine" / f"{name}.parquet"
        aside = (
            pl.read_parquet(aside_path)
            if aside_path.is_file()
            else frame.clear().with_columns(quarantine_row=pl.lit(0, pl.UInt32))
        )
        count = next(one for one in report.tables if one.table == name)
        assert (count.rows, count.bad) == (frame.height, aside.height), name
        assert kept.height + aside.height == frame.height, name
        gone = aside["quarantine_row"].cast(pl.Int64) - 1
        stayed = frame.with_row_index("n").filter(~pl.col("n").is_in(gone.implode())).drop("n")
        assert_frame_equal(kept, stayed)
        assert_frame_equal(aside.select(frame.columns), frame[gone])


def test_an_unknown_intervention_is_noticed_and_the_referral_stays(folder: Path) -> None:
    """Setting it aside would turn a person who was referred into one who was not."""
    known = catalogue.load().interventions[0].id
    for name in ("referrals", "directory"):
        path = folder / f"{name}.parquet"
        pl.read_parquet(path).with_columns(intervention_id=pl.lit(known)).write_parquet(path)
    assert check(folder).notices == ()
    add(folder, "referrals", row("referrals", referral_id="R2", intervention_id="tennis-lessons"))
    add(folder, "referral_events", row("referral_events", occurred_on=D2, status="WITHDRAWN", reason="BORED"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    report = check(folder)
    assert report.clean
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [(n.table, n.column, n.count, n.rows) for n in report.notices] == [
        ("referrals", "intervention_id", 1, (2,)),
        ("referral_events", "reason", 1, (2,)),
    ]
    assert "referrals.intervention_id is not in the catalogue: 1 row (2)" in report.render()
    assert "tennis" not in report.render()


def test_csv_is_checked_as_it_is_written(folder: Path) -> None:
    path = folder / "contacts.csv"
    (folder / "contacts.parquet").unlink()
    path.write_text(
        "crn,scheduled_on,known_on,kind,outcome,note\n"
        "A000001,2024-01-01,2024-01-02,OFFICE,,kept\n"
        "A000001,1 January,2024-01-02,OFFICE,,moved\n"
    )
    (found,) = check(folder).violations
    assert (found.column, found.rule, found.rows) == ("scheduled_on", "holds no date", (2,))
    assert path.read_text().splitlines()[1:] == ["A000001,2024-01-01,2024-01-02,OFFICE,,kept"]
    assert pl.read_parquet(folder / "quarantine" / "contacts.parquet")["note"].to_list() == ["moved"]


@pytest.mark.parametrize(
    "spoilt",
    [
        "A000001,2024-01-01,2024-01-02,OFFICE,,one,more",
        'A000001,2024-01-01,2024-01-02,OFFICE,,"open',
        'A000001,2024-01-01,2024-01-02,OFFICE,,5" x',
    ],
    ids=["a field too many", "a stray quote", "a quote within"],
)
def test_a_line_of_csv_that_cannot_be_read_is_named(folder: Path, spoilt: str) -> None:
    """Lines are counted as an editor does, a break inside quotes included; nothing is moved."""
    (folder / "contacts.parquet").unlink()
    sound = 'A000001,2024-01-01,2024-01-02,OFFICE,,"a\nbreak"\n' * 3
    path = folder / "contacts.csv"
    path.write_text(f"crn,scheduled_on,known_on,kind,outcome,note\n{sound}{spoilt}\n{sound}")
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"Line 8 of the file contacts\.csv .* mend or remove it"):
        check(folder)
    assert path.read_bytes() == before
    assert not (folder / "quarantine").exists()


def test_the_report_shows_places_and_never_values(folder: Path) -> None:
    add(folder, "contacts", *(row("contacts", crn="B999999", kind="SEANCE") for _ in range(1200)))
    report = check(folder, quarantine=False)
    text = report.render()
    assert "contacts.crn is not in the table people: 1,200 rows (2, 3, 4, 5, 6, …)" in text
    assert "1,200 of 1,201 rows" in text
    assert "B999999" not in text
    assert "SEANCE" not in text


def test_parts_are_checked_as_one_table(folder: Path) -> None:
    (folder / "contacts").mkdir()
    whole = pl.read_parquet(folder / "contacts.parquet")
    (folder / "contacts.parquet").unlink()
    bad = whole.with_columns(crn=pl.lit("B999999"))
    whole.write_parquet(folder / "contacts" / "part-0.parquet")
    pl.concat([bad, whole]).write_parquet(folder / "contacts" / "part-1.parquet")
    assert check(folder).violations[0].rows == (2,)
    left = pl.read_parquet(folder / "contacts" / "*.parquet")
    assert left["crn"].to_list() == [CRN, CRN]


def _damaged_inside(path: Path) -> None:
    """Rows enough that the bytes in the middle are data."""
    frame = pl.DataFrame([row("contacts")], schema=TABLES["contacts"].polars_schema())
    many = pl.concat([frame] * 5000).with_columns(
        crn=pl.format("A{}", pl.int_range(5000).cast(pl.String).str.zfill(6))
    )
    many.write_parquet(path)
    data = bytearray(path.read_bytes())
    data[200:2000] = bytes(1800)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: (f / "contacts.parquet").unlink(),
        lambda f: (f / "contacts.parquet").write_bytes(b"PAR1"),
        lambda f: pl.read_parquet(f / "contacts.parquet").drop("kind").write_parquet(f / "contacts.parquet"),
        lambda f: (f / "contacts.parquet").write_bytes((f / "contacts.parquet").read_bytes()[:-40]),
        lambda f: _damaged_inside(f / "contacts.parquet"),
        lambda f: (f / "contacts.parquet").rename(f / "contacts.csv"),
        lambda f: (
            pl.read_parquet(f / "contacts.parquet")
            .with_columns(crn=pl.lit(7))
            .write_parquet(f / "contacts.parquet")
        ),
        lambda f: (
            pl.read_parquet(f / "contacts.parquet")
            .with_columns(known_on=pl.lit(value=True))
            .write_parquet(f / "contacts.parquet")
        ),
        lambda f: [path.unlink() for path in f.iterdir()],
        lambda f: shutil.copy(f / "contacts.parquet", f / "contacts.csv"),
    ],
    ids=[
        "missing table",
        "corrupted file",
        "missing column",
        "cut off",
        "damaged inside",
        "not a CSV",
        "wrong type",
        "wrong type of a date",
        "empty folder",
        "two forms",
    ],
)
def test_what_cannot_be_used_gets_one_sentence(folder: Path, spoil: Callable[[Path], object]) -> None:
    spoil(folder)
    with pytest.raises(UsageError) as raised:
        check(folder)
    assert "\n" not in str(raised.value)
    with pytest.raises(UsageError):
        check(folder / "nowhere")
