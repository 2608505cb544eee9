"""How does the service refuse a request? One exception type, one shape, and never a submitted value.

The shape is that of HMPPS services: `status, errorCode, userMessage, developerMessage, moreInfo`; a
validation failure adds `errors`, a list of `{field, type, message}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.routing import Match

from catalogue.errors import UsageError
from serving.logs import get_logger

log = get_logger("signpost.errors")

RETRY_SECONDS: Final = 5
SCREENS: Final = ("/referrals", "/sign-in", "/sign-out")
FOR_PROGRAMS: Final = (
    "/v1/",
    "/v3/",
    "/components/",
    "/health",
    "/info",
    "/metrics",
    "/subject-access-request",
)


class ServiceError(Exception):
    """A request that cannot be answered as asked.

    Args:
        status: HTTP status.
        code: upper snake case, for programs.
        user: one sentence for the person at the screen, without any submitted value.
        developer: one sentence for the developer of the calling system; the user's when not given.
        headers: extra response headers.
        errors: for a validation failure, its fields.
    """

    def __init__(
        self,
        *,
        status: int,
        code: str,
        user: str,
        developer: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.user = user
        self.developer = developer or user
        self.headers = dict(headers or {})
        self.errors = tuple(errors)

    def response(self) -> Response:
        """The answer in the HMPPS error shape."""
        body: dict[str, object] = {
            "status": self.status,
            "errorCode": self.code,
            "userMessage": self.user,
            "developerMessage": self.developer,
            "moreInfo": None,
        }
        if self.errors:
            body["errors"] = [dict(error) for error in self.errors]
        return Response(
            orjson.dumps(body), status_code=self.status, media_type="application/json", headers=self.headers
        )


def not_found(what: str) -> ServiceError:
    """404: `what` is a kind of thing ("person", "suggestion set"), never an identifier."""
    return ServiceError(
        status=404,
        code="NOT_FOUND",
        user=f"There is no such {what}.",
        developer=f"No {what} with the identifier in the path is in the store.",
    )


def conflict(code: str, user: str) -> ServiceError:
    """409: the request contradicts what has been recorded."""
    return ServiceError(status=409, code=code, user=user)


def unavailable(user: str) -> ServiceError:
    """503, with advice on when to try again."""
    return ServiceError(
        status=503,
        code="UNAVAILABLE",
        user=user,
        developer=f"A part the service needs does not answer; try again in {RETRY_SECONDS} seconds.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


# pydantic's sentence is passed on for these types only: they are made of our own limits and names. Any
# other type gets a general sentence, because some of pydantic's sentences quote what was sent.
QUOTABLE: Final = frozenset(
    {
        "missing", "extra_forbidden", "string_type", "string_too_short", "string_too_long", "int_type",
        "int_from_float", "int_parsing", "float_type", "float_parsing", "finite_number", "bool_type",
        "bool_parsing", "date_type", "date_from_datetime_inexact", "datetime_type", "list_type", "dict_type",
        "literal_error", "enum", "greater_than", "greater_than_equal", "less_than", "less_than_equal",
        "intervention_mismatch", "own_words_missing", "reason_unknown",  # of our own schemas
        "too_long", "too_short", "model_type", "model_attributes_type", "string_pattern_mismatch", "uuid_parsing",
    }
)  # fmt: skip
GENERAL: Final = "The value is not valid here"


def validation_errors(found: Sequence[Mapping[str, object]]) -> list[dict[str, str]]:
    """What pydantic found, as `{field, type, message}` without any value, and without names the caller made up."""
    answers = []
    for error in found:
        kind = str(error["type"])
        place = error["loc"]
        parts = [str(part) for part in place] if isinstance(place, tuple | list) else [str(place)]
        if kind == "extra_forbidden" and parts:
            parts[-1] = "(unknown field)"
        elif kind == "json_invalid":
            parts = parts[:1]
        message = str(error["msg"]) if kind in QUOTABLE else GENERAL
        answers.append({"field": ".".join(parts), "type": kind, "message": message})
    return answers


def invalid(errors: Sequence[Mapping[str, str]], *, status: int = 422) -> ServiceError:
    """422 with the fields that are wrong."""
    return ServiceError(
        status=status,
        code="VALIDATION_FAILED",
        user="Some of what was sent is missing or not valid.",
        developer="See `errors`: each names a field and what is expected there.",
        errors=errors,
    )


def register(app: FastAPI) -> None:
    """Give every failure its shape."""

    @app.exception_handler(ServiceError)
    async def _service(request: Request, error: ServiceError) -> Response:
        return answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> Response:
        return answer(request, invalid(validation_errors(error.errors())))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_methods(request))
        return answer(request, http_error(error.status_code, headers=headers))

    @app.exception_handler(SQLAlchemyError)
    async def _database(request: Request, error: SQLAlchemyError) -> Response:
        return answer(request, away(error) if is_outage(error) else fault(error))

    @app.exception_handler(TimeoutError)
    async def _busy(request: Request, error: TimeoutError) -> Response:
        return answer(request, away(error))

    @app.exception_handler(UsageError)
    async def _usage(request: Request, error: UsageError) -> Response:
        return answer(request, ServiceError(status=422, code="UNUSABLE_CASE", user=str(error)))

    @app.exception_handler(Exception)
    async def _fault(request: Request, error: Exception) -> Response:
        return answer(request, fault(error))


def answer(request: Request, error: ServiceError) -> Response:
    """The failure as a page for somebody on the screens, otherwise in the error shape."""
    as_page: Callable[[Request, ServiceError], Response] | None = getattr(
        request.app.state, "error_page", None
    )
    if as_page is not None and (request.url.path.startswith(SCREENS) or _by_browser(request)):
        return as_page(request, error)
    return error.response()


def _methods(request: Request) -> list[str]:
    """Every method that the address takes; the framework names those of the first route that matches it only."""
    found: set[str] = set()
    for route in request.app.routes:
        matched, _ = route.matches(request.scope)
        if matched is not Match.NONE:
            found |= set(getattr(route, "methods", None) or ())
    return sorted(found)


def _by_browser(request: Request) -> bool:
    """Did somebody follow a link or type an address? A program that calls the API does not ask for HTML."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(FOR_PROGRAMS)


