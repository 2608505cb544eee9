"""What a scorecard is made of: features, axes with their cells, and terms with their tables.

Cells of an axis, in table order:

- a number (or yes/no) with ``k`` cuts has ``k + 1`` value cells, cell ``i`` holding values from
  ``cuts[i - 1]`` (included) up to ``cuts[i]`` (not included), and then one cell for "not recorded";
- a category with ``k`` named values has those ``k`` cells, one cell for any other value (rare in
  training, or never seen), and one cell for "not recorded".
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from catalogue.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Value = str | int | float | bool | tuple[str, ...] | None
Category = str | int | float | bool
FactorKind = Literal["number", "boolean", "category"]
Link = Literal["logit", "identity"]

_KINDS: tuple[FactorKind, ...] = ("number", "boolean", "category")


class ScorecardError(UsageError, ValueError):
    """A scorecard, or a row given to one, that cannot be used; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Factor:
    """What a scorecard knows of one input column.

    ``low`` and ``high`` are the least and greatest value seen in training (numbers only; None where
    nothing was recorded). ``missing_seen`` and ``other_seen`` say whether training held rows without a
    value, and rows with a value outside the named categories; where it did not, such a row is scored as
    ``usual``, the label of the median's cell or of the commonest category.
    """

    name: str
    kind: FactorKind
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
    kind: FactorKind
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


def ordered(terms: Sequence[Term], feature_names: Sequence[str]) -> tuple[Term, ...]:
    """Put terms in the order that a scorecard holds them: single factors by feature, then pairs."""
    place = {name: index for index, name in enumerate(feature_names)}
    return tuple(sorted(terms, key=lambda term: (len(term.axes), [place[name] for name in term.features])))


def union(axes: Sequence[Axis]) -> Axis:
    """The coarsest axis that every given axis of a feature can be read from."""
    first = axes[0]
    if first.kind == "category":
        categories = dict.fromkeys(category for axis in axes for category in axis.categories)
        return Axis(first.feature, "category", categories=tuple(categories))
    return Axis(first.feature, first.kind, cuts=tuple(sorted({cut for axis in axes for cut in axis.cuts})))


def cell_map(whole: Axis, axis: Axis) -> NDArray[np.intp]:
    """For each cell of the union, the cell of one of the axes that it was made from."""
    if axis.kind == "category":
        place = {category: cell for cell, category in enumerate(axis.categories)}
        other = len(axis.categories)
        cells = [place.get(category, other) for category in whole.categories]
        return np.array([*cells, other, other + 1], dtype=np.intp)
    # A cell of the union begins at one of its cuts (the first has no beginning).
    cells = [0, *(bisect_right(axis.cuts, cut) for cut in whole.cuts)]
    return np.array([*cells, len(axis.cuts) + 1], dtype=np.intp)
