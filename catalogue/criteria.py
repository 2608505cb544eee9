"""The vocabulary of criteria: small typed values that compose and name their fields.

A criterion says what is asked and nothing else. ``catalogue.truth`` works out how it comes out, for one person or for
thousands.
"""

# ruff: noqa: D102  what each property answers is said once, by the protocol

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from catalogue import pni
from catalogue.fields import FIELDS


class Criterion(Protocol):
    """What is asked of a person's record."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Which fields does it need, in the order it names them?"""


@dataclass(frozen=True, slots=True)
class CodeIn:
    """The recorded code, or yes or no, is one of these."""

    field: str
    values: tuple[str | bool, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)


@dataclass(frozen=True, slots=True)
class Anything:
    """Always met, recorded or not: a rule that is stated but rules nobody out."""

    field: str

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)


@dataclass(frozen=True, slots=True)
class Between:
    """The recorded number keeps to the bounds, both inclusive."""

    field: str
    minimum: float | None = None
    maximum: float | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)


@dataclass(frozen=True, slots=True)
class Below:
    """The recorded number is below the bound: the band under a cut, with any decimals."""

    field: str
    bound: float

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)


@dataclass(frozen=True, slots=True)
class Highest:
    """The highest of several bands keeps to the bounds, given as ranks on their common scale."""

    bands: tuple[str, ...]
    minimum: int | None = None
    maximum: int | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        return self.bands

    @property
    def top(self) -> int:
        """The highest rank of the scale, which an unrecorded band could still be."""
        return len(FIELDS[self.bands[0]].scale) - 1


@dataclass(frozen=True, slots=True)
class ItemTotal:
    """A sum of items of 0, 1 or 2 reaches a minimum; a missing item could still be anything."""

    name: str
    items: tuple[str, ...]
    minimum: float

    @property
    def fields(self) -> tuple[str, ...]:
        return self.items


@dataclass(frozen=True, slots=True)
class ContainsAny:
    """The list names at least one of these codes."""

    field: str
    values: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)


@dataclass(frozen=True, slots=True)
class FirstRecorded:
    """The first of these scores that is recorded keeps to its bound.

    The absence of an earlier score is an answer here, because the rule says what then takes its place
    (decision 0101); the criterion is unknown only when none is recorded.
    """

    options: tuple[Between, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(option.field for option in self.options)


@dataclass(frozen=True, slots=True)
class OnPathway:
    """The Programme Needs Identifier leads to one of these pathways, and no missing answer could change that."""

    levels: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return pni.FIELDS_USED


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds."""

    parts: tuple[Criterion, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return _fields_of(self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Criterion, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return _fields_of(self.parts)


@dataclass(frozen=True, slots=True)
class Negated:
    """The part does not hold."""

    part: Criterion

    @property
    def fields(self) -> tuple[str, ...]:
        return self.part.fields


@dataclass(frozen=True, slots=True)
class NoneEligible(Negated):
    """The person is eligible for none of some other interventions, whose own rules are spelt out as the part."""


@dataclass(frozen=True, slots=True)
class CountOf:
    """At least ``count`` of the parts hold."""

    count: int
    parts: tuple[Criterion, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return _fields_of(self.parts)


def parts_of(criterion: Criterion) -> tuple[Criterion, ...]:
    """Which criteria is this one composed of? None for a leaf."""
    if isinstance(criterion, AllOf | AnyOf | CountOf):
        return criterion.parts
    if isinstance(criterion, Negated):
        return (criterion.part,)
    if isinstance(criterion, FirstRecorded):
        return criterion.options
    return ()


def walk(criterion: Criterion, visit: Callable[[Criterion], None]) -> None:
    """Call ``visit`` on every part and then on the criterion itself."""
    for part in parts_of(criterion):
        walk(part, visit)
    visit(criterion)


def own_parts(criterion: Criterion) -> Iterator[Criterion]:
    """The criterion and its parts, but for what it repeats of other interventions' rules."""
    yield criterion
    if not isinstance(criterion, NoneEligible):
        for part in parts_of(criterion):
            yield from own_parts(part)


def _fields_of(parts: tuple[Criterion, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(field for part in parts for field in part.fields))
