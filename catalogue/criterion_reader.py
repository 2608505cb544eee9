"""Which criterion does the test of a rule state, as the data files write it?

A test is a mapping with one form: ``{field: age, at_least: 18}``, ``{field: sex, is: MALE}``, ``{field: offence_types,
contains_any: [SEXUAL]}``, ``{band_of: ovp_2yr, at_least: HIGH}``, ``{highest_of: [osp_dc, osp_iic], at_least: MEDIUM}``,
``{total: thinking_total, at_least: 5}``, ``{need: s8_drugs}``, ``{pathway: [HIGH]}``, ``{first_recorded: [...]}``,
``{none_eligible: {type: ACP}}``; and ``all``, ``any``, ``not``, ``at_least_n`` of tests. Each form is a class that
declares its keys and makes its criterion. To add a form, write its class and list it in `Test`.
"""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    PrivateAttr,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic import Field as Key

from catalogue import criteria
from catalogue.criteria import Criterion
from catalogue.documents import Number, Section, Text, Whole, Wrong, YesNo, each_once, one_of, within
from catalogue.errors import UnknownFieldError, UnknownInterventionError
from catalogue.fields import (
    FIELDS,
    NEED_THRESHOLDS,
    PREDICTOR_BANDS,
    RISK_BANDS,
    TOTALS,
    FieldKind,
    linked_field,
)
from catalogue.intervention import Intervention, InterventionType

BANDS: Final = tuple(name for name, field in FIELDS.items() if field.kind is FieldKind.BAND)
Codes: TypeAlias = Annotated[tuple[Text, ...], AfterValidator(each_once)]
Need: TypeAlias = Annotated[Text, one_of(NEED_THRESHOLDS)]


@dataclass(frozen=True, slots=True)
class Competitors:
    """The interventions read so far, which rules about competing interventions may name.

    ``unusable`` holds the ids of entries that could not be read: a rule may name them, and leaves them out.
    ``known`` holds the ids of all entries, also those that are not read yet: the rule's own and later ones.
    """

    built: Mapping[str, Intervention]
    unusable: Collection[str] = ()
    known: Collection[str] = ()


def _competitors(info: ValidationInfo) -> Competitors:
    assert isinstance(info.context, Competitors)
    return info.context


class _Form(Section):
    """One form of a test. A key that is given must have a value.

    `Test` and `Tests`, which the forms below name before they are declared, are the last lines of this file.
    """

    @model_validator(mode="after")
    def _each_key_has_a_value(self) -> "_Form":
        for name in sorted(self.model_fields_set):
            if getattr(self, name) is None:
                raise ValueError(
                    f"holds nothing under '{name.rstrip('_')}'; write a value or leave out the key."
                )
        return self

    @property
    @abstractmethod
    def criterion(self) -> Criterion:
        """Which criterion does the test say?"""


class _All(_Form):
    all: "Tests"

    @property
    def criterion(self) -> Criterion:
        return criteria.AllOf(_criteria(self.all))


class _Any(_Form):
    any: "Tests"

    @property
    def criterion(self) -> Criterion:
        return criteria.AnyOf(_criteria(self.any))


class _Not(_Form):
    not_: "Test" = Key(alias="not")

    @property
    def criterion(self) -> Criterion:
        return criteria.Negated(self.not_.criterion)


class _Some(Section):
    n: Whole
    of: "Tests"

    @model_validator(mode="after")
    def _can_be(self) -> "_Some":
        if not 1 <= self.n <= len(self.of):
            raise ValueError(
                f"asks for a number of tests that cannot be; n lies between 1 and {len(self.of)}."
            )
        return self


class _AtLeastN(_Form):
    at_least_n: _Some

    @property
    def criterion(self) -> Criterion:
        return criteria.CountOf(self.at_least_n.n, _criteria(self.at_least_n.of))


class _FirstRecorded(_Form):
    first_recorded: "Tests"

    @model_validator(mode="after")
    def _of_scores(self) -> "_FirstRecorded":
        if len(self._bounds) != len(self.first_recorded):
            raise ValueError("lists something else than scores with bounds under first_recorded; correct it.")
        return self

    @property
    def _bounds(self) -> tuple[criteria.Between, ...]:
        return tuple(each for each in _criteria(self.first_recorded) if isinstance(each, criteria.Between))

    @property
    def criterion(self) -> Criterion:
        return criteria.FirstRecorded(self._bounds)


# What a test of one field may say, by the kind of the field: one of these, or a lower and an upper bound.
_FITS: Final[Mapping[FieldKind, frozenset[str]]] = MappingProxyType(
    {
        FieldKind.NUMBER: frozenset({"at_least", "at_most", "below"}),
        FieldKind.BAND: frozenset(),
        FieldKind.CODE: frozenset({"is", "in"}),
        FieldKind.FLAG: frozenset({"is"}),
        FieldKind.CODES: frozenset({"contains_any", "contains_none"}),
    }
)


