"""How well do simpler and freer models do on the same rows? The floor and the ceiling of the glass box.

Fitted on the same block, calibrated on the same later one, judged on the same last one as the head itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from training.heads.fitting import LEAST_OF_A_CLASS, calibrate

FloatArray = npt.NDArray[np.float64]
#: From rows to scores (log odds), or to chances.
Predict = Callable[[pl.DataFrame], FloatArray]
#: Scores rows after having been fitted on others: (fit rows, y, weight) gives (rows) gives scores.
Fit = Callable[[pl.DataFrame, FloatArray, FloatArray], Predict]
MOST_CATEGORIES = 40
#: Columns that say which rows count together, the first that is there.
DRAWN_TOGETHER = ("crn", "referral_id")


def base_rate(features: pl.DataFrame, y: FloatArray, weight: FloatArray) -> Predict:
    """Everybody gets the share of the fitted rows."""
    del features
    rate = float(np.clip(np.average(y, weights=weight), 1e-6, 1 - 1e-6))
    return lambda rows: np.full(rows.height, np.log(rate / (1 - rate)))


def one_feature(name: str) -> Fit:
    """One feature alone, as a logistic curve; unknown is its average."""

    def fit(features: pl.DataFrame, y: FloatArray, weight: FloatArray) -> Predict:
        return logistic(features.select(name), y, weight)

    return fit


def logistic(features: pl.DataFrame, y: FloatArray, weight: FloatArray) -> Predict:
    """Logistic regression on standardised columns, with a mark for what is not recorded, and a light ridge."""
    from sklearn.linear_model import LogisticRegression

    read = _Reader(features)
    design = read(features)
    center, spread = design.mean(axis=0), design.std(axis=0)
    spread[spread < 1e-9] = 1.0
    if min(np.bincount(y.astype(np.int64), minlength=2)) < LEAST_OF_A_CLASS:
        return base_rate(features, y, weight)
    model = LogisticRegression(C=0.1, max_iter=500).fit((design - center) / spread, y, sample_weight=weight)
    return lambda rows: np.asarray(model.decision_function((read(rows) - center) / spread), dtype=np.float64)


def boosted(seed: int, threads: int, rounds: int = 150) -> Fit:
    """LightGBM without constraints: the most that the glass box could gain."""

    def fit(features: pl.DataFrame, y: FloatArray, weight: FloatArray) -> Predict:
        import lightgbm as lgb

        if min(np.bincount(y.astype(np.int64), minlength=2)) < LEAST_OF_A_CLASS:
            return base_rate(features, y, weight)
        read = _Codes(features)
        data = lgb.Dataset(read(features), label=y, weight=weight, categorical_feature=read.categorical)
        settings = {
            "objective": "binary",
            "learning_rate": 0.03,
            "num_leaves": 15,
            "min_data_in_leaf": 40,
            "lambda_l2": 5.0,
            "feature_fraction": 0.5,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "cat_smooth": 20.0,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": threads,
            "verbosity": -1,
        }
        model = lgb.train(settings, data, num_boost_round=rounds)
        return lambda rows: np.asarray(model.predict(read(rows), raw_score=True), dtype=np.float64)

    return fit


def compare(
    models: Mapping[str, Fit],
    *,
    features: tuple[str, ...],
    fit_rows: pl.DataFrame,
    calibrate_rows: pl.DataFrame | None,
) -> dict[str, Predict]:
    """Each model as a function from rows (with `features`) to calibrated chances, by name.

    Rows have `y` and `weight`. Without rows to calibrate on, chances are the scores' own.
    """
    result: dict[str, Predict] = {}
    y, weight = fit_rows["y"].to_numpy(), fit_rows["weight"].to_numpy()
    for name, fit in models.items():
        score = fit(fit_rows.select(features), y, weight)
        result[name] = _calibrated(score, features, calibrate_rows)
    return result


def _calibrated(score: Predict, features: tuple[str, ...], rows: pl.DataFrame | None) -> Predict:
    if rows is None:
        return lambda later: np.asarray(1 / (1 + np.exp(-score(later.select(features)))), dtype=np.float64)
    whose = next((name for name in DRAWN_TOGETHER if name in rows.columns), None)
    mapped = calibrate(
        score(rows.select(features)),
        rows["y"].to_numpy(),
        weight=rows["weight"].to_numpy(),
        groups=None if whose is None else rows[whose].to_numpy(),
    )
    return lambda later: np.asarray(mapped.predict(score(later.select(features))), dtype=np.float64)


class _Reader:
    """Columns as a numeric matrix: numbers with their mean where unknown and a mark, categories one by one."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._numbers: dict[str, float] = {}
        self._categories: dict[str, list[str]] = {}
        for column in frame:
            if column.dtype == pl.Boolean or column.dtype.is_numeric():
                values = column.cast(pl.Float64)
                mean = values.mean()
                self._numbers[column.name] = float(mean) if isinstance(mean, float) else 0.0
            else:
                known = column.cast(pl.String).drop_nulls().unique().sort().to_list()
                self._categories[column.name] = known[:MOST_CATEGORIES]

    def __call__(self, frame: pl.DataFrame) -> FloatArray:
        parts: list[FloatArray] = []
        for name, mean in self._numbers.items():
            values = frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
            missing = np.isnan(values)
            parts += [np.where(missing, mean, values), missing.astype(np.float64)]
        for name, known in self._categories.items():
            values = frame[name].cast(pl.String).fill_null("").to_numpy()
            parts += [(values == category).astype(np.float64) for category in known]
        return np.column_stack(parts) if parts else np.zeros((frame.height, 0))


class _Codes:
    """Columns as LightGBM takes them: numbers with NaN, categories as codes."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._names = frame.columns
        self._known: dict[str, dict[str, int]] = {}
        for column in frame:
            if not (column.dtype == pl.Boolean or column.dtype.is_numeric()):
                values = column.cast(pl.String).drop_nulls().unique().sort().to_list()
                self._known[column.name] = {value: code for code, value in enumerate(values)}

    @property
    def categorical(self) -> list[int]:
        """Places of the categories among the columns."""
        return [place for place, name in enumerate(self._names) if name in self._known]

    def __call__(self, frame: pl.DataFrame) -> FloatArray:
        parts: list[Any] = []
        for name in self._names:
            if name in self._known:
                codes = self._known[name]
                found = [
                    np.nan if v is None else codes.get(v, np.nan)
                    for v in frame[name].cast(pl.String).to_list()
                ]
                parts.append(np.array(found, dtype=np.float64))
            else:
                parts.append(frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy())
        return np.column_stack(parts)
