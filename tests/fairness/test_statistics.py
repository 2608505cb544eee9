import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import fairness
from fairness import statistics
from fairness.statistics import CountError, Method

Counts = tuple[int, int]

# a, n_a, b, n_b, lower, upper of R 4: poisson.test(c(a, b), c(n_a, n_b))$conf.int, by the beta quantiles it is made of
EXACT = [(11, 800, 2, 800), (30, 100, 20, 200), (0, 100, 20, 200), (5, 50, 500, 5000), (100, 1000, 3, 20)]


@pytest.mark.parametrize(("a", "n_a", "b", "n_b"), EXACT)
def test_the_exact_interval_is_clopper_pearson_given_the_total(a: int, n_a: int, b: int, n_b: int) -> None:
    found = fairness.relative_rate(a, n_a, b, n_b)
    share = stats.binomtest(a, a + b).proportion_ci(0.95, method="exact")
    assert found.lower == pytest.approx(share.low / (1 - share.low) * n_b / n_a, rel=1e-9, abs=1e-12)
    assert found.upper == pytest.approx(share.high / (1 - share.high) * n_b / n_a, rel=1e-9)
    assert found.ratio == pytest.approx((a / n_a) / (b / n_b))


def test_a_published_exact_interval() -> None:
    # R documentation, poisson.test(c(11, 6 + 8 + 7), c(800, 1083 + 1050 + 878)): 0.8584264 to 4.2772659.
    _, lower, upper = fairness.relative_rate(11, 800, 21, 3011)
    assert lower == pytest.approx(0.8584264, abs=1e-6)
    assert upper == pytest.approx(4.2772659, abs=1e-6)


def test_the_wald_interval_is_that_of_katz() -> None:
    found = fairness.relative_rate(120, 1000, 100, 1000, method="wald")
    error = math.sqrt(1 / 120 - 1 / 1000 + 1 / 100 - 1 / 1000)
    assert found.lower == pytest.approx(1.2 * math.exp(-1.959963984540054 * error))
    assert found.upper == pytest.approx(1.2 * math.exp(1.959963984540054 * error))


@pytest.mark.parametrize("method", ["exact", "wald"])
@pytest.mark.parametrize(
    ("a", "n_a", "b", "n_b"), [(0, 0, 5, 10), (5, 10, 0, 0), (0, 10, 0, 10), (3, 10, 0, 10)]
)
def test_undefined_is_undefined_and_never_nought(
    a: float, n_a: float, b: float, n_b: float, method: Method
) -> None:
    found = fairness.relative_rate(a, n_a, b, n_b, method=method)
    assert found.ratio is None
    assert not found.defined


@pytest.mark.parametrize(
    ("a", "n_a", "b", "n_b", "method"),
    [
        (-1, 10, 1, 10, "exact"),
        (11, 10, 1, 10, "exact"),
        (1, 10, math.nan, 10, "exact"),
        (1, 10, 1, 10, "guess"),
    ],
)
def test_impossible_counts_are_refused(a: float, n_a: float, b: float, n_b: float, method: Method) -> None:
    with pytest.raises(CountError):
        fairness.relative_rate(a, n_a, b, n_b, method=method)


counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts, st.sampled_from(["exact", "wald"]))
def test_the_interval_holds_the_ratio_and_agrees_with_its_p_value(
    first: Counts, second: Counts, method: Method
) -> None:
    found = fairness.relative_rate(*first, *second, method)
    if found.ratio is None or found.lower is None or found.upper is None:
        return
    assert found.lower <= found.ratio * (1 + 1e-12)
    assert found.ratio <= found.upper * (1 + 1e-12)
    if abs(found.p_value - 0.05) > 1e-9 and found.lower < found.upper:
        assert (found.p_value < 0.05) == (found.lower > 1 or found.upper < 1)