class _Field(_Form):
    field: Text
    is_: Any = Key(alias="is", default=None)
    in_: Codes | None = Key(alias="in", default=None)
    contains_any: Codes | None = None
    contains_none: Codes | None = None
    at_least: Number | None = None
    at_most: Number | None = None
    below: Number | None = None

    @field_validator("field")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in FIELDS:
            raise Wrong(
                UnknownFieldError,
                f"names the unknown field '{name}'; the fields are listed in catalogue/fields.py.",
            )
        return name

    @model_validator(mode="after")
    def _says_what_fits(self) -> "_Field":
        asked = FIELDS[self.field]
        said = {name.rstrip("_") for name in self.model_fields_set - {"field"}}
        if len(said) > 1 and said not in ({"at_least", "at_most"}, {"at_least", "below"}):
            raise ValueError(
                f"says {' and '.join(sorted(said))} of '{self.field}' at once; keep one, or a lower and an upper bound."
            )
        worded = isinstance(self.is_, bool if asked.kind is FieldKind.FLAG else str)
        if not said or not said <= _FITS[asked.kind] or ("is" in said and not worded):
            raise ValueError(
                f"asks about '{self.field}' in a way that does not fit its kind ({asked.kind});"
                " see catalogue/interventions/README.md."
            )
        if not asked.codes_open and asked.kind is not FieldKind.FLAG:
            for code in self._codes:
                within(code, asked.scale)
        return self

    @property
    def _codes(self) -> tuple[str, ...]:
        """The codes of the test; one alone under ``is``."""
        if self.is_ is not None:
            return (self.is_,)
        return self.in_ or self.contains_any or self.contains_none or ()

    @property
    def criterion(self) -> Criterion:
        if self.is_ is not None or self.in_:
            return criteria.CodeIn(self.field, self._codes)
        if self.contains_any:
            return criteria.ContainsAny(self.field, self._codes)
        if self.contains_none:
            return criteria.Negated(criteria.ContainsAny(self.field, self._codes))
        if self.below is None:
            return criteria.Between(self.field, minimum=self.at_least, maximum=self.at_most)
        under = criteria.Below(self.field, self.below)
        return (
            under
            if self.at_least is None
            else criteria.AllOf((criteria.Between(self.field, minimum=self.at_least), under))
        )


class _Bounded(_Form):
    """A test with a lowest band, a highest, or both."""

    at_least: Text | None = None
    at_most: Text | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> "_Bounded":
        if self.at_least is None and self.at_most is None:
            raise ValueError("sets no bound on a band; give at_least or at_most.")
        for code in (self.at_least, self.at_most):
            if code is not None:
                within(code, self._scale)
        return self

    @property
    def _scale(self) -> tuple[str, ...]:
        """The bands that a bound may name, lowest first."""
        return RISK_BANDS

    def _rank(self, code: str | None) -> int | None:
        return None if code is None else self._scale.index(code)


class _BandOf(_Bounded):
    band_of: Annotated[Text, one_of(PREDICTOR_BANDS)]

    @model_validator(mode="after")
    def _rules_somebody_out(self) -> "_BandOf":
        if self.at_least is None and self.at_most == RISK_BANDS[-1]:
            raise ValueError(f"sets no bound, since no band is above {self.at_most}; name another band.")
        return self

    @property
    def criterion(self) -> Criterion:
        cuts = PREDICTOR_BANDS[self.band_of]
        lowest, highest = self._rank(self.at_least), self._rank(self.at_most)
        tests: list[Criterion] = []
        if lowest is not None:
            tests.append(criteria.Between(self.band_of, minimum=cuts[lowest]))
        if highest is not None and highest + 1 < len(cuts):
            tests.append(criteria.Below(self.band_of, cuts[highest + 1]))
        return tests[0] if len(tests) == 1 else criteria.AllOf(tuple(tests))


