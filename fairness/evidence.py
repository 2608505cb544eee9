"""What does the report hold in addition to the comparisons? Tests of the bundle, alternatives, rules, calibration.

Every part is optional. Where a part could not be made, the report says so in one sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

GridRows: TypeAlias = list[list[str | float | int | None]]
"""The rows of a grid while it is being made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A small table with its title, ready for the page, a CSV file and a sheet of the workbook.

    `name` is the file's name; every cell is text, or a number, or None where suppressed or undefined.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | int | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A test of the bundle: what was tried, whether it holds, and on how much."""

    name: str
    holds: bool
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherEvidence:
    """Tests of the bundle, tables by section number, and sentences by section number; empty where not made."""

    tests: Sequence[Test] = ()
    grids: dict[str, Sequence[Grid]] = field(default_factory=dict)
    notes: dict[str, Sequence[str]] = field(default_factory=dict)

    def of(self, section: str) -> Sequence[Grid]:
        """The tables of a section."""
        return self.grids.get(section, ())

    def said(self, section: str) -> Sequence[str]:
        """The sentences of a section."""
        return self.notes.get(section, ())
