"""Draws belong to persons: whoever else is in the world, and in whatever order, a person's numbers stay."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from worlds.draws import Draws

numbers = st.lists(st.integers(0, 999_999), min_size=1, max_size=30)


@given(people=numbers, seed=st.integers(0, 2**32), extra=numbers)
def test_a_persons_draws_do_not_depend_on_the_others(people: list[int], seed: int, extra: list[int]) -> None:
    alone = Draws(seed=seed, people=people)
    among = Draws(seed=seed, people=[*extra, *people])
    assert np.array_equal(alone.uniform("x", 3), among.uniform("x", 3)[len(extra) :])
    assert np.array_equal(alone.normal("x", width=4), among.normal("x", width=4)[len(extra) :])


@given(people=numbers, seed=st.integers(0, 2**32))
def test_streams_counters_and_seeds_are_apart(people: list[int], seed: int) -> None:
    draws = Draws(seed=seed, people=people)
    first = draws.uniform("x")
    assert np.all((first > 0) & (first < 1))
    for other in (
        draws.uniform("y"),
        draws.uniform("x", 0),
        Draws(seed=seed + 1, people=people).uniform("x"),
    ):
        assert not np.any(first == other)


def test_draws_are_uniform_normal_and_uncorrelated() -> None:
    draws = Draws(seed=5, people=np.arange(40_000))
    u, z = draws.uniform("u", width=3), draws.normal("z", width=3)
    assert np.allclose(np.quantile(u, [0.1, 0.5, 0.9], axis=0), [[0.1] * 3, [0.5] * 3, [0.9] * 3], atol=0.01)
    assert np.allclose(z.mean(axis=0), 0, atol=0.02)
    assert np.allclose(z.std(axis=0), 1, atol=0.02)
    correlations = np.corrcoef(np.hstack([u, z]), rowvar=False)
    assert np.abs(correlations - np.eye(6)).max() < 0.02


def test_a_choice_follows_its_weights() -> None:
    draws = Draws(seed=5, people=np.arange(40_000))
    shares = np.bincount(draws.choice("c", (1, 0, 3)), minlength=3) / 40_000
    assert np.allclose(shares, [0.25, 0, 0.75], atol=0.01)
    rows = np.tile([0.2, 0.5, 0.3], (40_000, 1))
    assert np.allclose(np.bincount(draws.choice("r", rows)) / 40_000, [0.2, 0.5, 0.3], atol=0.01)


def test_days_lie_within_their_bounds() -> None:
    days = Draws(seed=5, people=np.arange(5_000)).days("d", 3, 6)
    assert sorted(set(days.tolist())) == [3, 4, 5, 6]
