"""Events in any order, repeated and late: the same people; a merge can be undone; an erasure leaves nothing, anywhere."""

import itertools
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from serving import audit_log, decisions, events, people
from serving.audit_log import Actor
from serving.errors import ServiceError
from serving.reasons import Action
from serving.schemas.decisions import DecisionQuestion
from serving.schemas.events import EventQuestion
from serving.services import Services
from serving.settings import Settings
from serving.store import cases, tables
from serving.store.database import Database
from serving.store.idempotency import once
from serving.store.tables import METADATA, merges
from serving.suggestions import show

ME = Actor(who="TESTER", correlation_id="test-correlation")
CRNS = ("X000001", "X000002", "X000003")
BORN = ("1970-12-20", "1971-12-21", "1972-12-22")
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
FOLDERS = itertools.count()
HOW = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Services, Path]]:
    """The parts of a service, and an empty store to copy."""
    path = tmp_path_factory.mktemp("template") / "empty.db"
    made = Services(Settings(database_url=f"sqlite:///{path}", dev_auth=True))
    made.ensure_migrated()
    made.database.scrub()
    yield made, path
    made.close()


@contextmanager
def emptied(template: tuple[Services, Path], folder: Path) -> Iterator[Services]:
    """The same parts over an empty store of their own."""
    parts, path = template
    here = shutil.copy(path, folder / f"{next(FOLDERS)}.db")
    before, parts.database = parts.database, Database(f"sqlite:///{here}")
    try:
        yield parts
    finally:
        parts.database.close()
        parts.database = before


def contact(number: int) -> dict[str, Any]:
    day = (BEGIN + timedelta(days=number)).date().isoformat()
    return {"records": {"contacts": [{"scheduled_on": day, "known_on": day, "kind": "PHONE"}]}}


def event(kind: str, crn: str, *, at: int, **information: Any) -> EventQuestion:
    return EventQuestion.model_validate(
        {
            "eventType": kind,
            "occurredAt": (BEGIN + timedelta(minutes=at)).isoformat(),
            "additionalInformation": information,
            "personReference": {"identifiers": [{"type": "CRN", "value": crn}]},
        }
    )


def merged(source: str, target: str, *, at: int) -> EventQuestion:
    return event("probation-case.merge.completed", target, at=at, sourceCRN=source, targetCRN=target)


def unmerged(source: str, target: str, *, at: int) -> EventQuestion:
    return event("probation-case.unmerge.completed", target, at=at, reactivatedCRN=source, unmergedCRN=target)


def held(parts: Services, crn: str) -> list[dict[str, Any]] | None:
    with parts.database.read() as connection:
        found = cases.find(connection, crn)
    return None if found is None else sorted(people.stored_tables(found.document)["contacts"], key=str)


SENT = [
    *(
        event("probation-case.engagement.updated", CRNS[number % 2], at=number, **contact(number))
        for number in range(5)
    ),
    merged(CRNS[0], CRNS[1], at=10),
    event("enforcement.breach.raised", CRNS[0], at=11, **contact(9)),
]


@HOW
@given(order=st.permutations(SENT), again=st.lists(st.sampled_from(SENT), max_size=4))
def test_any_order_and_any_repetition_give_the_same_person(
    template: tuple[Services, Path],
    tmp_path_factory: pytest.TempPathFactory,
    order: list[EventQuestion],
    again: list[EventQuestion],
) -> None:
    with emptied(template, tmp_path_factory.mktemp("order")) as parts:
        for one in (*order, *again):
            events.receive(parts, event=one, actor=ME)
        assert held(parts, CRNS[0]) is None
        found = held(parts, CRNS[1])
    assert found is not None
    assert [row["scheduled_on"] for row in found] == [
        contact(number)["records"]["contacts"][0]["scheduled_on"] for number in (0, 1, 2, 3, 4, 9)
    ]


