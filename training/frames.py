"""How does any data frame become plain columns? What the benefit model and the policy value read.

pandas, polars (and any other that narwhals knows), a numpy matrix or a mapping of columns all become the same
named columns of numbers or texts, missing values included.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import numpy.typing as npt

from catalogue.errors import UsageError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Objects = npt.NDArray[np.object_]


@dataclass(frozen=True, kw_only=True)
class FrameColumns:
    """Columns of equal length: numbers (NaN: not recorded) or texts (None: not recorded)."""

    length: int
    numbers: Mapping[str, Floats]
    texts: Mapping[str, Objects]
    names: tuple[str, ...]

    @property
    def columns(self) -> dict[str, Floats | Objects]:
        """All columns by name, in the frame's order."""
        return {name: self.numbers[name] if name in self.numbers else self.texts[name] for name in self.names}

    def take(self, rows: npt.NDArray[Any]) -> "FrameColumns":
        """Some of its rows."""
        numbers = {name: values[rows] for name, values in self.numbers.items()}
        texts = {name: values[rows] for name, values in self.texts.items()}
        return FrameColumns(
            length=len(np.arange(self.length)[rows]), numbers=numbers, texts=texts, names=self.names
        )


def read(frame: object) -> FrameColumns:
    """Read any frame; a column that is neither numbers, yes/no nor texts is a UsageError.

    The columns of a numpy matrix are called x0, x1, …
    """
    if isinstance(frame, FrameColumns):
        return frame
    if isinstance(frame, Mapping):
        return _from_columns({str(name): np.asarray(values) for name, values in frame.items()})
    if isinstance(frame, np.ndarray | list):
        matrix = np.asarray(frame)
        if matrix.ndim != 2:
            raise UsageError(
                "The feature matrix must have two dimensions: one row a case, one column a feature."
            )
        return _from_columns({f"x{place}": matrix[:, place] for place in range(matrix.shape[1])})
    try:
        eager = nw.from_native(frame, eager_only=True)  # type: ignore[call-overload]
    except TypeError as error:
        raise UsageError(
            f"A {type(frame).__name__} cannot be read as features; give a data frame, a matrix or a mapping of columns."
        ) from error
    return _from_columns({str(name): _column(eager[name]) for name in eager.columns}, length=len(eager))


def _column(series: Any) -> npt.NDArray[Any]:
    dtype = series.dtype
    if dtype == nw.Boolean or dtype.is_numeric():
        return np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    if dtype in {nw.String, nw.Categorical, nw.Enum, nw.Object} or isinstance(dtype, nw.Enum):
        return np.array(series.to_list(), dtype=object)
    raise UsageError(f"The feature {series.name} is of type {dtype}; make it numbers, yes/no or texts.")


def _from_columns(columns: Mapping[str, npt.NDArray[Any]], *, length: int | None = None) -> FrameColumns:
    numbers: dict[str, Floats] = {}
    texts: dict[str, Objects] = {}
    for name, values in columns.items():
        if values.dtype.kind in "fiub":
            numbers[name] = values.astype(np.float64)
            continue
        present = [v for v in values.tolist() if not _absent(v)]
        if present and all(isinstance(v, int | float) for v in present):
            numbers[name] = np.array([np.nan if _absent(v) else float(v) for v in values.tolist()])
        elif all(isinstance(v, str) for v in present):
            texts[name] = np.array([None if _absent(v) else v for v in values.tolist()], dtype=object)
        else:
            raise UsageError(f"The feature {name} mixes kinds of values; make it numbers, yes/no or texts.")
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise UsageError("The feature columns have different lengths.")
    rows = lengths.pop() if lengths else (length or 0)
    return FrameColumns(length=rows, numbers=numbers, texts=texts, names=tuple(columns))


def _absent(value: object) -> bool:
    return (
        value is None
        or (isinstance(value, float) and np.isnan(value))
        or type(value).__name__ in {"NAType", "NaTType"}
    )


def vector(values: object, *, name: str, length: int) -> npt.NDArray[Any]:
    """One value a row, from a series of any library, an array or a list."""
    raw = values.to_numpy() if hasattr(values, "to_numpy") else values
    array = np.asarray(raw)
    if array.shape != (length,):
        raise UsageError(
            f"{name} must have one value for each of the {length} rows; it has the shape {array.shape}."
        )
    return array


def numbers(values: object, *, name: str, length: int) -> Floats:
    """One number a row; None and NaN are missing."""
    array = vector(values, name=name, length=length)
    try:
        return np.array([np.nan if _absent(v) else float(v) for v in array.tolist()], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} must be numbers or yes/no.") from error


def codes(values: object, *, name: str, length: int) -> tuple[Ints, list[Hashable]]:
    """Each row's place among the distinct values, and those values sorted by their text."""
    array = vector(values, name=name, length=length).tolist()
    if any(_absent(v) for v in array):
        raise UsageError(f"{name} has rows without a value; every row needs one.")
    distinct = sorted(set(array), key=lambda v: (str(v), str(type(v))))
    if len({str(v) for v in distinct}) != len(distinct):
        raise UsageError(f"{name} has different values that are written alike; name them apart.")
    places = {value: place for place, value in enumerate(distinct)}
    return np.array([places[v] for v in array], dtype=np.int64), distinct


def by_arm(
    values: object, *, name: str, length: int, arms: Sequence[Hashable], reference: Hashable, default: float
) -> Floats:
    """A number for each row and arm [length, arms]: from a frame or mapping by arm, or a matrix.

    A matrix has one column an arm in the order of `arms` (sorted by text), with or without the
    reference's; where the reference's is absent it is `default`.
    """
    others = [arm for arm in arms if arm != reference]
    if isinstance(values, np.ndarray | list):
        matrix = np.asarray(values, dtype=np.float64)
        if matrix.shape == (length, len(arms)):
            return matrix
        if matrix.shape == (length, len(others)):
            out = np.full((length, len(arms)), default)
            out[:, [list(arms).index(arm) for arm in others]] = matrix
            return out
        raise UsageError(
            f"{name} must have {length} rows and a column for each of the {len(arms)} arms "
            f"(sorted by name); it has the shape {matrix.shape}."
        )
    columns = dict(
        read({str(k): v for k, v in values.items()} if isinstance(values, Mapping) else values).numbers
    )
    out = np.full((length, len(arms)), default)
    for place, arm in enumerate(arms):
        if str(arm) in columns:
            out[:, place] = columns[str(arm)]
        elif arm != reference:
            raise UsageError(f"{name} lacks the column of the arm {arm}; give one for each arm.")
    if len(out) != length or any(len(v) != length for v in columns.values()):
        raise UsageError(f"{name} must have one row for each of the {length} rows.")
    return out
