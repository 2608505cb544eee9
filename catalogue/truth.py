"""Three-valued truth over columns: is each criterion met, not met or unknown, for each person?

A truth is ``FALSE``, ``UNKNOWN`` or ``TRUE``, in that order, so Kleene's strong connectives (S. C. Kleene, Introduction
to Metamathematics, 1952, section 64) are plain arithmetic: all of some parts is their minimum, any of them their maximum,
the opposite is ``TRUE`` less the truth, and at least k of them is the k-th largest. An answer is given as soon as the
answers at hand settle it; filling in a missing answer never turns ``TRUE`` into ``FALSE`` or back.

``Criteria`` holds distinct criteria, parts before wholes. Criteria of one kind are asked together, so one person takes
as few steps as a thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from catalogue import pni
from catalogue.criteria import (
    AllOf,
    AnyOf,
    Anything,
    Below,
    Between,
    CodeIn,
    ContainsAny,
    CountOf,
    Criterion,
    FirstRecorded,
    Highest,
    ItemTotal,
    Negated,
    OnPathway,
    parts_of,
)
from catalogue.errors import UsageError
from catalogue.fields import FIELDS, ITEM_MAXIMUM, FieldKind
from catalogue.subjects import (
    CODE_ROW,
    FIELD_PLACE,
    NOT_RECORDED,
    NUMBER_ROW,
    WORDS,
    Bits,
    Bools,
    Floats,
    Ints,
    Subjects,
    as_bits,
    bits_of,
)

Truths = npt.NDArray[np.int8]

FALSE: Final = 0
UNKNOWN: Final = 1
TRUE: Final = 2


def truths(holds: Bools, recorded: Bools) -> Truths:
    """Truths from what holds, unknown where nothing is recorded."""
    return np.where(recorded, TRUE * holds.astype(np.int8), np.int8(UNKNOWN))


def within(
    lowest: Floats, highest: Floats, *, minimum: Floats | float = -np.inf, maximum: Floats | float = np.inf
) -> Truths:
    """Does a number known only to lie between two others keep to the bounds, both inclusive?"""
    never = (highest < minimum) | (lowest > maximum)
    surely = (lowest >= minimum) & (highest <= maximum)
    return np.where(never, np.int8(FALSE), np.where(surely, np.int8(TRUE), np.int8(UNKNOWN)))


def _bound(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else float(value)


# ------------------------------------------------------------------------------------ criteria without parts


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """What is asked of some people: their facts, and the pathways that they could still reach."""

    subjects: Subjects
    reachable: pni.LevelBits


class _Group(Protocol):
    """Criteria of one kind, which are asked together."""

    @property
    def places(self) -> Ints:
        """Where the criteria stand."""

    def ask(self, question: _Question) -> Truths:
        """Their truths, [criteria, people]."""


@dataclass(frozen=True, slots=True, eq=False)
class _Numbers:
    """A recorded number keeps to bounds, both inclusive."""

    places: Ints
    rows: Ints
    lowest: Floats
    highest: Floats

    def ask(self, question: _Question) -> Truths:
        value = question.subjects.numbers[self.rows]
        holds = (value >= self.lowest[:, None]) & (value <= self.highest[:, None])
        return truths(holds, ~np.isnan(value))


@dataclass(frozen=True, slots=True, eq=False)
class _CodesAmong:
    """A recorded code is among some; ``allowed`` [criteria, codes of the longest scale]."""

    places: Ints
    rows: Ints
    allowed: Bools

    def ask(self, question: _Question) -> Truths:
        code = question.subjects.codes[self.rows]
        return truths(self.allowed[np.arange(len(self.rows))[:, None], code], code != NOT_RECORDED)


@dataclass(frozen=True, slots=True, eq=False)
class _OpenCodesAmong:
    """A recorded code of a field without a closed scale is among some."""

    places: Ints
    criteria: tuple[CodeIn, ...]

    def ask(self, question: _Question) -> Truths:
        subjects = question.subjects
        found = np.empty((len(self.criteria), len(subjects)), dtype=np.int8)
        for row, each in enumerate(self.criteria):
            code = subjects.code(each.field)
            wanted = [place for place, name in enumerate(subjects.scale(each.field)) if name in each.values]
            found[row] = truths(np.isin(code, wanted), code != NOT_RECORDED)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Lists:
    """A list names at least one of some codes; ``wanted`` [codes of all criteria, criteria]."""

    places: Ints
    name: str
    codes: tuple[str, ...]
    wanted: Bools

    def ask(self, question: _Question) -> Truths:
        listed = question.subjects.lists[self.name]
        holds = listed.contains(self.codes).astype(np.int64) @ self.wanted.astype(np.int64) > 0
        return truths(holds.T, listed.recorded)


@dataclass(frozen=True, slots=True, eq=False)
class _HighestBands:
    """The highest of several bands keeps to bounds; ``rows`` [criteria, bands], the last band repeated where there are fewer."""

    places: Ints
    rows: Ints
    tops: Floats
    lowest: Floats
    highest: Floats

    def ask(self, question: _Question) -> Truths:
        rank = question.subjects.codes[self.rows]
        low = rank.max(axis=1).clip(min=0).astype(np.float64)
        high = np.where((rank == NOT_RECORDED).any(axis=1), self.tops[:, None], low)
        return within(low, high, minimum=self.lowest[:, None], maximum=self.highest[:, None])


@dataclass(frozen=True, slots=True, eq=False)
class _Totals:
    """A sum of items reaches a minimum; a missing item could still be anything."""

    places: Ints
    rows: tuple[Ints, ...]
    lowest: Floats

    def ask(self, question: _Question) -> Truths:
        numbers = question.subjects.numbers
        found = np.empty((len(self.rows), numbers.shape[1]), dtype=np.int8)
        for place, (rows, least) in enumerate(zip(self.rows, self.lowest, strict=True)):
            items = numbers[rows]
            blank = np.isnan(items)
            low = np.where(blank, 0.0, items).sum(axis=0)
            high = low + ITEM_MAXIMUM * blank.sum(axis=0)
            found[place] = within(low, high, minimum=float(least))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Pathways:
    """The identifier leads to one of some pathways, and no missing answer could change that."""

    places: Ints
    wanted: npt.NDArray[np.uint8]

    def ask(self, question: _Question) -> Truths:
        wanted = self.wanted[:, None]
        inside, outside = question.reachable & wanted, question.reachable & ~wanted
        return np.where(outside == 0, np.int8(TRUE), np.where(inside == 0, np.int8(FALSE), np.int8(UNKNOWN)))


@dataclass(frozen=True, slots=True, eq=False)
class _Always:
    """Always met, recorded or not."""

    places: Ints

    def ask(self, question: _Question) -> Truths:
        return np.full((len(self.places), len(question.subjects)), TRUE, dtype=np.int8)


def _groups(criteria: Mapping[int, Criterion]) -> tuple[_Group, ...]:
    """Criteria without parts, by place, in groups that are asked together."""
    groups: list[_Group] = []

    def take(*kinds: type[Criterion]) -> tuple[Ints, list[Criterion]]:
        found = {place: each for place, each in criteria.items() if type(each) in kinds}
        return np.array(list(found), dtype=np.int64), list(found.values())

    places, numbers = take(Between, Below)
    if len(places):
        bounds = np.array([_bounds(each) for each in numbers])
        rows = np.array([NUMBER_ROW[each.fields[0]] for each in numbers])
        groups.append(_Numbers(places, rows, bounds[:, 0], bounds[:, 1]))
    groups.extend(_of_codes(*take(CodeIn)))
    groups.extend(_of_lists(*take(ContainsAny)))
    places, bands = take(Highest)
    if len(places):
        groups.append(_of_bands(places, [each for each in bands if isinstance(each, Highest)]))
    places, totals = take(ItemTotal)
    if len(places):
        rows_of = tuple(np.array([NUMBER_ROW[item] for item in each.fields]) for each in totals)
        least = np.array([float(each.minimum) for each in totals if isinstance(each, ItemTotal)])
        groups.append(_Totals(places, rows_of, least))
    places, pathways = take(OnPathway)
    if len(places):
        wanted = [pni.bits(each.levels) for each in pathways if isinstance(each, OnPathway)]
        groups.append(_Pathways(places, np.array(wanted, dtype=np.uint8)))
    places, _ = take(Anything)
    if len(places):
        groups.append(_Always(places))
    left = len(criteria) - sum(len(group.places) for group in groups)
    if left:
        raise UsageError(
            f"{left} criteria are of a kind that nothing evaluates; add it to catalogue/truth.py."
        )
    return tuple(groups)


def _bounds(criterion: Criterion) -> tuple[float, float]:
    if isinstance(criterion, Below):
        return -np.inf, float(np.nextafter(criterion.bound, -np.inf))
    assert isinstance(criterion, Between)
    return _bound(criterion.minimum, -np.inf), _bound(criterion.maximum, np.inf)


def _of_codes(places: Ints, criteria: Sequence[Criterion]) -> Iterable[_Group]:
    asked = [(place, each) for place, each in zip(places, criteria, strict=True) if isinstance(each, CodeIn)]
    closed = [(place, each) for place, each in asked if not FIELDS[each.field].codes_open]
    if closed:
        scales = [_scale(each.field) for _, each in closed]
        allowed = np.zeros((len(closed), max(map(len, scales))), dtype=np.bool_)
        for row, ((_, each), scale) in enumerate(zip(closed, scales, strict=True)):
            allowed[row, : len(scale)] = [code in each.values for code in scale]
        yield _CodesAmong(
            np.array([place for place, _ in closed]),
            np.array([CODE_ROW[each.field] for _, each in closed]),
            allowed,
        )
    others = [(place, each) for place, each in asked if FIELDS[each.field].codes_open]
    if others:
        yield _OpenCodesAmong(np.array([place for place, _ in others]), tuple(each for _, each in others))


def _scale(name: str) -> tuple[str | bool, ...]:
    return (False, True) if FIELDS[name].kind is FieldKind.FLAG else FIELDS[name].scale


def _of_lists(places: Ints, criteria: Sequence[Criterion]) -> Iterable[_Group]:
    by_field: dict[str, list[tuple[int, ContainsAny]]] = {}
    for place, each in zip(places, criteria, strict=True):
        assert isinstance(each, ContainsAny)
        by_field.setdefault(each.field, []).append((int(place), each))
    for name, held in by_field.items():
        codes = tuple(dict.fromkeys(code for _, each in held for code in each.values))
        wanted = np.array([[code in each.values for _, each in held] for code in codes], dtype=np.bool_)
        yield _Lists(np.array([place for place, _ in held]), name, codes, wanted)


def _of_bands(places: Ints, criteria: Sequence[Highest]) -> _HighestBands:
    most = max(len(each.bands) for each in criteria)
    padded = [(*each.bands, *(each.bands[-1:] * (most - len(each.bands)))) for each in criteria]
    return _HighestBands(
        places,
        np.array([[CODE_ROW[band] for band in bands] for bands in padded]),
        np.array([float(each.top) for each in criteria]),
        np.array([_bound(each.minimum, -np.inf) for each in criteria]),
        np.array([_bound(each.maximum, np.inf) for each in criteria]),
    )


# --------------------------------------------------------------------------------------- criteria with parts


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Parts of several wholes, laid end to end: the places of all parts, and where each whole's parts begin."""

    parts: Ints
    starts: Ints

    @classmethod
    def of(cls, parts: Sequence[Sequence[int]]) -> Segments:
        """Lay them out. Every whole has at least one part."""
        lengths = [len(each) for each in parts]
        return cls(
            np.array([place for each in parts for place in each], dtype=np.int64),
            np.cumsum([0, *lengths[:-1]]).astype(np.int64),
        )

    def smallest(self, found: Truths) -> Truths:
        """The smallest truth among each whole's parts, [wholes, people]."""
        return np.minimum.reduceat(found[self.parts], self.starts, axis=0)

    def largest(self, found: Truths) -> Truths:
        """The largest truth among each whole's parts, [wholes, people]."""
        return np.maximum.reduceat(found[self.parts], self.starts, axis=0)

    def together(self, found: Bits) -> Bits:
        """The union of each whole's parts' sets of fields, [wholes, words, people]."""
        return np.bitwise_or.reduceat(found[self.parts], self.starts, axis=0)


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """Criteria whose parts all lie on the levels before, by how their parts combine."""

    all_of: tuple[Ints, Segments] | None
    any_of: tuple[Ints, Segments] | None
    opposite: tuple[Ints, Ints] | None
    at_least: tuple[tuple[int, int, Ints], ...]
    first_known: tuple[tuple[int, Ints], ...]
    every: tuple[Ints, Segments]

    def fill(self, found: Truths) -> None:
        """Work out the truths of this level from those before it."""
        if self.all_of is not None:
            found[self.all_of[0]] = self.all_of[1].smallest(found)
        if self.any_of is not None:
            found[self.any_of[0]] = self.any_of[1].largest(found)
        if self.opposite is not None:
            found[self.opposite[0]] = TRUE - found[self.opposite[1]]
        for place, count, parts in self.at_least:
            found[place] = np.sort(found[parts], axis=0)[len(parts) - count]
        for place, parts in self.first_known:
            options = found[parts]
            first = (options != UNKNOWN).argmax(axis=0)
            found[place] = options[first, np.arange(options.shape[1])]


