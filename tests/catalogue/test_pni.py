"""The Programme Needs Identifier, row by row of its table, and what may still result when answers are missing."""

import random
from collections import Counter
from collections.abc import Mapping
from datetime import date
from functools import cache
from itertools import cycle
from types import SimpleNamespace

import numpy as np
import pytest

import catalogue
from catalogue import Status, UsageError, pni
from catalogue.checking import sample
from catalogue.eligibility import STATUSES, judge
from catalogue.fields import Value
from catalogue.particulars import day_numbers
from catalogue.subjects import Subjects
from tests.catalogue import reference

DAY = date(2024, 1, 1)
ITEMS = [item for domain in pni.DOMAINS.values() for item in domain.items]
LOWEST: Mapping[str, Value] = {
    **dict.fromkeys(ITEMS, 0),
    "q1_30": False,
    "q6_11": False,
    "ogrs_2yr": 10,
    "ovp_2yr": 10,
    "rsr": 0.5,
    "osp_dc": "NOT_APPLICABLE",
    "osp_iic": "NOT_APPLICABLE",
    "sara_partner": "LOW",
    "sara_other": "LOW",
}


def pathway(sex: str = "MALE", setting: str = "CUSTODY", **answers: Value) -> pni.Pathway:
    return pni.pathway({**LOWEST, **answers}, sex=sex, setting=setting)


HIGH_NEED = {
    "q12_1": 2,
    "q6_1": 2,
    "q6_6": 2,
    "q7_3": 2,
    "q11_2": 2,
    "q11_4": 2,
    "q11_6": 2,
}
MEDIUM_NEED = {"q12_1": 2, "q6_1": 2}


@pytest.mark.parametrize(
    ("answers", "domain", "score"),
    [
        ({"q11_11": 2, "q6_12": 2}, "sex", 0),  # the gate is shut
        ({"q1_30": True, "q11_11": 1}, "sex", 0),
        ({"q1_30": True, "q11_11": 2}, "sex", 1),
        ({"q1_30": "Yes", "q6_11": "No", "q11_11": 2}, "sex", 1),
        ({"q1_30": "No", "q6_11": "No", "q11_11": 2}, "sex", 0),
        ({"q6_11": True, "q11_11": 2, "q6_12": 2}, "sex", 2),
        ({"q1_30": True, "q11_12": 2}, "sex", 2),  # the trump
        ({"q1_30": True, "q11_12": None, "q6_12": 2}, "sex", 1),  # the OASys reading: the partial sum counts
        ({"q12_9": 1}, "thinking", 1),
        ({"q12_1": 1, "q12_9": 1}, "thinking", 1),
        ({"q12_1": 1, "q12_9": 2}, "thinking", 2),
        ({"q12_1": 2}, "thinking", 2),  # the trump
        ({"q6_1": 1}, "relationships", 0),
        ({"q6_1": 1, "q6_6": 1}, "relationships", 1),
        ({"q6_1": 2, "q6_6": 2}, "relationships", 1),
        ({"q6_1": 2, "q6_6": 2, "q11_3": 1}, "relationships", 2),
        ({"q11_2": 1}, "self-management", 0),
        ({"q11_2": 1, "q10_1": 1}, "self-management", 1),
        ({"q11_2": 2, "q11_4": 2, "q11_6": 1}, "self-management", 2),
    ],
)
def test_domains(answers: dict[str, Value], domain: str, score: int) -> None:
    assert pathway(**answers).domain_scores[domain] == score


