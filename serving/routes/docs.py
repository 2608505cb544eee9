"""The API's own description: `/v3/api-docs`, and a page to read it with from our own files."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from serving.routes.common import json_response

router = APIRouter(include_in_schema=False)

# Swagger UI sets style attributes of its own.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Signpost API</title>
<link rel="stylesheet" href="/static/vendor/swagger/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"><noscript>This page needs JavaScript. The description itself is at <a href="/v3/api-docs">/v3/api-docs</a>.</noscript></div>
<script src="/static/vendor/swagger/swagger-ui-bundle.js"></script>
<script src="/static/swagger.js"></script>
</body>
</html>
"""


@router.get("/v3/api-docs")
def api_docs(request: Request) -> Response:
    """OpenAPI 3.1."""
    return json_response(request.app.openapi())


@router.get("/swagger-ui.html")
async def swagger() -> HTMLResponse:
    """The description as a page."""
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": POLICY})