@dataclass(frozen=True, eq=False)
class Criteria:
    """Distinct criteria, parts before wholes, ready to be asked of any number of people.

    ``place`` says where each stands; ``size`` is how many there are.
    """

    place: Mapping[Criterion, int]
    groups: tuple[_Group, ...]
    levels: tuple[_Level, ...]
    asked_fields: Bits = field(repr=False)
    pathways: Ints = field(repr=False)

    @property
    def size(self) -> int:
        """How many criteria there are."""
        return len(self.place)

    def truths(self, subjects: Subjects) -> Truths:
        """How does each criterion come out for each person? Array [criteria, people]."""
        found = np.empty((self.size, len(subjects)), dtype=np.int8)
        reachable = pni.reachable(subjects) if len(self.pathways) else np.zeros(len(subjects), dtype=np.uint8)
        question = _Question(subjects, reachable)
        for group in self.groups:
            found[group.places] = group.ask(question)
        for level in self.levels:
            level.fill(found)
        return found

    def missing(self, subjects: Subjects, found: Truths) -> Bits:
        """Which unanswered fields would help to decide each criterion that is unknown?

        ``found`` are the truths of these people. Gives one bit a field, [criteria, words, people], nothing where a
        criterion is known; ``catalogue.subjects.fields_in`` reads them.
        """
        wanted = self.asked_fields[:, :, None] & subjects.unanswered()[None, :, :]
        if len(self.pathways):
            wanted[self.pathways] = _identifier(subjects)
        unknown = found == UNKNOWN
        wanted *= unknown[:, None, :]
        for level in self.levels:
            places, segments = level.every
            wanted[places] = segments.together(wanted) * unknown[places][:, None, :]
        return wanted


