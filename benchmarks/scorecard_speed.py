"""How fast is a scorecard of 100 features and 40 pairs? Prints one line a question, with its bound.

Times are of one processor, so that other work on the machine does not count.

Run: python benchmarks/scorecard_speed.py [rows]   (a million rows unless another number is given)
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median

import lightgbm as lgb
import numpy as np

from scoring.scorecard import Axis, Category, Feature, Scorecard, Term

FEATURES, PAIRS, PAIR_CELLS, CUTS = 100, 40, 64, 120


def large_card(seed: int = 0) -> Scorecard:
    """Give a scorecard of the size that the bounds speak of: 80 numbers, 20 categories, 40 pairs."""
    rng = np.random.default_rng(seed)
    features, terms, axes = [], [], []
    for place in range(FEATURES):
        name = f"feature_{place}"
        if place % 5 == 4:
            axis = Axis(name, "category", categories=tuple(f"value_{k}" for k in range(12)))
        else:
            axis = Axis(name, "number", cuts=tuple(np.unique(rng.normal(size=CUTS).round(4)).tolist()))
        axes.append(axis)
        features.append(Feature(name, axis.kind, -4.0, 4.0, missing_seen=True))
        terms.append(Term((axis,), rng.normal(size=axis.cells) * 0.2, rng.integers(0, 999, axis.cells) * 1.0))
    pairs: set[tuple[int, int]] = set()
    while len(pairs) < PAIRS:
        one, two = sorted(rng.choice(FEATURES, 2, replace=False).tolist())
        pairs.add((one, two))
    for one, two in sorted(pairs):
        both = (_coarse(axes[one]), _coarse(axes[two]))
        shape = (both[0].cells, both[1].cells)
        terms.append(Term(both, rng.normal(size=shape) * 0.05, rng.integers(0, 99, shape) * 1.0))
    return Scorecard(features=tuple(features), terms=tuple(terms), intercept=-0.4, link="logit")


def _coarse(axis: Axis) -> Axis:
    if axis.kind == "category":
        return axis
    step = max(1, len(axis.cuts) // (PAIR_CELLS - 2))
    return Axis(axis.feature, axis.kind, cuts=axis.cuts[::step][: PAIR_CELLS - 2])


def large_columns(rows: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Give columns for that scorecard, a tenth of each not recorded."""
    rng = np.random.default_rng(seed)
    out: dict[str, np.ndarray] = {}
    for place in range(FEATURES):
        gone = rng.random(rows) < 0.1
        if place % 5 == 4:
            names: list[Category | None] = [f"value_{k}" for k in range(13)]
            pool = np.array([*names, None], dtype=object)
            out[f"feature_{place}"] = pool[np.where(gone, 13, rng.integers(0, 13, rows))]
        else:
            out[f"feature_{place}"] = np.where(gone, np.nan, rng.normal(size=rows))
    return out


def _time(run: Callable[[], object], *, times: int) -> float:
    taken = []
    for _ in range(times):
        begun = time.process_time()
        run()
        taken.append(time.process_time() - begun)
    return median(taken)


def main(rows: int) -> None:
    card = large_card()
    text = card.to_json()
    load = _time(lambda: Scorecard.from_json(text).explain(dict.fromkeys(card.feature_names)), times=9)
    print(f"load from JSON ({len(text) / 1e6:.1f} MB) and score once  {1e3 * load:8.1f} ms   (bound 50 ms)")
    few = large_columns(500)
    people = [{name: column[row] for name, column in few.items()} for row in range(500)]
    people = [
        {n: (v.item() if isinstance(v, np.generic) else v) for n, v in person.items()} for person in people
    ]
    one = min(_time(lambda p=p: card.explain(p), times=5) for p in people[:200])
    typical = median(_time(lambda p=p: card.explain(p), times=5) for p in people[:200])
    print(
        f"one row with every term, typical            {1e6 * typical:8.1f} µs   (bound 100 µs; best {1e6 * one:.1f})"
    )
    contributions = _contributions()
    print(
        f"LightGBM pred_contrib, one row              {1e6 * contributions:8.1f} µs   ({contributions / typical:.0f} times; bound 50)"
    )
    columns = large_columns(min(rows, 100_000))
    times = -(-rows // len(columns["feature_0"]))
    begun = time.process_time()
    count = 0
    for _ in range(times):
        for part in card.explain_parts(columns):
            count += len(part)
    taken = time.process_time() - begun
    print(f"{count:,} rows with every term          {taken:8.1f} s    (bound 20 s for a million)")


def _contributions() -> float:
    """One row's TreeSHAP on an unconstrained model of 100 features, as LightGBM would be fitted here."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, FEATURES))
    y = X[:, :10].sum(axis=1) + X[:, 0] * X[:, 1] + rng.normal(size=len(X)) > 0
    data = lgb.Dataset(X, label=y.astype(float))
    settings = {
        "objective": "binary",
        "num_leaves": 31,
        "learning_rate": 0.05,
        "num_threads": 1,
        "verbosity": -1,
    }
    booster = lgb.train(settings, data, num_boost_round=300)
    return _time(lambda: booster.predict(X[:1], pred_contrib=True, num_threads=1), times=30)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
