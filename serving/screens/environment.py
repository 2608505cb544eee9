"""The templates: ours, and those of GOV.UK Frontend, with the strings of one language."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from serving.screens.messages import Sayer
from serving.words import day

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def sayer(language: str = "en") -> Sayer:
    """The strings of a language."""
    return Sayer(language)


@cache
def environment(language: str = "en") -> Environment:
    """The templates in a language."""
    # Here, since the API needs none of it.
    from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, select_autoescape

    made = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("serving.screens"),
                PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
            ]
        ),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["say"] = sayer(language)
    made.filters["day"] = day
    return made


def render(name: str, **values: Any) -> str:
    """A template as text."""
    return environment().get_template(name).render(**values)


def page(request: Request, name: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A template as a page, with who is signed in and the nonce of this answer."""
    principal = getattr(request.state, "principal", None)
    text = render(
        name,
        cspNonce=request.state.nonce,
        user=None if principal is None else principal.name,
        **values,
    )
    return HTMLResponse(text, status_code=status)
