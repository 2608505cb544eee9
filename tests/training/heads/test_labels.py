"""The labels of commence and complete, and the weights that stand for the censored."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from training.heads import commence, complete
from training.heads.censoring import censoring_weights

DAY = date(2024, 1, 1)


def outcomes(*rows: tuple[int | None, int | None, str]) -> pl.DataFrame:
    """Referrals made on DAY: days to the start, days to the end, and the kind of end."""
    after = [(None if a is None else DAY + timedelta(days=a)) for a, _, _ in rows]
    ended = [(None if b is None else DAY + timedelta(days=b)) for _, b, _ in rows]
    return pl.DataFrame(
        {
            "referral_id": [f"r{i}" for i in range(len(rows))],
            "crn": [f"c{i}" for i in range(len(rows))],
            "intervention_id": ["x"] * len(rows),
            "referred_on": [DAY] * len(rows),
            "commenced_on": pl.Series(after, dtype=pl.Date),
            "ended_on": pl.Series(ended, dtype=pl.Date),
            "end": [end for _, _, end in rows],
        }
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((20, 90, "COMPLETED"), 1.0),
        ((None, 90, "COMPLETED"), 1.0),  # completed without a recorded start has started
        ((20, None, "OPEN"), 1.0),
        ((200, None, "OPEN"), 0.0),  # too late
        ((None, None, "OPEN"), 0.0),
        ((None, 60, "ENGAGEMENT"), 0.0),
        ((None, 60, "ADMINISTRATIVE"), None),
        ((None, 300, "ADMINISTRATIVE"), 0.0),  # it had not started when the window closed
        ((20, 60, "ADMINISTRATIVE"), 1.0),  # it had
    ],
)
def test_the_label_of_starting(row: tuple[int | None, int | None, str], expected: float | None) -> None:
    found = commence.labels(outcomes(row), window_days=183)
    assert found.rows["y"].to_list() == ([] if expected is None else [expected])
    assert found.censored == (expected is None)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((20, 90, "COMPLETED"), [1.0]),
        ((20, 90, "ENGAGEMENT"), [0.0]),
        ((20, 90, "ADMINISTRATIVE"), []),
        ((20, None, "OPEN"), []),
        ((20, 400, "COMPLETED"), []),  # still running when the window closed
        ((None, 90, "ENGAGEMENT"), []),  # never started: not this head's question
        ((None, 90, "COMPLETED"), [1.0]),
    ],
)
def test_the_label_of_finishing(row: tuple[int | None, int | None, str], expected: list[float]) -> None:
    assert complete.labels(outcomes(row), window_days=365).rows["y"].to_list() == expected


def test_those_who_remain_stand_for_those_who_were_lost() -> None:
    # Four are followed; one is lost at 10 days, when three remain: each of them speaks for 4/3.
    weights = censoring_weights([5, 10, 20, 30], [False, True, False, False])
    assert np.allclose(weights, [1.0, 0.0, 3 / 2, 3 / 2])
    assert np.allclose(censoring_weights([1, 2, 3], [False] * 3), 1.0)


@given(hnp.arrays(np.int64, 40, elements=st.integers(0, 30)), hnp.arrays(np.bool_, 40))
def test_censoring_weights_are_never_below_one_for_who_was_seen(times: np.ndarray, lost: np.ndarray) -> None:
    weights = censoring_weights(times, lost)
    assert (weights[lost] == 0).all()
    assert (weights[~lost] >= 1).all()
