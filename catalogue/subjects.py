"""People as columns: what is known of each person on one day, one column a field of ``catalogue.fields``.

One person is a table of one row, so every rule is written once, over columns. ``Subjects.of`` reads mappings (a person
on a screen), ``catalogue.frames.read`` a data frame (everybody).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from catalogue.errors import UsageError
from catalogue.fields import FIELDS, Field, FieldKind, Value

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint64]

NOT_RECORDED: Final = -1
"""The code of an answer that is not recorded."""
NUMBERS: Final = tuple(name for name, field in FIELDS.items() if field.kind is FieldKind.NUMBER)
"""The fields that hold a number, in the order of the rows of ``Subjects.numbers``."""
CODED: Final = tuple(
    name for name, field in FIELDS.items() if field.kind in {FieldKind.BAND, FieldKind.CODE, FieldKind.FLAG}
)
"""The fields that hold a band, a code or a yes or no, in the order of the rows of ``Subjects.codes``."""
LISTED: Final = tuple(name for name, field in FIELDS.items() if field.kind is FieldKind.CODES)
NUMBER_ROW: Final[Mapping[str, int]] = MappingProxyType({name: row for row, name in enumerate(NUMBERS)})
CODE_ROW: Final[Mapping[str, int]] = MappingProxyType({name: row for row, name in enumerate(CODED)})

FIELD_PLACE: Final[Mapping[str, int]] = MappingProxyType({name: place for place, name in enumerate(FIELDS)})
"""Where each field stands in ``FIELDS``."""

WORD_BITS: Final = 64
WORDS: Final = -(-len(FIELDS) // WORD_BITS)
"""How many whole numbers of 64 bits it takes to hold one bit a field."""
BIT: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {name: divmod(place, WORD_BITS) for place, name in enumerate(FIELDS)}
)
"""Where a field's bit stands in a set of fields: its word, and its place in the word."""


