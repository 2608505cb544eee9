"""One person's suggestions: the case is read, the scoring room is asked, the answer is kept as it was shown.

The document made here is what the API answers, what the screens are drawn from and what is kept: there is
one account of what was said. Its id is a hash of everything that it depends on, so the same question about
the same records gives the same set, and a second look at it is not a second set.
"""

from __future__ import annotations

import hashlib
import uuid
import zlib
from collections import Counter
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final

import orjson
from sqlalchemy import Connection, bindparam, insert, select

from catalogue.eligibility import Reason
from catalogue.feasibility import Feasibility
from features.case import Case
from scoring.similar import SimilarPeople
from scoring.suggestions import EffectAnswer, Estimate, InterventionAnswer, SuggestionSet, suggest
from serving.audit_log import Actor, Deed, append
from serving.errors import ServiceError, not_found
from serving.recent import Shown
from serving.screens.words import in_a_hundred
from serving.services import Services
from serving.store import cases as case_store
from serving.store.cases import StoredCase
from serving.store.directory import Directory
from serving.store.idempotency import Once, replay
from serving.store.tables import suggestion_sets

NAMESPACE: Final = uuid.UUID("5f7f1a37-9be0-5c3a-8d4c-5a1e7d9c2f10")

Document = dict[str, Any]
# Built once: they are part of every answer.
_THERE: Final = select(suggestion_sets.c.id).where(suggestion_sets.c.id == bindparam("id"))
_SHOWN: Final = insert(suggestion_sets)


def open_case(services: Services, *, crn: str, user: str) -> StoredCase:
    """The case, if there is one and the user may open it.

    Raises:
        ServiceError: 404 for nobody, 403 LIMITED_ACCESS for a case closed to this user.
    """
    with services.database.scoring() as connection:
        return _open(connection, crn=crn, user=user)


def _open(connection: Connection, *, crn: str, user: str) -> StoredCase:
    found = case_store.find(connection, crn)
    if found is None:
        raise not_found("person")
    if found.closed_to(user):
        raise ServiceError(
            status=403,
            code="LIMITED_ACCESS",
            user="You cannot open this person's record: access to it is limited.",
            developer="The case excludes this user, or is restricted to others.",
        )
    return found


def show(services: Services, *, crn: str, as_of: date | None, setting: str | None, actor: Actor) -> Shown:
    """Make one person's suggestions, keep them as shown, and write down who looked.

    Raises:
        ServiceError: 404, 403 as `open_case`.
    """
    day = services.as_of(as_of)
    with services.database.scoring() as connection:
        case = _open(connection, crn=crn, user=actor.who)
        directory = services.directory(connection)
    shown = make(services, case=case, directory=directory, as_of=day, setting=setting)
    with services.database.note() as connection:
        _keep(connection, services, case=case, shown=shown, as_of=day, setting=setting, actor=actor)
        append(
            connection,
            services.database,
            deed=Deed.CONSULTATION,
            action="SUGGESTIONS_VIEWED",
            actor=actor,
            at=services.now(),
            crn=crn,
            details={"suggestionSetId": shown.id, "asOf": day.isoformat()},
        )
    return shown


def make(
    services: Services, *, case: StoredCase, directory: Directory, as_of: date, setting: str | None
) -> Shown:
    """What is said about every intervention for this case; nothing is kept."""
    bundle = services.bundles.current
    identity = "\n".join(
        (
            case.crn,
            case.document_hash,
            as_of.isoformat(),
            setting or "",
            "" if bundle is None else bundle.version,
            services.catalogue.hash,
            directory.version,
        )
    )
    key = str(uuid.uuid5(NAMESPACE, identity))
    found = services.recent.get(key)
    if found is not None:
        return found
    # One after the other: two at once on one core would both come late.
    with services.tracing.step("suggest"), services.turn:
        answer = suggest(
            case.read(),
            as_of=as_of,
            bundle=bundle,
            catalogue=services.catalogue,
            directory=directory.near(pdu=case.pdu, region=case.region, as_of=as_of),
            travel=directory.travel(case.pdu),
            setting=setting,
        )
    _measure(services, answer)
    services.drift.offer(answer.inputs)
    shown = Shown(
        id=key,
        bundle_version=answer.bundle_version,
        spec_hash=answer.spec_hash,
        catalogue_hash=answer.catalogue_hash,
        content=orjson.dumps(describe(answer, key=key, crn=case.crn, case_hash=case.document_hash)),
    )
    services.recent.put(shown)
    return shown


