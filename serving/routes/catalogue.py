"""What exists: `GET /v1/catalogue` and `GET /v1/directory`."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response, Security

from serving.auth import Principal, authenticated
from serving.routes.common import PageNumber, PageSize, as_page, failures, json_response
from serving.schemas.base import Answer
from serving.schemas.pages import Page
from serving.services import Parts
from serving.store import directory as directory_store

router = APIRouter(tags=["Catalogue"])

Anyone = Annotated[Principal, Security(authenticated)]


class CatalogueEntry(Answer):
    """One intervention."""

    id: str
    name: str
    type: str
    family: str | None
    needs: list[str]
    settings: list[str]
    formats: list[str]
    sessions: int | None
    duration_weeks: float | None
    intensity: str | None
    valid_from: date | None
    valid_to: date | None


class CatalogueAnswer(Answer):
    """The whole catalogue, with the hash that suggestion sets name it by."""

    hash: str
    interventions: list[CatalogueEntry]


class DirectoryEntry(Answer):
    """Where and when an intervention can be had."""

    intervention_id: str
    region: str | None
    pdu: str | None
    venue: str | None
    format: str | None
    women_only: bool | None
    women_in_group: float | None
    next_start_on: date | None
    sessions_per_week: float | None
    weekly_places: float | None
    waiting_weeks: float | None
    valid_from: date | None
    valid_to: date | None


@router.get(
    "/v1/catalogue",
    operation_id="getCatalogue",
    summary="Every intervention",
    response_model=CatalogueAnswer,
    responses=failures(401),
)
def get_catalogue(parts: Parts, principal: Anyone) -> Response:
    """The catalogue in use."""
    del principal
    entries = [
        {
            "id": item.id,
            "name": item.name,
            "type": str(item.type),
            "family": item.family,
            "needs": list(item.needs),
            "settings": [str(setting) for setting in item.settings],
            "formats": [str(form) for form in item.formats],
            "sessions": item.sessions,
            "durationWeeks": item.duration_weeks,
            "intensity": None if item.intensity is None else str(item.intensity),
            "validFrom": item.valid_from,
            "validTo": item.valid_to,
        }
        for item in parts.catalogue.interventions
    ]
    return json_response({"hash": parts.catalogue.hash, "interventions": entries})


@router.get(
    "/v1/directory",
    operation_id="getDirectory",
    summary="Where and when interventions can be had",
    response_model=Page[DirectoryEntry],
    responses=failures(401, 422),
)
def get_directory(
    parts: Parts,
    principal: Anyone,
    pdu: Annotated[str | None, Query(max_length=64, description="Code of a probation delivery unit")] = None,
    page: PageNumber = 0,
    size: PageSize = 50,
) -> Response:
    """The directory, a page at a time."""
    del principal
    with parts.database.read() as connection:
        entries, total = directory_store.page(connection, pdu=pdu, number=page, size=size)
    content: list[Any] = [
        {field.alias: entry.get(name) for name, field in DirectoryEntry.model_fields.items()}
        for entry in entries
    ]
    return json_response(as_page(content, total=total, number=page, size=size))
