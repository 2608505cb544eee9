"""Eligibility: what single facts decide, the laws that hold whatever is missing, and that one row is as many."""

import dataclasses
import random
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import catalogue
from catalogue import Eligibility, Outcome, Status
from catalogue.checking import sample
from catalogue.checking.check import eligible_person
from catalogue.criteria import Anything, Criterion, FirstRecorded, OnPathway, walk
from catalogue.eligibility import STATUSES, Judged, answers, judge, missing_fields
from catalogue.errors import UsageError
from catalogue.fields import FIELDS, FieldKind, Value
from catalogue.frames import statuses
from catalogue.intervention import Intervention, RuleKind
from catalogue.particulars import day_numbers
from catalogue.subjects import Subjects, fields_in
from catalogue.truth import FALSE, TRUE, criteria

DAY = date(2024, 1, 1)
WHOLE = catalogue.load()
TSP = "thinking-skills-programme-acp"

# A man in the community with a violent offence, needs, and nothing missing that a rule asks about.
PERSON: Mapping[str, Value] = {
    **{name: 0 for name, field in FIELDS.items() if field.kind is FieldKind.NUMBER},
    **{name: False for name, field in FIELDS.items() if field.kind is FieldKind.FLAG},
    **{name: () for name, field in FIELDS.items() if field.kind is FieldKind.CODES},
    "sex": "MALE",
    "age": 30,
    "setting": "COMMUNITY",
    "region": "A",
    "pdu": "A1",
    "sentence_type": "COMMUNITY_ORDER",
    "days_left": 600,
    "rar_days": 20,
    "offence_types": ("GENERAL_VIOLENCE",),
    "requirement_types": ("RAR",),
    "reads_simple_sentences": True,
    "assessment_age_days": 30,
    "assessment_layer": 3,
    "predictor_generation": "OGRS3",
    "ogrs_2yr": 55,
    "ovp_2yr": 25,
    "rsr": 1.5,
    "osp_dc": "NOT_APPLICABLE",
    "osp_iic": "NOT_APPLICABLE",
    "rosh": "MEDIUM",
    "sara_partner": "LOW",
    "sara_other": "LOW",
    "substance_stable": True,
    "motivation": 1,
    "q11_6": 2,
    "q11_7": 2,
    "q12_1": 1,
}
SCORED = {name for name, field in FIELDS.items() if field.kind in {FieldKind.NUMBER, FieldKind.FLAG}}
SEXUAL = {"offence_types": ("SEXUAL",), "osp_dc": "MEDIUM", "osp_iic": "NOT_APPLICABLE"}
PARTNER = {"offence_types": ("INTIMATE_PARTNER_VIOLENCE",), "q2_3d_domestic_abuse": True}
INSIDE = {"setting": "CUSTODY", "sentence_type": "CUSTODY"}
WOMAN = {"sex": "FEMALE"}
STEADY = {"q11_3": 2}
PARTNER_HIGH = PARTNER | {"sara_partner": "HIGH"}
MEDIUM_NEED = {"q6_1": 2, "q11_2": 1, "q12_9": 2}


def answer(intervention_id: str, subject: Mapping[str, Value]) -> Eligibility:
    found = catalogue.evaluate(subject, WHOLE, as_of=DAY)
    return found[WHOLE.ids.index(intervention_id)]


