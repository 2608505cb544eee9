"""The vocabulary of criteria: small typed tests that compose, each three-valued and naming its fields.

A criterion is a frozen value. ``holds`` asks it of one person in plain Python; ``catalogue.batch`` compiles the
same value to a polars expression for everyone. Neither knows anything that the value does not say.
"""

# ruff: noqa: D102  what each method answers is said once, by the protocol

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from catalogue import logic, pni
from catalogue.errors import UsageError
from catalogue.fields import FIELDS, ITEM_MAXIMUM, Subject, Value
from catalogue.logic import Truth


class Criterion(Protocol):
    """What every criterion can be asked."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Which fields does it need, in the order it names them?"""

    def holds(self, subject: Subject) -> Truth:
        """Is it met, not met, or unknown for this person?"""

    def missing(self, subject: Subject) -> Iterator[str]:
        """Which unanswered fields would decide it? Empty unless it is unknown."""


def number(subject: Subject, field: str) -> float | None:
    """What number is recorded? ``UsageError`` where something else stands."""
    value = subject.get(field)
    if value is None or isinstance(value, int | float):
        return value
    raise UsageError(f"The field '{field}' holds text where a number belongs; correct it in the case record.")


def rank(subject: Subject, field: str) -> int | None:
    """How far up its scale is a band? ``UsageError`` where the value is not on the scale."""
    value = subject.get(field)
    if value is None:
        return None
    scale = FIELDS[field].scale
    if value not in scale:
        raise UsageError(
            f"The field '{field}' holds a value outside its scale; use one of {', '.join(scale)}."
        )
    return scale.index(str(value))


def codes(subject: Subject, field: str) -> tuple[str, ...] | None:
    """Which codes are listed? ``UsageError`` where no list stands."""
    value = subject.get(field)
    if value is None or isinstance(value, tuple):
        return value
    raise UsageError(
        f"The field '{field}' holds one value where a list belongs; correct it in the case record."
    )


@dataclass(frozen=True, slots=True)
class OneOf:
    """The recorded code, or yes or no, is one of these."""

    field: str
    values: tuple[str | bool, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)

    def holds(self, subject: Subject) -> Truth:
        value: Value = subject.get(self.field)
        return None if value is None else value in self.values

    def missing(self, subject: Subject) -> Iterator[str]:
        if subject.get(self.field) is None:
            yield self.field


@dataclass(frozen=True, slots=True)
class Anything:
    """Whatever is recorded, or nothing, will do: a rule that is stated but rules nobody out."""

    field: str

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)

    def holds(self, subject: Subject) -> Truth:  # noqa: ARG002  the protocol says it
        return True

    def missing(self, subject: Subject) -> Iterator[str]:  # noqa: ARG002
        yield from ()


@dataclass(frozen=True, slots=True)
class Between:
    """The recorded number keeps to the bounds, both inclusive."""

    field: str
    minimum: float | None = None
    maximum: float | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)

    def holds(self, subject: Subject) -> Truth:
        value = number(subject, self.field)
        if value is None:
            return None
        return (self.minimum is None or value >= self.minimum) and (
            self.maximum is None or value <= self.maximum
        )

    def missing(self, subject: Subject) -> Iterator[str]:
        if subject.get(self.field) is None:
            yield self.field


@dataclass(frozen=True, slots=True)
class Below:
    """The recorded number is below the bound: the band under a cut, whatever its decimals."""

    field: str
    bound: float

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)

    def holds(self, subject: Subject) -> Truth:
        value = number(subject, self.field)
        return None if value is None else value < self.bound

    def missing(self, subject: Subject) -> Iterator[str]:
        if subject.get(self.field) is None:
            yield self.field


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

    def holds(self, subject: Subject) -> Truth:
        ranks = [rank(subject, band) for band in self.bands]
        known = [each for each in ranks if each is not None]
        lowest = max(known, default=0)
        highest = lowest if len(known) == len(ranks) else self.top
        return logic.within(lowest, highest, minimum=self.minimum, maximum=self.maximum)

    def missing(self, subject: Subject) -> Iterator[str]:
        if self.holds(subject) is None:
            yield from (band for band in self.bands if subject.get(band) is None)


