"""What routes share: who calls, JSON answers made once, and the failures that every route may give."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

import orjson
from fastapi import Depends, Query, Request, Response
from fastapi.routing import APIRoute

from serving.audit_log import Actor
from serving.errors import http_error
from serving.schemas.base import ErrorAnswer
from serving.services import actor

Acting = Annotated[Actor, Depends(actor)]
"""On whose behalf a request acts; declare it after the role of the route."""

PageNumber = Annotated[int, Query(ge=0, le=1_000_000, description="Page, counted from 0")]
PageSize = Annotated[int, Query(ge=1, le=200, description="Lines on a page")]

_NUL: Final = re.compile(rb"\\u0000")


def json_response(document: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A document as JSON."""
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The failures that a route documents, in the one error shape; those that any route may give are added."""
    meanings = {
        400: "The request could not be read",
        401: "No token, or one that does not hold",
        403: "The role is missing, or access to the person is limited",
        404: "Not there",
        408: "The request took too long to arrive",
        409: "It contradicts what has been recorded",
        413: "The body is too large",
        415: "The body is not JSON",
        422: "Something sent is missing or not valid",
        429: "Too many requests wait; see Retry-After",
        500: "A fault of the service",
        503: "A part the service needs does not answer; see Retry-After",
    }
    every = {400, 408, 413, 429, 500, 503, *statuses}
    return {status: {"model": ErrorAnswer, "description": meanings[status]} for status in sorted(every)}


def leads_to(**links: tuple[str, dict[str, str]]) -> dict[str, Any]:
    """What can be asked with an answer: OpenAPI links, by name, each an operation and where its parameters are.

    Args:
        links: for each link its operation id, and by parameter a runtime expression such as `$response.body#/id`.
    """
    return {
        "links": {
            name: {"operationId": operation, "parameters": parameters}
            for name, (operation, parameters) in links.items()
        }
    }


class StrictRequest(Request):
    """A request whose JSON is read strictly: no NaN, no lone surrogates, no endless nesting, no NUL."""

    async def json(self) -> Any:
        """The body as data.

        Raises:
            ServiceError: 400 when it is not JSON in that sense; what was sent is not repeated.
        """
        body = await self.body()
        try:
            document = orjson.loads(body)
        except ValueError as error:
            raise http_error(400) from error
        if _NUL.search(body):
            raise http_error(400)
        return document


class StrictRoute(APIRoute):
    """A route that reads JSON strictly and takes nothing but JSON."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]  # a coroutine is awaitable
        """The handler, given strict requests."""
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            if request.method in {"POST", "PUT"} and not _is_json(request.headers.get("content-type", "")):
                raise http_error(415)
            return await handler(StrictRequest(request.scope, request.receive))

        return strict


def _is_json(content_type: str) -> bool:
    return content_type.split(";", maxsplit=1)[0].strip().lower() == "application/json"


def as_page(content: list[Any], *, total: int, number: int, size: int) -> dict[str, Any]:
    """Spring's shape of a page."""
    pages = -(-total // size)
    return {
        "content": content,
        "totalElements": total,
        "totalPages": pages,
        "number": number,
        "size": size,
        "numberOfElements": len(content),
        "first": number == 0,
        "last": number >= pages - 1,
        "empty": not content,
    }