@pytest.mark.parametrize(
    ("intervention_id", "change", "status"),
    [
        (TSP, {}, "ELIGIBLE"),
        (TSP, {"age": 17}, "NOT_ELIGIBLE"),
        (TSP, {"ogrs_2yr": 49}, "NOT_ELIGIBLE"),
        (TSP, {"ogrs_2yr": 50, "predictor_generation": "OGRS4"}, "ELIGIBLE"),
        (TSP, {"q11_7": 1, "q11_6": 1}, "NOT_ELIGIBLE"),  # a thinking total of 3
        (TSP, {"q11_7": None}, "MISSING_INFORMATION"),  # 3, and could be 5
        (TSP, {"q11_7": None, "q2_6": 2}, "ELIGIBLE"),  # 5 already
        (TSP, {"q11_7": None, "q12_1": 0}, "NOT_ELIGIBLE"),  # 2, and 4 at most
        (TSP, {"offence_types": ("SEXUAL_INTERNET_ONLY",)}, "NOT_ELIGIBLE"),
        (TSP, {"assessment_age_days": 385}, "ELIGIBLE"),
        (TSP, {"assessment_age_days": 386}, "NEARLY"),
        (TSP, {"assessment_age_days": 386, "ogrs_2yr": 49}, "NOT_ELIGIBLE"),
        (TSP, {"assessment_age_days": 386, "ogrs_2yr": None}, "NOT_ELIGIBLE"),
        (TSP, {"motivation": 0}, "ELIGIBLE"),  # readiness is advice
        (TSP, {"setting": "REMAND"}, "NOT_ELIGIBLE"),
        (TSP, {"setting": "PRE_RELEASE"}, "ELIGIBLE"),
        ("better-solutions-si", {"ogrs_2yr": 25}, "ELIGIBLE"),
        ("better-solutions-si", {"ogrs_2yr": 24}, "NOT_ELIGIBLE"),
        ("better-solutions-si", {"days_left": 100}, "ELIGIBLE"),  # nine months is advice
        ("better-solutions-si", {"substance_stable": False}, "NEARLY"),
        ("better-solutions-si", {"acute_mental_health": True}, "NEARLY"),
        (
            "better-solutions-si",
            {"acute_mental_health": True, "substance_stable": False},
            "NOT_ELIGIBLE",
        ),
        ("better-solutions-si", {"reads_simple_sentences": False}, "NOT_ELIGIBLE"),
        ("better-solutions-si", PARTNER, "NOT_ELIGIBLE"),
        # OVP, or OGRS where there is none.
        ("lets-talk-si", STEADY | {"ovp_2yr": 20}, "ELIGIBLE"),
        ("lets-talk-si", STEADY | {"ovp_2yr": 19}, "NOT_ELIGIBLE"),
        ("lets-talk-si", STEADY | {"ovp_2yr": None, "ogrs_2yr": 25}, "ELIGIBLE"),
        ("lets-talk-si", STEADY | {"ovp_2yr": None, "ogrs_2yr": 24}, "NOT_ELIGIBLE"),
        ("lets-talk-si", STEADY | {"ovp_2yr": None, "ogrs_2yr": None}, "MISSING_INFORMATION"),
        ("lets-talk-si", {"s12_linked_harm": True}, "ELIGIBLE"),
        ("lets-talk-si", {}, "NOT_ELIGIBLE"),
        ("managing-my-emotions-si", STEADY | {"offence_types": ()}, "NOT_ELIGIBLE"),
        (
            "managing-my-emotions-si",
            STEADY | {"offence_types": (), "past_offence_types": ("GENERAL_VIOLENCE",)},
            "ELIGIBLE",
        ),
        # A programme that fits into the time left rules out Stepwise Emotions, and only that.
        ("stepwise-emotions-si", STEADY | {"ogrs_2yr": 55}, "NOT_ELIGIBLE"),
        ("stepwise-emotions-si", STEADY | {"ogrs_2yr": 45, "rsr": 0.5}, "ELIGIBLE"),
        ("stepwise-emotions-si", STEADY | {"ogrs_2yr": 55, "days_left": 69}, "ELIGIBLE"),
        # Thinking Skills needs ten weeks.
        ("stepwise-emotions-si", STEADY | {"ogrs_2yr": 55, "days_left": 70}, "NOT_ELIGIBLE"),
        ("stepwise-problem-solving-si", {"ogrs_2yr": 55}, "ELIGIBLE"),
        # Orientation is asked about and never filters.
        ("help-programme-si", PARTNER | STEADY, "ELIGIBLE"),
        ("positive-pathways-plus-si", PARTNER | STEADY, "ELIGIBLE"),
        ("help-programme-si", PARTNER | STEADY | {"sara_other": "MEDIUM"}, "NOT_ELIGIBLE"),
        ("help-programme-si", PARTNER | STEADY | {"sara_other": None}, "MISSING_INFORMATION"),
        ("building-better-relationships-acp", PARTNER | {"sara_partner": "MEDIUM"}, "ELIGIBLE"),
        ("building-better-relationships-acp", PARTNER, "NOT_ELIGIBLE"),
        (
            "building-better-relationships-acp",
            PARTNER | {"sara_partner": "MEDIUM", "days_left": 547},
            "NEARLY",
        ),
        (
            "building-better-relationships-acp",
            PARTNER | {"sara_partner": "MEDIUM", "days_left": 365, "sentence_type": "LICENCE"},
            "ELIGIBLE",
        ),
        ("building-better-relationships-acp", {"sara_other": "HIGH"}, "ELIGIBLE"),
        ("building-better-relationships-acp", INSIDE | {"sara_other": "HIGH"}, "NOT_ELIGIBLE"),
        ("skills-for-relationships-toolkits", PARTNER, "ELIGIBLE"),
        ("skills-for-relationships-toolkits", PARTNER | {"sara_partner": "MEDIUM"}, "NOT_ELIGIBLE"),
        (
            "skills-for-relationships-toolkits",
            PARTNER | {"sara_partner": "MEDIUM", "days_left": 100},
            "ELIGIBLE",
        ),
        (
            "developing-assertiveness-for-women-in-relationships-dawn-si",
            WOMAN | PARTNER | {"q11_4": 1},
            "ELIGIBLE",
        ),
        ("developing-assertiveness-for-women-in-relationships-dawn-si", WOMAN | PARTNER, "NOT_ELIGIBLE"),
        ("horizon-acp", SEXUAL, "ELIGIBLE"),
        ("horizon-acp", SEXUAL | {"osp_dc": "LOW"}, "NOT_ELIGIBLE"),
        ("horizon-acp", SEXUAL | {"osp_dc": "LOW", "osp_iic": None}, "MISSING_INFORMATION"),
        ("horizon-acp", SEXUAL | {"osp_iic": None}, "ELIGIBLE"),
        ("horizon-acp", SEXUAL | {"completed_interventions": ("horizon-acp",)}, "NOT_ELIGIBLE"),
        ("ihorizon-acp", SEXUAL | {"offence_types": ("SEXUAL_INTERNET_ONLY",)}, "ELIGIBLE"),
        (
            "ihorizon-acp",
            SEXUAL | {"offence_types": ("SEXUAL_INTERNET_ONLY",), "past_offence_types": ("SEXUAL",)},
            "NOT_ELIGIBLE",
        ),
        ("new-me-strengths-sexual-offence-acp", SEXUAL, "ELIGIBLE"),
        ("new-me-strengths-sexual-offence-acp", SEXUAL | {"osp_iic": "HIGH"}, "NOT_ELIGIBLE"),
        ("maps-for-change-toolkits", SEXUAL | {"osp_dc": "LOW"}, "ELIGIBLE"),
        ("maps-for-change-toolkits", SEXUAL, "NOT_ELIGIBLE"),
        ("kaizen-sexual-offence-acp", SEXUAL | INSIDE | {"osp_dc": "HIGH"}, "ELIGIBLE"),
        ("kaizen-general-violence-offence-acp", INSIDE | {"ovp_2yr": 60}, "ELIGIBLE"),
        ("kaizen-general-violence-offence-acp", INSIDE | {"ovp_2yr": 59.9}, "NOT_ELIGIBLE"),
        ("kaizen-general-violence-offence-acp", INSIDE | SEXUAL | {"ovp_2yr": 80}, "ELIGIBLE"),
        (
            "becoming-new-me-plus-general-violence-offence-acp",
            INSIDE | {"ogrs_2yr": 75, "ovp_2yr": 95},
            "ELIGIBLE",
        ),
        (
            "becoming-new-me-plus-general-violence-offence-acp",
            INSIDE | {"ogrs_2yr": 74, "ovp_2yr": 95},
            "NOT_ELIGIBLE",
        ),
        (
            "new-me-strengths-general-violence-offence-acp",
            INSIDE | {"ogrs_2yr": 50, "ovp_2yr": 59},
            "ELIGIBLE",
        ),
        (
            "new-me-strengths-general-violence-offence-acp",
            INSIDE | {"ogrs_2yr": 50, "ovp_2yr": 60},
            "NOT_ELIGIBLE",
        ),
        (
            "control-of-violence-for-angry-impulsive-drinkers-acp",
            INSIDE | WOMAN | {"ogrs_2yr": 75},
            "ELIGIBLE",
        ),
        ("control-of-violence-for-angry-impulsive-drinkers-acp", INSIDE | {"ogrs_2yr": 76}, "NOT_ELIGIBLE"),
        (
            "healthy-identity-intervention-acp",
            {"erg": 22, "past_offence_types": ("EXTREMISM",)},
            "ELIGIBLE",
        ),
        ("healthy-identity-intervention-acp", {"erg": 21, "offence_types": ("EXTREMISM",)}, "NOT_ELIGIBLE"),
        ("identity-matters-acp", INSIDE | {"gang_identification": True}, "ELIGIBLE"),
        ("identity-matters-acp", INSIDE | {"gang_identification": True, "rosh": "LOW"}, "NOT_ELIGIBLE"),
        (
            "healthy-sex-programme-acp",
            INSIDE | SEXUAL | {"completed_interventions": ("horizon-acp",)},
            "ELIGIBLE",
        ),
        ("healthy-sex-programme-acp", INSIDE | SEXUAL, "NOT_ELIGIBLE"),
        (
            "living-as-new-me-acp",
            INSIDE | {"completed_interventions": ("new-me-strengths-sexual-offence-acp",)},
            "ELIGIBLE",
        ),
        (
            "living-as-new-me-acp",
            {"completed_interventions": ("new-me-strengths-sexual-offence-acp",)},
            "NOT_ELIGIBLE",
        ),
        ("new-me-mot-acp", {"rar_days": 30}, "ELIGIBLE"),
        ("new-me-mot-acp", {"rar_days": 29}, "NOT_ELIGIBLE"),
        (
            "new-me-mot-toolkits",
            SEXUAL | {"completed_interventions": ("horizon-acp",)},
            "ELIGIBLE",
        ),
        ("new-me-mot-toolkits", {"completed_interventions": ("horizon-acp",)}, "NOT_ELIGIBLE"),
        ("responsibility-aware-toolkits", {}, "ELIGIBLE"),
        ("responsibility-aware-toolkits", {"dependence": True}, "NOT_ELIGIBLE"),
        ("responsibility-aware-toolkits", {"requirement_types": ("ALCOHOL_TREATMENT",)}, "NOT_ELIGIBLE"),
        ("choices-and-changes-toolkits", {"age": 30}, "ELIGIBLE"),
        ("choices-and-changes-toolkits", {"age": 31}, "NOT_ELIGIBLE"),
        ("accommodation-services-crs", {"s3_accommodation": 2}, "ELIGIBLE"),
        ("accommodation-services-crs", {"s3_accommodation": 1}, "NOT_ELIGIBLE"),
        ("accommodation-services-crs", {"s3_linked_reoffending": True}, "ELIGIBLE"),
        ("accommodation-services-crs", {"s3_accommodation": 2} | WOMAN, "NOT_ELIGIBLE"),
        ("womens-services-crs", {"s3_accommodation": 2} | WOMAN, "ELIGIBLE"),
        ("stepwise-driving-si", {"offence_types": ("DRINK_OR_DRUG_DRIVING",)}, "ELIGIBLE"),
        ("building-choices-moderate-intensity-acp", {"q6_1": 2, "q11_2": 1, "q12_9": 2}, "ELIGIBLE"),
        ("building-choices-moderate-intensity-acp", {"q12_1": 0, "q11_6": 0, "q11_7": 0}, "NOT_ELIGIBLE"),
        ("drug-rehabilitation-requirement", {"requirement_types": ("DRUG_REHABILITATION",)}, "ELIGIBLE"),
        ("drug-rehabilitation-requirement", {"dependence": True}, "NOT_ELIGIBLE"),
        (
            "drug-rehabilitation-requirement",
            {"dependence": True, "sentence_type": "PRE_SENTENCE"},
            "ELIGIBLE",
        ),
        ("unpaid-work-group", {"requirement_types": ("UNPAID_WORK",)}, "ELIGIBLE"),
        ("unpaid-work-group", {}, "NOT_ELIGIBLE"),
        ("becoming-new-me-plus-intimate-partner-violence-offence-acp", INSIDE | PARTNER_HIGH, "ELIGIBLE"),
        (
            "becoming-new-me-plus-intimate-partner-violence-offence-acp",
            INSIDE | PARTNER_HIGH | {"sara_partner": "MEDIUM", "sara_other": "HIGH"},
            "NOT_ELIGIBLE",
        ),
        ("becoming-new-me-plus-sexual-offence-acp", INSIDE | SEXUAL | {"osp_iic": "HIGH"}, "ELIGIBLE"),
        ("becoming-new-me-plus-sexual-offence-acp", INSIDE | SEXUAL, "NOT_ELIGIBLE"),
        ("kaizen-intimate-partner-violence-offence-acp", INSIDE | PARTNER_HIGH, "ELIGIBLE"),
        ("kaizen-intimate-partner-violence-offence-acp", INSIDE | PARTNER_HIGH | {"age": 17}, "ELIGIBLE"),
        ("kaizen-intimate-partner-violence-offence-acp", INSIDE | {"sara_partner": "MEDIUM"}, "NOT_ELIGIBLE"),
        (
            "kaizen-sexual-offence-acp",
            INSIDE | SEXUAL | {"osp_dc": "HIGH", "completed_interventions": ("ihorizon-acp",)},
            "NOT_ELIGIBLE",
        ),
        ("new-me-strengths-intimate-partner-violence-offence-acp", INSIDE | PARTNER_HIGH, "NOT_ELIGIBLE"),
        (
            "new-me-strengths-intimate-partner-violence-offence-acp",
            INSIDE | {"sara_partner": "MEDIUM"},
            "ELIGIBLE",
        ),
        ("firs4women-si", WOMAN | STEADY, "ELIGIBLE"),
        ("firs4women-si", STEADY, "NOT_ELIGIBLE"),
        ("firs4women-si", WOMAN | STEADY | PARTNER, "NOT_ELIGIBLE"),
        ("positive-pathways-si", {"ogrs_2yr": 25}, "ELIGIBLE"),
        ("positive-pathways-si", PARTNER, "ELIGIBLE"),
        ("positive-pathways-si", {"ogrs_2yr": 24}, "NOT_ELIGIBLE"),
        (
            "positive-pathways-plus-si",
            STEADY | {"past_offence_types": ("INTIMATE_PARTNER_VIOLENCE",)},
            "ELIGIBLE",
        ),
        ("help-programme-si", STEADY | {"offence_types": ("DOMESTIC_ABUSE",)}, "ELIGIBLE"),
        ("help-programme-si", STEADY, "NOT_ELIGIBLE"),
        ("stepwise-relationships-si", PARTNER | STEADY, "ELIGIBLE"),
        ("stepwise-relationships-si", PARTNER | STEADY | {"q2_3d_domestic_abuse": False}, "NOT_ELIGIBLE"),
        ("stepwise-emotions-si", STEADY | {"ogrs_2yr": 45, "q2_3d_domestic_abuse": True}, "NOT_ELIGIBLE"),
        ("stepwise-driving-si", {}, "NOT_ELIGIBLE"),
        ("pathways-to-change-toolkits", WOMAN | SEXUAL, "ELIGIBLE"),
        ("pathways-to-change-toolkits", WOMAN, "NOT_ELIGIBLE"),
        ("first-steps-to-change-toolkits", WOMAN | {"age": 17}, "ELIGIBLE"),
        ("first-steps-to-change-toolkits", WOMAN | SEXUAL, "NOT_ELIGIBLE"),
        ("stepping-stones-toolkits", {}, "ELIGIBLE"),
        ("stepping-stones-toolkits", SEXUAL, "NOT_ELIGIBLE"),
        ("moving-on-toolkits", INSIDE, "NOT_ELIGIBLE"),
        ("creating-positive-connections-toolkits", WOMAN, "NOT_ELIGIBLE"),
        ("constructive-conversations-toolkits", WOMAN | INSIDE, "ELIGIBLE"),
        ("maps-for-change-toolkits", SEXUAL | {"completed_interventions": ("horizon-acp",)}, "NOT_ELIGIBLE"),
        (
            "maps-for-change-toolkits",
            SEXUAL | {"completed_interventions": ("horizon-acp",), "osp_dc": "HIGH"},
            "ELIGIBLE",  # above medium, and the programme for that was done before
        ),
        ("community-led-initiatives-cli-peer-support-crs", {"s5_finance": 2}, "ELIGIBLE"),
        ("community-led-initiatives-cli-peer-support-crs", {"s8_drugs": 9}, "NOT_ELIGIBLE"),
        ("dependency-and-recovery-services-crs", {"s9_alcohol": 4}, "ELIGIBLE"),
        ("dependency-and-recovery-services-crs", {"s9_alcohol": 3}, "NOT_ELIGIBLE"),
        ("finance-benefit-and-debt-services-crs", INSIDE | {"s5_finance": 2}, "ELIGIBLE"),
        ("greater-manchester-education-training-and-employment-ete-crs", {"s4_ete": 3}, "ELIGIBLE"),
        ("greater-manchester-education-training-and-employment-ete-crs", {"s4_ete": 2}, "NOT_ELIGIBLE"),
        ("personal-wellbeing-services-crs", {"s11_thinking": 4}, "ELIGIBLE"),
        ("personal-wellbeing-services-crs", {"s11_thinking": 3}, "NOT_ELIGIBLE"),
        (
            "living-as-new-me-acp",
            {"setting": "PRE_RELEASE", "completed_interventions": ("new-me-strengths-sexual-offence-acp",)},
            "ELIGIBLE",
        ),
        ("new-me-mot-acp", INSIDE | {"rar_days": None}, "ELIGIBLE"),
        ("alcohol-treatment-requirement", {"requirement_types": ("ALCOHOL_TREATMENT",)}, "ELIGIBLE"),
        # What the court ordered stands, however old the assessment; what could be proposed needs a new one.
        (
            "alcohol-treatment-requirement",
            {"requirement_types": ("ALCOHOL_TREATMENT",), "assessment_age_days": 500},
            "ELIGIBLE",
        ),
        (
            "alcohol-treatment-requirement",
            {"requirement_types": ("ALCOHOL_TREATMENT",), "assessment_age_days": None, "s9_alcohol": None},
            "ELIGIBLE",
        ),
        (
            "alcohol-treatment-requirement",
            {"sentence_type": "PRE_SENTENCE", "s9_alcohol": 4, "assessment_age_days": 500},
            "NEARLY",
        ),
        (
            "mental-health-treatment-requirement",
            {"sentence_type": "PRE_SENTENCE", "acute_mental_health": True},
            "ELIGIBLE",
        ),
        ("mental-health-treatment-requirement", {"sentence_type": "PRE_SENTENCE"}, "NOT_ELIGIBLE"),
        ("unpaid-work-individual", {"sentence_type": "PRE_SENTENCE"}, "ELIGIBLE"),
        ("unpaid-work-individual", {"requirement_types": None}, "MISSING_INFORMATION"),
        ("building-choices-moderate-intensity-acp", MEDIUM_NEED | {"assessment_layer": 1}, "NEARLY"),
        (
            "building-choices-moderate-intensity-acp",
            MEDIUM_NEED | {"assessment_layer": None},
            "MISSING_INFORMATION",
        ),
        ("building-choices-high-intensity-acp", MEDIUM_NEED | INSIDE, "NOT_ELIGIBLE"),
        (
            "building-choices-high-intensity-acp",
            MEDIUM_NEED | INSIDE | {"ogrs_2yr": 75, "ovp_2yr": 60},
            "ELIGIBLE",
        ),
        ("attendance-centre", {"age": 24}, "ELIGIBLE"),
        ("attendance-centre", {"age": 25}, "NOT_ELIGIBLE"),
    ],
)
def test_single_facts_decide(intervention_id: str, change: dict[str, Value], status: str) -> None:
    assert answer(intervention_id, PERSON | change).status == status  # type: ignore[operator]


