"""Which rules of the catalogue turn on a protected characteristic, and which rule removes which group?

Rules are audited like everything else: a rule may be lawful, and its effect on a group still has
to be seen. Rules on a characteristic that is not to be recorded (sexual orientation) are questions
for the practitioner, never filters.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import cast

import polars as pl

from catalogue import Catalogue, messages
from catalogue.eligibility import evaluate
from catalogue.fields import FIELDS, Subject
from catalogue.intervention import RuleKind
from catalogue.plan import Outcome
from fairness.characteristics import APART, Characteristic
from fairness.evidence import Grid, GridRows
from features.histories import Histories

PEOPLE = 800
NO_BASIS = "None recorded: needs a decision"
ANY = {
    "minimum": "a set level",
    "offence": "certain",
    "pathway": "named",
    "programmes": "the named programmes",
    "setting": "in certain settings",
}
"""What stands for a value of a rule that differs between interventions."""


def rule_words(code: str, catalogue: Catalogue) -> str:
    """A rule as the catalogue says it, without the values that differ between interventions."""
    said = {each.statement for each in catalogue.plan.rules if each.rule.code == code}
    if len(said) == 1:
        return said.pop()
    sentences = messages.load().rules[code]
    words = sentences.rule or sentences.not_met
    return words.format(**{name: ANY.get(name, "a set value") for name in messages.placeholders(words)})


def without_basis(grid: Grid) -> dict[str, tuple[int, int]]:
    """How many rules by which characteristic have no legal basis on record, and in how many interventions they stand."""
    found: dict[str, tuple[int, int]] = {}
    for characteristic, _, _, basis, interventions, _ in grid.rows:
        if basis == NO_BASIS:
            rules, places = found.get(str(characteristic), (0, 0))
            found[str(characteristic)] = (rules + 1, places + int(interventions or 0))
    return found


def protected_rules(catalogue: Catalogue) -> Grid:
    """Every rule that turns on a protected characteristic, with its legal basis."""
    found: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for each in catalogue.interventions:
        for rule in each.criteria:
            if rule.characteristic is None:
                continue
            key = (
                rule.characteristic.replace("_", " "),
                rule_words(rule.code, catalogue),
                rule.kind.value.replace("_", " ").capitalize(),
                rule.legal_basis or NO_BASIS,
            )
            found[key].append(each.name)
    rows: GridRows = [
        [*key, len(names), "; ".join(names[:4]) + ("; and others" if len(names) > 4 else "")]
        for key, names in sorted(found.items())
    ]
    columns = ["Characteristic", "Rule", "Kind", "Legal basis", "Interventions", "For example"]
    return Grid(
        name="rules", title="Rules that turn on a protected characteristic", columns=columns, rows=rows
    )


def removals(
    histories: Histories,
    catalogue: Catalogue,
    people: pl.DataFrame,
    characteristics: Sequence[Characteristic],
    *,
    as_of: date,
    threshold: int,
) -> list[Grid]:
    """For each rule: of 100 pairs of person and intervention, how many does it rule out, by group?

    From a sample of people chosen by a hash of the crn; `people` has one row a person with the groups.
    One table a characteristic. Groups of few people are left out, and so are rules that remove nobody.
    """
    from features import subject

    chosen = sorted(people["crn"].to_list(), key=lambda crn: hashlib.sha256(crn.encode()).digest())[:PEOPLE]
    kept = people.filter(pl.col("crn").is_in(chosen)).sort("crn")
    subjects = subject.subjects(histories, kept.select("crn", as_of=pl.lit(as_of)))
    failed = [_failed(row, catalogue, as_of) for row in subjects.iter_rows(named=True)]
    pairs = len(catalogue.interventions)
    words = {code: rule_words(code, catalogue) for code in sorted({code for each in failed for code in each})}
    said = [Counter({words[code]: times for code, times in each.items()}) for each in failed]
    return [_by_group(each, kept[each.name].to_list(), said, pairs, threshold) for each in characteristics]


def _failed(row: Mapping[str, object], catalogue: Catalogue, as_of: date) -> Counter[str]:
    """How many interventions each rule rules out for one person."""
    facts = {name: tuple(v) if isinstance(v, list) else v for name, v in row.items() if name in FIELDS}
    found: Counter[str] = Counter()
    for eligibility in evaluate(cast("Subject", facts), catalogue, as_of=as_of):
        reasons = (each for each in eligibility.reasons if each.kind is RuleKind.RULE)
        found.update({each.code for each in reasons if each.outcome is Outcome.NOT_MET})
    return found


def _by_group(
    characteristic: Characteristic,
    groups: list[str],
    failed: list[Counter[str]],
    pairs: int,
    threshold: int,
) -> Grid:
    people = Counter(group for group in groups if group not in APART)
    shown = [
        name
        for name in dict.fromkeys([*characteristic.order, *sorted(people)])
        if people[name] >= 5 * threshold
    ]
    removed: dict[str, Counter[str]] = defaultdict(Counter)
    for group, codes in zip(groups, failed, strict=True):
        for rule, times in codes.items():
            removed[rule][group] += times
    rows: GridRows = []
    for rule, by_group in removed.items():
        shares = [
            None if by_group[name] < threshold else round(100 * by_group[name] / (people[name] * pairs), 1)
            for name in shown
        ]
        if any(share is not None for share in shares):
            rows.append([rule, *shares])
    rows.sort(key=lambda row: (-max(float(share) for share in row[1:] if share is not None), str(row[0])))
    counted = sum(people[name] for name in shown)
    return Grid(
        name=f"rules-by-{characteristic.name}",
        title=(
            f"What rules out how much, by {characteristic.title.lower()}: of 100 pairs of person and intervention "
            f"(sample of {counted:,} people)"
        ),
        columns=["Rule", *shown],
        rows=rows,
    )
