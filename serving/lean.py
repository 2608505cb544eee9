"""Keeps the process small: what libraries would import and nothing here uses, and memory that nobody needs any more."""

from __future__ import annotations

import ctypes
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


def give_back() -> None:
    """Hand memory that is free back to the system, where the C library can (glibc): after work on many people."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
