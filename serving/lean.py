"""Gives back memory that is not needed any more."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Hand memory that is free back to the system, where the C library can (glibc): after work on many people."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
