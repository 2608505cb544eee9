"""What the service does by itself: complete flags, records kept no longer than allowed, keys trusted no longer than that."""

import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text
from structlog.testing import capture_logs

from catalogue.errors import UsageError
from serving import audit_log, auth, flag_register, people, retention
from serving.audit_log import Actor
from serving.auth import ROLES
from serving.services import Services
from serving.settings import Settings
from serving.store import cases as case_store
from serving.store.tables import cases, protected_characteristics
from tests.serving.conftest import KeyServer, but, running

ME = Actor(who="TESTER", correlation_id="test-correlation")
TODAY = date(2026, 3, 1)
OLD, NEW, LONGER, OPEN_ENDED = "X000001", "X000002", "X000003", "X000004"


@pytest.fixture
def headers(key_server: KeyServer) -> dict[str, str]:
    return {"Authorization": f"Bearer {key_server.token(*ROLES)}"}


@pytest.mark.parametrize("size", [7, 200])
def test_totals_are_complete_on_every_page_of_an_unchanged_store(
    settings: Settings, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(flag_register, "AT_ONCE", 10)
    with (
        running(but(settings, bundle_folder=None)) as address,
        httpx.Client(base_url=address, headers=headers, timeout=60) as client,
    ):
        first = client.get("/v1/flags", params={"size": size}).json()
        pages = [
            client.get("/v1/flags", params={"size": size, "page": number}).json()
            for number in range(first["totalPages"])
        ]
    assert {page["totalElements"] for page in pages} == {first["totalElements"]}
    found = [item["id"] for page in pages for item in page["content"]]
    assert len(found) == len(set(found)) == first["totalElements"]
    assert len({item["crn"] for page in pages for item in page["content"]}) > 10


def test_one_look_leaves_nobody_in_scope_stale(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flag_register, "AT_ONCE", 10)
    parts = Services(but(settings, bundle_folder=None))
    parts.start()
    flag_register.refresh(parts, practitioner=None, team=None, pdu=None)
    with parts.database.read() as connection:
        stale = connection.execute(
            select(cases.c.crn).where(
                cases.c.flags_checked.is_(None), cases.c.sentence_ends_on >= parts.as_of(None)
            )
        ).all()
    parts.close()
    assert stale == []


def test_flags_go_with_a_case_that_moves(settings: Settings, headers: dict[str, str]) -> None:
    with (
        running(but(settings, bundle_folder=None)) as address,
        httpx.Client(base_url=address, headers=headers, timeout=60) as client,
    ):
        every = client.get("/v1/flags", params={"size": 200}).json()["content"]
        moving = every[0]
        mine = {"practitioner": moving["practitioner"], "size": 200}
        held = client.get("/subject-access-request", params={"crn": moving["crn"]}).json()["content"]
        rows = held["records"]
        newest = max(rows["people"], key=lambda row: row["known_on"])
        rows["people"].append({**newest, "practitioner": "SOMEBODY_NEW", "team": "ANOTHER", "pdu": "A99"})
        rows["people"][-1]["known_on"] = max(
            row["known_on"] for table in rows.values() for row in table if row.get("known_on")
        )
        put = client.put(f"/v1/cases/{moving['crn']}", json=rows)
        assert put.status_code == 200, put.text
        before = {item["id"] for item in every if item["crn"] == moving["crn"]}
        left = client.get("/v1/flags", params=mine).json()["content"]
        there = client.get("/v1/flags", params={"practitioner": "SOMEBODY_NEW"}).json()["content"]
    assert moving["crn"] not in {item["crn"] for item in left}
    assert moving["id"] in {item["id"] for item in there} & before
    assert {(item["practitioner"], item["team"], item["pdu"]) for item in there} == {
        ("SOMEBODY_NEW", "ANOTHER", "A99")
    }


def _document(crn: str, *ends: str | None) -> dict[str, Any]:
    return {
        "crn": crn,
        "people": [{"date_of_birth": "1990-05-17", "sex": "MALE", "region": "A", "known_on": "2012-01-05"}],
        "sentences": [
            {
                "event_number": place,
                "sentence_type": "COMMUNITY_ORDER",
                "starts_on": f"201{place}-01-01",
                "ends_on": end,
                "known_on": f"201{place}-01-01",
            }
            for place, end in enumerate(ends, start=4)
        ],
        "protected": [{"ethnicity": "W1", "known_on": "2012-01-05"}],
    }


def _fill(parts: Services) -> None:
    recent = (TODAY - timedelta(days=300)).isoformat()
    for crn, ends in (
        (OLD, ["2015-06-01", "2016-06-01"]),
        (NEW, [recent]),
        # The sentence that starts last is over for long; the one before it ran on.
        (LONGER, [recent, "2016-06-01"]),
        (OPEN_ENDED, [None]),
    ):
        people.put(parts, crn=crn, document=_document(crn, *ends), actor=ME)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Services]:
    made = Services(
        Settings(database_url=f"sqlite:///{tmp_path / 'kept.db'}", dev_auth=True, retention_days=2190)
    )
    made.ensure_migrated()
    _fill(made)
    yield made
    made.close()