def _identifier(subjects: Subjects) -> Bits:
    holds = np.zeros((len(FIELDS), len(subjects)), dtype=np.bool_)
    for name, wanted in pni.missing(subjects).items():
        holds[FIELD_PLACE[name]] = wanted
    return as_bits(holds)


def criteria(tests: Iterable[Criterion]) -> Criteria:
    """The distinct criteria among some and all their parts, ready to be asked.

    Raises ``UsageError`` for a criterion of a kind that nothing here evaluates.
    """
    place: dict[Criterion, int] = {}
    parts: list[tuple[int, ...]] = []
    depth: list[int] = []

    def add(test: Criterion) -> int:
        if test not in place:
            held = tuple(add(part) for part in parts_of(test))
            place[test] = len(place)
            parts.append(held)
            depth.append(1 + max((depth[each] for each in held), default=-1))
        return place[test]

    for test in tests:
        add(test)
    listed = list(place)
    asked = np.zeros((len(place), WORDS), dtype=np.uint64)
    for number, test in enumerate(listed):
        if not parts[number]:
            asked[number] = bits_of(test.fields)
    levels = [
        _level({number: listed[number] for number, each in enumerate(depth) if each == height}, parts)
        for height in range(1, max(depth, default=0) + 1)
    ]
    pathways = [number for number, test in enumerate(listed) if isinstance(test, OnPathway)]
    return Criteria(
        place=place,
        groups=_groups({number: test for number, test in enumerate(listed) if not parts[number]}),
        levels=tuple(levels),
        asked_fields=asked,
        pathways=np.array(pathways, dtype=np.int64),
    )


