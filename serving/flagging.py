"""What is raised for people on a day: drifting referrals, changed facts, checks that are due; and one referral's risk.

Frames of many people at once, so this brings polars along; `serving.flags`, which keeps what is found, imports it
when somebody asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import polars as pl

from catalogue import Catalogue
from features.case import Case
from features.contract import CASE_TABLES, TABLES
from features.histories import Histories
from scoring import prompts
from scoring.bundle import Bundle
from scoring.flags import Flag, flag_all, flag_one
from scoring.landmarks import LABELS

WORDS: Final[Mapping[str, str]] = {**prompts.CHANGES, **prompts.CHECKS}

HELP: Final = (
    "Be in touch soon, and ask what gets in the way.",
    "Look at travel, session times and format with the provider.",
    "Agree the next date together.",
)

Found = dict[str, Any]


def raised(
    cases: Sequence[Case], *, as_of: date, bundle: Bundle | None, catalogue: Catalogue
) -> dict[str, list[Found]]:
    """Which flags and prompts hold for these people on a day? By CRN, an empty list for nobody's.

    Args:
        cases: the people.
        as_of: the day.
        bundle: the release in use; without one there are prompts but no flags.
        catalogue: the interventions.
    """
    histories = _histories(cases)
    crns = sorted(case.crn for case in cases)
    points = pl.DataFrame(
        {"crn": list(crns), "as_of": [as_of] * len(crns)}, schema={"crn": pl.String, "as_of": pl.Date}
    )
    found: dict[str, list[Found]] = {crn: [] for crn in crns}
    for kind, answer in (
        ("CHANGE", prompts.changed(histories, points)),
        ("CHECK", prompts.due(histories, points, catalogue=catalogue)),
    ):
        for crn, codes in zip(crns, answer, strict=True):
            found[crn].extend(
                {"kind": kind, "code": code, "referral_id": None, "content": {"text": WORDS[code]}}
                for code in codes
            )
    if bundle is None:
        return found
    for row in flag_all(histories, bundle=bundle, as_of=as_of, catalogue=catalogue).iter_rows(named=True):
        if row["flagged"]:
            found[row["crn"]].append(
                {
                    "kind": "RISK",
                    "code": row["band"],
                    "referral_id": row["referral_id"],
                    "content": {
                        "text": "this referral may end before it is completed",
                        "weeksIn": row["weeks_in"],
                        "reasonCodes": row["reason_codes"],
                    },
                }
            )
    return found


def _histories(read: Sequence[Case]) -> Histories:
    frames = {
        name: pl.DataFrame(
            [dict(row) for case in read for row in case.tables[name]], schema=TABLES[name].polars_schema()
        )
        for name in CASE_TABLES
    }
    return Histories.of(frames)


def risk(case: Case, referral_id: str, *, as_of: date, bundle: Bundle, catalogue: Catalogue) -> Found:
    """The in-flight risk of one open referral, as the API gives it (serving.schemas.flags.RiskAnswer).

    Raises:
        UsageError: when the referral was not open on that day.
    """
    return _answer(flag_one(case, referral_id, as_of=as_of, bundle=bundle, catalogue=catalogue), bundle)


def _answer(found: Flag, bundle: Bundle) -> Found:
    reasons = []
    for term, contribution in sorted(found.terms.items(), key=lambda item: (-abs(item[1]), item[0])):
        names = [name for name in term.split(" & ") if name in LABELS]
        if not names or contribution == 0:
            continue
        events = [event for name in names for event in found.evidence.get(name, ())]
        newest = max(events, key=lambda event: (event.on, event.known_on, event.id), default=None)
        reasons.append(
            {
                "code": term.replace(" & ", "_AND_").upper(),
                "text": " and ".join(LABELS[name] for name in names),
                "direction": "RAISES" if contribution > 0 else "LOWERS",
                "table": None if newest is None else newest.table,
                "recordId": None if newest is None else newest.id,
                "on": None if newest is None else newest.on,
            }
        )
    return {
        "referralId": found.referral_id,
        "crn": found.crn,
        "asOf": found.as_of,
        "weeksIn": found.weeks_in,
        "horizons": [
            {"weeks": weeks, "probability": chance} for weeks, chance in sorted(found.probabilities.items())
        ],
        "flagged": found.flagged,
        "band": found.band,
        "reasons": reasons[:4],
        "terms": dict(found.terms),
        "intercept": bundle.inflight.not_completed.intercept,
        "changed": [{"code": code, "text": WORDS[code]} for code in found.changed],
        "checks": [{"code": code, "text": WORDS[code]} for code in found.checks],
        "whatCouldHelp": list(HELP),
        "bundleVersion": found.bundle_version,
    }
