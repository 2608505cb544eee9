"""Who is signed in to the demonstration screens: a token of our own in a cookie that no script can read."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request

from serving.auth import ROLES, SUBJECT_ACCESS, Principal
from serving.errors import ServiceError
from serving.services import Services
from serving.settings import is_loopback

COOKIE: Final = "signpost_session"
SCREEN_ROLES: Final = tuple(role for role in ROLES if role != SUBJECT_ACCESS)
DEMO_USER: Final = "DEMO_USER"


class SignInNeededError(Exception):
    """Nobody is signed in; the page asked for is remembered."""

    def __init__(self, following: str) -> None:
        super().__init__("sign in")
        self.following = following


def signed_in(request: Request) -> Principal:
    """Dependency: who is signed in.

    Raises:
        SignInNeededError: when nobody is.
        ServiceError: 403 for a caller that is not on this machine, or a form sent from another site.
    """
    on_this_machine(request)
    services: Services = request.app.state.services
    token = request.cookies.get(COOKIE)
    path = request.url.path if request.method == "GET" else "/referrals/"
    if token is None:
        raise SignInNeededError(path)
    try:
        principal = services.verifier.principal(token)
    except ServiceError as error:
        raise SignInNeededError(path) from error
    request.state.principal = principal
    return principal


def on_this_machine(request: Request) -> None:
    """The demonstration answers loopback callers only, under a loopback name, and takes its own forms only.

    Raises:
        ServiceError: 403 for anybody else.
    """
    here = request.client is not None and is_loopback(request.client.host)
    named = is_loopback(request.url.hostname or "")
    origin = request.headers.get("origin")
    own = origin is None or urlsplit(origin).netloc == request.headers.get("host", "")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if request.method != "GET" and (not own or site not in {"same-origin", "none"}):
        here = False
    if not (here and named):
        raise ServiceError(
            status=403,
            code="LOOPBACK_ONLY",
            user="The demonstration screens answer this machine only.",
        )


def safe_following(path: str) -> str:
    """A page of the service to go to after signing in; never another site's."""
    parts = urlsplit(path)
    if parts.scheme or parts.netloc or not path.startswith("/referrals") or "\\" in path:
        return "/referrals/"
    return path


SignedIn = Annotated[Principal, Depends(signed_in)]
