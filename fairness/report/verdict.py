"""What did the gate say, in words?"""

from collections.abc import Sequence

from fairness.characteristics import definitions
from fairness.measures import measures
from fairness.result import AuditResult

VERDICTS = {
    "PASS": "The gate passes",
    "FAIL": "The gate fails",
    "INSUFFICIENT_DATA": "Not enough data to pass the gate",
}


def verdict_words(result: AuditResult) -> str:
    """What the verdict rests on, and what would have to be done."""
    gate = result.gate
    if gate.state == "FAIL":
        words = []
        if gate.failed_tests:
            words.append(
                f"Tests of the release that do not hold: {'; '.join(test_words(each) for each in gate.failed_tests)} (section 7). No explanation lets "
                "it pass. The release has to be mended."
            )
        if gate.disparities:
            words.append(
                f"Disparities that block this release: {len(gate.disparities)}. Each has to be explained, "
                "with a signed argument in the register, or reformed."
            )
        return " ".join(words)
    if gate.state == "INSUFFICIENT_DATA":
        return f"These comparisons could not be made: {_listed(gate.insufficient)}. The register can lift each by its name."
    words = ["No disparity blocks this release."]
    if gate.lifted:
        words.append(f"Too little data, lifted by the register: {_listed(gate.lifted)}.")
    if result.findings:
        words.append("The gaps named below are still to be explained or reformed.")
    return " ".join(words)


def _listed(names: Sequence[str]) -> str:
    """Comparisons that could not be made, as "the measure by this and that"."""
    titles = {each.id: each.title for each in measures()}
    by = {each.name: each.title for each in definitions().characteristics}
    found: dict[str, list[str]] = {}
    for name in names:
        measure, _, rest = name.partition(":")
        found.setdefault(measure, []).append(
            "(it happened to nobody)" if rest == "nobody" else f"by {by.get(rest, rest).lower()}"
        )
    return "; ".join(f"{titles.get(measure, measure)} {', '.join(rest)}" for measure, rest in found.items())


def test_words(name: str) -> str:
    """A test of the release by its name, as words."""
    return name.replace(":", ", ").replace("_", " ").capitalize()
