"""What a person may ask: what was suggested and decided about them, and everything that is held."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response, Security

from serving import account, subject_access
from serving.auth import ACCOUNT, SUBJECT_ACCESS, Principal, requires
from serving.errors import ServiceError
from serving.routes.common import Acting, StrictRoute, failures, json_response
from serving.schemas.base import CRN_PATTERN, Answer, Crn
from serving.services import Parts

router = APIRouter(route_class=StrictRoute, tags=["People"])


class AccountSection(Answer):
    """A heading and its sentences."""

    title: str
    sentences: list[str]


class AccountAnswer(Answer):
    """The account, in plain language."""

    crn: str
    sections: list[AccountSection]


class SubjectAccessAnswer(Answer):
    """Everything that is held, in the shape that the HMPPS subject access service collects."""

    content: dict[str, Any]


@router.get(
    "/v1/people/{crn}/account",
    operation_id="getAccount",
    summary="A plain account for the person",
    description=f"What was suggested and decided, by whom, why. Role: `{ACCOUNT}`.",
    response_model=AccountAnswer,
    responses=failures(401, 403, 404, 422),
)
def get_account(
    *,
    crn: Crn,
    parts: Parts,
    principal: Annotated[Principal, Security(requires(ACCOUNT))],
    actor: Acting,
) -> Response:
    """The account; reading it is written down."""
    del principal
    return json_response(account.account(parts, crn=crn, actor=actor))


@router.get(
    "/subject-access-request",
    operation_id="getSubjectAccess",
    summary="Everything held about a person",
    description=f"204 when nothing is held; 209 for a prison number, which this service does not know. "
    f"Role: `{SUBJECT_ACCESS}`.",
    response_model=SubjectAccessAnswer,
    responses={
        204: {"description": "Nothing is held about this person"},
        209: {"description": "The service does not know people by this kind of number"},
        **failures(401, 403, 422),
    },
)
def subject_access_request(
    *,
    parts: Parts,
    principal: Annotated[Principal, Security(requires(SUBJECT_ACCESS))],
    actor: Acting,
    crn: Annotated[str | None, Query(pattern=CRN_PATTERN)] = None,
    prn: Annotated[str | None, Query(max_length=20)] = None,
    from_date: Annotated[date | None, Query(alias="fromDate")] = None,
    to_date: Annotated[date | None, Query(alias="toDate")] = None,
) -> Response:
    """All of it, between two days when they are given."""
    del principal
    if crn is None:
        if prn is not None:
            return Response(status_code=209)
        raise ServiceError(
            status=422, code="CRN_NEEDED", user="A CRN is needed to find what is held about a person."
        )
    if from_date is not None and to_date is not None and from_date > to_date:
        raise ServiceError(status=422, code="DATES_REVERSED", user="The first day is after the last.")
    content = subject_access.content(parts, crn=crn, from_date=from_date, to_date=to_date, actor=actor)
    return Response(status_code=204) if content is None else json_response({"content": content})
