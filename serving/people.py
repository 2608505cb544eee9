"""One person's records as a whole: replaced, added to, merged with another's, taken apart again, erased."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Table, delete, insert, or_, select, update

from catalogue.errors import UsageError
from features.case import Case
from features.contract import CASE_TABLES, TABLES
from serving import audit_log
from serving.audit_log import Actor, Deed, append
from serving.errors import conflict, not_found
from serving.outbox import announce
from serving.services import Services
from serving.store import cases as case_store
from serving.store import erased
from serving.store.tables import (
    contests,
    decisions,
    flag_responses,
    flags,
    idempotency,
    merges,
    outbox,
    protected_characteristics,
    suggestion_sets,
)

CaseRows = dict[str, list[dict[str, Any]]]
HELD: Final = (suggestion_sets, decisions, contests, flags)
PROTECTED: Final = "protected"


def read_case(crn: str, document: Mapping[str, Any]) -> tuple[CaseRows, Mapping[str, Any] | None]:
    """The tables of a case document, checked against the contract, and its protected row apart.

    Raises:
        UsageError: naming table and column, never a value.
    """
    content = {name: value for name, value in document.items() if name != PROTECTED}
    content.setdefault("crn", crn)
    if content["crn"] != crn:
        raise UsageError("The document's crn is not the one of the address.")
    case = Case.from_document(content)
    return _tables(case.to_document()), _protected(document.get(PROTECTED))


def _tables(document: Mapping[str, Any]) -> CaseRows:
    """Rows as the store keeps them: without the CRN, which is the document's own."""
    return {
        name: [{key: value for key, value in row.items() if key != "crn"} for row in document[name]]
        for name in CASE_TABLES
    }


def _protected(found: object) -> Mapping[str, Any] | None:
    """The one row of protected characteristics of a document, by the contract's columns."""
    if found is None or found == []:
        return None
    row = found[0] if isinstance(found, list) and len(found) == 1 else found
    if not isinstance(row, Mapping) or not set(row) <= set(TABLES[PROTECTED].names):
        raise UsageError("The table protected of a case document is one row of the contract's columns.")
    return {key: value for key, value in row.items() if key != "crn"}


def put(services: Services, *, crn: str, document: Mapping[str, Any], actor: Actor) -> int:
    """Keep a whole case, replacing what was there; its version. Who was erased is known again by this alone.

    Raises:
        UsageError: when the document breaks the contract.
        ServiceError: 409 MERGED for a CRN that was merged into another.
    """
    tables, protected = read_case(crn, document)
    with services.database.write() as connection:
        if merged_into(connection, crn) is not None:
            raise conflict("MERGED", "This CRN was merged into another; send the case under that one.")
        known_again = erased.lift(connection, crn)
        there = case_store.find(connection, crn)
        version = case_store.put(connection, crn=crn, tables=tables)
        if protected is not None:
            case_store.put_protected(connection, crn=crn, row=protected)
        append(
            connection,
            services.database,
            deed=Deed.COLLECTION if there is None else Deed.ALTERATION,
            action="CASE_STORED",
            actor=actor,
            at=services.now(),
            crn=crn,
            details={"version": version, **({"afterErasure": True} if known_again else {})},
        )
    return version


def add_rows(
    connection: Connection, services: Services, *, crn: str, rows: Mapping[str, Any], actor: Actor
) -> bool:
    """Add rows to a case (made when there is none yet); False when every one of them was there already."""
    case = Case.from_document({"crn": crn, **rows})
    given = _tables(case.to_document())
    found = case_store.find(connection, crn)
    tables = {name: [] for name in CASE_TABLES} if found is None else stored_tables(found.document)
    new = False
    for name, lines in given.items():
        for line in lines:
            if line not in tables[name]:
                tables[name].append(line)
                new = True
    if new or found is None:
        case_store.put(connection, crn=crn, tables=tables)
        append(
            connection,
            services.database,
            deed=Deed.ALTERATION,
            action="RECORDS_ADDED",
            actor=actor,
            at=services.now(),
            crn=crn,
            details={name: len(lines) for name, lines in given.items() if lines},
        )
    return new


def stored_tables(document: bytes) -> CaseRows:
    """The tables of a stored document, complete and without CRNs in their rows."""
    content = orjson.loads(document)
    return {
        name: [
            {column: row.get(column) for column in TABLES[name].names if column != "crn"}
            for row in content.get(name, ())
        ]
        for name in CASE_TABLES
    }


def merged_into(connection: Connection, crn: str) -> str | None:
    """The CRN that this one was merged into, followed to its end; None when it was not."""
    seen = {crn}
    found: str | None = None
    while True:
        following = connection.execute(
            select(merges.c.to_crn).where(merges.c.from_crn == (found or crn), merges.c.undone_at.is_(None))
        ).scalar()
        if following is None or following in seen:
            return found
        found = str(following)
        seen.add(found)


