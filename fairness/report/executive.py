"""The first screen of the report: what was found, what could not be assessed, what was counted, what is asked."""

from collections.abc import Sequence

from fairness.compare import Comparison, GapReading, GroupStatus
from fairness.findings import counted, times
from fairness.report.blocks import compared_words, to_be_compared
from fairness.report.model import Block, Bullets, Part, Pointers, Text
from fairness.result import AuditResult
from fairness.rules import without_basis

MOST = 3


def first_screen(result: AuditResult) -> list[Part]:
    """Four short parts that fit on one screen."""
    return [
        Part("Found", _found(result)),
        Part("Could not be assessed", [Bullets(_not_assessed(result))]),
        Part("How many were looked at", [Bullets(_looked_at(result))]),
        Part("Asked of you", _asked(result)),
    ]


def short(each: Comparison) -> str:
    """A gap in one line: who, what, how large, how many people."""
    ratio, lower, upper, _ = each.judged
    assert ratio is not None
    reach = f" ({times(lower)} to {times(upper)})" if lower is not None and upper is not None else ""
    affected = each.people_affected or 0
    more = "more" if affected > 0 else "fewer"
    return (
        f"{each.measure.title}: {each.group}, {times(ratio)} times the rate of {each.reference}{reach}; "
        f"{counted(abs(affected))} {more} than at the same rate."
    )


def _found(result: AuditResult) -> list[Block]:
    by_id = {each.id: each for each in result.comparisons}
    gaps = [by_id[each.id] for each in result.findings]
    plain = [
        each for each in gaps if " by " not in each.characteristic and "detail" not in each.characteristic
    ]
    shown = plain[:MOST] or gaps[:MOST]
    if not shown:
        return [
            Text(f"No gap that has to be explained or reformed; {compared_words(result.comparisons)}."),
            *_unsure(result.comparisons),
        ]
    rest = len(gaps) - len(shown)
    lines = [short(each) for each in shown]
    if not rest:
        return [Bullets(lines)]
    return [
        Bullets(lines),
        Pointers([f"{rest} more, in finer groups and at other stages."], "section-2", "See all"),
    ]


def _unsure(comparisons: Sequence[Comparison]) -> list[Block]:
    many = sum(each.reading is GapReading.UNSURE for each in comparisons)
    return (
        [Text(f"In {many:,} comparisons a gap may be there, and the numbers are too small to tell.")]
        if many
        else []
    )


def _not_assessed(result: AuditResult) -> list[str]:
    weak = [each.title for each in result.coverage if not each.comparable]
    groups = to_be_compared(result.comparisons)
    hidden = sum(each.status is GroupStatus.SUPPRESSED for each in groups)
    others = sum(each.status not in {GroupStatus.COMPARED, GroupStatus.SUPPRESSED} for each in groups)
    named = ", ".join(weak) if len(weak) <= MOST else f"{len(weak)} characteristics (section 3)"
    lines = [f"{named}: recorded for too few."] if weak else []
    if hidden or others:
        lines.append(
            f"Of {len(groups):,} groups, {hidden:,} are too small to publish and {others:,} have no rate or too little recorded."
        )
    if not any(each.measure.section == 8 for each in result.comparisons):
        lines.append("What practitioners did with suggestions: no decisions are recorded yet.")
    return lines or ["Nothing was left out."]


def _looked_at(result: AuditResult) -> list[str]:
    people = max((each.people for each in result.coverage), default=0)
    lines = [f"{people:,} people."]
    words = {"suggested": "eligible people", "flagged": "open referrals", "started": "referrals"}
    for name, unit in words.items():
        if name in result.totals:
            events, total = result.totals[name]
            lines.append(f"{total:,} {unit}, of which {events:,} {name}.")
    return lines


def _asked(result: AuditResult) -> list[Block]:
    gate = result.gate
    lines = []
    if gate.failed_tests:
        lines.append("Have the release mended: a test of it does not hold.")
    if gate.disparities:
        lines.append(f"Explain or reform {len(gate.disparities)} that block the release.")
    others = len(result.findings) - len(gate.disparities)
    if others > 0:
        lines.append(f"Decide on {others} that {'does' if others == 1 else 'do'} not block it.")
    rules = sum(
        many
        for grid in result.evidence.of("5")
        if grid.name == "rules"
        for many, _ in without_basis(grid).values()
    )
    if rules:
        lines.append(f"Record the legal basis of {rules} rules of the catalogue, or change them.")
    if gate.insufficient:
        lines.append(f"Lift by name, or wait for data: {len(gate.insufficient)}.")
    return [
        Pointers(lines or ["Nothing has to be decided on this release."], "section-2", "Decisions needed")
    ]
