"""Is it alive, is it ready, what is it: the health routes that HMPPS platforms call."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final, Literal

from fastapi import APIRouter, Response

from serving.outbox import waiting
from serving.routes.common import json_response
from serving.schemas.base import Answer
from serving.services import Parts, Services
from serving.store import cases as case_store

router = APIRouter(tags=["Health"])

INPUTS_AT_ONCE: Final = 40
"""Cases whose inputs are looked at when the metrics are read, at a millisecond or two each."""


class Health(Answer):
    """UP, or DOWN with what is wrong in `components`."""

    status: Literal["UP", "DOWN"]
    components: dict[str, Any] | None = None


class Information(Answer):
    """Which build answers, with which bundle and catalogue."""

    build: dict[str, str]
    environment: str
    bundle: dict[str, Any] | None
    catalogue: dict[str, Any]


@router.get("/health", operation_id="health", response_model=Health, responses={503: {"model": Health}})
def health(parts: Parts) -> Response:
    """Everything the service needs, part by part. A refused or withheld bundle is said, and does not bring it down."""
    ready = parts.store_ready()
    state = parts.bundles.state
    bundle: dict[str, Any] = {
        "status": "UP",
        "details": {"version": state.version, "gate": state.gate, "ruleOnly": state.bundle is None},
    }
    if state.problem is not None:
        bundle["status"] = "DEGRADED"
        bundle["details"]["problem"] = state.problem
    if state.withheld is not None:
        bundle["details"]["withheldGate"] = state.withheld
    body = {
        "status": "UP" if ready else "DOWN",
        "components": {"store": {"status": "UP" if ready else "DOWN"}, "bundle": bundle},
    }
    return json_response(body, status=200 if ready else 503)


@router.get("/health/ping", operation_id="healthPing", response_model=Health)
async def ping() -> Response:
    """It answers."""
    return json_response({"status": "UP"})


@router.get("/health/liveness", operation_id="healthLiveness", response_model=Health)
async def liveness() -> Response:
    """The process works; nothing else is asked."""
    return json_response({"status": "UP"})


@router.get(
    "/health/readiness",
    operation_id="healthReadiness",
    response_model=Health,
    responses={503: {"model": Health}},
)
def readiness(parts: Parts) -> Response:
    """It can answer questions about people: the store is there with the tables of this version."""
    ready = parts.store_ready()
    return json_response({"status": "UP" if ready else "DOWN"}, status=200 if ready else 503)


@router.get("/info", operation_id="info", response_model=Information)
def info(parts: Parts) -> Response:
    """Which build answers."""
    state = parts.bundles.state
    bundle = state.bundle
    return json_response(
        {
            "build": {"name": "signpost", "version": version("signpost")},
            "environment": parts.settings.environment,
            "bundle": None
            if bundle is None
            else {
                "version": bundle.version,
                "trainingDate": bundle.training_date,
                "dataFrom": bundle.data_from,
                "dataTo": bundle.data_to,
                "gate": bundle.gate.get("state"),
            },
            "catalogue": {"hash": parts.catalogue.hash, "interventions": len(parts.catalogue.interventions)},
        }
    )


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
def metrics(parts: Parts) -> Response:
    """Measurements for Prometheus."""
    _observe(parts)
    return Response(parts.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _observe(parts: Services) -> None:
    state = parts.bundles.state
    parts.metrics.bundle_refused.set(int(state.problem is not None))
    _observe_inputs(parts)
    if state.bundle is not None:
        parts.metrics.bundle_days.set((parts.today() - state.bundle.training_date).days)
    if parts.store_ready():
        with parts.database.read() as connection:
            known = case_store.last_known(connection)
            parts.metrics.outbox_waiting.set(waiting(connection))
        if known is not None:
            parts.metrics.data_days.set((parts.today() - known).days)


def _observe_inputs(parts: Services) -> None:
    parts.drift.settle(parts.bundles.current, at_most=INPUTS_AT_ONCE)
    parts.metrics.drift_rows.set(parts.drift.rows)
    for gauge in (parts.metrics.drift, parts.metrics.missing):
        gauge.clear()
    for reading in parts.drift.readings():
        parts.metrics.drift.labels(reading.head, reading.feature).set(reading.index)
        parts.metrics.missing.labels(reading.feature).set(reading.missing)
