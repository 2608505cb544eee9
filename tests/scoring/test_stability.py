"""Bins, and the population stability index, held against figures worked out by hand."""

import math

import numpy as np
import pytest

from scoring.stability import LEAST_SHARE, bins_of, stability_index


@pytest.mark.parametrize(
    ("before", "now", "wanted"),
    [
        ([0.5, 0.5], [0.5, 0.5], 0.0),
        ([0.5, 0.5], [0.25, 0.75], 0.25 * math.log(2) + 0.25 * math.log(1.5)),
        ([0.5, 0.5], [0.0, 1.0], (LEAST_SHARE - 0.5) * math.log(LEAST_SHARE / 0.5) + 0.5 * math.log(2)),
    ],
)
def test_the_index_is_that_of_its_formula(before: list[float], now: list[float], wanted: float) -> None:
    assert stability_index(before, now) == pytest.approx(wanted, abs=1e-12)
    assert stability_index(np.array(before), np.array(now)) == stability_index(before, now)


def test_lists_over_other_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="1 bins cannot be compared with 2"):
        stability_index([1.0], [0.5, 0.5])


def test_a_number_on_an_edge_is_in_the_bin_above_and_what_is_not_recorded_in_the_last() -> None:
    values = [-1.0, 0, 0.5, 1, 7, True, False, None, math.nan]
    assert bins_of(values, {"edges": [0.0, 1.0]}).tolist() == [0, 1, 1, 2, 2, 2, 1, 3, 3]
    assert bins_of([1.0, None], {"edges": []}).tolist() == [0, 1]


def test_other_codes_share_the_last_bin_but_one() -> None:
    assert bins_of(["b", "a", "c", None], {"categories": ["a", "b"]}).tolist() == [1, 0, 2, 3]
    assert bins_of([], {"categories": ["a"]}).tolist() == []
