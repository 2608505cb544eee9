"""Removes what has been kept for long enough: the records of people whose last sentence ended long ago."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

import orjson
from sqlalchemy import select

from serving import people
from serving.audit_log import Actor
from serving.logs import get_logger
from serving.services import Services
from serving.settings import Settings
from serving.store import cases as case_store
from serving.store.tables import cases

log = get_logger("signpost.retention")

SERVICE: Final = Actor(who="signpost", correlation_id="retention")


def enforce(services: Services, *, today: date, actor: Actor = SERVICE) -> int:
    """Erase the people whose last sentence ended more than `retention_days` ago; how many there were.

    Our copy of the case goes with what the service added about them; the case system has its own. The audit
    log keeps its entries, but no longer says who they are about. Each person has a separate transaction, so
    that nobody waits for long. Without the setting nothing is removed.
    """
    days = services.settings.retention_days
    if days is None:
        return 0
    removed = _enforce(services, last=today - timedelta(days=days), actor=actor)
    log.info("retention_enforced", people=removed)
    return removed


def enforce_in(
    *,
    database_url: str,
    days: int,
    today: date | None = None,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """As `enforce`, for a store by its address, on the day of today; how many people there were.

    Args:
        database_url: the store.
        days: for how many days records are kept.
        today: the day to count from; the calendar's when None.
        dry_run: count them, and erase nobody.
        progress: called with (done, total) people.

    Raises:
        UsageError: when the address cannot be used.
    """
    # No request is answered here, so it does not matter how callers would be known, nor where the service listens.
    services = Services(
        Settings(database_url=database_url, dev_auth=True, host="127.0.0.1", otel_endpoint=None)
    )
    try:
        services.ensure_migrated()
        last = (today or services.today()) - timedelta(days=days)
        return _enforce(services, last=last, actor=SERVICE, dry_run=dry_run, progress=progress)
    finally:
        services.close()


def _enforce(
    services: Services,
    *,
    last: date,
    actor: Actor,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    over = cases.c.sentence_ends_on < last
    with services.database.read() as connection:
        ended = list(connection.execute(select(cases.c.crn).where(over).order_by(cases.c.crn)).scalars())
    removed = 0
    for number, crn in enumerate(ended, start=1):
        with services.database.write() as connection:
            # A new sentence may have come in since the list was made.
            document = connection.execute(select(cases.c.document).where(over, cases.c.crn == crn)).scalar()
            if document is not None and all_ended(document, before=last):
                removed += dry_run or people.erase_in(connection, services, crn=str(crn), actor=actor)
        if progress is not None:
            progress(number, len(ended))
    if removed and not dry_run:
        services.database.scrub()
    return removed


def all_ended(document: bytes, *, before: date) -> bool:
    """Did every sentence of a stored case, as last known, end before this day? One without an end did not."""
    known = case_store.last_versions(orjson.loads(document).get("sentences", ()))
    ends = [row.get("ends_on") for row in known]
    return all(end is not None and date.fromisoformat(end) < before for end in ends)
