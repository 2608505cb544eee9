"""Which rules of the catalogue turn on a protected characteristic, and which rule removes which group?

Rules are audited like everything else: a rule may be lawful, and its effect on a group still has
to be seen. Rules on a characteristic that is not to be recorded (sexual orientation) are questions
for the practitioner, never filters.
"""

import hashlib
from collections import defaultdict
from datetime import date

import polars as pl

from catalogue import Catalogue
from catalogue.eligibility import Outcome, evaluate
from catalogue.fields import FIELDS, Subject
from fairness.characteristics import APART, Characteristic
from fairness.evidence import Grid
from features.histories import Histories

PEOPLE = 1500


def protected_rules(catalogue: Catalogue) -> Grid:
    """Every rule that turns on a protected characteristic, with its legal basis."""
    found: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for each in catalogue.interventions:
        for rule in each.criteria:
            if rule.characteristic is None:
                continue
            key = (
                rule.characteristic.replace("_", " "),
                rule.code.replace("_", " ").capitalize(),
                rule.kind.value.replace("_", " ").capitalize(),
                rule.legal_basis or "None recorded: needs a decision",
            )
            found[key].append(each.name)
    rows: list[list[str | float | int | None]] = [
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
    characteristic: Characteristic,
    *,
    as_of: date,
    threshold: int,
) -> Grid:
    """For each rule: of 100 pairs of person and intervention, how many does it rule out, by group?

    From a sample of people chosen by a hash of the crn; `people` has one row a person with the groups.
    Groups of fewer people than `threshold` are left out, and so are rules that remove nobody.
    """
    from features import subject

    chosen = sorted(people["crn"].to_list(), key=lambda crn: hashlib.sha256(crn.encode()).digest())[:PEOPLE]
    kept = people.filter(pl.col("crn").is_in(chosen) & ~pl.col(characteristic.name).is_in(list(APART)))
    counts = dict(kept[characteristic.name].value_counts().iter_rows())
    groups = [name for name in characteristic.order if counts.get(name, 0) >= 5 * threshold]
    kept = kept.filter(pl.col(characteristic.name).is_in(groups)).sort("crn")
    points = kept.select("crn", as_of=pl.lit(as_of))
    subjects = subject.subjects(histories, points)
    removed: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(groups, 0))
    for row, group in zip(subjects.iter_rows(named=True), kept[characteristic.name], strict=True):
        facts: Subject = {
            name: tuple(v) if isinstance(v, list) else v for name, v in row.items() if name in FIELDS
        }
        for eligibility in evaluate(facts, catalogue, as_of=as_of):
            for code in {
                r.code for r in eligibility.reasons if r.outcome is Outcome.NOT_MET and r.kind.value == "RULE"
            }:
                removed[code][group] += 1
    pairs = {name: counts[name] * len(catalogue.interventions) for name in groups}
    rows: list[list[str | float | int | None]] = []
    for code, by_group in removed.items():
        shares = [
            None if by_group[name] < threshold else round(100 * by_group[name] / pairs[name], 1)
            for name in groups
        ]
        if any(share is not None for share in shares):
            rows.append([code.replace("_", " ").capitalize(), *shares])
    rows.sort(key=lambda row: (-max(float(share) for share in row[1:] if share is not None), str(row[0])))
    return Grid(
        name=f"rules-by-{characteristic.name}",
        title=f"What rules out how much, by {characteristic.title.lower()} (of 100 pairs of person and intervention; sample of {len(kept):,} people)",
        columns=["Rule", *groups],
        rows=rows,
    )