@pytest.mark.parametrize(
    ("answers", "sex", "risk"),
    [
        ({}, "MALE", "LOW"),
        ({"ogrs_2yr": 49}, "MALE", "LOW"),
        ({"ogrs_2yr": 50}, "MALE", "MEDIUM"),
        ({"ogrs_2yr": 75}, "MALE", "HIGH"),
        ({"ovp_2yr": 30}, "MALE", "MEDIUM"),
        ({"ovp_2yr": 60}, "MALE", "HIGH"),
        ({"osp_dc": "LOW"}, "MALE", "LOW"),
        ({"osp_dc": "MEDIUM"}, "MALE", "MEDIUM"),
        ({"osp_dc": "VERY_HIGH"}, "MALE", "HIGH"),
        ({"osp_iic": "HIGH"}, "MALE", "HIGH"),
        ({"osp_dc": "VERY_HIGH", "osp_iic": "HIGH"}, "FEMALE", "LOW"),
        ({"rsr": 1}, "MALE", "MEDIUM"),
        ({"rsr": 3}, "MALE", "HIGH"),
        ({"rsr": 3, "osp_dc": "LOW"}, "MALE", "LOW"),  # RSR counts only where both OSP do not apply
        ({"rsr": 3, "osp_dc": "LOW"}, "FEMALE", "HIGH"),
        ({"sara_partner": "MEDIUM"}, "MALE", "MEDIUM"),
        ({"sara_other": "HIGH"}, "MALE", "HIGH"),
    ],
)
def test_risk(answers: dict[str, Value], sex: str, risk: str) -> None:
    assert pathway(sex=sex, **answers).risk == risk


@pytest.mark.parametrize(
    ("answers", "custody", "community"),
    [
        (HIGH_NEED | {"ogrs_2yr": 80}, "HIGH", "MODERATE"),
        (HIGH_NEED | {"ogrs_2yr": 60}, "MODERATE", "MODERATE"),
        (HIGH_NEED, "ALTERNATIVE", "ALTERNATIVE"),
        (MEDIUM_NEED | {"ogrs_2yr": 80}, "MODERATE", "MODERATE"),
        (MEDIUM_NEED | {"ogrs_2yr": 60}, "MODERATE", "MODERATE"),
        (MEDIUM_NEED, "ALTERNATIVE", "ALTERNATIVE"),
        ({"ogrs_2yr": 80}, "ALTERNATIVE", "ALTERNATIVE"),
        ({"ogrs_2yr": 75, "ovp_2yr": 60}, "HIGH", "MODERATE"),  # trump 1
        ({"ogrs_2yr": 75, "sara_other": "HIGH"}, "HIGH", "MODERATE"),  # trump 1
        ({"ogrs_2yr": 74, "ovp_2yr": 60}, "ALTERNATIVE", "ALTERNATIVE"),
        ({"sara_partner": "MEDIUM"}, "MODERATE", "MODERATE"),  # trump 2
    ],
)
def test_matrix_and_trumps(answers: dict[str, Value], custody: str, community: str) -> None:
    assert pathway(setting="CUSTODY", **answers).level == custody
    assert pathway(setting="COMMUNITY", **answers).level == community


@pytest.mark.parametrize(
    ("answers", "setting", "level", "missing"),
    [
        # Even at the worst nothing follows.
        ({"q11_2": None}, "CUSTODY", "ALTERNATIVE", ("q11_2",)),
        # Need could be higher: 12.1 missing counts as 4, 11.12 as 6.
        ({"ogrs_2yr": 60, "q6_1": 2, "q12_1": None}, "CUSTODY", "OMISSION", ("q12_1",)),
        ({"ogrs_2yr": 60, "q12_1": 2, "q1_30": True, "q11_12": None}, "COMMUNITY", "OMISSION", ("q11_12",)),
        # Need is medium, and could not be high.
        ({**MEDIUM_NEED, "ogrs_2yr": 60, "q11_2": None}, "CUSTODY", "MODERATE", ("q11_2",)),
        # A missing predictor projects high risk.
        ({**MEDIUM_NEED, "ogrs_2yr": None}, "COMMUNITY", "OMISSION", ("ogrs_2yr",)),
        ({**MEDIUM_NEED, "osp_iic": None}, "COMMUNITY", "OMISSION", ("osp_iic",)),
        ({**MEDIUM_NEED, "rsr": None}, "COMMUNITY", "OMISSION", ("rsr",)),
        # 1.30 missing projects the domain of sexual offending.
        (
            {"ogrs_2yr": 60, "q12_1": 2, "q1_30": None, "q11_11": None, "q11_12": 2},
            "CUSTODY",
            "OMISSION",
            None,
        ),
        # So it does where the items themselves are answered and low.
        (
            {"ogrs_2yr": 60, "q12_1": 2, "q1_30": None, "q6_11": False, "q11_11": 0, "q11_12": 0, "q6_12": 0},
            "CUSTODY",
            "OMISSION",
            ("q1_30",),
        ),
        # A SARA in the community ends the calculation.
        ({"sara_partner": "MEDIUM", "ogrs_2yr": None}, "COMMUNITY", "MODERATE", ("ogrs_2yr",)),
        ({"sara_partner": "MEDIUM", "ogrs_2yr": None}, "CUSTODY", "OMISSION", ("ogrs_2yr",)),
        # No SARA counts as low.
        ({"sara_partner": None, "sara_other": None}, "CUSTODY", "ALTERNATIVE", ()),
    ],
)
def test_omission(
    answers: dict[str, Value], setting: str, level: str, missing: tuple[str, ...] | None
) -> None:
    found = pathway(setting=setting, **answers)
    assert found.level == level
    assert missing is None or found.missing == missing