@dataclass(frozen=True, slots=True)
class Total:
    """A sum of items of 0, 1 or 2 reaches a minimum; a missing item could still be anything."""

    name: str
    items: tuple[str, ...]
    minimum: float

    @property
    def fields(self) -> tuple[str, ...]:
        return self.items

    def holds(self, subject: Subject) -> Truth:
        lowest = unanswered = 0.0
        for item in self.items:
            score = number(subject, item)
            if score is None:
                unanswered += 1
            else:
                lowest += score
        highest = lowest + ITEM_MAXIMUM * unanswered
        return logic.within(lowest, highest, minimum=self.minimum, maximum=None)

    def missing(self, subject: Subject) -> Iterator[str]:
        if self.holds(subject) is None:
            yield from (item for item in self.items if subject.get(item) is None)


@dataclass(frozen=True, slots=True)
class ContainsAny:
    """The list names at least one of these codes."""

    field: str
    values: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)

    def holds(self, subject: Subject) -> Truth:
        listed = codes(subject, self.field)
        return None if listed is None else any(value in listed for value in self.values)

    def missing(self, subject: Subject) -> Iterator[str]:
        if subject.get(self.field) is None:
            yield self.field


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

    def holds(self, subject: Subject) -> Truth:
        for option in self.options:
            truth = option.holds(subject)
            if truth is not None:
                return truth
        return None

    def missing(self, subject: Subject) -> Iterator[str]:
        if self.holds(subject) is None:
            yield from self.fields


@dataclass(frozen=True, slots=True)
class OnPathway:
    """The Programme Needs Identifier leads to one of these pathways, whatever the missing answers are."""

    levels: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return pni.FIELDS_USED

    def holds(self, subject: Subject) -> Truth:
        return self.among(pni.reachable(subject))

    def among(self, reachable: frozenset[str]) -> Truth:
        """The same, for pathways that are known to be reachable."""
        if reachable <= set(self.levels):
            return True
        return None if reachable & set(self.levels) else False

    def missing(self, subject: Subject) -> Iterator[str]:
        if self.holds(subject) is None:
            yield from pni.unanswered(subject)


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds."""

    parts: tuple[Criterion, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return _fields_of(self.parts)

    def holds(self, subject: Subject) -> Truth:
        return logic.conjunction(part.holds(subject) for part in self.parts)

    def missing(self, subject: Subject) -> Iterator[str]:
        if self.holds(subject) is None:
            yield from _missing_in(self.parts, subject)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Criterion, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return _fields_of(self.parts)

    def holds(self, subject: Subject) -> Truth:
        return logic.disjunction(part.holds(subject) for part in self.parts)

    def missing(self, subject: Subject) -> Iterator[str]:
        if self.holds(subject) is None:
            yield from _missing_in(self.parts, subject)


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Criterion

    @property
    def fields(self) -> tuple[str, ...]:
        return self.part.fields

    def holds(self, subject: Subject) -> Truth:
        return logic.negation(self.part.holds(subject))

    def missing(self, subject: Subject) -> Iterator[str]:
        yield from self.part.missing(subject)


@dataclass(frozen=True, slots=True)
class NoneEligible(Not):
    """The person is eligible for none of some other interventions, whose own rules are spelt out as the part."""


@dataclass(frozen=True, slots=True)
class AtLeast:
    """At least ``count`` of the parts hold."""

    count: int
    parts: tuple[Criterion, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return _fields_of(self.parts)

    def holds(self, subject: Subject) -> Truth:
        return logic.at_least(self.count, (part.holds(subject) for part in self.parts))

    def missing(self, subject: Subject) -> Iterator[str]:
        if self.holds(subject) is None:
            yield from _missing_in(self.parts, subject)


def parts_of(criterion: Criterion) -> tuple[Criterion, ...]:
    """Which criteria is this one composed of? None for a leaf."""
    if isinstance(criterion, AllOf | AnyOf | AtLeast):
        return criterion.parts
    if isinstance(criterion, Not):
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


def _missing_in(parts: tuple[Criterion, ...], subject: Subject) -> Iterator[str]:
    seen = set()
    for part in parts:
        if part.holds(subject) is None:
            for field in part.missing(subject):
                if field not in seen:
                    seen.add(field)
                    yield field