def test_what_is_missing_and_what_it_would_take_are_named() -> None:
    unknown = answer(TSP, PERSON | {"q11_7": None, "days_left": None})  # type: ignore[operator]
    assert unknown.missing == ("q11_7",)
    stale = answer(TSP, PERSON | {"assessment_age_days": 400})  # type: ignore[operator]
    assert stale.nearly == "A new assessment is needed, as the last one is more than 55 weeks old."
    assert answer(TSP, PERSON).nearly is None


def test_every_rule_has_a_reason_with_its_fields_and_source() -> None:
    for each in catalogue.evaluate(PERSON, WHOLE, as_of=DAY):
        rules = WHOLE.by_id(each.intervention_id).criteria
        assert [reason.code for reason in each.reasons] == [rule.code for rule in rules]
        assert [reason.source for reason in each.reasons] == [rule.source for rule in rules]
        assert all(reason.text.endswith(".") and "{" not in reason.text for reason in each.reasons)


def test_orientation_is_a_question_to_the_practitioner() -> None:
    for name in ("help-programme-si", "positive-pathways-plus-si"):
        reason = next(each for each in answer(name, PERSON).reasons if each.code == "ORIENTATION_STATED")
        assert (reason.kind, reason.outcome, reason.fields) == (RuleKind.QUESTION, Outcome.UNKNOWN, ())


