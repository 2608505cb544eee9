"""The order of choice, over- and under-intensity, and the checks that fall due."""

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

import catalogue
from catalogue import Eligibility, Status, choice, choice_batch, timeliness
from catalogue.checking.sample import frame, people
from catalogue.choice import Choice
from catalogue.fields import Value

WHOLE = catalogue.load()
TSP, SI = "thinking-skills-programme-acp", "better-solutions-si"
HOME, DRUGS = "accommodation-services-crs", "dependency-and-recovery-services-crs"
TOOL, WORK, TREATMENT = "stepping-stones-toolkits", "unpaid-work-group", "drug-rehabilitation-requirement"

MEDIUM_RISK: Mapping[str, Value] = {
    "sex": "MALE",
    "ogrs_2yr": 60,
    "ovp_2yr": 20,
    "rsr": 1.5,
    "osp_dc": "NOT_APPLICABLE",
    "osp_iic": "NOT_APPLICABLE",
    "rosh": "MEDIUM",
    "s3_accommodation": 4,
    "s11_thinking": 5,
}
LOW_RISK = {**MEDIUM_RISK, "ogrs_2yr": 20, "rsr": 0.2}


def order(
    subject: Mapping[str, Value],
    *ids: str,
    status: Status = Status.ELIGIBLE,
    reachable: tuple[str, ...] | None = None,
) -> tuple[Choice, ...]:
    eligibilities = [
        Eligibility(intervention_id=each, status=status, reasons=(), missing=(), nearly=None) for each in ids
    ]
    return choice.order(subject, eligibilities, WHOLE, reachable=reachable)


def codes(chosen: tuple[Choice, ...]) -> list[tuple[str, str]]:
    return [(each.intervention_id, each.code) for each in chosen]


def test_programme_then_structured_intervention_then_services_then_toolkits() -> None:
    assert codes(order(MEDIUM_RISK, TOOL, HOME, SI, WORK, TSP)) == [
        (TSP, "PROGRAMME_OF_CHOICE"),
        (SI, "AFTER_PROGRAMME"),
        (HOME, "NEED_NOT_MET_OTHERWISE"),
        (TOOL, "TOOLKIT_BESIDE"),
        (WORK, "ORDERED_BY_COURT"),
    ]


def test_a_structured_intervention_stands_in_where_the_programme_cannot_be_reached() -> None:
    assert dict(codes(order(MEDIUM_RISK, TSP, SI, reachable=(SI,))))[SI] == "INSTEAD_OF_PROGRAMME"
    assert dict(codes(order(MEDIUM_RISK, TSP, SI, reachable=(SI, TSP))))[SI] == "AFTER_PROGRAMME"


def test_only_what_the_person_is_eligible_for_is_ordered() -> None:
    assert order(MEDIUM_RISK, TSP, SI, status=Status.NEARLY) == ()


def test_a_need_that_treatment_meets_is_not_a_services_own() -> None:
    needy = {**MEDIUM_RISK, "s8_drugs": 5}
    assert dict(codes(order(needy, DRUGS)))[DRUGS] == "NEED_NOT_MET_OTHERWISE"
    with_treatment = order(needy, DRUGS, TREATMENT)
    assert codes(with_treatment) == [(TREATMENT, "TREATMENT_OF_CHOICE"), (DRUGS, "NEED_MET_OTHERWISE")]
    assert with_treatment[0].needs_met == ("s8_drugs",)


def test_stability_comes_first_where_it_is_wanting() -> None:
    shaky = {**MEDIUM_RISK, "s8_drugs": 5, "substance_stable": False}
    first = order(shaky, SI, DRUGS)[0]
    assert (first.intervention_id, first.code) == (DRUGS, "STABILITY_FIRST")
    assert first.text == "Help with drug misuse can bring a steady base for other work."


def test_intensive_work_at_low_risk_is_not_advised_and_gives_way() -> None:
    chosen = order(LOW_RISK, TSP, SI)
    by_id = {each.intervention_id: each for each in chosen}
    assert by_id[TSP].not_advised == "Intensive work does not help people at low risk, and can do harm."
    assert by_id[SI].not_advised is None
    assert by_id[SI].code == "INSTEAD_OF_PROGRAMME"


@pytest.mark.parametrize(
    ("change", "low"),
    [
        ({}, True),
        ({"ogrs_2yr": 50}, False),
        ({"rosh": "HIGH"}, False),
        ({"erg": 22}, False),
        ({"osp_dc": "MEDIUM"}, False),
        ({"ogrs_2yr": None}, None),
        ({"ogrs_2yr": 49, "rsr": 0.9}, True),  # tier E
    ],
)
def test_low_risk(change: dict[str, Value], low: bool | None) -> None:  # noqa: FBT001  a column of the table
    assert choice.low_risk({**LOW_RISK, **change}) is low


@pytest.mark.parametrize(
    ("subject", "intervention", "fit"),
    [
        (LOW_RISK, TSP, "OVER"),
        (LOW_RISK, SI, "FITS"),
        (MEDIUM_RISK, TSP, "FITS"),
        ({**MEDIUM_RISK, "ogrs_2yr": 92, "rsr": 4.0}, SI, "UNDER"),  # tier A
        ({**MEDIUM_RISK, "ogrs_2yr": 92, "rsr": 4.0}, TSP, "FITS"),
        (LOW_RISK, HOME, None),
        ({}, TSP, None),
    ],
)
def test_intensity_fit(subject: Mapping[str, Value], intervention: str, fit: str | None) -> None:
    assert choice.intensity_fit(subject, WHOLE.by_id(intervention)) == fit


