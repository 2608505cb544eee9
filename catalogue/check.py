"""Is the catalogue sound? Contradictions, overlaps, thresholds off a scale, rules that nobody can meet, and the like.

The analysis behind ``signpost catalogue check``. Errors make the catalogue wrong; warnings want a person's decision;
notes are what a reviewer should know, above all every rule on a protected characteristic with its legal basis.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import combinations
from pathlib import Path
from typing import Final

from catalogue import loading, messages, sample, sources
from catalogue.criteria import AllOf, Below, Between, ContainsAny, Criterion, Not, OneOf, walk
from catalogue.errors import UsageError
from catalogue.fields import FIELDS, Kind, Value
from catalogue.intervention import Intervention, Rule, RuleKind
from catalogue.loading import Catalogue


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


# How often the search for a person who meets every rule of an entry starts anew, and its steps each time.
_STARTS: Final = 12
_STEPS: Final = 150


def run(catalogue: Catalogue) -> tuple[Finding, ...]:
    """What is wrong, doubtful or worth knowing in this catalogue? Errors first, then by place and code."""
    found = [
        *_names_and_dates(catalogue),
        *(finding for each in catalogue.interventions for finding in _entry(each)),
        *_unmeetable(catalogue),
        *_unused_sentences(catalogue),
    ]
    rank = list(Severity)
    return tuple(
        sorted(found, key=lambda each: (rank.index(each.severity), each.place, each.code, each.text))
    )


def run_folder(folder: Path | None = None) -> tuple[Finding, ...]:
    """The same for a folder that may not even load: files that cannot be read are findings, the rest is checked."""
    try:
        return run(loading.load(folder))
    except UsageError as error:
        return (
            Finding(
                severity=Severity.ERROR,
                code="NOT_READABLE",
                place=str(folder or loading.FOLDER.name),
                text=str(error),
            ),
        )


# ---------------------------------------------------------------------------------------------- across entries


def _names_and_dates(catalogue: Catalogue) -> Iterator[Finding]:
    by_name: dict[str, list[Intervention]] = defaultdict(list)
    for each in catalogue.interventions:
        by_name[each.name.casefold()].append(each)
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
                yield _error(
                    "DUPLICATE_NAME",
                    f"{one.id}, {other.id}",
                    f"'{one.name}' stands twice for the same days; end one before the other begins, or rename one.",
                )


def _overlap(one: Intervention, other: Intervention) -> bool:
    starts = [each.valid_from or date.min for each in (one, other)]
    ends = [each.valid_to or date.max for each in (one, other)]
    return max(starts) < min(ends)


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
    yield from _scales(intervention)
    yield from _pairs(intervention)
    for rule in intervention.criteria:
        if sources.key_of(rule.source) not in sources.load():
            yield _error(
                "SOURCE_UNKNOWN",
                f"{intervention.id}, {rule.code}",
                f"The source '{sources.key_of(rule.source)}' is not in catalogue/sources.yaml; add it or correct the name.",
            )
        yield from _protected(intervention, rule)
    if sources.key_of(intervention.source) not in sources.load():
        yield _error(
            "SOURCE_UNKNOWN",
            intervention.id,
            f"The source '{sources.key_of(intervention.source)}' is not in catalogue/sources.yaml; add it.",
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
        leaves: list[Criterion] = []
        if rule.test is not None:
            walk(rule.test, leaves.append)
        for leaf in leaves:
            yield from _off_scale(leaf, f"{intervention.id}, {rule.code}")


def _off_scale(leaf: Criterion, place: str) -> Iterator[Finding]:
    if isinstance(leaf, Between):
        bounds = [bound for bound in (leaf.minimum, leaf.maximum) if bound is not None]
        if leaf.minimum is not None and leaf.maximum is not None and leaf.minimum > leaf.maximum:
            yield _error(
                "RANGE_EMPTY", place, f"No '{leaf.field}' lies between {leaf.minimum:g} and {leaf.maximum:g}."
            )
        name = leaf.field
    elif isinstance(leaf, Below):
        bounds, name = [leaf.bound], leaf.field
    else:
        return
    field = FIELDS[name]
    if field.kind is not Kind.NUMBER:
        return
    for bound in bounds:
        too_low = field.lowest is not None and bound < field.lowest
        too_high = field.highest is not None and bound > field.highest
        if too_low or too_high:
            yield _error(
                "OFF_SCALE",
                place,
                f"The threshold {bound:g} lies outside the scale of '{name}'"
                f" ({_end(field.lowest)} to {_end(field.highest)}); correct it.",
            )


def _end(bound: float | None) -> str:
    return "open" if bound is None else f"{bound:g}"


def _pairs(intervention: Intervention) -> Iterator[Finding]:
    """Rules of one entry that contradict or repeat each other, seen from simple tests on the same field."""
    simple = [
        (rule, leaf)
        for rule in intervention.rules
        if rule.test is not None
        for leaf in (rule.test.parts if isinstance(rule.test, AllOf) else (rule.test,))
    ]
    for (one, first), (other, second) in combinations(simple, 2):
        if one is other:
            continue
        place = f"{intervention.id}, {one.code} and {other.code}"
        match _relation(first, second):
            case "CONTRADICT":
                yield _error("CONTRADICTORY", place, "These two rules cannot both hold; correct one of them.")
            case "REPEAT":
                yield Finding(
                    severity=Severity.WARNING,
                    code="OVERLAPPING",
                    place=place,
                    text="One of these rules already follows from the other; keep the stricter.",
                )
            case _:
                continue


def _relation(one: Criterion, other: Criterion) -> str | None:
    """Do two simple tests contradict each other, or does one follow from the other?"""
    if one == other:
        return "REPEAT"
    if Not(one) == other or Not(other) == one:
        return "CONTRADICT"
    ranges = _span(one), _span(other)
    if ranges[0] is not None and ranges[1] is not None:
        return _ranges(ranges[0], ranges[1])
    if isinstance(one, OneOf) and isinstance(other, OneOf):
        return _choices(one, other)
    return _lists(one, other) or _lists(other, one)


def _ranges(one: tuple[str, float, float], other: tuple[str, float, float]) -> str | None:
    (field, low, high), (field_too, low_too, high_too) = one, other
    if field != field_too:
        return None
    if max(low, low_too) > min(high, high_too):
        return "CONTRADICT"
    inside = (low >= low_too and high <= high_too) or (low_too >= low and high_too <= high)
    return "REPEAT" if inside else None


def _choices(one: OneOf, other: OneOf) -> str | None:
    if one.field != other.field:
        return None
    shared = set(one.values) & set(other.values)
    if not shared:
        return "CONTRADICT"
    return "REPEAT" if shared in (set(one.values), set(other.values)) else None


def _lists(wanted: Criterion, banned: Criterion) -> str | None:
    """Does a list have to name a code that another rule bans?"""
    if not (isinstance(wanted, ContainsAny) and isinstance(banned, Not)):
        return None
    part = banned.part
    if (
        isinstance(part, ContainsAny)
        and part.field == wanted.field
        and set(wanted.values) <= set(part.values)
    ):
        return "CONTRADICT"
    return None


def _span(criterion: Criterion) -> tuple[str, float, float] | None:
    if isinstance(criterion, Between):
        low = float("-inf") if criterion.minimum is None else criterion.minimum
        high = float("inf") if criterion.maximum is None else criterion.maximum
        return criterion.field, low, high
    if isinstance(criterion, Below):
        return criterion.field, float("-inf"), criterion.bound
    return None


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
    stuck = ""
    for _ in range(_STARTS):
        person: dict[str, Value] = {name: _draw(rng, name, tried) for name, tried in values.items()}
        failing = _failing(intervention, person)
        for _ in range(_STEPS):
            if not failing:
                return person, ""
            rule = rng.choice(failing)
            assert rule.test is not None
            field = rng.choice(rule.test.fields)
            changed = person | {field: _draw(rng, field, values[field])}
            after = _failing(intervention, changed)
            if len(after) <= len(failing):
                person, failing = changed, after
        stuck = failing[0].code if failing else stuck
    return None, stuck


def _draw(rng: random.Random, name: str, tried: Sequence[Value]) -> Value:
    if FIELDS[name].kind is Kind.CODES:
        return tuple(str(each) for each in rng.sample(tried, k=min(len(tried), rng.choice((0, 1, 1, 2)))))
    return rng.choice(tried)


def _failing(intervention: Intervention, person: Mapping[str, Value]) -> list[Rule]:
    return [
        rule for rule in intervention.rules if rule.test is not None and rule.test.holds(person) is not True
    ]


def _error(code: str, place: str, text: str) -> Finding:
    return Finding(severity=Severity.ERROR, code=code, place=place, text=text)
