"""What does the glass box cost? Scorecards against LightGBM without constraints, EBM and a linear model.

Every data set is cut into the same three outer folds for all. Within each, the scorecard and LightGBM are
tuned by the same search: four settings each, on the same five inner folds, which stop the fits, judge the
settings by held-out loss, and whose five fits are averaged. Learning rate, ridge, leaf size and patience are
the same for both; the scorecard's settings are numbers of pairs, LightGBM's are numbers of leaves. Where a number
is predicted, both try the setting that did best once more with leaves of few rows. EBM (interpret) has its own
defaults, 20 pairs, and the same five folds for its bags. "As it comes" is the scorecard that nobody tuned: its own
defaults, on the same five folds. Logistic or ridge regression is the floor. Rows of one person are never parted
between folds.

Without options the table in docs/scorecard.md is written again. What was measured is kept, fold by fold, in
--cache, and taken from there as long as neither the data, the methods nor this program have changed. With --measured
nothing is measured: the table shows what the cache holds of every fold, and hyphens.

Run: python benchmarks/scorecard_no_loss.py [--no-ebm] [--rows N] [--tables "credit,spam"] [--write FILE] [--cache FOLDER] [--measured]
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import scorecard_worlds
from scorecard_data import Rows, Table, tables
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from training.scorecard import ScorecardClassifier, ScorecardRegressor

OUTER, INNER = 3, 5
FEW = 3
"""Rows of the smallest leaf that is tried where a number is predicted."""
EBM_PAIRS = 20
RATE, RIDGE, LEAF, PATIENCE, MOST_ROUNDS = 0.1, 1.0, 20, 50, 3000
PAIRS = (0, 10, 20, 40)
LEAVES = (4, 8, 16, 31)
ROOT = Path(__file__).parents[1]
FITTING = ("", "_boosting", "_cells", "_columns", "_fitting", "_pairs", "_rows", "_tables")
"""The parts of the scorecard that a fit depends on."""
COMPARED = (
    ("scorecard", "LightGBM"),
    ("scorecard", "EBM"),
    ("scorecard", "linear"),
    ("as it comes", "LightGBM"),
    ("as it comes", "EBM"),
)
BEGIN, END = "<!-- no-loss table -->", "<!-- end of no-loss table -->"


@dataclass(frozen=True, slots=True)
class Task:
    """One outer fold: what to fit on, with the inner fold of each row, and what to predict for."""

    classifies: bool
    X: pd.DataFrame
    y: np.ndarray
    inner: np.ndarray
    probe: pd.DataFrame


@dataclass(slots=True)
class Result:
    """Squared errors of one data set by method, a mean a fold; and how sure the scorecard's and LightGBM's difference is."""

    table: Table
    rows: int
    columns: int
    errors: dict[str, list[float]] = field(default_factory=dict)
    spread: list[float] = field(default_factory=list)

    def error(self, method: str) -> float | None:
        """Give the Brier score (yes/no) or the root mean squared error (number)."""
        if method not in self.errors:
            return None
        mean = float(np.mean(self.errors[method]))
        return mean if self.table.classifies else mean**0.5

    def loss(self, against: str, of: str = "scorecard") -> float | None:
        """Give the scorecard's error beyond another's: in Brier, or as a share of the other's RMSE."""
        mine, other = self.error(of), self.error(against)
        if mine is None or other is None:
            return None
        return mine - other if self.table.classifies else mine / other - 1.0

    @property
    def doubt(self) -> float:
        """The standard error of the loss against LightGBM, over rows."""
        variance = float(np.mean(self.spread)) / self.rows
        if self.table.classifies:
            return variance**0.5
        other = self.error("LightGBM") or 1.0
        return variance**0.5 / (2 * other**2)


def _folds(table: Table, rows: Rows, count: int, seed: int) -> np.ndarray:
    """Say which fold each row is held out in."""
    kind: Callable[..., KFold | StratifiedKFold | StratifiedGroupKFold] = KFold
    if table.classifies:
        kind = StratifiedKFold if rows.groups is None else StratifiedGroupKFold
    out = np.zeros(len(rows.y), dtype=int)
    parts = kind(count, shuffle=True, random_state=seed).split(rows.X, rows.y, rows.groups)
    for fold, (_, held_out) in enumerate(parts):
        out[held_out] = fold
    return out


def _texts(X: pd.DataFrame) -> list[str]:
    return [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]


def _scorecard(task: Task) -> np.ndarray:
    kind = ScorecardClassifier if task.classifies else ScorecardRegressor
    settings = {"bags": INNER, "learning_rate": RATE, "l2": RIDGE, "n_jobs": 1}
    settings |= {"early_stopping_rounds": PATIENCE, "max_rounds": MOST_ROUNDS}
    if not task.classifies:
        settings |= {"early_stopping_gain": 0.0}  # as LightGBM's and EBM's

    def fitted(pairs: int, leaf: int) -> tuple[float, ScorecardClassifier | ScorecardRegressor]:
        model = kind(max_pairs=pairs, min_leaf_rows=leaf, **settings).fit(task.X, task.y, groups=task.inner)
        return min(model.held_out_loss_.values()), model

    best = _searched(task, PAIRS, fitted)
    return best.predict_proba(task.probe)[:, 1] if task.classifies else best.predict(task.probe)


