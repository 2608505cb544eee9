"""`POST /v1/suggestion-sets/{id}/contest`, and its outcome: a person asks for it to be looked at again."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response, Security

from serving.auth import DECISIONS, Principal, requires
from serving.contests import conclude, contest
from serving.routes.common import Acting, StrictRoute, failures, json_response, leads_to
from serving.routes.decisions import IdempotencyKey
from serving.schemas.contests import ContestAnswer, ContestOutcomeQuestion, ContestQuestion
from serving.services import Parts
from serving.store.idempotency import once

router = APIRouter(route_class=StrictRoute, tags=["Decisions"])

Deciding = Annotated[Principal, Security(requires(DECISIONS))]


@router.post(
    "/v1/suggestion-sets/{id}/contest",
    operation_id="raiseContest",
    summary="Ask for suggestions to be looked at again",
    description=f"Gives a reference at once. Role: `{DECISIONS}`.",
    status_code=201,
    response_model=ContestAnswer,
    responses={
        201: leads_to(
            conclude=(
                "concludeContest",
                {"id": "$response.body#/suggestionSetId", "contestId": "$response.body#/id"},
            ),
            account=("getAccount", {"crn": "$response.body#/crn"}),
        ),
        **failures(401, 403, 404, 415, 422),
    },
)
def raise_contest(
    *,
    id: UUID,  # noqa: A002  the name in the path
    question: ContestQuestion,
    parts: Parts,
    principal: Deciding,
    actor: Acting,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Record it once."""
    del principal
    asked = once(
        who=actor.who, route=f"contest {id}", key=idempotency_key, body=question.model_dump(mode="json")
    )
    answer, repeated = contest(parts, set_id=str(id), question=question, actor=actor, once=asked)
    return json_response(answer, status=201, headers={"Idempotency-Replayed": "true"} if repeated else None)


@router.post(
    "/v1/suggestion-sets/{id}/contest/{contestId}/outcome",
    operation_id="concludeContest",
    summary="Answer a request to look again",
    description=f"By somebody other than the one who decided. Role: `{DECISIONS}`.",
    response_model=ContestAnswer,
    responses=failures(401, 403, 404, 409, 415, 422),
)
def conclude_contest(
    *,
    id: UUID,  # noqa: A002  the name in the path
    contestId: UUID,
    question: ContestOutcomeQuestion,
    parts: Parts,
    principal: Deciding,
    actor: Acting,
) -> Response:
    """Answer it once."""
    del principal
    return json_response(
        conclude(parts, set_id=str(id), contest_id=str(contestId), question=question, actor=actor)
    )
