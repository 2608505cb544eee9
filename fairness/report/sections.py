"""The eleven sections of the equality report and its annexes, from the result of an audit."""

from charts import Meaning, ValuePair, value_pairs
from fairness.characteristics import definitions
from fairness.compare import Comparison, GapReading, GroupStatus
from fairness.evidence import Grid
from fairness.findings import in_100, sentence
from fairness.measures import Measure, measures
from fairness.policy import Policy
from fairness.report.annexes import annexes
from fairness.report.blocks import (
    HIDDEN,
    compared_words,
    legend,
    measure_blocks,
    ratio_words,
    status_words,
)
from fairness.report.executive import first_screen
from fairness.report.model import (
    SYNTHETIC,
    Block,
    Bullets,
    Chart,
    EqualityReport,
    Folded,
    Pointers,
    ReportSection,
    Text,
)
from fairness.report.verdict import VERDICTS, test_words, verdict_words
from fairness.result import AuditResult
from fairness.rules import without_basis
from pages import PageTable

RULES, RULES_TABLE = "rules", "table-rules"


def build(result: AuditResult, *, policy: Policy) -> EqualityReport:
    """The report of an audit, ready to render."""
    marks = legend(policy.suppression_threshold)
    return EqualityReport(
        title="Equality report",
        subtitle=f"Release {result.bundle_version}, as of {result.as_of.day} {result.as_of:%B %Y}",
        verdict=VERDICTS[result.gate.state],
        verdict_words=verdict_words(result),
        legend=marks,
        notice=SYNTHETIC if result.synthetic else "",
        first=first_screen(result),
        sections=[
            ReportSection("1", "Summary for reviewers", [*_summary(result), Text(marks)]),
            ReportSection("2", "Decisions needed", _decisions(result)),
            ReportSection("3", "Coverage", _coverage(result, policy)),
            ReportSection(
                "4",
                "Risk flags",
                [*_flag_harm(), *_measures(result, 4, policy), *_grids(result, "4"), *_trade_off()],
            ),
            ReportSection("5", "Recommendations", [*_measures(result, 5, policy), *_grids(result, "5")]),
            ReportSection("6", "Intersections", _intersections(result)),
            ReportSection("7", "Proxy and flip tests", _tests(result)),
            ReportSection("8", "Human stage", _human(result, policy)),
            ReportSection("9", "Outcome funnel", [*_funnel(result), *_measures(result, 9, policy)]),
            ReportSection("10", "Sensitivity", _sensitivity(result)),
            ReportSection("11", "Alternatives", _alternatives(result)),
            *annexes(result, policy),
        ],
    )


def _summary(result: AuditResult) -> list[Block]:
    weak = [f"{each.title} ({each.why_not})" for each in result.coverage if not each.comparable]
    broken = [each.sentence for each in result.evidence.tests if not each.holds]
    blocks: list[Block] = [
        Text(
            "Signpost suggests interventions to practitioners and flags referrals that may not be completed. A practitioner "
            "decides. This report looks for harm to groups: whether they are offered less, wait longer, hear less often what "
            "could help, or are flagged wrongly."
        ),
    ]
    if result.findings:
        blocks.append(Bullets([each.sentence for each in result.findings[:5]]))
        if len(result.findings) > 5:
            blocks.append(Text(f"{len(result.findings) - 5} further disparities are in section 2."))
    else:
        blocks.append(
            Text(
                f"No gap that has to be explained or reformed was found; {compared_words(result.comparisons)}. Each comparison says where too few people "
                "were counted. Not finding a gap is not the same as there being none."
            )
        )
    if broken:
        blocks.append(Bullets(broken))
    if weak:
        blocks.append(Text(f"Could not be compared: {', '.join(weak)}.", "warning"))
    return blocks


def _decisions(result: AuditResult) -> list[Block]:
    gaps = [each for each in result.comparisons if each.reading is GapReading.GAP]
    moved = result.changes
    since = [
        (
            f"New since the register and the last report: {len(moved.new)}. Known: {len(moved.known)}. "
            f"No longer found: {len(moved.gone)}. Better: {len(moved.better)}. Worse: {len(moved.worse)}."
        )
    ]
    if moved.gone:
        since.append(f"No longer found: {', '.join(moved.gone)}.")
    rules = _rule_decisions(result)
    if not gaps:
        opening = "No disparity asks for a decision" + (", but rules of the catalogue do." if rules else ".")
        return [Text(opening), *rules, *(Text(words) for words in since)]
    rows = []
    for each in gaps:
        entry = result.register.disparities.get(each.id)
        trend = "Worse" if each.id in moved.worse else "Better" if each.id in moved.better else ""
        rows.append(
            [
                sentence(each),
                each.id,
                entry.status.replace("_", " ").capitalize() if entry else "New: explain or reform",
                entry.owner if entry else "Not named yet",
                entry.first_seen.isoformat() if entry else result.as_of.isoformat(),
                trend or ("New" if each.id in moved.new else "No change"),
                "Yes" if each.id in result.gate.disparities else "No",
            ]
        )
    columns = [
        "Disparity",
        "Name in the register",
        "Status",
        "Owner",
        "Since",
        "Movement",
        "Blocks the release",
    ]
    return [
        *(Text(words) for words in since),
        PageTable("Disparities to explain or reform", columns, rows),
        *rules,
    ]


