"""People in data frames: read into the columns of ``catalogue.subjects``, written from them, held against the rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import polars as pl

from catalogue.eligibility import Statuses, judge
from catalogue.errors import UsageError
from catalogue.fields import FIELDS, Field, FieldKind
from catalogue.loading import Catalogue
from catalogue.subjects import (
    CODE_ROW,
    CODED,
    LISTED,
    NOT_RECORDED,
    NUMBER_ROW,
    NUMBERS,
    Codes,
    Floats,
    Listed,
    Subjects,
    not_codes,
    not_on_scale,
    not_yes_or_no,
)

_AT_ONCE: Final = 50_000  # people, so that memory stays bounded


def read(frame: pl.DataFrame, *, needed: Iterable[str] = ()) -> Subjects:
    """What does a frame say about each person? One row a person and one column a field; null and NaN are not recorded.

    A column that is not there is recorded of nobody, except that each of ``needed`` must be there. Raises
    ``UsageError`` for a missing column, for a value off its field's scale and for a column of another kind.
    """
    for name in needed:
        if name not in frame.columns:
            raise UsageError(
                f"The subjects lack the column '{name}'; add it, with nulls where nothing is recorded."
            )
    people = frame.height
    numbers = np.full((len(NUMBERS), people), np.nan)
    codes = np.full((len(CODED), people), NOT_RECORDED, dtype=np.int32)
    vocabularies: dict[str, tuple[str, ...]] = {}
    lists: dict[str, Listed] = {}
    try:
        for name in NUMBERS:
            if name in frame.columns:
                numbers[NUMBER_ROW[name]] = _numbers(frame[name])
        for name in CODED:
            field = FIELDS[name]
            if field.kind is FieldKind.FLAG:
                if name in frame.columns:
                    codes[CODE_ROW[name]] = _flags(frame[name], field)
                continue
            column = (
                frame[name] if name in frame.columns else pl.Series(name, [None] * people, dtype=pl.String)
            )
            scale = _scale(column, field)
            if field.codes_open:
                vocabularies[name] = scale
            codes[CODE_ROW[name]] = _places(column, field, scale)
        for name in LISTED:
            lists[name] = read_lists(frame, FIELDS[name])
    except pl.exceptions.PolarsError as error:
        raise UsageError(
            "The subjects hold a column of another kind than its field; see catalogue/fields.py for the kinds."
        ) from error
    return Subjects(numbers=numbers, codes=codes, lists=lists, vocabularies=vocabularies)


def _numbers(column: pl.Series) -> Floats:
    if not (column.dtype.is_numeric() or column.dtype == pl.Null):
        raise pl.exceptions.InvalidOperationError
    return column.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _flags(column: pl.Series, field: Field) -> Codes:
    """A yes or no as 1 or 0, ``NOT_RECORDED`` for null and NaN. ``UsageError`` for any other number."""
    if column.dtype != pl.Boolean:
        answers = _numbers(column)
        if not np.isin(answers[~np.isnan(answers)], (0, 1)).all():
            raise not_yes_or_no(field)
        column = pl.Series(answers, dtype=pl.Float64).fill_nan(None)
    return column.cast(pl.Int32).fill_null(NOT_RECORDED).to_numpy()


def _scale(column: pl.Series, field: Field) -> tuple[str, ...]:
    """The codes of a field: its scale, or where that is open those that stand in the column."""
    if not field.codes_open:
        return field.scale
    return tuple(column.cast(pl.String).drop_nulls().unique().sort().to_list())


def _places(column: pl.Series, field: Field, scale: tuple[str, ...]) -> Codes:
    """The places of codes on a scale, ``NOT_RECORDED`` for null."""
    texts = column.cast(pl.String)
    if not scale:
        return np.full(len(texts), NOT_RECORDED, dtype=np.int32)
    found = texts.cast(pl.Enum(scale), strict=False)
    if found.null_count() != texts.null_count():
        raise not_on_scale(field)
    return found.to_physical().cast(pl.Int32).fill_null(NOT_RECORDED).to_numpy()


def read_lists(frame: pl.DataFrame, field: Field) -> Listed:
    """A column of lists of codes; recorded of nobody where the frame does not have it."""
    people = frame.height
    if field.name not in frame.columns:
        nobody = np.zeros((people, len(field.scale)), dtype=np.bool_)
        return Listed(field.scale, np.zeros(people, dtype=np.bool_), nobody)
    column = frame[field.name].cast(pl.List(pl.String))
    lengths = column.list.len().fill_null(0).to_numpy().astype(np.int64)
    members = (
        column.explode(empty_as_null=False, keep_nulls=False)
        if lengths.sum()
        else pl.Series([], dtype=pl.String)
    )
    names = _scale(members, field)
    has = np.zeros((people, len(names)), dtype=np.bool_)
    if len(members):
        if members.null_count():
            raise not_codes(field) if field.codes_open else not_on_scale(field)
        places = _places(members, field, names)
        row = np.repeat(np.arange(people), lengths)
        has[row, places] = True
    return Listed(names, column.is_not_null().to_numpy(), has)


def write(subjects: Subjects) -> pl.DataFrame:
    """The columns as a data frame, one column a field; null where nothing is recorded."""
    return pl.DataFrame([_series(subjects, name) for name in FIELDS])


def _series(subjects: Subjects, name: str) -> pl.Series:
    match FIELDS[name].kind:
        case FieldKind.NUMBER:
            return pl.Series(name, subjects.number(name), dtype=pl.Float64).fill_nan(None)
        case FieldKind.FLAG:
            answers = pl.Series(name, subjects.code(name)).replace(NOT_RECORDED, None)
            return answers.cast(pl.Boolean)
        case FieldKind.CODES:
            rows = [subjects.value(name, row) for row in range(len(subjects))]
            return pl.Series(name, rows, dtype=pl.List(pl.String))
        case _:
            names = pl.Series([*subjects.scale(name), None], dtype=pl.String)
            codes = subjects.code(name)
            places = np.where(codes == NOT_RECORDED, len(names) - 1, codes)
            return names.gather(places).alias(name)


def statuses(people: pl.DataFrame, catalogue: Catalogue) -> Statuses:
    """What is each of these people eligible for on the day in the column ``as_of``?

    ``people`` has one row a person and a column for every field that the catalogue's rules ask about (null: not
    recorded). Gives places in ``STATUSES``, [people, interventions]. Raises ``UsageError`` for a missing column, and
    for a value that its field cannot hold.
    """
    if "as_of" not in people.columns:
        raise UsageError("The subjects lack the column 'as_of'; add the day that each is asked about.")
    found = np.empty((people.height, len(catalogue.ids)), dtype=np.int8)
    for start in range(0, people.height, _AT_ONCE):
        some = people.slice(start, _AT_ONCE)
        subjects = read(some, needed=catalogue.plan.fields)
        days = some["as_of"].to_physical().to_numpy().astype(np.int64)
        found[start : start + _AT_ONCE] = judge(subjects, catalogue, days=days).status
    return found
