"""The store on SQLite and on PostgreSQL: the same tests, the same answers."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from catalogue.errors import UsageError
from features.case import Case
from features.histories import Histories
from serving import audit_log, events, people
from serving.audit_log import Actor, Deed
from serving.ingest import ingest
from serving.retention import all_ended
from serving.schemas.events import EventQuestion
from serving.services import Services
from serving.settings import Settings
from serving.store import cases
from serving.store.database import Database
from serving.store.migrate import HEAD, migrate, revision
from serving.store.tables import METADATA, facts, protected_characteristics, suggestion_sets
from serving.suggestions import show

ME = Actor(who="TESTER", correlation_id="test-correlation")
AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def parts(url: str) -> Iterator[Services]:
    made = Services(Settings(database_url=url, dev_auth=True))
    made.ensure_migrated()
    yield made
    made.close()


def document(crn: str, day: str = "2026-01-05") -> dict[str, Any]:
    return {
        "crn": crn,
        "people": [
            {"date_of_birth": "1990-05-17", "sex": "MALE", "region": "A", "pdu": "A01", "known_on": day}
        ],
        "circumstances": [
            {"observed_on": day, "known_on": day, "kind": "EMPLOYMENT", "value": "UNEMPLOYED"},
        ],
        "referrals": [
            {
                "referral_id": f"R{crn}",
                "intervention_id": "better-solutions-si",
                "referred_on": day,
                "known_on": day,
            }
        ],
    }


def event(kind: str, crn: str = "X000001", **information: Any) -> EventQuestion:
    return EventQuestion.model_validate(
        {
            "eventType": kind,
            "additionalInformation": information,
            "personReference": {"identifiers": [{"type": "CRN", "value": crn}]},
        }
    )


def test_migrations_make_exactly_the_declared_tables(parts: Services) -> None:
    assert revision(parts.database) == HEAD
    with parts.database.write() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    migrate(parts.database)


def test_a_case_is_kept_with_versions_and_unchanged_content_changes_nothing(parts: Services) -> None:
    assert people.put(parts, crn="X000001", document=document("X000001"), actor=ME) == 1
    assert people.put(parts, crn="X000001", document=document("X000001"), actor=ME) == 1
    assert people.put(parts, crn="X000001", document=document("X000001", "2026-02-01"), actor=ME) == 2
    with parts.database.read() as connection:
        found = cases.find(connection, "X000001")
        assert found is not None
        assert cases.owner(connection, "RX000001") == "X000001"
        assert cases.last_known(connection) == date(2026, 2, 1)
    assert found.pdu == "A01"
    with pytest.raises(UsageError):
        people.put(parts, crn="X000001", document={"crn": "X000002"}, actor=ME)


def test_what_scores_cannot_read_protected_characteristics(parts: Services) -> None:
    content = {**document("X000001"), "protected": [{"ethnicity": "W1", "known_on": "2026-01-05"}]}
    people.put(parts, crn="X000001", document=content, actor=ME)
    with parts.database.read() as connection:
        assert cases.protected_of(connection, "X000001") == {"ethnicity": "W1", "known_on": "2026-01-05"}
        found = cases.find(connection, "X000001")
    assert found is not None
    assert b"W1" not in found.document
    if parts.database.is_sqlite:
        with parts.database.scoring() as connection, pytest.raises(DBAPIError, match="prohibited"):
            connection.execute(select(protected_characteristics)).all()


def test_a_role_that_scores_reads_what_it_needs_and_no_protected_characteristics(
    postgres: str, tmp_path: Path
) -> None:
    """On PostgreSQL: a role that is there before the first start is granted its rights by the migrations."""
    admin = Database(postgres)
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE with_role"))
        connection.execute(text("CREATE ROLE signpost_scoring"))
    address = make_url(postgres).set(database="with_role").render_as_string(hide_password=False)
    parts = Services(Settings(database_url=address, dev_auth=True))
    try:
        parts.ensure_migrated()
        content = {**document("X000001"), "protected": [{"ethnicity": "W1", "known_on": "2026-01-05"}]}
        people.put(parts, crn="X000001", document=content, actor=ME)
        first = show(parts, crn="X000001", as_of=None, setting=None, actor=ME)
        assert show(parts, crn="X000001", as_of=None, setting=None, actor=ME) == first
        with parts.database.scoring() as connection, pytest.raises(DBAPIError, match="permission denied"):
            connection.execute(select(protected_characteristics)).all()
    finally:
        parts.close()
        with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("DROP DATABASE with_role WITH (FORCE)"))
            connection.execute(text("DROP ROLE signpost_scoring"))
        admin.close()


def test_a_store_that_a_later_version_has_brought_further_is_left_as_it_is(parts: Services) -> None:
    with parts.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    migrate(parts.database)
    assert revision(parts.database) == "9999"


def test_a_set_is_kept_as_it_was_shown_and_goes_with_the_person(parts: Services) -> None:
    people.put(parts, crn="X000001", document=document("X000001"), actor=ME)
    first = show(parts, crn="X000001", as_of=None, setting=None, actor=ME)
    assert show(parts, crn="X000001", as_of=None, setting=None, actor=ME) == first
    people.put(parts, crn="X000001", document=document("X000001", "2026-02-01"), actor=ME)
    assert show(parts, crn="X000001", as_of=None, setting=None, actor=ME)["id"] != first["id"]
    with parts.database.read() as connection:
        assert len(connection.execute(select(suggestion_sets)).all()) == 2
    people.erase(parts, crn="X000001", actor=ME)
    with parts.database.read() as connection:
        assert connection.execute(select(suggestion_sets)).all() == []


def test_a_store_with_answers_worked_out_before_is_brought_here_without_them(parts: Services) -> None:
    """What an earlier version left: the table of 0003, which 0004 drops with what is in it."""
    with parts.database.write() as connection:
        connection.execute(text("CREATE TABLE prepared_sets (crn VARCHAR(16), made_for VARCHAR(64))"))
        connection.execute(text("CREATE INDEX ix_prepared_sets_made_for ON prepared_sets (made_for, crn)"))
        connection.execute(text("INSERT INTO prepared_sets VALUES ('X000001', 'yesterday')"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
    migrate(parts.database)
    assert revision(parts.database) == HEAD
    with parts.database.read() as connection:
        assert not inspect(connection).has_table("prepared_sets")


def test_merge_rekeys_everything_and_can_be_undone(parts: Services) -> None:
    for crn, day in (("X000001", "2026-01-05"), ("X000002", "2026-01-09")):
        people.put(parts, crn=crn, document=document(crn, day), actor=ME)
    before = {crn: _tables(parts, crn) for crn in ("X000001", "X000002")}
    merged = event("probation-case.merge.completed", sourceCRN="X000001", targetCRN="X000002")
    assert events.receive(parts, event=merged, actor=ME) == "APPLIED"
    assert events.receive(parts, event=merged, actor=ME) == "REPEATED"
    with parts.database.read() as connection:
        assert cases.find(connection, "X000001") is None
        assert cases.owner(connection, "RX000001") == "X000002"
        assert people.merged_into(connection, "X000001") == "X000002"
        assert len(audit_log.entries_of(connection, "X000002")) == 3
    assert len(_tables(parts, "X000002")["referrals"]) == 2
    late = {
        "records": {"contacts": [{"scheduled_on": "2026-02-01", "known_on": "2026-02-01", "kind": "PHONE"}]}
    }
    assert (
        events.receive(parts, event=event("enforcement.breach.raised", "X000001", **late), actor=ME)
        == "APPLIED"
    )
    assert len(_tables(parts, "X000002")["contacts"]) == 1
    undone = event("probation-case.unmerge.completed", reactivatedCRN="X000001", unmergedCRN="X000002")
    assert events.receive(parts, event=undone, actor=ME) == "APPLIED"
    assert _tables(parts, "X000001") == before["X000001"]
    after = _tables(parts, "X000002")
    assert len(after.pop("contacts")) == 1
    before["X000002"].pop("contacts")
    assert after == before["X000002"]
    with parts.database.read() as connection:
        assert cases.owner(connection, "RX000001") == "X000001"


def _tables(parts: Services, crn: str) -> dict[str, list[dict[str, Any]]]:
    with parts.database.read() as connection:
        found = cases.find(connection, crn)
    assert found is not None
    return people.stored_tables(found.document)


def test_events_in_any_order_give_the_same_person(parts: Services) -> None:
    rows = [
        {
            "records": {
                "contacts": [{"scheduled_on": f"2026-01-0{day}", "known_on": "2026-02-01", "kind": "PHONE"}]
            }
        }
        for day in range(1, 5)
    ]
    for crn, order in (("X000001", rows), ("X000002", [*reversed(rows), *rows])):
        for information in order:
            events.receive(
                parts, event=event("probation-case.sentence.amended", crn, **information), actor=ME
            )
    first, second = (_tables(parts, crn)["contacts"] for crn in ("X000001", "X000002"))
    assert sorted(first, key=str) == sorted(second, key=str)
    assert events.receive(parts, event=event("something.else"), actor=ME) == "IGNORED"


def test_an_event_that_changes_a_key_fact_raises_its_prompt_at_once(parts: Services) -> None:
    from serving.store.tables import flags

    people.put(parts, crn="X000001", document=document("X000001"), actor=ME)
    found = {
        "records": {
            "circumstances": [
                {
                    "observed_on": "2026-01-20",
                    "known_on": "2026-01-20",
                    "kind": "EMPLOYMENT",
                    "value": "FULL_TIME",
                },
            ],
            "contacts": [{"scheduled_on": "2026-01-21", "known_on": "2026-01-21", "kind": "PHONE"}],
        }
    }
    events.receive(parts, event=event("probation-case.engagement.created", **found), actor=ME)
    with parts.database.read() as connection:
        codes = (
            connection.execute(select(flags.c.code).where(flags.c.crn == "X000001", flags.c.open))
            .scalars()
            .all()
        )
    assert codes == ["JOB_STARTED"]


def test_erasure_leaves_the_entry_and_nothing_of_the_person(parts: Services, url: str) -> None:
    content = {**document("X000001"), "protected": [{"ethnicity": "W1", "known_on": "2026-01-05"}]}
    people.put(parts, crn="X000001", document=content, actor=ME)
    people.put(parts, crn="X000009", document=document("X000009"), actor=ME)
    merged = event("probation-case.merge.completed", sourceCRN="X000009", targetCRN="X000001")
    events.receive(parts, event=merged, actor=ME)
    people.erase(parts, crn="X000001", actor=ME)
    with parts.database.read() as connection:
        for table in METADATA.sorted_tables:
            held = orjson.dumps([list(map(str, row)) for row in connection.execute(select(table))])
            assert b"X000001" not in held, table.name
            assert b"X000009" not in held, table.name
            assert b"1990-05-17" not in held, table.name
        last = connection.execute(
            select(audit_log.audit_log.c.what).order_by(audit_log.audit_log.c.sequence.desc()).limit(1)
        ).scalar()
    assert last == "ERASURE"
    assert audit_log.verify(database_url=url).intact


def test_the_audit_log_is_append_only_and_a_change_from_outside_is_found(
    parts: Services, url: str, tmp_path: Path
) -> None:
    for number in range(5):
        with parts.database.write() as connection:
            audit_log.append(
                connection,
                parts.database,
                deed=Deed.CONSULTATION,
                action=f"A{number}",
                actor=ME,
                at=AT,
                crn="X000001",
            )
    assert audit_log.verify(database_url=url).entries == 5
    table = audit_log.audit_log
    with pytest.raises(DBAPIError, match="append-only"), parts.database.write() as connection:
        connection.execute(update(table).where(table.c.sequence == 3).values(who="ELSE"))
    with pytest.raises(DBAPIError, match="append-only"), parts.database.write() as connection:
        connection.execute(table.delete())
    with parts.database.write() as connection:
        off = (
            "DROP TRIGGER audit_log_no_update"
            if parts.database.is_sqlite
            else "DROP TRIGGER audit_log_append_only ON audit_log"
        )
        connection.execute(text(off))
        connection.execute(update(table).where(table.c.sequence == 3).values(who="ELSE"))
    found = audit_log.verify(database_url=url)
    assert found.broken_at == 3
    assert "entry 3" in found.sentence


def test_an_unsound_write_leaves_nothing(parts: Services) -> None:
    with pytest.raises(UsageError), parts.database.write() as connection:  # noqa: PT012  the first statement is what must vanish
        cases.put(connection, crn="X000001", tables={"people": []})
        people.add_rows(connection, parts, crn="X000001", rows={"no_such_table": []}, actor=ME)
    with parts.database.read() as connection:
        assert cases.find(connection, "X000001") is None


def test_ingest_gives_every_case_as_the_histories_have_it_and_again_changes_nothing(
    few: Path, url: str
) -> None:
    histories = Histories.open(few)
    assert ingest(histories, database_url=url) == len(histories.crns())
    database = Database(url)
    for _ in range(2):
        with database.scoring() as connection:
            for case in histories.cases(histories.crns()[::7]):
                found = cases.find(connection, case.crn)
                assert found is not None
                assert found.version == 1
                held = Case.from_document(orjson.loads(found.document))
                for name, rows in case.tables.items():
                    assert sorted(map(_line, held.tables[name])) == sorted(map(_line, rows)), name
                columns = cases.summary(people.stored_tables(found.document))
                line = cases.line(connection, case.crn)
                assert line is not None
                for name in ("practitioner", "team", "pdu", "assessed_on", "sentence_ends_on"):
                    assert getattr(line, name) == columns[name], name
            assert cases.last_known(connection) == histories.last_day
        ingest(histories, database_url=url)
    database.close()


def _line(row: Any) -> str:
    return str(sorted(row.items(), key=lambda item: str(item[0])))


def sentence(number: int, starts: str, ends: str | None, known: str) -> dict[str, object]:
    return {
        "event_number": number,
        "sentence_type": f"TYPE_{number}",
        "starts_on": starts,
        "ends_on": ends,
        "known_on": known,
    }


@pytest.mark.parametrize(
    ("rows", "type_", "ends"),
    [
        ([], None, None),
        ([sentence(1, "2024-01-01", "2026-01-01", "2024-01-02")], "TYPE_1", date(2026, 1, 1)),
        # An end that was brought forward stands, whatever the order of the rows.
        (
            [
                sentence(1, "2024-01-01", "2024-06-01", "2024-06-03"),
                sentence(1, "2024-01-01", "2026-01-01", "2024-01-02"),
            ],
            "TYPE_1",
            date(2024, 6, 1),
        ),
        # An older sentence that runs longer says until when somebody is under supervision.
        (
            [
                sentence(1, "2024-01-01", "2027-01-01", "2024-01-02"),
                sentence(2, "2025-01-01", "2026-01-01", "2025-01-02"),
            ],
            "TYPE_1",
            date(2027, 1, 1),
        ),
        (
            [
                sentence(1, "2024-01-01", None, "2024-01-02"),
                sentence(2, "2025-01-01", "2026-01-01", "2025-01-02"),
            ],
            "TYPE_1",
            None,
        ),
    ],
)
def test_supervision_ends_with_the_last_known_version_of_the_longest_sentence(
    rows: list[dict[str, object]], type_: str | None, ends: date | None
) -> None:
    found = cases.summary({"sentences": rows})
    assert (found["sentence_type"], found["sentence_ends_on"]) == (type_, ends)


def test_an_end_brought_forward_is_enough_to_be_forgotten_in_time() -> None:
    rows = [
        sentence(1, "2014-01-01", "2026-01-01", "2014-01-02"),
        sentence(1, "2014-01-01", "2014-06-01", "2014-06-03"),
    ]
    assert all_ended(orjson.dumps({"sentences": rows}), before=date(2020, 1, 1))
    assert not all_ended(
        orjson.dumps({"sentences": [*rows, sentence(2, "2015-01-01", None, "2015-01-02")]}),
        before=date(2020, 1, 1),
    )


WRONG_URLS = ["mysql://localhost/x", "nonsense", "sqlite:///", "sqlite:////nowhere/at/all/store.db"]


@pytest.mark.parametrize("wrong", WRONG_URLS)
def test_an_unusable_address_is_one_sentence(wrong: str) -> None:
    with pytest.raises(UsageError) as refused:
        Database(wrong)
    assert "\n" not in str(refused.value)


def test_sqlite_is_kept_safely(filled: Path) -> None:
    database = Database(f"sqlite:///{filled}")
    with database.read() as connection:
        for pragma, wanted in (
            ("journal_mode", "wal"),
            ("synchronous", 2),
            ("foreign_keys", 1),
            ("busy_timeout", 5000),
        ):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == wanted
    database.close()
    assert sqlite3.sqlite_version_info >= (3, 37)


def test_a_stored_case_reads_as_if_it_were_held_against_the_contract_again(filled: Path) -> None:
    database = Database(f"sqlite:///{filled}")
    with database.read() as connection:
        lines, total = cases.page(connection, size=200)
        stored = [cases.find(connection, line.crn) for line in lines]
    database.close()
    assert len(stored) == total
    for case in stored:
        assert case is not None
        assert case.read() == Case.from_document(orjson.loads(case.document))


def _in_the_file(store: Path) -> list[str]:
    """The names that the file holds without SQLite's log of pages beside it."""
    alone = Path(shutil.copy(store, store.with_suffix(".alone")))
    with closing(sqlite3.connect(f"file:{alone}?immutable=1", uri=True)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'facts'").fetchone():
            return []
        return [name for (name,) in connection.execute("SELECT name FROM facts")]


def _half_a_note(database: Database) -> None:
    with database.note() as connection:
        connection.execute(facts.insert(), {"name": "b", "value": "2"})
        raise RuntimeError("half way")


def test_notes_are_all_or_nothing_and_a_write_brings_them_to_disk(tmp_path: Path) -> None:
    """What differs is only how long the disk is waited for: the level that SQLite is told, by kind of connection."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    with database.write() as connection:
        facts.create(connection)
        protected_characteristics.create(connection)
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
    with database.note() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 1
        connection.execute(facts.insert(), {"name": "a", "value": "1"})
    with pytest.raises(RuntimeError, match="half way"):
        _half_a_note(database)
    assert _in_the_file(tmp_path / "store.db") == []
    database.settle()
    assert _in_the_file(tmp_path / "store.db") == ["a"]
    with database.read() as connection:
        assert list(connection.execute(select(facts.c.name)).scalars()) == ["a"]
    database.close()
