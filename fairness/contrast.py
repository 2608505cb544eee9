"""How does one stage's disparity compare with another's: history and model, before and after the human?"""

from collections.abc import Sequence

from fairness.compare import Comparison, GroupStatus
from fairness.evidence import Grid, GridRows


def side_by_side(
    comparisons: Sequence[Comparison],
    *,
    first: str,
    second: str,
    name: str,
    title: str,
    heads: tuple[str, str],
) -> Grid:
    """The judged relative rate of two measures, group by group, where both could be compared."""
    found = {
        (each.characteristic, each.group, each.reference): each
        for each in comparisons
        if each.measure.id == first and each.status is GroupStatus.COMPARED
    }
    rows: GridRows = []
    for each in comparisons:
        other = found.get((each.characteristic, each.group, each.reference))
        if each.measure.id != second or each.status is not GroupStatus.COMPARED or other is None:
            continue
        rows.append(
            [
                each.characteristic.replace("_", " ").capitalize(),
                each.group,
                each.reference,
                _words(other),
                _words(each),
            ]
        )
    return Grid(
        name=name,
        title=title,
        columns=["Characteristic", "Group", "Comparison group", *heads],
        rows=rows,
    )


def _words(each: Comparison) -> str | None:
    ratio, lower, upper, _ = each.judged
    if ratio is None or lower is None:
        return None
    return f"{ratio:.2f} ({lower:.2f} to {'no limit' if upper is None else format(upper, '.2f')})"
