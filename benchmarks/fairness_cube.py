"""How fast is the bootstrap of the cube, and how much faster than fairlearn's?

1,000 draws of 48 groups and 6 measures at 200,000 people; fairlearn's own bootstrap is timed on a few
draws and scaled. Run: python benchmarks/fairness_cube.py
"""

import time

import numpy as np
import pandas as pd
import polars as pl
from fairlearn import metrics as fl

from fairness.cube import ACTUAL, DECISION_RATES, PREDICTED, build

PEOPLE, GROUPS, DRAWS, THEIR_DRAWS = 200_000, 48, 1_000, 2
MEASURES = (
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "false_negative_rate",
    "true_negative_rate",
    "accuracy",
)


def main() -> None:
    random = np.random.default_rng(0)
    group = random.integers(0, GROUPS, PEOPLE).astype(str)
    actual, predicted = random.random(PEOPLE) < 0.3, random.random(PEOPLE) < 0.2
    frame = pl.DataFrame({"group": group, PREDICTED: predicted, ACTUAL: actual})
    start = time.perf_counter()
    cube = build(frame, axes=["group"], outcomes=[PREDICTED, ACTUAL])
    drawn = cube.draw(DRAWS, seed=1)
    rates = [DECISION_RATES[name](cube, drawn) for name in MEASURES]
    ours = time.perf_counter() - start
    functions = {
        "selection_rate": fl.selection_rate, "true_positive_rate": fl.true_positive_rate,
        "false_positive_rate": fl.false_positive_rate, "false_negative_rate": fl.false_negative_rate,
        "true_negative_rate": fl.true_negative_rate, "accuracy": lambda y_true, y_pred: float((y_true == y_pred).mean()),
    }  # fmt: skip
    start = time.perf_counter()
    fl.MetricFrame(
        metrics=functions, y_true=actual.astype(int), y_pred=predicted.astype(int),
        sensitive_features=pd.Series(group, name="group"), n_boot=THEIR_DRAWS, ci_quantiles=[0.025, 0.975], random_state=0,
    )  # fmt: skip
    theirs = (time.perf_counter() - start) / (THEIR_DRAWS + 1) * DRAWS
    print(
        f"cube: {ours:.2f} s for {DRAWS} draws, {GROUPS} groups, {len(rates)} measures, {PEOPLE:,} people (limit 2 s)"
    )
    print(
        f"fairlearn: about {theirs:,.0f} s for as many; the cube is {theirs / ours:,.0f} times faster (limit 200)"
    )


if __name__ == "__main__":
    main()
