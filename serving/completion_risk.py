"""The in-flight risk of one open referral, with exact terms and the records behind them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from catalogue import Catalogue
from features.case import Case
from scoring.bundle import Bundle
from scoring.inflight import from_cases
from scoring.inflight.from_cases import Flag
from scoring.inflight.judging import reason_code
from scoring.inflight.landmarks import LABELS
from scoring.inflight.prompts import CHANGES, CHECKS
from serving.audit_log import Actor, Deed, append
from serving.errors import not_found
from serving.services import Services
from serving.store import cases as case_store
from serving.suggestions import open_case

MOST_REASONS: Final = 4
HELP: Final = (
    "Be in touch soon, and ask what gets in the way.",
    "Look at travel, session times and format with the provider.",
    "Agree the next date together.",
)

Found = dict[str, Any]


def completion_risk(services: Services, *, referral_id: str, actor: Actor) -> Found:
    """The in-flight risk of one open referral, as the API gives it (serving.schemas.flags.RiskAnswer).

    Raises:
        ServiceError: 404 for an unknown or ended referral, or when no bundle is in use; 403 for a limited case.
    """
    with services.database.scoring() as connection:
        crn = case_store.owner(connection, referral_id)
    bundle = services.bundles.current
    if crn is None:
        raise not_found("referral")
    case = open_case(services, crn=crn, user=actor.who)
    if bundle is None:
        raise not_found("release bundle in use; in-flight risk needs one")
    found = risk(
        case.read(), referral_id, as_of=services.as_of(None), bundle=bundle, catalogue=services.catalogue
    )
    if found is None:
        raise not_found("open referral")
    with services.database.write() as connection:
        append(
            connection,
            services.database,
            deed=Deed.CONSULTATION,
            action="COMPLETION_RISK_VIEWED",
            actor=actor,
            at=services.now(),
            crn=crn,
            details={"bundleVersion": bundle.version},
        )
    return found


def risk(case: Case, referral_id: str, *, as_of: date, bundle: Bundle, catalogue: Catalogue) -> Found | None:
    """The answer about one referral of a case; None when it was not open on that day."""
    named = [one for one in from_cases.open_referrals(case, as_of) if one.referral_id == referral_id]
    if not named:
        return None
    (flag,) = from_cases.flags(named, as_of=as_of, bundle=bundle, catalogue=catalogue)
    (prompts,) = from_cases.prompts_of([case], as_of=as_of, catalogue=catalogue)
    return {
        "referralId": flag.referral_id,
        "crn": flag.crn,
        "asOf": flag.as_of,
        "weeksIn": flag.weeks_in,
        "horizons": [
            {"weeks": weeks, "probability": chance} for weeks, chance in sorted(flag.chances.items())
        ],
        "flagged": flag.flagged,
        "band": flag.band,
        "reasons": list(_reasons(flag))[:MOST_REASONS],
        "terms": dict(flag.terms),
        "intercept": bundle.inflight.not_completed.intercept,
        "changed": [{"code": code, "text": CHANGES[code]} for code in prompts.changed],
        "checks": [{"code": code, "text": CHECKS[code]} for code in prompts.due],
        "whatCouldHelp": list(HELP),
        "bundleVersion": flag.bundle_version,
    }


def _reasons(flag: Flag) -> Iterator[Found]:
    """What moves the risk, the strongest term first, each with the newest record behind it."""
    for term, contribution in sorted(flag.terms.items(), key=lambda item: (-abs(item[1]), item[0])):
        names = [name for name in term.split(" & ") if name in LABELS]
        if not names or contribution == 0:
            continue
        events = [event for name in names for event in flag.evidence.get(name, ())]
        newest = max(events, key=lambda event: (event.on, event.known_on, event.id), default=None)
        yield {
            "code": reason_code(term),
            "text": " and ".join(LABELS[name] for name in names),
            "direction": "RAISES" if contribution > 0 else "LOWERS",
            "table": None if newest is None else newest.table,
            "recordId": None if newest is None else newest.id,
            "on": None if newest is None else newest.on,
        }
