"""The derived definitions, case by case."""

import csv
from collections.abc import Sequence
from datetime import date, timedelta
from importlib.resources import files

import polars as pl
import pytest

from catalogue.checking import sources
from features.contract import TABLES
from features.histories import Histories
from features.inflight import landmarks
from features.outcomes import decision_points, progress, referral_outcomes
from features.reasons import ReasonOutcome, reasons

DAY = date(2022, 3, 1)
CRN = "A000001"
SCORES = ("s3_accommodation", "s4_ete", "s6_relationships", "s7_lifestyle", "s8_drugs", "s9_alcohol", "s11_thinking", "s12_attitudes")  # fmt: skip


def after(days: int) -> date:
    return DAY + timedelta(days)


def rows(name: str, *given: dict[str, object]) -> pl.DataFrame:
    blank = dict.fromkeys(TABLES[name].names) | ({"crn": CRN} if "crn" in TABLES[name].names else {})
    return pl.DataFrame([blank | row for row in given], schema=TABLES[name].polars_schema())


def assessed(
    on: date, *, scores: Sequence[int | None] = (), layer: int = 3, name: str | None = None
) -> dict[str, object]:
    return {
        "assessment_id": name or f"S{on}",
        "completed_on": on,
        "known_on": on,
        "layer": layer,
        **dict(zip(SCORES, scores, strict=False)),
    }


SENTENCE = rows(
    "sentences",
    {
        "event_number": 1,
        "sentence_type": "COMMUNITY_ORDER",
        "starts_on": after(-10),
        "ends_on": after(700),
        "known_on": after(-10),
    },
)


def referred(
    on: date, name: str = "R1", intervention: str = "thinking-skills-programme-acp"
) -> dict[str, object]:
    return {"referral_id": name, "intervention_id": intervention, "referred_on": on, "known_on": on}


@pytest.mark.parametrize(
    ("referrals", "arm"),
    [
        ([], "NONE"),
        ([referred(after(-1))], "NONE"),
        ([referred(after(0))], "thinking-skills-programme-acp"),
        ([referred(after(42))], "thinking-skills-programme-acp"),
        ([referred(after(43))], "NONE"),
        ([referred(after(9), "R2", "b"), referred(after(3), "R1", "a")], "a"),
        ([referred(after(3), "R2", "b"), referred(after(3), "R1", "a")], "a"),
    ],
)
def test_the_arm_is_the_first_referral_within_42_days(referrals: list[dict[str, object]], arm: str) -> None:
    histories = Histories.of(
        {
            "sentences": SENTENCE,
            "assessments": rows("assessments", assessed(DAY)),
            "referrals": rows("referrals", *referrals),
        }
    )
    (point,) = decision_points(histories).to_dicts()
    assert (point["crn"], point["decided_on"], point["arm"]) == (CRN, DAY, arm)
    assert (point["referral_id"] is None) == (arm == "NONE")


@pytest.mark.parametrize(
    ("assessment", "is_point"),
    [
        (assessed(DAY), True),
        (assessed(DAY, layer=1), False),
        (assessed(after(-10)), True),  # the first day of the sentence
        (assessed(after(-11)), False),
        (assessed(after(700)), True),  # its last
        (assessed(after(701)), False),
    ],
)
def test_a_decision_point_is_a_layer_3_assessment_in_a_sentence(
    assessment: dict[str, object], is_point: object
) -> None:
    histories = Histories.of({"sentences": SENTENCE, "assessments": rows("assessments", assessment)})
    assert decision_points(histories).height == int(bool(is_point))


def event(day: int, status: str, reason: str | None = None, *, known: int | None = None) -> dict[str, object]:
    return {
        "referral_id": "R1",
        "occurred_on": after(day),
        "known_on": after(day if known is None else known),
        "status": status,
        "reason": reason,
    }


