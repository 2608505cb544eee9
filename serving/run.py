"""Runs the service until it is stopped; a stop lets requests that were taken finish."""

from __future__ import annotations

from typing import Final

import uvicorn

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
    server(settings).run()


def server(settings: Settings) -> uvicorn.Server:
    """The server, not yet running."""
    return uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
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