def show_for_document(
    services: Services,
    *,
    document: Mapping[str, Any],
    as_of: date | None,
    setting: str | None,
    actor: Actor,
) -> Document:
    """The same for a case sent in the body of a request; only that it was asked is kept.

    Raises:
        UsageError: when a row belongs to another person than the case.
        ServiceError: 422 for a day that no question can be asked about.
    """
    case = Case.from_document(document)
    person = max(case.tables["people"], key=lambda row: str(row.get("known_on") or ""), default={})
    pdu, region = (_text(person.get(name)) for name in ("pdu", "region"))
    day = services.as_of(as_of)
    with services.database.scoring() as connection:
        directory = services.directory(connection)
    answer = suggest(
        case,
        as_of=day,
        bundle=services.bundles.current,
        catalogue=services.catalogue,
        directory=directory.near(pdu=pdu, region=region, as_of=day),
        travel=directory.travel(pdu),
        setting=setting,
    )
    _measure(services, answer)
    with services.database.note() as connection:
        append(
            connection,
            services.database,
            deed=Deed.CONSULTATION,
            action="SUGGESTIONS_ASKED",
            actor=actor,
            at=services.now(),
            details={"asOf": day.isoformat()},
        )
    digest = hashlib.sha256(orjson.dumps(case.to_document())).hexdigest()
    key = str(uuid.uuid5(NAMESPACE, f"{digest} {day.isoformat()} {setting} {answer.bundle_version}"))
    return describe(answer, key=key, crn=None, case_hash=digest)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _measure(services: Services, answer: SuggestionSet) -> None:
    for advice, times in Counter(item.advice for item in answer.suggestions).items():
        services.metrics.advice.labels(str(advice)).inc(times)
    suggested = any(item.rank is not None for item in answer.suggestions)
    services.metrics.sets.labels("yes" if suggested else "no", "no" if answer.rule_only else "yes").inc()


def _keep(
    connection: Connection,
    services: Services,
    *,
    case: StoredCase,
    shown: Shown,
    as_of: date,
    setting: str | None,
    actor: Actor,
) -> None:
    if connection.execute(_THERE, {"id": shown.id}).first() is not None:
        return
    row = {
        "id": shown.id,
        "crn": case.crn,
        "as_of": as_of,
        "setting": setting,
        "case_version": case.version,
        "case_hash": case.document_hash,
        "bundle_version": shown.bundle_version,
        "spec_hash": shown.spec_hash,
        "catalogue_hash": shown.catalogue_hash,
        "content": zlib.compress(shown.content, 1),
        "first_shown_at": services.now(),
        "first_shown_to": actor.who,
    }
    connection.execute(_SHOWN, row)


def kept(connection: Connection, set_id: str) -> tuple[str, Document] | None:
    """The CRN and the document of a set that was shown, or None."""
    row = connection.execute(
        select(suggestion_sets.c.crn, suggestion_sets.c.content).where(suggestion_sets.c.id == set_id)
    ).first()
    return None if row is None else (row.crn, unpack(row.content))


def open_set(
    services: Services, *, set_id: str, user: str, once: Once
) -> tuple[Document | None, tuple[str, Document]]:
    """What was answered to the same request before (None: nothing), else the CRN and document of an open set.

    Raises:
        ServiceError: 404 for an unknown set, 403 for a limited case; neither for a request answered before.
    """
    with services.database.read() as connection:
        before = replay(connection, once)
        if before is not None:
            return before, ("", {})
        found = kept(connection, set_id)
    if found is None:
        raise not_found("suggestion set")
    open_case(services, crn=found[0], user=user)
    return None, found


def unpack(content: bytes) -> Document:
    """The document of a set from the store's bytes (its JSON, compressed)."""
    found: Document = orjson.loads(zlib.decompress(content))
    return found


