"""Case documents: one JSON document a person, and the columns that lists and limits are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import orjson
from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from features.case import Case
from features.contract import CASE_TABLES, TABLES, ColumnKind
from serving.store.tables import (
    case_versions,
    cases,
    facts,
    protected_characteristics,
    referral_owners,
    suggestion_sets,
)

LAST_KNOWN: Final = "last_known_on"
_LAST_KNOWN: Final = select(facts.c.value).where(facts.c.name == LAST_KNOWN)
# The tables of a case whose rows name the person, and the columns of each table that hold days.
_OWNED: Final = frozenset(name for name in CASE_TABLES if "crn" in TABLES[name].names)
_DAYS: Final = {
    name: tuple(column.name for column in TABLES[name].columns if column.kind is ColumnKind.DATE)
    for name in CASE_TABLES
}


@dataclass(frozen=True, kw_only=True)
class StoredCase:
    """A person's case as the store has it; `document` is the JSON of the contract's tables."""

    crn: str
    document: bytes
    document_hash: str
    version: int
    pdu: str | None
    region: str | None
    excluded_users: tuple[str, ...]
    restricted_to_users: tuple[str, ...]

    def closed_to(self, user: str) -> bool:
        """Is this a limited-access case that the user may not open?"""
        if user in self.excluded_users:
            return True
        return bool(self.restricted_to_users) and user not in self.restricted_to_users

    def read(self) -> Case:
        """The case itself. What is kept was held against the contract when it came, and is not held again."""
        tables: dict[str, list[dict[str, Any]]] = orjson.loads(self.document)
        del tables["crn"]
        for name, rows in tables.items():
            days = _DAYS[name]
            for row in rows:
                if name in _OWNED:
                    row["crn"] = self.crn
                for column in days:
                    day = row.get(column)
                    if day is not None:
                        row[column] = date.fromisoformat(day)
        return Case(self.crn, {name: tuple(rows) for name, rows in tables.items()})


@dataclass(frozen=True, kw_only=True)
class CaseLine:
    """One line of a list of people."""

    crn: str
    practitioner: str | None
    team: str | None
    pdu: str | None
    assessed_on: date | None
    sentence_type: str | None
    sentence_ends_on: date | None


def find(connection: Connection, crn: str) -> StoredCase | None:
    """The case of this CRN, or None."""
    row = connection.execute(
        select(
            cases.c.document,
            cases.c.document_hash,
            cases.c.version,
            cases.c.pdu,
            cases.c.region,
            cases.c.excluded_users,
            cases.c.restricted_to_users,
        ).where(cases.c.crn == crn)
    ).first()
    if row is None:
        return None
    return StoredCase(
        crn=crn,
        document=row.document,
        document_hash=row.document_hash,
        version=row.version,
        pdu=row.pdu,
        region=row.region,
        excluded_users=_users(row.excluded_users),
        restricted_to_users=_users(row.restricted_to_users),
    )


def there(connection: Connection, crn: str) -> bool:
    """Is there a case of this CRN?"""
    return connection.execute(select(cases.c.crn).where(cases.c.crn == crn)).first() is not None


def _users(text: str | None) -> tuple[str, ...]:
    return () if not text else tuple(orjson.loads(text))


def document_hash(document: bytes) -> str:
    """The hash that a suggestion set names the case it was made from by."""
    return hashlib.sha256(document).hexdigest()


def put(connection: Connection, *, crn: str, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> int:
    """Keep a case, replacing what was there; the version it has now (unchanged content keeps its version)."""
    document = orjson.dumps({"crn": crn, **tables})
    digest = document_hash(document)
    found = find(connection, crn)
    if found is not None and found.document_hash == digest:
        return found.version
    values = {**summary(tables), "document": document, "document_hash": digest}
    if found is None:
        version = 1 + (
            connection.execute(
                select(func.max(case_versions.c.version)).where(case_versions.c.crn == crn)
            ).scalar()
            or 0
        )
        connection.execute(insert(cases).values(crn=crn, version=version, **values))
    else:
        version = found.version + 1
        keep_if_shown(connection, found)
        connection.execute(update(cases).where(cases.c.crn == crn).values(version=version, **values))
    own_referrals(connection, crn, [row.get("referral_id") for row in tables.get("referrals", ())])
    known = values["last_known_on"]
    if isinstance(known, date):
        raise_last_known(connection, known)
    return version


def own_referrals(connection: Connection, crn: str, referrals: Sequence[object]) -> None:
    """Remember whose these referrals are."""
    names = sorted({name for name in referrals if isinstance(name, str)})
    connection.execute(delete(referral_owners).where(referral_owners.c.crn == crn))
    if names:
        connection.execute(delete(referral_owners).where(referral_owners.c.referral_id.in_(names)))
        connection.execute(insert(referral_owners), [{"referral_id": name, "crn": crn} for name in names])


def owner(connection: Connection, referral_id: str) -> str | None:
    """The CRN of the person a referral belongs to, or None."""
    found = connection.execute(
        select(referral_owners.c.crn).where(referral_owners.c.referral_id == referral_id)
    ).scalar()
    return None if found is None else str(found)


def keep_if_shown(connection: Connection, case: StoredCase) -> None:
    """Keep the version that is about to be replaced, when somebody was shown suggestions made from it."""
    shown = connection.execute(
        select(suggestion_sets.c.id)
        .where(suggestion_sets.c.crn == case.crn, suggestion_sets.c.case_version == case.version)
        .limit(1)
    ).first()
    if shown is not None:
        connection.execute(
            insert(case_versions).values(
                crn=case.crn,
                version=case.version,
                document=case.document,
                document_hash=case.document_hash,
            )
        )


def remove(connection: Connection, crn: str) -> bool:
    """Remove a case with its old versions and its protected characteristics; False when there is none."""
    connection.execute(delete(case_versions).where(case_versions.c.crn == crn))
    connection.execute(delete(referral_owners).where(referral_owners.c.crn == crn))
    connection.execute(delete(protected_characteristics).where(protected_characteristics.c.crn == crn))
    return connection.execute(delete(cases).where(cases.c.crn == crn)).rowcount > 0


def summary(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, object]:
    """The columns kept with the document, from its newest rows."""
    person = _newest(tables.get("people", ()), "known_on")
    assessment = _newest(
        [row for row in tables.get("assessments", ()) if row.get("completed_on")], "completed_on"
    )
    sentence = longest_running(tables.get("sentences", ()))
    known = [
        day for rows in tables.values() for row in rows if (day := _day(row.get("known_on"))) is not None
    ]
    return {
        "pdu": person.get("pdu"),
        "region": person.get("region"),
        "practitioner": person.get("practitioner"),
        "team": person.get("team"),
        "excluded_users": _list(person.get("excluded_users")),
        "restricted_to_users": _list(person.get("restricted_to_users")),
        "assessed_on": _day(assessment.get("completed_on")),
        "sentence_type": sentence.get("sentence_type"),
        "sentence_ends_on": _day(sentence.get("ends_on")),
        "last_known_on": max(known, default=None),
    }


def longest_running(sentences: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The sentence that says until when somebody is under supervision; empty where there is none.

    Of each sentence the last known version counts, since an end may be brought forward; of several
    sentences the one that ends last, and one without an end after all others.
    """
    last = last_versions(sentences)
    return max(
        (row for row in last if row.get("starts_on")),
        key=lambda row: (row.get("ends_on") is None, str(row.get("ends_on")), str(row["starts_on"])),
        default={},
    )


