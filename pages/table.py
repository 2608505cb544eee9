"""What is a table of a page?"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table whose first column names the row. `numeric` says which columns are numbers, `anchor` where links lead."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()
    anchor: str = ""
