"""Does a release bundle treat everybody alike? It suggests and flags for everybody, then the audit judges that.

A large caseload is shared out to further processes. The report is the same, however the work was shared out.
"""

import os
from collections.abc import Callable, Sequence
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
from scoring.inflight.from_histories import flag_all
from scoring.national import under_supervision, verdicts_at

SHARED_FROM = 24_000
"""With this many people under supervision or more, two processes share the work. Starting them takes three seconds."""
PROCESSES, SHARE = 2, 12_000
ONE_THREAD = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Set to 1 for those processes. They share the processors already, so further threads would only slow them down."""


def audit_release(
    histories: Histories,
    bundle: Bundle,
    *,
    out: Path,
    progress: Callable[[int, int], None],
    register: Path | None = None,
) -> AuditResult:
    """What does the equality report say about this bundle, on the last day of the histories?

    Args:
        histories: case histories with their `people` and `protected` tables.
        bundle: the release bundle to judge.
        out: folder for the report.
        progress: called with (done, total) while suggestions are made.
        register: the register of disparities; the project's own by default.

    Raises:
        UsageError: nobody is under supervision, or the register cannot be read.
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
            work.shutdown(cancel_futures=True)  # work that has not begun is not needed any more
            raise


def _workers(histories: Histories, *, people: int) -> Executor:
    """What makes the parts of the audit: further processes for a large caseload in files, else this process."""
    if people < SHARED_FROM or (os.cpu_count() or 1) < PROCESSES or not histories.folder.is_dir():
        return Inline()
    # New processes, not copies of this one: a copy would wait for ever for threads that it does not have.
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
