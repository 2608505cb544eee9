"""The scorecard as served: lookup tables of one factor or of a named pair, read and applied.

A scorecard is a sum. Its raw score is ``intercept`` plus, for every term, the number that its table
holds for the row's cell; the explanation is those numbers themselves. It is plain data (JSON) and
needs neither the library that it was fitted with nor a data frame: one row is scored in pure Python,
many rows with numpy.

Cells of an axis, in table order:

- a number (or yes/no) with ``k`` cuts has ``k + 1`` value cells, cell ``i`` holding values from
  ``cuts[i - 1]`` (included) up to ``cuts[i]`` (not included), and then one cell for "not recorded";
- a category with ``k`` named values has those ``k`` cells, one cell for any other value (rare in
  training, or never seen), and one cell for "not recorded".
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn, cast

import numpy as np
import orjson

from catalogue.errors import UsageError

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

Value = str | int | float | bool | tuple[str, ...] | None
Category = str | int | float | bool
Kind = Literal["number", "boolean", "category"]
Link = Literal["logit", "identity"]

FORMAT = "signpost-scorecard/1"
CHUNK_ROWS = 65_536
"""Rows scored at a time: bounds the memory of the many-row scorer whatever the length of its input."""

_KINDS: tuple[Kind, ...] = ("number", "boolean", "category")
_LINKS: tuple[Link, ...] = ("logit", "identity")


class ScorecardError(UsageError, ValueError):
    """A scorecard, or a row given to one, that cannot be used; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Feature:
    """What a scorecard knows of one input column.

    ``low`` and ``high`` are the least and greatest value seen in training (numbers only; None where
    nothing was recorded). ``missing_seen`` and ``other_seen`` say whether training held rows without a
    value, and rows with a value outside the named categories; where it did not, such a row is scored as
    ``usual``, the label of the median's cell or of the commonest category.
    """

    name: str
    kind: Kind
    low: float | None = None
    high: float | None = None
    missing_seen: bool = False
    other_seen: bool = False
    usual: str = ""

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ScorecardError(
                f"The feature {self.name!r} has the kind {self.kind!r}; use one of {_KINDS}."
            )


@dataclass(frozen=True, slots=True)
class Axis:
    """How one term divides one feature into cells (see the module's text for their order)."""

    feature: str
    kind: Kind
    cuts: tuple[float, ...] = ()
    categories: tuple[Category, ...] = ()

    def __post_init__(self) -> None:
        if self.kind == "category":
            if self.cuts:
                raise ScorecardError(f"The axis of {self.feature!r} is a category and cannot have cuts.")
            if len(set(self.categories)) != len(self.categories):
                raise ScorecardError(f"The axis of {self.feature!r} names a category twice.")
            return
        if self.categories:
            raise ScorecardError(f"The axis of {self.feature!r} is a number and cannot have categories.")
        if not all(map(math.isfinite, self.cuts)) or any(a >= b for a, b in pairwise(self.cuts)):
            raise ScorecardError(
                f"The cuts of {self.feature!r} must be finite and rise from one to the next."
            )

    @property
    def cells(self) -> int:
        """How many cells the axis has, "not recorded" included."""
        return len(self.categories) + 2 if self.kind == "category" else len(self.cuts) + 2

    @property
    def labels(self) -> tuple[str, ...]:
        """Each cell in words, in table order."""
        if self.kind == "category":
            return (*map(str, self.categories), "any other value", "not recorded")
        if not self.cuts:
            return ("any value", "not recorded")
        if self.kind == "boolean" and len(self.cuts) == 1:
            return ("no", "yes", "not recorded")
        middle = (f"{a:g} to under {b:g}" for a, b in pairwise(self.cuts))
        return (f"under {self.cuts[0]:g}", *middle, f"{self.cuts[-1]:g} or more", "not recorded")


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One summand of the score: a table over the cells of one axis, or of two.

    ``values`` are on the raw (log-odds or identity) scale; ``weights`` hold the training weight in each
    cell. Both have one dimension for each axis.
    """

    axes: tuple[Axis, ...]
    values: NDArray[np.float64]
    weights: NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = tuple(axis.cells for axis in self.axes)
        if len(shape) not in {1, 2}:
            raise ScorecardError(f"The term {self.name!r} must have one axis or two.")
        if self.values.shape != shape or self.weights.shape != shape:
            raise ScorecardError(f"The table of {self.name!r} must have the shape {shape} of its axes.")
        if not np.isfinite(self.values).all() or not np.isfinite(self.weights).all():
            raise ScorecardError(f"The table of {self.name!r} holds a number that is not finite.")

    @property
    def features(self) -> tuple[str, ...]:
        """The one or two features that the term reads."""
        return tuple(axis.feature for axis in self.axes)

    @property
    def name(self) -> str:
        """The feature, or ``first & second`` for a pair."""
        return " & ".join(self.features)

    @property
    def importance(self) -> float:
        """How much the term moves scores: the weighted mean of its absolute values."""
        total = float(self.weights.sum())
        return float((np.abs(self.values) * self.weights).sum() / total) if total > 0 else 0.0


class _Reader(NamedTuple):
    """How one feature's value becomes a cell, over all of its terms together."""

    name: str
    cuts: list[float]
    lookup: dict[Category, int] | None
    missing: int
    main: list[float] | None


