"""Write a report as one HTML file with everything inside it."""

from fairness.report.model import EqualityReport
from pages import render


def html(report: EqualityReport) -> str:
    """The page, self-contained: no script, no network, its own small style sheet."""
    return render(__package__, "report.html.j2", report=report, title=report.title)