@pytest.mark.parametrize("order", ["in order", "the merge late"])
def test_a_merge_that_was_taken_back_stays_so_whatever_comes_first(
    template: tuple[Services, Path], tmp_path: Path, order: str
) -> None:
    steps = [merged(CRNS[0], CRNS[1], at=1), unmerged(CRNS[0], CRNS[1], at=2)]
    with emptied(template, tmp_path) as parts:
        for number, crn in enumerate(CRNS[:2]):
            one = event("probation-case.engagement.created", crn, at=0, **contact(number))
            events.receive(parts, event=one, actor=ME)
        before = [held(parts, crn) for crn in CRNS[:2]]
        for one in steps if order == "in order" else reversed(steps):
            events.receive(parts, event=one, actor=ME)
        assert [held(parts, crn) for crn in CRNS[:2]] == before
        assert events.receive(parts, event=merged(CRNS[0], CRNS[1], at=3), actor=ME) == "APPLIED"
        assert held(parts, CRNS[0]) is None


UNTIL_ERASED = [*SENT, event("probation-case.deleted.gdpr", CRNS[1], at=20)]


@HOW
@given(order=st.permutations(UNTIL_ERASED), again=st.lists(st.sampled_from(UNTIL_ERASED), max_size=4))
def test_in_any_order_an_erasure_is_the_last_word(
    template: tuple[Services, Path],
    tmp_path_factory: pytest.TempPathFactory,
    order: list[EventQuestion],
    again: list[EventQuestion],
) -> None:
    """Late and repeated word of somebody who was erased, or of one of those they were, makes nobody known again."""
    with emptied(template, tmp_path_factory.mktemp("erased")) as parts:
        results = [events.receive(parts, event=one, actor=ME) for one in (*order, *again)]
        assert [held(parts, crn) for crn in CRNS] == [None] * 3
        with parts.database.read() as connection:
            rows = [orjson.loads(row.details) for row in connection.execute(select(tables.audit_log))]
            assert connection.execute(select(tables.subjects)).all() == []
            assert connection.execute(select(merges)).all() == []
            assert len(connection.execute(select(tables.erasures)).all()) == 2
        dropped = [row["eventType"] for row in rows if row["event"] == "LATE_EVENT_DROPPED"]
        assert len(dropped) == results.count("DROPPED")
        assert results[len(order) :] == ["REPEATED"] * len(again)


def test_only_the_case_system_makes_somebody_known_again_and_a_merge_after_an_erasure_is_dropped(
    template: tuple[Services, Path], tmp_path: Path
) -> None:
    document = {"people": [{"sex": "MALE", "known_on": "2026-01-05"}]}
    with emptied(template, tmp_path) as parts:
        for crn in CRNS[:2]:
            people.put(parts, crn=crn, document=document, actor=ME)
        people.erase(parts, crn=CRNS[1], actor=ME)
        later = datetime.now(UTC) + timedelta(days=1)
        after = int((later - BEGIN).total_seconds() // 60)
        for source, target in ((CRNS[0], CRNS[1]), (CRNS[1], CRNS[0])):
            assert events.receive(parts, event=merged(source, target, at=after), actor=ME) == "UNCHANGED"
        assert events.receive(parts, event=unmerged(CRNS[1], CRNS[0], at=after + 1), actor=ME) == "UNCHANGED"
        one = event("probation-case.engagement.created", CRNS[1], at=after, **contact(1))
        assert events.receive(parts, event=one, actor=ME) == "DROPPED"
        assert held(parts, CRNS[1]) is None
        assert held(parts, CRNS[0]) == []
        with pytest.raises(ServiceError):
            people.erase(parts, crn=CRNS[2], actor=ME)  # nobody: not marked, and may come
        two = event("probation-case.engagement.created", CRNS[2], at=1, **contact(1))
        assert events.receive(parts, event=two, actor=ME) == "APPLIED"
        people.put(parts, crn=CRNS[1], document=document, actor=ME)
        three = event("probation-case.engagement.created", CRNS[1], at=after, **contact(2))
        assert events.receive(parts, event=three, actor=ME) == "APPLIED"
        assert held(parts, CRNS[1]) is not None


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["merge", "unmerge", "add", "decide"]), st.sampled_from(CRNS), st.sampled_from(CRNS)
    ),
    max_size=12,
)


