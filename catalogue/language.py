"""The language in which the data files write their tests, turned into criteria.

A test is a mapping with one form: ``{field: age, at_least: 18}``, ``{field: sex, is: MALE}``, ``{field: offence_types,
contains_any: [SEXUAL]}``, ``{band_of: ovp_2yr, at_least: HIGH}``, ``{highest_of: [osp_dc, osp_iic], at_least: MEDIUM}``,
``{total: thinking_total, at_least: 5}``, ``{need: s8_drugs}``, ``{pathway: [HIGH]}``, ``{first_recorded: [...]}``,
``{none_eligible: {type: ACP}}``; and ``all``, ``any``, ``not``, ``at_least_n`` of tests.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from catalogue import reading
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
    NoneEligible,
    Not,
    OneOf,
    OnPathway,
    Total,
)
from catalogue.documents import Document
from catalogue.errors import UnknownFieldError, UnknownInterventionError, UsageError
from catalogue.fields import FIELDS, NEED_THRESHOLDS, PREDICTOR_BANDS, RISK_BANDS, TOTALS, Kind, linked_field
from catalogue.intervention import Intervention, InterventionType


@dataclass(frozen=True, slots=True)
class Competitors:
    """The interventions read so far, of which rules about competing interventions speak.

    ``unusable`` holds the ids of entries that could not be read: a rule may name them, and leaves them out.
    ``known`` holds the ids of all entries, among them those that are not read yet: the rule's own and later ones.
    """

    built: Mapping[str, Intervention]
    unusable: Collection[str] = ()
    known: Collection[str] = ()

    def none_eligible(self, spec: Document, *, place: str) -> Criterion:
        """A criterion that holds when the person is eligible for none of the interventions that ``spec`` names.

        ``type`` or ``ids`` say which; ``completable`` leaves out those whose weeks do not fit before the end of sentence.
        """
        reading.only(spec, {"type", "ids", "completable"}, place)
        if "ids" in spec:
            ids = reading.texts(spec["ids"], place)
            absent = [each for each in ids if each not in self.built and each not in self.unusable]
            if absent and absent[0] in self.known:
                raise UsageError(
                    f"{place} names '{absent[0]}' as competing, which is this entry itself or one read after it;"
                    " programmes (type ACP) are read first, each kind in order of id: name an earlier entry."
                )
            if absent:
                raise UnknownInterventionError(
                    f"{place} names '{absent[0]}', which no entry of the catalogue has; correct the id."
                )
            rivals = [self.built[each] for each in ids if each in self.built]
        else:
            kind = reading.choice(spec.get("type"), InterventionType, place)
            rivals = [each for each in self.built.values() if each.type is kind]
        if not rivals:
            return Anything(next(iter(FIELDS)))  # nothing is left to compete with
        ways = []
        for rival in rivals:
            rules = [rule.test for rule in rival.rules if rule.test is not None]
            if spec.get("completable") and rival.duration_weeks is not None:
                rules.append(Between("days_left", minimum=7 * rival.duration_weeks))
            ways.append(AllOf(tuple(rules)))
        return NoneEligible(AnyOf(tuple(ways)))


def parse(spec: Document, *, place: str, competitors: Competitors) -> Criterion:
    """Which criterion does a test of a data file say? ``UsageError`` names the place of what it does not understand."""
    leaf = next((key for key in _LEAVES if key in spec), None)
    if leaf is not None:
        return _LEAVES[leaf](spec, place=place)
    composite = next((key for key in _COMPOSITES if key in spec), None)
    if composite is not None:
        return _COMPOSITES[composite](spec, place=place, competitors=competitors)
    raise UsageError(f"{place} holds no known test; use one of {', '.join((*_COMPOSITES, *_LEAVES))}.")


def _parts(value: object, *, place: str, competitors: Competitors) -> tuple[Criterion, ...]:
    parts = tuple(
        parse(reading.mapping(each, place), place=place, competitors=competitors)
        for each in reading.items(value, place)
    )
    if not parts:
        raise UsageError(f"{place} combines no tests; list at least one.")
    return parts


def _parse_all(spec: Document, *, place: str, competitors: Competitors) -> Criterion:
    reading.only(spec, {"all"}, place)
    return AllOf(_parts(spec["all"], place=place, competitors=competitors))


def _parse_any(spec: Document, *, place: str, competitors: Competitors) -> Criterion:
    reading.only(spec, {"any"}, place)
    return AnyOf(_parts(spec["any"], place=place, competitors=competitors))


def _parse_not(spec: Document, *, place: str, competitors: Competitors) -> Criterion:
    reading.only(spec, {"not"}, place)
    return Not(parse(reading.mapping(spec["not"], place), place=place, competitors=competitors))


def _parse_at_least(spec: Document, *, place: str, competitors: Competitors) -> Criterion:
    reading.only(spec, {"at_least_n"}, place)
    inner = reading.mapping(spec["at_least_n"], place)
    reading.only(inner, {"n", "of"}, place)
    count = reading.optional_whole(inner.get("n"), place)
    parts = _parts(inner.get("of"), place=place, competitors=competitors)
    if count is None or not 1 <= count <= len(parts):
        raise UsageError(
            f"{place} asks for a number of tests that cannot be; n lies between 1 and {len(parts)}."
        )
    return AtLeast(count, parts)


# What a test of one field may say: one of these, alone; a number may have a lower and an upper bound together.
_SAYS: Final = (
    frozenset({"is"}),
    frozenset({"in"}),
    frozenset({"contains_any"}),
    frozenset({"contains_none"}),
    frozenset({"at_least"}),
    frozenset({"at_most"}),
    frozenset({"below"}),
    frozenset({"at_least", "at_most"}),
    frozenset({"at_least", "below"}),
)


def _parse_field(spec: Document, *, place: str) -> Criterion:
    reading.only(spec, {"field", *(key for keys in _SAYS for key in keys)}, place)
    name = reading.text(spec["field"], place)
    field = FIELDS.get(name)
    if field is None:
        raise UnknownFieldError(
            f"{place} asks about the unknown field '{name}'; the fields are listed in catalogue/fields.py."
        )
    said = set(spec) - {"field"}
    if said and said not in _SAYS:
        raise UsageError(
            f"{place} says {' and '.join(sorted(said))} of '{name}' at once; keep one, or a lower and an upper bound."
        )
    if field.kind is Kind.NUMBER and said & {"at_least", "at_most", "below"}:
        return _bounded(name, spec, place)
    if field.kind is Kind.FLAG and isinstance(spec.get("is"), bool):
        return OneOf(name, (bool(spec["is"]),))
    if field.kind is Kind.CODE and said & {"is", "in"}:
        values = (reading.text(spec["is"], place),) if "is" in spec else reading.texts(spec["in"], place)
        return OneOf(name, _listed(values, name, place))
    if field.kind is Kind.CODES and "contains_any" in spec:
        return ContainsAny(name, _listed(reading.texts(spec["contains_any"], place), name, place))
    if field.kind is Kind.CODES and "contains_none" in spec:
        return Not(ContainsAny(name, _listed(reading.texts(spec["contains_none"], place), name, place)))
    raise UsageError(
        f"{place} tests '{name}' in a way that does not fit its kind ({field.kind}); see catalogue/interventions/README.md."
    )


def _bounded(name: str, spec: Document, place: str) -> Criterion:
    bounds = {
        key: reading.number(spec[key], place) for key in ("at_least", "at_most", "below") if key in spec
    }
    if "below" not in bounds:
        return Between(name, minimum=bounds.get("at_least"), maximum=bounds.get("at_most"))
    under = Below(name, bounds["below"])
    return AllOf((Between(name, minimum=bounds["at_least"]), under)) if "at_least" in bounds else under


def _listed(values: tuple[str, ...], name: str, place: str) -> tuple[str, ...]:
    """The codes of a test: at least one, each once, all on the field's scale."""
    if not values or len(set(values)) != len(values):
        raise UsageError(f"{place} lists no code of '{name}', or one twice; list each once.")
    reading.on_scale(values, name, place)
    return values