@dataclass(frozen=True, slots=True, eq=False)
class Categories:
    """A column of names as codes: places in ``names``, below 0 where none is recorded."""

    codes: Ints
    names: tuple[str, ...]

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.codes)

    def __getitem__(self, rows: Ints | slice) -> Categories:
        """Some of the rows."""
        return Categories(self.codes[rows], self.names)

    @classmethod
    def of(cls, values: Sequence[str | None]) -> Categories:
        """Read a column of texts."""
        names = tuple(sorted({value for value in values if value is not None}))
        return cls(
            np.array(
                [NOT_RECORDED if value is None else names.index(value) for value in values], dtype=np.int64
            ),
            names,
        )

    def to_list(self) -> list[str | None]:
        """The names themselves, ``None`` where none is recorded."""
        return [None if code < 0 else self.names[code] for code in self.codes.tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """A field that lists codes, as columns.

    ``recorded`` [people] says whether a list is recorded at all, ``has`` [people, codes] which of ``names`` it holds.
    """

    names: tuple[str, ...]
    recorded: Bools
    has: Bools

    def contains(self, names: Sequence[str]) -> Bools:
        """Which people's lists hold each of these codes? Array [people, names]."""
        place = {name: column for column, name in enumerate(self.names)}
        found = np.zeros((len(self.recorded), len(names)), dtype=np.bool_)
        for column, name in enumerate(names):
            if name in place:
                found[:, column] = self.has[:, place[name]]
        return found


class Subjects:
    """What is known of some people, as columns.

    Args:
        numbers: [fields, people] in the order of ``NUMBERS``; NaN where not recorded.
        codes: [fields, people] in the order of ``CODED``: the place on the field's scale (1 or 0 for a yes or no),
            ``NOT_RECORDED`` where nothing is.
        lists: the fields that list codes, by name.
        vocabularies: the codes of fields without a closed scale, by name.
    """

    __slots__ = ("codes", "lists", "numbers", "vocabularies")

    def __init__(
        self,
        *,
        numbers: Floats,
        codes: Codes,
        lists: Mapping[str, Listed],
        vocabularies: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.numbers = numbers
        self.codes = codes
        self.lists = lists
        self.vocabularies = vocabularies

    def __len__(self) -> int:
        """How many people there are."""
        return int(self.numbers.shape[1])

    def number(self, name: str) -> Floats:
        """The numbers of a field [people]; NaN where not recorded."""
        column: Floats = self.numbers[NUMBER_ROW[name]]
        return column

    def code(self, name: str) -> Codes:
        """The places on the scale of a field [people]; ``NOT_RECORDED`` where nothing is."""
        column: Codes = self.codes[CODE_ROW[name]]
        return column

    def is_code(self, name: str, value: str) -> Bools:
        """Who is recorded with this code?"""
        scale = self.scale(name)
        if value not in scale:
            return np.zeros(len(self), dtype=np.bool_)
        return np.asarray(self.code(name) == scale.index(value))

    def yes(self, name: str) -> Bools:
        """For which people is yes recorded?"""
        return np.asarray(self.code(name) == 1)

    def no(self, name: str) -> Bools:
        """For which people is no recorded?"""
        return np.asarray(self.code(name) == 0)

    def scale(self, name: str) -> tuple[str, ...]:
        """The codes that the places of a coded field stand for."""
        return self.vocabularies.get(name, FIELDS[name].scale)

    def value(self, name: str, row: int) -> Value:
        """What is recorded of one person: a number, a code, a yes or no, a tuple of codes, or ``None``."""
        kind = FIELDS[name].kind
        if kind is FieldKind.NUMBER:
            number = float(self.number(name)[row])
            return None if number != number else number  # noqa: PLR0124  only NaN differs from itself
        if kind is FieldKind.CODES:
            listed = self.lists[name]
            if not listed.recorded[row]:
                return None
            return tuple(each for each, has in zip(listed.names, listed.has[row], strict=True) if has)
        code = int(self.code(name)[row])
        if code == NOT_RECORDED:
            return None
        return code == 1 if kind is FieldKind.FLAG else self.scale(name)[code]

    def recorded(self, name: str) -> Bools:
        """For which people is an answer recorded?"""
        kind = FIELDS[name].kind
        if kind is FieldKind.NUMBER:
            return ~np.isnan(self.number(name))
        if kind is FieldKind.CODES:
            return self.lists[name].recorded
        return np.asarray(self.code(name) != NOT_RECORDED)

    def unanswered(self) -> Bits:
        """Which fields are not recorded? One bit a field, array [words, people]; see ``fields_in``."""
        blank = np.empty((len(FIELDS), len(self)), dtype=np.bool_)
        blank[_NUMBER_PLACES] = np.isnan(self.numbers)
        blank[_CODE_PLACES] = self.codes == NOT_RECORDED
        for name in LISTED:
            blank[FIELD_PLACE[name]] = ~self.lists[name].recorded
        return as_bits(blank)

    def rows(self, which: npt.NDArray[np.integer] | Bools) -> Subjects:
        """Some of these people, in the order named."""
        return Subjects(
            numbers=self.numbers[:, which],
            codes=self.codes[:, which],
            lists={
                name: Listed(each.names, each.recorded[which], each.has[which])
                for name, each in self.lists.items()
            },
            vocabularies=self.vocabularies,
        )

    @classmethod
    def of(cls, people: Sequence[Mapping[str, object]]) -> Self:
        """Read mappings of field to value, one a person; an absent name is not recorded, other names are left out.

        A list may come as a list, tuple or set, a yes or no as 1 or 0, a number as any kind of number; "not a number"
        is not recorded. Raises ``UsageError``, which names the field, what belongs there and never the value, where
        something else stands. A number beyond its scale is kept: the scale keeps impossible thresholds out of rules,
        not people.
        """
        count = len(people)
        numbers = np.full((len(NUMBERS), count), np.nan)
        codes = np.full((len(CODED), count), NOT_RECORDED, dtype=np.int32)
        vocabularies: dict[str, tuple[str, ...]] = {}
        named = set().union(*people)
        for name in NUMBERS:
            if name not in named:
                continue
            numbers[NUMBER_ROW[name]] = [_number(FIELDS[name], person.get(name)) for person in people]
        for name in CODED:
            field = FIELDS[name]
            if name not in named:
                vocabularies |= {name: ()} if field.codes_open else {}
                continue
            column = [person.get(name) for person in people]
            if field.kind is FieldKind.FLAG:
                codes[CODE_ROW[name]] = [_flag(field, value) for value in column]
                continue
            texts = [_text(field, value) for value in column]
            scale = field.scale
            if field.codes_open:
                scale = vocabularies[name] = tuple(sorted({text for text in texts if text is not None}))
            codes[CODE_ROW[name]] = [NOT_RECORDED if text is None else scale.index(text) for text in texts]
        return cls(
            numbers=numbers,
            codes=codes,
            lists={name: listed(name, [person.get(name) for person in people]) for name in LISTED},
            vocabularies=vocabularies,
        )


_NUMBER_PLACES: Final = np.array([FIELD_PLACE[name] for name in NUMBERS])
_CODE_PLACES: Final = np.array([FIELD_PLACE[name] for name in CODED])


def as_bits(holds: Bools) -> Bits:
    """A set of fields as bits: from [fields, people], in the order of ``FIELDS``, to [words, people]."""
    padded = np.zeros((WORDS * WORD_BITS, holds.shape[1]), dtype=np.bool_)
    padded[: len(holds)] = holds
    packed = np.packbits(padded, axis=0, bitorder="little")
    return np.ascontiguousarray(packed.T).view("<u8").T.astype(np.uint64)


def bits_of(names: Iterable[str]) -> Bits:
    """A set of named fields as bits, array [words]."""
    words = [0] * WORDS
    for name in names:
        word, place = BIT[name]
        words[word] |= 1 << place
    return np.array(words, dtype=np.uint64)


def fields_in(bits: Sequence[int], names: Iterable[str]) -> tuple[str, ...]:
    """Which of these fields are in a set of bits (one whole number a word)? In the order of ``names``."""
    return tuple([name for name in names if bits[BIT[name][0]] >> BIT[name][1] & 1])


def not_on_scale(field: Field) -> UsageError:
    """What is said about a code that its field does not know."""
    return UsageError(
        f"The field '{field.name}' holds a value outside its scale; use one of {', '.join(field.scale)}."
    )


def not_codes(field: Field) -> UsageError:
    """What is said about a list that holds something else than codes."""
    return UsageError(f"The field '{field.name}' lists something else than codes; write codes only.")


def not_yes_or_no(field: Field) -> UsageError:
    """What is said about an answer that is neither yes nor no."""
    return UsageError(
        f"The field '{field.name}' holds something else than yes or no; write true or false, or nothing where it is not"
        " recorded."
    )


def _number(field: Field, value: object) -> float:
    if value is None:
        return np.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    unwrap = getattr(value, "item", None)
    if unwrap is not None:
        return _number(field, unwrap())
    raise UsageError(
        f"The field '{field.name}' holds something else than a number; write a number, or nothing where it is not recorded."
    )


def _flag(field: Field, value: object) -> int:
    if value is None or value != value:  # noqa: PLR0124  only NaN differs from itself
        return NOT_RECORDED
    if isinstance(value, bool | int | float) and value in {0, 1}:
        return int(value)
    unwrap = getattr(value, "item", None)
    if unwrap is not None:
        return _flag(field, unwrap())
    raise not_yes_or_no(field)


def _text(field: Field, value: object) -> str | None:
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124  only NaN differs from itself
        return None
    if not isinstance(value, str):
        raise UsageError(
            f"The field '{field.name}' holds something else than a code; write one, or nothing where it is not recorded."
        )
    if not field.codes_open and value not in field.scale:
        raise not_on_scale(field)
    return value


def listed(name: str, column: Sequence[object]) -> Listed:
    """Read the lists of a field, one a person. ``UsageError`` for something else than a list of its codes."""
    field = FIELDS[name]
    lists = [_codes(field, value) for value in column]
    names = (
        tuple(sorted({each for codes in lists for each in codes or ()})) if field.codes_open else field.scale
    )
    place = {name: number for number, name in enumerate(names)}
    has = np.zeros((len(lists), len(names)), dtype=np.bool_)
    for row, codes in enumerate(lists):
        for code in codes or ():
            has[row, place[code]] = True
    recorded = np.array([codes is not None for codes in lists], dtype=np.bool_)
    return Listed(names, recorded, has)


def _codes(field: Field, value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple | set | frozenset):
        raise UsageError(
            f"The field '{field.name}' holds one value where a list belongs; write a list, empty where there is none."
        )
    for code in value:
        if not isinstance(code, str) or not (field.codes_open or code in field.scale):
            raise not_codes(field) if field.codes_open else not_on_scale(field)
    return tuple(value)
