"""The scorecard as served: a sum of tables that is its own explanation, and the map from its score to a chance."""

from scoring.scorecard.calibration import CalibrationError, CalibrationMap
from scoring.scorecard.model import CHUNK_ROWS, FORMAT, Scorecard
from scoring.scorecard.terms import (
    Axis,
    Category,
    Factor,
    FactorKind,
    Link,
    ScorecardError,
    Term,
    Value,
    ordered,
)

__all__ = [
    "CHUNK_ROWS",
    "FORMAT",
    "Axis",
    "CalibrationError",
    "CalibrationMap",
    "Category",
    "Factor",
    "FactorKind",
    "Link",
    "Scorecard",
    "ScorecardError",
    "Term",
    "Value",
    "ordered",
]
