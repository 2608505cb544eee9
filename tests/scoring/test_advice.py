"""Advice: the rules one by one, and one person's advice identical to everybody's."""

import dataclasses
import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogue.errors import UsageError
from scoring.advice import Advice, Candidate, Grounds, Verdict, Why, advise, advise_frame


def candidate(name: str, **changes: object) -> Candidate:
    facts: dict[str, object] = {"eligibility": "ELIGIBLE", "order": 1, "need": "s11_thinking"}
    if "lower" in changes:
        facts |= {"effect": (changes["lower"] + changes["upper"]) / 2, "support": "SUPPORTED"}  # type: ignore[operator]
    return Candidate(intervention_id=name, **{**facts, **changes})  # type: ignore[arg-type]


def said(*candidates: Candidate) -> dict[str, Advice]:
    return {a.intervention_id: a for a in advise(candidates)}


CLEAR = {"lower": 0.02, "upper": 0.08}
UNCLEAR = {"lower": -0.03, "upper": 0.05}
HARM = {"lower": -0.09, "upper": -0.01}


@pytest.mark.parametrize(
    ("facts", "verdict", "why"),
    [
        ({"eligibility": "NOT_ELIGIBLE"}, Verdict.NOT_ELIGIBLE, Why.NOT_ELIGIBLE),
        ({"eligibility": "NEARLY"}, Verdict.NOT_ELIGIBLE, Why.NEARLY_ELIGIBLE),
        ({"eligibility": "MISSING_INFORMATION"}, Verdict.NOT_ELIGIBLE, Why.MISSING_INFORMATION),
        ({"eligibility": "NOT_ELIGIBLE", **CLEAR}, Verdict.NOT_ELIGIBLE, Why.NOT_ELIGIBLE),
        ({"not_advised": "INTENSIVE_AT_LOW_RISK", **CLEAR}, Verdict.NOT_ADVISED, Why.ORDER_OF_CHOICE),
        ({"under_way": True, **CLEAR}, Verdict.NOT_ADVISED, Why.UNDER_WAY),
        ({"feasible": False, **CLEAR}, Verdict.NOT_ADVISED, Why.NOT_FEASIBLE),
        ({"need": None, **CLEAR}, Verdict.NOT_ADVISED, Why.NO_ASSESSED_NEED),
        ({**CLEAR, "support": "NONE"}, Verdict.TOO_FEW_SIMILAR, Why.TOO_FEW_SIMILAR),
        (HARM, Verdict.NOT_ADVISED, Why.EFFECT_BELOW_USUAL),
        (CLEAR, Verdict.SUGGESTED, Why.CLEAR_EFFECT),
        ({**CLEAR, "support": "THIN"}, Verdict.SUGGESTED, Why.CLEAR_EFFECT),
        ({**CLEAR, "feasible": None}, Verdict.SUGGESTED, Why.CLEAR_EFFECT),
        (UNCLEAR, Verdict.SUGGESTED, Why.FIRST_BY_RULES),
        ({}, Verdict.SUGGESTED, Why.FIRST_BY_RULES),
    ],
)
def test_one_candidate_alone(facts: dict[str, object], verdict: Verdict, why: Why) -> None:
    found = said(candidate("tsp", **facts))["tsp"]
    assert (found.advice, found.why) == (verdict, why)
    assert (found.rank is not None) == (verdict is Verdict.SUGGESTED) == (found.grounds is not None)


def test_at_most_three_are_suggested_ranked_by_lower_bound() -> None:
    needs = ["s3_accommodation", "s4_ete", "s8_drugs", "s9_alcohol", "s11_thinking"]
    found = said(
        *(candidate(f"i{n}", need=need, lower=0.01 * (n + 1), upper=0.2) for n, need in enumerate(needs))
    )
    ranks = {name: a.rank for name, a in found.items() if a.rank}
    assert ranks == {"i4": 1, "i3": 2, "i2": 3}
    assert found["i0"].advice is Verdict.COMPARABLE


