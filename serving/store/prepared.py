"""Answers worked out before anybody asks: one a person, kept with what it holds for, gone with the case.

Nothing here says that an answer still holds. Whoever looks one up names the set by its id, which is a hash of
everything that the answer depends on, and the stamp that it was made for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import (
    Connection,
    LargeBinary,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    select,
    type_coerce,
)

from serving.store.cases import runs_on
from serving.store.tables import cases, prepared_sets, suggestion_sets

_COLUMNS: Final = ("bundle_version", "spec_hash", "catalogue_hash", "content")
# What was shown comes first: it is what was shown, whatever a later version of the service would say.
_HELD: Final = (
    select(
        literal(0).label("place"),
        *(suggestion_sets.c[name] for name in _COLUMNS),
        type_coerce(null(), LargeBinary).label("told"),
    )
    .where(suggestion_sets.c.id == bindparam("id"))
    .union_all(
        select(
            literal(1).label("place"),
            *(prepared_sets.c[name] for name in _COLUMNS),
            prepared_sets.c.told,
        ).where(
            prepared_sets.c.crn == bindparam("crn"),
            prepared_sets.c.id == bindparam("id"),
            prepared_sets.c.made_for == bindparam("stamp"),
        )
    )
)


@dataclass(frozen=True, kw_only=True)
class Held:
    """A set as the store has it: shown before (`told` is None), or worked out ahead with what it tells of itself."""

    bundle_version: str
    spec_hash: str
    catalogue_hash: str
    content: bytes
    told: bytes | None


def find(connection: Connection, *, crn: str, set_id: str, stamp: str | None) -> Held | None:
    """The set of this id, as it was shown, else as it was worked out for this stamp; None to work it out."""
    rows = connection.execute(_HELD, {"crn": crn, "id": set_id, "stamp": stamp or ""}).all()
    if not rows:
        return None
    row = min(rows, key=lambda row: row.place)
    return Held(
        bundle_version=row.bundle_version,
        spec_hash=row.spec_hash,
        catalogue_hash=row.catalogue_hash,
        content=row.content,
        told=row.told,
    )


def waiting(connection: Connection, *, stamp: str, running_on: date, after: str, at_most: int) -> list[str]:
    """The next people under supervision on a day, in order of CRN, for whom nothing holds that stamp."""
    there = exists().where(prepared_sets.c.crn == cases.c.crn, prepared_sets.c.made_for == stamp)
    found = connection.execute(
        select(cases.c.crn)
        .where(cases.c.crn > after, ~there, runs_on(running_on))
        .order_by(cases.c.crn)
        .limit(at_most)
    )
    return [str(crn) for crn in found.scalars()]


def count(connection: Connection, *, stamp: str) -> int:
    """For how many people does an answer hold that stamp?"""
    return connection.execute(
        select(func.count()).select_from(prepared_sets).where(prepared_sets.c.made_for == stamp)
    ).scalar_one()


def keep(connection: Connection, *, crn: str, document_hash: str, values: Mapping[str, Any]) -> bool:
    """Keep a person's answer in place of the former one; False when their case has changed or gone meanwhile.

    The case is held in place until the transaction ends, so that no answer outlives what it was made from.
    """
    now = connection.execute(
        select(cases.c.document_hash).where(cases.c.crn == crn).with_for_update()
    ).scalar()
    if now != document_hash:
        return False
    connection.execute(delete(prepared_sets).where(prepared_sets.c.crn == crn))
    connection.execute(insert(prepared_sets).values(crn=crn, **values))
    return True


def of(connection: Connection, crn: str) -> Mapping[str, Any] | None:
    """What was worked out for a person, with its day."""
    columns = (prepared_sets.c.id, prepared_sets.c.as_of, prepared_sets.c.content)
    found = connection.execute(select(*columns).where(prepared_sets.c.crn == crn)).mappings().first()
    return None if found is None else dict(found)
