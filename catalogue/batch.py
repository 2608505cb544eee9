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

from catalogue import pni
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
from catalogue.fields import FIELDS, ITEM_MAXIMUM, OSP_BANDS, SARA_BANDS, Field, Kind
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
        frame = subjects.with_columns(_pathway_columns()) if self._asks_pathway else subjects
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
            return {name: unknown & wanted for name, wanted in _pathway_wanting().items()}
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
            return _on_pathway(criterion)
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


# ------------------------------------------------------------------- the Programme Needs Identifier as expressions


# Bands are columns of their own: as sub-expressions they would be spelt out once for each cell of the matrix.
_NEED, _PROJECTED_NEED = "__need", "__projected_need"
_RISK: Final = {False: "__risk_men", True: "__risk_women"}
_PROJECTED_RISK: Final = {False: "__projected_risk_men", True: "__projected_risk_women"}
_VERY_HIGH, _POSSIBLY_VERY_HIGH, _RAISED = "__very_high", "__possibly_very_high", "__sara_raised"


def _pathway_columns() -> list[pl.Expr]:
    """The bands and trumps of the identifier, recorded and projected, for men and for women."""
    need, projected_need = _need_bands()
    very_high, possibly = _trumps()
    columns = [
        need.alias(_NEED),
        projected_need.alias(_PROJECTED_NEED),
        very_high.alias(_VERY_HIGH),
        possibly.alias(_POSSIBLY_VERY_HIGH),
        (_sara() >= pni.MEDIUM).alias(_RAISED),
    ]
    for female in (False, True):
        risk, projected_risk = _risk_bands(female=female)
        columns += [risk.alias(_RISK[female]), projected_risk.alias(_PROJECTED_RISK[female])]
    return columns


def _on_pathway(criterion: OnPathway) -> pl.Expr:
    wanted = set(criterion.levels)
    men, women = (_reachable(wanted, female=female) for female in (False, True))
    inside, outside = (
        pl.when(pl.col("sex").is_null())
        .then(for_men | for_women)
        .when(pl.col("sex") == "FEMALE")
        .then(for_women)
        .otherwise(for_men)
        for for_men, for_women in zip(men, women, strict=True)
    )
    return pl.when(~outside).then(pl.lit(value=True)).when(~inside).then(pl.lit(value=False))


def _reachable(wanted: set[str], *, female: bool) -> tuple[pl.Expr, pl.Expr]:
    """Can a pathway inside ``wanted`` still result, and one outside? ``pni.reachable`` as expressions."""
    custody = pl.col("setting").is_in(["CUSTODY", "REMAND", "PRE_RELEASE"])
    community = pl.col("setting") == "COMMUNITY"
    place = {True: custody.fill_null(value=True), False: community.fill_null(value=True)}
    trumped = {True: pl.col(_POSSIBLY_VERY_HIGH), False: ~pl.col(_VERY_HIGH)}
    inside, outside = pl.lit(value=False), pl.lit(value=False)
    for (need, risk, in_custody, trump, sara_raised), level in pni.LEVELS.items():
        if trump and risk != pni.HIGH:
            continue
        here = (
            (pl.col(_NEED) <= need)
            & (pl.col(_PROJECTED_NEED) >= need)
            & (pl.col(_RISK[female]) <= risk)
            & (pl.col(_PROJECTED_RISK[female]) >= risk)
            & place[in_custody]
            & (pl.col(_RAISED) == sara_raised)
        )
        if risk == pni.HIGH:
            here = here & trumped[trump]
        if level in wanted:
            inside = inside | here
        else:
            outside = outside | here
    return inside, outside


def _domain(domain: pni.Domain, *, unanswered: bool) -> pl.Expr:
    total = reduce(
        add,
        (
            pl.col(item).fill_null(domain.projected.get(item, ITEM_MAXIMUM) if unanswered else 0)
            for item in domain.items
        ),
    )
    score = (total >= domain.one_from).cast(pl.Int8) + (total >= domain.two_from).cast(pl.Int8)
    if domain.trump is None:
        return score
    trumped = (pl.col(domain.trump) >= ITEM_MAXIMUM).fill_null(value=False)
    return pl.when(trumped).then(pl.lit(2, pl.Int8)).otherwise(score)


def _gate() -> tuple[pl.Expr, pl.Expr]:
    """Does the sex domain count, and could it?"""
    gates = [pl.col(name) for name in pni.SEX_GATE]
    applies = _any_of(gate.fill_null(value=False) for gate in gates)
    return applies, applies | _any_of(gate.is_null() for gate in gates)


