"""Eligibility of everyone at once: the same criteria, compiled to polars expressions.

Polars' nullable booleans follow Kleene's tables, so each criterion becomes one expression and each distinct
part of a criterion one column, however many interventions share it. ``tests/catalogue`` holds this evaluator and
the live one to the same status for every generated person and intervention.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import reduce
from operator import add, and_, or_
from typing import Final

import polars as pl

from catalogue import pni_batch
from catalogue.criteria import (
    AllOf,
    AnyOf,
    Anything,
    AtLeast,
    Below,
    Between,
    ContainsAny,
    Criterion,
    FirstRecorded,
    Highest,
    Not,
    OneOf,
    OnPathway,
    Total,
    parts_of,
)
from catalogue.eligibility import Status
from catalogue.errors import UsageError
from catalogue.feasibility_batch import feasible, places
from catalogue.fields import FIELDS, ITEM_MAXIMUM, Field, Kind
from catalogue.intervention import Intervention, Rule
from catalogue.loading import Catalogue
from catalogue.subject import not_on_scale

__all__ = ["STATUS", "evaluate", "feasible", "fields_used", "missing", "places"]

STATUS: Final = pl.Enum([status.value for status in Status])
_DTYPES: Final[Mapping[Kind, pl.DataType]] = {
    Kind.CODE: pl.String(),
    Kind.FLAG: pl.Boolean(),
    Kind.CODES: pl.List(pl.String()),
}
_CHUNK: Final = 50_000


def evaluate(subjects: pl.DataFrame, catalogue: Catalogue, *, as_of: str | date = "as_of") -> pl.DataFrame:
    """What is each of these people eligible for?

    ``subjects`` has one row a person and a column for every field that the catalogue asks about (null: not recorded);
    ``as_of`` names its date column, or is one date for all. Gives the same rows in the same order, with one Enum
    column an intervention: ELIGIBLE, NEARLY, MISSING_INFORMATION, NOT_ELIGIBLE. Raises ``UsageError`` for a missing
    column or a value outside its field's scale.
    """
    prepared = _prepare(subjects, catalogue, as_of=as_of)
    compiled = _Compiled(catalogue)
    pieces = [
        compiled.statuses(prepared.slice(start, _CHUNK))
        for start in range(0, max(prepared.height, 1), _CHUNK)
    ]
    return pl.concat(pieces)


def missing(subjects: pl.DataFrame, catalogue: Catalogue, *, as_of: str | date = "as_of") -> pl.DataFrame:
    """Which unanswered fields would decide, for whom and which intervention?

    Gives a long frame ``row`` (position in ``subjects``), ``intervention_id``, ``field``, with rows only under
    MISSING_INFORMATION, ordered by row, then catalogue order, then field name.
    """
    prepared = _prepare(subjects, catalogue, as_of=as_of)
    compiled = _Compiled(catalogue)
    pieces = [
        compiled.missing(prepared.slice(start, _CHUNK), first_row=start)
        for start in range(0, max(prepared.height, 1), _CHUNK)
    ]
    return pl.concat(pieces)


_AS_OF: Final = "__as_of"


def fields_used(catalogue: Catalogue) -> tuple[str, ...]:
    """Which columns must the subjects have?"""
    return tuple(
        sorted(
            {
                name
                for each in catalogue.interventions
                for rule in each.rules
                if rule.test is not None
                for name in rule.test.fields
            }
        )
    )


def _prepare(subjects: pl.DataFrame, catalogue: Catalogue, *, as_of: str | date) -> pl.DataFrame:
    wanted = fields_used(catalogue)
    absent = [name for name in wanted if name not in subjects.columns]
    if isinstance(as_of, str) and as_of not in subjects.columns:
        absent.append(as_of)
    if absent:
        raise UsageError(
            f"The subjects lack the column '{absent[0]}'; add it, with nulls where nothing is recorded."
        )
    day = pl.col(as_of) if isinstance(as_of, str) else pl.lit(as_of)
    if isinstance(as_of, str) and not subjects.schema[as_of].is_temporal():
        day = day.cast(pl.Int32)
    for name in wanted:
        _hold_to_scale(subjects.get_column(name), FIELDS[name])
    try:
        return subjects.select(day.cast(pl.Date).alias(_AS_OF), *(_read(FIELDS[name]) for name in wanted))
    except pl.exceptions.PolarsError as error:
        raise UsageError(
            "The subjects hold a column of another kind than its field; see catalogue/fields.py for the kinds."
        ) from error


def _hold_to_scale(column: pl.Series, field: Field) -> None:
    """Refuse codes that the field does not know, as ``catalogue.subject`` does for one person."""
    if not field.scale or field.codes_open:
        return
    found = column.explode() if isinstance(column.dtype, pl.List) else column
    known = set(found.drop_nulls().unique().to_list())
    if not known <= set(field.scale):
        raise not_on_scale(field)


def _read(field: Field) -> pl.Expr:
    """A field's column in the form that the expressions count on: bands as ranks, the rest by kind."""
    column = pl.col(field.name)
    if field.kind is Kind.BAND:
        return column.cast(pl.Enum(field.scale)).to_physical().cast(pl.Int8)
    if field.kind is Kind.NUMBER:
        return column.cast(pl.Float64).fill_nan(None)
    return column.cast(_DTYPES[field.kind])


