"""Would the findings hold if the records were wrong: outcomes decided unfairly, needs not recorded, changes over time?

* **Biased labels**: the ends that models learn from are decided by people. How many of a group's ends without
  completion would have to be wrong before its relative rate of completion left, or came back into, the band?
* **Missing needs**: the comparison of what is suggested, among people whose needs are all recorded.
* **Drift**: the flags of each earlier day by itself. A gap that comes and goes with the day is not the same as one that stays.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from catalogue.fields import CRIMINOGENIC
from fairness import compare, statistics
from fairness.characteristics import APART, Characteristic
from fairness.compare import Comparison, GroupStatus
from fairness.evidence import Grid, GridRows
from fairness.measures import Measure
from fairness.policy import Policy
from features.histories import Histories

WRONG = (0.05, 0.10, 0.20)
"""Shares of a group's ends without completion that are assumed to be wrong, one share at a time."""


def labels(
    comparisons: Sequence[Comparison], characteristics: Sequence[Characteristic], policy: Policy
) -> Grid:
    """What the relative rate of completion would be, had some of a group's ends been wrong."""
    titles = {each.name: each.title for each in characteristics}
    rows: GridRows = []
    for each in comparisons:
        if (
            each.measure.id != "completed"
            or each.characteristic not in titles
            or each.status is not GroupStatus.COMPARED
        ):
            continue
        ratio = each.judged[0]
        if ratio is None or not each.count or not each.people:
            continue
        rest = each.people - each.count
        moved = [ratio * (each.count + share * rest) / each.count for share in WRONG]
        rows.append(
            [
                titles[each.characteristic], each.group, each.reference, round(ratio, 2),
                *(round(number, 2) for number in moved), _tipping(ratio, each.count, rest, policy.band),
            ]
        )  # fmt: skip
    return Grid(
        name="sensitivity-labels",
        title="Biased labels: relative rates of completion, had some ends without completion been wrong for the group alone",
        columns=[
            "Characteristic", "Group", "Comparison group", "As recorded",
            *(f"If {round(100 * share)} in 100 were wrong" for share in WRONG), "What would change the reading",
        ],
        rows=rows,
    )  # fmt: skip


def _tipping(ratio: float, count: int, rest: int, band: tuple[float, float]) -> str:
    """The share of ends that would have to be wrong for the ratio to cross the band's edge."""
    edge = band[0] if ratio < band[0] else band[1]
    needed = (edge / ratio - 1) * count / rest if rest else 2.0
    if ratio > band[1]:
        return "None: the group completes more often already"
    if needed > 1:
        return "None: not even if all were wrong"
    return f"{'Back inside' if ratio < band[0] else 'Out of'} the band if {max(1, round(100 * needed))} in 100 were wrong"


def fully_recorded(frame: pl.DataFrame, histories: Histories) -> pl.Series:
    """Whether every need is answered in a person's latest assessment; one value a row of the frame."""
    latest = (
        histories.table("assessments")
        .sort("completed_on", "crn")
        .group_by("crn")
        .last()
        .select("crn", full=pl.all_horizontal(pl.col(name).is_not_null() for name in CRIMINOGENIC))
        .collect()
    )
    joined = frame.select("crn").join(latest, on="crn", how="left", maintain_order="left")
    return joined["full"].fill_null(value=False)