@given(counts, counts)
def test_swapping_the_groups_inverts_the_exact_interval(first: Counts, second: Counts) -> None:
    there, back = fairness.relative_rate(*first, *second), fairness.relative_rate(*second, *first)
    if there.ratio and back.ratio:
        assert there.lower == pytest.approx(1 / back.upper, rel=1e-6)
        assert there.p_value == pytest.approx(back.p_value, rel=1e-6, abs=1e-12)


def test_the_exact_interval_covers_at_least_its_level() -> None:
    random = np.random.default_rng(9)
    a, b = random.binomial(60, 0.2, 2000), random.binomial(90, 0.1, 2000)
    covered = [
        (found.lower or 0) <= 2 <= (found.upper or math.inf)
        for found in (fairness.relative_rate(int(x), 60, int(y), 90) for x, y in zip(a, b, strict=True))
        if found.p_value is not None
    ]
    assert np.mean(covered) >= 0.95


def test_benjamini_hochberg_is_scipys_and_leaves_gaps() -> None:
    p_values = [0.01, 0.04, 0.03, 0.5, 0.002]
    expected = stats.false_discovery_control(p_values)
    adjusted = statistics.benjamini_hochberg([None, *p_values, math.nan])
    assert adjusted[0] is None
    assert adjusted[-1] is None
    assert adjusted[1:-1] == pytest.approx(expected)


def test_the_difference_is_newcombes() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table II, example (a), method 10: 56/70 - 48/80.
    value, lower, upper = statistics.difference(56, 70, 48, 80)
    assert value == pytest.approx(0.2)
    assert lower == pytest.approx(0.0524, abs=5e-5)
    assert upper == pytest.approx(0.3339, abs=5e-5)


def test_the_minimum_detectable_gap_is_seen_four_times_in_five() -> None:
    n_a, n_b, base = 400, 3000, 0.3
    gap = statistics.minimum_detectable_gap(n_a, n_b, base)
    random = np.random.default_rng(4)
    a, b = random.binomial(n_a, base + gap, 4000) / n_a, random.binomial(n_b, base, 4000) / n_b
    pooled = (a * n_a + b * n_b) / (n_a + n_b)
    seen = np.abs(a - b) > 1.96 * np.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    assert seen.mean() == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(("n_a", "n_b", "base"), [(0, 10, 0.5), (10, 10, None), (1, 1, 0.5)])
def test_no_gap_can_be_seen_where_nobody_is(n_a: int, n_b: int, base: float | None) -> None:
    assert statistics.minimum_detectable_gap(n_a, n_b, base) is None


def test_a_gap_that_need_explains_vanishes_among_people_alike() -> None:
    # Two strata with the same rates for both groups, which are differently spread over them.
    events, people = np.array([90.0, 10.0]), np.array([100.0, 100.0])
    others = people * np.array([1.0, 9.0])
    crude = fairness.relative_rate(100, 200, 90 + 90, 1000)
    alike = statistics.stratified_relative_rate(events, people, np.array([90.0, 90.0]), others)
    assert crude.ratio > 2
    assert alike.ratio == pytest.approx(1)
    assert alike.p_value == pytest.approx(1)
    assert statistics.expected_events(people, np.array([90.0, 90.0]), others) == (100.0, 200.0)


def test_one_stratum_is_the_plain_ratio() -> None:
    alike = statistics.stratified_relative_rate(*(np.array([value]) for value in (30.0, 100.0, 20.0, 200.0)))
    plain = fairness.relative_rate(30, 100, 20, 200, method="wald")
    assert (alike.ratio, alike.lower, alike.upper) == pytest.approx((plain.ratio, plain.lower, plain.upper))


def test_a_stratum_without_the_comparison_group_says_nothing() -> None:
    alone = statistics.stratified_relative_rate(
        np.array([30.0, 7.0]), np.array([100.0, 50.0]), np.array([20.0, 0.0]), np.array([200.0, 0.0])
    )
    assert alone.ratio == pytest.approx(3)


