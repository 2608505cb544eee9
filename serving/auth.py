"""Who calls, and what may they do? Bearer tokens of HMPPS Auth, checked against its published keys.

The algorithm is RS256 and nothing else, even if the token names another. A token needs a signature by a key of the
set, the issuer, an expiry in the future and, where given, a not-before in the past; the audience when one is
configured. Keys are cached. An unknown key id causes one new read, at most once in ten seconds: so new keys are
found, and a flood of forged ids does not reach HMPPS Auth. While keys cannot be read, the last ones are used up to
a set age. After that every call is refused until they can be read again.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Annotated, Final, Protocol

import jwt
from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from serving.errors import ServiceError, unavailable
from serving.logs import get_logger

log = get_logger("signpost.auth")

ALGORITHM: Final = "RS256"
LEEWAY_SECONDS: Final = 10
RETRY_SECONDS: Final = 10.0
FETCH_SECONDS: Final = 5.0

SUGGESTIONS: Final = "ROLE_SIGNPOST__SUGGESTIONS__RO"
DECISIONS: Final = "ROLE_SIGNPOST__DECISIONS__RW"
FLAGS: Final = "ROLE_SIGNPOST__FLAGS__RO"
CASES: Final = "ROLE_SIGNPOST__CASES__RW"
ACCOUNT: Final = "ROLE_SIGNPOST__ACCOUNT__RO"
EQUALITY: Final = "ROLE_SIGNPOST__EQUALITY__RO"
SUBJECT_ACCESS: Final = "ROLE_SAR_DATA_ACCESS"
ROLES: Final = (SUGGESTIONS, DECISIONS, FLAGS, CASES, ACCOUNT, EQUALITY, SUBJECT_ACCESS)

SCHEME: Final = HTTPBearer(
    auto_error=False,
    scheme_name="hmppsAuth",
    description="A token of HMPPS Auth (RS256) whose `authorities` hold the role named with the route.",
    bearerFormat="JWT",
)


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who calls: a user on a screen, or a client on its own behalf."""

    user_name: str
    client_id: str
    auth_source: str
    authorities: frozenset[str]

    @property
    def name(self) -> str:
        """The name that records keep: the user's, or the client's when no user is behind the call."""
        return self.user_name or self.client_id


class SigningKeys(Protocol):
    """Where the key of a token is found."""

    def key(self, kid: str) -> jwt.PyJWK | None:
        """The key of this id, or None when there is no such key.

        Raises:
            OSError: when there are no keys that may be trusted and none can be read now.
        """


