"""`GET /components/suggestions/{crn}`: the panel for other services' screens, as HMPPS shares page components."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response, Security

from serving.auth import SUGGESTIONS, Principal, requires
from serving.routes.common import Acting, StrictRoute, failures, json_response
from serving.routes.suggestions import AskedDay, AskedSetting
from serving.schemas.base import Answer, Crn
from serving.screens.assets import ASSETS
from serving.screens.environment import render, sayer
from serving.screens.view import panel
from serving.services import Parts
from serving.suggestions import show

router = APIRouter(route_class=StrictRoute, tags=["Components"])


class ComponentAnswer(Answer):
    """HTML to include in a page that has GOV.UK Frontend, and the addresses of the files that it needs."""

    html: str
    css: list[str]
    javascript: list[str]


@router.get(
    "/components/suggestions/{crn}",
    operation_id="getSuggestionsComponent",
    summary="The suggestions panel as a page component",
    description=f"The same panel as on the example screens. Role: `{SUGGESTIONS}`.",
    response_model=ComponentAnswer,
    responses=failures(401, 403, 404, 422),
)
def component(
    *,
    crn: Crn,
    parts: Parts,
    principal: Annotated[Principal, Security(requires(SUGGESTIONS))],
    actor: Acting,
    as_of: AskedDay = None,
    setting: AskedSetting = None,
) -> Response:
    """The panel."""
    del principal
    document = show(parts, crn=crn, as_of=as_of, setting=setting, actor=actor)
    assert (ASSETS / "signpost.css").is_file()
    html = render("panel.html", panel=panel(document, sayer()))
    return json_response({"html": html, "css": ["/static/signpost.css"], "javascript": []})