def needs(
    frame: pl.DataFrame,
    full: pl.Series,
    measures: Sequence[Measure],
    characteristics: Sequence[Characteristic],
    policy: Policy,
) -> Grid:
    """Relative rates among everybody, and among people whose needs are all recorded.

    A row is left out where either part is small: it could be worked out from the other two.
    """
    inner, outer = frame.filter(full), frame.filter(~full)
    rows: GridRows = []
    for measure in measures:
        for each in characteristics:
            whole, part, rest = (
                {found.group: found for found in compare.compare(
                    some, measure, each, policy=policy, conditions=measure.conditions
                )}
                for some in (frame, inner, outer)
            )  # fmt: skip
            for name, found in whole.items():
                both = [part.get(name), rest.get(name)]
                if found.status is not GroupStatus.COMPARED or not _enough([found, *both], policy):
                    continue
                rows.append(
                    [measure.title, each.title, name, found.reference, _words(found), _words(both[0])]
                )
    return Grid(
        name="sensitivity-needs",
        title="Missing needs: relative rates among everybody, and among people whose needs are all recorded",
        columns=["Measure", "Characteristic", "Group", "Comparison group", "Everybody", "All needs recorded"],
        rows=rows,
    )


def _enough(found: Sequence[Comparison | None], policy: Policy) -> bool:
    least = policy.suppression_threshold
    for each in found:
        if each is None or each.status is not GroupStatus.COMPARED or each.reference != found[0].reference:  # type: ignore[union-attr]
            return False
        counts = (each.count, each.people, each.reference_count, each.reference_people)
        a, n_a, b, n_b = (number or 0 for number in counts)
        if min(a, n_a - a, b, n_b - b) < least:
            return False
    return True


def _words(each: Comparison | None) -> str | None:
    if each is None or each.judged[0] is None:
        return None
    ratio, lower, upper, _ = each.judged
    if lower is None or upper is None:
        return f"{ratio:.2f}"
    return f"{ratio:.2f} ({lower:.2f} to {upper:.2f})"


def drift(frame: pl.DataFrame, characteristics: Sequence[Characteristic], policy: Policy) -> Grid:
    """The flags of each earlier day by itself: how many flagged, how many missed, what happened over what was told.

    `frame` has one row a referral and day: as_of, flagged, failed, chance and the groups. A group is left out where
    any day of it is small: a day could be worked out from the others.
    """
    days: list[date] = frame["as_of"].unique().sort().to_list()
    rows: GridRows = []
    for each in characteristics:
        known = frame.filter(pl.col(each.name).is_not_null() & ~pl.col(each.name).is_in(list(APART)))
        tallied = known.group_by(each.name, "as_of").agg(
            n=pl.len(), flagged=pl.col("flagged").sum(), failed=pl.col("failed").sum(),
            missed=(pl.col("failed") & ~pl.col("flagged")).sum(), told=pl.col("chance").sum(),
        )  # fmt: skip
        found = {(str(row[each.name]), row["as_of"]): row for row in tallied.iter_rows(named=True)}
        for name in [*dict.fromkeys([*each.order, *sorted({group for group, _ in found})])]:
            mine = [found.get((name, day)) for day in days]
            if any(row is None or _smallest(row) < policy.suppression_threshold for row in mine):
                continue
            rows.extend(_day(each.title, name, row) for row in mine if row is not None)
    return Grid(
        name="sensitivity-drift",
        title="Drift: the flags of each earlier day by itself",
        columns=[
            "Characteristic", "Group", "Day", "Open referrals", "Flagged in 100",
            "Missed in 100 that then ended (95% interval)", "Happened over told",
        ],
        rows=rows,
    )  # fmt: skip


def _smallest(row: Mapping[str, int]) -> int:
    caught = row["failed"] - row["missed"]
    wrongly = row["flagged"] - caught
    left = row["n"] - row["failed"] - wrongly
    return min(row["missed"], caught, wrongly, left)


def _day(title: str, name: str, row: Mapping[str, int]) -> list[str | float | int | None]:
    share, lower, upper = statistics.rate(row["missed"], row["failed"])
    assert share is not None
    assert lower is not None
    assert upper is not None
    return [
        title, name, str(row["as_of"]), row["n"], round(100 * row["flagged"] / row["n"], 1),
        f"{100 * share:.0f} ({100 * lower:.0f} to {100 * upper:.0f})",
        round(row["failed"] / row["told"], 2) if row["told"] else None,
    ]  # fmt: skip