def test_overlapping_intervals_for_one_need_are_comparable_not_ranked() -> None:
    found = said(candidate("a", lower=0.03, upper=0.09), candidate("b", lower=0.02, upper=0.05))
    assert found["a"].rank == 1
    assert (found["b"].advice, found["b"].why) == (Verdict.COMPARABLE, Why.INTERVALS_OVERLAP)


@pytest.mark.parametrize(
    ("upper", "leader", "other"), [(0.12, "programme", "COMPARABLE"), (0.04, "service", "NOT_ADVISED")]
)
def test_an_earlier_step_leads_unless_its_effect_is_clearly_smaller(
    upper: float, leader: str, other: str
) -> None:
    programme = candidate("programme", step=1, effect=0.02, lower=-0.03, upper=upper, support="SUPPORTED")
    service = candidate("service", step=3, order=9, effect=0.08, lower=0.05, upper=0.11, support="SUPPORTED")
    found = said(programme, service)
    assert found[leader].rank == 1
    assert found["programme" if leader == "service" else "service"].advice == other
    assert found[leader].grounds == ("RULES" if leader == "programme" else "EFFECT")


def test_a_clearly_smaller_effect_is_not_advised() -> None:
    found = said(candidate("a", lower=0.06, upper=0.09), candidate("b", lower=0.01, upper=0.05))
    assert (found["b"].advice, found["b"].why) == (Verdict.NOT_ADVISED, Why.CLEARLY_SMALLER_EFFECT)


@pytest.mark.parametrize(
    ("programme", "leader"),
    [
        ({"lower": 0.01, "upper": 0.09}, "programme"),  # level with the best: the order of choice holds
        ({"lower": 0.01, "upper": 0.02}, "toolkit"),  # clearly below it: the effect decides
        ({"lower": -0.01, "upper": 0.09}, "toolkit"),  # not clear itself: comparable, not suggested
    ],
)
def test_noise_does_not_overturn_the_order_of_choice(programme: dict[str, float], leader: str) -> None:
    found = said(
        candidate("programme", order=1, **programme), candidate("toolkit", order=3, lower=0.03, upper=0.09)
    )
    assert found[leader].rank == 1


def test_without_a_model_the_order_of_choice_leads_and_says_so() -> None:
    found = said(
        candidate("toolkit", order=3),
        candidate("programme", order=1),
        candidate("housing", order=2, need="s3_accommodation"),
    )
    assert {n: a.rank for n, a in found.items()} == {"programme": 1, "housing": 2, "toolkit": None}
    assert found["programme"].grounds is Grounds.RULES
    assert found["toolkit"].why is Why.NO_CLEAR_DIFFERENCE


def test_an_arm_the_model_does_not_know_has_too_few_similar() -> None:
    found = said(candidate("known", **CLEAR), candidate("new"))
    assert found["new"].advice is Verdict.TOO_FEW_SIMILAR


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eligibility": "PERHAPS"}, "eligibility"),
        ({"effect": 0.1}, "part of an effect"),
        ({"effect": 0.1, "lower": 0.3, "upper": 0.2, "support": "THIN"}, "above its upper"),
    ],
)
def test_impossible_candidates_are_refused(changes: dict[str, object], message: str) -> None:
    facts = {"intervention_id": "a", "eligibility": "ELIGIBLE", "order": 1, "need": None, **changes}
    with pytest.raises(UsageError, match=message):
        Candidate(**facts)  # type: ignore[arg-type]


def test_an_intervention_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="twice"):
        advise([candidate("a"), candidate("a")])


def test_a_frame_without_a_column_or_with_a_strange_code_is_refused() -> None:
    frame = _frame([[candidate("a")]])
    with pytest.raises(UsageError, match="lacks the column order"):
        advise_frame(frame.drop("order"))
    with pytest.raises(UsageError, match="eligibility holds"):
        advise_frame(frame.with_columns(eligibility=pl.lit("PERHAPS")))