def _parse_band(spec: Document, *, place: str) -> Criterion:
    reading.only(spec, {"band_of", "at_least", "at_most"}, place)
    name = reading.text(spec["band_of"], place)
    if name not in PREDICTOR_BANDS:
        raise UsageError(
            f"{place} asks for the band of '{name}'; bands are known of {', '.join(PREDICTOR_BANDS)}."
        )
    cuts = PREDICTOR_BANDS[name]
    tests: list[Criterion] = []
    if "at_least" in spec:
        tests.append(Between(name, minimum=cuts[reading.rank(spec["at_least"], RISK_BANDS, place)]))
    if "at_most" in spec:
        above = reading.rank(spec["at_most"], RISK_BANDS, place) + 1
        if above < len(cuts):
            tests.append(Below(name, cuts[above]))
    if not tests:
        raise UsageError(f"{place} sets no bound on a band; give at_least or at_most.")
    return tests[0] if len(tests) == 1 else AllOf(tuple(tests))


def _parse_highest(spec: Document, *, place: str) -> Criterion:
    reading.only(spec, {"highest_of", "at_least", "at_most"}, place)
    names = reading.texts(spec["highest_of"], place)
    if not names:
        raise UsageError(f"{place} takes the highest of nothing; name bands of one scale.")
    for name in names:
        if name not in FIELDS or FIELDS[name].kind is not Kind.BAND:
            raise UsageError(
                f"{place} takes the highest of '{name}', which is no band; name bands of one scale."
            )
    scale = FIELDS[names[0]].scale
    if any(FIELDS[name].scale != scale for name in names):
        raise UsageError(f"{place} compares bands of different scales; name bands of one scale.")
    if not {"at_least", "at_most"} & set(spec):
        raise UsageError(f"{place} sets no bound on a band; give at_least or at_most.")
    return Highest(
        names,
        minimum=reading.rank(spec["at_least"], scale, place) if "at_least" in spec else None,
        maximum=reading.rank(spec["at_most"], scale, place) if "at_most" in spec else None,
    )


