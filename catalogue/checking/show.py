"""An intervention, or the whole catalogue, as a person would want to read it."""

from collections.abc import Iterable, Sequence
from typing import Final

from catalogue.checking import sources
from catalogue.fields import SECTIONS
from catalogue.intervention import Hours, Intervention, InterventionType, RuleKind, Sessions
from catalogue.loading import Catalogue
from catalogue.plan import PlannedEntry, PlannedRule

TYPE_WORDS: Final = {
    InterventionType.ACP: "Accredited programme",
    InterventionType.SI: "Structured intervention",
    InterventionType.CRS: "Commissioned rehabilitative service",
    InterventionType.TOOLKIT: "Toolkit",
    InterventionType.TREATMENT_REQUIREMENT: "Treatment requirement",
    InterventionType.UNPAID_WORK: "Unpaid work",
    InterventionType.ATTENDANCE_CENTRE: "Attendance centre",
}
_HEADINGS: Final = {
    RuleKind.RULE: "Who it is for",
    RuleKind.ADVISORY: "What to look at",
    RuleKind.QUESTION: "What to ask",
}


def index(catalogue: Catalogue) -> str:
    """Every intervention in a line: id, type, name."""
    widest = max(len(each) for each in catalogue.ids)
    return "\n".join(f"{each.id:<{widest}}  {each.type:<21}  {each.name}" for each in catalogue.interventions)


def render(catalogue: Catalogue, intervention_id: str) -> str:
    """What is this intervention, for whom, and on what does that rest? ``UsageError`` for an unknown id."""
    each = catalogue.by_id(intervention_id)
    entry = next(entry for entry in catalogue.plan.entries if entry.intervention is each)
    lines = [each.name, "=" * len(each.name), f"{TYPE_WORDS[each.type]} · {each.id}", ""]
    lines += [f"{label:<12} {value}" for label, value in _particulars(each) if value]
    for kind, heading in _HEADINGS.items():
        lines += _rules(heading, [rule for rule in _rules_of(entry, catalogue) if rule.rule.kind is kind])
    if each.readings:
        lines += ["", "How the source was read"]
        for reading in each.readings:
            lines += [f"  · {_sentence(reading.about)}: {reading.reading}.", f"    {reading.why}"]
    named = dict.fromkeys(sources.key_of(source) for source in each.sources)
    lines += ["", "Sources"]
    lines += [f"  · {sources.load()[key].title} ({sources.load()[key].licence})" for key in named]
    return "\n".join(lines) + "\n"


def _particulars(each: Intervention) -> Iterable[tuple[str, str]]:
    yield "Needs", ", ".join(SECTIONS[need][0] for need in each.needs)
    yield "Settings", _codes(each.settings)
    yield "Format", _codes(each.formats)
    yield "Attendance", _codes(each.attendance)
    yield "Sessions", _sessions(each)
    yield "Hours", "" if each.hours is None else _hours(each.hours)
    yield (
        "Length",
        f"{each.duration_weeks} weeks ({each.duration_basis})" if each.duration_weeks is not None else "",
    )
    yield "Intensity", each.intensity.lower()
    yield "Learning", each.learning_disability or ""
    if each.valid_from is not None or each.valid_to is not None:
        yield (
            "On offer",
            f"from {each.valid_from or 'the start'} until before {each.valid_to or 'further notice'}",
        )


def _rules_of(entry: PlannedEntry, catalogue: Catalogue) -> Sequence[PlannedRule]:
    return [catalogue.plan.rules[place] for place in entry.rules]


def _rules(heading: str, rules: Sequence[PlannedRule]) -> list[str]:
    lines = ["", heading] if rules else []
    for planned in rules:
        rule = planned.rule
        lines.append(f"  · {planned.statement}")
        if rule.characteristic is not None:
            basis = rule.legal_basis or "none recorded"
            lines.append(f"    Rule on {rule.characteristic}; legal basis: {basis}.")
        if rule.note is not None:
            lines.append(f"    {rule.note}")
        lines.append(f"    [{rule.source}]")
    return lines


_WORDS: Final = {
    "ONE_TO_ONE": "one to one",
    "IN_PERSON": "in person",
    "PRE_RELEASE": "before release",
    "REMAND": "on remand",
}


def _codes(codes: Sequence[str]) -> str:
    return ", ".join(_WORDS.get(code, code.lower().replace("_", " ")) for code in codes)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sessions(each: Intervention) -> str:
    parts = []
    if each.group is not None:
        parts.append(f"{_span(each.group)} in a group")
    if each.one_to_one is not None:
        parts.append(f"{_span(each.one_to_one)} one to one")
    return " and ".join(parts)


def _span(sessions: Sessions) -> str:
    if sessions.most is None:
        return f"{sessions.fewest} or more"
    return (
        str(sessions.fewest) if sessions.most == sessions.fewest else f"{sessions.fewest} to {sessions.most}"
    )


def _hours(hours: Hours) -> str:
    text = f"{hours.fewest} to {hours.most}, in sessions of {hours.session}"
    if hours.weekly is not None:
        text += f", up to {hours.weekly} a week"
    if hours.learning_share is not None:
        text += f", up to {hours.learning_share:.0%} of them education, training or work skills"
    return text
