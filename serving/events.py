"""What do HMPPS domain events change here? They may come in any order, late or twice.

An event is known by its message id, or else by its content, and counts once. Events for a CRN that was merged
go to the person it was merged into. An event may bring the records it is about, as rows of the contract's
tables; without them it is noted, and the case system sends the case. An event about somebody who was erased, whenever it
comes, is acknowledged and dropped.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from pydantic import ValidationError
from sqlalchemy import Connection, insert, select

from serving import people
from serving.audit_log import Actor, Deed, append
from serving.errors import ServiceError, invalid, validation_errors
from serving.flag_register import refresh_person
from serving.schemas.base import CRN_PATTERN
from serving.schemas.case_document import CaseTables, plain, refuse_protected
from serving.schemas.events import EventQuestion
from serving.services import Services
from serving.store import erased
from serving.store.tables import events_received

MERGED: Final = "probation-case.merge.completed"
UNMERGED: Final = "probation-case.unmerge.completed"
ERASED: Final = "probation-case.deleted.gdpr"
# Events that may bring rows, by the beginning of their type (`DOMAIN_EVENTS` in docs/sources.md).
BRINGING: Final = (
    "probation-case.requirement.",
    "probation-case.licence-condition.",
    "probation-case.registration.",
    "probation-case.sentence.",
    "probation-case.engagement.",
    "risk-assessment.scores.",
    "assessment.summary.produced",
    "enforcement.",
    "tier.calculation.",
    "intervention",
    "accredited-programmes",
)


def receive(services: Services, *, event: EventQuestion, actor: Actor) -> str:
    """Apply an event once, and say in a word what it did.

    APPLIED, UNCHANGED (nothing new in it), REPEATED, IGNORED (not a type we use), DROPPED (of somebody who was erased).

    Raises:
        UsageError: when a row belongs to another person than the event.
        ServiceError: 422 when it lacks what its type needs, or its records break the contract.
    """
    key = event_key(event)
    touched: str | None = None
    with services.database.write() as connection:
        seen = connection.execute(select(events_received.c.id).where(events_received.c.id == key)).first()
        if seen is not None:
            return "REPEATED"
        result, touched = _apply(connection, services, event, actor)
        connection.execute(
            insert(events_received).values(
                id=key, event_type=event.event_type[:120], received_at=services.now(), result=result
            )
        )
    if event.event_type == ERASED:
        services.database.scrub()
    if touched is not None:
        refresh_person(services, touched)
    return result


def event_key(event: EventQuestion) -> str:
    """What makes an event the same as an earlier one: its own id, else everything in it."""
    information = event.additional_information
    own = information.get("eventId") or information.get("messageId")
    if isinstance(own, str) and own:
        return hashlib.sha256(f"{event.event_type}\n{own}".encode()).hexdigest()
    return hashlib.sha256(
        orjson.dumps(event.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    ).hexdigest()


def _apply(
    connection: Connection, services: Services, event: EventQuestion, actor: Actor
) -> tuple[str, str | None]:
    information = event.additional_information
    if event.event_type == MERGED:
        source, target = _crn(information, "sourceCRN"), _crn(information, "targetCRN")
        done = people.merge(
            connection, services, source=source, target=target, actor=actor, occurred_at=_moment(event)
        )
        return _result(done), target if done else None
    if event.event_type == UNMERGED:
        source, target = _crn(information, "reactivatedCRN"), _crn(information, "unmergedCRN")
        done = people.unmerge(
            connection, services, source=source, target=target, actor=actor, occurred_at=_moment(event)
        )
        return _result(done), None
    if event.event_type == ERASED:
        at = _moment(event) or services.now()
        return _result(people.erase_in(connection, services, crn=event.crn(), actor=actor, at=at)), None
    if not event.event_type.startswith(BRINGING):
        return "IGNORED", None
    if information.get("records") is None:
        return "UNCHANGED", None
    return _bring(connection, services, event, actor)


def _bring(
    connection: Connection, services: Services, event: EventQuestion, actor: Actor
) -> tuple[str, str | None]:
    """Take in the rows that an event brings."""
    rows = _records(event.additional_information["records"])
    if erased.when(connection, event.crn()) is not None:
        _drop(connection, services, event, actor)
        return "DROPPED", None
    crn = people.merged_into(connection, event.crn()) or event.crn()
    new = people.add_rows(connection, services, crn=crn, rows=rows, actor=actor)
    return _result(new), crn if new else None


def _drop(connection: Connection, services: Services, event: EventQuestion, actor: Actor) -> None:
    """Late word of somebody who was erased: that it came is written down, and nothing of what it said."""
    append(
        connection,
        services.database,
        deed=Deed.ERASURE,
        action="LATE_EVENT_DROPPED",
        actor=actor,
        at=services.now(),
        details={"eventType": event.event_type},
    )


def _moment(event: EventQuestion) -> datetime | None:
    """When it happened, in a time zone: UTC where the sender names none."""
    found = event.occurred_at
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def _records(sent: object) -> Mapping[str, Any]:
    """The rows of an event, held against the contract as a case's are.

    Raises:
        ServiceError: 422, naming places and never values.
    """
    refuse_protected(sent)
    try:
        return plain(CaseTables.model_validate(sent))
    except ValidationError as error:
        found = [
            {**line, "loc": ("additionalInformation", "records", *line["loc"])} for line in error.errors()
        ]
        raise invalid(validation_errors(found)) from error


def _result(changed: bool) -> str:  # noqa: FBT001  a word for a yes or no
    return "APPLIED" if changed else "UNCHANGED"


def _crn(information: Mapping[str, Any], name: str) -> str:
    found = information.get(name)
    if isinstance(found, str) and re.fullmatch(CRN_PATTERN, found):
        return found
    raise _missing(f"additionalInformation.{name}")


def _missing(field: str) -> ServiceError:
    return invalid([{"field": field, "type": "missing", "message": "A CRN is needed here"}])