def describe(answer: SuggestionSet, *, key: str, crn: str | None, case_hash: str) -> Document:
    """The document of a suggestion set (serving.schemas.suggestions.SuggestionSetAnswer)."""
    return {
        "id": key,
        "crn": crn,
        "asOf": answer.as_of,
        "setting": answer.setting,
        "ruleOnly": answer.rule_only,
        "bundleVersion": answer.bundle_version,
        "specHash": answer.spec_hash,
        "catalogueHash": answer.catalogue_hash,
        "caseHash": case_hash,
        "suggestions": [_intervention(item) for item in answer.suggestions],
    }


def _intervention(item: InterventionAnswer) -> Document:
    return {
        "interventionId": item.intervention_id,
        "name": item.name,
        "type": str(item.type),
        "rank": item.rank,
        "advice": str(item.advice),
        "grounds": item.grounds,
        "eligibility": str(item.eligibility),
        "reasons": [_rule(reason) for reason in item.reasons],
        "missing": list(item.missing),
        "nearly": item.nearly,
        "feasibility": None if item.feasibility is None else _feasibility(item.feasibility),
        "needs": list(item.needs),
        "pCommence": None if item.p_commence is None else _estimate(item.p_commence),
        "pComplete": None if item.p_complete is None else _estimate(item.p_complete),
        "effect": None if item.effect is None else _effect(item.effect),
        "support": item.support,
        "reasonCodes": list(item.reason_codes),
        "explanation": [
            {
                "code": sentence.code,
                "text": sentence.text,
                "table": sentence.table,
                "recordId": sentence.record_id,
                "on": sentence.on,
            }
            for sentence in item.explanation
        ],
        "similar": None if item.similar is None else _similar(item.similar),
    }


Rule = tuple[str, str, str, tuple[str, ...], str, str | None]
# Most results of rules are one object for everybody: found by which object it is, beside that object.
_RULES: Final[dict[int, tuple[Reason, orjson.Fragment]]] = {}
_MOST_RULES: Final = 16_384


def _rule(reason: Reason) -> orjson.Fragment:
    known = _RULES.get(id(reason))
    if known is not None and known[0] is reason:
        return known[1]
    made = _rule_of((reason.code, reason.outcome, reason.text, reason.fields, reason.kind, reason.source))
    if len(_RULES) >= _MOST_RULES:
        _RULES.clear()
    _RULES[id(reason)] = (reason, made)
    return made


@lru_cache(maxsize=_MOST_RULES)
def _rule_of(rule: Rule) -> orjson.Fragment:
    """A rule's result as JSON: the same few thousand come again with every person, so each is made once."""
    code, outcome, text, fields, kind, source = rule
    found = {
        "code": code,
        "outcome": str(outcome),
        "text": text,
        "fields": list(fields),
        "kind": str(kind),
        "source": source,
    }
    return orjson.Fragment(orjson.dumps(found))


def _feasibility(found: Feasibility) -> Document:
    return {
        "feasible": found.feasible,
        "reasons": [_rule(reason) for reason in found.reasons],
        "venue": found.venue,
        "minutes": found.minutes,
        "nextStartOn": found.next_start_on,
        "waitingWeeks": found.waiting_weeks,
        "format": found.format,
    }


def _estimate(found: Estimate) -> Document:
    return {
        "probability": found.probability,
        "lower": found.lower,
        "upper": found.upper,
        "inWords": in_a_hundred(found.lower, found.upper),
        "barelyPredictable": found.barely_predictable,
        "intercept": found.intercept,
        "terms": dict(found.terms),
    }


def _effect(found: EffectAnswer) -> Document:
    return {
        "effect": found.effect,
        "lower": found.lower,
        "upper": found.upper,
        "intercept": found.intercept,
        "terms": dict(found.terms),
    }


def _similar(found: SimilarPeople) -> Document:
    return {
        "people": found.people,
        "share": found.share,
        "lower": found.lower,
        "upper": found.upper,
        "rung": found.rung,
        "alike": dict(found.alike),
        "label": found.label,
    }
