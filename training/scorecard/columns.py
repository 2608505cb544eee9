"""How does any table become plain columns? What a scorecard is fitted on and asked about.

A column is a number, a yes/no or a category, with one form of "not recorded": NaN in an array
of floats, None in an array of categories. Differences between frame libraries end here.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import narwhals as nw
import numpy as np
import scipy.sparse
from narwhals.exceptions import DuplicateError
from sklearn.utils.validation import check_array, validate_data

from scoring.scorecard import FactorKind, ScorecardError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator


@dataclass(frozen=True, slots=True, eq=False)
class ColumnValues:
    """One feature's values: floats with NaN (number, boolean), or objects with None (category)."""

    name: str
    kind: FactorKind
    data: NDArray[Any]


def read_columns(
    estimator: BaseEstimator,
    X: object,
    *,
    kinds: Mapping[str, FactorKind] | None,
    categorical: Sequence[str] = (),
) -> tuple[ColumnValues, ...]:
    """Read a frame, an array or a list of lists into columns, as scikit-learn checks its input.

    Args:
        estimator: where the names and the number of features are kept (scikit-learn's attributes).
        X: a pandas or polars frame, or anything that numpy makes a two-dimensional array of.
        kinds: None while fitting (kinds are found); afterwards the kind that each column must have.
        categorical: columns to be read as categories though they hold numbers.

    Raises:
        ScorecardError: for infinite values, dates, nested values, text where numbers were, other columns
            than in fitting.
        ValueError: scikit-learn's own, for the wrong number of dimensions or of columns.
        TypeError: for sparse matrices and for objects that are neither text nor numbers.
    """
    reset = kinds is None
    frame = None if isinstance(X, np.ndarray | list) or scipy.sparse.issparse(X) else _frame(X)
    if frame is None:
        raw = _array_columns(estimator, X, reset=reset)
        names = _names(estimator, len(raw))
    else:
        if frame.shape[0] == 0 or frame.shape[1] == 0:
            check_array(np.empty(frame.shape), estimator=estimator)
        validate_data(estimator, X, skip_check_array=True, reset=reset)
        names = _names(estimator, frame.shape[1])
        raw = [_series_values(name, frame[:, place]) for place, name in enumerate(names)]
    if unknown := sorted(set(categorical) - set(names)):
        raise ScorecardError(f"The categorical columns {unknown} are not among the columns of X.")
    wanted: Mapping[str, FactorKind] = kinds if kinds is not None else dict.fromkeys(categorical, "category")
    return tuple(_column(name, values, wanted.get(name)) for name, values in zip(names, raw, strict=True))


def refuse_numbers(column: ColumnValues, texts: Collection[str]) -> None:
    """Refuse a column that holds nothing but numbers where fitting found nothing but texts.

    One odd value among texts is a category never seen; a whole column of them is another column.

    Raises:
        ScorecardError: when it does.
    """
    if column.name not in texts or any(isinstance(value, str) for value in column.data):
        return
    if any(value is not None for value in column.data):
        raise ScorecardError(
            f"The column {column.name!r} must hold text, as it did in fitting; it holds numbers."
        )


def _frame(X: object) -> nw.DataFrame[Any] | None:
    try:
        native: object = nw.from_native(cast("Any", X), pass_through=True)
    except DuplicateError as error:
        raise ScorecardError("Two columns of X have the same name; give each a name of its own.") from error
    if isinstance(native, nw.LazyFrame):
        raise ScorecardError("X is a lazy frame; collect it first.")
    return native if isinstance(native, nw.DataFrame) else None


def _names(estimator: BaseEstimator, count: int) -> list[str]:
    """The frame's own names where all are text; otherwise x0, x1, … as scikit-learn has it."""
    names = getattr(estimator, "feature_names_in_", None)
    return [f"x{place}" for place in range(count)] if names is None else [str(name) for name in names]


def _array_columns(estimator: BaseEstimator, X: object, *, reset: bool) -> list[NDArray[Any]]:
    if isinstance(X, list) and np.asarray(X).dtype.kind in "US":
        X = np.array(X, dtype=object)  # numpy would turn numbers in a column with text into text
    array = validate_data(estimator, X, dtype=None, ensure_all_finite=False, reset=reset)
    return [array[:, place] for place in range(array.shape[1])]


def _series_values(name: str, series: nw.Series[Any]) -> NDArray[Any]:
    dtype = series.dtype
    if dtype.is_temporal():
        raise ScorecardError(f"The column {name!r} holds dates or times; turn them into numbers first.")
    if dtype.is_nested():
        raise ScorecardError(f"The column {name!r} holds lists or structures; give one plain value a row.")
    if dtype == nw.Boolean:
        return np.array(series.to_list(), dtype=object)
    if dtype.is_numeric():
        if not series.is_null().any():
            return np.asarray(series.to_numpy())
        return np.array(
            [math.nan if value is None else value for value in series.to_list()], dtype=np.float64
        )
    return _objects(series.to_list())


def _objects(values: Sequence[object]) -> NDArray[Any]:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def _column(name: str, values: NDArray[Any], kind: FactorKind | None) -> ColumnValues:
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: the column {name!r} holds complex numbers.")
    found, plain = _plain(name, values)
    if kind is None or kind == found:
        kind = found
    elif kind == "category" and found != "category":
        plain = _as_categories(values)
    elif kind == "category" or found == "category":
        if all(value is None for value in plain):  # a column without any value has no kind of its own
            plain = np.full(len(plain), np.nan)
        else:
            raise ScorecardError(
                f"The column {name!r} must hold numbers, as it did in fitting; it holds text."
            )
    if kind != "category" and np.isinf(plain).any():
        raise ScorecardError(
            f"The column {name!r} holds infinity; give finite numbers, or NaN for not recorded."
        )
    return ColumnValues(name, kind, plain)


def _plain(name: str, values: NDArray[Any]) -> tuple[FactorKind, NDArray[Any]]:
    """Find a column's kind, and its values in the plain form of that kind."""
    if values.dtype.kind == "b":
        return "boolean", values.astype(np.float64)
    if values.dtype.kind in "iuf":
        return "number", values.astype(np.float64)
    held = [None if _is_missing(value) else value for value in values.tolist()]
    recorded = [value for value in held if value is not None]
    if recorded and all(isinstance(value, bool | np.bool_) for value in recorded):
        return "boolean", np.array([math.nan if v is None else float(v) for v in held])
    if all(isinstance(value, numbers.Real) or hasattr(value, "as_tuple") for value in recorded):
        return "number", np.array([math.nan if v is None else float(cast("float", v)) for v in held])
    if not all(isinstance(value, str | int | float | bool) for value in recorded):
        raise TypeError(f"The argument must be a string or a number in every row of the column {name!r}.")
    return "category", _objects(held)


def _as_categories(values: NDArray[Any]) -> NDArray[Any]:
    return _objects([None if _is_missing(value) else value for value in values.tolist()])


def _is_missing(value: object) -> bool:
    # pandas' NA and NaT are equal to nothing, themselves included; NA raises an error when compared.
    if value is None:
        return True
    if isinstance(value, float):
        return value != value  # noqa: PLR0124  NaN is unequal to itself
    return type(value).__name__ in {"NAType", "NaTType"}