class _PairReader(NamedTuple):
    first: int
    second: int
    rows: list[list[float]]
    columns: list[int]


@dataclass(frozen=True, eq=False)
class Scorecard:
    """A fitted score that is its own explanation.

    Args:
        features: every input column, in the order of training.
        terms: the tables, kept in the order of ``ordered``; their contributions are summed in that order.
        intercept: the score of the average training row.
        link: ``logit`` where the raw score is a log-odds, ``identity`` where it is the prediction.
        classes: for a classifier, the two outcomes: the score is of the second.

    Raises:
        ScorecardError: when a table does not fit its axes or a term reads an unknown feature.
    """

    features: tuple[Feature, ...]
    terms: tuple[Term, ...]
    intercept: float
    link: Link
    classes: tuple[Category, ...] = ()

    def __post_init__(self) -> None:
        if self.link not in _LINKS:
            raise ScorecardError(f"The link {self.link!r} is not known; use one of {_LINKS}.")
        if not math.isfinite(self.intercept):
            raise ScorecardError("The intercept of the scorecard is not a finite number.")
        kinds = {feature.name: feature.kind for feature in self.features}
        if len(kinds) != len(self.features):
            raise ScorecardError("The scorecard names a feature twice.")
        seen: set[frozenset[str]] = set()
        for term in self.terms:
            for axis in term.axes:
                if kinds.get(axis.feature) != axis.kind:
                    raise ScorecardError(f"The term {term.name!r} reads a feature that the scorecard lacks.")
            if (key := frozenset(term.features)) in seen or len(key) != len(term.axes):
                raise ScorecardError(
                    f"The term {term.name!r} is there twice, or pairs a feature with itself."
                )
            seen.add(key)
        object.__setattr__(self, "terms", ordered(self.terms, self.feature_names))

    # ---- what it is

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The input columns, in the order of training."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def term_names(self) -> tuple[str, ...]:
        """The terms' names, in the order of the explanation's columns."""
        return tuple(term.name for term in self.terms)

    @cached_property
    def used_features(self) -> tuple[str, ...]:
        """The features that some term reads: what a row must hold."""
        used = {name for term in self.terms for name in term.features}
        return tuple(name for name in self.feature_names if name in used)

    # ---- one row

    def score(self, row: Mapping[str, Value]) -> float:
        """Answer: what is this row's raw score?

        Args:
            row: a value for each of ``used_features``; None (or NaN) where it is not recorded.

        Returns:
            The intercept plus every term's contribution.

        Raises:
            ScorecardError: when a feature is absent from the row, infinite, or of the wrong kind.
        """
        total = self.intercept
        for value in self._contributions(row):
            total += value
        return total

    def explain(self, row: Mapping[str, Value]) -> dict[str, float]:
        """Answer: what does each term add to this row's score?

        Returns:
            Term name to contribution, in term order; with the intercept they sum to ``score(row)``.

        Raises:
            ScorecardError: as ``score``.
        """
        return dict(zip(self.term_names, self._contributions(row), strict=True))

    def probability(self, row: Mapping[str, Value]) -> float:
        """Answer: what does the score say as a chance (logit), or as a prediction (identity)?"""
        return float(self._inverse_link(np.float64(self.score(row))))

    def _contributions(self, row: Mapping[str, Value]) -> list[float]:
        readers, pairs = self._plan
        cells: list[int] = []
        values: list[float] = []
        endless = math.inf
        try:
            for name, cuts, lookup, missing, main in readers:
                value = row[name]
                if value is None:
                    cell = missing
                elif lookup is not None:
                    found = lookup.get(value)  # type: ignore[arg-type]
                    cell = _other_cell(name, value, missing) if found is None else found
                elif -endless < value < endless:  # type: ignore[operator]
                    cell = bisect_right(cuts, value)
                elif value != value:  # noqa: PLR0124  NaN is the one value unequal to itself
                    cell = missing
                else:
                    _refuse_infinite(name)
                cells.append(cell)
                if main is not None:
                    values.append(main[cell])
        except (KeyError, TypeError):
            self._refuse_row(row)
        values.extend(rows[cells[first]][columns[cells[second]]] for first, second, rows, columns in pairs)
        return values

    def _refuse_row(self, row: Mapping[str, Value]) -> NoReturn:
        """Say which feature cannot be read, without repeating its value."""
        for reader in self._plan[0]:
            if reader.name not in row:
                raise ScorecardError(
                    f"The row has no value for the feature {reader.name!r}; give None where it is not recorded."
                )
            value = row[reader.name]
            wanted = "a category (text, a number or yes/no)" if reader.lookup is not None else "a number"
            if value is not None and (isinstance(value, str | tuple | list | dict) or not _is_scalar(value)):
                raise ScorecardError(f"The value of the feature {reader.name!r} must be {wanted} or None.")
        raise ScorecardError("The row cannot be scored: it must map each feature's name to a plain value.")

    # ---- many rows

    def score_many(self, columns: Mapping[str, object] | pl.DataFrame) -> NDArray[np.float64]:
        """Answer: what are the raw scores of these rows?

        Args:
            columns: a polars frame, or a mapping of feature name to a column of equal length
                (array, list or series); NaN or None where a value is not recorded.

        Returns:
            One raw score a row, equal to ``score`` of that row.

        Raises:
            ScorecardError: when a feature is absent, of another length, infinite or of the wrong kind.
        """
        total = np.full(_row_count(columns, self.used_features), self.intercept)
        for start, part in self._parts(columns, rows=CHUNK_ROWS):
            for column in range(part.shape[1]):
                total[start : start + len(part)] += part[:, column]
        return total

    def explain_many(self, columns: Mapping[str, object] | pl.DataFrame) -> NDArray[np.float64]:
        """Answer: what does each term add to each row's score?

        Returns:
            Contributions ``[rows, terms]`` in the order of ``term_names``, equal to ``explain`` row by row.
            For input too long to hold at once use ``explain_parts``.

        Raises:
            ScorecardError: as ``score_many``.
        """
        out = np.empty((_row_count(columns, self.used_features), len(self.terms)))
        for start, part in self._parts(columns, rows=CHUNK_ROWS):
            out[start : start + len(part)] = part
        return out

    def explain_parts(
        self, columns: Mapping[str, object] | pl.DataFrame, *, rows: int = CHUNK_ROWS
    ) -> Iterator[NDArray[np.float64]]:
        """Answer the same as ``explain_many`` in consecutive parts of ``rows`` rows, in bounded memory."""
        for _, part in self._parts(columns, rows=rows):
            yield part

    def probability_many(self, columns: Mapping[str, object] | pl.DataFrame) -> NDArray[np.float64]:
        """Answer: what do the scores of these rows say as chances (logit), or as predictions (identity)?"""
        return self._inverse_link(self.score_many(columns))

    def _parts(
        self, columns: Mapping[str, object] | pl.DataFrame, *, rows: int
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        readers, pairs = self._plan
        count = _row_count(columns, self.used_features)
        held = [_column(columns, reader.name) for reader in readers]
        mains = [None if reader.main is None else np.array(reader.main) for reader in readers]
        cuts = [np.array(reader.cuts) for reader in readers]
        tables = [(a, b, *_pair_tables(rows_, columns_)) for a, b, rows_, columns_ in pairs]
        for start in range(0, count, rows):
            stop = min(start + rows, count)
            part = np.empty((stop - start, len(self.terms)), order="F")
            cells: list[NDArray[np.intp]] = []
            term = 0
            for reader, column, edges, main in zip(readers, held, cuts, mains, strict=True):
                cell = _cells(reader, edges, column[start:stop])
                cells.append(cell)
                if main is not None:
                    np.take(main, cell, out=part[:, term])
                    term += 1
            for first, second, row_of, column_of, flat, width in tables:
                index = row_of[cells[first]] * width
                index += column_of[cells[second]]
                np.take(flat, index, out=part[:, term])
                term += 1
            yield start, part

    def _inverse_link(self, score: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
        if self.link == "identity":
            return np.asarray(score)
        # exp of minus the absolute value cannot overflow.
        small = np.exp(-np.abs(score))
        return np.asarray(np.where(np.asarray(score) >= 0, 1.0 / (1.0 + small), small / (1.0 + small)))

    @cached_property
    def _plan(self) -> tuple[list[_Reader], list[_PairReader]]:
        """The readers of the used features and of the pairs: tables on the union of each feature's cuts."""
        axes: dict[str, list[Axis]] = {}
        for term in self.terms:
            for axis in term.axes:
                axes.setdefault(axis.feature, []).append(axis)
        # Contributions come out single factors first, by feature, then pairs: the order of `terms`.
        mains = {term.features[0]: term for term in self.terms if len(term.axes) == 1}
        readers: list[_Reader] = []
        merged: dict[str, Axis] = {}
        for name in self.used_features:
            union = _union(axes[name])
            merged[name] = union
            main = mains.get(name)
            table = None if main is None else main.values[_cell_map(union, main.axes[0])].tolist()
            lookup = (
                {category: cell for cell, category in enumerate(union.categories)}
                if union.kind == "category"
                else None
            )
            readers.append(_Reader(name, list(union.cuts), lookup, union.cells - 1, table))
        place = {reader.name: index for index, reader in enumerate(readers)}
        pairs: list[_PairReader] = []
        for term in self.terms:
            if len(term.axes) == 1:
                continue
            one, two = term.axes
            table_rows: list[list[float]] = term.values.tolist()
            rows = [table_rows[cell] for cell in _cell_map(merged[one.feature], one).tolist()]
            columns = cast("list[int]", _cell_map(merged[two.feature], two).tolist())
            pairs.append(_PairReader(place[one.feature], place[two.feature], rows, columns))
        return readers, pairs

    # ---- to and from text

    def to_dict(self) -> dict[str, object]:
        """Give the scorecard as plain data; ``from_dict`` reads it back without loss."""
        return {
            "format": FORMAT,
            "link": self.link,
            "classes": list(self.classes),
            "intercept": self.intercept,
            "features": [
                {
                    "name": f.name,
                    "kind": f.kind,
                    "low": f.low,
                    "high": f.high,
                    "missing_seen": f.missing_seen,
                    "other_seen": f.other_seen,
                    "usual": f.usual,
                }
                for f in self.features
            ],
            "terms": [
                {
                    "axes": [
                        {"feature": a.feature, "categories": list(a.categories)}
                        if a.kind == "category"
                        else {"feature": a.feature, "cuts": list(a.cuts)}
                        for a in t.axes
                    ],
                    "values": t.values.tolist(),
                    "weights": t.weights.tolist(),
                }
                for t in self.terms
            ],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, object]) -> Scorecard:
        """Read what ``to_dict`` gave.

        Raises:
            ScorecardError: when the document is of another format or a part of it is missing or malformed.
        """
        if document.get("format") != FORMAT:
            raise ScorecardError(f"The document is not a scorecard of the format {FORMAT!r}; write it anew.")
        try:
            features = tuple(Feature(**f) for f in cast("list[dict[str, Value]]", document["features"]))  # type: ignore[arg-type]
            kinds = {f.name: f.kind for f in features}
            terms = tuple(_term(t, kinds) for t in cast("list[dict[str, object]]", document["terms"]))
            card = cls(
                features=features,
                terms=terms,
                intercept=float(cast("float", document["intercept"])),
                link=cast("Link", document["link"]),
                classes=tuple(cast("list[Category]", document["classes"])),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ScorecardError(
                "The scorecard document lacks a part or holds one of the wrong kind."
            ) from error
        except ScorecardError:
            raise
        except ValueError as error:
            raise ScorecardError(
                "A table in the scorecard document is not rectangular or not numeric."
            ) from error
        return card

    def to_json(self, path: Path | str | None = None) -> str:
        """Give the scorecard as JSON text, and write it to ``path`` where one is given."""
        text = orjson.dumps(self.to_dict())
        if path is not None:
            Path(path).write_bytes(text)
        return text.decode()

    @classmethod
    def from_json(cls, source: Path | str | bytes) -> Scorecard:
        """Read JSON text (it begins with a brace), or the file at a path.

        Raises:
            ScorecardError: when the text is not JSON or not a scorecard.
        """
        text: str | bytes
        if isinstance(source, bytes) or (isinstance(source, str) and source.lstrip().startswith("{")):
            text = source
        else:
            text = Path(source).read_bytes()
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise ScorecardError("The scorecard is not valid JSON; write it anew.") from error
        if not isinstance(document, dict):
            raise ScorecardError("The scorecard's JSON must be an object.")
        return cls.from_dict(document)


def ordered(terms: Sequence[Term], feature_names: Sequence[str]) -> tuple[Term, ...]:
    """Put terms in the order that a scorecard holds them: single factors by feature, then pairs."""
    place = {name: index for index, name in enumerate(feature_names)}
    return tuple(sorted(terms, key=lambda term: (len(term.axes), [place[name] for name in term.features])))


def _term(document: Mapping[str, object], kinds: Mapping[str, Kind]) -> Term:
    axes = []
    for axis in cast("list[dict[str, object]]", document["axes"]):
        name = cast("str", axis["feature"])
        if kinds[name] == "category":
            axes.append(Axis(name, "category", categories=tuple(cast("list[Category]", axis["categories"]))))
        else:
            axes.append(Axis(name, kinds[name], cuts=tuple(map(float, cast("list[float]", axis["cuts"])))))
    return Term(
        tuple(axes),
        np.array(document["values"], dtype=np.float64),
        np.array(document["weights"], dtype=np.float64),
    )


def _union(axes: Sequence[Axis]) -> Axis:
    """The coarsest axis that every given axis of a feature can be read from."""
    first = axes[0]
    if first.kind == "category":
        categories = dict.fromkeys(category for axis in axes for category in axis.categories)
        return Axis(first.feature, "category", categories=tuple(categories))
    return Axis(first.feature, first.kind, cuts=tuple(sorted({cut for axis in axes for cut in axis.cuts})))


def _cell_map(union: Axis, axis: Axis) -> NDArray[np.intp]:
    """For each cell of the union, the cell of one of the axes that it was made from."""
    if axis.kind == "category":
        place = {category: cell for cell, category in enumerate(axis.categories)}
        other = len(axis.categories)
        cells = [place.get(category, other) for category in union.categories]
        return np.array([*cells, other, other + 1], dtype=np.intp)
    # A cell of the union begins at one of its cuts (the first has no beginning).
    cells = [0, *(bisect_right(axis.cuts, cut) for cut in union.cuts)]
    return np.array([*cells, len(axis.cuts) + 1], dtype=np.intp)


def _pair_tables(
    rows: list[list[float]], columns: list[int]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64], int]:
    """A pair's table laid flat, with the place of each row cell and of each column cell."""
    table = np.array(rows)
    return np.arange(len(rows)), np.array(columns, dtype=np.intp), table.ravel(), table.shape[1]


def _other_cell(name: str, value: object, missing: int) -> int:
    """The cell of a value outside the named categories: NaN is not recorded, the rest are "any other"."""
    if not isinstance(value, str) and not _is_scalar(value):
        raise TypeError(name)
    return missing if value != value else missing - 1  # noqa: PLR0124  NaN is unequal to itself


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float | bool | np.generic)


