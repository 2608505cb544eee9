"""How fast is a scorecard of 100 features and 40 pairs? Prints one line a question, with its bound.

Times are of one processor, so that other work on the machine does not count.

Run: python benchmarks/scorecard_speed.py [rows]   (a million rows unless another number is given)
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from statistics import median

import lightgbm as lgb
import numpy as np

from scoring.scorecard import Axis, Category, Factor, Scorecard, Term
from training.scorecard import ScorecardClassifier

FEATURES, PAIRS, PAIR_CELLS, CUTS = 100, 40, 64, 120
FITTED, MOST_TREES = 6_000, 600


def large_card(seed: int = 0) -> Scorecard:
    """Give a scorecard of the size that the bounds are for: 80 numbers, 20 categories, 40 pairs."""
    rng = np.random.default_rng(seed)
    features, terms, axes = [], [], []
    for place in range(FEATURES):
        name = f"feature_{place}"
        if place % 5 == 4:
            axis = Axis(name, "category", categories=tuple(f"value_{k}" for k in range(12)))
        else:
            axis = Axis(name, "number", cuts=tuple(np.unique(rng.normal(size=CUTS).round(4)).tolist()))
        axes.append(axis)
        features.append(Factor(name, axis.kind, -4.0, 4.0, missing_seen=True))
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
    _against_lightgbm()
    columns = large_columns(min(rows, 100_000))
    times = -(-rows // len(columns["feature_0"]))
    begun = time.process_time()
    count = 0
    for _ in range(times):
        for part in card.explain_parts(columns):
            count += len(part)
    taken = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count:,} rows with every term          {taken:8.1f} s    (bound 20 s for a million)")
    print(f"the most memory of this process             {peak:8.0f} MB")


def _against_lightgbm() -> None:
    """One row's terms against one row's TreeSHAP, each of a model fitted to the same rows of 100 features.

    LightGBM has as many trees as bring it to the scorecard's held-out loss, or, where it never gets there, to
    its own best.
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2 * FITTED, FEATURES))
    score = 0.25 * np.sin(X * rng.uniform(0.5, 1.5, FEATURES)).sum(axis=1)
    for _ in range(PAIRS):
        one, two = rng.choice(FEATURES, 2, replace=False)
        score += 0.25 * X[:, one] * X[:, two]
    y = (rng.random(len(X)) < 1 / (1 + np.exp(-score))).astype(float)
    fit, held_out = slice(0, FITTED), slice(FITTED, None)
    model = ScorecardClassifier(max_pairs=PAIRS, bags=2, learning_rate=0.2, n_jobs=1).fit(X[fit], y[fit])
    wanted = _loss(y[held_out], model.predict_proba(X[held_out])[:, 1])
    data = lgb.Dataset(X[fit], label=y[fit])
    settings = {
        "objective": "binary",
        "num_leaves": 31,
        "learning_rate": 0.05,
        "num_threads": 1,
        "verbosity": -1,
    }
    booster = lgb.train(settings, data, num_boost_round=MOST_TREES)
    tried = range(20, MOST_TREES + 1, 20)
    losses = [_loss(y[held_out], booster.predict(X[held_out], num_iteration=trees)) for trees in tried]
    enough = [trees for trees, loss in zip(tried, losses, strict=True) if loss <= wanted]
    trees = enough[0] if enough else tried[int(np.argmin(losses))]
    reached = losses[tried.index(trees)]
    theirs = _time(
        lambda: booster.predict(X[:1], pred_contrib=True, num_threads=1, num_iteration=trees), times=30
    )
    card = model.scorecard_
    people = [dict(zip(card.feature_names, row.tolist(), strict=True)) for row in X[held_out][:200]]
    ours = median(_time(lambda p=p: card.explain(p), times=5) for p in people)
    print(
        f"a fitted scorecard of {len(card.used_features)} features and {len(model.pairs_)} pairs, one row "
        f"{1e6 * ours:.1f} µs, held-out log loss {wanted:.4f}"
    )
    print(
        f"LightGBM pred_contrib, {trees} trees, log loss {reached:.4f}   {1e6 * theirs:.0f} µs   "
        f"({theirs / ours:.0f} times as long; bound 50)"
    )


def _loss(y: np.ndarray, chance: np.ndarray) -> float:
    return float(-np.log(np.where(y == 1, chance, 1 - chance)).mean())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