def test_people_with_several_rows_are_worth_less_than_their_rows() -> None:
    rows = np.full(200, 5.0)
    always = np.where(np.arange(200) % 2, 5.0, 0.0)  # a person's rows all agree: five rows are one
    mixed = np.random.default_rng(1).binomial(5, 0.5, 200).astype(float)

    def effect(events: np.ndarray) -> float:
        return statistics.design_effect(
            events=events.sum(), rows=rows.sum(), persons=len(rows),
            squared_events=(events**2).sum(), events_by_rows=(events * rows).sum(), squared_rows=(rows**2).sum(),
        )  # fmt: skip

    assert effect(always) == pytest.approx(5, rel=0.01)
    assert effect(mixed) == pytest.approx(1, abs=0.3)
    assert effect(np.zeros(200)) == 5


# ── Extremes ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_exact_interval_at_its_edges() -> None:
    """Limits by the closed forms of Clopper and Pearson where one count is nought."""
    none = fairness.relative_rate(0, 50, 5, 50)
    share = 1 - 0.025 ** (1 / 5)  # nobody of five
    assert (none.ratio, none.lower) == (0, 0)
    assert none.upper == pytest.approx(share / (1 - share))
    assert none.p_value == pytest.approx(2 * 0.5**5)
    all_here = fairness.relative_rate(5, 50, 0, 50)
    assert all_here.ratio is None
    assert all_here.upper == math.inf
    assert all_here.lower == pytest.approx((1 - share) / share)
    full = fairness.relative_rate(40, 40, 40, 40)
    assert full.ratio == 1
    assert full.p_value == 1
    one = fairness.relative_rate(1, 1, 1, 1)
    assert (one.ratio, one.p_value) == (1, 1)
    assert (one.lower or 0) < 0.03
    assert (one.upper or 0) > 39


def test_the_p_value_holds_far_out_in_the_tail() -> None:
    far = fairness.relative_rate(10, 10_000, 1_000, 10_000)
    assert far.p_value is not None
    assert 0 < far.p_value < 1e-200
    assert far.p_value == pytest.approx(2 * stats.binom.cdf(10, 1_010, 0.5), rel=1e-9)


def test_the_wald_interval_has_none_without_an_event_and_is_a_point_where_everybody_is() -> None:
    none = fairness.relative_rate(0, 50, 5, 50, method="wald")
    assert (none.ratio, none.lower, none.upper, none.p_value) == (0, None, None, None)
    assert tuple(fairness.relative_rate(40, 40, 30, 30, method="wald")) == (1, 1, 1)


def test_a_published_wald_interval() -> None:
    # Altman, Practical statistics for medical research (1991), p. 267, and the Physicians' Health Study (1989):
    # heart attacks among 11,037 on aspirin (104) and 11,034 on placebo (189): 0.55 (0.43 to 0.70).
    ratio, lower, upper = fairness.relative_rate(104, 11_037, 189, 11_034, method="wald")
    assert ratio == pytest.approx(0.55, abs=0.005)
    assert lower == pytest.approx(0.43, abs=0.005)
    assert upper == pytest.approx(0.70, abs=0.005)


def test_large_counts_bring_the_two_methods_together() -> None:
    """The exact one conditions on the total of rare events, so it agrees where the event is rare."""
    exact, wald = (fairness.relative_rate(900, 900_000, 700, 900_000, method) for method in ("exact", "wald"))
    assert (exact.lower, exact.upper) == pytest.approx((wald.lower, wald.upper), rel=0.01)


def test_weighted_counts_are_taken_as_they_are() -> None:
    whole = fairness.relative_rate(30, 100, 20, 200)
    half = fairness.relative_rate(15.0, 50.0, 10.0, 100.0)
    assert half.ratio == whole.ratio
    assert (half.upper or 0) - (half.lower or 0) > (whole.upper or 0) - (whole.lower or 0)
