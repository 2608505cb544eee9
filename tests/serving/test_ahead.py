"""Answers worked out ahead are exactly those that would be worked out now, whatever changes in between; and go with the person."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import delete, select, update
from structlog.testing import capture_logs

import catalogue as catalogue_room
from catalogue.errors import UsageError
from serving import ahead as ahead_module
from serving import audit_log, events, people, suggestions
from serving.ahead import Ahead, maker
from serving.audit_log import Actor
from serving.auth import ROLES
from serving.bundles import BundleHolder
from serving.recent import MOST_WRITTEN, Shown, Written
from serving.services import Services
from serving.settings import Settings
from serving.store import cases as case_store
from serving.store import prepared
from serving.store.directory import VERSION
from serving.store.tables import cases, facts, prepared_sets, suggestion_sets
from serving.subject_access import content
from serving.suggestions import make, show, unpack
from serving.traffic import Traffic
from tests.serving.conftest import KeyServer, running
from tests.serving.test_events import event, merged, unmerged
from tests.serving.test_trouble import another_release

ME = Actor(who="TESTER", correlation_id="test-correlation")


@pytest.fixture
def parts(settings: Settings) -> Iterator[Services]:
    made = Services(settings)
    made.prepare()
    made.maker = "this version"
    yield made
    made.close()


@pytest.fixture
def few_people(parts: Services, someone: str) -> list[str]:
    """Three people under supervision; the others' sentences are over, so that a round is short."""
    ahead = Ahead(parts)
    question, stamp = ahead.question()
    with parts.database.write() as connection:
        running_now = prepared.waiting(
            connection, stamp=stamp, running_on=question.as_of, after="", at_most=500
        )
        few = [someone, *(crn for crn in running_now if crn != someone)][:3]
        connection.execute(
            update(cases).where(cases.c.crn.not_in(few)).values(sentence_type=None, sentence_ends_on=None)
        )
    return few


def worked_out_now(parts: Services, crn: str) -> Shown:
    """What somebody is answered of whom the store and the memory hold no answer."""
    with parts.database.scoring() as connection:
        case = case_store.find(connection, crn)
    assert case is not None
    return make(parts, case=case, question=Ahead(parts).question()[0])[0]


def asked(parts: Services, crn: str) -> tuple[str, bytes]:
    """Where the answer to the plain question comes from, and the answer."""
    parts.recent.clear()
    before = _sources(parts)
    shown = show(parts, crn=crn, as_of=None, setting=None, actor=ME)
    (source,) = [name for name, times in _sources(parts).items() if times > before.get(name, 0)]
    return source, shown.content


def _sources(parts: Services) -> dict[str, float]:
    return {
        sample.labels["source"]: sample.value
        for sample in parts.metrics.answers.collect()[0].samples
        if sample.name.endswith("_total")
    }


def held(parts: Services) -> dict[str, str]:
    with parts.database.read() as connection:
        return {row.crn: row.id for row in connection.execute(select(prepared_sets))}


def test_a_first_question_is_answered_with_what_was_worked_out_ahead_and_the_view_is_written_down(
    parts: Services, few_people: list[str]
) -> None:
    assert Ahead(parts).round() == len(few_people)
    assert Ahead(parts).round() == 0
    crn = few_people[0]
    expected = worked_out_now(parts, crn)
    with parts.database.read() as connection:
        assert connection.execute(select(suggestion_sets.c.id)).all() == []  # nobody has been shown anything
        assert audit_log.entries_of(connection, crn) == []
    assert asked(parts, crn) == ("ahead", expected.content)
    assert asked(parts, crn) == ("shown before", expected.content)
    with parts.database.read() as connection:
        row = connection.execute(select(suggestion_sets)).one()
        views = audit_log.entries_of(connection, crn)
    assert (row.id, row.crn, orjson.dumps(unpack(row.content))) == (expected.id, crn, expected.content)
    assert [view["details"]["suggestionSetId"] for view in views] == [expected.id, expected.id]  # type: ignore[index]  # a mapping
    assert {row.bundle_version, row.spec_hash, row.catalogue_hash} == {
        expected.bundle_version,
        expected.spec_hash,
        expected.catalogue_hash,
    }