def _held(parts: Services) -> set[str]:
    with parts.database.read() as connection:
        return {str(crn) for crn in connection.execute(select(cases.c.crn)).scalars()}


def test_an_old_closed_case_goes_its_audit_entries_and_newer_cases_stay(kept: Services) -> None:
    def entries() -> list[str]:
        with kept.database.read() as connection:
            return [str(found) for found in connection.execute(select(audit_log.audit_log.c.id)).scalars()]

    before = entries()
    assert retention.enforce(kept, today=TODAY) == 1
    assert _held(kept) == {NEW, LONGER, OPEN_ENDED}
    with kept.database.read() as connection:
        characteristics = connection.execute(select(protected_characteristics.c.crn)).scalars().all()
        assert case_store.find(connection, OLD) is None
    assert OLD not in characteristics
    after = entries()
    assert set(before) < set(after)
    assert len(after) == len(before) + 1
    assert audit_log.verify(database_url=kept.settings.database_url).intact
    assert retention.enforce(kept, today=TODAY) == 0


def test_the_command_counts_and_then_erases_those_who_were_kept_for_long_enough(kept: Services) -> None:
    from tests.conftest import signpost

    address = kept.settings.database_url
    before = _held(kept)
    days = str((kept.today() - TODAY).days + 2190)
    counted = signpost("retention", "--database", address, "--days", days, "--dry-run")
    assert (counted.returncode, counted.stdout.split(" would")[0]) == (0, "1 person")
    assert _held(kept) == before
    done = signpost("retention", "--database", address, "--days", days)
    assert (done.returncode, done.stdout.split(":")[0]) == (0, "1 person erased")
    assert _held(kept) == before - {OLD}
    verified = signpost("audit-log", "verify", "--database", address)
    assert (verified.returncode, "is intact" in verified.stdout) == (0, True)
    with kept.database.write() as connection:
        connection.execute(text("DROP TRIGGER audit_log_no_update"))
        connection.execute(text("UPDATE audit_log SET who = 'ELSE' WHERE sequence = 2"))
    broken = signpost("audit-log", "verify", "--database", address)
    assert (broken.returncode, "from entry 2 on" in broken.stdout) == (1, True)


@pytest.mark.parametrize("days", [2190, None])
def test_the_service_enforces_retention_on_starting_when_it_is_set_and_only_then(
    kept: Services, days: int | None
) -> None:
    with running(but(kept.settings, retention_days=days, log_level="ERROR")):
        deadline = time.monotonic() + (15 if days else 1.5)
        while OLD in _held(kept) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert (OLD in _held(kept)) is (days is None)
    assert NEW in _held(kept)


def test_without_the_setting_no_records_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEV_AUTH", "1")
    assert Settings.from_environment().retention_days is None
    monkeypatch.setenv("SIGNPOST_RETENTION_DAYS", "30")
    assert Settings.from_environment().retention_days == 30


def test_keys_that_cannot_be_read_are_logged_and_trusted_up_to_an_age() -> None:
    server = KeyServer()
    clock = [0.0]
    keys = auth.JwksKeys(server.url, seconds=600, trusted_seconds=3600, clock=lambda: clock[0])
    assert keys.key("one") is not None
    server.close()
    clock[0] = 700.0
    with capture_logs() as logged:
        assert keys.key("one") is not None
    assert [(line["event"], line["last_read_seconds_ago"]) for line in logged] == [
        ("signing_keys_unread", 700)
    ]
    assert server.url not in str(logged)
    clock[0] = 3599.0
    assert keys.key("one") is not None
    clock[0] = 3600.0
    with capture_logs() as logged, pytest.raises(OSError, match="no signing keys"):
        keys.key("one")
    assert "signing_keys_expired" in {line["event"] for line in logged}
    verifier = auth.Verifier(keys=keys, issuer="x", audience=None)
    with pytest.raises(auth.ServiceError) as refused:
        verifier.principal(server.token())
    assert refused.value.status == 503


def test_a_published_set_without_a_usable_key_is_logged_and_replaces_nothing() -> None:
    server = KeyServer()
    try:
        clock = [0.0]
        keys = auth.JwksKeys(server.url, seconds=600, clock=lambda: clock[0])
        assert keys.key("one") is not None
        server.keys = {}
        clock[0] = 700.0
        with capture_logs() as logged:
            assert keys.key("one") is not None
        assert [line["kind"] for line in logged] == ["NoUsableKey"]
    finally:
        server.close()


def test_keys_are_not_kept_for_longer_than_they_are_trusted() -> None:
    with pytest.raises(UsageError, match="SIGNPOST_AUTH_JWKS_TRUSTED_SECONDS"):
        Settings(dev_auth=True, auth_jwks_seconds=600, auth_jwks_trusted_seconds=60)
