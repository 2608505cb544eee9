"""Each kind of prompt, from the records that call for it, and from those that just do not."""

from datetime import date, timedelta
from typing import Any

import pytest

import catalogue
from features.case import Case
from scoring.inflight import from_cases, prompts

CRN, AS_OF = "A000001", date(2025, 6, 30)
WHOLE = catalogue.load()
Rows = list[tuple[str, dict[str, Any]]]


def ago(days: int) -> date:
    return AS_OF - timedelta(days=days)


def circumstance(
    days: int, kind: str, value: str | None, *, known: int | None = None
) -> tuple[str, dict[str, Any]]:
    on, known_on = ago(days), ago(days if known is None else known)
    return "circumstances", {"observed_on": on, "known_on": known_on, "kind": kind, "value": value}


def absence(days: int, *, outcome: str = "UNACCEPTABLE_ABSENCE") -> tuple[str, dict[str, Any]]:
    on = ago(days)
    return "contacts", {"scheduled_on": on, "known_on": on, "kind": "OFFICE", "outcome": outcome}


def assessment(
    days: int, *, ogrs: float = 40.0, layer: int = 3, known: int | None = None
) -> tuple[str, dict[str, Any]]:
    row = {
        "assessment_id": f"a{days}",
        "completed_on": ago(days),
        "known_on": ago(days if known is None else known),
    }
    return "assessments", {**row, "layer": layer, "ogrs_2yr": ogrs}


def sentence(*, left: int) -> tuple[str, dict[str, Any]]:
    row = {"event_number": 1, "sentence_type": "COMMUNITY_ORDER", "ends_on": ago(-left)}
    began = ago(700)
    return "sentences", {**row, "sentenced_on": began, "starts_on": began, "known_on": began}


def unpaid_work(days: int) -> tuple[str, dict[str, Any]]:
    on = ago(days)
    row = {"event_number": 1, "requirement_type": "UNPAID_WORK", "imposed_on": on, "known_on": on}
    return "requirements", row


def referral(intervention: str, *, known: int = 30, ended: int | None = None) -> Rows:
    row = {"referral_id": "r1", "intervention_id": intervention, "referred_on": ago(known)}
    rows: Rows = [("referrals", {**row, "known_on": ago(known)})]
    if ended is not None:
        event = {"referral_id": "r1", "occurred_on": ago(ended), "known_on": ago(ended)}
        rows.append(("referral_events", {**event, "status": "COMPLETED"}))
    return rows


def session(days: int, *, number: int = 1, known: int | None = None) -> tuple[str, dict[str, Any]]:
    row = {"referral_id": "r1", "session_number": number, "scheduled_on": ago(days)}
    return "sessions", {
        **row,
        "known_on": ago(days if known is None else known),
        "outcome": "UNACCEPTABLE_ABSENCE",
    }


def told(rows: Rows) -> from_cases.Prompts:
    """The prompts of a person with these rows, who is asked about after one without any."""
    names = {name for name, _ in rows}
    tables = {name: tuple({"crn": CRN, **row} for table, row in rows if table == name) for name in names}
    cases = [Case("B000001", {}), Case(CRN, tables)]
    nobody, somebody = from_cases.prompts_of(cases, as_of=AS_OF, catalogue=WHOLE)
    assert nobody == from_cases.Prompts(changed=(), due=())
    return somebody


