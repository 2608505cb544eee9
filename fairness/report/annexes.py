"""The annexes of the equality report: method, impact assessment, data protection, transparency."""

from fairness.characteristics import definitions
from fairness.compare import GapReading, GroupStatus
from fairness.findings import in_100
from fairness.measures import measures
from fairness.policy import Policy
from fairness.report.blocks import HIDDEN
from fairness.report.model import Block, Bullets, Folded, Heading, ReportSection, Text
from fairness.result import AuditResult
from pages import PageTable


def annexes(result: AuditResult, policy: Policy) -> list[ReportSection]:
    """Sections A to D."""
    return [
        ReportSection("A", "Method", _method(result, policy)),
        ReportSection("B", "Equality impact assessment: skeleton", _impact(result)),
        ReportSection("C", "Evidence for the data protection impact assessment", _protection(result, policy)),
        ReportSection("D", "Transparency record: performance by group", _transparency(result)),
    ]


def _method(result: AuditResult, policy: Policy) -> list[Block]:
    rows = [
        [
            name,
            f"{each.compared:,}",
            f"{each.undefined:,}",
            f"{each.largest_difference:.1e}",
            "Yes" if each.agrees else "No",
        ]
        for name, each in sorted(result.agreement.items())
    ]
    low, high = policy.band
    return [
        Bullets(
            [
                "A relative rate is a group's rate over the rate of a named comparison group. Intervals are exact (conditional on the total) for small counts and Wald for large ones. They are wider where people have several rows.",
                "Among people alike: the same, within need band, risk band, sentence type and region, or what the measure names (Mantel-Haenszel).",
                f"A gap is named where the interval lies wholly outside {low:g} to {high:g}, the p-value adjusted over the whole report (Benjamini-Hochberg) is under {1 - policy.confidence:.2g}, and it affects at least {policy.practical_points * 100:g} in 100 and {policy.practical_people:g} people.",
                f"The smallest gap that would have shown is the one that these numbers of people reveal {round(policy.power * 100)} times in 100.",
                "“No evidence of a gap” says that none was seen; “a gap may be there” says that the relative rate lies outside the band and the numbers are too small to be sure; “evidence of no gap” says that the whole interval lies inside the band.",
                f"Counts under {policy.suppression_threshold} are not published. Nor are counts from which they could be worked out, or anything derived from them. The same holds on this page, in the CSV and JSON files and in the workbook.",
                "To compare flags with what followed, the release makes flags for three fixed days before the audit. It may have learned from some of those days, so these rates may look better than they will be on new referrals.",
                "A rate that is not defined is not shown as 0. People who are not recorded are shown as a group.",
            ]
        ),
        PageTable(
            "Agreement with fairlearn's MetricFrame on the same rows",
            ["Measure", "Rates compared", "Undefined here", "Largest difference", "Agrees to 1e-12"],
            rows,
            frozenset({1, 2, 3}),
        ),
    ]


def _impact(result: AuditResult) -> list[Block]:
    """What an equality impact assessment asks, filled in with what is known."""
    rows = []
    for each in result.coverage:
        if each.duty == "none":
            continue
        mine = [other for other in result.comparisons if other.characteristic == each.characteristic]
        gaps = [other for other in mine if other.reading is GapReading.GAP]
        alike = sum(other.reading is GapReading.ALIKE for other in mine)
        unsure = sum(other.reading is GapReading.UNSURE for other in mine)
        unclear = sum(other.reading is GapReading.UNCLEAR for other in mine)
        rows.append(
            [
                each.title,
                HIDDEN if each.recorded is None else in_100(each.recorded),
                f"{len(gaps)}",
                f"{unsure}",
                f"{alike}",
                f"{unclear}",
                "To be completed by the owner" if gaps else "None found that needs a decision",
            ]
        )
    columns = [
        "Characteristic",
        "Recorded",
        "Gaps",
        "A gap may be there",
        "Evidence of no gap",
        "No evidence either way",
        "Explanation or change",
    ]
    return [
        Text(
            "The owner records due regard to the three aims of the duty (Equality Act 2010, section 149). The numbers are filled in."
        ),
        PageTable("Impact by characteristic", columns, rows, frozenset({1, 2, 3, 4, 5})),
        Heading("To be completed"),
        Bullets(
            [
                "Eliminate discrimination: for each gap, explain or reform (section 2), with the legal basis of rules that turn on a characteristic (section 5).",
                "Advance equality of opportunity: travel, waiting and availability by sex and disability (section 9).",
                "Foster good relations: who was consulted, and what changed.",
            ]
        ),
    ]


def _protection(result: AuditResult, policy: Policy) -> list[Block]:
    holding = sum(each.holds for each in result.evidence.tests)
    return [
        Bullets(
            [
                "Only the audit reads characteristics, from a table of their own. What scores has no access to them, and the service refuses them.",
                f"Tests of the release that hold: {holding} of {len(result.evidence.tests)} (section 7).",
                f"Counts under {policy.suppression_threshold} are suppressed, with secondary and derived suppression.",
                "Signpost decides nothing alone. Nothing is selected in advance, the practitioner gives a reason for accepting and for departing, and the person can contest.",
            ]
        )
    ]


def _transparency(result: AuditResult) -> list[Block]:
    chosen = [each for each in measures() if each.id in {"suggested", "missed", "flagged_wrongly"}]
    titles = {each.name: each.title for each in definitions().characteristics if each.required}
    rows = [
        [
            measure.title,
            titles[each.characteristic],
            each.group,
            HIDDEN if each.status is GroupStatus.SUPPRESSED else in_100(each.rate),
        ]
        for measure in chosen
        for each in result.comparisons
        if each.measure.id == measure.id and each.characteristic in titles
    ]
    table = PageTable(
        "Performance by group", ["Measure", "Characteristic", "Group", "Rate"], rows, frozenset({3})
    )
    return [
        Text("For the public record of the tool: how it performs for each group."),
        Folded(table.caption, [table]),
    ]