class JwksKeys:
    """The keys that an authorisation server publishes, cached.

    Args:
        url: where they are published.
        seconds: for how long they are kept before they are read again.
        trusted_seconds: for how long they are trusted while they cannot be read again.
        clock: seconds that only go forwards.
    """

    def __init__(
        self,
        url: str,
        *,
        seconds: float,
        trusted_seconds: float = 3600,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._seconds = seconds
        self._trusted_seconds = trusted_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._read_at = float("-inf")
        self._tried_at = float("-inf")

    def key(self, kid: str) -> jwt.PyJWK | None:
        """The key of this id; read again when the cache is old or does not know it."""
        found = self._keys.get(kid)
        if found is not None and self._clock() - self._read_at < self._seconds:
            return found
        with self._lock:
            found = self._keys.get(kid)
            fresh = self._clock() - self._read_at < self._seconds
            if (found is None or not fresh) and self._clock() - self._tried_at >= RETRY_SECONDS:
                self._tried_at = self._clock()
                self._read()
            if self._keys and self._clock() - self._read_at >= self._trusted_seconds:
                self._keys = {}
                log.error("signing_keys_expired", after_seconds=self._trusted_seconds)
            if not self._keys:
                raise OSError("no signing keys could be read")
            return self._keys.get(kid)

    def _read(self) -> None:
        """Replace the keys; when the server does not answer, the ones at hand are kept."""
        try:
            request = urllib.request.Request(self._url, headers={"Accept": "application/json"})  # noqa: S310  the address is configuration
            with urllib.request.urlopen(request, timeout=FETCH_SECONDS) as answer:  # noqa: S310  the address is configuration
                published = json.load(answer)["keys"]
            published = list(published)
        except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
            self._unread(type(error).__name__)
            return
        keys = {}
        for entry in published:
            try:
                if entry.get("kty") == "RSA" and entry.get("use", "sig") == "sig" and entry.get("kid"):
                    keys[str(entry["kid"])] = jwt.PyJWK(entry, ALGORITHM)
            except (jwt.PyJWTError, AttributeError, ValueError, TypeError):
                continue
        if keys:
            self._keys = keys
            self._read_at = self._clock()
        else:
            self._unread("NoUsableKey")

    def _unread(self, kind: str) -> None:
        """Say that keys could not be read: what kind of failure, never the address or what was answered."""
        age = None if not self._keys else round(self._clock() - self._read_at)
        log.warning("signing_keys_unread", kind=kind, last_read_seconds_ago=age)


class Verifier:
    """Turns a token into a principal, or says why not.

    Args:
        keys: where signing keys are found.
        issuer: the `iss` that a token must carry.
        audience: the `aud` that it must carry; None when it is not checked.
    """

    def __init__(self, *, keys: SigningKeys, issuer: str, audience: str | None) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    def principal(self, token: str) -> Principal:
        """Who sent this token?

        Raises:
            ServiceError: 401 for a token that does not hold; 503 when no keys can be had.
        """
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise unauthorised() from error
        if header.get("alg") != ALGORITHM or not isinstance(header.get("kid"), str):
            raise unauthorised()
        try:
            key = self._keys.key(header["kid"])
        except OSError as error:
            raise unavailable("Signing in cannot be checked at the moment.") from error
        if key is None:
            raise unauthorised()
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss"], "verify_aud": self._audience is not None},
            )
        except jwt.PyJWTError as error:
            raise unauthorised() from error
        return _principal(claims)


def _principal(claims: Mapping[str, object]) -> Principal:
    authorities = claims.get("authorities")
    names = {key: claims.get(key) or "" for key in ("user_name", "client_id", "auth_source")}
    if not all(isinstance(name, str) and len(name) <= 240 for name in names.values()):
        raise unauthorised()
    if not (names["user_name"] or names["client_id"]):
        raise unauthorised()
    return Principal(
        user_name=str(names["user_name"]),
        client_id=str(names["client_id"]),
        auth_source=str(names["auth_source"]),
        authorities=frozenset(item for item in authorities if isinstance(item, str))
        if isinstance(authorities, list)
        else frozenset(),
    )


def unauthorised() -> ServiceError:
    """401: no token, or one that does not hold; which of its checks failed is not told."""
    return ServiceError(
        status=401,
        code="UNAUTHORISED",
        user="You need to sign in.",
        developer="Send a valid bearer token of HMPPS Auth.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def forbidden(role: str) -> ServiceError:
    """403: a good token without the role."""
    return ServiceError(
        status=403,
        code="FORBIDDEN",
        user="You do not have the role that this needs.",
        developer=f"The token's authorities lack {role}.",
    )


def authenticated(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(SCHEME)]
) -> Principal:
    """A dependency: the caller, with any role or none."""
    if credentials is None:
        raise unauthorised()
    verifier: Verifier = request.app.state.services.verifier
    principal = verifier.principal(credentials.credentials)
    request.state.principal = principal
    return principal


def requires(role: str) -> Callable[..., Awaitable[Principal]]:
    """A dependency: the caller, if they hold the role."""

    async def check(principal: Annotated[Principal, Security(authenticated)]) -> Principal:
        if role not in principal.authorities:
            raise forbidden(role)
        return principal

    check.__name__ = f"requires_{role.lower()}"
    return check