class _Compiled:
    """The catalogue as expressions: columns of distinct parts, level by level, then statuses."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.interventions = catalogue.interventions
        self.names: dict[Criterion, str] = {}
        self.levels: list[list[pl.Expr]] = []
        depths: dict[Criterion, int] = {}
        for each in catalogue.interventions:
            for rule in each.rules:
                if rule.test is not None:
                    self._add(rule.test, depths)
        self._asks_pathway = any(isinstance(criterion, OnPathway) for criterion in self.names)

    def _add(self, criterion: Criterion, depths: dict[Criterion, int]) -> int:
        if criterion in depths:
            return depths[criterion]
        parts = parts_of(criterion)
        depth = max((self._add(part, depths) + 1 for part in parts), default=0)
        depths[criterion] = depth
        name = f"__c{len(self.names)}"
        expression = _expression(criterion, [pl.col(self.names[part]) for part in parts]).alias(name)
        self.names[criterion] = name
        while len(self.levels) <= depth:
            self.levels.append([])
        self.levels[depth].append(expression)
        return depth

    def _truths(self, subjects: pl.DataFrame) -> pl.DataFrame:
        frame = subjects.with_columns(pni_batch.columns()) if self._asks_pathway else subjects
        for level in self.levels:
            frame = frame.with_columns(level)
        return frame

    def statuses(self, subjects: pl.DataFrame) -> pl.DataFrame:
        """The statuses of a chunk of people."""
        return self._truths(subjects).select(self._status(each).alias(each.id) for each in self.interventions)

    def _column(self, rule: Rule) -> pl.Expr:
        assert rule.test is not None
        return pl.col(self.names[rule.test])

    def _status(self, intervention: Intervention) -> pl.Expr:
        firm = [self._column(rule) for rule in intervention.rules if rule.changeable is None]
        soft = [self._column(rule) for rule in intervention.rules if rule.changeable is not None]
        every = reduce(and_, [*firm, *soft], pl.lit(value=True))
        failed = reduce(add, [(~each).cast(pl.Int8) for each in soft], pl.lit(0, pl.Int8))
        nearly = reduce(and_, firm, pl.lit(value=True)) & (failed == 1)
        offered = pl.lit(value=True)
        if intervention.valid_from is not None:
            offered = offered & (pl.col(_AS_OF) >= intervention.valid_from)
        if intervention.valid_to is not None:
            offered = offered & (pl.col(_AS_OF) < intervention.valid_to)
        return (
            pl.when(~offered)
            .then(_status(Status.NOT_ELIGIBLE))
            .when(every.is_null())
            .then(_status(Status.MISSING_INFORMATION))
            .when(every)
            .then(_status(Status.ELIGIBLE))
            .when(nearly)
            .then(_status(Status.NEARLY))
            .otherwise(_status(Status.NOT_ELIGIBLE))
        )

    def missing(self, subjects: pl.DataFrame, *, first_row: int) -> pl.DataFrame:
        """The deciding fields of a chunk of people, long."""
        truths = self._truths(subjects)
        statuses = truths.select(self._status(each).alias(each.id) for each in self.interventions)
        pieces = [_nothing_missing()]
        for place, intervention in enumerate(self.interventions):
            rows = (statuses[intervention.id] == Status.MISSING_INFORMATION.value).arg_true()
            if rows.is_empty():
                continue
            chosen = truths[rows]
            wanted: dict[str, pl.Expr] = {}
            for rule in intervention.rules:
                assert rule.test is not None
                for name, expression in self._wanting(rule.test).items():
                    wanted[name] = wanted[name] | expression if name in wanted else expression
            answers = chosen.select(expression.alias(name) for name, expression in wanted.items())
            pieces += [
                pl.DataFrame(
                    {
                        "row": rows.gather(hits).cast(pl.UInt32) + first_row,
                        "place": pl.repeat(place, len(hits), dtype=pl.UInt32, eager=True),
                        "intervention_id": pl.repeat(intervention.id, len(hits), dtype=pl.String, eager=True),
                        "field": pl.repeat(name, len(hits), dtype=pl.String, eager=True),
                    }
                )
                for name in wanted
                if len(hits := answers[name].arg_true())
            ]
        return pl.concat(pieces).sort("row", "place", "field").drop("place")

    def _wanting(self, criterion: Criterion) -> dict[str, pl.Expr]:
        """For each field, whether its answer would help to decide a criterion that is unknown."""
        unknown = pl.col(self.names[criterion]).is_null()
        parts = parts_of(criterion)
        if isinstance(criterion, OnPathway):
            return {name: unknown & wanted for name, wanted in pni_batch.wanting().items()}
        if not parts or isinstance(criterion, FirstRecorded):
            return {name: unknown & pl.col(name).is_null() for name in criterion.fields}
        wanted: dict[str, pl.Expr] = {}
        for part in parts:
            for name, expression in self._wanting(part).items():
                within = unknown & expression
                wanted[name] = wanted[name] | within if name in wanted else within
        return wanted


def _status(status: Status) -> pl.Expr:
    return pl.lit(status.value, dtype=STATUS)


def _nothing_missing() -> pl.DataFrame:
    return pl.DataFrame(
        schema={"row": pl.UInt32, "place": pl.UInt32, "intervention_id": pl.String, "field": pl.String}
    )


# -------------------------------------------------------------------------------------- criteria as expressions


def _expression(criterion: Criterion, parts: Sequence[pl.Expr]) -> pl.Expr:  # noqa: C901, PLR0911, PLR0912  one line a kind
    match criterion:
        case Anything():
            return pl.repeat(True, pl.len(), dtype=pl.Boolean)
        case OneOf():
            return _any_of(pl.col(criterion.field).eq(value) for value in criterion.values)
        case Between():
            return _between(pl.col(criterion.field), criterion.minimum, criterion.maximum)
        case Below():
            return pl.col(criterion.field) < criterion.bound
        case Highest():
            return _highest(criterion)
        case Total():
            return _total(criterion)
        case ContainsAny():
            return _any_of(pl.col(criterion.field).list.contains(value) for value in criterion.values)
        case OnPathway():
            return pni_batch.on_pathway(set(criterion.levels))
        case FirstRecorded():
            return pl.coalesce(*parts)
        case AllOf():
            return reduce(and_, parts)
        case AnyOf():
            return reduce(or_, parts)
        case Not():
            return ~parts[0]
        case AtLeast():
            return _at_least(criterion.count, parts)
        case _:
            raise UsageError(f"The batch evaluator does not know the criterion {type(criterion).__name__}.")


def _any_of(expressions: Iterable[pl.Expr]) -> pl.Expr:
    return reduce(or_, expressions)


def _between(value: pl.Expr, minimum: float | None, maximum: float | None) -> pl.Expr:
    bounds = [pl.lit(value=True)]
    if minimum is not None:
        bounds.append(value >= minimum)
    if maximum is not None:
        bounds.append(value <= maximum)
    return reduce(and_, bounds)


def _settled(lowest: pl.Expr, highest: pl.Expr, minimum: float | None, maximum: float | None) -> pl.Expr:
    """``logic.within`` as an expression: do all values between ``lowest`` and ``highest`` keep to the bounds?"""
    surely = _between(lowest, minimum, None) & _between(highest, None, maximum)
    possibly = _between(highest, minimum, None) & _between(lowest, None, maximum)
    return pl.when(~possibly).then(pl.lit(value=False)).when(surely).then(pl.lit(value=True))


def _highest(criterion: Highest) -> pl.Expr:
    bands = [pl.col(band) for band in criterion.bands]
    lowest = pl.max_horizontal(*bands).fill_null(0)
    some_missing = _any_of(band.is_null() for band in bands)
    highest = pl.when(some_missing).then(pl.lit(criterion.top)).otherwise(lowest)
    return _settled(lowest, highest, criterion.minimum, criterion.maximum)


def _total(criterion: Total) -> pl.Expr:
    lowest = reduce(add, (pl.col(item).fill_null(0) for item in criterion.items))
    highest = reduce(add, (pl.col(item).fill_null(ITEM_MAXIMUM) for item in criterion.items))
    return _settled(lowest, highest, criterion.minimum, None)


def _at_least(count: int, parts: Sequence[pl.Expr]) -> pl.Expr:
    held = reduce(add, (part.fill_null(value=False).cast(pl.Int32) for part in parts))
    possible = reduce(add, (part.fill_null(value=True).cast(pl.Int32) for part in parts))
    return pl.when(held >= count).then(pl.lit(value=True)).when(possible < count).then(pl.lit(value=False))