STRUCTURED = "stepwise-problem-solving-si"
HOUSED = circumstance(300, "ACCOMMODATION", "SETTLED")
NO_HOME = circumstance(10, "ACCOMMODATION", "NO_FIXED_ABODE")
HOUSED_LATE = circumstance(200, "ACCOMMODATION", "SETTLED", known=2)
SETTLED_SINCE = circumstance(60, "ACCOMMODATION", "SETTLED")
RISEN = [assessment(200, ogrs=49.0), assessment(9, ogrs=50.0)]
IDLE = circumstance(300, "EMPLOYMENT", "UNEMPLOYED")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([HOUSED, circumstance(10, "ACCOMMODATION", "NO_FIXED_ABODE")], ["ACCOMMODATION_LOST"]),
        ([HOUSED, circumstance(29, "ACCOMMODATION", "NO_FIXED_ABODE")], []),  # older than 28 days
        ([HOUSED, circumstance(60, "ACCOMMODATION", "TRANSIENT", known=5)], ["ACCOMMODATION_LOST"]),
        ([HOUSED, circumstance(10, "ACCOMMODATION", "TRANSIENT", known=0)], []),  # not known before the day
        ([HOUSED, circumstance(10, "ACCOMMODATION", "APPROVED_PREMISES")], []),  # no loss
        ([circumstance(10, "ACCOMMODATION", "NO_FIXED_ABODE")], []),  # nothing to have changed from
        (
            [circumstance(300, "ACCOMMODATION", "TRANSIENT"), circumstance(3, "ACCOMMODATION", "SETTLED")],
            ["ACCOMMODATION_FOUND"],
        ),
        ([IDLE, circumstance(7, "EMPLOYMENT", "FULL_TIME")], ["JOB_STARTED"]),
        ([IDLE, circumstance(7, "EMPLOYMENT", "UNAVAILABLE")], []),
        (
            [circumstance(300, "EMPLOYMENT", "PART_TIME"), circumstance(2, "EMPLOYMENT", "UNEMPLOYED")],
            ["JOB_LOST"],
        ),
        ([absence(3), absence(17)], ["NEW_ABSENCE_PATTERN"]),
        ([absence(3), absence(17), absence(80)], []),  # not new
        ([absence(3), absence(17, outcome="ACCEPTABLE_ABSENCE")], []),
        ([absence(3)], []),
        (RISEN, ["RISK_BAND_ROSE"]),
        ([assessment(200, ogrs=80.0), assessment(9, ogrs=70.0, layer=1)], ["RISK_BAND_FELL"]),
        ([assessment(200, ogrs=51.0), assessment(9, ogrs=74.0)], []),  # within one band
        # Of a record the version known last counts, also where it takes the answer back.
        ([HOUSED, NO_HOME, circumstance(10, "ACCOMMODATION", None, known=5)], []),
        ([HOUSED, NO_HOME, circumstance(10, "ACCOMMODATION", "SETTLED", known=5)], []),
        ([*RISEN, (RISEN[1][0], {**RISEN[1][1], "ogrs_2yr": None, "known_on": ago(3)})], []),
        ([*referral(STRUCTURED), session(3), session(17, number=2)], ["NEW_ABSENCE_PATTERN"]),
        ([*referral(STRUCTURED), absence(3), session(17)], ["NEW_ABSENCE_PATTERN"]),
        # A session that is moved is one session, and counts once its referral is known.
        ([*referral(STRUCTURED), session(17), session(10, known=5)], []),
        ([*referral(STRUCTURED, known=0), session(3), session(17, number=2)], []),
        ([circumstance(300, "ACCOMMODATION", "TRANSIENT"), HOUSED_LATE, NO_HOME], ["ACCOMMODATION_LOST"]),
        ([HOUSED, circumstance(90, "ACCOMMODATION", "TRANSIENT", known=9), SETTLED_SINCE], []),  # the latest is old
        (
            [("enforcement", {"event_number": 1, "occurred_on": ago(4), "known_on": ago(2), "kind": "WARNING"})],
            ["ENFORCEMENT_STARTED"],
        ),
    ],
)  # fmt: skip
def test_what_changed_lately(rows: Rows, expected: list[str]) -> None:
    assert list(told(rows).changed) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # The sentence ends on 30 December: the check falls on 30 June, and is told for four weeks.
        ([sentence(left=183)], ["SIX_MONTHS_BEFORE_END"]),
        ([sentence(left=184)], ["SIX_MONTHS_BEFORE_END"]),  # of the 31st: June has no such day
        ([sentence(left=185)], []),
        ([sentence(left=156)], ["SIX_MONTHS_BEFORE_END"]),  # of 3 December: on 3 June
        ([sentence(left=154)], []),
        ([sentence(left=92)], ["THREE_MONTHS_BEFORE_END"]),
        ([sentence(left=93)], []),
        ([sentence(left=62)], []),
        # Structured work that is open is looked at nine months before the end: of 30 March.
        ([sentence(left=273), *referral(STRUCTURED)], ["NINE_MONTHS_BEFORE_END"]),
        ([sentence(left=246), *referral(STRUCTURED)], ["NINE_MONTHS_BEFORE_END"]),
        ([sentence(left=275), *referral(STRUCTURED)], []),
        ([sentence(left=240), *referral(STRUCTURED)], []),
        ([sentence(left=273)], []),
        ([sentence(left=273), *referral(STRUCTURED, known=0)], []),  # not known before the day
        ([sentence(left=273), *referral(STRUCTURED, ended=3)], []),
        ([sentence(left=273), *referral("thinking-skills-programme-acp")], []),
        ([*referral(STRUCTURED)], []),  # under no sentence
        # Unpaid work imposed on 30 December, or 30 September, is looked at on 30 June.
        ([sentence(left=400), unpaid_work(182)], ["UNPAID_WORK_SIX_MONTHS"]),
        ([sentence(left=400), unpaid_work(210)], ["UNPAID_WORK_SIX_MONTHS"]),
        ([sentence(left=400), unpaid_work(180)], []),  # as 1 January
        ([sentence(left=400), unpaid_work(273)], ["UNPAID_WORK_NINE_MONTHS"]),
        ([sentence(left=400), unpaid_work(303)], []),
        ([sentence(left=-5), unpaid_work(183)], []),  # the sentence is over
        ([sentence(left=400), assessment(55 * 7 + 1)], ["ASSESSMENT_OUT_OF_DATE"]),
        ([sentence(left=400), assessment(55 * 7)], []),
        ([sentence(left=400), assessment(500), assessment(20)], []),
        ([sentence(left=400), assessment(500), assessment(20, layer=1)], ["ASSESSMENT_OUT_OF_DATE"]),
        ([assessment(500)], []),  # under no sentence
        (
            [sentence(left=92), *referral(STRUCTURED), unpaid_work(182), assessment(500)],
            ["THREE_MONTHS_BEFORE_END", "UNPAID_WORK_SIX_MONTHS", "ASSESSMENT_OUT_OF_DATE"],
        ),
    ],
)
def test_which_check_is_due(rows: Rows, expected: list[str]) -> None:
    assert list(told(rows).due) == expected


def test_every_kind_of_prompt_has_a_case() -> None:
    codes = {
        code
        for test in (test_what_changed_lately, test_which_check_is_due)
        for case in test.pytestmark[0].args[1]  # type: ignore[attr-defined]
        for code in case[1]
    }
    assert codes == {*prompts.CHANGES, *prompts.CHECKS}