# -------------------------------------------------------------------------------------------------------- laws


@cache
def candidates() -> Mapping[str, tuple[Value, ...]]:
    return sample.candidates(WHOLE)


@cache
def absence_read(intervention_id: str) -> frozenset[str]:
    """Fields whose absence is itself an answer for this entry: a score that another stands in for, a SARA not done."""
    found: set[str] = set()

    def look(criterion: object) -> None:
        if isinstance(criterion, FirstRecorded):
            found.update(criterion.fields)
        if isinstance(criterion, OnPathway):
            found.update(("sara_partner", "sara_other"))

    for rule in WHOLE.by_id(intervention_id).rules:
        assert rule.test is not None
        walk(rule.test, look)
    return frozenset(found)


def draw(rng: random.Random, name: str) -> Value:
    tried = candidates()[name]
    if FIELDS[name].kind is FieldKind.CODES:
        return tuple(str(each) for each in rng.sample(tried, k=min(len(tried), rng.choice((0, 1, 1, 2)))))
    return rng.choice(tried)


def test_filling_in_answers_never_turns_eligible_into_not_eligible_or_back() -> None:
    rng = random.Random(11)
    people = sample.people(WHOLE, count=250, seed=4, unanswered=(0.05, 0.2, 0.5))
    # Half of the people are eligible for something narrow, with answers taken away again.
    for place, intervention in enumerate(WHOLE.interventions * 2):
        person, _ = eligible_person(intervention, candidates(), seed=f"law {place}")
        assert person is not None
        people.append({name: None if rng.random() < 0.1 else value for name, value in person.items()})
    settled = 0
    for person in people:
        before = catalogue.evaluate(person, WHOLE, as_of=DAY)
        wanting = [name for name, value in person.items() if value is None]
        filled = person | {name: draw(rng, name) for name in wanting if rng.random() < 0.5}
        after = catalogue.evaluate(filled, WHOLE, as_of=DAY)
        changed = {name for name in wanting if filled[name] is not None}
        for one, other in zip(before, after, strict=True):
            if changed & absence_read(one.intervention_id):
                continue
            pair = {one.status, other.status}
            assert pair != {Status.ELIGIBLE, Status.NOT_ELIGIBLE}, (one, other)
            if one.status in {Status.ELIGIBLE, Status.NEARLY}:
                settled += 1
                assert other.status is one.status
    assert settled > 300


