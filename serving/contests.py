"""A person asks for their suggestions to be looked at again: a reference at once, an answer by somebody else later."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from serving.audit_log import Actor, Deed, append
from serving.errors import ServiceError, conflict, not_found
from serving.outbox import announce
from serving.schemas.contests import ContestOutcomeQuestion, ContestQuestion
from serving.services import Services
from serving.store.idempotency import Once, keep, replay
from serving.store.tables import contests, decisions
from serving.suggestions import open_case, open_set

# Read over the telephone: no letters that sound or look alike.
LETTERS: Final = "23456789CDFGHJKMNPRTVWXY"


def new_reference() -> str:
    """A reference that a person can be given, such as SP-7K4M-WC2T."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(8))
    return f"SP-{letters[:4]}-{letters[4:]}"


def contest(
    services: Services, *, set_id: str, question: ContestQuestion, actor: Actor, once: Once
) -> tuple[dict[str, Any], bool]:
    """Record a request to look again; the request as kept, and whether it had been recorded before.

    Raises:
        ServiceError: 404 for an unknown set, 403 for a limited case.
    """
    before, shown = open_set(services, set_id=set_id, user=actor.who, once=once)
    if before is not None:
        return before, True
    crn, _ = shown
    at = services.now()
    row = {
        "id": str(uuid.uuid4()),
        "reference": new_reference(),
        "suggestion_set_id": set_id,
        "crn": crn,
        "raised_at": at,
        "raised_by": actor.who,
        "grounds": question.grounds,
        "outcome": None,
        "outcome_words": None,
        "concluded_at": None,
        "concluded_by": None,
    }
    answer = as_answer(row)
    try:
        with services.database.write() as connection:
            before = replay(connection, once)
            if before is not None:
                return before, True
            connection.execute(insert(contests).values(**row))
            append(
                connection,
                services.database,
                deed=Deed.COLLECTION,
                action="CONTEST_RAISED",
                actor=actor,
                at=at,
                crn=crn,
                details={"contestId": row["id"], "suggestionSetId": set_id},
            )
            announce(
                connection,
                event_type="signpost.contest.raised",
                description="Suggested interventions are to be looked at again",
                crn=crn,
                at=at,
                information={"contestId": row["id"], "suggestionSetId": set_id},
            )
            keep(connection, once, response=answer, crn=crn, at=at)
    except IntegrityError:
        with services.database.read() as connection:
            before = replay(connection, once)
        if before is None:
            raise
        return before, True
    services.metrics.contests.inc()
    return answer, False


def conclude(
    services: Services, *, set_id: str, contest_id: str, question: ContestOutcomeQuestion, actor: Actor
) -> dict[str, Any]:
    """Answer a request. The answer again, unchanged, is the same answer.

    Raises:
        ServiceError: 404; 403 for a limited case; 409 when it was answered otherwise, or when the one who
            answers is the one whose decision is questioned.
    """
    with services.database.read() as connection:
        crn = connection.execute(
            select(contests.c.crn).where(contests.c.id == contest_id, contests.c.suggestion_set_id == set_id)
        ).scalar()
    if crn is None:
        raise not_found("request to look again")
    open_case(services, crn=crn, user=actor.who)
    with services.database.write() as connection:
        row = dict(connection.execute(select(contests).where(contests.c.id == contest_id)).mappings().one())
        if row["outcome"] is not None:
            same = row["outcome"] == question.outcome and row["outcome_words"] == question.explanation
            if same and row["concluded_by"] == actor.who:
                return as_answer(row)
            raise conflict("CONTEST_CONCLUDED", "This request has been answered already.")
        _somebody_else(connection, set_id, actor)
        at = services.now()
        changed = {
            "outcome": str(question.outcome),
            "outcome_words": question.explanation,
            "concluded_at": at,
            "concluded_by": actor.who,
        }
        connection.execute(update(contests).where(contests.c.id == contest_id).values(**changed))
        append(
            connection,
            services.database,
            deed=Deed.ALTERATION,
            action="CONTEST_CONCLUDED",
            actor=actor,
            at=at,
            crn=crn,
            details={"contestId": contest_id, "outcome": changed["outcome"]},
        )
        announce(
            connection,
            event_type="signpost.contest.concluded",
            description="A request to look again was answered",
            crn=crn,
            at=at,
            information={"contestId": contest_id, "outcome": changed["outcome"]},
        )
        return as_answer({**row, **changed})


def _somebody_else(connection: Connection, set_id: str, actor: Actor) -> None:
    """Meaningful review: nobody reviews their own decision."""
    mine = connection.execute(
        select(decisions.c.id).where(
            decisions.c.suggestion_set_id == set_id, decisions.c.decided_by == actor.who
        )
    ).first()
    if mine is not None:
        raise ServiceError(
            status=409,
            code="CONTEST_NEEDS_ANOTHER_PERSON",
            user="Somebody other than the one who decided has to answer this.",
        )


def as_answer(row: Mapping[str, Any]) -> dict[str, Any]:
    """A stored request as the API gives it (serving.schemas.contests.ContestAnswer)."""
    concluded = row["concluded_at"]
    return {
        "id": row["id"],
        "reference": row["reference"],
        "suggestionSetId": row["suggestion_set_id"],
        "crn": row["crn"],
        "raisedAt": row["raised_at"].isoformat(timespec="milliseconds"),
        "raisedBy": row["raised_by"],
        "grounds": row["grounds"],
        "outcome": row["outcome"],
        "explanation": row["outcome_words"],
        "concludedAt": None if concluded is None else concluded.isoformat(timespec="milliseconds"),
        "concludedBy": row["concluded_by"],
    }


def of_person(connection: Connection, crn: str) -> list[dict[str, Any]]:
    """Every request about a person, newest first."""
    rows = connection.execute(
        select(contests).where(contests.c.crn == crn).order_by(contests.c.raised_at.desc(), contests.c.id)
    )
    return [as_answer(dict(row)) for row in rows.mappings()]
