"""How do the screens refuse a request? A page in the same words as the API's, or the way to sign in."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from serving.errors import ServiceError
from serving.screens.environment import page
from serving.screens.session import SignInNeededError, signed_in


def register(app: FastAPI) -> None:
    """Give the screens their own failures."""
    app.state.error_page = error_page

    @app.exception_handler(SignInNeededError)
    async def _sign_in(_: Request, error: SignInNeededError) -> Response:
        return RedirectResponse("/sign-in?" + urlencode({"next": error.following}), status_code=303)


def error_page(request: Request, error: ServiceError) -> Response:
    """A failure in one sentence, with the reference that finds it in the logs, for the person who is signed in."""
    with suppress(SignInNeededError, ServiceError):
        signed_in(request)
    return page(
        request,
        "error.html",
        status=error.status,
        sentence=error.user,
        reference=request.state.correlation_id,
    )
