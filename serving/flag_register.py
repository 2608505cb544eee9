"""The flags and prompts that are kept: which referrals are drifting, what has changed, which check is due.

A caseload is looked at when somebody asks for it, and a person when an event changes their case. What was
found is kept until it no longer holds, so that a response has something to answer. A flag offers support; it
is never a reason to withhold.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import orjson
from sqlalchemy import Connection, String, cast, func, insert, literal, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from catalogue import Catalogue
from features.case import Case
from scoring.bundle import Bundle
from scoring.inflight import from_cases
from scoring.inflight.prompts import CHANGES, CHECKS
from serving.audit_log import Actor, Deed, append
from serving.errors import not_found
from serving.schemas.flags import ResponseQuestion
from serving.services import Services
from serving.store import cases as case_store
from serving.store.idempotency import Once, keep, replay
from serving.store.tables import cases, flag_responses, flags
from serving.suggestions import open_case

AT_ONCE: Final = 100
OF_THE_CASE: Final = ("practitioner", "team", "pdu")

Found = dict[str, Any]


def refresh(services: Services, *, practitioner: str | None, team: str | None, pdu: str | None) -> None:
    """Look for flags and prompts in a caseload, for everyone whose case, bundle or day has changed since.

    Everyone in scope has been looked at when this returns, block by block so that memory stays bounded and
    others may write in between; what is counted afterwards is complete.
    """
    as_of, bundle = services.as_of(None), services.bundles.current
    scope = _caseload(practitioner=practitioner, team=team, pdu=pdu)
    prefix = stamp(as_of, bundle)
    looked_at = ""
    while True:
        with services.database.scoring() as connection:
            stale = connection.execute(
                select(cases.c.crn)
                .where(
                    *scope,
                    cases.c.crn > looked_at,
                    case_store.runs_on(as_of),
                    or_(
                        cases.c.flags_checked.is_(None),
                        cases.c.flags_checked != literal(f"{prefix}|") + cast(cases.c.version, String),
                    ),
                )
                .order_by(cases.c.crn)
                .limit(AT_ONCE)
            ).scalars()
            crns = [str(crn) for crn in stale]
        if not crns:
            break
        look(services, crns, as_of=as_of, bundle=bundle)
        # Onwards by number, so that a case which changes meanwhile is not looked at for ever.
        looked_at = crns[-1]


def _caseload(*, practitioner: str | None, team: str | None, pdu: str | None) -> list[ColumnElement[bool]]:
    asked = {"practitioner": practitioner, "team": team, "pdu": pdu}
    return [cases.c[name] == value for name, value in asked.items() if value is not None]


def refresh_person(services: Services, crn: str) -> None:
    """Look for one person's flags and prompts now."""
    look(services, [crn], as_of=services.as_of(None), bundle=services.bundles.current)


def stamp(as_of: date, bundle: Bundle | None) -> str:
    """For which day and bundle a look holds."""
    return f"{as_of.isoformat()}|{'' if bundle is None else bundle.version}"


def look(services: Services, crns: Sequence[str], *, as_of: date, bundle: Bundle | None) -> None:
    """Find what holds now for these people, raise what is new and close what no longer holds."""
    with services.database.scoring() as connection:
        found = [case for crn in crns if (case := case_store.find(connection, crn)) is not None]
        lines = {case.crn: case_store.line(connection, case.crn) for case in found}
    if not found:
        return
    versions = {case.crn: case.version for case in found}
    holding = what_holds(
        [case.read() for case in found],
        as_of=as_of,
        bundle=bundle,
        catalogue=services.catalogue,
    )
    with services.database.write() as connection:
        for crn, version in versions.items():
            _keep(connection, crn, holding[crn], line=lines[crn], as_of=as_of, bundle=bundle)
            connection.execute(
                update(cases)
                .where(cases.c.crn == crn, cases.c.version == version)
                .values(flags_checked=f"{stamp(as_of, bundle)}|{version}")
            )


def what_holds(
    cases: Sequence[Case], *, as_of: date, bundle: Bundle | None, catalogue: Catalogue
) -> dict[str, list[Found]]:
    """Which flags and prompts hold for these people on a day? By CRN; without a bundle there are prompts but no flags."""
    words = {"CHANGE": CHANGES, "CHECK": CHECKS}
    prompts = from_cases.prompts_of(cases, as_of=as_of, catalogue=catalogue)
    found: dict[str, list[Found]] = {
        case.crn: [
            {"kind": kind, "code": code, "referral_id": None, "content": {"text": words[kind][code]}}
            for kind, codes in (("CHANGE", prompt.changed), ("CHECK", prompt.due))
            for code in codes
        ]
        for case, prompt in zip(cases, prompts, strict=True)
    }
    if bundle is None:
        return found
    referrals = [referral for case in cases for referral in from_cases.open_referrals(case, as_of)]
    for flag in from_cases.flags(referrals, as_of=as_of, bundle=bundle, catalogue=catalogue):
        if flag.flagged:
            found[flag.crn].append(
                {
                    "kind": "RISK",
                    "code": flag.band,
                    "referral_id": flag.referral_id,
                    "content": {
                        "text": "this referral may end before it is completed",
                        "weeksIn": flag.weeks_in,
                        "reasonCodes": list(flag.reason_codes),
                    },
                }
            )
    return found


