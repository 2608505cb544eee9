"""The application: routes, failures and the middleware around them, over one set of parts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from serving import errors, outbox, retention
from serving.logs import get_logger
from serving.middleware import RequestMiddleware
from serving.routes import (
    cases,
    catalogue,
    contests,
    decisions,
    docs,
    flags,
    health,
    models,
    people,
    suggestions,
)
from serving.screens import component, failures, pages
from serving.screens.assets import ASSETS, VENDOR
from serving.services import Services
from serving.settings import Settings

log = get_logger("signpost.app")

OUTBOX_SECONDS: Final = 5.0
SETTLE_SECONDS: Final = 1.0
SMALL_BYTES: Final = 1_000
"""Smaller answers are sent as they are, also to callers that take gzip."""
RETENTION_SECONDS: Final = 86_400.0
RETENTION_RETRY_SECONDS: Final = 300.0
DESCRIPTION: Final = (
    "Which interventions a person on probation is eligible for and why, which are most likely to help and how "
    "sure the evidence is, and how likely they are to be started and finished. A person decides, always."
)


def create_app(settings: Settings, *, ready: Callable[[], None] | None = None) -> FastAPI:
    """The service as an ASGI application.

    Args:
        settings: everything it is told from outside.
        ready: called once the store, the directory and the bundle have been read, before the first request.

    Raises:
        UsageError: when a setting cannot be used, such as a database address or a catalogue folder.
    """
    services = Services(settings)
    app = FastAPI(
        title="Signpost",
        version=version("signpost"),
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        separate_input_output_schemas=False,
    )
    app.state.services = services
    app.state.ready = ready
    errors.register(app)
    for router in (
        health.router,
        docs.router,
        suggestions.router,
        decisions.router,
        contests.router,
        flags.router,
        cases.router,
        people.router,
        catalogue.router,
        models.router,
        component.router,
    ):
        app.include_router(router)
    if settings.dev_auth:
        app.include_router(pages.router)
        failures.register(app)
    app.mount("/assets", StaticFiles(directory=VENDOR / "assets", check_dir=False), name="assets")
    app.mount("/static", StaticFiles(directory=ASSETS, check_dir=False), name="static")
    # The last one added is the first that a request passes.
    app.add_middleware(GZipMiddleware, minimum_size=SMALL_BYTES, compresslevel=1)
    app.add_middleware(
        RequestMiddleware, settings=settings, metrics=services.metrics, tracing=services.tracing
    )
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    services: Services = app.state.services
    await run_in_threadpool(services.start)
    if app.state.ready is not None:
        app.state.ready()
    log.info("started", bundle=services.bundles.state.version, environment=services.settings.environment)
    work = [asyncio.create_task(part(services)) for part in (_send_events, _settle)]
    if services.settings.retention_days is not None:
        work.append(asyncio.create_task(_keep_no_longer(services)))
    yield {}
    for task in work:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await run_in_threadpool(services.close)
    log.info("stopped")


async def _send_events(services: Services) -> None:
    """Empty the outbox now and then, as long as the service runs."""
    while True:
        try:
            await run_in_threadpool(outbox.send, services)
        except (SQLAlchemyError, TimeoutError):
            log.warning("outbox_waits", reason="the store does not answer")
        await asyncio.sleep(OUTBOX_SECONDS)


async def _settle(services: Services) -> None:
    """Bring what was written to its place on disk now and then, so that no request has to."""
    while True:
        await asyncio.sleep(SETTLE_SECONDS)
        await run_in_threadpool(services.database.settle)


async def _keep_no_longer(services: Services) -> None:
    """Remove what has been kept for long enough: on starting, then daily; sooner again after a failure."""
    while True:
        pause = RETENTION_SECONDS
        try:
            await run_in_threadpool(lambda: retention.enforce(services, today=services.today()))
        except (SQLAlchemyError, TimeoutError):
            log.warning("retention_waits", reason="the store does not answer")
            pause = RETENTION_RETRY_SECONDS
        await asyncio.sleep(pause)
