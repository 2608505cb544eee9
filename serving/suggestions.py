"""One person's suggestions: answered by the scoring room and kept as they were shown.

The whole document is what is kept, what the screens are drawn from and what the API's answer is made of: there is
one account of what was said. Its id is a hash of everything that it depends on, so the same question about the same
records is the same set, and a set that was shown before is answered as it was shown
(docs/decisions/0802-the-id-of-a-suggestion-set.md). Nothing is worked out before somebody asks
(docs/decisions/0808-nothing-is-prepared.md).
"""

from __future__ import annotations

import hashlib
import uuid
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, insert, select

from features.case import Case
from scoring.bundle import Bundle
from scoring.suggestions import SuggestionSet, suggest
from serving.audit_log import Actor, Deed, append
from serving.errors import ServiceError, not_found
from serving.services import Services
from serving.store import cases as case_store
from serving.store.cases import StoredCase
from serving.store.directory import StoredDirectory
from serving.store.idempotency import Once, replay
from serving.store.tables import suggestion_sets
from serving.suggestion_document import Document, describe

NAMESPACE: Final = uuid.UUID("5f7f1a37-9be0-5c3a-8d4c-5a1e7d9c2f10")
COMPRESSION: Final = 1
"""The level at which sets are kept: the person at the screen waits for it."""
EITHER_HEADER: Final = 47
"""Sets are kept with zlib's header; some earlier versions kept them with gzip's."""


def open_case(services: Services, *, crn: str, user: str) -> StoredCase:
    """The case, if there is one and the user may open it.

    Raises:
        ServiceError: 404 for nobody, 403 LIMITED_ACCESS for a case closed to this user.
    """
    with services.database.scoring() as connection:
        return _opened(connection, crn=crn, user=user)


def _opened(connection: Connection, *, crn: str, user: str) -> StoredCase:
    found = case_store.find(connection, crn)
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


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What an answer depends on in addition to the case: the day, the setting asked about, and the versions that answer."""

    as_of: date
    setting: str | None
    bundle: Bundle | None
    catalogue_hash: str
    directory: StoredDirectory

    def set_id(self, case: StoredCase) -> str:
        """The id of the answer about this case: a hash of everything that it depends on."""
        identity = (
            case.crn,
            case.document_hash,
            self.as_of.isoformat(),
            self.setting or "",
            "" if self.bundle is None else self.bundle.version,
            self.catalogue_hash,
            self.directory.version,
        )
        return str(uuid.uuid5(NAMESPACE, "\n".join(identity)))


def show(services: Services, *, crn: str, as_of: date | None, setting: str | None, actor: Actor) -> Document:
    """What could help this person? The whole document, kept as it is shown, with who looked written down.

    Raises:
        ServiceError: 404, 403 as `open_case`; 422 for a day that no question can be asked about.
    """
    with services.database.scoring() as connection:
        case = _opened(connection, crn=crn, user=actor.who)
        given = Circumstances(
            as_of=services.as_of(as_of, connection),
            setting=setting,
            bundle=services.bundles.current,
            catalogue_hash=services.catalogue.hash,
            directory=services.directory(connection),
        )
        set_id = given.set_id(case)
        before = kept(connection, set_id)
    document = before[1] if before is not None else _answered(services, case, given)
    content = b"" if before is not None else pack(document)
    with services.database.note() as connection:
        if not case_store.there(connection, crn):
            raise not_found("person")  # erased or merged meanwhile: nothing more is kept about them
        append(
            connection,
            services.database,
            deed=Deed.CONSULTATION,
            action="SUGGESTIONS_VIEWED",
            actor=actor,
            at=services.now(),
            crn=crn,
            details={"suggestionSetId": set_id, "asOf": given.as_of.isoformat()},
        )
        if before is None:
            _keep(
                connection,
                document=document,
                content=content,
                case=case,
                given=given,
                at=services.now(),
                who=actor.who,
            )
    return document


def _answered(services: Services, case: StoredCase, given: Circumstances) -> Document:
    """The answer about a stored case, worked out now."""
    with services.tracing.step("suggest"):
        answer = suggest(
            case.read(),
            as_of=given.as_of,
            bundle=given.bundle,
            catalogue=services.catalogue,
            directory=given.directory.entries,
            setting=given.setting,
        )
    _count(services, answer)
    return describe(answer, key=given.set_id(case), crn=case.crn, case_hash=case.document_hash)


def _count(services: Services, answer: SuggestionSet) -> None:
    """Count what was said, and leave the inputs to be compared with those of training."""
    for advice, times in Counter(str(item.advice) for item in answer.suggestions).items():
        services.metrics.advice.labels(advice).inc(times)
    suggested = any(item.rank is not None for item in answer.suggestions)
    services.metrics.sets.labels("yes" if suggested else "no", "no" if answer.rule_only else "yes").inc()
    services.drift.offer(answer.inputs)


def show_for_document(
    services: Services,
    *,
    document: Mapping[str, Any],
    as_of: date | None,
    setting: str | None,
    actor: Actor,
) -> Document:
    """The same for a case sent in the body of a request; only that somebody asked is kept.

    Raises:
        UsageError: when a row belongs to another person than the case.
        ServiceError: 422 for a day that no question can be asked about.
    """
    case = Case.from_document(document)
    day = services.as_of(as_of)
    with services.database.scoring() as connection:
        directory = services.directory(connection)
    answer = suggest(
        case,
        as_of=day,
        bundle=services.bundles.current,
        catalogue=services.catalogue,
        directory=directory.entries,
        setting=setting,
    )
    _count(services, answer)
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


def _keep(
    connection: Connection,
    *,
    document: Document,
    content: bytes,
    case: StoredCase,
    given: Circumstances,
    at: datetime,
    who: str,
) -> None:
    """Keep a set as it is shown, unless somebody else was shown it at the same moment."""
    same = select(suggestion_sets.c.id).where(suggestion_sets.c.id == document["id"])
    if connection.execute(same).first() is not None:
        return
    connection.execute(
        insert(suggestion_sets).values(
            id=document["id"],
            crn=case.crn,
            as_of=given.as_of,
            setting=given.setting,
            case_version=case.version,
            case_hash=case.document_hash,
            bundle_version=document["bundleVersion"],
            spec_hash=document["specHash"],
            catalogue_hash=document["catalogueHash"],
            content=content,
            first_shown_at=at,
            first_shown_to=who,
        )
    )


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


def pack(document: Document) -> bytes:
    """A document as the store keeps it: its JSON, compressed."""
    return zlib.compress(orjson.dumps(document), COMPRESSION)


def unpack(content: bytes) -> Document:
    """The document that `pack` was given."""
    found: Document = orjson.loads(zlib.decompress(content, EITHER_HEADER))
    return found
