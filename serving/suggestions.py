"""One person's suggestions: asked for, answered from the store or by the scoring room, kept as they were shown.

The document made here is what the API answers, what the screens are drawn from and what is kept: there is
one account of what was said. Its id is a hash of everything that it depends on, so the same question about
the same records gives the same set, and a second look at it is not a second set. For the same reason an answer
that was worked out ahead (ahead.py) is found by its id: under another id it is the answer to another question.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeVar

import orjson
from sqlalchemy import Connection, bindparam, insert, select

from features.case import Case
from scoring.bundle import Bundle
from scoring.suggestions import SuggestionSet, suggest
from serving.audit_log import Actor, Deed, append
from serving.describing import Document, describe
from serving.errors import ServiceError, not_found
from serving.recent import Shown, packed, unpacked
from serving.services import Services
from serving.store import cases as case_store
from serving.store import prepared
from serving.store.cases import CaseHead, StoredCase
from serving.store.directory import Directory
from serving.store.idempotency import Once, replay
from serving.store.tables import suggestion_sets

NAMESPACE: Final = uuid.UUID("5f7f1a37-9be0-5c3a-8d4c-5a1e7d9c2f10")
AT_ONCE: Final = 1
"""How hard the answer is compressed that somebody waits for."""

Found = TypeVar("Found", bound=CaseHead)

# Built once: they are part of every answer.
_THERE: Final = select(suggestion_sets.c.id).where(suggestion_sets.c.id == bindparam("id"))
_SHOWN: Final = insert(suggestion_sets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a set depends on beside the case: a day, a setting, and the versions that answer."""

    as_of: date
    setting: str | None
    bundle: Bundle | None
    directory: Directory

    def set_id(self, services: Services, case: CaseHead) -> str:
        """The id of the answer about this case: a hash of everything that it depends on."""
        identity = "\n".join(
            (
                case.crn,
                case.document_hash,
                self.as_of.isoformat(),
                self.setting or "",
                "" if self.bundle is None else self.bundle.version,
                services.catalogue.hash,
                self.directory.version,
            )
        )
        return str(uuid.uuid5(NAMESPACE, identity))

    def stamp(self, services: Services) -> str | None:
        """For which day and versions, the service's own among them, an answer holds that is worked out ahead.

        None as long as the service does not know its own version, and for a question that nothing is worked out for.
        """
        if services.maker is None or self.setting is not None:
            return None
        parts = (
            self.as_of.isoformat(),
            "" if self.bundle is None else self.bundle.version,
            services.catalogue.hash,
            self.directory.version,
            services.maker,
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def open_case(services: Services, *, crn: str, user: str) -> StoredCase:
    """The case, if there is one and the user may open it.

    Raises:
        ServiceError: 404 for nobody, 403 LIMITED_ACCESS for a case closed to this user.
    """
    with services.database.scoring() as connection:
        return _opened(case_store.find(connection, crn), user)


def _opened(found: Found | None, user: str) -> Found:
    if found is None:
        raise not_found("person")
    if found.closed_to(user):
        raise ServiceError(
            status=403,
            code="LIMITED_ACCESS",
            user="You cannot open this person's record: access to it is limited.",
            developer="The case excludes this user, or is restricted to others.",
        )
    return found


def show(services: Services, *, crn: str, as_of: date | None, setting: str | None, actor: Actor) -> Shown:
    """Answer one question, keep the set as it was shown, and write down who looked.

    Raises:
        ServiceError: 404, 403 as `open_case`.
    """
    case, question, shown = _answered(services, crn=crn, as_of=as_of, setting=setting, user=actor.who)
    with services.database.note() as connection:
        _keep(connection, services, case=case, question=question, shown=shown, actor=actor)
        append(
            connection,
            services.database,
            deed=Deed.CONSULTATION,
            action="SUGGESTIONS_VIEWED",
            actor=actor,
            at=services.now(),
            crn=crn,
            details={"suggestionSetId": shown.id, "asOf": question.as_of.isoformat()},
        )
    return shown


def _answered(
    services: Services, *, crn: str, as_of: date | None, setting: str | None, user: str
) -> tuple[CaseHead, Question, Shown]:
    """The answer from memory, else from the store, else worked out now."""
    with services.database.scoring() as connection:
        head = _opened(case_store.head(connection, crn), user)
        question = Question(
            as_of=services.as_of(as_of, connection),
            setting=setting,
            bundle=services.bundles.current,
            directory=services.directory(connection),
        )
        set_id = question.set_id(services, head)
        shown = services.recent.get(set_id)
        if shown is not None:
            services.metrics.answers.labels("memory").inc()
            return head, question, shown
        held = prepared.find(connection, crn=crn, set_id=set_id, stamp=question.stamp(services))
        case = None if held is not None else _opened(case_store.find(connection, crn), user)
    if held is not None:
        if held.told is not None:
            count(services, Told.unpacked(held.told))
        services.metrics.answers.labels("shown before" if held.told is None else "ahead").inc()
        shown = Shown(
            id=set_id,
            bundle_version=held.bundle_version,
            spec_hash=held.spec_hash,
            catalogue_hash=held.catalogue_hash,
            packed=held.content,
        )
        services.recent.put(shown)
        return head, question, shown
    assert case is not None
    with services.tracing.step("suggest"):
        shown, told = make(services, case=case, question=question)
    services.metrics.answers.labels("now").inc()
    count(services, told)
    services.recent.put(shown)
    return case, question, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is counted of an answer when somebody is first given it."""

    advice: Mapping[str, int]
    suggested: bool
    models: bool
    inputs: Mapping[str, object]

    def packed(self) -> bytes:
        """As the store keeps it."""
        content = {
            "advice": self.advice,
            "suggested": self.suggested,
            "models": self.models,
            "inputs": self.inputs,
        }
        return orjson.dumps(content)

    @classmethod
    def unpacked(cls, content: bytes) -> Told:
        """What `packed` gave."""
        return cls(**orjson.loads(content))


def make(
    services: Services, *, case: StoredCase, question: Question, level: int = AT_ONCE
) -> tuple[Shown, Told]:
    """What is said about every intervention for this case; nothing is kept, remembered or counted.

    `level` is how hard the document is compressed.
    """
    directory, day = question.directory, question.as_of
    # One after the other: two at once on one core would both come late.
    with services.turn:
        answer = suggest(
            case.read(),
            as_of=day,
            bundle=question.bundle,
            catalogue=services.catalogue,
            directory=directory.near(pdu=case.pdu, region=case.region, as_of=day),
            travel=directory.travel(case.pdu),
            setting=question.setting,
        )
    set_id = question.set_id(services, case)
    content = orjson.dumps(describe(answer, key=set_id, crn=case.crn, case_hash=case.document_hash))
    shown = Shown(
        id=set_id,
        bundle_version=answer.bundle_version,
        spec_hash=answer.spec_hash,
        catalogue_hash=answer.catalogue_hash,
        packed=packed(content, level=level),
        plain=content,
    )
    return shown, told_of(answer)


def told_of(answer: SuggestionSet) -> Told:
    """What is counted of an answer."""
    return Told(
        advice=Counter(str(item.advice) for item in answer.suggestions),
        suggested=any(item.rank is not None for item in answer.suggestions),
        models=not answer.rule_only,
        inputs=answer.inputs,
    )


def count(services: Services, told: Told) -> None:
    """Count an answer that somebody is given for the first time, and leave its inputs to be looked at."""
    for advice, times in told.advice.items():
        services.metrics.advice.labels(advice).inc(times)
    services.metrics.sets.labels("yes" if told.suggested else "no", "yes" if told.models else "no").inc()
    services.drift.offer(told.inputs)


def show_for_document(
    services: Services,
    *,
    document: Mapping[str, Any],
    as_of: date | None,
    setting: str | None,
    actor: Actor,
) -> Document:
    """The same for a case sent in the body of a request; only that it was asked is kept.

    Raises:
        UsageError: when a row belongs to another person than the case.
        ServiceError: 422 for a day that no question can be asked about.
    """
    case = Case.from_document(document)
    person = max(case.tables["people"], key=lambda row: str(row.get("known_on") or ""), default={})
    pdu, region = (_text(person.get(name)) for name in ("pdu", "region"))
    day = services.as_of(as_of)
    with services.database.scoring() as connection:
        directory = services.directory(connection)
    answer = suggest(
        case,
        as_of=day,
        bundle=services.bundles.current,
        catalogue=services.catalogue,
        directory=directory.near(pdu=pdu, region=region, as_of=day),
        travel=directory.travel(pdu),
        setting=setting,
    )
    count(services, told_of(answer))
    with services.database.note() as connection:
        append(
            connection,
            services.database,
            deed=Deed.CONSULTATION,
            action="SUGGESTIONS_ASKED",
            actor=actor,
            at=services.now(),
            details={"asOf": day.isoformat()},
        )
    digest = hashlib.sha256(orjson.dumps(case.to_document())).hexdigest()
    key = str(uuid.uuid5(NAMESPACE, f"{digest} {day.isoformat()} {setting} {answer.bundle_version}"))
    return describe(answer, key=key, crn=None, case_hash=digest)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _keep(
    connection: Connection,
    services: Services,
    *,
    case: CaseHead,
    question: Question,
    shown: Shown,
    actor: Actor,
) -> None:
    if connection.execute(_THERE, {"id": shown.id}).first() is not None:
        return
    row = {
        "id": shown.id,
        "crn": case.crn,
        "as_of": question.as_of,
        "setting": question.setting,
        "case_version": case.version,
        "case_hash": case.document_hash,
        "bundle_version": shown.bundle_version,
        "spec_hash": shown.spec_hash,
        "catalogue_hash": shown.catalogue_hash,
        "content": shown.packed,
        "first_shown_at": services.now(),
        "first_shown_to": actor.who,
    }
    connection.execute(_SHOWN, row)


def kept(connection: Connection, set_id: str) -> tuple[str, Document] | None:
    """The CRN and the document of a set that was shown, or None."""
    row = connection.execute(
        select(suggestion_sets.c.crn, suggestion_sets.c.content).where(suggestion_sets.c.id == set_id)
    ).first()
    return None if row is None else (row.crn, unpack(row.content))


def open_set(
    services: Services, *, set_id: str, user: str, once: Once
) -> tuple[Document | None, tuple[str, Document]]:
    """What was answered to the same request before (None: nothing), else the CRN and document of an open set.

    Raises:
        ServiceError: 404 for an unknown set, 403 for a limited case; neither for a request answered before.
    """
    with services.database.read() as connection:
        before = replay(connection, once)
        if before is not None:
            return before, ("", {})
        found = kept(connection, set_id)
    if found is None:
        raise not_found("suggestion set")
    open_case(services, crn=found[0], user=user)
    return None, found


def unpack(content: bytes) -> Document:
    """The document of a set from the store's bytes (its JSON, compressed)."""
    found: Document = orjson.loads(unpacked(content))
    return found