def test_it_is_counted_when_it_is_first_given_and_as_if_it_were_worked_out_then(
    parts: Services, few_people: list[str], settings: Settings, tmp_path: Path
) -> None:
    Ahead(parts).round()
    assert b"signpost_advice_total{" not in parts.metrics.text()
    other = Services(replace(settings, database_url=f"sqlite:///{_copy(settings, tmp_path)}"))
    other.prepare()
    offered: dict[str, list[object]] = {}
    for name, each in (("ahead", parts), ("now", other)):
        each.drift.offer = offered.setdefault(name, []).append  # type: ignore[method-assign]  # to see what it is given
        for crn in few_people:
            assert asked(each, crn)[0] == name
    found = [
        sorted(
            line
            for line in each.metrics.text().splitlines()
            if line.startswith((b"signpost_advice", b"signpost_sug"))
        )
        for each in (parts, other)
    ]
    other.close()
    assert [line for line in found[0] if b"_created" not in line] == [
        line for line in found[1] if b"_created" not in line
    ]
    plain = [[orjson.loads(orjson.dumps(inputs)) for inputs in offered[name]] for name in ("ahead", "now")]
    assert plain[0] == plain[1]
    assert offered["ahead"] == plain[0]


def _copy(settings: Settings, folder: Path) -> Path:
    """The store with nothing worked out ahead, and nothing shown."""
    path = folder / "other.db"
    with (
        closing(sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))) as here,
        closing(sqlite3.connect(path)) as there,
    ):
        here.backup(there)
        there.execute("DELETE FROM prepared_sets")
        there.commit()
    return path


Change = Callable[[Services, str, str, Path], str]


def _a_whole_case(parts: Services, crn: str, _other: str, _folder: Path) -> str:
    with parts.database.read() as connection:
        found = case_store.find(connection, crn)
    assert found is not None
    document = orjson.loads(found.document)
    document["assessments"] = document["assessments"][:-1]
    people.put(parts, crn=crn, document=document, actor=ME)
    return crn


def _an_event_with_records(parts: Services, crn: str, _other: str, _folder: Path) -> str:
    with parts.database.read() as connection:
        day = case_store.last_known(connection)
    assert day is not None
    rows = {
        "circumstances": [
            {"observed_on": _on(day), "known_on": _on(day), "kind": "EMPLOYMENT", "value": "FULL_TIME"}
        ]
    }
    sent = event("probation-case.requirement.created", crn, at=1, records=rows)
    assert events.receive(parts, event=sent, actor=ME) == "APPLIED"
    return crn


def _on(day: date) -> str:
    return (day - timedelta(days=3)).isoformat()


def _a_merge(parts: Services, crn: str, other: str, _folder: Path) -> str:
    assert events.receive(parts, event=merged(other, crn, at=1), actor=ME) == "APPLIED"
    return crn


def _a_merge_taken_back(parts: Services, crn: str, other: str, folder: Path) -> str:
    _a_merge(parts, crn, other, folder)
    Ahead(parts).round()
    assert events.receive(parts, event=unmerged(other, crn, at=2), actor=ME) == "APPLIED"
    return other


def _an_erasure_and_a_return(parts: Services, crn: str, _other: str, _folder: Path) -> str:
    with parts.database.read() as connection:
        found = case_store.find(connection, crn)
    assert found is not None
    people.erase(parts, crn=crn, actor=ME)
    assert crn not in held(parts)
    document = orjson.loads(found.document)
    document["contacts"] = []
    people.put(parts, crn=crn, document=document, actor=ME)
    return crn


def _another_release(parts: Services, crn: str, _other: str, folder: Path) -> str:
    assert parts.settings.bundle_folder is not None
    other = another_release(parts.settings.bundle_folder, folder / "another")
    parts.bundles = BundleHolder(other, seconds=15, unpassed=True)
    parts.bundles.refresh()
    return crn


def _midnight(parts: Services, crn: str, _other: str, _folder: Path) -> str:
    day = parts.as_of(None)
    object.__setattr__(
        parts, "settings", replace(parts.settings, as_of=(day + timedelta(days=1)).isoformat())
    )
    return crn


def _a_catalogue_with_another_sentence(parts: Services, crn: str, _other: str, folder: Path) -> str:
    there = Path(
        shutil.copytree(Path(catalogue_room.__file__).parent / "interventions", folder / "catalogue")
    )
    entry = min(there.glob("*.yaml"))
    text = entry.read_text()
    name = next(line for line in text.splitlines() if line.startswith("name:"))
    entry.write_text(text.replace(name, "name: Another name"))
    parts.catalogue = catalogue_room.load(there)
    return crn


