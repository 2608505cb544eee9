"""What comes in: whole cases, HMPPS domain events, and a request to erase."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Response, Security

from serving import events, people
from serving.auth import CASES, Principal, requires
from serving.routes.common import Acting, StrictRoute, failures, json_response, leads_to
from serving.schemas.base import Answer, Crn
from serving.schemas.case_document import KeptCase, plain
from serving.schemas.events import EventAnswer, EventQuestion
from serving.services import Parts

router = APIRouter(route_class=StrictRoute, tags=["Cases"])

Feeding = Annotated[Principal, Security(requires(CASES))]
KeptCaseBody = Annotated[
    KeptCase,
    Body(
        description="`{table: [row, …], …}` with the tables and columns of the data contract (snake_case, ISO "
        "dates); `protected`, one row, is kept apart",
        examples=[
            {
                "people": [
                    {"date_of_birth": "1990-05-17", "sex": "MALE", "region": "A", "known_on": "2026-01-05"}
                ]
            }
        ],
    ),
]


class CaseAnswer(Answer):
    """Which version of the case is kept now."""

    crn: str
    version: int


@router.put(
    "/v1/cases/{crn}",
    operation_id="putCase",
    summary="One case, whole",
    description=f"Replaces what is held; the same content again changes nothing. Role: `{CASES}`.",
    response_model=CaseAnswer,
    responses={
        200: leads_to(
            suggestions=("getSuggestions", {"crn": "$response.body#/crn"}),
            account=("getAccount", {"crn": "$response.body#/crn"}),
            everything=("getSubjectAccess", {"crn": "$response.body#/crn"}),
            erase=("eraseCase", {"crn": "$response.body#/crn"}),
        ),
        **failures(401, 403, 409, 415, 422),
    },
)
def put_case(
    *, crn: Crn, document: KeptCaseBody, parts: Parts, principal: Feeding, actor: Acting
) -> Response:
    """Keep it."""
    del principal
    version = people.put(parts, crn=crn, document=plain(document), actor=actor)
    return json_response({"crn": crn, "version": version})


@router.delete(
    "/v1/cases/{crn}",
    operation_id="eraseCase",
    summary="Erase a person",
    description=f"Everything goes; the audit log still says that it happened, but not to which person. Role: `{CASES}`.",
    status_code=204,
    responses=failures(401, 403, 404, 422),
)
def erase_case(*, crn: Crn, parts: Parts, principal: Feeding, actor: Acting) -> Response:
    """Erase it."""
    del principal
    people.erase(parts, crn=crn, actor=actor)
    return Response(status_code=204)


@router.post(
    "/v1/events",
    operation_id="receiveEvent",
    summary="An HMPPS domain event",
    description=f"In any order, late or repeated: each counts once. Rows of the contract's tables may come in "
    f"`additionalInformation.records`. Role: `{CASES}`.",
    status_code=202,
    response_model=EventAnswer,
    responses=failures(401, 403, 409, 415, 422),
)
def receive_event(*, event: EventQuestion, parts: Parts, principal: Feeding, actor: Acting) -> Response:
    """Apply it."""
    del principal
    return json_response({"result": events.receive(parts, event=event, actor=actor)}, status=202)