def _need_bands() -> tuple[pl.Expr, pl.Expr]:
    applies, may_apply = _gate()
    bands = []
    for unanswered, gate in ((False, applies), (True, may_apply)):
        total = reduce(
            add,
            (
                _domain(domain, unanswered=unanswered) * (gate.cast(pl.Int8) if name == "sex" else 1)
                for name, domain in pni.DOMAINS.items()
            ),
        )
        bands.append(
            (total >= pni.NEED_MEDIUM_FROM).cast(pl.Int8) + (total >= pni.NEED_HIGH_FROM).cast(pl.Int8)
        )
    return bands[0], bands[1]


def _cut(name: str, medium: float, high: float) -> pl.Expr:
    value = pl.col(name).fill_null(0)
    return (value >= medium).cast(pl.Int8) + (value >= high).cast(pl.Int8)


def _sara() -> pl.Expr:
    return pl.max_horizontal(*(pl.col(name).fill_null(SARA_BANDS.index("LOW")) for name in pni.SARA))


_OSP: Final = ("osp_dc", "osp_iic")


def _osp_all_inapplicable(*, female: bool) -> pl.Expr:
    if female:
        return pl.lit(value=True)
    return reduce(and_, ((pl.col(name) == 0).fill_null(value=False) for name in _OSP))


def _risk_bands(*, female: bool) -> tuple[pl.Expr, pl.Expr]:
    inapplicable = _osp_all_inapplicable(female=female)
    bands = [
        _cut("ogrs_2yr", pni.MEDIUM_OGRS, pni.HIGH_OGRS),
        _cut("ovp_2yr", pni.MEDIUM_OVP, pni.HIGH_OVP),
        _sara(),
        _cut("rsr", pni.MEDIUM_RSR, pni.HIGH_RSR) * inapplicable.cast(pl.Int8),
    ]
    wanting = pl.col("ogrs_2yr").is_null() | pl.col("ovp_2yr").is_null()
    wanting = wanting | (inapplicable & pl.col("rsr").is_null())
    if not female:
        medium, high = OSP_BANDS.index("MEDIUM"), OSP_BANDS.index("HIGH")
        bands += [_cut(name, medium, high) for name in _OSP]
        wanting = wanting | _any_of(pl.col(name).is_null() for name in _OSP)
    risk = pl.max_horizontal(*bands)
    return risk, pl.when(wanting).then(pl.lit(pni.HIGH, pl.Int8)).otherwise(risk)


def _trumps() -> tuple[pl.Expr, pl.Expr]:
    """Do OGRS with OVP or SARA trump, and could they?"""
    sara = _sara() == SARA_BANDS.index("HIGH")
    ogrs, ovp = pl.col("ogrs_2yr") >= pni.HIGH_OGRS, pl.col("ovp_2yr") >= pni.HIGH_OVP
    surely = ogrs.fill_null(value=False) & (ovp.fill_null(value=False) | sara)
    possibly = ogrs.fill_null(value=True) & (ovp.fill_null(value=True) | sara)
    return surely, possibly


def _pathway_wanting() -> dict[str, pl.Expr]:
    """For each field of the identifier, whether ``pni.unanswered`` would name it."""
    female = (pl.col("sex") == "FEMALE").fill_null(value=False)
    applies, may_apply = _gate()
    risk = pl.when(female).then(pl.col(_RISK[True])).otherwise(pl.col(_RISK[False]))
    inapplicable = female | _osp_all_inapplicable(female=False)
    very_high, possibly = pl.col(_VERY_HIGH), pl.col(_POSSIBLY_VERY_HIGH)
    below_high = risk < pni.HIGH
    wanting = {name: pl.col(name).is_null() for name in ("sex", "setting")}
    wanting |= {name: pl.col(name).is_null() & ~applies for name in pni.SEX_GATE}
    for domain_name, domain in pni.DOMAINS.items():
        for item in domain.items:
            unanswered = pl.col(item).is_null()
            wanting[item] = unanswered & may_apply if domain_name == "sex" else unanswered
    for name in ("ogrs_2yr", "ovp_2yr"):
        wanting[name] = pl.col(name).is_null() & (below_high | (possibly != very_high))
    for name in _OSP:
        wanting[name] = pl.col(name).is_null() & ~female & below_high
    wanting["rsr"] = pl.col("rsr").is_null() & inapplicable & below_high
    return wanting