def merge(
    connection: Connection,
    services: Services,
    *,
    source: str,
    target: str,
    actor: Actor,
    occurred_at: datetime | None = None,
) -> bool:
    """Make one person of two: everything of `source` is `target`'s from now on.

    False when it is so already, or when word that it was taken back, later, has come in before. Late word that
    `source` was part of somebody who has been erased since erases `source` too; any other of the erased is dropped.
    """
    if source == target or merged_into(connection, source) == target:
        return False
    at = services.now()
    if _taken_back(connection, source=source, target=target, since=occurred_at or at):
        return False
    gone = erased.when(connection, target)
    if gone is not None and occurred_at is not None and occurred_at <= gone:
        return erase_in(connection, services, crn=source, actor=actor, at=gone)
    if gone is not None or erased.when(connection, source) is not None:
        return False
    end = merged_into(connection, target) or target
    if end == source:
        raise conflict("MERGE_CIRCLE", "These two were merged the other way round.")
    before = {
        "source": _snapshot(connection, source),
        "target": _snapshot(connection, end),
    }
    tables = {
        name: _union(before["source"]["tables"][name], before["target"]["tables"][name])
        for name in CASE_TABLES
    }
    case_store.remove(connection, source)
    if any(tables.values()):
        case_store.put(connection, crn=end, tables=tables)
    characteristics = before["target"]["protected"] or before["source"]["protected"]
    if characteristics is not None:
        case_store.put_protected(connection, crn=end, row=characteristics)
    for table in (*HELD, idempotency, outbox):
        connection.execute(update(table).where(table.c.crn == source).values(crn=end))
    if before["source"]["references"]:
        audit_log.rename(connection, found_under=before["source"]["references"], crn=end)
    connection.execute(
        insert(merges).values(
            id=str(uuid.uuid4()), from_crn=source, to_crn=end, merged_at=at, before=orjson.dumps(before)
        )
    )
    append(
        connection,
        services.database,
        deed=Deed.COMBINATION,
        action="PEOPLE_MERGED",
        actor=actor,
        at=at,
        crn=end,
    )
    announce(
        connection,
        event_type="signpost.person.merged",
        description="Records of one person under two CRNs were brought together",
        crn=end,
        at=at,
        information={},
    )
    return True


def _taken_back(connection: Connection, *, source: str, target: str, since: datetime) -> bool:
    """Was this merge taken back at that moment or later?"""
    row = connection.execute(
        select(merges.c.id)
        .where(merges.c.from_crn == source, merges.c.to_crn == target, merges.c.undone_at >= since)
        .limit(1)
    ).first()
    return row is not None


def unmerge(
    connection: Connection,
    services: Services,
    *,
    source: str,
    target: str,
    actor: Actor,
    occurred_at: datetime | None = None,
) -> bool:
    """Take a merge back: `source` has what it had; later records stay with `target`, or with the person it was merged into.

    False when there is no such merge; that it was taken back is remembered, should the merge come late, but not of
    somebody who was erased.
    """
    if erased.among(connection, (source, target)):
        return False
    at = services.now()
    row = connection.execute(
        select(merges).where(
            merges.c.from_crn == source, merges.c.to_crn == target, merges.c.undone_at.is_(None)
        )
    ).first()
    if row is None:
        moment = occurred_at or at
        if source != target and not _taken_back(connection, source=source, target=target, since=moment):
            values = {"from_crn": source, "to_crn": target, "merged_at": moment, "undone_at": moment}
            connection.execute(insert(merges).values(id=str(uuid.uuid4()), before=b"{}", **values))
        return False
    before = orjson.loads(row.before)
    theirs, ours = before["source"], before["target"]
    connection.execute(update(merges).where(merges.c.id == row.id).values(undone_at=occurred_at or at))
    onwards = _onwards(connection, target)
    holder = onwards[-1][0] if onwards else target
    others = [ours, *(later["target"] for _, _, later in onwards)]
    leaving = {
        name: [
            line
            for line in theirs["tables"][name]
            if not any(line in side["tables"][name] for side in others)
        ]
        for name in CASE_TABLES
    }
    found = case_store.find(connection, holder)
    if found is not None:
        case_store.put(connection, crn=holder, tables=_without(stored_tables(found.document), leaving))
    if any(theirs["tables"].values()):
        case_store.put(connection, crn=source, tables=theirs["tables"])
    connection.execute(
        delete(protected_characteristics).where(protected_characteristics.c.crn.in_([source, holder]))
    )
    stays = next((side["protected"] for side in reversed(others) if side["protected"] is not None), None)
    for crn, characteristics in ((source, theirs["protected"]), (holder, stays)):
        if characteristics is not None:
            case_store.put_protected(connection, crn=crn, row=characteristics)
    _give_back(connection, source, theirs)
    for _, identity, later in onwards:
        connection.execute(
            update(merges)
            .where(merges.c.id == identity)
            .values(before=orjson.dumps(_less(later, theirs, leaving)))
        )
    append(
        connection,
        services.database,
        deed=Deed.COMBINATION,
        action="PEOPLE_UNMERGED",
        actor=actor,
        at=at,
        crn=holder,
    )
    return True


