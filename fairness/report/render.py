"""Write a report as one HTML file with everything inside it."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from fairness.report.model import EqualityReport

HERE = Path(__file__).parent


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )


def html(report: EqualityReport) -> str:
    """The page, self-contained: no script, no network, its own small style sheet."""
    style = Markup((HERE / "style.css").read_text(encoding="utf-8"))  # noqa: S704  the project's own file
    return _environment().get_template("report.html.j2").render(report=report, style=style)
