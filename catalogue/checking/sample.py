"""Which made-up people test every threshold of the catalogue's rules?

Every number that a rule compares with is tried at, below and above the bound, so an error of one is found. The check of
the catalogue asks whether any such person can meet a rule; the tests hold the evaluator against a slow reference.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import polars as pl

from catalogue import pni
from catalogue.criteria import Below, Between, CodeIn, ContainsAny, Criterion, walk
from catalogue.fields import FIELDS, Field, FieldKind, Subject, Value
from catalogue.loading import Catalogue

# Shares of answers left out: most people are well recorded, some hardly at all.
UNANSWERED: Final = (0.0, 0.0, 0.05, 0.2, 0.6)
POLARS: Final[Mapping[FieldKind, pl.DataType]] = {
    FieldKind.NUMBER: pl.Float64(),
    FieldKind.BAND: pl.String(),
    FieldKind.CODE: pl.String(),
    FieldKind.FLAG: pl.Boolean(),
    FieldKind.CODES: pl.List(pl.String()),
}
# Bounds of the identifier, which no criterion carries itself.
_PNI_BOUNDS: Final[Mapping[str, tuple[float, ...]]] = {
    "ogrs_2yr": (pni.MEDIUM_OGRS, pni.HIGH_OGRS),
    "ovp_2yr": (pni.MEDIUM_OVP, pni.HIGH_OVP),
    "rsr": (pni.MEDIUM_RSR, pni.HIGH_RSR),
}


def criteria(catalogue: Catalogue) -> Iterator[Criterion]:
    """Which criteria are there, parts before wholes, each as often as it stands?"""
    found: list[Criterion] = []
    for intervention in catalogue.interventions:
        for rule in intervention.criteria:
            if rule.test is not None:
                walk(rule.test, found.append)
    return iter(found)


def candidates(catalogue: Catalogue) -> Mapping[str, tuple[Value, ...]]:
    """Which values of each field are worth trying: those on, just below and just above every bound?"""
    bounds: dict[str, set[float]] = {name: set(each) for name, each in _PNI_BOUNDS.items()}
    named: dict[str, set[str]] = {}
    for criterion in criteria(catalogue):
        match criterion:
            case Between():
                bounds.setdefault(criterion.field, set()).update(
                    bound for bound in (criterion.minimum, criterion.maximum) if bound is not None
                )
            case Below():
                bounds.setdefault(criterion.field, set()).add(criterion.bound)
            case CodeIn() | ContainsAny():
                named.setdefault(criterion.field, set()).update(
                    each for each in criterion.values if isinstance(each, str)
                )
            case _:
                continue
    return {
        name: _values(field, bounds.get(name, set()), named.get(name, set()))
        for name, field in FIELDS.items()
    }


def _values(field: Field, bounds: set[float], named: set[str]) -> tuple[Value, ...]:
    if field.kind is FieldKind.FLAG:
        return (False, True)
    if field.name == "assessment_layer":
        return (1, 3, 3)  # there is no layer 2, and most assessments are full ones
    if field.kind is FieldKind.NUMBER:
        lowest = -(10**6) if field.lowest is None else field.lowest
        highest = 10**6 if field.highest is None else field.highest
        tried = {each + step for each in bounds for step in (-1, -0.5, 0, 0.5, 1)}
        tried |= {field.lowest or 0, field.highest or 1}
        if field.highest is not None and field.highest - lowest <= 12:
            tried = set(range(int(lowest), int(field.highest) + 1))
        whole = field.name not in {"ogrs_2yr", "ogp_2yr", "ovp_2yr", "rsr"}
        return tuple(
            sorted(each for each in tried if lowest <= each <= highest and (not whole or each == int(each)))
        )
    if field.codes_open:
        return tuple(sorted(named or {"A"}))
    return field.scale


def people(
    catalogue: Catalogue, *, count: int, seed: int, unanswered: Sequence[float] = UNANSWERED
) -> list[dict[str, Value]]:
    """Made-up people, the same for the same seed: any values, weighted towards nothing but the bounds.

    ``unanswered`` lists shares of answers to leave out, one of which is drawn for each person.
    """
    rng = random.Random(seed)  # noqa: S311  made-up people are no secret
    values = candidates(catalogue)
    return [_person(values, rng, rng.choice(unanswered)) for _ in range(count)]


def _person(
    values: Mapping[str, tuple[Value, ...]], rng: random.Random, unanswered: float
) -> dict[str, Value]:
    person: dict[str, Value] = {}
    for name, tried in values.items():
        drawn: Value = rng.choice(tried)
        if FIELDS[name].kind is FieldKind.CODES:
            drawn = tuple(
                str(each) for each in rng.sample(tried, k=min(len(tried), rng.choice((0, 1, 1, 2))))
            )
        person[name] = None if rng.random() < unanswered else drawn
    return person


def frame(subjects: Sequence[Subject]) -> pl.DataFrame:
    """The same people as a data frame, one column a field."""
    return pl.DataFrame(
        [
            pl.Series(
                name,
                [_plain(each.get(name)) for each in subjects],
                dtype=POLARS[field.kind],
                strict=False,
            )
            for name, field in FIELDS.items()
        ]
    )


def _plain(value: Value) -> str | int | float | bool | list[str] | None:
    return list(value) if isinstance(value, tuple) else value
