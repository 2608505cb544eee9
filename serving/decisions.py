"""What was decided: recorded once, with its reason and the suggestions as they were shown."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from serving.audit_log import Actor, Deed, append
from serving.errors import ServiceError
from serving.outbox import announce
from serving.reasons import Action, label
from serving.schemas.decisions import DecisionQuestion
from serving.services import Services
from serving.store.idempotency import Once, keep, replay
from serving.store.tables import decisions
from serving.suggestions import open_set

INTENSITY: Final = {"LOW": 1, "MODERATE": 2, "HIGH": 3}


def decide(
    services: Services, *, set_id: str, question: DecisionQuestion, actor: Actor, once: Once
) -> tuple[dict[str, Any], bool]:
    """Record a decision; the decision as kept, and whether it had been recorded before.

    It is on disk when this returns. The same request again gives the same answer and changes nothing.

    Raises:
        ServiceError: 404 for an unknown set, 403 for a limited case, 422 for an intervention that the set
            does not name, or a key used for something else.
    """
    before, shown = open_set(services, set_id=set_id, user=actor.who, once=once)
    if before is not None:
        return before, True
    crn, document = shown
    _check(question, document)
    direction = direction_of(services, question, document)
    try:
        with services.database.write() as connection:
            before = replay(connection, once)
            if before is not None:
                return before, True
            answer = _record(
                connection,
                services,
                set_id=set_id,
                crn=crn,
                question=question,
                direction=direction,
                actor=actor,
            )
            keep(connection, once, response=answer, crn=crn, at=services.now())
    except IntegrityError:
        with services.database.read() as connection:
            before = replay(connection, once)
        if before is None:
            raise
        return before, True
    services.metrics.decisions.labels(str(question.action), direction).inc()
    return answer, False


def _check(question: DecisionQuestion, document: Mapping[str, Any]) -> None:
    if question.intervention_id is None:
        return
    by_id = {item["interventionId"]: item for item in document["suggestions"]}
    item = by_id.get(question.intervention_id)
    if item is None:
        raise ServiceError(
            status=422,
            code="INTERVENTION_NOT_IN_SET",
            user="That intervention is not one of those that were shown.",
        )
    if question.action is Action.ACCEPTED and item["rank"] is None:
        raise ServiceError(
            status=422,
            code="INTERVENTION_NOT_SUGGESTED",
            user="That intervention was not suggested; choosing it is a departure.",
            developer="ACCEPTED is for an intervention with a rank; send DEPARTED.",
        )


def direction_of(services: Services, question: DecisionQuestion, document: Mapping[str, Any]) -> str:
    """Did the decision go towards more or less intensive work than the first suggestion?

    One of AS_SUGGESTED, MORE_INTENSIVE, LESS_INTENSIVE, SAME_INTENSITY, NOT_COMPARABLE.
    """
    if question.action is Action.ACCEPTED:
        return "AS_SUGGESTED"
    ranked = sorted(
        (item for item in document["suggestions"] if item["rank"] is not None), key=lambda item: item["rank"]
    )
    if not ranked:
        return "NOT_COMPARABLE"
    intensities = {
        item.id: INTENSITY.get(str(item.intensity), 0) for item in services.catalogue.interventions
    }
    first = intensities.get(ranked[0]["interventionId"], 0)
    chosen = 0 if question.intervention_id is None else intensities.get(question.intervention_id, 0)
    if question.intervention_id is None or chosen < first:
        return "LESS_INTENSIVE"
    return "MORE_INTENSIVE" if chosen > first else "SAME_INTENSITY"


def _record(
    connection: Connection,
    services: Services,
    *,
    set_id: str,
    crn: str,
    question: DecisionQuestion,
    direction: str,
    actor: Actor,
) -> dict[str, Any]:
    at = services.now()
    row = {
        "id": str(uuid.uuid4()),
        "suggestion_set_id": set_id,
        "crn": crn,
        "decided_at": at,
        "decided_by": actor.who,
        "action": str(question.action),
        "intervention_id": question.intervention_id,
        "reason_code": question.reason_code,
        "own_words": question.own_words or None,
        "own_view": question.own_view or None,
        "direction": direction,
    }
    connection.execute(insert(decisions).values(**row))
    append(
        connection,
        services.database,
        deed=Deed.COLLECTION,
        action="DECISION_RECORDED",
        actor=actor,
        at=at,
        crn=crn,
        details={"decisionId": row["id"], "suggestionSetId": set_id, "action": row["action"]},
    )
    announce(
        connection,
        event_type="signpost.decision.recorded",
        description="A practitioner recorded a decision on suggested interventions",
        crn=crn,
        at=at,
        information={"decisionId": row["id"], "suggestionSetId": set_id, "action": row["action"]},
    )
    return as_answer(row)


def as_answer(row: Mapping[str, Any]) -> dict[str, Any]:
    """A stored decision as the API gives it (serving.schemas.decisions.DecisionAnswer)."""
    return {
        "id": row["id"],
        "suggestionSetId": row["suggestion_set_id"],
        "crn": row["crn"],
        "decidedAt": row["decided_at"].isoformat(timespec="milliseconds"),
        "decidedBy": row["decided_by"],
        "action": row["action"],
        "interventionId": row["intervention_id"],
        "reasonCode": row["reason_code"],
        "reason": label(row["action"], row["reason_code"]),
        "ownWords": row["own_words"],
        "ownView": row["own_view"],
        "direction": row["direction"],
    }


def of_person(connection: Connection, crn: str) -> list[dict[str, Any]]:
    """Every decision about a person, newest first."""
    rows = connection.execute(
        select(decisions)
        .where(decisions.c.crn == crn)
        .order_by(decisions.c.decided_at.desc(), decisions.c.id)
    )
    return [as_answer(dict(row)) for row in rows.mappings()]
