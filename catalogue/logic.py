"""Three-valued logic: met, not met, or unknown.

A truth is ``True``, ``False`` or ``None`` (unknown). The connectives are Kleene's strong ones
(S. C. Kleene, Introduction to Metamathematics, 1952, section 64): an answer is given as soon as
the answers at hand settle it, whatever the missing ones may turn out to be. It follows that filling
in a missing answer never turns ``True`` into ``False`` or back. Polars' nullable booleans obey the
same tables, which is why the live and the batch evaluator can share one definition.
"""

from collections.abc import Iterable
from typing import TypeAlias

Truth: TypeAlias = bool | None


def negation(truth: Truth) -> Truth:
    """Does the opposite hold? Unknown stays unknown."""
    return None if truth is None else not truth


def conjunction(truths: Iterable[Truth]) -> Truth:
    """Do all hold? One that fails settles it; nothing given holds."""
    unknown = False
    for truth in truths:
        if truth is False:
            return False
        unknown = unknown or truth is None
    return None if unknown else True


def disjunction(truths: Iterable[Truth]) -> Truth:
    """Does any hold? One that holds settles it; nothing given fails."""
    unknown = False
    for truth in truths:
        if truth is True:
            return True
        unknown = unknown or truth is None
    return None if unknown else False


def at_least(count: int, truths: Iterable[Truth]) -> Truth:
    """Do at least ``count`` of them hold? Settled when enough hold, or when too few still could."""
    held = possible = 0
    for truth in truths:
        held += truth is True
        possible += truth is not False
    if held >= count:
        return True
    return False if possible < count else None


def within(lowest: float, highest: float, *, minimum: float | None, maximum: float | None) -> Truth:
    """Does a number known only to lie between ``lowest`` and ``highest`` keep to the bounds (both inclusive)?"""
    if (minimum is not None and highest < minimum) or (maximum is not None and lowest > maximum):
        return False
    if (minimum is None or lowest >= minimum) and (maximum is None or highest <= maximum):
        return True
    return None
