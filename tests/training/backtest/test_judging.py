"""Precision at a budget, with ties."""

import numpy as np
import pytest

from training.backtest.judging import precision_at


def test_precision_at_a_budget_breaks_ties_at_best_at_worst_and_on_average() -> None:
    found = precision_at(np.array([0.9, 0.5, 0.5, 0.5, 0.1]), np.array([True, True, False, False, True]), 2)
    assert found == {"expected": pytest.approx((1 + 1 / 3) / 2), "best": 1.0, "worst": 0.5}
