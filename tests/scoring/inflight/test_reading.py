"""Which referrals of a case are open, by the data contract: the same answer from a case and from histories."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from features.case import Case
from features.contract import TABLES
from features.histories import Histories
from scoring.inflight.from_cases import open_referrals
from scoring.inflight.from_histories import open_at

CRN, AS_OF = "A000001", date(2025, 6, 30)


def ago(days: int) -> date:
    return AS_OF - timedelta(days=days)


def referral(name: str, known: int) -> dict[str, Any]:
    row = {"referral_id": name, "crn": CRN, "intervention_id": "x", "referred_on": ago(known)}
    return {**row, "known_on": ago(known)}


def event(name: str, on: int, status: str, *, known: int | None = None) -> dict[str, Any]:
    days = {"occurred_on": ago(on), "known_on": ago(on if known is None else known)}
    return {"referral_id": name, "status": status, **days}


ON, OVER = "ON_PROGRAMME", "WITHDRAWN"


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], True),
        ([event("r", 20, ON)], True),
        ([event("r", 20, ON), event("r", 10, OVER)], False),
        ([event("r", 10, OVER, known=0)], True),  # the end was not known before the day
        ([event("r", 20, OVER), event("r", 10, ON)], True),  # taken up again
        ([event("r", 10, OVER), event("r", 10, ON, known=5)], False),  # on one day an end stands last
        ([event("r", 10, "COMPLETED")], False),
        ([event("other", 10, OVER)], True),
    ],
)
def test_open_until_the_last_event_known_is_a_closing_one(
    *, events: list[dict[str, Any]], expected: bool
) -> None:
    tables = {"referrals": [referral("r", 30), referral("other", 40)], "referral_events": events}
    assert ("r" in opened(tables)) == expected


def test_a_referral_is_open_from_the_day_after_it_became_known() -> None:
    later = {**referral("seen", 3), "known_on": ago(1)}
    rows = [referral("today", 0), referral("seen", 3), later, {**referral("no day", 9), "known_on": None}]
    assert opened({"referrals": rows}) == ["seen"]


def test_a_referral_without_a_day_is_not_judged_until_a_version_has_one() -> None:
    never = {**referral("never", 9), "referred_on": None}
    at_first = {**referral("late", 9), "referred_on": None}
    assert opened({"referrals": [never, at_first, referral("late", 5)]}) == ["late"]


def test_a_referral_to_an_intervention_that_is_not_recorded_is_open() -> None:
    assert opened({"referrals": [{**referral("r", 9), "intervention_id": None}]}) == ["r"]


def opened(tables: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The open referrals, from a case; histories must say the same."""
    frames = {
        name: pl.DataFrame(
            [{column: row.get(column) for column in TABLES[name].names} for row in rows],
            schema=TABLES[name].polars_schema(),
        )
        for name, rows in tables.items()
    }
    case = Case(CRN, {name: tuple(rows) for name, rows in tables.items()})
    found = [one.referral_id for one in open_referrals(case, AS_OF)]
    assert open_at(Histories.of(frames), AS_OF)["referral_id"].to_list() == found
    return found