@pytest.mark.parametrize(
    ("intervention", "ends_on", "imposed_on", "expected"),
    [
        (TSP, date(2024, 11, 1), None, ["END_IN_6_MONTHS"]),
        (TSP, date(2024, 11, 29), None, ["END_IN_6_MONTHS"]),  # four weeks ahead
        (TSP, date(2024, 11, 30), None, []),
        (TSP, date(2024, 10, 3), None, ["END_IN_6_MONTHS"]),  # four weeks past
        (TSP, date(2024, 10, 2), None, []),
        (TSP, date(2024, 8, 1), None, ["END_IN_3_MONTHS"]),
        (TSP, date(2025, 2, 1), None, []),
        (SI, date(2025, 2, 1), None, ["END_IN_9_MONTHS"]),
        (SI, date(2024, 11, 1), None, ["END_IN_6_MONTHS"]),
        (SI, date(2024, 8, 1), None, ["END_IN_3_MONTHS"]),
        (SI, None, None, []),
        (WORK, date(2024, 8, 1), date(2023, 11, 1), ["UNPAID_WORK_AT_6_MONTHS"]),
        (WORK, date(2024, 8, 1), date(2023, 8, 1), ["UNPAID_WORK_AT_9_MONTHS"]),
        (WORK, date(2024, 8, 1), None, []),
        ("unpaid-work-individual", None, date(2023, 8, 1), ["UNPAID_WORK_AT_9_MONTHS"]),
        (HOME, date(2024, 8, 1), date(2023, 11, 1), []),
    ],
)
def test_checks_fall_due(
    intervention: str, ends_on: date | None, imposed_on: date | None, expected: list[str]
) -> None:
    found = timeliness.due(
        WHOLE.by_id(intervention), as_of=date(2024, 5, 1), ends_on=ends_on, imposed_on=imposed_on
    )
    assert [each.code for each in found] == expected
    assert all(each.text.endswith(".") for each in found)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2024, 8, 31), -6, date(2024, 2, 29)),
        (date(2025, 1, 1), -6, date(2024, 7, 1)),  # 184 days: longer than half a year
        (date(2024, 3, 15), -3, date(2023, 12, 15)),
        (date(2023, 5, 31), 9, date(2024, 2, 29)),
        (date(2023, 12, 1), 6, date(2024, 6, 1)),
    ],
)
def test_months_are_those_of_the_calendar(day: date, months: int, expected: date) -> None:
    assert timeliness.months_from(day, months) == expected


@pytest.mark.parametrize("code", timeliness.CHECKS)
def test_checks_of_many_are_those_of_one(code: str) -> None:
    check = timeliness.CHECKS[code]
    entry = next(each for each in WHOLE.interventions if each.type in check.types)
    as_of = date(2024, 2, 29)
    days = [as_of + timedelta(days) for days in range(-420, 420)]
    day, today = pl.col("day"), pl.lit(as_of)
    frame = pl.DataFrame({"day": days}).select(
        noticed=timeliness.is_due(code, counted_from=day, as_of=today),
        fallen=timeliness.is_due(code, counted_from=day, as_of=today, ahead_days=0),
    )
    alone = [
        code in {each.code for each in timeliness.due(entry, as_of=as_of, ends_on=day, imposed_on=day)}
        for day in days
    ]
    assert frame["noticed"].to_list() == alone
    assert 50 < sum(alone) < 70
    fallen = [timeliness.months_from(day, check.months) <= as_of for day in days]
    assert frame["fallen"].to_list() == [a and b for a, b in zip(alone, fallen, strict=True)]


def test_the_order_of_many_is_that_of_one() -> None:
    subjects = [
        each | {"substance_stable": stable, "acute_mental_health": acute}
        for each, stable, acute in zip(
            people(WHOLE, count=300, seed=4),
            [True, False, None] * 100,
            [None, None, True, False] * 75,
            strict=True,
        )
    ] + [LOW_RISK, MEDIUM_RISK] * 20
    random = np.random.default_rng(4)
    eligible, reachable = random.random((2, len(subjects), len(WHOLE.ids))) < [[[0.3]], [[0.6]]]
    found = choice_batch.order(frame(subjects), WHOLE, eligible=eligible, reachable=reachable)
    steps, warned = set(), 0
    for row, subject in enumerate(subjects):
        names = [name for name, holds in zip(WHOLE.ids, eligible[row], strict=True) if holds]
        near = tuple(name for name, holds in zip(WHOLE.ids, reachable[row], strict=True) if holds)
        chosen = order(subject, *names, reachable=near)
        columns = [WHOLE.ids.index(each.intervention_id) for each in chosen]
        assert found.place[row, columns].tolist() == list(range(len(chosen)))
        assert found.step[row, columns].tolist() == [each.step for each in chosen]
        assert found.not_advised[row, columns].tolist() == [each.not_advised is not None for each in chosen]
        others = ~eligible[row]
        assert set(found.place[row, others]) == {len(chosen)}
        assert not found.step[row, others].any()
        assert not found.not_advised[row, others].any()
        steps |= {each.step for each in chosen}
        warned += sum(each.not_advised is not None for each in chosen)
    assert steps == set(choice.Step)
    assert warned > 50
