"""The feature specification: what a feature is, declared once for bulk and for the live case."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cached_property

from catalogue.errors import UsageError
from features.contract import CIRCUMSTANCE_VALUES, ColumnKind
from features.expressions import (
    ALWAYS,
    Condition,
    Contains,
    Covers,
    Every,
    KnownWithin,
    Measure,
    OneOf,
    Value,
    codes_of,
    columns_of,
    kinds_of,
    parts_of,
)
from features.permitted import names_a_characteristic, why_not_scored
from features.streams import STREAMS, Stream

Scalar = str | int | float | bool | None


class SpecError(UsageError):
    """A feature specification that contradicts itself or the rules of what may be scored."""


class Use(StrEnum):
    """What a feature may be used for."""

    SCORING = "SCORING"
    ELIGIBILITY = "ELIGIBILITY"
    AUDIT = "AUDIT"
    PROMPT = "PROMPT"


class Scope(StrEnum):
    """Whose events count: all of the person's, or those of one referral."""

    PERSON = "PERSON"
    REFERRAL = "REFERRAL"


class Aggregator(StrEnum):
    """How the events that count become one value."""

    COUNT = "COUNT"
    SUM = "SUM"
    MEAN = "MEAN"
    MAX = "MAX"
    LAST = "LAST"
    FIRST = "FIRST"
    PREVIOUS = "PREVIOUS"
    DAYS_SINCE = "DAYS_SINCE"
    RATE = "RATE"
    DISTINCT = "DISTINCT"
    TREND = "TREND"
    LONGEST_GAP = "LONGEST_GAP"
    EVER = "EVER"
    VALUE_AT = "VALUE_AT"
    CHANGE_SINCE = "CHANGE_SINCE"


class Direction(StrEnum):
    """Which way the value is known to move the chance of finishing, if it is known."""

    HIGHER_HELPS = "HIGHER_HELPS"
    HIGHER_HINDERS = "HIGHER_HINDERS"


class ValueType(StrEnum):
    """The type of a feature's value."""

    INT = "INT"
    FLOAT = "FLOAT"
    BOOL = "BOOL"
    CODE = "CODE"
    TEXT = "TEXT"


_NEEDS_VALUE = frozenset(
    {
        Aggregator.SUM,
        Aggregator.MEAN,
        Aggregator.MAX,
        Aggregator.LAST,
        Aggregator.FIRST,
        Aggregator.PREVIOUS,
        Aggregator.DISTINCT,
        Aggregator.TREND,
        Aggregator.VALUE_AT,
        Aggregator.CHANGE_SINCE,
    }
)
_WHOLE_NUMBERS = frozenset({Aggregator.SUM, Aggregator.MEAN, Aggregator.MAX, Aggregator.TREND})
_ZERO_BY_DEFAULT = frozenset({Aggregator.COUNT, Aggregator.SUM, Aggregator.DISTINCT, Aggregator.EVER})