@pytest.mark.parametrize(
    ("events", "end", "ended"),
    [
        ([], "OPEN", None),
        ([event(5, "ON_PROGRAMME")], "OPEN", None),
        ([event(5, "ON_PROGRAMME"), event(90, "COMPLETED")], "COMPLETED", 90),
        ([event(5, "WITHDRAWN", "W_MOTIVATION")], "ENGAGEMENT", 5),
        ([event(5, "WITHDRAWN", "NOT")], "ENGAGEMENT", 5),
        ([event(5, "WITHDRAWN", "D_MISSED")], "ENGAGEMENT", 5),
        ([event(5, "WITHDRAWN", "W_DEATH")], "ADMINISTRATIVE", 5),
        ([event(5, "WITHDRAWN", "ACQ")], "ADMINISTRATIVE", 5),
        ([event(5, "WITHDRAWN", "WOR")], "ADMINISTRATIVE", 5),
        ([event(5, "WITHDRAWN", "EAR")], "COMPLETED", 5),
        ([event(5, "WITHDRAWN")], "ADMINISTRATIVE", 5),
        ([event(5, "WITHDRAWN", "NO_SUCH_CODE")], "ADMINISTRATIVE", 5),
        ([event(3, "BREACH"), event(5, "WITHDRAWN")], "ENGAGEMENT", 5),
        ([event(3, "BREACH"), event(5, "WITHDRAWN", "W_DEATH")], "ADMINISTRATIVE", 5),
        ([event(3, "BREACH")], "OPEN", None),
        ([event(5, "COMPLETED"), event(5, "ON_PROGRAMME")], "COMPLETED", 5),  # on one day the end stands last
        (
            [event(5, "WITHDRAWN", "NOT"), event(5, "WITHDRAWN", "W_ERROR", known=9)],
            "ADMINISTRATIVE",
            5,
        ),  # corrected
    ],
)
def test_how_a_referral_ends(events: list[dict[str, object]], end: str, ended: int | None) -> None:
    histories = Histories.of(
        {"referrals": rows("referrals", referred(DAY)), "referral_events": rows("referral_events", *events)}
    )
    (found,) = referral_outcomes(histories).to_dicts()
    assert found["end"] == end
    assert found["ended_on"] == (None if ended is None else after(ended))


def session(number: int, day: int, outcome: str) -> dict[str, object]:
    return {
        "referral_id": "R1",
        "session_number": number,
        "scheduled_on": after(day),
        "known_on": after(day),
        "outcome": outcome,
    }


@pytest.mark.parametrize(
    ("events", "sessions", "commenced"),
    [
        ([], [], None),
        ([event(5, "ON_PROGRAMME")], [], 5),
        ([], [session(1, 3, "UNACCEPTABLE_ABSENCE"), session(2, 8, "ATTENDED_NOT_COMPLIED")], 8),
        ([event(9, "ON_PROGRAMME")], [session(1, 8, "ATTENDED_COMPLIED")], 8),
        ([event(5, "COMPLETED")], [], None),
    ],
)
def test_when_a_referral_commences(
    events: list[dict[str, object]], sessions: list[dict[str, object]], commenced: int | None
) -> None:
    histories = Histories.of(
        {
            "referrals": rows("referrals", referred(DAY)),
            "referral_events": rows("referral_events", *events),
            "sessions": rows("sessions", *sessions),
        }
    )
    (found,) = referral_outcomes(histories).to_dicts()
    assert found["commenced_on"] == (None if commenced is None else after(commenced))


FIVE = (2, 2, 2, 2, 2)


