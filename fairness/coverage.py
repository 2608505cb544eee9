"""For how many people is each characteristic recorded, and can its groups be compared?"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from fairness.characteristics import NOT_RECORDED, PREFER_NOT_TO_SAY, Characteristic
from fairness.policy import Policy
from fairness.suppression import EVERYBODY, Cell, Ledger, group

PEOPLE = "people counted once"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """One characteristic: people counted, recorded, who prefer not to say, and whether it is compared.

    Shares are None where they would give a suppressed count away.
    """

    characteristic: str
    title: str
    duty: str
    people: int
    recorded: float | None
    prefer_not_to_say: float | None
    not_recorded: float | None
    comparable: bool
    why_not: str

    def as_dict(self) -> dict[str, object]:
        """For CSV and JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def coverage(
    people: pl.DataFrame, characteristics: Sequence[Characteristic], *, policy: Policy, ledger: Ledger
) -> tuple[Coverage, ...]:
    """Recording of every characteristic among `people` (one row a person, a text column each)."""
    counts: dict[str, dict[str, int]] = {}
    for each in characteristics:
        tallied = people.filter(pl.col(each.name).is_not_null()).group_by(each.name).len()
        counts[each.name] = dict(sorted((str(name), int(count)) for name, count in tallied.iter_rows()))
        cells: list[Cell] = []
        for name, count in counts[each.name].items():
            cell: Cell = (PEOPLE, group(**{each.name: name}))
            ledger.enter(cell, count, fine=each.detail_of is not None)
            cells.append(cell)
        if not each.only and cells:
            ledger.enter((PEOPLE, EVERYBODY), len(people))
            ledger.add_up((PEOPLE, EVERYBODY), cells)
    return tuple(_one(each, counts[each.name], policy, ledger) for each in characteristics)


def _one(each: Characteristic, counts: dict[str, int], policy: Policy, ledger: Ledger) -> Coverage:
    total = sum(counts.values())
    declined, absent = counts.get(PREFER_NOT_TO_SAY, 0), counts.get(NOT_RECORDED, 0)
    known = total - declined - absent
    groups = [name for name in counts if name not in {PREFER_NOT_TO_SAY, NOT_RECORDED}]
    comparable, why_not = True, ""
    if total == 0 or known / total < policy.recorded_share:
        comparable, why_not = False, f"known for less than {round(policy.recorded_share * 100)} in 100 people"
    elif len(groups) < 2:
        comparable, why_not = False, "only one group is recorded"

    def shown(name: str, count: int) -> float | None:
        if total == 0 or (name in counts and ledger.hidden((PEOPLE, group(**{each.name: name})))):
            return None
        return count / total

    pnts, none = shown(PREFER_NOT_TO_SAY, declined), shown(NOT_RECORDED, absent)
    recorded = None if pnts is None or none is None else (total - absent) / total
    return Coverage(
        characteristic=each.name, title=each.title, duty=each.duty, people=total, recorded=recorded,
        prefer_not_to_say=pnts, not_recorded=none, comparable=comparable, why_not=why_not,
    )  # fmt: skip