def test_an_assessment_below_layer_three_has_no_pathway() -> None:
    assert pathway(layer=1, ogrs_2yr=80, **HIGH_NEED).level == "OMISSION"
    assert pathway(layer=3, ogrs_2yr=80, **HIGH_NEED).level == "HIGH"


def test_an_assessment_by_key_by_attribute_or_as_a_row_of_a_frame_leads_to_the_same() -> None:
    answers = {**LOWEST, **MEDIUM_NEED, "ogrs_2yr": 60, "layer": 3}
    of_a_frame = {name: np.int64(each) if type(each) is int else each for name, each in answers.items()}
    forms = (
        answers,
        SimpleNamespace(**answers),
        of_a_frame | {"ovp_2yr": np.float64(10), "q1_30": np.bool_(False)},
    )
    found = [pni.pathway(each, sex="MALE", setting="COMMUNITY") for each in forms]
    assert {each.level for each in found} == {"MODERATE"}
    gap = pni.pathway(answers | {"ogrs_2yr": float("nan")}, sex="MALE", setting="COMMUNITY")
    assert (gap.level, gap.missing) == ("OMISSION", ("ogrs_2yr",))


CHOICES = {
    "HIGH": "building-choices-high-intensity-acp",
    "MODERATE": "building-choices-moderate-intensity-acp",
}


def test_building_choices_and_the_identifier_agree_on_every_assessment() -> None:
    whole = catalogue.load()
    people = [
        person | {"age": 30, "assessment_age_days": 10, "assessment_layer": layer}
        for person, layer in zip(
            sample.people(whole, count=400, seed=21, unanswered=(0.0, 0.0, 0.05, 0.3)),
            cycle((3, 1, 3, None)),
            strict=False,
        )
        if person["sex"] is not None and person["setting"] is not None
    ]
    together = judge(Subjects.of(people), whole, days=day_numbers(DAY)).status
    seen = Counter()
    for row, person in enumerate(people):
        live = {each.intervention_id: each for each in catalogue.evaluate(person, whole, as_of=DAY)}
        level = pni.pathway(person, sex=str(person["sex"]), setting=str(person["setting"])).level
        for pathway_level, name in CHOICES.items():
            found = live[name]
            assert STATUSES[together[row, whole.ids.index(name)]] == found.status
            runs = person["setting"] in whole.by_id(name).settings
            seen[person["assessment_layer"], str(found.status)] += 1
            if person["assessment_layer"] != 3:
                assert found.status is not Status.ELIGIBLE
            elif found.status is Status.ELIGIBLE:
                # An omission that every answer would settle alike is no obstacle.
                assert runs
                assert level in {pathway_level, "OMISSION"}
            elif level == pathway_level and runs:
                # The identifier takes a missing 6.11 for a no; a rule waits for the answer where it could matter.
                assert found.status is Status.MISSING_INFORMATION
                assert found.missing
            if found.status is Status.NEARLY:
                assert person["assessment_layer"] == 1
                assert found.nearly == "A full assessment (layer 3) is needed to work out need and risk."
                full = person | {"assessment_layer": 3}
                assert pni.pathway(full, sex=str(person["sex"]), setting=str(person["setting"])).level in {
                    pathway_level,
                    "OMISSION",
                }
            if person["assessment_layer"] is None and found.status is Status.MISSING_INFORMATION:
                assert "assessment_layer" in found.missing
    assert min(seen[3, "ELIGIBLE"], seen[1, "NEARLY"], seen[None, "MISSING_INFORMATION"]) > 20, seen


