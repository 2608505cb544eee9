"""The result of an audit: what the report, the bundle and the command line are made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from fairness import coverage, crosscheck, findings, gate, tables
from fairness.compare import Comparison
from fairness.evidence import FurtherEvidence
from fairness.register import Changes, Register


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult:
    """The gate, the findings, every comparison, and where the report is.

    `synthetic` says that the people are made up: their histories carry the truth they were made from.
    """

    gate: gate.Gate
    findings: tuple[findings.GapFinding, ...]
    comparisons: tuple[Comparison, ...]
    coverage: tuple[coverage.Coverage, ...]
    agreement: Mapping[str, crosscheck.Agreement]
    totals: Mapping[str, tuple[int, int]]
    changes: Changes
    register: Register
    as_of: date
    bundle_version: str
    report: Path
    evidence: FurtherEvidence = field(default_factory=FurtherEvidence)
    synthetic: bool = False

    @property
    def summary(self) -> dict[str, object]:
        """What the bundle keeps in fairness.json: gate, findings, coverage and every comparison."""
        return {
            "as_of": self.as_of.isoformat(),
            "gate": self.gate.as_dict(),
            "findings": [each.as_dict() for each in self.findings],
            "changes": self.changes.as_dict(),
            "tests": [
                {"name": each.name, "holds": each.holds, "sentence": each.sentence}
                for each in self.evidence.tests
            ],
            "coverage": [each.as_dict() for each in self.coverage],
            "cross_check": {name: each.as_dict() for name, each in self.agreement.items()},
            "totals": {name: list(pair) for name, pair in sorted(self.totals.items())},
            "comparisons": [tables.row(each) for each in self.comparisons],
        }

    @property
    def sentence(self) -> str:
        """The verdict in one sentence, for the command line."""
        standing = self.gate.named
        named = ", ".join(standing[:5]) + (" and more" if len(standing) > 5 else "")
        if self.gate.state == "FAIL":
            return f"the gate fails on {len(standing)} {'point' if len(standing) == 1 else 'points'}: {named}"
        if self.gate.state == "INSUFFICIENT_DATA":
            return f"the gate has too little data for: {named}"
        many = len(self.gate.lifted)
        comparisons = "comparison" if many == 1 else "comparisons"
        lifted = f"{many} {comparisons} lifted by the register, and " if many else ""
        return f"the gate passes, with {lifted}{len(self.findings)} disparities to explain or reform"
