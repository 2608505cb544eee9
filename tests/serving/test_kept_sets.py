"""A set is its question: what was shown is answered as it was shown, and after any change it is another question."""

import zlib
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import orjson
import pytest
from sqlalchemy import func, select, update

from serving import people, suggestions
from serving.audit_log import Actor
from serving.errors import ServiceError
from serving.services import Services
from serving.settings import Settings
from serving.store import cases as case_store
from serving.store.directory import VERSION
from serving.store.tables import facts, subjects, suggestion_sets
from serving.subject_access import content
from serving.suggestion_document import Document
from serving.suggestions import show, unpack
from tests.serving.conftest import but
from tests.serving.test_trouble import another_release

ME = Actor(who="TESTER", correlation_id="test-correlation")
Change = Callable[[Services, str, Path], Services]


@pytest.fixture
def parts(settings: Settings) -> Iterator[Services]:
    made = Services(settings)
    made.start()
    yield made
    made.close()


def asked(parts: Services, crn: str, as_of: date | None = None) -> Document:
    return show(parts, crn=crn, as_of=as_of, setting=None, actor=ME)


def kept(parts: Services) -> int:
    with parts.database.read() as connection:
        return connection.execute(select(func.count()).select_from(suggestion_sets)).scalar_one()


def made(parts: Services) -> float:
    """How many sets has the service counted as made?"""
    lines = parts.metrics.text().decode().splitlines()
    return sum(
        float(line.rpartition(" ")[2]) for line in lines if line.startswith("signpost_suggestion_sets_total{")
    )


def test_nothing_is_worked_out_before_somebody_asks_and_a_set_is_kept_once(
    parts: Services, someone: str
) -> None:
    assert (made(parts), kept(parts)) == (0, 0)
    first = asked(parts, someone)
    assert (made(parts), kept(parts)) == (1, 1)
    assert asked(parts, someone) == first
    assert (made(parts), kept(parts)) == (1, 1)
    with parts.database.read() as connection:
        row = connection.execute(select(suggestion_sets)).one()
    assert unpack(row.content) == first
    assert (row.id, row.bundle_version) == (first["id"], first["bundleVersion"])
    assert orjson.loads(orjson.dumps(first)) == first


@pytest.mark.parametrize("bits", [15, 31], ids=["zlib", "gzip"])
def test_what_was_shown_is_answered_as_it_was_shown(parts: Services, someone: str, bits: int) -> None:
    """Also by a version of the service that would say it otherwise, and as earlier versions packed it."""
    before = asked(parts, someone)
    before["suggestions"][0]["name"] = "As it was called then"
    packing = zlib.compressobj(1, zlib.DEFLATED, bits)
    packed = packing.compress(orjson.dumps(before)) + packing.flush()
    with parts.database.write() as connection:
        connection.execute(update(suggestion_sets).values(content=packed))
    assert asked(parts, someone) == before
    held = content(parts, crn=someone, from_date=None, to_date=None, actor=ME)
    assert held is not None
    assert held["suggestionsShown"][0]["suggestions"] == before["suggestions"]


def _a_case_with_one_row_more(parts: Services, crn: str, _folder: Path) -> Services:
    with parts.database.read() as connection:
        found = case_store.find(connection, crn)
    assert found is not None
    tables = people.stored_tables(found.document)
    tables["contacts"].append({**tables["contacts"][-1], "kind": "PHONE"})
    people.put(parts, crn=crn, document={"crn": crn, **tables}, actor=ME)
    return parts


def _another_release(parts: Services, _crn: str, folder: Path) -> Services:
    assert parts.settings.bundle_folder is not None
    release = another_release(parts.settings.bundle_folder, folder / "release")
    return _started(but(parts.settings, bundle_folder=release))


def _the_next_day(parts: Services, _crn: str, _folder: Path) -> Services:
    day = parts.as_of(None) + timedelta(days=1)
    return _started(but(parts.settings, as_of=day.isoformat()))


def _another_directory(parts: Services, _crn: str, _folder: Path) -> Services:
    with parts.database.write() as connection:
        connection.execute(update(facts).where(facts.c.name == VERSION).values(value="another"))
    return parts


def _started(settings: Settings) -> Services:
    other = Services(settings)
    other.start()
    return other


CHANGES: list[Change] = [_a_case_with_one_row_more, _another_release, _the_next_day, _another_directory]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_after_any_change_it_is_another_question(
    parts: Services, someone: str, tmp_path: Path, change: Change
) -> None:
    first = asked(parts, someone)
    changed = change(parts, someone, tmp_path)
    second = asked(changed, someone)
    assert second["id"] != first["id"]
    assert kept(changed) == 2
    if changed is not parts:
        changed.close()


def test_who_is_erased_while_the_answer_is_worked_out_is_not_brought_back(
    parts: Services, someone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    suggest = suggestions.suggest

    def meanwhile(*given: object, **named: object) -> object:
        people.erase(parts, crn=someone, actor=ME)
        return suggest(*given, **named)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(suggestions, "suggest", meanwhile)
    with pytest.raises(ServiceError) as refused:
        asked(parts, someone)
    assert refused.value.status == 404
    assert kept(parts) == 0
    with parts.database.read() as connection:
        assert connection.execute(select(subjects).where(subjects.c.crn == someone)).all() == []