def away(error: Exception) -> ServiceError:
    """503: the store does not answer, or is busy for too long."""
    log.warning("store_unavailable", kind=type(error).__name__)
    return unavailable("The records cannot be reached at the moment. Nothing was saved.")


def is_outage(error: SQLAlchemyError) -> bool:
    """Is the database away or busy (try again), rather than the statement wrong (a fault in Signpost)?"""
    if isinstance(error, OperationalError | PoolTimeout):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def fault(error: Exception) -> ServiceError:
    """500: a fault in Signpost, logged by its place and type; its message may hold personal values and is not."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = ""
    if trace is not None:
        file = trace.tb_frame.f_code.co_filename.replace("\\", "/").split("/")
        place = f"{'/'.join(file[-2:])}:{trace.tb_lineno}"
    log.error("fault", kind=type(error).__name__, place=place)
    return ServiceError(
        status=500,
        code="INTERNAL_ERROR",
        user="Something went wrong in Signpost. Nothing was saved.",
        developer="An unexpected fault; the log has its place under this correlation id.",
    )


_HTTP: Final[Mapping[int, tuple[str, str]]] = {
    400: ("BAD_REQUEST", "The request could not be read."),
    401: ("UNAUTHORISED", "You need to sign in."),
    403: ("FORBIDDEN", "You do not have the role that this needs."),
    404: ("NOT_FOUND", "There is nothing at this address."),
    405: ("METHOD_NOT_ALLOWED", "This address does not take that method."),
    406: ("NOT_ACCEPTABLE", "That form of answer is not available."),
    413: ("BODY_TOO_LARGE", "What was sent is too large."),
    415: ("UNSUPPORTED_MEDIA_TYPE", "Send JSON, with the content type application/json."),
}


def http_error(status: int, *, headers: Mapping[str, str] | None = None) -> ServiceError:
    """The shape for a status that the framework raised, without its own wording."""
    code, user = _HTTP.get(status, ("ERROR", "The request could not be answered."))
    return ServiceError(status=status, code=code, user=user, headers=headers)
