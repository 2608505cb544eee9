"""Is the catalogue sound? Contradictions, overlaps, thresholds off a scale, rules that nobody can meet, and the like.

The analysis behind ``signpost catalogue check``. Errors make the catalogue wrong; warnings want a person's decision;
notes are what a reviewer should know, above all every rule on a protected characteristic with its legal basis.
"""

import random
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Final

from catalogue import loading, messages
from catalogue.checking import relations, sample, sources
from catalogue.checking.relations import Relation
from catalogue.criteria import Anything, Below, Between, ContainsAny, Criterion, Highest, ItemTotal, own_parts
from catalogue.errors import MissingSourceError, UnknownFieldError, UnknownInterventionError, UsageError
from catalogue.fields import FIELDS, ITEM_MAXIMUM, FieldKind, Value
from catalogue.intervention import Intervention, Rule, RuleKind
from catalogue.loading import Catalogue
from catalogue.subjects import Subjects
from catalogue.truth import TRUE, criteria


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "ERROR"
    WARNING = "WARNING"
    NOTE = "NOTE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something found: how much it matters, what kind it is, where, and in a sentence what and what to do."""

    severity: Severity
    code: str
    place: str
    text: str


# How often the search for a person who meets every rule of an entry starts again, and its steps each time.
_STARTS: Final = 12
_STEPS: Final = 150
_FAULTS: Final[Mapping[type[UsageError], str]] = MappingProxyType(
    {
        UnknownFieldError: "UNKNOWN_FIELD",
        UnknownInterventionError: "UNKNOWN_INTERVENTION",
        MissingSourceError: "SOURCE_MISSING",
    }
)


# What a reading is about that says why an entry lists no rules.
NO_RULES: Final = "no rules"
# The fields whose codes are ids of interventions.
_OF_INTERVENTIONS: Final = frozenset({"completed_interventions", "open_interventions"})


def run(catalogue: Catalogue, *, unusable: Collection[str] = ()) -> tuple[Finding, ...]:
    """What is wrong, doubtful or worth knowing in this catalogue? Errors first, then by place and code.

    ``unusable`` holds the ids of entries that could not be read, which rules may name all the same.
    """
    found = [
        *_names_and_dates(catalogue),
        *_unknown_interventions(catalogue, unusable),
        *(finding for each in catalogue.interventions for finding in _entry(each)),
        *_unmeetable(catalogue),
        *_unused_sentences(catalogue),
    ]
    return tuple(sorted(dict.fromkeys(found), key=_order))


def _order(finding: Finding) -> tuple[int, str, str, str]:
    return list(Severity).index(finding.severity), finding.place, finding.code, finding.text


def run_folder(folder: Path | None = None) -> tuple[Finding, ...]:
    """The same for a folder that may not even load: each file that cannot be used is a finding, and the rest is checked.

    Raises ``UsageError`` where there is no catalogue at all.
    """
    found = loading.survey(folder)
    unusable = [
        _error(_FAULTS.get(type(fault.error), "NOT_READABLE"), fault.file, str(fault.error))
        for fault in found.faults
    ]
    lost = {Path(fault.file).stem for fault in found.faults}
    # With files missing, sentences that nothing uses say nothing.
    rest = [
        each
        for each in run(found.catalogue, unusable=lost)
        if not unusable or each.code != "SENTENCES_UNUSED"
    ]
    return tuple(sorted([*unusable, *rest], key=_order))


# ---------------------------------------------------------------------------------------------- across entries


def _names_and_dates(catalogue: Catalogue) -> Iterator[Finding]:
    by_name: dict[str, list[Intervention]] = defaultdict(list)
    for each in catalogue.interventions:
        by_name[" ".join(each.name.casefold().split())].append(each)
        if each.valid_from is not None and each.valid_to is not None and each.valid_to <= each.valid_from:
            yield _error(
                "DATES_REVERSED", each.id, "valid_to must come after valid_from; correct one of them."
            )
    for same in by_name.values():
        for one, other in combinations(same, 2):
            if not _overlap(one, other):
                continue
            explained = all(
                any(one.name in reading.about for reading in each.readings) for each in (one, other)
            )
            if explained:
                yield Finding(
                    severity=Severity.NOTE,
                    code="DUPLICATE_NAME_EXPLAINED",
                    place=f"{one.id}, {other.id}",
                    text=f"'{one.name}' stands twice; both entries say how that is read.",
                )
            else:
                dated = any(each.valid_from or each.valid_to for each in (one, other))
                yield _error(
                    "DATES_OVERLAP" if dated else "DUPLICATE_NAME",
                    f"{one.id}, {other.id}",
                    f"'{one.name}' stands twice for the same days; end one before the other begins, or rename one.",
                )