def _parse_total(spec: Document, *, place: str) -> Criterion:
    reading.only(spec, {"total", "at_least"}, place)
    name = reading.text(spec["total"], place)
    if name not in TOTALS:
        raise UsageError(f"{place} names the unknown total '{name}'; the totals are {', '.join(TOTALS)}.")
    return Total(name, TOTALS[name], minimum=reading.number(spec.get("at_least"), place))


def _parse_first_recorded(spec: Document, *, place: str, competitors: Competitors) -> Criterion:
    reading.only(spec, {"first_recorded"}, place)
    options = _parts(spec["first_recorded"], place=place, competitors=competitors)
    plain = tuple(option for option in options if isinstance(option, Between))
    if len(plain) != len(options):
        raise UsageError(f"{place} lists something else than scores with bounds under first_recorded.")
    return FirstRecorded(plain)


def _parse_need(spec: Document, *, place: str) -> Criterion:
    reading.only(spec, {"need"}, place)
    section = reading.text(spec["need"], place)
    reading.within(section, tuple(NEED_THRESHOLDS), place)
    return AnyOf(
        (
            Between(section, minimum=NEED_THRESHOLDS[section]),
            OneOf(linked_field(section), (True,)),
        )
    )


def _parse_pathway(spec: Document, *, place: str) -> Criterion:
    reading.only(spec, {"pathway"}, place)
    levels = reading.texts(spec["pathway"], place)
    if not levels:
        raise UsageError(f"{place} names no pathway; use HIGH, MODERATE or ALTERNATIVE.")
    for level in levels:
        reading.within(level, ("HIGH", "MODERATE", "ALTERNATIVE"), place)
    return OnPathway(levels)


def _parse_none_eligible(spec: Document, *, place: str, competitors: Competitors) -> Criterion:
    reading.only(spec, {"none_eligible"}, place)
    return competitors.none_eligible(reading.mapping(spec["none_eligible"], place), place=place)


_LEAVES: Final[Mapping[str, Callable[..., Criterion]]] = MappingProxyType(
    {
        "field": _parse_field,
        "band_of": _parse_band,
        "highest_of": _parse_highest,
        "total": _parse_total,
        "need": _parse_need,
        "pathway": _parse_pathway,
    }
)
_COMPOSITES: Final[Mapping[str, Callable[..., Criterion]]] = MappingProxyType(
    {
        "all": _parse_all,
        "any": _parse_any,
        "not": _parse_not,
        "at_least_n": _parse_at_least,
        "first_recorded": _parse_first_recorded,
        "none_eligible": _parse_none_eligible,
    }
)
