"""What does the glass box cost? Scorecards against LightGBM without constraints, EBM and a linear model.

Every data set is cut into the same three outer folds for all. The scorecard runs at its defaults.
LightGBM is given the raw columns, five inner folds for early stopping whose fits are averaged, as the
scorecard's are, and its leaves are chosen by held-out loss; so any doubt is on the scorecard's side. EBM
(interpret) has as many pairs and bags. Logistic or ridge regression is the floor.

Run: python benchmarks/scorecard_no_loss.py [--ebm] [--rows N] [--tables "credit,spam"] [--write docs/scorecard.md]
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
from scorecard_data import Table, tables
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from training.scorecard import ScorecardClassifier, ScorecardRegressor

OUTER, INNER, LEAVES = 3, 5, (4, 8, 16, 31)
BEGIN, END = "<!-- no-loss table -->", "<!-- end of no-loss table -->"


@dataclass(slots=True)
class Result:
    """Squared errors of one data set by method, a number a fold."""

    table: Table
    rows: int
    columns: int
    errors: dict[str, list[float]] = field(default_factory=dict)

    def error(self, method: str) -> float | None:
        """Give the Brier score (yes/no) or the root mean squared error (number)."""
        if method not in self.errors:
            return None
        mean = float(np.mean(self.errors[method]))
        return mean if self.table.classifies else mean**0.5

    def loss(self, against: str) -> float | None:
        """Give the scorecard's error beyond another's: in Brier, or as a share of the other's RMSE."""
        mine, other = self.error("scorecard"), self.error(against)
        if mine is None or other is None:
            return None
        return mine - other if self.table.classifies else mine / other - 1.0


def _folds(table: Table, count: int, seed: int) -> KFold | StratifiedKFold:
    kind = StratifiedKFold if table.classifies else KFold
    return kind(count, shuffle=True, random_state=seed)


def _texts(X: pd.DataFrame) -> list[str]:
    return [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]


def _scorecard(table: Table, X: pd.DataFrame, y: np.ndarray, probe: pd.DataFrame) -> np.ndarray:
    if table.classifies:
        return ScorecardClassifier().fit(X, y).predict_proba(probe)[:, 1]
    return ScorecardRegressor().fit(X, y).predict(probe)


def _lightgbm(table: Table, X: pd.DataFrame, y: np.ndarray, probe: pd.DataFrame) -> np.ndarray:
    X, probe = X.copy(), probe.copy()
    for name in _texts(X):
        X[name] = pd.Categorical(X[name])
        probe[name] = pd.Categorical(probe[name], categories=X[name].cat.categories)
    return min((_bagged(table, X, y, probe, leaves) for leaves in LEAVES), key=lambda fit: fit[0])[1]


def _bagged(
    table: Table, X: pd.DataFrame, y: np.ndarray, probe: pd.DataFrame, leaves: int
) -> tuple[float, np.ndarray]:
    held_out, out = np.zeros(len(y)), []
    settings = {
        "objective": "binary" if table.classifies else "regression",
        "learning_rate": 0.05,
        "num_leaves": leaves,
        "lambda_l2": 1.0,
        "num_threads": 2,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    for train, check in _folds(table, INNER, 0).split(X, y):
        data = lgb.Dataset(X.iloc[train], y[train])
        valid = lgb.Dataset(X.iloc[check], y[check], reference=data)
        stop = lgb.early_stopping(50, verbose=False)
        booster = lgb.train(settings, data, 2000, valid_sets=[valid], callbacks=[stop])
        held_out[check] = booster.predict(X.iloc[check])
        out.append(booster.predict(probe))
    chance = np.clip(np.where(y == 1, held_out, 1 - held_out), 1e-12, 1)
    loss = -np.log(chance).mean() if table.classifies else ((y - held_out) ** 2).mean()
    return float(loss), np.mean(out, axis=0)


def _linear(table: Table, X: pd.DataFrame, y: np.ndarray, probe: pd.DataFrame) -> np.ndarray:
    texts = _texts(X)
    numbers = [name for name in X if name not in texts]
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore", min_frequency=5), texts),
    )
    if table.classifies:
        return make_pipeline(prepare, LogisticRegression(max_iter=2000)).fit(X, y).predict_proba(probe)[:, 1]
    return make_pipeline(prepare, RidgeCV(np.logspace(-2, 3, 11))).fit(X, y).predict(probe)


def _ebm(table: Table, X: pd.DataFrame, y: np.ndarray, probe: pd.DataFrame) -> np.ndarray:
    from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

    settings = {"interactions": 20, "outer_bags": INNER, "n_jobs": 1, "random_state": 0}
    if table.classifies:
        return ExplainableBoostingClassifier(**settings).fit(X, y).predict_proba(probe)[:, 1]
    return ExplainableBoostingRegressor(**settings).fit(X, y).predict(probe)


def compare(table: Table, *, most_rows: int, with_ebm: bool) -> Result:
    X, y = table.load()
    if len(X) > most_rows:
        kept = np.sort(np.random.default_rng(0).choice(len(X), most_rows, replace=False))
        X, y = X.iloc[kept].reset_index(drop=True), y[kept]
    methods = {"scorecard": _scorecard, "LightGBM": _lightgbm, "linear": _linear}
    if with_ebm:
        methods["EBM"] = _ebm
    result = Result(table, *X.shape)
    for train, test in _folds(table, OUTER, 1).split(X, y):
        part, probe = X.iloc[train].reset_index(drop=True), X.iloc[test].reset_index(drop=True)
        for name, method in methods.items():
            error = float(((method(table, part, y[train], probe) - y[test]) ** 2).mean())
            result.errors.setdefault(name, []).append(error)
    return result


def markdown(results: list[Result]) -> str:
    lines = [
        "| data set | predicts | rows x columns | linear | EBM | LightGBM | scorecard | scorecard - LightGBM | scorecard - EBM |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        errors = [_cell(r.error(method), ".4f") for method in ("linear", "EBM", "LightGBM", "scorecard")]
        sign = "+.4f" if r.table.classifies else "+.2%"
        losses = [_cell(r.loss(against), sign) for against in ("LightGBM", "EBM")]
        size = f"{r.rows:,} x {r.columns}"
        lines.append("| " + " | ".join([r.table.name, r.table.question, size, *errors, *losses]) + " |")
    for against in ("LightGBM", "EBM"):
        held = [loss for r in results if r.table.classifies and (loss := r.loss(against)) is not None]
        if held:
            lines.append(
                f"\nBrier, scorecard - {against}, {len(held)} yes/no data sets: mean {np.mean(held):+.4f}, "
                f"median {np.median(held):+.4f}, worst {max(held):+.4f}."
            )
    return "\n".join(lines) + "\n"


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ebm", action="store_true", help="fit EBM too (slow)")
    parser.add_argument("--rows", type=int, default=12_000, help="the most rows of a data set")
    parser.add_argument("--tables", help="names, parted by commas; all without it")
    parser.add_argument("--write", type=Path, help="a document to lay the table into, between its markers")
    options = parser.parse_args()
    wanted = set(options.tables.split(",")) if options.tables else None
    warnings.simplefilter("ignore")  # the other libraries warn of what is meant here
    results: list[Result] = []
    for table in tables():
        if wanted is None or table.name in wanted:
            results.append(compare(table, most_rows=options.rows, with_ebm=options.ebm))
            print(markdown(results[-1:]).splitlines()[2], flush=True)
    text = markdown(results)
    print(text)
    if options.write is not None:
        before, _, rest = options.write.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        options.write.write_text(f"{before}{BEGIN}\n{text}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
