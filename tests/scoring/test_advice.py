"""Advice: the rules one by one, and everybody's held against the same rules written plainly for one person."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogue.eligibility import STATUSES
from catalogue.truth import FALSE, TRUE, UNKNOWN
from scoring.advice import (
    MOST_SUGGESTED,
    VERDICTS,
    WHYS,
    Advice,
    Grounds,
    Verdict,
    Why,
    advise,
    display_order,
    grounds,
)
from scoring.effects import SUPPORTS

NEEDS = ("s3_accommodation", "s4_ete", "s8_drugs", "s9_alcohol", "s11_thinking")
FEASIBLE = {True: TRUE, False: FALSE, None: UNKNOWN}


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One intervention for one person: the facts that the advice rests on. No support: no model speaks of it."""

    intervention_id: str
    eligibility: str = "ELIGIBLE"
    order: int = 1
    need: str | None = "s11_thinking"
    feasible: bool | None = None
    not_advised: bool = False
    under_way: bool = False
    step: int = 0
    lower: float | None = None
    upper: float | None = None
    support: str | None = None


@dataclass(frozen=True, kw_only=True)
class Said:
    """What is said of one candidate."""

    advice: Verdict
    why: Why
    rank: int | None = None
    grounds: Grounds | None = None


def candidate(name: str, **changes: object) -> Candidate:
    facts = {"support": "SUPPORTED"} if "lower" in changes else {}
    return Candidate(intervention_id=name, **{**facts, **changes})  # type: ignore[arg-type]


def asked(everybody: Sequence[Sequence[Candidate]], *, bare: bool = False) -> Advice:
    """Ask `advise` of some people, who all have the same interventions in the same order.

    `bare`: as without a model, which is right only where none speaks of any candidate.
    """

    def column(name: str, otherwise: object = None) -> list[list[object]]:
        values = [[getattr(each, name) for each in candidates] for candidates in everybody]
        return [[otherwise if value is None else value for value in row] for row in values]

    def places(name: str, names: Sequence[str]) -> list[list[int]]:
        return [[-1 if value is None else names.index(str(value)) for value in row] for row in column(name)]

    return advise(
        ids=[each.intervention_id for each in everybody[0]],
        eligibility=np.array(places("eligibility", STATUSES), dtype=np.int8),
        order=np.array(column("order"), dtype=np.int64),
        need=np.array(places("need", NEEDS), dtype=np.int64),
        feasible=np.array([[FEASIBLE[each.feasible] for each in row] for row in everybody], dtype=np.int8),
        not_advised=np.array(column("not_advised"), dtype=np.bool_),
        under_way=np.array(column("under_way"), dtype=np.bool_),
        step=np.array(column("step"), dtype=np.int64),
        lower=None if bare else np.array(column("lower", np.nan), dtype=np.float64),
        upper=None if bare else np.array(column("upper", np.nan), dtype=np.float64),
        support=None if bare else np.array(places("support", SUPPORTS), dtype=np.int8),
    )


def read(advice: Advice, row: int, candidates: Sequence[Candidate]) -> dict[str, Said]:
    """What the arrays say of one person."""
    return {
        each.intervention_id: Said(
            advice=VERDICTS[advice.verdict[row, column]],
            why=WHYS[advice.why[row, column]],
            rank=int(advice.rank[row, column]) or None,
            grounds=grounds(advice, row, column),
        )
        for column, each in enumerate(candidates)
    }


