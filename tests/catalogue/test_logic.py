"""Kleene's tables, and the law that makes them worth having: more answers never turn yes into no."""

from itertools import product

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogue import logic
from catalogue.logic import Truth

TRUTHS: tuple[Truth, ...] = (True, False, None)


@pytest.mark.parametrize(
    ("one", "other", "both", "either"),
    [
        (True, True, True, True),
        (True, False, False, True),
        (True, None, None, True),
        (False, False, False, False),
        (False, None, False, None),
        (None, None, None, None),
    ],
)
def test_the_tables_and_that_polars_has_the_same(
    one: Truth, other: Truth, both: Truth, either: Truth
) -> None:
    for pair in ((one, other), (other, one)):
        assert logic.conjunction(pair) is both
        assert logic.disjunction(pair) is either
        frame = pl.DataFrame([pair], schema={"a": pl.Boolean, "b": pl.Boolean}, orient="row")
        row = frame.select(both=pl.col("a") & pl.col("b"), either=pl.col("a") | pl.col("b")).row(0)
        assert row == (both, either)


def test_of_nothing_all_hold_and_none_does() -> None:
    assert logic.conjunction(()) is True
    assert logic.disjunction(()) is False
    assert logic.negation(None) is None


@given(st.lists(st.sampled_from(TRUTHS), max_size=6), st.integers(0, 7))
def test_at_least_is_what_every_completion_agrees_on(truths: list[Truth], count: int) -> None:
    completions = [
        sum(each) >= count for each in product(*[(t,) if t is not None else (False, True) for t in truths])
    ]
    expected = completions[0] if len(set(completions)) == 1 else None
    assert logic.at_least(count, truths) is expected


@given(
    st.integers(0, 10),
    st.integers(0, 10),
    st.none() | st.integers(0, 10),
    st.none() | st.integers(0, 10),
)
def test_within_is_what_every_number_in_between_agrees_on(
    one: int, other: int, minimum: int | None, maximum: int | None
) -> None:
    lowest, highest = sorted((one, other))
    kept = {
        (minimum is None or each >= minimum) and (maximum is None or each <= maximum)
        for each in range(lowest, highest + 1)
    }
    found = logic.within(lowest, highest, minimum=minimum, maximum=maximum)
    if found is None:
        # Bounds that no number between can meet together are the one thing it may leave open.
        assert len(kept) == 2 or (minimum is not None and maximum is not None)
    else:
        assert kept == {found}
