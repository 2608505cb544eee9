"""What an effect is made of: the features it depends on, the scorecard of an arm, and the part that all arms share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from catalogue.errors import UsageError

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Value = object

LOG_SHARES: Final = (-5.0, 2.0)
"""Bounds of the logarithm of the share of an effect that anybody gets, before it is brought to mean one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Modifier:
    """A feature that effects may depend on, cut into bins.

    Numeric (`edges`, ascending: a value on an edge belongs to the bin above it; yes/no counts as
    1/0) or categorical (`values`). After the last bin comes one more for "not recorded", and
    for a category never seen. `basis` [bins + 1, functions] are the functions of the bin in which
    the coefficients, and so their covariance, are expressed.
    """

    name: str
    edges: tuple[float, ...] | None
    values: tuple[str, ...] | None
    basis: Floats

    def __post_init__(self) -> None:
        """Hold the bins against the basis."""
        if (self.edges is None) == (self.values is None):
            raise UsageError(f"The modifier {self.name} must have either edges or values.")
        if self.basis.ndim != 2 or len(self.basis) != self.bins + 1:
            raise UsageError(f"The modifier {self.name} has {self.bins} bins but a basis of another length.")
        if self.edges is not None and list(self.edges) != sorted(set(self.edges)):
            raise UsageError(f"The edges of the modifier {self.name} do not ascend.")

    @property
    def bins(self) -> int:
        """Bins without the one for "not recorded"."""
        return len(self.values) if self.values is not None else len(self.edges or ()) + 1

    def bins_of(self, column: object) -> Codes:
        """The bins of a column: an array, a polars series or any sequence; null and NaN are not recorded.

        The last bin is for what is not recorded, or is a category never seen. Raises UsageError where a number is
        wanted and something else stands.
        """
        if self.values is not None:
            texts = column.to_list() if hasattr(column, "to_list") else list(np.asarray(column, dtype=object))
            places = {value: place for place, value in enumerate(self.values)}
            return np.array(
                [places.get(str(text), self.bins) if text is not None else self.bins for text in texts],
                dtype=np.int64,
            )
        try:
            numbers = np.asarray(column, dtype=np.float64)  # None becomes NaN
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"The modifier {self.name} wants numbers or nothing; it was given another kind."
            ) from error
        codes = np.searchsorted(np.asarray(self.edges, dtype=np.float64), numbers, side="right")
        return np.where(np.isnan(numbers), self.bins, codes)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read one modifier of benefit.json."""
        edges, values = document.get("edges"), document.get("values")
        return cls(
            name=document["name"],
            edges=None if edges is None else tuple(float(edge) for edge in edges),
            values=None if values is None else tuple(values),
            basis=np.asarray(document["basis"], dtype=np.float64),
        )

    def to_dict(self) -> dict[str, Any]:
        """Write it."""
        bins = {"edges": list(self.edges)} if self.edges is not None else {"values": list(self.values or ())}
        return {"name": self.name, **bins, "basis": self.basis.tolist()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One arm: its scorecard, its covariance, and how many people were like whom.

    `tables` [modifiers][bins + 1] are added to `intercept`, and `need` times the most pressing of the modifiers
    `needs` that the arm is meant for: the largest first function of their bins, 1 or 0 where needs have thresholds.
    `covariance` is that of (intercept, all modifiers' functions in order, and `need` if there are `needs`); `people` is the number of its past
    people counted by how open the choice was (a certain choice teaches nothing); `likeness`
    [modifiers][bins + 1] is, at most 1, how common its people are in a bin against those eligible.
    `counts` [modifiers][bins + 1] are the past decision points at which the arm was open, for the pages that
    show whom an effect is about; empty in a release that was made without them. No effect depends on them.
    """

    name: str
    family: str
    intercept: float
    tables: tuple[Floats, ...]
    covariance: Floats
    people: float
    likeness: tuple[Floats, ...]
    facts: Mapping[str, float]
    counts: tuple[Codes, ...] = ()
    needs: tuple[str, ...] = ()
    need: float = 0.0

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read one arm of benefit.json."""
        packed = np.asarray(document["covariance"], dtype=np.float64)
        size = int((math.isqrt(8 * len(packed) + 1) - 1) // 2)
        if size * (size + 1) // 2 != len(packed):
            raise UsageError(f"The covariance of the arm {document['arm']} is not a packed triangle.")
        lower = np.zeros((size, size))
        lower[np.tril_indices(size)] = packed
        return cls(
            name=document["arm"],
            family=document["family"],
            intercept=float(document["intercept"]),
            tables=tuple(np.asarray(table, dtype=np.float64) for table in document["tables"]),
            covariance=lower + np.tril(lower, -1).T,
            people=float(document["people"]),
            likeness=tuple(np.asarray(table, dtype=np.float64) for table in document["likeness"]),
            facts=dict(document.get("facts", {})),
            counts=tuple(np.asarray(held, dtype=np.int64) for held in document.get("counts", ())),
            needs=tuple(document.get("needs", ())),
            need=float(document.get("need", 0.0)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Write it; the covariance as its packed lower triangle."""
        more: dict[str, Any] = {"counts": [held.tolist() for held in self.counts]} if self.counts else {}
        if self.needs:
            more |= {"needs": list(self.needs), "need": self.need}
        return {
            "arm": self.name,
            "family": self.family,
            "intercept": self.intercept,
            "tables": [table.tolist() for table in self.tables],
            "covariance": self.covariance[np.tril_indices(len(self.covariance))].tolist(),
            "people": self.people,
            "likeness": [table.tolist() for table in self.likeness],
            "facts": dict(self.facts),
            **more,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Moderation:
    """How much of any arm's effect a person gets: one factor for all arms, with mean one.

    Its logarithm is `coefficients` times the modifiers' functions, held within `LOG_SHARES`, less `level`;
    `covariance` is that of the coefficients.
    """

    coefficients: Floats
    covariance: Floats
    level: float = 0.0

    def share(self, design: Floats) -> Floats:
        """The factor of every row of a design matrix [people, 1 + functions]."""
        return np.exp(np.clip(design[:, 1:] @ self.coefficients, *LOG_SHARES) - self.level)

    @property
    def factor(self) -> Floats:
        """F with covariance = F'F."""
        values, vectors = np.linalg.eigh(self.covariance)
        return np.asarray((vectors * np.sqrt(np.clip(values, 0.0, None))).T)

    @classmethod
    def none(cls, functions: int) -> Self:
        """Everybody gets all of it."""
        return cls(coefficients=np.zeros(functions), covariance=np.zeros((functions, functions)))

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read it from benefit.json."""
        coefficients = np.asarray(document["coefficients"], dtype=np.float64)
        lower = np.zeros((len(coefficients), len(coefficients)))
        lower[np.tril_indices(len(coefficients))] = np.asarray(document["covariance"], dtype=np.float64)
        return cls(
            coefficients=coefficients,
            covariance=lower + np.tril(lower, -1).T,
            level=float(document["log_level"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """Write it; the covariance as its packed lower triangle."""
        packed = self.covariance[np.tril_indices(len(self.covariance))]
        return {
            "coefficients": self.coefficients.tolist(),
            "covariance": packed.tolist(),
            "log_level": self.level,
        }
