"""`GET /v1/people/{crn}/suggestions`: what could help this person, why, and how sure that is."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Response, Security

from serving.auth import SUGGESTIONS, Principal, requires
from serving.routes.common import Acting, StrictRoute, failures, json_response, leads_to
from serving.schemas.base import Crn
from serving.schemas.case_document import SentCase, plain
from serving.schemas.suggestions import SuggestionSetAnswer, SuggestionSetInFull
from serving.services import Parts
from serving.suggestion_document import Document, lean
from serving.suggestions import show, show_for_document

router = APIRouter(route_class=StrictRoute, tags=["Suggestions"])

AskedDay = Annotated[
    date | None,
    Query(alias="asOf", description="What was recorded before this day counts; by default the service's own"),
]
AskedSetting = Annotated[
    Literal["COMMUNITY", "CUSTODY", "REMAND", "PRE_RELEASE"] | None,
    Query(description="Where the person will be; by default read from the sentence"),
]
Detail = Annotated[
    Literal["terms"] | None,
    Query(
        description="`terms` for every rule of every intervention, with its source, and every term of every chance"
    ),
]


@router.get(
    "/v1/people/{crn}/suggestions",
    operation_id="getSuggestions",
    summary="Suggestions for a person",
    description=f"Eligibility of every intervention with reasons, and ranked suggestions. The answer is lean: it says "
    f"what a screen shows. `detail=terms` gives the set in full. Role: `{SUGGESTIONS}`. Every view is written to the "
    f"audit log.",
    response_model=SuggestionSetAnswer | SuggestionSetInFull,
    responses={
        200: leads_to(
            decide=("recordDecision", {"id": "$response.body#/id"}),
            lookAgain=("raiseContest", {"id": "$response.body#/id"}),
            account=("getAccount", {"crn": "$response.body#/crn"}),
            panel=("getSuggestionsComponent", {"crn": "$response.body#/crn"}),
        ),
        **failures(401, 403, 404, 422),
    },
)
def get_suggestions(
    *,
    crn: Crn,
    parts: Parts,
    principal: Annotated[Principal, Security(requires(SUGGESTIONS))],
    actor: Acting,
    as_of: AskedDay = None,
    setting: AskedSetting = None,
    detail: Detail = None,
) -> Response:
    """Answer from the stored case."""
    del principal
    return _sent(show(parts, crn=crn, as_of=as_of, setting=setting, actor=actor), detail)


def _sent(document: Document, detail: str | None) -> Response:
    """The set as it was asked for: lean, or in full."""
    return json_response(document if detail == "terms" else lean(document))


SentCaseBody = Annotated[
    SentCase,
    Body(
        description="A case document: `{crn, table: [row, …], …}` with the tables and columns of the data contract "
        "(snake_case, ISO dates), without protected characteristics",
        examples=[
            {
                "crn": "X123456",
                "people": [
                    {
                        "date_of_birth": "1990-05-17",
                        "sex": "MALE",
                        "region": "A",
                        "pdu": "A01",
                        "known_on": "2026-01-05",
                    }
                ],
            }
        ],
    ),
]


@router.post(
    "/v1/suggestions",
    operation_id="suggestForCase",
    summary="Suggestions for a case in the body",
    description=f"Before a sentence, or to see what a change would do. Nothing is stored but the audit entry. "
    f"Role: `{SUGGESTIONS}`.",
    response_model=SuggestionSetAnswer | SuggestionSetInFull,
    responses=failures(401, 403, 415, 422),
)
def suggest_for_case(
    *,
    document: SentCaseBody,
    parts: Parts,
    principal: Annotated[Principal, Security(requires(SUGGESTIONS))],
    actor: Acting,
    as_of: AskedDay = None,
    setting: AskedSetting = None,
    detail: Detail = None,
) -> Response:
    """Answer from what was sent."""
    del principal
    shown = show_for_document(parts, document=plain(document), as_of=as_of, setting=setting, actor=actor)
    return _sent(shown, detail)
