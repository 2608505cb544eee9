"""Keeps out of the start what libraries would import and nothing here uses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hidden(module: str) -> Iterator[None]:
    """Let a module that is optional to others be out of sight for a moment, unless somebody has imported it already."""
    hide = module not in sys.modules
    if hide:
        sys.modules[module] = None  # type: ignore[assignment]  # None hides a module
    try:
        yield
    finally:
        if hide:
            del sys.modules[module]