_WORDING = frozenset({"label", "why"})
_NAME = re.compile(r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One feature: the events of a stream that count, and what is made of them.

    `where` chooses events, `window` (days) keeps those of the last days before the
    as-of day, `of` is a rate's numerator, `during` the two day columns of VALUE_AT,
    `since` the days of CHANGE_SINCE. `default` stands where no event counts.
    `label` says the value in plain English, `why` why the feature is there.
    """

    name: str
    label: str
    why: str
    stream: str
    aggregator: Aggregator
    value: Measure | None = None
    where: Condition = ALWAYS
    window: int | None = None
    of: Condition | None = None
    during: Covers | None = None
    since: int | None = None
    unit: str = ""
    direction: Direction | None = None
    uses: frozenset[Use] = frozenset({Use.SCORING, Use.AUDIT})
    scope: Scope = Scope.PERSON

    def __post_init__(self) -> None:
        """Refuse a declaration that does not hold together or that no score may be made of."""
        if not _NAME.match(self.name):
            raise SpecError(f"The feature name {self.name!r} is not lower snake case.")
        if self.stream not in STREAMS:
            raise SpecError(
                f"The feature {self.name} names the stream {self.stream}; there is none of that name."
            )
        self._check_parts()
        for column in self.columns:
            try:
                self.source.column(column)
            except KeyError:
                raise SpecError(
                    f"The feature {self.name} names the column {column}; the stream {self.stream} has none of that name."
                ) from None
        self._check_columns()
        self._check_types()
        if Use.SCORING in self.uses:
            self._check_scoring()

    def _check_parts(self) -> None:
        wants = (
            ("value", self.value is not None, self.aggregator in _NEEDS_VALUE),
            ("of", self.of is not None, self.aggregator is Aggregator.RATE),
            ("during", self.during is not None, self.aggregator is Aggregator.VALUE_AT),
            ("since", self.since is not None, self.aggregator is Aggregator.CHANGE_SINCE),
        )
        for part, given, wanted in wants:
            if given != wanted:
                verb = "needs" if wanted else "takes no"
                raise SpecError(f"The feature {self.name}: {self.aggregator} {verb} {part}.")
        for part, days in (("window", self.window), ("since", self.since)):
            if days is not None and days < 1:
                raise SpecError(f"The feature {self.name}: {part} is a number of days, at least one.")
        if not self.uses:
            raise SpecError(f"The feature {self.name} has no use; name at least one.")
        if not (self.label and self.why):
            raise SpecError(f"The feature {self.name} needs a label and a reason why it is there.")
        if self.scope is Scope.REFERRAL and not self.source.has_referral:
            raise SpecError(
                f"The feature {self.name}: the stream {self.stream} does not belong to a referral."
            )

    def _check_types(self) -> None:
        if self.value is not None:
            _ = self.measure_type  # refuses a day
        if self.aggregator in _WHOLE_NUMBERS and self.measure_type is not ValueType.INT:
            raise SpecError(f"The feature {self.name}: {self.aggregator} is taken of whole numbers.")
        if self.aggregator is Aggregator.CHANGE_SINCE and self.measure_type not in {
            ValueType.INT,
            ValueType.FLOAT,
        }:
            raise SpecError(f"The feature {self.name}: a change is taken of numbers.")

    def _check_columns(self) -> None:
        """Refuse a condition that its column could never meet, as a code that the contract does not have."""
        for part in (found for whole in self._expressions for found in parts_of(whole)):
            if isinstance(part, KnownWithin) and self.source.known != "known_on":
                raise SpecError(
                    f"The feature {self.name} asks since when a record is known; the stream {self.stream} has no known_on."
                )
            for name in columns_of(part):
                column = self.source.column(name)
                if column.kind not in kinds_of(part):
                    raise SpecError(
                        f"The feature {self.name} reads {name} as something else than the "
                        f"{column.kind.value.lower()} that it holds; use a condition or measure that fits."
                    )
                codes = (
                    part.codes
                    if isinstance(part, OneOf)
                    else (part.code,)
                    if isinstance(part, Contains)
                    else ()
                )
                unknown = [code for code in codes if column.allowed and code not in column.allowed]
                if unknown:
                    raise SpecError(
                        f"The feature {self.name} asks {name} for {unknown[0]}; the contract has no such code."
                    )

    def _check_scoring(self) -> None:
        reason = why_not_scored(
            name=self.name,
            stream=self.stream,
            columns=self.columns,
            where=self.where,
            expressions=self._expressions,
            counts_kinds=self.aggregator is Aggregator.DISTINCT,
        )
        if reason is not None:
            raise SpecError(f"The feature {self.name} {reason}.")

    @property
    def _expressions(self) -> tuple[Condition | Measure, ...]:
        parts = (self.where, self.of, self.during, self.value)
        return tuple(part for part in parts if part is not None)

    @property
    def source(self) -> Stream:
        """The stream it is folded over."""
        return STREAMS[self.stream]

    @property
    def condition(self) -> Condition:
        """The condition that an event has to meet, the covering days included."""
        return self.where if self.during is None else Every((self.where, self.during))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the stream that it reads."""
        return tuple(dict.fromkeys(name for part in self._expressions for name in columns_of(part)))

    @property
    def measure_type(self) -> ValueType:
        """The type of the measure taken of one event."""
        if not isinstance(self.value, Value):
            return ValueType.INT
        kinds = {
            ColumnKind.INT: ValueType.INT,
            ColumnKind.FLOAT: ValueType.FLOAT,
            ColumnKind.BOOL: ValueType.BOOL,
            ColumnKind.CODE: ValueType.CODE,
            ColumnKind.TEXT: ValueType.TEXT,
            ColumnKind.LIST: ValueType.TEXT,
        }
        kind = self.source.column(self.value.column).kind
        if kind not in kinds:
            raise SpecError(f"The feature {self.name}: a day is no value; take the days until or between.")
        return kinds[kind]

    @property
    def type(self) -> ValueType:
        """The type of the feature's value."""
        match self.aggregator:
            case Aggregator.COUNT | Aggregator.DISTINCT | Aggregator.DAYS_SINCE | Aggregator.LONGEST_GAP:
                return ValueType.INT
            case Aggregator.MEAN | Aggregator.RATE | Aggregator.TREND:
                return ValueType.FLOAT
            case Aggregator.EVER:
                return ValueType.BOOL
            case _:
                return self.measure_type

    @property
    def categories(self) -> tuple[str, ...]:
        """The codes that a CODE feature can hold, fixed by the contract; a code outside them is null."""
        if self.type is not ValueType.CODE:
            return ()
        assert isinstance(self.value, Value)
        kinds = codes_of(self.where, "kind") if self.stream == "circumstances" else None
        if kinds is not None and self.value.column == "value":
            return tuple(
                value for kind, values in CIRCUMSTANCE_VALUES.items() if kind in kinds for value in values
            )
        return self.source.column(self.value.column).allowed

    @property
    def default(self) -> Scalar:
        """The value where no event counts: none counted is 0 or no; otherwise not recorded."""
        if self.aggregator not in _ZERO_BY_DEFAULT:
            return None
        return False if self.aggregator is Aggregator.EVER else 0


class Operation(StrEnum):
    """How two features make a third."""

    DIFFERENCE = "DIFFERENCE"
    RATIO = "RATIO"


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A feature made of two others: their difference, or their ratio (null over zero)."""

    name: str
    label: str
    why: str
    operation: Operation
    left: Feature
    right: Feature
    unit: str = ""
    direction: Direction | None = None

    def __post_init__(self) -> None:
        """Refuse a bad name and parts that are not numbers."""
        if not _NAME.match(self.name) or names_a_characteristic(self.name):
            raise SpecError(f"The feature name {self.name!r} is not allowed.")
        if not self.uses:
            raise SpecError(f"The feature {self.name} has no use that both its parts have.")
        for part in (self.left, self.right):
            if part.type not in {ValueType.INT, ValueType.FLOAT}:
                raise SpecError(f"The feature {self.name} is made of {part.name}, which is no number.")

    @property
    def uses(self) -> frozenset[Use]:
        """What it may be used for: only what both its parts may."""
        return self.left.uses & self.right.uses

    @property
    def type(self) -> ValueType:
        """The type of its value."""
        if self.operation is Operation.RATIO or ValueType.FLOAT in {self.left.type, self.right.type}:
            return ValueType.FLOAT
        return ValueType.INT

    @property
    def categories(self) -> tuple[str, ...]:
        """A number has none."""
        return ()

    @property
    def scope(self) -> Scope:
        """One referral, if either part is of one referral."""
        return Scope.REFERRAL if Scope.REFERRAL in {self.left.scope, self.right.scope} else Scope.PERSON


AnyFeature = Feature | Derived


@dataclass(frozen=True)
class FeatureSpec:
    """An ordered list of features with unique names, identified by the hash of its content."""

    features: tuple[AnyFeature, ...]

    def __post_init__(self) -> None:
        """Refuse an empty list and a name that stands twice."""
        if not self.features:
            raise SpecError("A feature specification needs at least one feature.")
        seen: set[str] = set()
        for feature in self.features:
            if feature.name in seen:
                raise SpecError(f"The feature {feature.name} is specified twice; rename one.")
            seen.add(feature.name)

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names in order."""
        return tuple(feature.name for feature in self.features)

    def __getitem__(self, name: str) -> AnyFeature:
        """The feature of that name; KeyError if there is none."""
        for feature in self.features:
            if feature.name == name:
                return feature
        raise KeyError(name)

    def select(self, uses: Collection[Use] | None) -> FeatureSpec:
        """The features that serve at least one of these uses; all of them for None."""
        if uses is None:
            return self
        chosen = tuple(feature for feature in self.features if feature.uses & frozenset(uses))
        if not chosen:
            raise SpecError("No feature serves the uses asked for.")
        return FeatureSpec(chosen)

    def only(self, *names: str) -> FeatureSpec:
        """The features of these names, in the specification's order; SpecError for a name it does not have."""
        for name in names:
            if name not in self.names:
                raise SpecError(f"There is no feature {name}; the features are listed in docs/features.md.")
        return FeatureSpec(tuple(feature for feature in self.features if feature.name in names))

    @property
    def needs_referral(self) -> bool:
        """Whether a point has to name a referral."""
        return any(feature.scope is Scope.REFERRAL for feature in self.features)

    @cached_property
    def parts(self) -> tuple[Feature, ...]:
        """Every plain feature that has to be computed, those inside derived ones included, once each."""
        found: dict[Feature, None] = {}
        for feature in self.features:
            for part in (feature,) if isinstance(feature, Feature) else (feature.left, feature.right):
                found[part] = None
        return tuple(found)

    @cached_property
    def hash(self) -> str:
        """sha256 of what is computed: the version that rows, bundles and answers carry.

        Wording (label, why) is not part of it: it may be bettered without a new version.
        """
        content = json.dumps(_canonical(self.features), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()

    def __hash__(self) -> int:
        """By content, computed once: specifications are keys of what is compiled from them."""
        return hash(self.hash)


def _canonical(item: object) -> object:
    if is_dataclass(item) and not isinstance(item, type):
        content = {
            field.name: _canonical(getattr(item, field.name))
            for field in fields(item)
            if field.name not in _WORDING
        }
        return {"is": type(item).__name__, **content}
    if isinstance(item, frozenset):
        return sorted(str(member) for member in item)
    if isinstance(item, Iterable) and not isinstance(item, str):
        return [_canonical(member) for member in item]
    return item


__all__ = [
    "Aggregator",
    "AnyFeature",
    "Derived",
    "Direction",
    "Feature",
    "FeatureSpec",
    "Operation",
    "Scalar",
    "Scope",
    "SpecError",
    "Use",
    "ValueType",
]
