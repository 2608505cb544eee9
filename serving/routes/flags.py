"""In-flight risk of a referral, open flags and prompts of a caseload, and what was done about them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response, Security

from serving import completion_risk as risks
from serving import flag_register
from serving.auth import DECISIONS, FLAGS, Principal, requires
from serving.routes.common import (
    Acting,
    PageNumber,
    PageSize,
    StrictRoute,
    as_page,
    failures,
    json_response,
    leads_to,
)
from serving.routes.decisions import IdempotencyKey
from serving.schemas.flags import FlagAnswer, ResponseAnswer, ResponseQuestion, RiskAnswer
from serving.schemas.pages import Page
from serving.services import Parts
from serving.store.idempotency import once

router = APIRouter(route_class=StrictRoute, tags=["Flags"])

Reading = Annotated[Principal, Security(requires(FLAGS))]
Filter = Annotated[str | None, Query(min_length=1, max_length=240, pattern=r"^[^\x00-\x1f\x7f]*$")]


@router.get(
    "/v1/referrals/{id}/completion-risk",
    operation_id="getCompletionRisk",
    summary="In-flight risk of an open referral",
    description=f"A reason to offer support, never to withhold. Role: `{FLAGS}`.",
    response_model=RiskAnswer,
    responses=failures(401, 403, 404, 422),
)
def completion_risk(
    *,
    id: Annotated[str, Path(min_length=1, max_length=120, pattern=r"^[A-Za-z0-9_.-]+$")],  # noqa: A002  the name in the path
    parts: Parts,
    principal: Reading,
    actor: Acting,
) -> Response:
    """By horizon, with reasons."""
    del principal
    return json_response(risks.completion_risk(parts, referral_id=id, actor=actor))


@router.get(
    "/v1/flags",
    operation_id="getFlags",
    summary="Open flags and prompts",
    description=f"Role: `{FLAGS}`.",
    response_model=Page[FlagAnswer],
    responses={
        200: leads_to(
            respond=("respondToFlag", {"id": "$response.body#/content/0/id"}),
            risk=("getCompletionRisk", {"id": "$response.body#/content/0/referralId"}),
            suggestions=("getSuggestions", {"crn": "$response.body#/content/0/crn"}),
        ),
        **failures(401, 403, 422),
    },
)
def get_flags(
    *,
    parts: Parts,
    principal: Reading,
    actor: Acting,
    practitioner: Filter = None,
    team: Filter = None,
    pdu: Filter = None,
    page: PageNumber = 0,
    size: PageSize = 50,
) -> Response:
    """A page, newest first."""
    del principal
    found, total = flag_register.page(
        parts, practitioner=practitioner, team=team, pdu=pdu, number=page, size=size, actor=actor
    )
    return json_response(as_page(found, total=total, number=page, size=size))


@router.post(
    "/v1/flags/{id}/response",
    operation_id="respondToFlag",
    summary="What was done about a flag",
    description=f"Role: `{DECISIONS}`.",
    status_code=201,
    response_model=ResponseAnswer,
    responses=failures(401, 403, 404, 415, 422),
)
def respond(
    *,
    id: UUID,  # noqa: A002  the name in the path
    question: ResponseQuestion,
    parts: Parts,
    principal: Annotated[Principal, Security(requires(DECISIONS))],
    actor: Acting,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Record it once."""
    del principal
    asked = once(
        who=actor.who, route=f"flag {id}", key=idempotency_key, body=question.model_dump(mode="json")
    )
    answer, repeated = flag_register.respond(
        parts, flag_id=str(id), question=question, actor=actor, once=asked
    )
    return json_response(answer, status=201, headers={"Idempotency-Replayed": "true"} if repeated else None)
