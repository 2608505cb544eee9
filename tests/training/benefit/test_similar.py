"""Similar people: counted once, at least ten, exact intervals, nothing small given away."""

import itertools

import numpy as np
import polars as pl
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogue.errors import UsageError
from scoring.similar import Similar
from training.benefit.similar import build, clopper_pearson

LADDER = (("need", "risk"), ("need",))


def frame(*, rows: int, seed: int) -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = pl.DataFrame({"need": rng.integers(0, 3, rows), "risk": rng.choice(["LOW", "HIGH", None], rows)})
    return X, rng.choice(["tsp", "dawn"], rows, p=[0.8, 0.2]), rng.integers(0, 2, rows).astype(float)


@pytest.mark.parametrize(
    ("successes", "people", "lower", "upper"),
    [  # published table values (Clopper and Pearson 1934; two-sided 95%)
        (0, 10, 0.0, 0.3085),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (1, 20, 0.0013, 0.2487),
    ],
)
def test_interval_is_the_published_one(successes: int, people: int, lower: float, upper: float) -> None:
    assert clopper_pearson(successes, people) == pytest.approx((lower, upper), abs=5e-5)


def test_an_impossible_share_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one person"):
        clopper_pearson(3, 2)


def test_the_closest_group_with_a_narrow_interval_is_found() -> None:
    X, arm, outcome = frame(rows=3000, seed=1)
    similar = build(X, arm, outcome, ladder=LADDER, width=0.2)
    found = similar.lookup({"need": 1, "risk": "LOW"}, "tsp")
    assert found is not None
    rows = (
        (X["need"] == 1).to_numpy() & (X["risk"] == "LOW").fill_null(value=False).to_numpy() & (arm == "tsp")
    )
    assert (found.rung, found.people) == (0, int(rows.sum()))
    assert found.share == pytest.approx(outcome[rows].mean())
    exact = scipy.stats.binomtest(int(outcome[rows].sum()), int(rows.sum())).proportion_ci(method="exact")
    assert (found.lower, found.upper) == pytest.approx((exact.low, exact.high))
    assert found.label == "DESCRIPTION_NOT_EFFECT"
    assert found.alike == {"need": "1 to under 2", "risk": "LOW"}


def test_a_wide_interval_climbs_the_ladder() -> None:
    X, arm, outcome = frame(rows=3000, seed=1)
    near = build(X, arm, outcome, ladder=LADDER, width=0.2).lookup({"need": 1, "risk": "LOW"}, "tsp")
    far = build(X, arm, outcome, ladder=LADDER, width=0.05).lookup({"need": 1, "risk": "LOW"}, "tsp")
    assert near is not None
    assert far is not None
    assert (near.rung, far.rung) == (0, 2)
    assert far.people == int((arm == "tsp").sum())


def test_each_person_counts_once_and_unknown_outcomes_do_not() -> None:
    n = 40
    X = pl.DataFrame({"need": [1] * (2 * n)})
    outcome = np.tile([1.0, 0.0], n)
    outcome[:4] = np.nan
    similar = build(X, ["tsp"] * (2 * n), outcome, ladder=[("need",)], groups=np.repeat(np.arange(n), 2))
    # the first recorded row of each of the 38 persons left is a success: no group may be shown
    assert similar.lookup({"need": 1}, "tsp") is None
    spread = build(X, ["tsp"] * (2 * n), outcome, ladder=[("need",)], groups=np.tile(np.arange(n), 2))
    found = spread.lookup({"need": 1}, "tsp")
    assert found is not None
    assert found.people == n


def test_an_intervention_nobody_was_referred_to_has_no_similar_people() -> None:
    X, arm, outcome = frame(rows=300, seed=2)
    assert build(X, arm, outcome, ladder=LADDER).lookup({"need": 1, "risk": "LOW"}, "kaizen") is None


def test_it_survives_being_written() -> None:
    X, arm, outcome = frame(rows=2000, seed=3)
    similar = build(X, arm, outcome, ladder=LADDER)
    again = Similar.from_json(similar.to_json())
    for need, risk, name in itertools.product((0, 2, None), ("LOW", None), ("tsp", "dawn")):
        row = {"need": need, "risk": risk}
        assert again.lookup(row, name) == similar.lookup(row, name)
    assert again.to_json() == similar.to_json()


@pytest.mark.parametrize(
    ("ladder", "message"),
    [((("need",), ("need", "risk")), "rung"), ((("age",),), "not among the features")],
)
def test_a_wrong_ladder_is_refused(ladder: tuple[tuple[str, ...], ...], message: str) -> None:
    X, arm, outcome = frame(rows=200, seed=4)
    with pytest.raises(UsageError, match=message):
        build(X, arm, outcome, ladder=ladder)


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(20, 400), seed=st.integers(0, 10_000))
def test_no_small_count_is_shown_or_given_away_by_subtraction(rows: int, seed: int) -> None:
    X, arm, outcome = frame(rows=rows, seed=seed)
    similar = build(X, arm, outcome, ladder=LADDER, least=10)
    for rungs in similar.groups.values():
        sums = [{key: (g.people, round(g.share * g.people)) for key, g in rung.items()} for rung in rungs]
        for people, successes in itertools.chain.from_iterable(rung.values() for rung in sums):
            assert min(successes, people - successes) >= 10
        for finer, coarser in itertools.pairwise(sums):
            for parent, (people, successes) in coarser.items():
                below = [v for key, v in finer.items() if key[: len(parent)] == parent]
                if below:
                    rest = people - sum(n for n, _ in below)
                    good = successes - sum(k for _, k in below)
                    assert rest == 0 or min(good, rest - good) >= 10
            assert {key[: len(key) - 1] for key in finer} <= set(coarser)
