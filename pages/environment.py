"""How does a template become a page? Jinja, with the templates of a package and those that all rooms share.

A template is a file in the folder `templates` of the package that fills it. What all rooms share is in this
room and is named with "pages/" in front. HTML is escaped; Markdown is not.
"""

from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined, select_autoescape
from jinja2.loaders import ChoiceLoader, PackageLoader, PrefixLoader
from markupsafe import Markup

from pages.values import figure


@cache
def environment(package: str) -> Environment:
    """The templates of a package. A name that a template asks for and nobody gave is an error."""
    shared = PackageLoader(__package__)
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package), PrefixLoader({"pages": shared})]),
        autoescape=select_autoescape(enabled_extensions=("html", "html.j2"), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    made.filters["style"] = _style
    made.filters["figure"] = figure
    return made


def render(package: str, template: str, **values: Any) -> str:
    """A template of a package, filled."""
    return environment(package).get_template(template).render(**values)


def _style(package: str) -> Markup:
    """The style sheet of a package, to stand inside the page."""
    return Markup((resources.files(package) / "style.css").read_text(encoding="utf-8"))  # noqa: S704  the project's own
