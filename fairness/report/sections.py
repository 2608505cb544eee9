"""The eleven sections of the equality report and its annexes, from the result of an audit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fairness.characteristics import definitions
from fairness.compare import Comparison, Reading
from fairness.findings import in_100, sentence
from fairness.measures import measures
from fairness.policy import Policy
from fairness.register import Register
from fairness.report.blocks import HIDDEN, measure_blocks
from fairness.report.model import Block, Bullets, Report, Section, Table, Text

if TYPE_CHECKING:
    from fairness.audit import AuditResult

VERDICTS = {
    "PASS": "The gate passes",
    "FAIL": "The gate fails",
    "INSUFFICIENT_DATA": "Not enough data to pass the gate",
}


def build(result: "AuditResult", *, policy: Policy, entries: Register) -> Report:
    """The report of an audit, ready to render."""
    return Report(
        title="Equality report",
        subtitle=f"Release {result.bundle_version}, as of {result.as_of.day} {result.as_of:%B %Y}",
        verdict=VERDICTS[result.gate.state],
        verdict_words=_verdict_words(result),
        sections=[
            Section("1", "Summary for reviewers", _summary(result)),
            Section("2", "Decisions needed", _decisions(result, entries)),
            Section("3", "Coverage", _coverage(result, policy)),
            Section("4", "Risk flags", _measures(result, 4, policy)),
            Section("5", "Recommendations", _measures(result, 5, policy)),
            Section("9", "Outcome funnel", _measures(result, 9, policy)),
            Section("A", "Method", _method(result, policy)),
        ],
    )


def _verdict_words(result: "AuditResult") -> str:
    gate = result.gate
    if gate.state == "FAIL":
        return (
            f"{len(gate.disparities)} disparities stand in the way of this release. Each has to be explained, with a "
            "signed argument in the register, or reformed."
        )
    if gate.state == "INSUFFICIENT_DATA":
        return f"These comparisons could not be made: {', '.join(gate.insufficient)}. They can be lifted by name only."
    return "No disparity stands in the way of this release. The gaps named below are still to be explained or reformed."


def _summary(result: "AuditResult") -> list[Block]:
    top = [each.sentence for each in result.findings[:5]]
    weak = [each.title for each in result.coverage if not each.comparable]
    blocks: list[Block] = [
        Text(
            "Signpost suggests interventions to practitioners and flags referrals that may not be completed. A practitioner "
            "decides. The harm looked for: people of some groups being offered less, reached later, told less often what "
            "could help, or flagged wrongly."
        ),
    ]
    if top:
        blocks.append(Bullets(top))
    else:
        blocks.append(
            Text(
                "No gap that has to be explained or reformed was found. Where too few people were counted, that is said beside each comparison: not finding a gap is not the same as there being none."
            )
        )
    if weak:
        blocks.append(Text(f"Could not be compared: {', '.join(weak).lower()}.", "warning"))
    return blocks


def _decisions(result: "AuditResult", entries: Register) -> list[Block]:
    gaps = [each for each in result.comparisons if each.reading is Reading.GAP]
    if not gaps:
        return [Text("No disparity asks for a decision.")]
    rows = []
    for each in gaps:
        entry = entries.disparities.get(each.id)
        rows.append(
            [
                sentence(each),
                each.id,
                entry.status.replace("_", " ").capitalize() if entry else "New: explain or reform",
                entry.owner if entry else "Not named yet",
                entry.first_seen.isoformat() if entry else result.as_of.isoformat(),
                "Yes" if each.id in result.gate.disparities else "No",
            ]
        )
    columns = ["Disparity", "Name in the register", "Status", "Owner", "Since", "Blocks the release"]
    return [Table("Disparities to explain or reform", columns, rows)]


def _coverage(result: "AuditResult", policy: Policy) -> list[Block]:
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
    return [
        Text(
            f"Not recorded and prefer not to say are different things, and both are shown. Below {round(policy.recorded_share * 100)} in 100 known, groups are shown and not compared."
        ),
        Table("What is recorded about people", columns, rows, frozenset({2, 3, 4})),
    ]


def _measures(result: "AuditResult", section: int, policy: Policy) -> list[Block]:
    spec = definitions().characteristics
    blocks: list[Block] = []
    for measure in measures():
        if measure.section != section:
            continue
        mine: Sequence[Comparison] = [each for each in result.comparisons if each.measure.id == measure.id]
        if not mine:
            blocks.append(Text(f"{measure.title}: nothing was counted.", "warning"))
        blocks.extend(measure_blocks(mine, spec, policy))
    return blocks


def _method(result: "AuditResult", policy: Policy) -> list[Block]:
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
                "A relative rate is a group's rate over the rate of a named comparison group. Intervals are exact (conditional on the total) for small counts and of Wald's kind for large ones; where people have several rows they are widened for it.",
                "Among people alike: the same, within need band, risk band, sentence type and region (Mantel-Haenszel).",
                f"A gap is named where the interval lies wholly outside {low:g} to {high:g}, the p-value adjusted over the whole report (Benjamini-Hochberg) is under {1 - policy.confidence:.2g}, and it touches at least {policy.practical_points * 100:g} in 100 and {policy.practical_people:g} people.",
                f"Counts under {policy.suppression_threshold} are not published, nor any from which they could be worked out, nor anything derived from them.",
            ]
        ),
        Table(
            "Agreement with fairlearn's MetricFrame on the same rows",
            ["Measure", "Rates compared", "Undefined here", "Largest difference", "Agrees to 1e-12"],
            rows,
            frozenset({1, 2, 3}),
        ),
    ]
