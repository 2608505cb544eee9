"""What was suggested and decided, who decided, and why? A plain account to give to the person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from sqlalchemy import select

from serving import contests, decisions
from serving.audit_log import Actor, Deed, append
from serving.services import Services
from serving.store.tables import suggestion_sets
from serving.suggestions import open_case, unpack
from serving.words import day

MESSAGES: Final = Path(__file__).parent / "account_messages.yaml"


def account(services: Services, *, crn: str, actor: Actor) -> dict[str, Any]:
    """The account of one person, as sections of sentences; looking at it is written down.

    Raises:
        ServiceError: 404, 403 as for any view of a person.
    """
    open_case(services, crn=crn, user=actor.who)
    with services.database.write() as connection:
        made = decisions.of_person(connection, crn)
        raised = contests.of_person(connection, crn)
        sets = connection.execute(
            select(
                suggestion_sets.c.id,
                suggestion_sets.c.as_of,
                suggestion_sets.c.first_shown_at,
                suggestion_sets.c.content,
            )
            .where(suggestion_sets.c.crn == crn)
            .order_by(suggestion_sets.c.first_shown_at, suggestion_sets.c.id)
        ).all()
        append(
            connection,
            services.database,
            deed=Deed.DISCLOSURE,
            action="ACCOUNT_VIEWED",
            actor=actor,
            at=services.now(),
            crn=crn,
        )
    words = yaml.safe_load(MESSAGES.read_text(encoding="utf-8"))
    names = {item.id: item.name for item in services.catalogue.interventions}
    shown = [_shown(row, words) for row in sets]
    decided = [_decided(item, names, words) for item in reversed(made)]
    asked = [_asked(item, words) for item in reversed(raised)]
    return {
        "crn": crn,
        "sections": [
            {"title": words["about"]["title"], "sentences": words["about"]["sentences"]},
            _section(words["shown"], shown),
            _section(words["decided"], decided),
            _section(words["asked"], asked),
            {"title": words["rights"]["title"], "sentences": words["rights"]["sentences"]},
        ],
    }


def _section(words: Mapping[str, str], sentences: list[str]) -> dict[str, Any]:
    return {"title": words["title"], "sentences": sentences or [words["none"]]}


def _shown(row: Any, words: Mapping[str, Any]) -> str:
    document = unpack(row.content)
    named = [item["name"] for item in document["suggestions"] if item["rank"] is not None]
    line = words["shown"]["line"] if named else words["shown"]["line_none"]
    return str(line.format(date=day(row.first_shown_at), as_of=day(row.as_of), names=", ".join(named)))


def _decided(item: Mapping[str, Any], names: Mapping[str, str], words: Mapping[str, Any]) -> str:
    name = names.get(item["interventionId"] or "", item["interventionId"] or "")
    line = words["decided"][item["action"]].format(
        date=day(item["decidedAt"]), by=item["decidedBy"], name=name, reason=item["reason"]
    )
    return (
        f"{line} {words['decided']['words'].format(words=item['ownWords'])}"
        if item["ownWords"]
        else str(line)
    )


def _asked(item: Mapping[str, Any], words: Mapping[str, Any]) -> str:
    line = words["asked"]["line"].format(
        date=day(item["raisedAt"]), reference=item["reference"], words=item["grounds"]
    )
    if item["outcome"] is None:
        return f"{line} {words['asked']['open']}"
    answer = words["asked"][item["outcome"]].format(date=day(item["concludedAt"]), words=item["explanation"])
    return f"{line} {answer}"