def _keep(
    connection: Connection,
    crn: str,
    found: Sequence[Found],
    *,
    line: case_store.CaseLine | None,
    as_of: date,
    bundle: Bundle | None,
) -> None:
    """Raise what is new, close what no longer holds; what holds still keeps its number and its day."""
    there = {
        (row.kind, row.code if row.kind != "RISK" else "", row.referral_id): row.id
        for row in connection.execute(select(flags).where(flags.c.crn == crn, flags.c.open))
    }
    holds = {
        (item["kind"], item["code"] if item["kind"] != "RISK" else "", item["referral_id"]): item
        for item in found
    }
    for key, item in holds.items():
        if key in there:
            continue
        connection.execute(
            insert(flags).values(
                id=str(uuid.uuid4()),
                crn=crn,
                referral_id=item["referral_id"],
                kind=item["kind"],
                code=item["code"],
                raised_on=as_of,
                practitioner=None if line is None else line.practitioner,
                team=None if line is None else line.team,
                pdu=None if line is None else line.pdu,
                bundle_version=None if bundle is None else bundle.version,
                content=orjson.dumps(item["content"]),
                open=True,
            )
        )
    gone = [identity for key, identity in there.items() if key not in holds]
    if gone:
        connection.execute(update(flags).where(flags.c.id.in_(gone)).values(open=False))


def page(
    services: Services,
    *,
    practitioner: str | None,
    team: str | None,
    pdu: str | None,
    number: int,
    size: int,
    actor: Actor,
) -> tuple[list[Found], int]:
    """One page of open flags and prompts of a caseload, newest first; limited cases are left out."""
    refresh(services, practitioner=practitioner, team=team, pdu=pdu)
    # Whose a flag is follows the case: a case that moves takes its flags along.
    wanted: list[ColumnElement[bool]] = [
        flags.c.open.is_(True),
        *_caseload(practitioner=practitioner, team=team, pdu=pdu),
    ]
    closed = _closed_to(services, actor.who)
    if closed:
        wanted.append(flags.c.crn.not_in(closed))
    with services.database.write() as connection:
        joined = flags.join(cases, cases.c.crn == flags.c.crn)
        total = connection.execute(select(func.count()).select_from(joined).where(*wanted)).scalar_one()
        kept = [column for column in flags.c if column.name not in OF_THE_CASE]
        rows = connection.execute(
            select(*kept, *(cases.c[name] for name in OF_THE_CASE))
            .select_from(joined)
            .where(*wanted)
            .order_by(flags.c.raised_on.desc(), flags.c.id)
            .limit(size)
            .offset(number * size)
        )
        found = [as_answer(dict(row)) for row in rows.mappings()]
        for crn in sorted({item["crn"] for item in found}):
            append(
                connection,
                services.database,
                deed=Deed.CONSULTATION,
                action="FLAGS_VIEWED",
                actor=actor,
                at=services.now(),
                crn=crn,
            )
    return found, total


def _closed_to(services: Services, user: str) -> list[str]:
    """The limited-access people that a user may not see."""
    with services.database.scoring() as connection:
        limited = connection.execute(
            select(cases.c.crn, cases.c.excluded_users, cases.c.restricted_to_users).where(
                or_(cases.c.excluded_users.is_not(None), cases.c.restricted_to_users.is_not(None))
            )
        ).all()
    closed = []
    for row in limited:
        excluded = orjson.loads(row.excluded_users or "[]")
        restricted = orjson.loads(row.restricted_to_users or "[]")
        if user in excluded or (restricted and user not in restricted):
            closed.append(str(row.crn))
    return closed


def as_answer(row: Mapping[str, Any]) -> Found:
    """A stored flag as the API gives it (serving.schemas.flags.FlagAnswer)."""
    content = orjson.loads(row["content"])
    return {
        "id": row["id"],
        "crn": row["crn"],
        "referralId": row["referral_id"],
        "kind": row["kind"],
        "code": row["code"],
        "text": content["text"],
        "raisedOn": row["raised_on"],
        "practitioner": row["practitioner"],
        "team": row["team"],
        "pdu": row["pdu"],
        "weeksIn": content.get("weeksIn"),
        "reasonCodes": content.get("reasonCodes", []),
        "open": row["open"],
        "bundleVersion": row["bundle_version"],
    }


def respond(
    services: Services, *, flag_id: str, question: ResponseQuestion, actor: Actor, once: Once
) -> tuple[Found, bool]:
    """Record what was done about a flag; the response, and whether it had been recorded before.

    Raises:
        ServiceError: 404 for an unknown flag, 403 for a limited case.
    """
    with services.database.read() as connection:
        before = replay(connection, once)
        if before is not None:
            return before, True
        crn = connection.execute(select(flags.c.crn).where(flags.c.id == flag_id)).scalar()
    if crn is None:
        raise not_found("flag")
    open_case(services, crn=crn, user=actor.who)
    with services.database.write() as connection:
        before = replay(connection, once)
        if before is not None:
            return before, True
        at = services.now()
        row = {
            "id": str(uuid.uuid4()),
            "flag_id": flag_id,
            "responded_at": at,
            "responded_by": actor.who,
            "response": question.response,
            "own_words": question.own_words or None,
        }
        connection.execute(insert(flag_responses).values(**row))
        append(
            connection,
            services.database,
            deed=Deed.COLLECTION,
            action="FLAG_ANSWERED",
            actor=actor,
            at=at,
            crn=crn,
            details={"flagId": flag_id, "response": question.response},
        )
        answer = {
            "id": row["id"],
            "flagId": flag_id,
            "respondedAt": at.isoformat(timespec="milliseconds"),
            "respondedBy": actor.who,
            "response": question.response,
            "ownWords": row["own_words"],
        }
        keep(connection, once, response=answer, crn=crn, at=at)
    return answer, False
