"""A measure's comparisons as charts and tables."""

from collections.abc import Sequence

from charts import RATIOS, IntervalLine, Meaning, intervals
from fairness.characteristics import APART, Characteristic
from fairness.compare import Comparison, GapReading, GroupStatus
from fairness.findings import comparison_words, in_100, times
from fairness.policy import Policy
from fairness.report.model import Block, Bullets, Chart, Folded, Heading, Text
from pages import PageTable

HIDDEN, UNDEFINED, NOT_COMPARED = "[c]", "[x]", "[z]"
WORDS = {
    GapReading.GAP: "Gap",
    GapReading.SMALL: "Small difference",
    GapReading.ALIKE: "Evidence of no gap",
    GapReading.UNSURE: "A gap may be there: the numbers are too small to tell",
    GapReading.UNCLEAR: "No evidence of a gap",
}
SHORT = {**WORDS, GapReading.UNSURE: "A gap may be there"}
"""The same words on a line of a chart, where there is less room."""
MOST_SMALL = 2
"""When more groups than this are too small to publish, they share a row."""


def legend(threshold: int) -> str:
    """What do the marks in cells without a number mean?"""
    return (
        f"In the tables, {HIDDEN} is not published, because counts under {threshold} could say something about one "
        "person, or because the number would give such a count away. "
        f"{UNDEFINED} is not defined. {NOT_COMPARED} is not compared. "
        "In the CSV files these cells are empty, and the column “status” says why."
    )


