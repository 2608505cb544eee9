"""How does a room make a page? Templates as files next to its code, over the skeleton and the style of the house."""

from pages.environment import render
from pages.table import PageTable
from pages.values import figure

__all__ = ["PageTable", "figure", "render"]
