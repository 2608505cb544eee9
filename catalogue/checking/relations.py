"""How do rules stand to each other: can both hold, does one follow from the other, can a rule hold at all?

Answered by trying, not by comparing shapes: the fields that the tests ask about take every value that makes a difference to
them (each bound, between any two, and beyond both ends; every code; every set of the codes named), and the tests are asked
for each combination. Rules with more combinations than ``_MOST`` are left to the search for a person who meets all of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from itertools import chain, combinations, pairwise, product
from math import prod
from typing import Final

from catalogue import pni
from catalogue.criteria import (
    Below,
    Between,
    CodeIn,
    ContainsAny,
    Criterion,
    NoneEligible,
    OnPathway,
    own_parts,
)
from catalogue.fields import FIELDS, Field, FieldKind, Value
from catalogue.subjects import Subjects
from catalogue.truth import TRUE, criteria

_MOST: Final = 20_000


class Relation(Enum):
    """How two tests stand to each other."""

    CONTRADICT = "no person can meet both"
    FOLLOWS = "whoever meets one meets the other"


def relation(one: Criterion, other: Criterion) -> Relation | None:
    """Do two tests of an entry contradict each other, or does one follow from the other? ``None``: neither, or not known."""
    if not set(one.fields) & set(other.fields):
        return None
    tried = _people((one, other))
    if tried is None:
        return None
    asked = criteria((one, other))
    held = asked.truths(Subjects.of(list(tried))) == TRUE
    outcomes = set(zip(held[asked.place[one]].tolist(), held[asked.place[other]].tolist(), strict=True))
    if (True, True) not in outcomes:
        return Relation.CONTRADICT
    if (True, False) not in outcomes or (False, True) not in outcomes:
        return Relation.FOLLOWS
    return None


def outcomes(test: Criterion) -> frozenset[bool]:
    """How can a test come out at all once every answer is in? Both ways where it is too large to try."""
    tried = _people((test,))
    if tried is None:
        return frozenset({True, False})
    asked = criteria((test,))
    held = asked.truths(Subjects.of(list(tried))) == TRUE
    return frozenset(held[asked.place[test]].tolist())


def _people(tests: Sequence[Criterion]) -> Iterator[Mapping[str, Value]] | None:
    """Every combination of answers that can make a difference; ``None`` where there are too many to try."""
    parts = [part for test in tests for part in own_parts(test)]
    if any(isinstance(part, NoneEligible | OnPathway) for part in parts):
        return None
    values = {
        name: _values(FIELDS[name], parts) for name in dict.fromkeys(chain(*(test.fields for test in tests)))
    }
    if prod(len(each) for each in values.values()) > _MOST:
        return None
    return (dict(zip(values, drawn, strict=True)) for drawn in product(*values.values()))


def _values(field: Field, parts: Sequence[Criterion]) -> tuple[Value, ...]:
    match field.kind:
        case FieldKind.FLAG:
            return (False, True)
        case FieldKind.NUMBER:
            return _numbers(field, parts)
        case FieldKind.CODES:
            return _sets(field, parts)
        case _ if field.codes_open:
            named = {value for part in parts if isinstance(part, CodeIn) for value in part.values}
            return (*sorted(str(each) for each in named), "")
        case _:
            return field.scale


def _numbers(field: Field, parts: Sequence[Criterion]) -> tuple[Value, ...]:
    """Each bound, a number between any two neighbours, and the ends of the scale."""
    if field.highest is not None and field.lowest == 0 and field.highest <= pni.TOP_SCORE:
        return tuple(range(int(field.highest) + 1))
    bounds: set[float] = {each for each in (field.lowest, field.highest) if each is not None}
    for part in parts:
        if isinstance(part, Between) and part.field == field.name:
            bounds |= {each for each in (part.minimum, part.maximum) if each is not None}
        elif isinstance(part, Below) and part.field == field.name:
            bounds.add(part.bound)
    inside = sorted(
        each
        for each in bounds
        if (field.lowest is None or each >= field.lowest) and (field.highest is None or each <= field.highest)
    )
    between = [(low + high) / 2 for low, high in pairwise(inside)]
    return tuple(sorted({*inside, *between}))


def _sets(field: Field, parts: Sequence[Criterion]) -> tuple[Value, ...]:
    """Every set of the codes that the tests name."""
    named = sorted(
        {
            value
            for part in parts
            if isinstance(part, ContainsAny) and part.field == field.name
            for value in part.values
        }
    )
    return tuple(chain.from_iterable(combinations(named, size) for size in range(len(named) + 1)))
