"""How far has a long task got? The function that a long task calls as it works."""

from typing import Protocol


class Report(Protocol):
    """How far the work has come: units done, and units in all."""

    def __call__(self, done: int, total: int) -> None:
        """Say that `done` of `total` units of work are finished."""