def last_versions(sentences: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The last known version of each sentence of one person; on one day the greatest by content, as everywhere."""
    names = ("known_on", *TABLES["sentences"].names)
    last: dict[object, Mapping[str, Any]] = {}
    for row in sorted(sentences, key=lambda row: [str(row.get(name) or "") for name in names]):
        last[row.get("event_number")] = row
    return list(last.values())


def runs_on(day: date) -> ColumnElement[bool]:
    """Does somebody's sentence run on that day? One without an end does."""
    return or_(
        cases.c.sentence_ends_on >= day,
        and_(cases.c.sentence_ends_on.is_(None), cases.c.sentence_type.is_not(None)),
    )


def _newest(rows: Sequence[Mapping[str, Any]], column: str) -> Mapping[str, Any]:
    return max(rows, key=lambda row: str(row.get(column) or ""), default={})


def _day(value: object) -> date | None:
    if isinstance(value, date):
        return value
    return date.fromisoformat(value) if isinstance(value, str) else None


def _list(value: object) -> str | None:
    return orjson.dumps(list(value)).decode() if isinstance(value, list | tuple) and value else None


def last_known(connection: Connection) -> date | None:
    """The newest day on which anything in the store became known."""
    value = connection.execute(_LAST_KNOWN).scalar()
    return None if value is None else date.fromisoformat(value)


def raise_last_known(connection: Connection, day: date) -> None:
    """Move the newest known day forwards; never backwards."""
    found = last_known(connection)
    if found is None:
        connection.execute(insert(facts).values(name=LAST_KNOWN, value=day.isoformat()))
    elif day > found:
        connection.execute(update(facts).where(facts.c.name == LAST_KNOWN).values(value=day.isoformat()))


def page(
    connection: Connection,
    *,
    practitioner: str | None = None,
    crn_prefix: str | None = None,
    running_on: date | None = None,
    number: int = 0,
    size: int = 20,
) -> tuple[list[CaseLine], int]:
    """One page (0-based) of people in order of CRN, and how many there are in all.

    Args:
        connection: a reading transaction.
        practitioner: only this caseload.
        crn_prefix: only CRNs that begin so.
        running_on: only people whose sentence runs on that day.
        number: which page.
        size: lines on a page.
    """
    wanted: list[ColumnElement[bool]] = []
    if practitioner is not None:
        wanted.append(cases.c.practitioner == practitioner)
    if crn_prefix:
        wanted.append(cases.c.crn.startswith(crn_prefix, autoescape=True))
    if running_on is not None:
        wanted.append(runs_on(running_on))
    total = connection.execute(select(func.count()).select_from(cases).where(*wanted)).scalar_one()
    columns = [cases.c[name] for name in CaseLine.__dataclass_fields__]
    rows = connection.execute(
        select(*columns).where(*wanted).order_by(cases.c.crn).limit(size).offset(number * size)
    )
    return [CaseLine(**row) for row in rows.mappings()], total


def line(connection: Connection, crn: str) -> CaseLine | None:
    """The line of one person, or None."""
    columns = [cases.c[name] for name in CaseLine.__dataclass_fields__]
    found = connection.execute(select(*columns).where(cases.c.crn == crn)).mappings().first()
    return None if found is None else CaseLine(**found)


def practitioners(connection: Connection, *, running_on: date, limit: int = 200) -> list[tuple[str, int]]:
    """Practitioners with the number of people whose sentence runs on that day, by name, as far as `limit`."""
    rows = connection.execute(
        select(cases.c.practitioner, func.count())
        .where(cases.c.practitioner.is_not(None), runs_on(running_on))
        .group_by(cases.c.practitioner)
        .order_by(cases.c.practitioner)
        .limit(limit)
    )
    return [(str(name), int(count)) for name, count in rows]


def put_protected(connection: Connection, *, crn: str, row: Mapping[str, Any]) -> None:
    """Keep a person's protected characteristics in their own table."""
    connection.execute(delete(protected_characteristics).where(protected_characteristics.c.crn == crn))
    connection.execute(insert(protected_characteristics).values(crn=crn, document=orjson.dumps(dict(row))))


def protected_of(connection: Connection, crn: str) -> dict[str, Any] | None:
    """A person's protected characteristics, for their own subject access and the audit; never for a score."""
    found = connection.execute(
        select(protected_characteristics.c.document).where(protected_characteristics.c.crn == crn)
    ).scalar()
    return None if found is None else orjson.loads(found)