def _as_it_comes(task: Task) -> np.ndarray:
    kind = ScorecardClassifier if task.classifies else ScorecardRegressor
    model = kind(n_jobs=1).fit(task.X, task.y, groups=task.inner)
    return model.predict_proba(task.probe)[:, 1] if task.classifies else model.predict(task.probe)


def _searched(task: Task, sizes: Sequence[int], fitted: Callable[[int, int], tuple[float, Any]]) -> Any:
    """Give the fit with the least held-out loss: of all sizes, and of a number the best size with the smallest leaves."""
    tried = [(*fitted(size, LEAF), size) for size in sizes]
    best = min(tried, key=lambda fit: fit[0])
    if not task.classifies:
        again = fitted(best[2], FEW)
        best = min((best, (*again, best[2])), key=lambda fit: fit[0])
    return best[1]


def _lightgbm(task: Task) -> np.ndarray:
    X, probe = task.X.copy(), task.probe.copy()
    for name in _texts(X):
        X[name] = pd.Categorical(X[name])
        probe[name] = pd.Categorical(probe[name], categories=X[name].cat.categories)
    return _searched(task, LEAVES, lambda leaves, leaf: _bagged(task, X, probe, leaves, leaf))


def _bagged(
    task: Task, X: pd.DataFrame, probe: pd.DataFrame, leaves: int, leaf: int
) -> tuple[float, np.ndarray]:
    y = task.y
    held_out, out = np.zeros(len(y)), []
    settings = {
        "objective": "binary" if task.classifies else "regression",
        "learning_rate": RATE,
        "num_leaves": leaves,
        "lambda_l2": RIDGE,
        "min_data_in_leaf": leaf,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    for fold in range(INNER):
        check = task.inner == fold
        data = lgb.Dataset(X[~check], y[~check])
        valid = lgb.Dataset(X[check], y[check], reference=data)
        stop = lgb.early_stopping(PATIENCE, verbose=False)
        booster = lgb.train(settings, data, MOST_ROUNDS, valid_sets=[valid], callbacks=[stop])
        held_out[check] = booster.predict(X[check])
        out.append(booster.predict(probe))
    chance = np.clip(np.where(y == 1, held_out, 1 - held_out), 1e-12, 1)
    loss = -np.log(chance).mean() if task.classifies else ((y - held_out) ** 2).mean()
    return float(loss), np.mean(out, axis=0)


def _linear(task: Task) -> np.ndarray:
    texts = _texts(task.X)
    numbers = [name for name in task.X if name not in texts]
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore", min_frequency=5), texts),
    )
    if task.classifies:
        model = make_pipeline(prepare, LogisticRegression(max_iter=2000))
        return model.fit(task.X, task.y).predict_proba(task.probe)[:, 1]
    model = make_pipeline(prepare, RidgeCV(np.logspace(-2, 3, 11)))
    return model.fit(task.X, task.y).predict(task.probe)


def _ebm(task: Task) -> np.ndarray:
    from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

    settings = {"interactions": EBM_PAIRS, "outer_bags": INNER, "n_jobs": 1, "random_state": 0}
    held_out = np.stack([np.where(task.inner == fold, -1, 1) for fold in range(INNER)], axis=1)
    bags = held_out.astype(np.int8)
    if task.classifies:
        model = ExplainableBoostingClassifier(**settings).fit(task.X, task.y, bags=bags)
        return model.predict_proba(task.probe)[:, 1]
    return ExplainableBoostingRegressor(**settings).fit(task.X, task.y, bags=bags).predict(task.probe)


METHODS: dict[str, Callable[[Task], np.ndarray]] = {
    "linear": _linear,
    "LightGBM": _lightgbm,
    "scorecard": _scorecard,
    "as it comes": _as_it_comes,
    "EBM": _ebm,
}


def compare(
    table: Table, *, most_rows: int, methods: Sequence[str], cache: Path, measured: bool = False
) -> Result:
    """Measure one data set, fold by fold and method by method, or read what was measured (that alone, if `measured`)."""
    rows = _fewer(table.load(), most_rows)
    outer = _folds(table, rows, OUTER, 1)
    result = Result(table, *rows.X.shape)
    for fold in range(OUTER):
        test = outer == fold
        errors = {}
        for method in methods:
            mark = _key(rows, method, classifies=table.classifies)
            kept = cache / f"{table.name}-{method}-{fold}-{mark}.json".replace(" ", "_")
            if not kept.exists() and measured:
                continue
            if not kept.exists():
                predicted = METHODS[method](_task(table, rows, test))
                squared = (predicted - rows.y[test]) ** 2
                kept.write_text(json.dumps([round(float(part), 12) for part in squared]))
            errors[method] = np.array(json.loads(kept.read_text()))
            result.errors.setdefault(method, []).append(float(errors[method].mean()))
        if {"scorecard", "LightGBM"} <= errors.keys():
            result.spread.append(float(np.var(errors["scorecard"] - errors["LightGBM"])))
    result.errors = {method: folds for method, folds in result.errors.items() if len(folds) == OUTER}
    return result