def _rule_decisions(result: AuditResult) -> list[Block]:
    """Rules on a protected characteristic without a recorded legal basis."""
    lines = [
        f"{characteristic.capitalize()}: {rules} {'rule' if rules == 1 else 'rules'}, in {places} "
        f"{'intervention' if places == 1 else 'interventions'}."
        for grid in result.evidence.of("5")
        if grid.name == RULES
        for characteristic, (rules, places) in without_basis(grid).items()
    ]
    if not lines:
        return []
    return [
        Text(
            "These rules of the catalogue depend on a protected characteristic, and no legal basis is recorded for them. For "
            "each, record the basis or change the rule:"
        ),
        Pointers(lines, RULES_TABLE, "See the rules in section 5"),
    ]


def _coverage(result: AuditResult, policy: Policy) -> list[Block]:
    rows = [
        [
            each.title,
            each.duty,
            f"{each.people:,}",
            *(
                HIDDEN if share is None else in_100(share)
                for share in (each.recorded, each.prefer_not_to_say)
            ),
            "Yes" if each.comparable else f"No: {each.why_not}",
        ]
        for each in result.coverage
    ]
    columns = ["Characteristic", "Of the Equality Act", "People", "Recorded", "Prefer not to say", "Compared"]
    share = round(policy.recorded_share * 100)
    return [
        Text(
            "Not recorded and prefer not to say are different things, and both are shown. "
            f"Below {share} in 100 known, groups are shown and not compared."
        ),
        PageTable("What is recorded about people", columns, rows, frozenset({2, 3, 4})),
    ]


def _flag_harm() -> list[Block]:
    return [
        Text(
            "A flag offers support: timing, travel, format, contact. So the first harm is to miss somebody who could have "
            "been helped. The second is to flag a referral that was not at risk. This release made flags for three "
            "earlier days, and this section compares them with what then happened. The release learned from some of those "
            "referrals, so errors on new referrals may be larger than those shown."
        )
    ]


def _trade_off() -> list[Block]:
    return [
        Text(
            "Not every measure of parity can hold at once. Suppose that referrals of one group end without completion more "
            "often. A chance that means the same for everybody then gives that group more flags, and more flags on people "
            "who go on. Equal error rates would need different chances for two people with the same record. Signpost does "
            "not do that. Section 11 shows what it would cost."
        )
    ]


def _measures(result: AuditResult, section: int, policy: Policy) -> list[Block]:
    spec = definitions().characteristics
    blocks: list[Block] = []
    for measure in measures():
        if measure.section != section:
            continue
        mine = _of(result, measure)
        if not mine:
            blocks.append(
                Text(f"{measure.title}: nothing was counted, so nothing could be assessed.", "warning")
            )
        blocks.extend(measure_blocks(mine, spec, policy))
    return blocks


def _of(result: AuditResult, measure: Measure) -> list[Comparison]:
    return [each for each in result.comparisons if each.measure.id == measure.id]


LONG = ("offers-", "rules-by-", "calibration-by-band-")
"""Tables that are folded: the detail of what comes before them."""


def _grids(result: AuditResult, section: str) -> list[Block]:
    made: list[Block] = []
    for each in result.evidence.of(section):
        table = _grid(each)
        made.append(Folded(each.title, [table]) if each.name.startswith(LONG) else table)
    return made


def _grid(grid: Grid) -> PageTable:
    rows = [[_cell(cell) for cell in row] for row in grid.rows]
    numeric = frozenset(
        place
        for place in range(1, len(grid.columns))
        if all(not isinstance(row[place], str) for row in grid.rows)
    )
    return PageTable(grid.title, grid.columns, rows, numeric, f"table-{grid.name}")


def _cell(cell: str | float | None) -> str:
    if cell is None:
        return HIDDEN
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _intersections(result: AuditResult) -> list[Block]:
    crossed = [each for each in result.comparisons if " by " in each.characteristic]
    if not crossed:
        return [Text("No intersection could be compared.", "warning")]
    shown = [each for each in crossed if each.status is not GroupStatus.SUPPRESSED]
    gaps = [each for each in shown if each.reading is GapReading.GAP]
    blocks: list[Block] = [
        Text(
            f"Up to three characteristics were crossed for the main measures: {len(crossed):,} groups, of which "
            f"{len(crossed) - len(shown):,} are too small to publish. {len(gaps):,} show a gap."
        )
    ]
    names = dict.fromkeys((each.measure.title, each.characteristic) for each in shown)
    for title, characteristic in names:
        mine = [
            each for each in shown if (each.measure.title, each.characteristic) == (title, characteristic)
        ]
        rows = [
            [
                each.group,
                f"{each.people:,}",
                in_100(each.rate),
                ratio_words(*each.judged[:3]),
                status_words(each),
            ]
            for each in mine
        ]
        table = PageTable(
            f"{title}, {characteristic.replace('_', ' ')} (compared with {mine[0].reference})",
            ["Group", "Counted", "Rate", "Relative rate (95% interval)", "Reading"],
            rows,
            frozenset({1, 2, 3}),
        )
        has_gap = any(each.reading is GapReading.GAP for each in mine)
        blocks.append(table if has_gap else Folded(table.caption, [table]))
    return blocks