@pytest.mark.parametrize(("sex", "setting"), [(None, "COMMUNITY"), ("MALE", None), ("MALE", "MOON")])
def test_sex_and_setting_are_needed(sex: str | None, setting: str | None) -> None:
    with pytest.raises(UsageError, match="Programme Needs Identifier needs"):
        pni.pathway(LOWEST, sex=sex, setting=setting)


def test_an_answer_that_is_neither_yes_nor_no_is_refused() -> None:
    with pytest.raises(UsageError, match="q1_30"):
        pathway(q1_30="perhaps")


@cache
def _candidates() -> Mapping[str, tuple[Value, ...]]:
    return sample.candidates(catalogue.load())


def _completed(subject: Mapping[str, Value], rng: random.Random) -> dict[str, Value]:
    """The same person with every answer filled in; a SARA that was not done stays so, because that is an answer."""
    values = _candidates()
    return {
        name: rng.choice(values[name]) if answer is None and name not in pni.SARA else answer
        for name, answer in subject.items()
    }


def reachable(people: list[dict[str, Value]]) -> list[set[str]]:
    """The pathways that could still result for each of these people."""
    found = pni.reachable(Subjects.of(people))
    return [{level for level in pni.PATHWAYS if bits & pni.bits((level,))} for bits in found.tolist()]


def test_what_is_reachable_is_what_completions_reach() -> None:
    rng = random.Random(3)
    people = sample.people(catalogue.load(), count=120, seed=8, unanswered=(0.1, 0.3))
    asked = [{name: person[name] for name in pni.FIELDS_USED} for person in people]
    wanted = pni.missing(Subjects.of(asked))
    seen_open = 0
    for row, (subject, levels) in enumerate(zip(asked, reachable(asked), strict=True)):
        reached = set()
        for _ in range(400):
            whole = _completed(subject, rng)
            level = pni.pathway(whole, sex=str(whole["sex"]), setting=str(whole["setting"])).level
            reached.add(level)
            if reached == levels:
                break
        assert reached <= levels
        if len(levels) > 1:
            seen_open += 1
            assert len(reached) > 1, (subject, levels)
            assert any(each[row] for each in wanted.values())
        else:
            assert reached == levels
    assert seen_open > 20


def test_exactly_what_some_completion_reaches_is_reachable() -> None:
    people = sample.people(catalogue.load(), count=200, seed=9, unanswered=(0.0, 0.1, 0.3, 0.6, 0.9))
    found = reachable(people)
    assert found == [reference.reachable(person) for person in people]
    assert {len(each) for each in found} == {1, 2, 3}


def test_the_pathway_of_whoever_answered_everything_is_that_of_the_table() -> None:
    people = sample.people(catalogue.load(), count=600, seed=10, unanswered=(0.0,))
    seen = Counter()
    for row, person in enumerate(people):
        full = person | {"assessment_layer": 3} | (dict.fromkeys(ITEMS, 0) if row % 2 else {})
        found = pni.pathway(full, sex=str(person["sex"]), setting=str(person["setting"]))
        assert found.level == reference.pathway(full)
        assert not found.missing
        seen[found.level] += 1
    assert min(seen[level] for level in pni.PATHWAYS) > 20, seen


def test_filling_in_what_is_wanted_leaves_one_pathway() -> None:
    rng = random.Random(12)
    people = sample.people(catalogue.load(), count=300, seed=11, unanswered=(0.1, 0.3, 0.6, 0.9))
    for _ in range(2):  # RSR is asked for only once it is known that OSP does not apply
        wanted = pni.missing(Subjects.of(people))
        assert list(wanted) == list(pni.WANTED)
        for row, person in enumerate(people):
            names = {name for name, each in wanted.items() if each[row]}
            assert names == reference.wanted(person)
            assert all(person[name] is None for name in names)
            people[row] = person | {name: rng.choice(_candidates()[name]) for name in names}
    assert {len(each) for each in reachable(people)} == {1}