@st.composite
def people(draw: st.DrawFn) -> list[Candidate]:
    modelled = draw(st.booleans())
    chosen = draw(st.lists(st.integers(0, 9), min_size=1, max_size=9, unique=True))
    out = []
    for number in chosen:
        effect, half = draw(st.integers(-4, 6)) / 100, draw(st.integers(0, 5)) / 100
        known = modelled and draw(st.integers(0, 5)) > 0
        figures: dict[str, object] = {}
        if known:
            support = draw(st.sampled_from(["SUPPORTED", "SUPPORTED", "THIN", "NONE"]))
            figures = {"effect": effect, "lower": effect - half, "upper": effect + half, "support": support}
        out.append(
            Candidate(
                intervention_id=f"i{number}",
                eligibility=draw(
                    st.sampled_from(["ELIGIBLE"] * 5 + ["NEARLY", "MISSING_INFORMATION", "NOT_ELIGIBLE"])
                ),
                order=draw(st.integers(1, 3)),
                need=draw(st.sampled_from(["s8_drugs", "s9_alcohol", "s11_thinking", "s4_ete", None])),
                feasible=draw(st.sampled_from([True, True, None, False])),
                not_advised=draw(st.sampled_from([None] * 6 + ["INTENSIVE_AT_LOW_RISK"])),
                under_way=draw(st.sampled_from([False] * 4 + [True])),
                step=draw(st.integers(1, 3)),
                **figures,  # type: ignore[arg-type]
            )
        )
    return out


def _frame(everybody: list[list[Candidate]]) -> pl.DataFrame:
    rows = [
        {"crn": f"X{n:06d}", "as_of": 19000, **dataclasses.asdict(c)}
        for n, candidates in enumerate(everybody)
        for c in candidates
    ]
    texts = dict.fromkeys(("need", "not_advised", "support", "eligibility"), pl.String)
    numbers = dict.fromkeys(("effect", "lower", "upper"), pl.Float64)
    return pl.DataFrame(rows, schema_overrides={**texts, **numbers, "feasible": pl.Boolean})


@settings(max_examples=120, deadline=None)
@given(everybody=st.lists(people(), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_everybody_at_once_gets_the_advice_of_each_alone(everybody: list[list[Candidate]], seed: int) -> None:
    frame = _frame(everybody).sample(fraction=1.0, shuffle=True, seed=seed)
    found = advise_frame(frame)
    assert found.select(frame.columns).equals(frame)
    got = {
        (row["crn"], row["intervention_id"]): (row["advice"], row["rank"], row["grounds"], row["why"])
        for row in found.to_dicts()
    }
    for number, candidates in enumerate(everybody):
        for a in advise(random.Random(seed).sample(candidates, len(candidates))):
            assert got[f"X{number:06d}", a.intervention_id] == (a.advice, a.rank, a.grounds, a.why)


@settings(max_examples=80, deadline=None)
@given(candidates=people())
def test_laws_of_the_advice(candidates: list[Candidate]) -> None:
    facts = {c.intervention_id: c for c in candidates}
    found = advise(candidates)
    assert [a.position for a in found] == list(range(1, len(candidates) + 1))
    suggested = [a for a in found if a.advice is Verdict.SUGGESTED]
    assert [a.rank for a in suggested] == list(range(1, len(suggested) + 1))
    assert len(suggested) <= 3
    assert len({a.need for a in suggested}) == len(suggested)
    for a in suggested:
        fact = facts[a.intervention_id]
        assert fact.eligibility == "ELIGIBLE"
        assert fact.feasible is not False
        assert a.need is not None
        if a.grounds is Grounds.EFFECT:
            assert fact.lower is not None
            assert fact.lower > 0
    bounds = [facts[a.intervention_id].lower for a in suggested if a.grounds is Grounds.EFFECT]
    assert bounds == sorted(bounds, key=lambda b: -(b or 0))