def _tests(result: AuditResult) -> list[Block]:
    made = result.evidence.tests
    if not made:
        return [Text("The tests of the bundle were not run.", "warning")]
    rows = [
        [
            test_words(each.name),
            "Holds" if each.holds else "DOES NOT HOLD",
            each.sentence,
        ]
        for each in made
    ]
    return [
        Text(
            "The release was tested through the code that serves. Flip: only a recorded characteristic was changed. Leakage: "
            "everything that became known later was taken away, then later rows were added. A test that does not hold fails the gate."
        ),
        PageTable("Tests of the release", ["Test", "Result", "What was done"], rows),
        *_grids(result, "7"),
    ]


def _human(result: AuditResult, policy: Policy) -> list[Block]:
    if not any(each.measure.section == 8 for each in result.comparisons):
        return [
            Text(
                "No decisions on suggestions are recorded yet, so what practitioners did with them could not be assessed. "
                "Human review is not evidence of fairness until it is measured.",
                "warning",
            )
        ]
    return [*_measures(result, 8, policy), *_grids(result, "8")]


def _funnel(result: AuditResult) -> list[Block]:
    rows = [
        [measure.title, f"{total:,}", f"{events:,}", in_100(events / total)]
        for measure in measures()
        if measure.section == 9 and measure.id in result.totals
        for events, total in [result.totals[measure.id]]
        if total
    ]
    return [
        PageTable(
            "From assessment to progress, everybody",
            ["Stage", "Counted", "With the event", "Rate"],
            rows,
            frozenset({1, 2, 3}),
        )
    ]


def _sensitivity(result: AuditResult) -> list[Block]:
    looked = [each for each in result.comparisons if each.measure.id in {"enforced", "fully_assessed"}]
    labels = [each for each in looked if each.reading is GapReading.GAP]
    blocks: list[Block] = [
        Text(
            "People decide the outcomes that the models learn from. If breach follows the same absence more often for one "
            "group, its ends without completion are counted too high. If needs are recorded less for a group, fewer "
            "interventions can be settled for it."
        )
    ]
    if labels:
        blocks.append(Bullets([sentence(each) for each in labels]))
    else:
        blocks.append(
            Text(
                f"No gap in recording or in enforcement was found that would bias the labels by group; {compared_words(looked)}."
            )
        )
    return [*blocks, *(Folded(each.title, [_grid(each)]) for each in result.evidence.of("10"))]


def _alternatives(result: AuditResult) -> list[Block]:
    grids = result.evidence.of("11")
    if not grids:
        return [Text("Too few referrals with a known outcome to test other ways of flagging.", "warning")]
    return [
        Text(
            "Other ways of flagging were fitted on earlier days and tested on the latest day, with as many flags as the "
            "release gives. To replace the release, an alternative must certainly miss fewer in the worst served group, at "
            "near-equal accuracy. A threshold for each group is shown only to say what parity would cost. It treats two "
            "people with the same record differently, so it may not be served."
        ),
        *(_weighed(grid, words) for grid, words in zip(grids, result.evidence.said("11"), strict=True)),
    ]


def _weighed(grid: Grid, words: str) -> Block:
    """The trade-off as a drawing and a table; the title says what is chosen and why."""
    place = {name: number for number, name in enumerate(grid.columns)}
    first, second = place["Missed in 100"], place["Missed in 100, worst served group"]
    near, served = place["Near-equal accuracy"], place["May be served"]
    pairs = [
        ValuePair(
            label=str(row[0]).removeprefix("fairlearn "),
            first=float(row[first] or 0),
            second=float(row[second] or 0),
            words="chosen"
            if not number
            else "never served"
            if row[served] != "Yes"
            else ""
            if row[near] == "Yes"
            else "less accurate",
            marked=number == 0,
        )
        for number, row in enumerate(grid.rows)
        if row[first] is not None and row[second] is not None
    ]
    names = ("missed in 100", "in the worst served group")
    said = f"Circle: {names[0]}. Diamond: {names[1]}. The table has the same numbers."
    meaning = Meaning(name=grid.name, title=words, description=said)
    return Chart(words, value_pairs(pairs, meaning, first=names[0], second=names[1]), _grid(grid))