def words(crn: str, number: int) -> str:
    return f"WORDS-OF-{crn}-{number}-UNLIKELY"


def _do(parts: Services, number: int, deed: tuple[str, str, str]) -> None:
    kind, crn, other = deed
    try:
        if kind == "merge":
            events.receive(parts, event=merged(crn, other, at=number), actor=ME)
        elif kind == "unmerge":
            events.receive(parts, event=unmerged(crn, other, at=number), actor=ME)
        elif kind == "add":
            one = event("probation-case.engagement.created", crn, at=number, **contact(number))
            events.receive(parts, event=one, actor=ME)
        else:
            document = show(parts, crn=crn, as_of=None, setting=None, actor=ME)
            question = DecisionQuestion.model_validate(
                {"action": Action.NONE_CHOSEN, "reasonCode": "OTHER", "ownWords": words(crn, number)}
            )
            asked = once(who="TESTER", route="decision", key=f"key-{number}", body=number)
            decisions.decide(parts, set_id=document["id"], question=question, actor=ME, once=asked)
    except ServiceError as error:
        if error.status not in {404, 409}:  # nobody there, or merged in a circle: refused whole
            raise


@HOW
@given(deeds=DEEDS)
def test_whatever_was_merged_taken_apart_and_decided_erasure_leaves_nothing_anywhere(
    template: tuple[Services, Path],
    tmp_path_factory: pytest.TempPathFactory,
    deeds: list[tuple[str, str, str]],
) -> None:
    folder = tmp_path_factory.mktemp("erasure")
    with emptied(template, folder) as parts:
        url = parts.database.url.render_as_string()
        for number, crn in enumerate(CRNS):
            person = {"practitioner": f"OFFICER-OF-{crn}", "sex": "MALE", "known_on": "2026-01-05"}
            born = {"date_of_birth": BORN[number]}
            apart = {"ethnicity": f"ETHNICITY_{number}_UNLIKELY", "known_on": "2026-01-05"}
            document = {"people": [{**person, **born}], "protected": [apart]}
            people.put(parts, crn=crn, document=document, actor=ME)
        for number, deed in enumerate(deeds):
            _do(parts, number, deed)
        assert audit_log.verify(database_url=url).intact
        for crn in CRNS:
            with parts.database.read() as connection:
                gone = people.merged_into(connection, crn) is not None or cases.find(connection, crn) is None
            if not gone:
                people.erase(parts, crn=crn, actor=ME)
        with parts.database.read() as connection:
            assert connection.execute(select(merges)).all() == []
        assert audit_log.verify(database_url=url).intact
    values = [*CRNS, *(f"OFFICER-OF-{crn}" for crn in CRNS), *BORN, "_UNLIKELY", "UNLIKELY"]
    path = next(folder.glob("*.db"))
    with sqlite3.connect(path) as connection_:
        dumped = "\n".join(connection_.iterdump())
    connection_.close()
    for value in values:
        assert value not in dumped, value
    for file in folder.iterdir():  # pages that are free, and the log of pages, too
        content = file.read_bytes()
        for value in values:
            assert value.encode() not in content, (file.name, value)


def test_the_search_would_find_what_is_left(template: tuple[Services, Path], tmp_path: Path) -> None:
    with emptied(template, tmp_path) as parts:
        document = {"people": [{"practitioner": "OFFICER-LEFT", "known_on": "2026-01-05"}]}
        people.put(parts, crn=CRNS[0], document=document, actor=ME)
        parts.database.scrub()
    assert any(b"OFFICER-LEFT" in file.read_bytes() for file in tmp_path.iterdir())
    assert "cases" in METADATA.tables