def test_missing_information_is_given_only_where_its_answers_decide() -> None:
    rng = random.Random(12)
    people: list[tuple[Intervention, dict[str, Value]]] = []
    for intervention in WHOLE.interventions:
        for attempt in range(3):
            person, _ = eligible_person(intervention, candidates(), seed=f"missing {attempt}")
            assert person is not None
            blank = {name: None if rng.random() < 0.15 else value for name, value in person.items()}
            people.append((intervention, blank))
    looked = 0
    for intervention, person in people:
        found = answer(intervention.id, person)
        if found.status is not Status.MISSING_INFORMATION:
            continue
        looked += 1
        assert found.missing
        assert all(person[name] is None for name in found.missing)
        # Every way of filling in just these answers settles it, and not always alike.
        tried = {answer(intervention.id, _hopeful(intervention, person, found.missing)).status}
        for _ in range(100):
            tried.add(
                answer(intervention.id, person | {name: draw(rng, name) for name in found.missing}).status
            )
            if len(tried) > 1:
                break
        assert Status.MISSING_INFORMATION not in tried
        assert Status.ELIGIBLE in tried, (intervention.id, found.missing)
        assert len(tried) > 1, (intervention.id, found.missing)
    assert looked > 60


def _hopeful(
    intervention: Intervention, person: dict[str, Value], missing: tuple[str, ...]
) -> dict[str, Value]:
    """The same person with the missing answers filled in so that the rules hold, found by search."""
    choices = {
        name: candidates()[name] if name in missing else (value,)
        for name, value in person.items()
        if FIELDS[name].kind is not FieldKind.CODES
    }
    rng = random.Random(1)
    asked = criteria(rule.test for rule in intervention.rules if rule.test is not None)
    tests = [asked.place[rule.test] for rule in intervention.rules if rule.test is not None]
    best, failing = person, len(intervention.rules) + 1
    for _ in range(600):
        trial = dict(best)
        for name in rng.sample(missing, k=min(len(missing), 1 if failing < 3 else 3)):
            trial[name] = draw(rng, name) if name not in choices else rng.choice(choices[name])
        count = int((asked.truths(Subjects.of([trial]))[tests, 0] != TRUE).sum())
        if count <= failing:
            best, failing = trial, count
        if failing == 0:
            break
    return best


