"""Loads case histories, the directory and travel times into the store, a block of people at a time.

Documents are made by polars (a struct to JSON, in Rust), not row by row: 20,000 people take seconds. A case
that is already there is replaced; loading the same folder twice changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import date
from typing import Final

import orjson
import polars as pl
from sqlalchemy import Connection, delete, insert, select

from features.contract import CASE_TABLES, TABLES
from features.histories import Histories
from features.versions import current
from serving.store import cases as case_store
from serving.store import erased
from serving.store.database import Database
from serving.store.directory import VERSION
from serving.store.migrate import migrate
from serving.store.tables import cases, directory, facts, protected_characteristics, referral_owners, travel

BLOCK: Final = 2_000

OnProgress = Callable[[int, int], None]


def ingest(histories: Histories, *, database_url: str, progress: OnProgress | None = None) -> int:
    """Load everybody in the histories but those who were erased; the number of people.

    Args:
        histories: the case histories, with directory and travel times.
        database_url: the store, made or brought up to date first.
        progress: called with (done, total) people.

    Raises:
        UsageError: when the histories or the address of the store cannot be used.
    """
    database = Database(database_url)
    try:
        migrate(database)
        with database.read() as connection:
            gone = erased.among(connection, histories.crns())
        crns = tuple(crn for crn in histories.crns() if crn not in gone)
        owned = _owned_tables(histories)
        _load_directory(database, histories)
        done = 0
        for block in _blocks(crns):
            _load_block(database, histories, owned, block)
            done += len(block)
            if progress is not None:
                progress(done, len(crns))
        with database.write() as connection:
            if crns:
                case_store.raise_last_known(connection, histories.last_day)
        return len(crns)
    finally:
        database.close()


def _blocks(crns: tuple[str, ...]) -> Iterator[list[str]]:
    for start in range(0, len(crns), BLOCK):
        yield list(crns[start : start + BLOCK])


def _owned_tables(histories: Histories) -> dict[str, pl.LazyFrame]:
    """Every case table with the CRN it belongs to in `_crn`; what hangs on a referral takes the referral's."""
    owners = (
        histories.table("referrals")
        .select("referral_id", "crn", "known_on")
        .sort("known_on", "crn")
        .unique("referral_id", keep="first", maintain_order=True)
        .select("referral_id", _crn="crn")
    )
    owned = {}
    for name in CASE_TABLES:
        frame = histories.table(name)
        if "crn" in TABLES[name].names:
            owned[name] = frame.with_columns(_crn=pl.col("crn"))
        else:
            owned[name] = frame.join(owners, on="referral_id", how="inner", maintain_order="left")
    return owned


def _documents(owned: dict[str, pl.LazyFrame], crns: list[str]) -> dict[str, dict[str, str]]:
    """For each table, by CRN, the JSON list of its rows."""
    wanted = pl.Series("crn", crns, pl.String).implode()
    found = {}
    for name, frame in owned.items():
        columns = [column for column in TABLES[name].names if column != "crn"]
        rows = (
            frame.filter(pl.col("_crn").is_in(wanted))
            .select("_crn", _json=pl.struct(columns).struct.json_encode())
            .group_by("_crn", maintain_order=True)
            .agg(pl.col("_json").str.join(","))
            .collect()
        )
        found[name] = {crn: f"[{text}]" for crn, text in rows.iter_rows()}
    return found


def _load_block(
    database: Database, histories: Histories, owned: dict[str, pl.LazyFrame], crns: list[str]
) -> None:
    documents = _documents(owned, crns)
    columns = _summaries(histories, owned, crns)
    rows = []
    for crn in crns:
        parts = [f'"crn":"{crn}"', *(f'"{name}":{documents[name].get(crn, "[]")}' for name in CASE_TABLES)]
        document = ("{" + ",".join(parts) + "}").encode()
        rows.append(
            {
                "crn": crn,
                "document": document,
                "document_hash": case_store.document_hash(document),
                **columns[crn],
            }
        )
    protected = _protected(histories, crns)
    referrals = (
        owned["referrals"]
        .filter(pl.col("_crn").is_in(pl.Series("crn", crns, pl.String).implode()))
        .select("referral_id", crn="_crn")
        .unique("referral_id", keep="first", maintain_order=True)
        .collect()
        .to_dicts()
    )
    with database.write() as connection:
        there = {
            row.crn: (row.version, row.document_hash)
            for row in connection.execute(
                select(cases.c.crn, cases.c.version, cases.c.document_hash).where(cases.c.crn.in_(crns))
            )
        }
        changed = [row for row in rows if there.get(str(row["crn"]), (0, ""))[1] != row["document_hash"]]
        for row in changed:
            crn = str(row["crn"])
            row["version"] = there.get(crn, (0, ""))[0] + 1
            if crn in there:
                found = case_store.find(connection, crn)
                assert found is not None
                case_store.keep_if_shown(connection, found)
        if changed:
            replaced = [str(row["crn"]) for row in changed]
            connection.execute(delete(cases).where(cases.c.crn.in_(replaced)))
            connection.execute(insert(cases), changed)
        connection.execute(delete(protected_characteristics).where(protected_characteristics.c.crn.in_(crns)))
        if protected:
            connection.execute(insert(protected_characteristics), protected)
        connection.execute(delete(referral_owners).where(referral_owners.c.crn.in_(crns)))
        if referrals:
            connection.execute(insert(referral_owners), referrals)


