"""EconML's doubly robust learner on a reduced log, for `benefit_value.py`; run by a Python that has econml.

    python benchmarks/benefit_econml.py build/benefit/worlds/baseline-20000-201

It needs econml, lightgbm, numpy and polars only. Arms with at least 100 recorded outcomes take part; a log of
more than 20,000 recorded rows is cut to a subsample of them. Writes econml.npy: an effect for every row and arm.
"""

import sys
from pathlib import Path

import numpy as np
import polars as pl
from econml.dr import DRLearner
from lightgbm import LGBMClassifier, LGBMRegressor

LEAST, MOST_ROWS, NONE = 100, 20_000, "NONE"


def main() -> None:
    place = Path(sys.argv[1])
    features = pl.read_parquet(place / "features.parquet")
    points = pl.read_parquet(place / "points.parquet")
    names = sorted(pl.read_parquet(place / "eligible.parquet").columns)
    numbers = features.select(
        (pl.col(name).to_physical() if dtype == pl.Enum else pl.col(name)).cast(pl.Float64).alias(name)
        for name, dtype in features.schema.items()
    )
    x = np.nan_to_num(numbers.to_numpy(), nan=-1.0)
    outcome = points["progressed"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    arm = points["arm"].to_numpy()
    use = np.flatnonzero(~np.isnan(outcome))
    if len(use) > MOST_ROWS:
        use = np.sort(np.random.default_rng(0).choice(use, MOST_ROWS, replace=False))
    counts = {name: int((arm[use] == name).sum()) for name in names}
    kept = [NONE, *(name for name in names if name != NONE and counts[name] >= LEAST)]
    use = use[np.isin(arm[use], kept)]
    trees = {"n_estimators": 60, "num_leaves": 15, "learning_rate": 0.08, "verbosity": -1, "n_jobs": 1}
    learner = DRLearner(
        model_propensity=LGBMClassifier(min_child_samples=50, **trees),
        model_regression=LGBMRegressor(min_child_samples=50, **trees),
        model_final=LGBMRegressor(min_child_samples=100, **trees),
        min_propensity=0.01,
        cv=3,
        random_state=0,
        categories=kept,
    )
    learner.fit(outcome[use], arm[use], X=x[use])
    effect = np.full((len(x), len(names)), -np.inf)
    for name in kept[1:]:
        effect[:, names.index(name)] = learner.effect(x, T0=NONE, T1=name).ravel()
    effect[:, names.index(NONE)] = 0.0
    np.save(place / "econml.npy", effect)


if __name__ == "__main__":
    main()