def said(*candidates: Candidate) -> dict[str, Said]:
    return read(asked([candidates]), 0, candidates)


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
        ({"not_advised": True, **CLEAR}, Verdict.NOT_ADVISED, Why.ORDER_OF_CHOICE),
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
    found = said(
        *(candidate(f"i{n}", need=need, lower=0.01 * (n + 1), upper=0.2) for n, need in enumerate(NEEDS))
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
    programme = candidate("programme", step=1, lower=-0.03, upper=upper)
    service = candidate("service", step=3, order=9, lower=0.05, upper=0.11)
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


def test_ties_fall_by_intervention_id_wherever_it_stands() -> None:
    for names in (("b", "a", "c"), ("c", "b", "a")):
        assert said(*map(candidate, names))["a"].rank == 1
        assert said(*(candidate(name, **CLEAR) for name in names))["a"].rank == 1
        apart = [candidate(name, need=need, **CLEAR) for name, need in zip(names, NEEDS, strict=False)]
        assert {name: one.rank for name, one in said(*apart).items()} == {"a": 1, "b": 2, "c": 3}


def test_display_goes_by_verdict_then_rank_then_order_of_choice() -> None:
    shown = [
        candidate("leads", order=5, lower=0.06, upper=0.09),
        candidate("second", order=2, need="s8_drugs", lower=0.02, upper=0.09),
        candidate("close-a", order=6, lower=0.01, upper=0.08),
        candidate("close-b", order=6, lower=-0.01, upper=0.08),
        candidate("unknown", order=1, **CLEAR | {"support": "NONE"}),
        candidate("harmful", order=0, **HARM),
        candidate("never", order=0, eligibility="NOT_ELIGIBLE"),
    ]
    for turned in (shown, shown[::-1]):
        ids = [each.intervention_id for each in turned]
        order = np.array([[each.order for each in turned]])
        places = display_order(asked([turned]), order, ids, row=0)
        assert [ids[place] for place in places] == [each.intervention_id for each in shown]


# ------------------------------------------------------------------------- the rules once more, for one person


def by_the_rules(candidates: Sequence[Candidate]) -> dict[str, Said]:
    """The six rules of `scoring.advice`, candidate by candidate: slow, and plain enough to be checked by eye."""
    modelled = any(each.support is not None for each in candidates)
    found = {each.intervention_id: by_its_own_facts(each, modelled=modelled) for each in candidates}
    undecided = [each for each in candidates if found[each.intervention_id] is None]
    clear = [each for each in undecided if each.lower is not None and each.lower > 0]
    best = {
        need: max(lower(each) for each in clear if each.need == need)
        for need in {each.need for each in clear}
    }
    leaders = led_by_effect(undecided, clear, best) if clear else led_by_order(undecided)
    for rank, each in enumerate(leaders[:MOST_SUGGESTED], start=1):
        by_effect = each in clear
        found[each.intervention_id] = Said(
            advice=Verdict.SUGGESTED,
            why=Why.CLEAR_EFFECT if by_effect else Why.FIRST_BY_RULES,
            rank=rank,
            grounds=Grounds.EFFECT if by_effect else Grounds.RULES,
        )
    led = {each.need for each in leaders[:MOST_SUGGESTED]}
    for each in undecided:
        if found[each.intervention_id] is None:
            # What meets a need that no suggestion leads is held against the first suggestion.
            level = best.get(each.need if each.need in led else leaders[0].need)
            found[each.intervention_id] = next_to_the_leaders(each, level)
    return {name: one for name, one in found.items() if one is not None}


def by_its_own_facts(each: Candidate, *, modelled: bool) -> Said | None:
    """Rules 1 to 4: the first that holds."""
    rules = (
        (each.eligibility == "NOT_ELIGIBLE", Verdict.NOT_ELIGIBLE, Why.NOT_ELIGIBLE),
        (each.eligibility == "NEARLY", Verdict.NOT_ELIGIBLE, Why.NEARLY_ELIGIBLE),
        (each.eligibility == "MISSING_INFORMATION", Verdict.NOT_ELIGIBLE, Why.MISSING_INFORMATION),
        (each.under_way, Verdict.NOT_ADVISED, Why.UNDER_WAY),
        (each.not_advised, Verdict.NOT_ADVISED, Why.ORDER_OF_CHOICE),
        (each.feasible is False, Verdict.NOT_ADVISED, Why.NOT_FEASIBLE),
        (each.need is None, Verdict.NOT_ADVISED, Why.NO_ASSESSED_NEED),
        (modelled and each.support in {None, "NONE"}, Verdict.TOO_FEW_SIMILAR, Why.TOO_FEW_SIMILAR),
        (each.upper is not None and each.upper < 0, Verdict.NOT_ADVISED, Why.EFFECT_BELOW_USUAL),
    )
    return next((Said(advice=verdict, why=why) for holds, verdict, why in rules if holds), None)


def led_by_effect(
    undecided: Sequence[Candidate], clear: Sequence[Candidate], best: dict[str | None, float]
) -> list[Candidate]:
    """Rule 5: one leader for each need with a clear effect, the highest lower bound first."""
    leaders = []
    for need, bound in best.items():
        level = [each for each in undecided if each.need == need and upper(each) >= bound]
        first = min((each for each in level if each in clear), key=in_order)
        earlier = [each for each in level if each.step < first.step]
        leaders.append(min(earlier, key=in_order) if earlier else first)
    return sorted(leaders, key=lambda each: (-lower(each), each.order, each.intervention_id))


def led_by_order(undecided: Sequence[Candidate]) -> list[Candidate]:
    """Rule 6: the first by order of choice for each need."""
    ordered = sorted(undecided, key=lambda each: (each.order, each.intervention_id))
    return [each for n, each in enumerate(ordered) if each.need not in {other.need for other in ordered[:n]}]


def next_to_the_leaders(each: Candidate, level: float | None) -> Said:
    """Rules 5 and 6, of what leads nothing."""
    if level is None:
        return Said(advice=Verdict.COMPARABLE, why=Why.NO_CLEAR_DIFFERENCE)
    if upper(each) >= level:
        return Said(advice=Verdict.COMPARABLE, why=Why.INTERVALS_OVERLAP)
    return Said(advice=Verdict.NOT_ADVISED, why=Why.CLEARLY_SMALLER_EFFECT)


def in_order(each: Candidate) -> tuple[int, float, str]:
    return each.order, -lower(each), each.intervention_id


def lower(each: Candidate) -> float:
    assert each.lower is not None
    return each.lower


def upper(each: Candidate) -> float:
    assert each.upper is not None
    return each.upper


@st.composite
def effects(draw: st.DrawFn) -> dict[str, object]:
    effect, half = draw(st.integers(-4, 6)), draw(st.integers(0, 5))
    support = draw(st.sampled_from(["SUPPORTED", "SUPPORTED", "THIN", "NONE"]))
    return {"lower": (effect - half) / 100, "upper": (effect + half) / 100, "support": support}


@st.composite
def people(draw: st.DrawFn) -> list[list[Candidate]]:
    """Some people, each with the same interventions; a model speaks of none, or of most, of a person's."""
    names = draw(st.lists(st.integers(0, 9), min_size=1, max_size=9, unique=True))
    everybody = []
    for _ in range(draw(st.integers(1, 6))):
        modelled = draw(st.booleans())
        everybody.append(
            [
                Candidate(
                    intervention_id=f"i{name}",
                    eligibility=draw(
                        st.sampled_from(["ELIGIBLE"] * 9 + ["NEARLY", "MISSING_INFORMATION", "NOT_ELIGIBLE"])
                    ),
                    order=draw(st.integers(1, 3)),
                    need=draw(st.sampled_from([*NEEDS, *NEEDS, None])),
                    feasible=draw(st.sampled_from([True, True, None, None, False])),
                    not_advised=draw(st.sampled_from([False] * 8 + [True])),
                    under_way=draw(st.sampled_from([False] * 8 + [True])),
                    step=draw(st.integers(1, 3)),
                    **draw(effects()) if modelled and draw(st.integers(0, 7)) else {},  # type: ignore[arg-type]
                )
                for name in names
            ]
        )
    return everybody


@settings(max_examples=300, deadline=None, derandomize=True)
@given(everybody=people())
def test_everybody_gets_what_the_rules_give_each(everybody: list[list[Candidate]]) -> None:
    found = asked(everybody)
    for row, candidates in enumerate(everybody):
        assert read(found, row, candidates) == by_the_rules(candidates)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(everybody=people(), data=st.data())
def test_one_person_gets_what_many_get_in_any_order(
    everybody: list[list[Candidate]], data: st.DataObject
) -> None:
    people_in = data.draw(st.permutations(range(len(everybody))))
    columns = data.draw(st.permutations(range(len(everybody[0]))))
    shuffled = [[everybody[row][column] for column in columns] for row in people_in]
    found, again = asked(everybody), asked(shuffled)
    for place, row in enumerate(people_in):
        together = read(found, row, everybody[row])
        assert read(again, place, shuffled[place]) == together
        assert said(*everybody[row]) == together


@settings(max_examples=100, deadline=None, derandomize=True)
@given(everybody=people())
def test_no_model_is_a_model_that_speaks_of_nothing(everybody: list[list[Candidate]]) -> None:
    silent = [[replace(each, lower=None, upper=None, support=None) for each in row] for row in everybody]
    found, bare = asked(silent), asked(silent, bare=True)
    for row, candidates in enumerate(silent):
        assert read(found, row, candidates) == read(bare, row, candidates)
        assert all(one.grounds is not Grounds.EFFECT for one in read(bare, row, candidates).values())


@settings(max_examples=80, deadline=None, derandomize=True)
@given(everybody=people())
def test_laws_of_the_advice(everybody: list[list[Candidate]]) -> None:
    advice = asked(everybody)
    for row, candidates in enumerate(everybody):
        facts = {each.intervention_id: each for each in candidates}
        ids, found = list(facts), read(advice, row, candidates)
        order = np.array([[each.order for each in candidates] for candidates in everybody])
        shown = [ids[place] for place in display_order(advice, order, ids, row=row)]
        assert sorted(shown) == sorted(ids)
        suggested = [name for name in shown if found[name].advice is Verdict.SUGGESTED]
        assert suggested == shown[: len(suggested)]
        assert [found[name].rank for name in suggested] == list(range(1, len(suggested) + 1))
        assert len(suggested) <= 3
        assert len({facts[name].need for name in suggested}) == len(suggested)
        for name, fact in facts.items():
            assert (found[name].rank is None) == (name not in suggested) == (found[name].grounds is None)
            if name in suggested:
                assert fact.eligibility == "ELIGIBLE"
                assert fact.feasible is not False
                assert fact.need is not None
        by_effect = [facts[name] for name in suggested if found[name].grounds is Grounds.EFFECT]
        bounds = [lower(each) for each in by_effect]
        assert all(bound > 0 for bound in bounds)
        assert bounds == sorted(bounds, reverse=True)