def first_that_fails(test: Criterion, people: list[dict[str, Value]]) -> dict[str, Value] | None:
    asked = criteria([test])
    failed = np.flatnonzero(asked.truths(Subjects.of(people))[asked.place[test]] == FALSE)
    return people[failed[0]] if len(failed) else None


def test_every_intervention_has_someone_eligible_whom_each_of_its_rules_can_rule_out() -> None:
    rng = random.Random(2)
    for intervention in WHOLE.interventions:
        person, _ = eligible_person(intervention, candidates(), seed="each rule")
        assert person is not None, intervention.id
        assert answer(intervention.id, person).status is Status.ELIGIBLE
        for rule in intervention.rules:
            assert rule.test is not None
            if isinstance(rule.test, Anything):
                continue
            tries = [{name: candidates()[name][0] for name in rule.test.fields if name in SCORED}]
            tries += [
                {name: draw(rng, name) for name in rule.test.fields if rng.random() < 0.6} for _ in range(500)
            ]
            broken = first_that_fails(rule.test, [person | each for each in tries])
            assert broken is not None, (intervention.id, rule.code)
            assert answer(intervention.id, broken).status in {Status.NOT_ELIGIBLE, Status.NEARLY}


def test_dates_of_offer_decide_before_anything_else() -> None:
    entry = dataclasses.replace(WHOLE.by_id(TSP), valid_from=date(2024, 1, 1), valid_to=date(2025, 1, 1))
    dated = catalogue.Catalogue(interventions=(entry,), hash="test")
    found = {
        day: catalogue.evaluate(PERSON, dated, as_of=day)[0].status
        for day in (date(2023, 12, 31), date(2024, 1, 1), date(2024, 12, 31), date(2025, 1, 1))
    }
    assert list(found.values()) == ["NOT_ELIGIBLE", "ELIGIBLE", "ELIGIBLE", "NOT_ELIGIBLE"]
    before = catalogue.evaluate(PERSON, dated, as_of=date(2023, 12, 31))[0]
    assert before.reasons[0].code == "NOT_OFFERED"