def _overlap(one: Intervention, other: Intervention) -> bool:
    starts = [each.valid_from or date.min for each in (one, other)]
    ends = [each.valid_to or date.max for each in (one, other)]
    return max(starts) < min(ends)


def _unknown_interventions(catalogue: Catalogue, unusable: Collection[str]) -> Iterator[Finding]:
    """Rules on earlier or present work that name an id which no entry has, so that nobody's record can match it."""
    for each in catalogue.interventions:
        for rule in each.criteria:
            named = (
                value
                for part in (own_parts(rule.test) if rule.test is not None else ())
                if isinstance(part, ContainsAny) and part.field in _OF_INTERVENTIONS
                for value in part.values
            )
            for value in dict.fromkeys(named):
                if value not in catalogue and value not in unusable:
                    yield _error(
                        "UNKNOWN_INTERVENTION",
                        f"{each.id}, {rule.code}",
                        f"The file '{each.id}.yaml' names '{value}', which no entry of the catalogue has; correct the id.",
                    )


def _unused_sentences(catalogue: Catalogue) -> Iterator[Finding]:
    used = {rule.code for each in catalogue.interventions for rule in each.criteria} | {"NOT_OFFERED"}
    for code in sorted(set(messages.load().rules) - used):
        yield Finding(
            severity=Severity.WARNING,
            code="SENTENCES_UNUSED",
            place="messages/en.yaml",
            text=f"No rule uses the sentences of '{code}'; remove them or name the rule.",
        )


# ---------------------------------------------------------------------------------------------- within an entry


def _entry(intervention: Intervention) -> Iterator[Finding]:
    yield from _without_rules(intervention)
    yield from _scales(intervention)
    yield from _pairs(intervention)
    cited = [(intervention.id, intervention.source)]
    cited += [(f"{intervention.id}, {rule.code}", rule.source) for rule in intervention.criteria]
    for key in dict.fromkeys(sources.key_of(source) for _, source in cited):
        if key not in sources.load():
            yield _error(
                "SOURCE_UNKNOWN",
                next(place for place, source in cited if sources.key_of(source) == key),
                f"The source '{key}' is not in catalogue/sources.yaml; add it or correct the name.",
            )
    for rule in intervention.criteria:
        yield from _protected(intervention, rule)


def _without_rules(intervention: Intervention) -> Iterator[Finding]:
    """An entry whose file lists no rule is open to everybody; only a reading that says so makes that deliberate."""
    if any(rule.code != "SETTING" for rule in intervention.criteria):
        return
    if any(reading.about == NO_RULES for reading in intervention.readings):
        yield Finding(
            severity=Severity.NOTE,
            code="NO_RULES_EXPLAINED",
            place=intervention.id,
            text="This entry has no rules beyond its settings; the entry says how that is read.",
        )
    else:
        yield _error(
            "NO_RULES",
            intervention.id,
            f"This entry has no rules, so that everybody is eligible; list its rules under 'criteria',"
            f" or add a reading about '{NO_RULES}'.",
        )


def _protected(intervention: Intervention, rule: Rule) -> Iterator[Finding]:
    if rule.characteristic is None:
        return
    place = f"{intervention.id}, {rule.code}"
    if rule.kind is RuleKind.QUESTION:
        yield Finding(
            severity=Severity.WARNING,
            code="PROTECTED_QUESTION",
            place=place,
            text=f"The source limits this by {rule.characteristic} with no legal basis; it is asked and never filters.",
        )
    elif rule.legal_basis is None:
        yield Finding(
            severity=Severity.WARNING,
            code="PROTECTED_WITHOUT_BASIS",
            place=place,
            text=f"This rule turns on {rule.characteristic} and no legal basis is recorded; record one or drop the rule.",
        )
    else:
        yield Finding(
            severity=Severity.NOTE,
            code="PROTECTED_WITH_BASIS",
            place=place,
            text=f"This rule turns on {rule.characteristic}; legal basis: {rule.legal_basis}.",
        )


def _scales(intervention: Intervention) -> Iterator[Finding]:
    for rule in intervention.criteria:
        if rule.test is None:
            continue
        place = f"{intervention.id}, {rule.code}"
        off = [found for part in own_parts(rule.test) for found in _off_scale(part, place)]
        yield from off
        if not off and not isinstance(rule.test, Anything):
            yield from _settled(rule, place)


def _settled(rule: Rule, place: str) -> Iterator[Finding]:
    """A rule that comes out the same for everybody whose answers are in."""
    assert rule.test is not None
    possible = relations.outcomes(rule.test)
    if True not in possible:
        yield _error("NEVER_HOLDS", place, "No answers can meet this rule; look for parts that contradict.")
    elif False not in possible:
        yield Finding(
            severity=Severity.WARNING,
            code="ALWAYS_HOLDS",
            place=place,
            text="Every answer meets this rule, so that it rules nobody out; tighten or drop it.",
        )


