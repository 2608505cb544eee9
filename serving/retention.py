"""Removes what has been kept for long enough: the sets, decisions and flags of sentences that ended long ago."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import delete, select

from serving.audit_log import Actor, Deed, append
from serving.services import Services
from serving.store.tables import (
    cases,
    contests,
    decisions,
    flag_responses,
    flags,
    idempotency,
    suggestion_sets,
)


def enforce(services: Services, *, today: date, actor: Actor) -> int:
    """Remove what is older than the setting allows; from how many people something was removed.

    A person's case stays, because the case system owns it; what the service added about them goes when their
    last sentence ended more than `retention_days` ago.
    """
    last = today - timedelta(days=services.settings.retention_days)
    with services.database.write() as connection:
        ended = [
            str(crn)
            for crn in connection.execute(
                select(cases.c.crn).where(cases.c.sentence_ends_on < last).order_by(cases.c.crn)
            ).scalars()
        ]
        touched = 0
        for crn in ended:
            answered = delete(flag_responses).where(
                flag_responses.c.flag_id.in_(select(flags.c.id).where(flags.c.crn == crn))
            )
            removed = connection.execute(answered).rowcount
            for table in (flags, contests, decisions, suggestion_sets, idempotency):
                removed += connection.execute(delete(table).where(table.c.crn == crn)).rowcount
            if removed:
                touched += 1
                append(
                    connection,
                    services.database,
                    deed=Deed.ERASURE,
                    action="RETENTION_ENFORCED",
                    actor=actor,
                    at=services.now(),
                    crn=crn,
                )
    return touched
