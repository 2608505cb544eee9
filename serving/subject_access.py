"""Everything that is held about a person, for their subject access request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Table, select

from serving import audit_log, contests, decisions, flag_register
from serving.audit_log import Actor, Deed, append
from serving.people import CaseRows, merged_into, stored_tables
from serving.services import Services
from serving.store import cases as case_store
from serving.store.tables import contests as contest_table
from serving.store.tables import decisions as decision_table
from serving.store.tables import flag_responses, suggestion_sets
from serving.store.tables import flags as flag_table
from serving.suggestions import unpack


def content(
    services: Services, *, crn: str, from_date: date | None, to_date: date | None, actor: Actor
) -> dict[str, Any] | None:
    """All that is held about a person; None when it is nothing.

    Args:
        services: the parts of the service.
        crn: whose, followed through merges.
        from_date: leave out what was recorded before this day.
        to_date: leave out what was recorded after this day.
        actor: who asks; the disclosure is written down.
    """
    with services.database.write() as connection:
        held = merged_into(connection, crn) or crn
        case = case_store.find(connection, held)
        if case is None:
            return None

        def within(moment: date | datetime | str | None) -> bool:
            if moment is None:
                return True
            day = date.fromisoformat(str(moment)[:10])
            return (from_date is None or day >= from_date) and (to_date is None or day <= to_date)

        names = {item.id: item.name for item in services.catalogue.interventions}
        found = {
            "crn": held,
            "records": _records(stored_tables(case.document), within),
            "protectedCharacteristics": case_store.protected_of(connection, held),
            "suggestionsShown": [
                {
                    "shownAt": row["first_shown_at"].isoformat(timespec="milliseconds"),
                    "shownTo": row["first_shown_to"],
                    "asOf": row["as_of"],
                    "suggestions": unpack(row["content"])["suggestions"],
                }
                for row in _rows(connection, suggestion_sets, held)
                if within(row["first_shown_at"])
            ],
            "decisions": [
                {
                    **decisions.as_answer(row),
                    "intervention": names.get(row["intervention_id"] or "", row["intervention_id"]),
                }
                for row in _rows(connection, decision_table, held)
                if within(row["decided_at"])
            ],
            "requestsToLookAgain": [
                contests.as_answer(row)
                for row in _rows(connection, contest_table, held)
                if within(row["raised_at"])
            ],
            "flags": [
                {**flag_register.as_answer(row), "responses": _responses(connection, row["id"])}
                for row in _rows(connection, flag_table, held)
                if within(row["raised_on"])
            ],
            "whoLooked": [
                entry for entry in audit_log.entries_of(connection, held) if within(str(entry["when"]))
            ],
        }
        append(
            connection,
            services.database,
            deed=Deed.DISCLOSURE,
            action="SUBJECT_ACCESS",
            actor=actor,
            at=services.now(),
            crn=held,
        )
    return found


def _records(tables: CaseRows, within: Any) -> CaseRows:
    return {name: [row for row in rows if within(row.get("known_on"))] for name, rows in tables.items()}


def _rows(connection: Connection, table: Table, crn: str) -> list[Mapping[str, Any]]:
    found = connection.execute(select(table).where(table.c.crn == crn).order_by(table.c.id))
    return [dict(row) for row in found.mappings()]


def _responses(connection: Connection, flag_id: str) -> list[dict[str, Any]]:
    rows = connection.execute(
        select(flag_responses)
        .where(flag_responses.c.flag_id == flag_id)
        .order_by(flag_responses.c.responded_at, flag_responses.c.id)
    )
    return [
        {
            "respondedAt": row["responded_at"].isoformat(timespec="milliseconds"),
            "respondedBy": row["responded_by"],
            "response": row["response"],
            "ownWords": row["own_words"],
        }
        for row in rows.mappings()
    ]
