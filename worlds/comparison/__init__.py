"""How like the real thing is a world? Each published figure next to what the world generated."""

from __future__ import annotations

from worlds.comparison.page import chart
from worlds.comparison.report import FEWEST, compare_world, write_comparison

__all__ = ["FEWEST", "chart", "compare_world", "write_comparison"]