def _onwards(connection: Connection, crn: str) -> list[tuple[str, str, dict[str, Any]]]:
    """The merges that a person has gone through since, in order: into whom, its number, and what was there before."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    seen = {crn}
    while True:
        row = connection.execute(
            select(merges).where(merges.c.from_crn == crn, merges.c.undone_at.is_(None))
        ).first()
        if row is None or row.to_crn in seen:
            return found
        found.append((row.to_crn, row.id, orjson.loads(row.before)))
        crn = row.to_crn
        seen.add(crn)


def _give_back(connection: Connection, crn: str, side: Mapping[str, Any]) -> None:
    """What hung on a person before a merge hangs on them again."""
    for table in HELD:
        connection.execute(update(table).where(table.c.id.in_(side["held"][table.name])).values(crn=crn))
    connection.execute(update(outbox).where(outbox.c.id.in_(side["held"]["outbox"])).values(crn=crn))
    for scope, key in side["held"]["idempotency"]:
        connection.execute(
            update(idempotency).where(idempotency.c.scope == scope, idempotency.c.key == key).values(crn=crn)
        )
    if side["references"]:
        audit_log.rename(connection, found_under=side["references"], crn=crn)


def _without(tables: CaseRows, leaving: CaseRows) -> CaseRows:
    return {name: [line for line in tables[name] if line not in leaving[name]] for name in CASE_TABLES}


def _less(later: dict[str, Any], gone: Mapping[str, Any], leaving: CaseRows) -> dict[str, Any]:
    """What a later merge remembers of its source, without somebody who has been taken out of it since."""
    source = later["source"]
    held = {
        name: [item for item in kept if item not in gone["held"][name]]
        for name, kept in source["held"].items()
    }
    references = [reference for reference in source["references"] if reference not in gone["references"]]
    protected = None if source["protected"] == gone["protected"] else source["protected"]
    tables = _without(source["tables"], leaving)
    changed = {**source, "tables": tables, "held": held, "references": references, "protected": protected}
    return {**later, "source": changed}


def _union(ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [*theirs, *(line for line in ours if line not in theirs)]


def _snapshot(connection: Connection, crn: str) -> dict[str, Any]:
    """Everything that a merge would move, so that it can be put back."""
    found = case_store.find(connection, crn)
    return {
        "tables": {name: [] for name in CASE_TABLES} if found is None else stored_tables(found.document),
        "protected": case_store.protected_of(connection, crn),
        "references": audit_log.references(connection, crn),
        "held": {
            **{
                str(table.name): list(
                    connection.execute(select(table.c.id).where(table.c.crn == crn)).scalars()
                )
                for table in (*HELD, outbox)
            },
            "idempotency": [
                list(row)
                for row in connection.execute(
                    select(idempotency.c.scope, idempotency.c.key).where(idempotency.c.crn == crn)
                )
            ],
        },
    }


def erase(services: Services, *, crn: str, actor: Actor) -> None:
    """Remove everything about a person. The audit log still says that it happened, but not to which person.

    Raises:
        ServiceError: 404 when nothing is held.
    """
    with services.database.write() as connection:
        if not erase_in(connection, services, crn=crn, actor=actor, at=services.now()):
            raise not_found("person")  # and nothing is marked
    services.database.scrub()


def erase_in(
    connection: Connection, services: Services, *, crn: str, actor: Actor, at: datetime | None = None
) -> bool:
    """As `erase`, within a transaction; False when nothing is held. With `at`, late word of them is dropped from then on."""
    target = merged_into(connection, crn) or crn
    names = [target, *_merged_from(connection, target), crn]
    if at is not None:
        erased.remember(connection, names, at=at)
    held = case_store.find(connection, target) is not None or _holds(connection, target)
    if not held:
        return False
    append(
        connection,
        services.database,
        deed=Deed.ERASURE,
        action="PERSON_ERASED",
        actor=actor,
        at=services.now(),
        crn=target,
    )
    for name in names:
        _erase_one(connection, name)
    return True


def _erase_one(connection: Connection, crn: str) -> None:
    raised = select(flags.c.id).where(flags.c.crn == crn)
    connection.execute(delete(flag_responses).where(flag_responses.c.flag_id.in_(raised)))
    for table in (flags, contests, decisions, suggestion_sets, idempotency, outbox):
        connection.execute(delete(table).where(table.c.crn == crn))
    connection.execute(delete(merges).where(or_(merges.c.from_crn == crn, merges.c.to_crn == crn)))
    case_store.remove(connection, crn)
    audit_log.forget(connection, crn)


def _merged_from(connection: Connection, crn: str) -> list[str]:
    """Everyone who was merged into a person, directly or by way of others."""
    found: list[str] = []
    waiting = [crn]
    while waiting:
        rows = connection.execute(
            select(merges.c.from_crn).where(merges.c.to_crn == waiting.pop(), merges.c.undone_at.is_(None))
        )
        fresh = [str(name) for name in rows.scalars() if name not in found and name != crn]
        found.extend(fresh)
        waiting.extend(fresh)
    return found


def _holds(connection: Connection, crn: str) -> bool:
    tables: tuple[Table, ...] = (*HELD, idempotency)
    return any(
        connection.execute(select(table.c.crn).where(table.c.crn == crn).limit(1)).first() is not None
        for table in tables
    )