def to_be_compared(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The groups to be compared: all but the comparison groups themselves and people not recorded."""
    return [each for each in comparisons if each.group not in {*APART, each.reference}]


def compared_words(comparisons: Sequence[Comparison]) -> str:
    """How many groups could be compared, not counting the comparison group and people not recorded."""
    groups = to_be_compared(comparisons)
    compared = sum(each.status is GroupStatus.COMPARED for each in groups)
    return f"{compared:,} of {len(groups):,} {'group' if len(groups) == 1 else 'groups'} could be compared"


def measure_blocks(
    comparisons: Sequence[Comparison], characteristics: Sequence[Characteristic], policy: Policy
) -> list[Block]:
    """All of one measure: a heading, then one chart with its table for each characteristic."""
    if not comparisons:
        return []
    measure = comparisons[0].measure
    blocks: list[Block] = [
        Heading(measure.title),
        Text(f"How many {measure.among} {measure.event}.{_harm_words(measure.harm)}"),
    ]
    lines: list[str] = []
    folded: list[Block] = []
    for characteristic in characteristics:
        mine = [each for each in comparisons if each.characteristic == characteristic.name]
        if not mine:
            continue
        made = chart(mine, characteristic.title, policy)
        if any(each.reading is GapReading.GAP for each in mine):
            blocks.append(made)
            continue
        folded.append(made)
        if characteristic.required:
            lines.append(_summary(mine, characteristic.title))
    if lines:
        blocks.append(Bullets(lines))
    if folded:
        blocks.append(Folded(f"{measure.title}: charts and numbers by {_counted(len(folded))}", folded))
    return blocks


def _counted(many: int) -> str:
    return "one characteristic" if many == 1 else f"{many} characteristics"


def _harm_words(harm: str) -> str:
    if harm == "either":
        return " A gap in either direction can disadvantage."
    return f" A {harm} rate disadvantages."


def chart(comparisons: Sequence[Comparison], title: str, policy: Policy) -> Chart | PageTable:
    """One characteristic: the drawing with its table, or the table alone where nothing can be compared."""
    drawn = [each for each in comparisons if each.status is GroupStatus.COMPARED and each.judged[0]]
    table = _table(comparisons, f"{comparisons[0].measure.title} by {title.lower()}")
    if not drawn:
        return table
    reference = drawn[0].reference
    headline = _headline(comparisons, title)
    name = f"{comparisons[0].measure.id}-{comparisons[0].measure.subject or 'all'}-{comparisons[0].characteristic}"
    drawing = intervals(
        [_line(each) for each in drawn],
        Meaning(
            name=name.replace(" ", "-"),
            title=headline,
            description=f"Relative rates over {reference}, with 95% intervals. The table has the same numbers.",
        ),
        scale=RATIOS,
        reference=(1.0, f"same as {reference}"),
        band=policy.band,
    )
    return Chart(headline, drawing, table)


def _line(each: Comparison) -> IntervalLine:
    ratio, lower, upper, _ = each.judged
    assert ratio is not None
    assert each.reading is not None
    return IntervalLine(
        label=each.group,
        value=ratio,
        lower=lower,
        upper=upper,
        words=SHORT[each.reading],
        marked=each.reading is GapReading.GAP,
    )


def _headline(comparisons: Sequence[Comparison], title: str) -> str:
    """The finding as the chart's title."""
    measure = comparisons[0].measure
    gaps = [each for each in comparisons if each.reading is GapReading.GAP]
    if gaps:
        worst = max(gaps, key=lambda each: abs(each.people_affected or 0))
        return f"{measure.title} by {title.lower()}. {worst.group}: {comparison_words(worst)}"
    return f"{measure.title} by {_summary(comparisons, title.lower())}"


def _summary(comparisons: Sequence[Comparison], title: str) -> str:
    """Where no gap is named: which of the other readings holds, and for how many groups."""
    compared = [each for each in comparisons if each.status is GroupStatus.COMPARED]
    if not compared:
        return f"{title}: nothing could be compared"
    if all(each.reading is GapReading.ALIKE for each in compared):
        words = "evidence of no gap in any group compared"
    elif unsure := [each.group for each in compared if each.reading is GapReading.UNSURE]:
        words = f"no gap is certain, but one may be there for {', '.join(unsure)}, and the numbers are too small to tell"
    else:
        words = "no gap to explain or reform was found"
    return f"{title}: {words} ({compared_words(comparisons)})"


def _table(comparisons: Sequence[Comparison], caption: str) -> PageTable:
    alike = comparisons[0].measure.alike
    unit = comparisons[0].measure.unit.capitalize()
    columns = [
        "Group", unit, "With the event", "Rate (95% interval)", "Relative rate (95% interval)",
        *(["Among people alike (95% interval)"] if alike else []), "Smallest gap that would have shown", "Reading",
    ]  # fmt: skip
    small = [each for each in comparisons if each.status is GroupStatus.SUPPRESSED]
    together = small if len(small) > MOST_SMALL else []
    rows = [_row(each, alike=alike) for each in comparisons if each not in together]
    if together:
        rows.append([", ".join(each.group for each in together), *_row(together[0], alike=alike)[1:]])
    return PageTable(caption, columns, rows, frozenset(range(1, len(columns) - 1)))


def _row(each: Comparison, *, alike: bool) -> list[str]:
    if each.status is GroupStatus.SUPPRESSED:
        return [each.group, *([HIDDEN] * (6 if alike else 5)), "Too few to publish"]
    group = f"{each.group} (comparison group)" if each.status is GroupStatus.REFERENCE else each.group
    compared = each.status in {GroupStatus.COMPARED, GroupStatus.UNDEFINED}
    rate = (
        UNDEFINED
        if each.rate is None
        else f"{in_100(each.rate)} ({_limits(each.rate_lower, each.rate_upper, 100)})"
    )
    gap = each.minimum_detectable_gap
    return [
        group,
        f"{each.people:,}",
        f"{each.count:,}",
        rate,
        ratio_words(each.ratio, each.ratio_lower, each.ratio_upper) if compared else NOT_COMPARED,
        *(
            [ratio_words(each.alike_ratio, each.alike_lower, each.alike_upper) if compared else NOT_COMPARED]
            if alike
            else []
        ),
        NOT_COMPARED if not compared else UNDEFINED if gap is None else f"{gap * 100:.1f} in 100",
        status_words(each),
    ]


def status_words(each: Comparison) -> str:
    """What can be said about the group, in a few words."""
    if each.reading is not None:
        return WORDS[each.reading]
    return {
        GroupStatus.REFERENCE: "Comparison group",
        GroupStatus.SHOWN: "Shown, not compared",
        GroupStatus.LITTLE_RECORDED: "Recorded for too few to compare",
        GroupStatus.UNDEFINED: "Not defined: it happened to nobody in the comparison group",
        GroupStatus.SUPPRESSED: "Too few to publish",
        GroupStatus.COMPARED: "Compared",
    }[each.status]


def ratio_words(ratio: float | None, lower: float | None, upper: float | None) -> str:
    """A relative rate with its interval."""
    if ratio is None:
        return UNDEFINED
    reach = (
        f"{times(lower) if lower is not None else '0'} to {times(upper) if upper is not None else 'no limit'}"
    )
    return f"{times(ratio)} ({reach})"


def _limits(lower: float | None, upper: float | None, scale: int) -> str:
    if lower is None or upper is None:
        return UNDEFINED
    return f"{lower * scale:.1f} to {upper * scale:.1f}"