def _another_directory(parts: Services, crn: str, _other: str, _folder: Path) -> str:
    with parts.database.write() as connection:
        connection.execute(update(facts).where(facts.c.name == VERSION).values(value="another"))
    return crn


def _another_version_of_the_service(parts: Services, crn: str, _other: str, _folder: Path) -> str:
    parts.maker = "another version"
    return crn


CHANGES: list[Change] = [
    _a_whole_case,
    _an_event_with_records,
    _a_merge,
    _a_merge_taken_back,
    _an_erasure_and_a_return,
    _another_release,
    _midnight,
    _a_catalogue_with_another_sentence,
    _another_directory,
    _another_version_of_the_service,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_after_any_change_the_answer_is_what_would_be_worked_out_now(
    parts: Services, few_people: list[str], tmp_path: Path, change: Change
) -> None:
    """Before anybody is worked out again, and after; for whom it has changed, and for whom it has not."""
    ahead = Ahead(parts)
    ahead.round()
    touched = change(parts, few_people[0], few_people[1], tmp_path)
    expected = worked_out_now(parts, touched)
    assert asked(parts, touched) == ("now", expected.content)  # never a former answer
    with parts.database.write() as connection:
        connection.execute(delete(suggestion_sets))
    ahead.round()
    assert held(parts)[touched] == expected.id
    assert asked(parts, touched) == ("ahead", expected.content)
    last = few_people[2]
    assert asked(parts, last) == ("ahead", worked_out_now(parts, last).content)


def test_an_erasure_leaves_nothing_of_what_was_worked_out(parts: Services, few_people: list[str]) -> None:
    Ahead(parts).round()
    crn = few_people[0]
    path = Path(parts.settings.database_url.removeprefix("sqlite:///"))
    parts.database.settle()
    assert crn.encode() in path.read_bytes()
    identity = held(parts)[crn].encode()
    assert identity in path.read_bytes()
    people.erase(parts, crn=crn, actor=ME)
    assert crn not in held(parts)
    for file in path.parent.glob(f"{path.name}*"):
        assert identity not in file.read_bytes()


def test_who_is_erased_or_written_while_they_are_worked_out_is_not_brought_back(
    parts: Services, few_people: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone, changed = few_people[:2]
    making = suggestions.make
    seen: list[str] = []

    def meanwhile(services: Services, **given: Any) -> Any:
        made = making(services, **given)
        crn = given["case"].crn
        if crn == gone:
            people.erase(parts, crn=gone, actor=ME)
        elif crn == changed and crn not in seen:
            _a_whole_case(parts, changed, "", tmp_path)
            assert held(parts).get(changed) is None
        seen.append(crn)
        return made

    monkeypatch.setattr(ahead_module, "make", meanwhile)
    assert Ahead(parts).round() == 2
    assert sorted(held(parts)) == sorted(few_people[1:])
    assert seen.count(changed) == 2  # what was made from the former case was not kept
    assert held(parts)[changed] == worked_out_now(parts, changed).id


def test_who_asks_for_what_is_held_is_given_what_was_worked_out_too(
    parts: Services, few_people: list[str]
) -> None:
    Ahead(parts).round()
    crn = few_people[0]
    answer = content(parts, crn=crn, from_date=None, to_date=None, actor=ME)
    assert answer is not None
    assert answer["suggestionsShown"] == []
    (found,) = answer["suggestionsWorkedOutAhead"]
    assert found["suggestions"] == orjson.loads(worked_out_now(parts, crn).content)["suggestions"]
    assert found["asOf"] == parts.as_of(None)


def test_nobody_is_worked_out_while_somebody_waits_and_who_was_written_comes_first(
    parts: Services, few_people: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead_module, "QUIET_SECONDS", 0.1)
    order: list[str] = []
    one = Ahead.one
    monkeypatch.setattr(Ahead, "one", lambda self, crn, *rest: order.append(crn) or one(self, crn, *rest))
    ahead, last = Ahead(parts), max(few_people)
    parts.traffic.enter()
    thread = threading.Thread(target=ahead.round)
    thread.start()
    parts.written.add(last)
    time.sleep(0.3)
    assert order == []
    parts.traffic.leave()
    thread.join(timeout=30)
    assert order == [last, *sorted(set(few_people) - {last})]
    ahead.stop()


def test_one_case_that_cannot_be_answered_keeps_nobody_else_from_an_answer(
    parts: Services, few_people: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    making = suggestions.make

    def fails(services: Services, **given: Any) -> Any:
        if given["case"].crn == few_people[0]:
            raise UsageError("not this one")
        return making(services, **given)

    monkeypatch.setattr(ahead_module, "make", fails)
    assert Ahead(parts).round() == 2
    assert sorted(held(parts)) == sorted(few_people[1:])


def test_a_fault_is_waited_out_and_its_words_are_not_logged(
    parts: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead_module, "ROUND_SECONDS", 0.1)
    rounds: list[int] = []

    def fails(_self: Ahead) -> int:
        rounds.append(1)
        raise ValueError("X123456 was born on 1990-05-17")

    monkeypatch.setattr(Ahead, "round", fails)
    ahead = Ahead(parts)
    with capture_logs() as logged:
        ahead.start()
        _until(lambda: len(rounds) > 1)
        ahead.stop()
    assert {"event": "ahead_waits", "kind": "ValueError", "log_level": "warning"} in logged
    assert "X123456" not in str(logged)


def test_a_running_service_works_out_who_is_there_and_who_is_written(
    settings: Settings, key_server: KeyServer, parts: Services, few_people: list[str]
) -> None:
    headers = {"Authorization": f"Bearer {key_server.token(*ROLES)}"}
    with (
        running(replace(settings, prepare=True)) as address,
        httpx.Client(base_url=address, headers=headers, timeout=30) as client,
    ):
        _until(lambda: set(held(parts)) == set(few_people))
        answer = client.get(f"/v1/people/{few_people[0]}/suggestions")
        assert 'signpost_answers_total{source="ahead"} 1.0' in client.get("/metrics").text
        written = {
            "people": [
                {
                    "date_of_birth": "1990-05-17",
                    "sex": "MALE",
                    "region": "A",
                    "pdu": "A01",
                    "known_on": "2024-01-05",
                }
            ]
        }
        assert client.put("/v1/cases/X777777", json=written).status_code in {200, 201}
        _until(lambda: "X777777" in held(parts))
        client.get("/v1/people/X777777/suggestions")
        assert 'signpost_answers_total{source="ahead"} 2.0' in client.get("/metrics").text
    with running(replace(settings, prepare=False)) as address:
        other = httpx.get(f"{address}/v1/people/{few_people[0]}/suggestions", headers=headers, timeout=30)
    assert answer.content == other.content


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_service_s_version_follows_its_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert maker() == maker()
    room = tmp_path / "room_of_a_test"
    room.mkdir()
    (room / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    import importlib

    module = importlib.import_module("room_of_a_test")
    found = {maker((module,))}
    for name, text in (
        ("rule.py", "a = 1"),
        ("rule.py", "a = 2"),
        ("words.yaml", "a: 1"),
        ("notes.txt", "no"),
    ):
        (room / name).write_text(text)
        found.add(maker((module,)))
    assert len(found) == 4


def test_before_the_version_is_known_nothing_that_was_worked_out_is_trusted(
    parts: Services, few_people: list[str]
) -> None:
    Ahead(parts).round()
    parts.maker = None
    assert asked(parts, few_people[0])[0] == "now"


def test_who_was_written_is_remembered_once_in_order_and_up_to_a_number() -> None:
    written = Written()
    for number in range(MOST_WRITTEN + 2):
        written.add(f"X{number}")
    written.add("X5")
    assert len(written) == MOST_WRITTEN
    assert [written.take() for _ in range(3)] == ["X2", "X3", "X4"]
    for _ in range(MOST_WRITTEN - 3):
        last = written.take()
    assert last == f"X{MOST_WRITTEN + 1}"
    assert written.take() is None


def test_quiet_is_counted_from_when_the_last_one_left() -> None:
    clock = [0.0]
    traffic = Traffic(lambda: clock[0])
    traffic.enter()
    clock[0] = 5.0
    assert traffic.quiet_for() == 0
    traffic.leave()
    clock[0] = 7.0
    assert traffic.quiet_for() == 2.0
