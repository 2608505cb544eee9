"""`POST /v1/suggestion-sets/{id}/decision`: accept, depart, or choose none; each with a reason."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Response, Security

from serving.auth import DECISIONS, Principal, requires
from serving.decisions import decide
from serving.routes.common import Acting, StrictRoute, failures, json_response, leads_to
from serving.schemas.decisions import DecisionAnswer, DecisionQuestion
from serving.services import Parts
from serving.store.idempotency import once

router = APIRouter(route_class=StrictRoute, tags=["Decisions"])

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Your own key for this request: sent again, it gives the same answer and changes nothing",
    ),
]


@router.post(
    "/v1/suggestion-sets/{id}/decision",
    operation_id="recordDecision",
    summary="Record what was decided",
    description=f"Role: `{DECISIONS}`. The decision is safe on disk when the answer arrives.",
    status_code=201,
    response_model=DecisionAnswer,
    responses={
        201: leads_to(
            account=("getAccount", {"crn": "$response.body#/crn"}),
            lookAgain=("raiseContest", {"id": "$response.body#/suggestionSetId"}),
        ),
        **failures(401, 403, 404, 415, 422),
    },
)
def record_decision(
    *,
    id: UUID,  # noqa: A002  the name in the path
    question: DecisionQuestion,
    parts: Parts,
    principal: Annotated[Principal, Security(requires(DECISIONS))],
    actor: Acting,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Record it once."""
    del principal
    asked = once(
        who=actor.who,
        route=f"decision {id}",
        key=idempotency_key,
        body=question.model_dump(mode="json"),
    )
    answer, repeated = decide(parts, set_id=str(id), question=question, actor=actor, once=asked)
    headers = {"Idempotency-Replayed": "true"} if repeated else None
    return json_response(answer, status=201, headers=headers)
