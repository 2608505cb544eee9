"""`GET /v1/people/{crn}/suggestions`: what could help this person, why, and how sure that is."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response, Security

from serving.auth import SUGGESTIONS, Principal, requires
from serving.routes.common import Acting, StrictRoute, failures, json_response
from serving.schemas.base import Crn
from serving.schemas.suggestions import SuggestionSetAnswer
from serving.services import Parts
from serving.suggestions import show

router = APIRouter(route_class=StrictRoute, tags=["Suggestions"])

Setting = Literal["COMMUNITY", "CUSTODY", "REMAND", "PRE_RELEASE"]
AsOf = Annotated[
    date | None,
    Query(alias="asOf", description="What was recorded before this day counts; by default the service's own"),
]
Where = Annotated[
    Setting | None, Query(description="Where the person will be; by default read from the sentence")
]


@router.get(
    "/v1/people/{crn}/suggestions",
    operation_id="getSuggestions",
    summary="Suggestions for a person",
    description=f"Eligibility of every intervention with reasons, and ranked suggestions with exact terms. "
    f"Role: `{SUGGESTIONS}`. Every view is written to the audit log.",
    response_model=SuggestionSetAnswer,
    responses=failures(401, 403, 404, 422),
)
def get_suggestions(
    *,
    crn: Crn,
    parts: Parts,
    principal: Annotated[Principal, Security(requires(SUGGESTIONS))],
    actor: Acting,
    as_of: AsOf = None,
    setting: Where = None,
) -> Response:
    """Answer from the stored case."""
    del principal
    return json_response(show(parts, crn=crn, as_of=as_of, setting=setting, actor=actor).content)
