"""The scorecard as served: lookup tables of one factor or of a named pair, read and applied.

A scorecard is a sum. Its raw score is ``intercept`` plus, for every term, the number that its table
holds for the row's cell; the explanation is those numbers themselves. It is plain data (JSON) and
needs neither the library that it was fitted with nor a data frame: one row is scored in pure Python,
many rows with numpy.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn, cast

import numpy as np
import orjson

from scoring.scorecard.reading import (
    Reader,
    cells_of,
    column_of,
    is_scalar,
    other_cell,
    refuse_infinite,
    row_count,
)
from scoring.scorecard.terms import (
    Axis,
    Category,
    Factor,
    FactorKind,
    Link,
    ScorecardError,
    Term,
    Value,
    cell_map,
    ordered,
    union,
)

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

FORMAT = "signpost-scorecard/1"
CHUNK_ROWS = 65_536
"""Rows scored at a time: bounds the memory of the many-row scorer for input of any length."""

_LINKS: tuple[Link, ...] = ("logit", "identity")


class _PairReader(NamedTuple):
    """How the cells of two features become a pair's number: as lists for one row, laid flat for many."""

    first: int
    second: int
    rows: list[list[float]]
    columns: list[int]
    flat: NDArray[np.float64]
    places: NDArray[np.intp]
    width: int


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

    features: tuple[Factor, ...]
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
            for name, cuts, lookup, missing, main, _, _ in readers:
                value = row[name]
                if value is None:
                    cell = missing
                elif lookup is not None:
                    found = lookup.get(value)  # type: ignore[arg-type]
                    cell = other_cell(name, value, missing) if found is None else found
                elif -endless < value < endless:  # type: ignore[operator]
                    cell = bisect_right(cuts, value)
                elif value != value:  # noqa: PLR0124  NaN is the one value unequal to itself
                    cell = missing
                else:
                    refuse_infinite(name)
                cells.append(cell)
                if main is not None:
                    values.append(main[cell])
        except (KeyError, TypeError):
            self._refuse_row(row)
        values.extend(pair.rows[cells[pair.first]][pair.columns[cells[pair.second]]] for pair in pairs)
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
            if value is not None and (isinstance(value, str | tuple | list | dict) or not is_scalar(value)):
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
        total = np.full(row_count(columns, self.used_features), self.intercept)
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
        out = np.empty((row_count(columns, self.used_features), len(self.terms)))
        for start, part in self._parts(columns, rows=CHUNK_ROWS):
            out[start : start + len(part)] = part
        return out

    def explain_parts(
        self, columns: Mapping[str, object] | pl.DataFrame, *, rows: int = CHUNK_ROWS
    ) -> Iterator[NDArray[np.float64]]:
        """Answer the same as ``explain_many`` in consecutive parts of ``rows`` rows, in bounded memory."""
        for _, part in self._parts(columns, rows=rows):
            yield part

    def explain_pairs(
        self, shared: Mapping[str, object], which: NDArray[np.integer], own: Mapping[str, object]
    ) -> NDArray[np.float64]:
        """Answer: what does each term add to the score of pairs, of which each has what it shares with others?

        Args:
            shared: columns that several pairs have in common (of people, say).
            which: for each pair, its row in ``shared``.
            own: columns of the pairs themselves, equal in length to ``which``; they come before ``shared``.

        Returns:
            Contributions ``[pairs, terms]`` in the order of ``term_names``.

        Raises:
            ScorecardError: as ``score_many``.
        """
        readers, _ = self._plan
        cells = []
        for reader in readers:
            if reader.name in own:
                cells.append(cells_of(reader, column_of(own, reader.name)))
            else:
                cells.append(cells_of(reader, column_of(shared, reader.name))[which])
        return self._contributed(cells, rows=len(which))

    def probability_many(self, columns: Mapping[str, object] | pl.DataFrame) -> NDArray[np.float64]:
        """Answer: what do the scores of these rows say as chances (logit), or as predictions (identity)?"""
        return self._inverse_link(self.score_many(columns))

    def _parts(
        self, columns: Mapping[str, object] | pl.DataFrame, *, rows: int
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        readers, _ = self._plan
        count = row_count(columns, self.used_features)
        held = [column_of(columns, reader.name) for reader in readers]
        for start in range(0, count, rows):
            stop = min(start + rows, count)
            cells = [
                cells_of(reader, column[start:stop]) for reader, column in zip(readers, held, strict=True)
            ]
            yield start, self._contributed(cells, rows=stop - start)

    def _contributed(self, cells: Sequence[NDArray[np.intp]], *, rows: int) -> NDArray[np.float64]:
        """What each term adds, [rows, terms], from the cells of each used feature."""
        readers, pairs = self._plan
        part = np.empty((rows, len(self.terms)), order="F")
        term = 0
        for reader, cell in zip(readers, cells, strict=True):
            if reader.table is not None:
                np.take(reader.table, cell, out=part[:, term])
                term += 1
        for pair in pairs:
            index = cells[pair.first] * pair.width
            index += pair.places[cells[pair.second]]
            np.take(pair.flat, index, out=part[:, term])
            term += 1
        return part

    def _inverse_link(self, score: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
        if self.link == "identity":
            return np.asarray(score)
        # exp of minus the absolute value cannot overflow.
        small = np.exp(-np.abs(score))
        return np.asarray(np.where(np.asarray(score) >= 0, 1.0 / (1.0 + small), small / (1.0 + small)))

    @cached_property
    def _plan(self) -> tuple[list[Reader], list[_PairReader]]:
        """The readers of the used features and of the pairs: tables on the union of each feature's cuts."""
        axes: dict[str, list[Axis]] = {}
        for term in self.terms:
            for axis in term.axes:
                axes.setdefault(axis.feature, []).append(axis)
        # Contributions come out single factors first, by feature, then pairs: the order of `terms`.
        mains = {term.features[0]: term for term in self.terms if len(term.axes) == 1}
        readers: list[Reader] = []
        merged: dict[str, Axis] = {}
        for name in self.used_features:
            whole = union(axes[name])
            merged[name] = whole
            main = mains.get(name)
            table = None if main is None else main.values[cell_map(whole, main.axes[0])].tolist()
            lookup = (
                {category: cell for cell, category in enumerate(whole.categories)}
                if whole.kind == "category"
                else None
            )
            readers.append(
                Reader(
                    name,
                    list(whole.cuts),
                    lookup,
                    whole.cells - 1,
                    table,
                    np.array(whole.cuts, dtype=np.float64),
                    None if table is None else np.array(table),
                )
            )
        place = {reader.name: index for index, reader in enumerate(readers)}
        pairs: list[_PairReader] = []
        for term in self.terms:
            if len(term.axes) == 1:
                continue
            one, two = term.axes
            table_rows: list[list[float]] = term.values.tolist()
            rows = [table_rows[cell] for cell in cell_map(merged[one.feature], one).tolist()]
            columns = cast("list[int]", cell_map(merged[two.feature], two).tolist())
            flat: NDArray[np.float64] = np.array(rows)
            pairs.append(
                _PairReader(
                    place[one.feature],
                    place[two.feature],
                    rows,
                    columns,
                    flat.ravel(),
                    np.array(columns, dtype=np.intp),
                    flat.shape[1],
                )
            )
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
            raise ScorecardError(f"The document is not a scorecard of the format {FORMAT!r}; write it again.")
        try:
            features = tuple(Factor(**f) for f in cast("list[dict[str, Value]]", document["features"]))  # type: ignore[arg-type]
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
            raise ScorecardError("The scorecard is not valid JSON; write it again.") from error
        if not isinstance(document, dict):
            raise ScorecardError("The scorecard's JSON must be an object.")
        return cls.from_dict(document)


def _term(document: Mapping[str, object], kinds: Mapping[str, FactorKind]) -> Term:
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