def _level(here: Mapping[int, Criterion], parts: Sequence[tuple[int, ...]]) -> _Level:
    def chosen(keep: Callable[[Criterion], bool]) -> list[int]:
        return [number for number, test in here.items() if keep(test)]

    def segments(numbers: list[int]) -> tuple[Ints, Segments] | None:
        if not numbers:
            return None
        return np.array(numbers), Segments.of([parts[number] for number in numbers])

    opposite = chosen(lambda test: isinstance(test, Negated))
    every = segments(list(here))
    assert every is not None
    known = sum(isinstance(test, AllOf | AnyOf | Negated | CountOf | FirstRecorded) for test in here.values())
    if known < len(here):
        raise UsageError(
            "A criterion combines others in a way that nothing evaluates; add it to catalogue/truth.py."
        )
    return _Level(
        all_of=segments(chosen(lambda test: isinstance(test, AllOf))),
        any_of=segments(chosen(lambda test: isinstance(test, AnyOf))),
        opposite=(np.array(opposite), np.array([parts[number][0] for number in opposite]))
        if opposite
        else None,
        at_least=tuple(
            (number, test.count, np.array(parts[number]))
            for number, test in here.items()
            if isinstance(test, CountOf)
        ),
        first_known=tuple(
            (number, np.array(parts[number]))
            for number, test in here.items()
            if isinstance(test, FirstRecorded)
        ),
        every=every,
    )
