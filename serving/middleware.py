"""What every request passes before any route.

A correlation id, limits on its size and time, a queue of limited length, security headers, one line of log and one
measurement. It is plain ASGI, because the body has to be read before the queue and headers are added to every answer.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
import uuid
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import ServiceError, http_error
from serving.logs import bound_contextvars, get_logger
from serving.metrics import Metrics
from serving.settings import Settings
from serving.tracing import Tracing
from serving.tracing import answered as answered_with

log = get_logger("signpost.requests")

CORRELATION: Final = "X-Correlation-Id"
_CORRELATION_PATTERN: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
# Not queued: health must answer when the service is busiest, and files take no work.
UNQUEUED: Final = ("/health", "/info", "/metrics", "/assets", "/static", "/v3", "/swagger-ui.html")

POLICY: Final = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


class TooLarge(Exception):  # noqa: N818  it is caught here and never leaves
    """The body grew past the limit while it was read."""


class NotReadError(Exception):
    """The caller does not read its answer; caught here, and never leaves."""


class RequestMiddleware:
    """The outermost layer of the application.

    Args:
        app: the application.
        settings: the limits.
        metrics: where requests are measured.
        tracing: where requests are traced.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, metrics: Metrics, tracing: Tracing) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._tracing = tracing
        self._turns = asyncio.Semaphore(settings.workers_at_once)
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = {name.lower(): value for name, value in scope["headers"]}
        correlation = _correlation(headers.get(b"x-correlation-id", b"")) or str(uuid.uuid4())
        nonce = secrets.token_hex(16)
        state = scope.setdefault("state", {})
        state["correlation_id"] = correlation
        state["nonce"] = nonce
        answered: list[int] = []

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.append(message["status"])
                message["headers"] = [
                    *message.get("headers", []),
                    *_headers(scope, message, correlation, nonce),
                ]
            # Somebody who does not read does not hold a turn for ever.
            try:
                async with asyncio.timeout(self._settings.request_seconds):
                    await send(message)
            except TimeoutError as error:
                raise NotReadError from error

        with (
            bound_contextvars(correlation_id=correlation),
            self._tracing.request(scope["method"], headers) as span,
        ):
            try:
                await self._guarded(scope, headers, receive, sending)
            except NotReadError:
                log.warning("caller_cut_off", reason="does not read the answer")
            route = scope.get("route")
            path = getattr(route, "path", "(none)")
            status = answered[0] if answered else 0
            seconds = time.perf_counter() - started
            self._metrics.requests.labels(path, scope["method"], str(status)).observe(seconds)
            answered_with(span, method=scope["method"], route=path, status=status, correlation=correlation)
            if not scope["path"].startswith(UNQUEUED):
                log.info(
                    "request", route=path, method=scope["method"], status=status, ms=round(seconds * 1000, 2)
                )

    async def _guarded(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        try:
            body = await self._body(headers, receive)
        except TooLarge:
            await _refuse(http_error(413), scope, send)
            return
        except TimeoutError:
            slow = ServiceError(status=408, code="TOO_SLOW", user="The request took too long to arrive.")
            await _refuse(slow, scope, send)
            return
        if body is None:
            return
        replay = _Replay(body, receive)
        if scope["path"].startswith(UNQUEUED):
            await self._app(scope, replay, send)
            return
        if self._waiting >= self._settings.queue_length:
            self._metrics.refused.inc()
            busy = ServiceError(
                status=429,
                code="BUSY",
                user="Signpost is busy. Try again in a moment.",
                developer="The queue is full; try again after the seconds in Retry-After.",
                headers={"Retry-After": "1"},
            )
            await _refuse(busy, scope, send)
            return
        self._waiting += 1
        self._metrics.waiting.set(self._waiting)
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
            self._metrics.waiting.set(self._waiting)
        try:
            await self._app(scope, replay, send)
        finally:
            self._turns.release()

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
        """The whole body; None when the caller went away before it was sent."""
        limit = self._settings.body_limit
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > limit:
            raise TooLarge
        parts: list[bytes] = []
        size = 0
        async with asyncio.timeout(self._settings.request_seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                part = message.get("body", b"")
                size += len(part)
                if size > limit:
                    raise TooLarge
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)


class _Replay:
    """Hands the body that was read to the application, then the server's next messages."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        """The next message."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        return await self._receive()


def _correlation(given: bytes) -> str | None:
    """The caller's correlation id when it is a plain one."""
    try:
        text = given.decode("ascii")
    except UnicodeDecodeError:
        text = ""
    return text if _CORRELATION_PATTERN.fullmatch(text) else None


def _headers(scope: Scope, message: Message, correlation: str, nonce: str) -> list[tuple[bytes, bytes]]:
    there = {name.lower() for name, _ in message.get("headers", [])}
    wanted = {
        CORRELATION: correlation,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Content-Security-Policy": POLICY.format(nonce=nonce),
    }
    if not scope["path"].startswith(("/assets", "/static")):
        wanted["Cache-Control"] = "no-store"
    return [
        (name.lower().encode(), value.encode())
        for name, value in wanted.items()
        if name.lower().encode() not in there
    ]


async def _refuse(error: ServiceError, scope: Scope, send: Send) -> None:
    response = error.response()

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    await response(scope, nothing, send)
