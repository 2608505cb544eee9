"""How is a bundle judged? Its suggestions and flags for everybody, then the audit and its gate.

The audit may not import the models' code, nor the models the audit's: they meet here.
"""

from pathlib import Path

from catalogue import load
from fairness.audit import AuditResult, run
from features.histories import Histories
from scoring.bundle import Bundle
from scoring.flags import flag_all
from scoring.national import suggest_all
from signpost.progress import Report


def judge(
    histories: Histories, bundle: Bundle, *, out: Path, progress: Report, register: Path | None = None
) -> AuditResult:
    """Audit what a bundle would say of everyone in the histories, on the histories' last day.

    Args:
        histories: the case histories, with their protected characteristics.
        bundle: the release bundle to judge.
        out: folder that the equality report is written into.
        progress: called with (done, total) as the work goes.
        register: the register of disparities; the project's own if not given.

    Returns:
        The audit's findings and the state of its gate.
    """
    as_of = histories.last_day
    suggestions = suggest_all(histories, bundle=bundle, catalogue=load(), as_of=as_of, progress=progress)
    flags = flag_all(histories, bundle=bundle, as_of=as_of)
    return run(
        histories=histories,
        bundle_folder=bundle.folder,
        suggestions=suggestions,
        flags=flags,
        out=out,
        register=register,
        as_of=as_of,
    )