def _off_scale(part: Criterion, place: str) -> Iterator[Finding]:
    match part:
        case Between():
            bounds = [bound for bound in (part.minimum, part.maximum) if bound is not None]
            name, lowest, highest = part.field, FIELDS[part.field].lowest, FIELDS[part.field].highest
        case Below():
            bounds = [part.bound]
            name, lowest, highest = part.field, FIELDS[part.field].lowest, FIELDS[part.field].highest
        case ItemTotal():
            bounds, name, lowest, highest = [part.minimum], part.name, 0, ITEM_MAXIMUM * len(part.items)
        case Highest():
            if part.minimum is not None and part.maximum is not None and part.minimum > part.maximum:
                yield _error("RANGE_EMPTY", place, "The lowest band allowed is above the highest; swap them.")
            return
        case _:
            return
    if isinstance(part, Between) and len(bounds) == 2 and bounds[0] > bounds[1]:
        yield _error("RANGE_EMPTY", place, f"No '{name}' lies between {bounds[0]:g} and {bounds[1]:g}.")
    for bound in bounds:
        if (lowest is not None and bound < lowest) or (highest is not None and bound > highest):
            yield _error(
                "OFF_SCALE",
                place,
                f"The threshold {bound:g} lies outside the scale of '{name}'"
                f" ({_end(lowest)} to {_end(highest)}); correct it.",
            )


def _end(bound: float | None) -> str:
    return "open" if bound is None else f"{bound:g}"


def _pairs(intervention: Intervention) -> Iterator[Finding]:
    """Deciding rules of one entry that contradict or repeat each other."""
    able = [
        rule for rule in intervention.rules if rule.test is not None and True in relations.outcomes(rule.test)
    ]
    for one, other in combinations(able, 2):
        assert one.test is not None
        assert other.test is not None
        place = f"{intervention.id}, {one.code} and {other.code}"
        match relations.relation(one.test, other.test):
            case Relation.CONTRADICT:
                yield _error("CONTRADICTORY", place, "These two rules cannot both hold; correct one of them.")
            case Relation.FOLLOWS:
                yield Finding(
                    severity=Severity.WARNING,
                    code="OVERLAPPING",
                    place=place,
                    text="One of these rules already follows from the other; keep the stricter.",
                )
            case None:
                continue


# ---------------------------------------------------------------------------------------------- can anybody meet it?


def _unmeetable(catalogue: Catalogue) -> Iterator[Finding]:
    values = sample.candidates(catalogue)
    for intervention in catalogue.interventions:
        person, failing = eligible_person(intervention, values, seed=intervention.id)
        if person is None:
            yield _error(
                "NOBODY_ELIGIBLE",
                f"{intervention.id}, {failing}",
                "No person could be made up who meets this rule with the others; look for a contradiction.",
            )


def eligible_person(
    intervention: Intervention, values: Mapping[str, Sequence[Value]], *, seed: str
) -> tuple[dict[str, Value] | None, str]:
    """Who meets every rule of this intervention? A made-up person, or the code of the rule that none could meet.

    Starts from a person with random answers and changes one answer at a time that a failing rule asks about, keeping
    what brings more rules to hold; the same seed gives the same person.
    """
    rng = random.Random(seed)  # noqa: S311  made-up people are no secret
    rules = [rule for rule in intervention.rules if rule.test is not None]
    asked = criteria(rule.test for rule in rules if rule.test is not None)

    def not_met(person: Mapping[str, Value]) -> list[Rule]:
        found = asked.truths(Subjects.of([person]))[:, 0]
        return [rule for rule in rules if rule.test is not None and found[asked.place[rule.test]] != TRUE]

    stuck = ""
    for _ in range(_STARTS):
        person: dict[str, Value] = {name: _draw(rng, name, tried) for name, tried in values.items()}
        failing = not_met(person)
        for _ in range(_STEPS):
            if not failing:
                return person, ""
            rule = rng.choice(failing)
            assert rule.test is not None
            field = rng.choice(rule.test.fields)
            changed = person | {field: _draw(rng, field, values[field])}
            after = not_met(changed)
            if len(after) <= len(failing):
                person, failing = changed, after
        stuck = failing[0].code if failing else stuck
    return None, stuck


def _draw(rng: random.Random, name: str, tried: Sequence[Value]) -> Value:
    if FIELDS[name].kind is FieldKind.CODES:
        return tuple(str(each) for each in rng.sample(tried, k=min(len(tried), rng.choice((0, 1, 1, 2)))))
    return rng.choice(tried)


def _error(code: str, place: str, text: str) -> Finding:
    return Finding(severity=Severity.ERROR, code=code, place=place, text=text)