# ------------------------------------------------------------------------------------ a table of one row


def named(judged: Judged) -> set[tuple[int, int, str]]:
    """Person, intervention and field, wherever an answer is missing that would decide."""
    people, entries, bits = missing_fields(judged)
    return {
        (person, entry, name)
        for person, entry, words in zip(people.tolist(), entries.tolist(), bits.tolist(), strict=True)
        for name in fields_in(words, FIELDS)
    }


def test_people_one_by_one_are_judged_as_together_and_in_any_order() -> None:
    people = sample.people(WHOLE, count=200, seed=1)
    days = day_numbers(DAY)
    together = judge(Subjects.of(people), WHOLE, days=days)
    alone = [judge(Subjects.of([person]), WHOLE, days=days) for person in people]
    assert np.array_equal(together.status, np.concatenate([each.status for each in alone]))
    assert np.array_equal(together.truths, np.concatenate([each.truths for each in alone], axis=1))
    assert named(together) == {
        (row, entry, name) for row, each in enumerate(alone) for _, entry, name in named(each)
    }
    for row in range(0, 200, 7):
        found = answers(together, row=row)
        assert found == answers(alone[row], row=0) == catalogue.evaluate(people[row], WHOLE, as_of=DAY)
        assert [each.status for each in found] == [STATUSES[code] for code in together.status[row]]
        assert {
            (row, WHOLE.ids.index(each.intervention_id), name) for each in found for name in each.missing
        } == {each for each in named(together) if each[0] == row}
    order = random.Random(1).sample(range(200), k=200)
    other = judge(Subjects.of([people[row] for row in order]), WHOLE, days=days)
    assert np.array_equal(other.status, together.status[order])


def test_a_frame_without_a_day_or_a_column_is_refused() -> None:
    table = sample.frame(sample.people(WHOLE, count=3, seed=1))
    with pytest.raises(UsageError, match="'as_of'"):
        statuses(table, WHOLE)
    with pytest.raises(UsageError, match="'offence_types'"):
        statuses(table.drop("offence_types").with_columns(as_of=pl.lit(DAY)), WHOLE)


