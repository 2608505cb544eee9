"""How is a bundle judged? Its suggestions and flags for everybody, then the audit and its gate.

The audit may not import the models' code, nor the models the audit's: they meet here.
"""

import os
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from datetime import date
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import polars as pl

from catalogue import load
from fairness.audit import run
from fairness.narrowing import of_people, with_open_referrals
from fairness.result import AuditResult
from fairness.suggested import Suggested, suggested, together
from fairness.work import Inline
from features.histories import Histories
from scoring.bundle import Bundle
from scoring.flags import flag_all
from scoring.national import under_supervision, verdicts_at
from signpost.progress import Report

SHARED_FROM = 24_000
"""From this many people under supervision on, two processes share the work: starting them costs three seconds."""
PROCESSES, SHARE = 2, 12_000
ONE_THREAD = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Set to one for those processes: processes share the processors already, and further threads would only stand in each other's way."""


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
    crns = under_supervision(histories, as_of)
    shares = [crns[start : start + SHARE] for start in range(0, len(crns), SHARE)]
    with _workers(histories, people=len(crns)) as work:
        asked = [work.submit(_share, histories, bundle.folder, share, as_of) for share in shares]

        @cache
        def suggestions() -> Suggested:
            made = []
            for number, each in enumerate(asked, start=1):
                made.append(each.result())
                progress(number, len(shares))
            return together(made)

        try:
            return run(
                histories=histories,
                bundle_folder=bundle.folder,
                suggestions=suggestions,
                flags=flag_all(with_open_referrals(histories, days=[as_of]), bundle=bundle, as_of=as_of),
                out=out,
                register=register,
                as_of=as_of,
                work=work,
            )
        except BaseException:
            work.shutdown(cancel_futures=True)  # what is not yet begun is not wanted any more
            raise


def _workers(histories: Histories, *, people: int) -> Executor:
    """Where parts of the audit are made: beside this process for a large caseload in files, else in it."""
    if people < SHARED_FROM or (os.cpu_count() or 1) < PROCESSES or not histories.folder.is_dir():
        return Inline()
    # New processes rather than copies of this one, whose threads a copy would wait for in vain.
    pool = ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"))
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        pool.submit(os.getpid)  # all processes start with the first task
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return pool


def _share(histories: Histories, folder: Path, crns: Sequence[str], as_of: date) -> Suggested:
    """What is suggested to some people."""
    points = pl.DataFrame({"crn": crns}, schema={"crn": pl.String}).with_columns(as_of=pl.lit(as_of))
    some, catalogue = of_people(histories, crns), load()
    return suggested(verdicts_at(some, points, bundle=Bundle.open(folder), catalogue=catalogue), catalogue)
