"""A feature's value out of the aggregates that an engine took: defaults, divisions, types.

Engines compute whole-number aggregates only; this last step is the same for all of
them, so that no engine's arithmetic can differ.
"""

from __future__ import annotations

import polars as pl

from features.spec import (
    Aggregator,
    AnyFeature,
    Derived,
    Feature,
    FeatureSpec,
    Operation,
    ValueType,
)

_TYPES: dict[ValueType, type[pl.DataType]] = {
    ValueType.INT: pl.Int64,
    ValueType.FLOAT: pl.Float64,
    ValueType.BOOL: pl.Boolean,
    ValueType.TEXT: pl.String,
}
_DAYS_A_YEAR = 365


def finished(rows: pl.DataFrame, spec: FeatureSpec) -> pl.DataFrame:
    """The features out of their parts, with `_point`."""
    plain = {feature: _column(feature) for feature in spec.parts}
    return rows.select("_point", *(_final(feature, plain).alias(feature.name) for feature in spec.features))


def _column(feature: Feature) -> pl.Expr:  # noqa: C901, PLR0912  one case an aggregator
    """The feature's value out of its parts, with its default and its type."""
    name = feature.name

    def whole(part: str) -> pl.Expr:
        return pl.col(f"{name}__{part}").cast(pl.Int64)

    match feature.aggregator:
        case Aggregator.COUNT:
            value = whole("n")
        case Aggregator.SUM:
            value = whole("sum")
        case Aggregator.EVER:
            value = whole("n") > 0
        case Aggregator.DISTINCT:
            value = whole("kinds") - whole("null")
        case Aggregator.MAX:
            value = whole("max")
        case Aggregator.DAYS_SINCE:
            value = pl.col("as_of").cast(pl.Int64) - whole("day")
        case Aggregator.LONGEST_GAP:
            value = whole("gap")
        case Aggregator.RATE:
            value = _ratio(whole("hit"), whole("n"))
        case Aggregator.MEAN:
            value = _ratio(whole("sum"), whole("n"))
        case Aggregator.TREND:
            value = _slope(whole("n"), whole("x"), whole("sum"), whole("xy"), whole("xx"))
        case Aggregator.CHANGE_SINCE:
            value = pl.col(f"{name}__value") - pl.col(f"{name}__before")
        case Aggregator.LAST | Aggregator.PREVIOUS | Aggregator.FIRST | Aggregator.VALUE_AT:
            value = pl.col(f"{name}__value")
    if feature.type is ValueType.CODE:
        return value.cast(pl.String).cast(pl.Enum(feature.categories), strict=False)
    value = value.cast(_TYPES[feature.type])
    return value if feature.default is None else value.fill_null(pl.lit(feature.default))


def _ratio(top: pl.Expr, bottom: pl.Expr) -> pl.Expr:
    return pl.when(bottom != 0).then(top.cast(pl.Float64) / bottom.cast(pl.Float64))


def _slope(n: pl.Expr, x: pl.Expr, y: pl.Expr, xy: pl.Expr, xx: pl.Expr) -> pl.Expr:
    """Least-squares change a year; null with fewer than two days."""
    return _ratio((n * xy - x * y) * _DAYS_A_YEAR, n * xx - x * x)


def _final(feature: AnyFeature, plain: dict[Feature, pl.Expr]) -> pl.Expr:
    if isinstance(feature, Feature):
        return plain[feature]
    assert isinstance(feature, Derived)
    left, right = plain[feature.left], plain[feature.right]
    if feature.operation is Operation.DIFFERENCE:
        return left - right
    return _ratio(left, right)
