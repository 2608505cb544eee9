"""Runs the service until it is stopped; a stop lets requests that were taken finish."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from serving.app import create_app
from serving.logs import configure
from serving.settings import Settings

GRACE_SECONDS: Final = 20


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        UsageError: when a setting cannot be used.
    """
    configure(settings.log_level)
    server(settings, ready=set_apart).run()


def set_apart() -> None:
    """Keep the garbage collector away from what stays: the catalogue, the bundle, the directory and the libraries.

    A full collection walks all of it, and every answer waits for it. For a process that only serves: what is
    set apart is never freed.
    """
    gc.collect()
    gc.freeze()


class PunctualProtocol(H11Protocol):
    """HTTP for callers who send the head of a request in time; others are cut off, before they cost anything."""

    seconds: float

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the parent has it
        """Somebody is there: the clock runs."""
        self._clock: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Something came: the clock runs until a whole head is there."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """They went away."""
        self._stop()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._clock is None:
            self._clock = self.loop.call_later(self.seconds, self.transport.close)

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None


def server(settings: Settings, *, ready: Callable[[], None] | None = None) -> uvicorn.Server:
    """The server, not yet running; `ready` as for `create_app`."""
    punctual = type("Punctual", (PunctualProtocol,), {"seconds": float(settings.request_seconds)})
    return uvicorn.Server(
        uvicorn.Config(
            create_app(settings, ready=ready),
            http=punctual,
            ws="none",
            host=settings.host,
            port=settings.port,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=True,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
