"""The order of choice, and over- and under-intensity."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

import catalogue
from catalogue import choice
from catalogue.checking.sample import people
from catalogue.choice import Order, Step
from catalogue.fields import NEED_THRESHOLDS, NEEDS, Value, linked_field
from catalogue.intervention import Intervention
from catalogue.subjects import Bools, Subjects
from catalogue.truth import FALSE, TRUE, UNKNOWN

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


def order_of(subjects: Sequence[Mapping[str, Value]], *, eligible: Bools, reachable: Bools) -> Order:
    held = Subjects.of(subjects)
    return choice.order(held, choice.needs_of(held), WHOLE, eligible=eligible, reachable=reachable)


def among(ids: Sequence[str]) -> Bools:
    return np.array([[each in ids for each in WHOLE.ids]])


def order(
    subject: Mapping[str, Value], *ids: str, reachable: Sequence[str] | None = None
) -> list[tuple[str, Step, bool]]:
    """What stands in the order for one person who is eligible for these: the step, and whether it is not advised."""
    found = order_of([subject], eligible=among(ids), reachable=among(ids if reachable is None else reachable))
    chosen = sorted((int(found.place[0, column]), column) for column in map(WHOLE.ids.index, ids))
    assert [place for place, _ in chosen] == list(range(len(ids)))
    return [
        (WHOLE.ids[column], Step(int(found.step[0, column])), bool(found.not_advised[0, column]))
        for _, column in chosen
    ]


def steps(chosen: list[tuple[str, Step, bool]]) -> list[tuple[str, Step]]:
    return [(name, step) for name, step, _ in chosen]


def test_programme_then_structured_intervention_then_services_then_toolkits() -> None:
    assert steps(order(MEDIUM_RISK, TOOL, HOME, SI, WORK, TSP)) == [
        (TSP, Step.FIRST_CHOICE),
        (SI, Step.IN_ITS_PLACE),
        (HOME, Step.FOR_OTHER_NEED),
        (TOOL, Step.BESIDE),
        (WORK, Step.BESIDE),
    ]


def test_a_service_meets_the_need_where_the_programme_cannot_be_reached() -> None:
    needy = {**MEDIUM_RISK, "s11_thinking": 5, "s3_accommodation": 0}
    service = "personal-wellbeing-services-crs"
    assert dict(steps(order(needy, TSP, service)))[service] is Step.BESIDE
    assert dict(steps(order(needy, TSP, service, reachable=(service,))))[service] is Step.FOR_OTHER_NEED


def test_only_what_the_person_is_eligible_for_is_ordered() -> None:
    found = order_of([MEDIUM_RISK], eligible=among([TSP]), reachable=among([TSP, SI, HOME]))
    others = [column for column, name in enumerate(WHOLE.ids) if name != TSP]
    assert (found.place[0, others] == 1).all()
    assert not found.step[0, others].any()
    assert not found.not_advised[0, others].any()
    nothing = order_of([LOW_RISK], eligible=among([]), reachable=among([TSP]))
    for each in (nothing.place, nothing.step, nothing.not_advised):
        assert not each.any()


def test_a_need_that_treatment_meets_is_not_a_services_own() -> None:
    needy = {**MEDIUM_RISK, "s8_drugs": 5}
    assert dict(steps(order(needy, DRUGS)))[DRUGS] is Step.FOR_OTHER_NEED
    assert steps(order(needy, DRUGS, TREATMENT)) == [
        (TREATMENT, Step.FIRST_CHOICE),
        (DRUGS, Step.BESIDE),
    ]


def test_stability_comes_first_where_it_is_wanting() -> None:
    shaky = {**MEDIUM_RISK, "s8_drugs": 5, "substance_stable": False}
    assert steps(order(shaky, SI, DRUGS))[0] == (DRUGS, Step.FIRST_CHOICE)


def test_intensive_work_at_low_risk_is_not_advised_and_gives_way() -> None:
    assert order(LOW_RISK, TSP, SI) == [(TSP, Step.FIRST_CHOICE, True), (SI, Step.IN_ITS_PLACE, False)]
    # What is not advised covers no need, so a service is wanted for it.
    needy = {**LOW_RISK, "s11_thinking": 5}
    service = "personal-wellbeing-services-crs"
    assert (service, Step.FOR_OTHER_NEED, False) in order(needy, TSP, service)


def test_needs_are_scores_at_their_threshold_or_links_and_the_furthest_over_comes_first() -> None:
    subjects = Subjects.of(
        [
            {"s3_accommodation": 1, "s11_thinking": 4, "s12_attitudes": 6},
            {"s3_accommodation": 1, linked_field("s3_accommodation"): True},
            {linked_field("s11_thinking"): True, linked_field("s12_attitudes"): False},
            {},
        ]
    )
    needs = choice.needs_of(subjects)
    assert [[NEEDS[place] for place in np.flatnonzero(row)] for row in needs.present] == [
        ["s11_thinking", "s12_attitudes"],
        ["s3_accommodation"],
        ["s11_thinking"],
        [],
    ]
    first = choice.first_needs(needs, WHOLE)
    for column, entry in enumerate(WHOLE.interventions):
        wanted = [
            next((name for name in ("s12_attitudes", "s11_thinking") if name in entry.needs), None),
            "s3_accommodation" if "s3_accommodation" in entry.needs else None,
            "s11_thinking" if "s11_thinking" in entry.needs else None,
            None,
        ]
        assert first[:, column].tolist() == [-1 if each is None else NEEDS.index(each) for each in wanted]


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
    (found,) = choice.low_risk(Subjects.of([{**LOW_RISK, **change}])).tolist()
    assert found == {True: TRUE, False: FALSE, None: UNKNOWN}[low]


@pytest.mark.parametrize(
    ("subject", "intervention", "over"),
    [
        (LOW_RISK, TSP, True),
        (LOW_RISK, SI, False),
        (MEDIUM_RISK, TSP, False),
        ({**MEDIUM_RISK, "ogrs_2yr": 92, "rsr": 4.0}, SI, False),  # tier A
        ({**MEDIUM_RISK, "ogrs_2yr": 92, "rsr": 4.0}, TSP, False),
        (LOW_RISK, HOME, False),
        ({}, TSP, False),
    ],
)
def test_what_asks_too_much_at_low_risk_is_not_advised(
    subject: Mapping[str, Value],
    intervention: str,
    over: bool,  # noqa: FBT001  a column of the table
) -> None:
    ((_, _, not_advised),) = order(subject, intervention)
    assert not_advised is over


# ------------------------------------------------------------------------------------ many people at once


def step_of(person: Mapping[str, Value], entry: Intervention, *, needs: set[str], covered: set[str]) -> Step:
    """The step by the operating model, in plain words: the reference for the columns."""
    if entry.type in {"ACP", "TREATMENT_REQUIREMENT"}:
        return Step.FIRST_CHOICE
    if entry.type == "SI":
        return Step.IN_ITS_PLACE
    if entry.type != "CRS":
        return Step.BESIDE
    met = needs & set(entry.needs)
    unsteady = person.get("substance_stable") is False or person.get("acute_mental_health") is True
    if unsteady and met & choice.STABILISING:
        return Step.FIRST_CHOICE
    return Step.FOR_OTHER_NEED if met - covered else Step.BESIDE


def test_the_order_of_many_people_is_that_of_the_operating_model_for_each() -> None:
    subjects: list[Mapping[str, Value]] = [
        each | {"substance_stable": stable, "acute_mental_health": acute}
        for each, stable, acute in zip(
            people(WHOLE, count=300, seed=4),
            [True, False, None] * 100,
            [None, None, True, False] * 75,
            strict=True,
        )
    ]
    subjects += [LOW_RISK, MEDIUM_RISK] * 20
    chance = np.random.default_rng(4)
    eligible, reachable = chance.random((2, len(subjects), len(WHOLE.ids))) < [[[0.3]], [[0.6]]]
    found = order_of(subjects, eligible=eligible, reachable=reachable)
    low = choice.low_risk(Subjects.of(subjects)) == TRUE
    seen, warned = set(), 0
    for row, person in enumerate(subjects):
        needs = {
            need
            for need, least in NEED_THRESHOLDS.items()
            if float(str(person.get(need) or 0)) >= least or person.get(linked_field(need)) is True
        }
        entries = [each for each, holds in zip(WHOLE.interventions, eligible[row], strict=True) if holds]
        over = {
            each.id for each in entries if low[row] and each.type in {"ACP", "SI"} and each.intensity != "LOW"
        }
        near = {name for name, holds in zip(WHOLE.ids, reachable[row], strict=True) if holds} - over
        works = {"ACP", "SI", "TREATMENT_REQUIREMENT"}
        covered = {need for each in entries if each.id in near and each.type in works for need in each.needs}
        step = {each.id: step_of(person, each, needs=needs, covered=covered) for each in entries}
        chosen = sorted(
            entries,
            key=lambda each: (step[each.id], each.id in over, -len(needs & set(each.needs)), each.id),
        )
        columns = [WHOLE.ids.index(each.id) for each in chosen]
        assert found.place[row, columns].tolist() == list(range(len(chosen)))
        assert found.step[row, columns].tolist() == [step[each.id] for each in chosen]
        assert found.not_advised[row, columns].tolist() == [each.id in over for each in chosen]
        others = ~eligible[row]
        assert set(found.place[row, others]) == {len(chosen)}
        assert not found.step[row, others].any()
        assert not found.not_advised[row, others].any()
        seen |= set(step.values())
        warned += len(over)
    assert seen == set(Step)
    assert warned > 50


def test_people_one_by_one_are_ordered_as_together() -> None:
    subjects = people(WHOLE, count=60, seed=5)
    chance = np.random.default_rng(5)
    eligible, reachable = chance.random((2, len(subjects), len(WHOLE.ids))) < 0.5
    together = order_of(subjects, eligible=eligible, reachable=reachable)
    risk = choice.low_risk(Subjects.of(subjects))
    assert {FALSE, UNKNOWN} <= set(risk.tolist())
    for row, person in enumerate(subjects):
        one = slice(row, row + 1)
        alone = order_of([person], eligible=eligible[one], reachable=reachable[one])
        for mine, theirs in zip(
            (alone.place, alone.step, alone.not_advised),
            (together.place, together.step, together.not_advised),
            strict=True,
        ):
            assert np.array_equal(mine[0], theirs[row])
        assert choice.low_risk(Subjects.of([person]))[0] == risk[row]
