"""What serves, and how fairly: `GET /v1/models/current` and `GET /v1/equality-report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response, Security
from fastapi.responses import FileResponse

from serving.auth import EQUALITY, Principal, requires
from serving.bundles import CARD, RECORD
from serving.errors import ServiceError, not_found
from serving.routes.common import failures, json_response
from serving.schemas.base import Answer
from serving.services import Parts, Services

router = APIRouter(tags=["Models and equality"])

Reviewer = Annotated[Principal, Security(requires(EQUALITY))]
FORMS: Final = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
}


class ModelAnswer(Answer):
    """The release that serves, with its model card and transparency record as Markdown.

    `problem` says why a newer release in the folder does not serve, such as the state of its gate.
    """

    version: str
    training_date: str
    data_from: str
    data_to: str
    spec_hash: str
    catalogue_hash: str
    contract_version: str
    gate: dict[str, Any]
    model_card: str
    transparency_record: str
    problem: str | None


@router.get(
    "/v1/models/current",
    operation_id="getCurrentModel",
    summary="The release that serves",
    description=f"Role: `{EQUALITY}`.",
    response_model=ModelAnswer,
    responses=failures(401, 403, 404, 422),
)
def current(parts: Parts, principal: Reviewer) -> Response:
    """Versions, card and record."""
    del principal
    state = parts.bundles.state
    bundle = state.bundle
    if bundle is None and state.withheld is not None:
        raise ServiceError(
            status=404,
            code="GATE_NOT_PASSED",
            user=f"{state.problem} The service answers by rules alone.",
            developer=f"The gate state in bundle.json is {state.withheld}; see the equality report.",
        )
    if bundle is None:
        raise not_found("release bundle in use; the service answers by rules alone")
    return json_response(
        {
            "version": bundle.version,
            "trainingDate": bundle.training_date,
            "dataFrom": bundle.data_from,
            "dataTo": bundle.data_to,
            "specHash": bundle.spec_hash,
            "catalogueHash": bundle.catalogue_hash,
            "contractVersion": bundle.contract_version,
            "gate": dict(bundle.gate),
            "modelCard": state.texts[CARD],
            "transparencyRecord": state.texts[RECORD],
            "problem": state.problem,
        }
    )


@router.get(
    "/v1/equality-report",
    operation_id="getEqualityReport",
    summary="The equality report",
    description=f"As a page, or as JSON or CSV with `format`. Role: `{EQUALITY}`.",
    response_class=Response,
    responses={
        200: {
            "description": "The report",
            "content": {"text/html": {}, "application/json": {}, "text/csv": {}},
        },
        **failures(401, 403, 404, 422),
    },
)
def equality_report(
    parts: Parts,
    principal: Reviewer,
    form: Annotated[str, Query(alias="format", pattern="^(html|json|csv)$")] = "html",
) -> Response:
    """The report that was made for the bundle."""
    del principal
    return report(parts, form)


def report(parts: Services, form: str) -> Response:
    """The report in one of its forms.

    Raises:
        ServiceError: 404 when there is none.
    """
    path = _find(parts.report_folder, form)
    if path is None:
        raise ServiceError(
            status=404,
            code="NOT_FOUND",
            user="There is no equality report in that form here.",
            developer="Set SIGNPOST_REPORT to the folder that `signpost audit` wrote.",
        )
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
    return FileResponse(path, media_type=FORMS[form], headers={"Content-Security-Policy": policy})


def _find(folder: Path | None, form: str) -> Path | None:
    """The report's file of this form: index or report, else the only one there."""
    if folder is None or not folder.is_dir():
        return None
    for name in ("index", "report", "equality-report"):
        if (folder / f"{name}.{form}").is_file():
            return folder / f"{name}.{form}"
    there = sorted(folder.glob(f"*.{form}"))
    return there[0] if there else None