def _task(table: Table, rows: Rows, test: np.ndarray) -> Task:
    train = Rows(
        rows.X[~test].reset_index(drop=True),
        rows.y[~test],
        None if rows.groups is None else rows.groups[~test],
    )
    inner = _folds(table, train, INNER, 0)
    return Task(table.classifies, train.X, train.y, inner, rows.X[test].reset_index(drop=True))


def _fewer(rows: Rows, most: int) -> Rows:
    """Give at most this many rows, drawn at random. For the heads, draw people with all their rows."""
    rng = np.random.default_rng(0)
    if len(rows.y) <= most:
        return rows
    if rows.groups is None:
        kept = np.sort(rng.choice(len(rows.y), most, replace=False))
    else:
        people, person = np.unique(rows.groups.astype(str), return_inverse=True)
        kept = np.flatnonzero(rng.permutation(len(people))[person] < len(people) * most / len(rows.y))
    groups = None if rows.groups is None else rows.groups[kept]
    return Rows(rows.X.iloc[kept].reset_index(drop=True), rows.y[kept], groups)


def _key(rows: Rows, method: str, *, classifies: bool) -> str:
    """A mark of everything that a measurement depends on: data, method, and versions."""
    mark = sha256(pd.util.hash_pandas_object(rows.X, index=False).to_numpy().tobytes())
    mark.update(np.ascontiguousarray(rows.y).tobytes())
    mark.update(repr((OUTER, INNER, RATE, RIDGE, LEAF, PATIENCE, MOST_ROUNDS, PAIRS, LEAVES)).encode())
    if method == "EBM":
        mark.update(f"{EBM_PAIRS} pairs, bags of the inner folds".encode())
    elif method != "linear" and not classifies:
        mark.update(f"leaves of {FEW} rows".encode())
    package = {"linear": "scikit-learn", "EBM": "interpret-core"}.get(method, "lightgbm")
    mark.update(version(package).encode())
    if method in {"scorecard", "as it comes"}:
        for part in FITTING:
            mark.update((ROOT / "training" / f"scorecard{part}.py").read_bytes())
    return mark.hexdigest()[:12]


def markdown(results: list[Result]) -> str:
    lines = [
        "| data set | predicts | rows x columns | linear | EBM | LightGBM | as it comes | scorecard | scorecard - LightGBM | scorecard - EBM |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        shown = ("linear", "EBM", "LightGBM", "as it comes", "scorecard")
        errors = [_cell(r.error(method), ".4f") for method in shown]
        sign = "+.4f" if r.table.classifies else "+.2%"
        sure = "" if r.loss("LightGBM") is None else f" ± {r.doubt:{sign[1:]}}"
        losses = [_cell(r.loss("LightGBM"), sign) + sure, _cell(r.loss("EBM"), sign)]
        size = f"{r.rows:,} x {r.columns}"
        lines.append("| " + " | ".join([r.table.name, r.table.question, size, *errors, *losses]) + " |")
    for classifies, what, sign in ((True, "Brier", "+.4f"), (False, "RMSE", "+.2%")):
        for of, against in COMPARED:
            held = [
                loss
                for r in results
                if r.table.classifies == classifies and (loss := r.loss(against, of)) is not None
            ]
            if held:
                lines.append(
                    f"\n{what}, {of} - {against}, {len(held)} data sets: mean {np.mean(held):{sign}}, "
                    f"median {np.median(held):{sign}}, worst {max(held):{sign}}."
                )
    return "\n".join(lines) + "\n"


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--no-ebm", action="store_true", help="leave EBM out (it is the slowest)")
    parser.add_argument("--rows", type=int, default=6_000, help="the most rows of a data set")
    parser.add_argument("--tables", help="names, parted by commas; all without it")
    parser.add_argument(
        "--write",
        type=Path,
        help="the page with the table's markers; docs/benchmarks.md when all is measured",
    )
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "scorecard-no-loss")
    parser.add_argument("--measured", action="store_true", help="show what is in the cache; measure nothing")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # the other libraries warn of what is meant here
    options.cache.mkdir(parents=True, exist_ok=True)
    wanted = set(options.tables.split(",")) if options.tables else None
    methods = [name for name in METHODS if name != "EBM" or not options.no_ebm]
    every = (*tables(), *scorecard_worlds.tables(options.cache))
    results: list[Result] = []
    for table in every:
        if wanted is None or table.name in wanted:
            begun = time.process_time()
            results.append(
                compare(
                    table,
                    most_rows=options.rows,
                    methods=methods,
                    cache=options.cache,
                    measured=options.measured,
                )
            )
            taken = time.process_time() - begun
            print(markdown(results[-1:]).splitlines()[2], f"{taken:.0f} s", flush=True)
    text = markdown(results)
    print(text)
    whole = wanted is None and not options.no_ebm and len(tables()) > 3
    place = options.write or (ROOT / "docs" / "benchmarks.md" if whole else None)
    if place is not None:
        before, _, rest = place.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        place.write_text(f"{before}{BEGIN}\n{text}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