def _refuse_infinite(name: str) -> NoReturn:
    raise ScorecardError(f"The feature {name!r} holds an infinite value; give a finite number or None.")


def _row_count(columns: Mapping[str, object] | pl.DataFrame, used: Sequence[str]) -> int:
    height = getattr(columns, "height", None)
    if isinstance(height, int):
        return height
    table = cast("Mapping[str, object]", columns)
    lengths = {len(cast("Sequence[object]", table[name])) for name in used if name in table}
    if not lengths:
        lengths = {len(cast("Sequence[object]", column)) for column in table.values()}
    if len(lengths) > 1:
        raise ScorecardError("The columns to be scored differ in length; give one value a row in each.")
    return next(iter(lengths), 0)


def _column(columns: Mapping[str, object] | pl.DataFrame, name: str) -> Sequence[object]:
    try:
        return cast("Sequence[object]", columns[name])
    except Exception as error:  # polars and mappings each have their own error for an absent column
        raise ScorecardError(
            f"The rows to be scored have no column {name!r}; add it, empty if need be."
        ) from error


def _cells(reader: _Reader, cuts: NDArray[np.float64], column: Sequence[object]) -> NDArray[np.intp]:
    if reader.lookup is not None:
        return _category_cells(reader, column)
    held = np.asarray(column)
    # A nullable column of yes/no arrives as objects; anything else that is not numeric is refused there.
    values = held.astype(np.float64) if held.dtype.kind in "biuf" else _numbers(reader.name, held.tolist())
    if np.isinf(values).any():
        _refuse_infinite(reader.name)
    cells = np.searchsorted(cuts, values, side="right")
    return np.where(np.isnan(values), reader.missing, cells)


def _numbers(name: str, values: list[object]) -> NDArray[np.float64]:
    if not all(value is None or isinstance(value, int | float | np.number | np.bool_) for value in values):
        raise ScorecardError(f"The column {name!r} must hold numbers or None.")
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _category_cells(reader: _Reader, column: Sequence[object]) -> NDArray[np.intp]:
    lookup = cast("dict[object, int]", dict(reader.lookup or {}))
    lookup[None] = reader.missing
    to_list = getattr(column, "to_list", None) or getattr(column, "tolist", None)
    values = to_list() if to_list is not None else list(column)
    try:
        cells = [lookup.get(value, -1) for value in values]
        found = np.array(cells, dtype=np.intp)
        for index in np.flatnonzero(found < 0):
            found[index] = _other_cell(reader.name, values[index], reader.missing)
    except TypeError as error:
        raise ScorecardError(
            f"The column {reader.name!r} must hold categories (text, numbers or yes/no)."
        ) from error
    return found