def _summaries(
    histories: Histories, owned: dict[str, pl.LazyFrame], crns: list[str]
) -> dict[str, dict[str, object]]:
    """The columns kept with each document, by the rules of `serving.store.cases.summary`."""
    wanted = pl.Series("crn", crns, pl.String).implode()

    def newest(name: str, by: str, columns: list[str]) -> dict[str, dict[str, object]]:
        frame = (
            histories.table(name)
            .filter(pl.col("crn").is_in(wanted) & pl.col(by).is_not_null())
            .sort(by, maintain_order=True)
            .group_by("crn", maintain_order=True)
            .agg(pl.col(columns).last())
            .collect()
        )
        return {str(row.pop("crn")): row for row in frame.iter_rows(named=True)}

    people = newest(
        "people",
        "known_on",
        ["pdu", "region", "practitioner", "team", "excluded_users", "restricted_to_users"],
    )
    assessed = newest("assessments", "completed_on", ["completed_on"])
    theirs = Histories.of({"sentences": histories.table("sentences").filter(pl.col("crn").is_in(wanted))})
    sentenced = {
        str(row["crn"]): row
        for row in current(theirs, "sentences")
        .drop_nulls("starts_on")
        .sort("ends_on", "starts_on", nulls_last=True)
        .group_by("crn")
        .agg(pl.col("sentence_type", "ends_on").last())
        .collect()
        .iter_rows(named=True)
    }
    known: dict[str, date] = {}
    for frame in owned.values():
        if "known_on" not in frame.collect_schema().names():
            continue
        days = frame.filter(pl.col("_crn").is_in(wanted)).group_by("_crn").agg(pl.col("known_on").max())
        for crn, day in days.collect().iter_rows():
            if day is not None and (crn not in known or day > known[crn]):
                known[crn] = day
    answers: dict[str, dict[str, object]] = {}
    for crn in crns:
        person = people.get(crn, {})
        answers[crn] = {
            "pdu": person.get("pdu"),
            "region": person.get("region"),
            "practitioner": person.get("practitioner"),
            "team": person.get("team"),
            "excluded_users": _list(person.get("excluded_users")),
            "restricted_to_users": _list(person.get("restricted_to_users")),
            "assessed_on": assessed.get(crn, {}).get("completed_on"),
            "sentence_type": sentenced.get(crn, {}).get("sentence_type"),
            "sentence_ends_on": sentenced.get(crn, {}).get("ends_on"),
            "last_known_on": known.get(crn),
        }
    return answers


def _list(value: object) -> str | None:
    return orjson.dumps(value).decode() if isinstance(value, list) and value else None


def _protected(histories: Histories, crns: list[str]) -> list[dict[str, object]]:
    wanted = pl.Series("crn", crns, pl.String).implode()
    rows = (
        histories.table("protected")
        .filter(pl.col("crn").is_in(wanted))
        .sort("known_on", maintain_order=True)
        .group_by("crn", maintain_order=True)
        .last()
        .collect()
    )
    return [{"crn": row.pop("crn"), "document": orjson.dumps(row)} for row in rows.iter_rows(named=True)]


def _load_directory(database: Database, histories: Histories) -> None:
    """Replace the directory and the travel times when the histories bring any."""
    entries = histories.table("directory").collect()
    ways = (
        histories.table("travel")
        .drop_nulls(["pdu", "venue", "minutes"])
        .unique(["pdu", "venue"], keep="first", maintain_order=True)
        .collect()
    )
    rows = [
        {
            "intervention_id": row["intervention_id"],
            "region": row["region"],
            "pdu": row["pdu"],
            "venue": row["venue"],
            "document": orjson.dumps(row),
        }
        for row in entries.iter_rows(named=True)
    ]
    digest = hashlib.sha256(b"".join(row["document"] for row in rows))
    digest.update(ways.write_csv().encode())
    with database.write() as connection:
        there = connection.execute(select(facts.c.value).where(facts.c.name == VERSION)).scalar()
        if there != digest.hexdigest():
            _replace(connection, rows, ways.to_dicts(), digest.hexdigest())


def _replace(
    connection: Connection, entries: list[dict[str, object]], ways: list[dict[str, object]], digest: str
) -> None:
    if entries:
        connection.execute(delete(directory))
        connection.execute(insert(directory), entries)
    if ways:
        connection.execute(delete(travel))
        connection.execute(insert(travel), ways)
    if entries or ways:
        connection.execute(delete(facts).where(facts.c.name == VERSION))
        connection.execute(insert(facts).values(name=VERSION, value=digest))
