"""`GET /v1/people/{crn}/suggestions`: what could help this person, why, and how sure that is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, Literal, get_args

from fastapi import APIRouter, Body, Query, Request, Response, Security

from serving.auth import SUGGESTIONS, Principal, forbidden, requires
from serving.recent import Shown
from serving.routes.common import Acting, StrictRoute, failures, json_response, leads_to
from serving.schemas.base import CRN_PATTERN, Crn
from serving.schemas.case_document import SentCase, plain
from serving.schemas.suggestions import SuggestionSetAnswer
from serving.services import Parts, services
from serving.services import actor as acting
from serving.suggestions import show, show_for_document

Setting = Literal["COMMUNITY", "CUSTODY", "REMAND", "PRE_RELEASE"]
SETTINGS: Final = frozenset(get_args(Setting))
_CRN: Final = re.compile(CRN_PATTERN)
_REFUSED: Final = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*")
_VARIES: Final = {"vary": "Accept-Encoding"}
_GZIPPED: Final = {**_VARIES, "content-encoding": "gzip"}
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A question in its plainest form: nothing in it that could be refused but its token and its day."""

    crn: str
    as_of: date | None
    setting: str | None
    token: str


def plain_question(request: Request) -> Plain | None:
    """The question, when there is nothing unusual about it; None for the framework to look at."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    crn = request.path_params["crn"]
    asked = request.query_params.multi_items()
    given = dict(asked)
    if scheme != "Bearer" or len(given) < len(asked) or not given.keys() <= {"asOf", "setting"}:
        return None
    setting, day = given.get("setting"), given.get("asOf")
    if not _CRN.fullmatch(crn) or not (setting is None or setting in SETTINGS):
        return None
    try:
        as_of = None if day is None else date.fromisoformat(_DAY.fullmatch(day)[0])  # type: ignore[index]  # caught
    except (TypeError, ValueError):
        return None
    return Plain(crn=crn, as_of=as_of, setting=setting, token=token)


class AtOnceRoute(StrictRoute):
    """A route whose plain questions are answered in one go, on one thread.

    A screen asks this all day, and the framework's way to the same answer takes as long as a third of the answer.
    Whatever is not plain goes that way, so that every refusal is the framework's.
    """

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]  # a coroutine is awaitable
        """The handler, for plain questions and others."""
        usual = super().get_route_handler()

        async def at_once(request: Request) -> Response:
            question = plain_question(request)
            if question is None:
                return await usual(request)
            return await asyncio.to_thread(_answer, request, question)

        return at_once


def _answer(request: Request, question: Plain) -> Response:
    parts = services(request)
    principal = parts.verifier.principal(question.token)
    if SUGGESTIONS not in principal.authorities:
        raise forbidden(SUGGESTIONS)
    request.state.principal = principal
    shown = show(
        parts, crn=question.crn, as_of=question.as_of, setting=question.setting, actor=acting(request)
    )
    return _sent(request, shown)


def _sent(request: Request, shown: Shown) -> Response:
    """The set as its caller takes it: as the store has it where it takes gzip, which is a tenth of the bytes."""
    gzipped = shown.gzipped if takes_gzip(request.headers.get("accept-encoding", "")) else None
    if gzipped is None:
        return json_response(shown.content, headers=_VARIES)
    return json_response(gzipped, headers=_GZIPPED)


def takes_gzip(accepted: str) -> bool:
    """Does an `Accept-Encoding` name gzip, and not to refuse it?"""
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() == "gzip":
            return not _REFUSED.fullmatch(weight)
    return False


router = APIRouter(route_class=StrictRoute, tags=["Suggestions"])
at_once = APIRouter(route_class=AtOnceRoute, tags=["Suggestions"])

AsOf = Annotated[
    date | None,
    Query(alias="asOf", description="What was recorded before this day counts; by default the service's own"),
]
Where = Annotated[
    Setting | None, Query(description="Where the person will be; by default read from the sentence")
]


@at_once.get(
    "/v1/people/{crn}/suggestions",
    operation_id="getSuggestions",
    summary="Suggestions for a person",
    description=f"Eligibility of every intervention with reasons, and ranked suggestions with exact terms. "
    f"Role: `{SUGGESTIONS}`. Every view is written to the audit log.",
    response_model=SuggestionSetAnswer,
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
    request: Request,
    crn: Crn,
    parts: Parts,
    principal: Annotated[Principal, Security(requires(SUGGESTIONS))],
    actor: Acting,
    as_of: AsOf = None,
    setting: Where = None,
) -> Response:
    """Answer from the stored case."""
    del principal
    return _sent(request, show(parts, crn=crn, as_of=as_of, setting=setting, actor=actor))


Document = Annotated[
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
    response_model=SuggestionSetAnswer,
    responses=failures(401, 403, 415, 422),
)
def suggest_for_case(
    *,
    document: Document,
    parts: Parts,
    principal: Annotated[Principal, Security(requires(SUGGESTIONS))],
    actor: Acting,
    as_of: AsOf = None,
    setting: Where = None,
) -> Response:
    """Answer from what was sent."""
    del principal
    return json_response(
        show_for_document(parts, document=plain(document), as_of=as_of, setting=setting, actor=actor)
    )