class _HighestOf(_Bounded):
    highest_of: tuple[Annotated[Text, one_of(BANDS)], ...]

    @field_validator("highest_of")
    @classmethod
    def _of_one_scale(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        scales = {FIELDS[name].scale for name in names}
        if len(scales) != 1:
            how = "compares bands of different scales" if scales else "takes the highest of nothing"
            raise ValueError(f"{how}; name bands of one scale.")
        return names

    @property
    def _scale(self) -> tuple[str, ...]:
        return FIELDS[self.highest_of[0]].scale

    @property
    def criterion(self) -> Criterion:
        return criteria.Highest(
            self.highest_of, minimum=self._rank(self.at_least), maximum=self._rank(self.at_most)
        )


class _Total(_Form):
    total: Annotated[Text, one_of(TOTALS)]
    at_least: Number

    @property
    def criterion(self) -> Criterion:
        return criteria.ItemTotal(self.total, TOTALS[self.total], minimum=self.at_least)


class _Need(_Form):
    need: Need

    @property
    def criterion(self) -> Criterion:
        return criteria.AnyOf(
            (
                criteria.Between(self.need, minimum=NEED_THRESHOLDS[self.need]),
                criteria.CodeIn(linked_field(self.need), (True,)),
            )
        )


class _OnPathway(_Form):
    pathway: Annotated[
        tuple[Annotated[Text, one_of(("HIGH", "MODERATE", "ALTERNATIVE"))], ...], AfterValidator(each_once)
    ]

    @property
    def criterion(self) -> Criterion:
        return criteria.OnPathway(self.pathway)


class _Competing(Section):
    """Which interventions compete: those of a ``type``, or the ``ids`` named.

    ``completable`` leaves out those whose weeks do not fit before the end of the sentence.
    """

    type: InterventionType | None = None
    ids: Codes | None = None
    completable: YesNo = False
    _rivals: tuple[Intervention, ...] = PrivateAttr(default=())

    @field_validator("ids")
    @classmethod
    def _read_before(cls, ids: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        read = _competitors(info)
        for each in ids or ():
            if each in read.built or each in read.unusable:
                continue
            if each in read.known:
                raise ValueError(
                    f"names '{each}' as competing, which is this entry itself or one read after it;"
                    " programmes (type ACP) are read first, each kind in order of id: name an earlier entry."
                )
            raise Wrong(
                UnknownInterventionError,
                f"names '{each}', which no entry of the catalogue has; correct the id.",
            )
        return ids

    @model_validator(mode="after")
    def _names_them(self, info: ValidationInfo) -> "_Competing":
        if (self.type is None) == (self.ids is None):
            raise ValueError("must name either a type or ids; write one of them.")
        built = _competitors(info).built
        self._rivals = tuple(
            built[each]
            for each in self.ids or built
            if each in built and self.type in {None, built[each].type}
        )
        return self

    def ways_in(self) -> tuple[Criterion, ...]:
        """What makes a person eligible for one of them, each by itself."""
        ways = []
        for rival in self._rivals:
            rules = [rule.test for rule in rival.rules if rule.test is not None]
            if self.completable and rival.duration_weeks is not None:
                rules.append(criteria.Between("days_left", minimum=7 * rival.duration_weeks))
            ways.append(criteria.AllOf(tuple(rules)))
        return tuple(ways)


class _NoneEligible(_Form):
    none_eligible: _Competing

    @property
    def criterion(self) -> Criterion:
        ways = self.none_eligible.ways_in()
        if not ways:
            return criteria.Anything(next(iter(FIELDS)))  # nothing is left to compete with
        return criteria.NoneEligible(criteria.AnyOf(ways))


# The key that says which form a test has, in the order in which they are looked for.
_FORMS: Final = (
    *("field", "band_of", "highest_of", "total", "need", "pathway"),
    *("all", "any", "not", "at_least_n", "first_recorded", "none_eligible"),
)


def _form_of(document: object) -> str | None:
    keys = document if isinstance(document, Mapping) else ()
    return next((f"form {each}" for each in _FORMS if each in keys), None)


def _has_a_form(document: object) -> object:
    if _form_of(document) is None:
        raise ValueError(f"holds no known test; use one of {', '.join(_FORMS)}.")
    return document


Test: TypeAlias = Annotated[
    # The tags are no keys, so that they are left out of the place of an error.
    Annotated[_Field, Tag("form field")]
    | Annotated[_BandOf, Tag("form band_of")]
    | Annotated[_HighestOf, Tag("form highest_of")]
    | Annotated[_Total, Tag("form total")]
    | Annotated[_Need, Tag("form need")]
    | Annotated[_OnPathway, Tag("form pathway")]
    | Annotated[_All, Tag("form all")]
    | Annotated[_Any, Tag("form any")]
    | Annotated[_Not, Tag("form not")]
    | Annotated[_AtLeastN, Tag("form at_least_n")]
    | Annotated[_FirstRecorded, Tag("form first_recorded")]
    | Annotated[_NoneEligible, Tag("form none_eligible")],
    Discriminator(_form_of),
    BeforeValidator(_has_a_form),
]
"""A test as a rule writes it; its ``criterion`` is what it says."""


def _some(tests: tuple[Test, ...]) -> tuple[Test, ...]:
    if not tests:
        raise ValueError("combines no tests; list at least one.")
    return tests


Tests: TypeAlias = Annotated[tuple[Test, ...], AfterValidator(_some)]
"""Tests that another combines: at least one."""


def _criteria(tests: tuple[Test, ...]) -> tuple[Criterion, ...]:
    return tuple(each.criterion for each in tests)
