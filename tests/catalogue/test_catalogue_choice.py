"""The order of choice, over- and under-intensity, and the checks that fall due."""

from collections.abc import Mapping
from datetime import date, timedelta

import pytest

import catalogue
from catalogue import Eligibility, Status, choice, timeliness
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
    ("intervention", "days_to_end", "days_since_imposed", "expected"),
    [
        (TSP, 183, None, ["END_IN_6_MONTHS"]),
        (TSP, 183 + 28, None, ["END_IN_6_MONTHS"]),
        (TSP, 183 + 29, None, []),
        (TSP, 92, None, ["END_IN_3_MONTHS"]),
        (TSP, 274, None, []),
        (SI, 274, None, ["END_IN_9_MONTHS"]),
        (SI, None, None, []),
        (WORK, 92, 183, ["UNPAID_WORK_AT_6_MONTHS"]),
        (WORK, 92, 274, ["UNPAID_WORK_AT_9_MONTHS"]),
        (WORK, 92, None, []),
        (HOME, 92, 183, []),
    ],
)
def test_checks_fall_due(
    intervention: str, days_to_end: int | None, days_since_imposed: int | None, expected: list[str]
) -> None:
    today = date(2024, 5, 1)
    found = timeliness.due(
        WHOLE.by_id(intervention),
        as_of=today,
        ends_on=None if days_to_end is None else today + timedelta(days_to_end),
        imposed_on=None if days_since_imposed is None else today - timedelta(days_since_imposed),
    )
    assert [each.code for each in found] == expected
    assert all(each.text.endswith(".") for each in found)