@pytest.mark.parametrize(
    ("later", "offences", "expected"),
    [
        ([], [], (None, False, None)),
        ([], [100], (False, True, None)),
        ([(200, (1, 2, 2, 2, 2))], [], (True, False, -1.0)),
        ([(200, FIVE)], [], (False, False, 0.0)),
        ([(200, (1, 2, 2, 2, 2))], [365], (False, True, -1.0)),
        ([(200, (1, 2, 2, 2, 2))], [366], (True, False, -1.0)),
        ([(200, (1, 2, 2, 2, 2))], [0], (True, False, -1.0)),
        ([(119, (0, 0, 0, 0, 0))], [], (None, False, None)),
        ([(120, (0, 2, 2, 2, 2))], [], (True, False, -2.0)),
        ([(450, (0, 2, 2, 2, 2))], [], (True, False, -2.0)),
        ([(451, (0, 0, 0, 0, 0))], [], (None, False, None)),
        ([(200, (0, 0, 0, 0, 0)), (300, (3, 2, 2, 2, 2))], [], (False, False, 1.0)),  # the last one says
        ([(200, (1, 2, 2, 2, None))], [], (None, False, None)),  # four answered at both
        ([(200, (1, 2, 2, 2, 2, 6, 6, 6))], [], (True, False, -1.0)),  # only what both answer
    ],
)
def test_progress_is_lower_need_and_no_reoffence(
    later: list[tuple[int, tuple[int | None, ...]]], offences: list[int], expected: tuple[object, ...]
) -> None:
    assessments = [
        assessed(DAY, scores=FIVE),
        *(assessed(after(day), scores=scores, layer=1) for day, scores in later),
    ]
    histories = Histories.of(
        {
            "sentences": SENTENCE,
            "assessments": rows("assessments", *assessments),
            "reoffences": rows(
                "reoffences", *({"offence_on": after(d), "known_on": after(900)} for d in offences)
            ),
        }
    )
    (found,) = progress(histories).to_dicts()
    assert (found["progressed"], found["reoffended"], found["need_change"]) == expected


def test_a_label_waits_for_its_window_and_for_convictions() -> None:
    histories = Histories.of(
        {
            "sentences": SENTENCE,
            "assessments": rows(
                "assessments",
                assessed(DAY, scores=FIVE),
                assessed(after(200), scores=(1, *FIVE[1:]), layer=1),
            ),
        }
    )
    ripe = after(450 + 183 + 1)
    for known_before, expected in (
        (ripe, (True, False)),
        (ripe - timedelta(1), (None, False)),
        (after(365), (None, None)),
    ):
        (found,) = progress(histories, known_before=known_before).to_dicts()
        assert (found["progressed"], found["reoffended"]) == expected


def test_landmarks_are_the_weeks_that_a_referral_was_open() -> None:
    histories = Histories.of(
        {
            "referrals": rows("referrals", referred(DAY)),
            "referral_events": rows("referral_events", event(20, "COMPLETED", known=30)),
        }
    )
    found = landmarks(histories)
    assert found["weeks_in"].to_list() == [1, 2]
    assert found["as_of"].to_list() == [after(7), after(14)]
    # On the 25th day the end has happened, but nobody knows.
    assert referral_outcomes(histories, known_before=after(25))["end"].to_list() == ["OPEN"]
    assert "OPEN" not in referral_outcomes(histories, known_before=after(31))["end"]
    assert referral_outcomes(histories, known_before=after(0)).is_empty()


def test_every_reason_has_one_outcome_with_its_source_and_argument() -> None:
    table = reasons()
    lines = list(csv.DictReader(files("features").joinpath("reasons.csv").read_text().splitlines()))
    assert len(lines) == len(table) == 70
    assert {r.outcome for r in table.values()} == set(ReasonOutcome)
    assert {sources.key_of(reason.source) for reason in table.values()} <= set(sources.load())
    assert all(len(reason.argument) > 10 for reason in table.values())
    never_a_failure = ("W_DEATH", "D_DEATH", "USE", "DIE", "W_DUPLICATE", "DUP", "W_ERROR", "MIS", "ACQ", "W_NOT_AVAILABLE", "D_NOT_AVAILABLE", "D_DEPORTED", "W_RELEASED", "W_TRANSFER_PROCESS", "SER")  # fmt: skip
    assert {table[code].outcome for code in never_a_failure} == {ReasonOutcome.ADMINISTRATIVE}