ENTRY = """
id: {id}
name: {id}
type: SI
family: made-up
needs: []
settings: [COMMUNITY]
formats: []
attendance: []
sessions: {{group: null, one_to_one: null}}
duration_weeks: null
duration_basis: null
intensity: LOW
learning_disability: null
valid_from: {valid_from}
valid_to: {valid_to}
source: 'DATA_CONTRACT: made up'
criteria:
- code: NEED
  test: {test}
  source: 'DATA_CONTRACT: made up'
- code: SUBSTANCE_STABLE
  test: {{field: substance_stable, is: true}}
  source: 'DATA_CONTRACT: made up'
  changeable: STABILITY
"""
# Forms that the catalogue itself does not use, or not in this company.
TESTS = (
    "{at_least_n: {n: 2, of: [{need: s8_drugs}, {band_of: rsr, at_least: HIGH}, {field: dependence, is: true}]}}",
    "{not: {any: [{pathway: [HIGH, MODERATE]}, {highest_of: [rosh], at_least: VERY_HIGH}]}}",
    "{all: [{field: learning_screen_subtotal, below: 3}, {band_of: ogp_2yr, at_most: VERY_HIGH, at_least: LOW}]}",
    "{first_recorded: [{field: rsr, at_least: 1}, {field: ovp_2yr, at_most: 30}, {field: ogrs_2yr, at_least: 9}]}",
    "{pathway: [ALTERNATIVE]}",
    "{any: [{field: predictor_generation, in: [OGRS4]}, {field: age, at_most: 25}]}",
)


def test_every_form_of_test_and_dates_of_offer_on_days_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, text in enumerate(TESTS):
        entry = ENTRY.format(
            id=f"e{place}",
            test=text,
            valid_from="2024-01-01" if place % 2 else "null",
            valid_to="2024-06-01" if place % 3 else "null",
        )
        (tmp_path / f"e{place}.yaml").write_text(entry, encoding="utf-8")
    small = catalogue.load(tmp_path)
    people = sample.people(small, count=2400, seed=6)
    days = [date(2023, 12, 31), date(2024, 1, 1), date(2024, 5, 31), date(2024, 6, 1)] * 600
    found = judge(Subjects.of(people), small, days=day_numbers(*days))
    for column in range(len(TESTS)):
        assert set(found.status[:, column]) == set(range(len(STATUSES)))
    for row in range(0, 2400, 5):
        live = catalogue.evaluate(people[row], small, as_of=days[row])
        assert [STATUSES[code] for code in found.status[row]] == [each.status for each in live]
        offered = [
            (each.valid_from is None or each.valid_from <= days[row])
            and (each.valid_to is None or days[row] < each.valid_to)
            for each in small.interventions
        ]
        assert found.offered[row].tolist() == offered
    # From a frame, with the day as a date or a number, and everybody in pieces, it comes to the same.
    table = sample.frame(people).with_columns(as_of=pl.Series(days))
    assert np.array_equal(statuses(table, small), found.status)
    monkeypatch.setattr("catalogue.frames._AT_ONCE", 500)
    assert np.array_equal(statuses(table.with_columns(pl.col("as_of").cast(pl.Int32)), small), found.status)
    assert statuses(table.head(0), small).shape == (0, len(TESTS))


@pytest.mark.parametrize(
    ("rule", "short", "takes"),
    [
        (
            "SUBSTANCE_STABLE, STABILITY, {field: substance_stable, is: true}",
            {"substance_stable": False},
            "stable first",
        ),
        ("MOTIVATED, READINESS, {field: motivation, at_least: 1}", {"motivation": 0}, "ready to take part"),
        ("TIME_LEFT_FOR_BBR, TIME, {field: days_left, at_least: 365}", {"days_left": 364}, "12 months left"),
        (
            "FULL_ASSESSMENT, ASSESSMENT, {field: assessment_layer, at_least: 3}",
            {"assessment_layer": 1},
            "full assessment",
        ),
    ],
)
def test_whatever_can_change_makes_nearly_alone_and_says_what_it_takes(
    tmp_path: Path, rule: str, short: dict[str, Value], takes: str
) -> None:
    code, change, test = rule.split(", ", 2)
    entry = ENTRY.format(id="e", test="{field: dependence, is: true}", valid_from="null", valid_to="null")
    entry = entry[: entry.index("- code: SUBSTANCE_STABLE")]
    entry += f"- code: {code}\n  test: {test}\n  source: 'DATA_CONTRACT: made up'\n  changeable: {change}\n"
    (tmp_path / "e.yaml").write_text(entry, encoding="utf-8")
    small = catalogue.load(tmp_path)
    whole_person: dict[str, Value] = {
        "setting": "COMMUNITY",
        "dependence": True,
        "substance_stable": True,
        "motivation": 1,
        "days_left": 365,
        "assessment_age_days": 1,
        "assessment_layer": 3,
    }
    cases: list[tuple[dict[str, Value], str]] = [
        ({}, "ELIGIBLE"),
        (short, "NEARLY"),
        (dict.fromkeys(short), "MISSING_INFORMATION"),
        (short | {"dependence": False}, "NOT_ELIGIBLE"),
        (short | {"dependence": None}, "NOT_ELIGIBLE"),
        (short | {"setting": "CUSTODY"}, "NOT_ELIGIBLE"),
    ]
    people_of = [whole_person | change for change, _ in cases]
    found = [catalogue.evaluate(person, small, as_of=DAY)[0] for person in people_of]
    assert [each.status for each in found] == [status for _, status in cases]
    assert takes in str(found[1].nearly)
    assert [each.nearly for each in found if each.status != "NEARLY"] == [None] * 5
