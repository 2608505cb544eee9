"""The audit of a release: every stage, the gate, and the equality report.

`run` is what `signpost audit` and `signpost train` call. It reads the histories (with the
protected characteristics that scoring never sees), the suggestions and flags that the bundle
makes for everybody, and writes the report.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from catalogue import load
from catalogue.errors import UsageError
from fairness import compare, coverage, crosscheck, findings, gate, register, stages, tables
from fairness.characteristics import Characteristic, definitions
from fairness.compare import Comparison
from fairness.measures import Measure, measures, of_stage
from fairness.policy import Policy
from fairness.policy import default as default_policy
from fairness.suppression import Ledger
from features.histories import Histories
from scoring.bundle import Bundle
from scoring.flags import flag_all

PAST_DAYS = (182, 364, 546)
"""How long before the audit flags are made again, to be held against what then happened."""
PAGE, TABLE, DOCUMENT = "index.html", "comparisons.csv", "equality-report.json"


@dataclass(frozen=True, slots=True)
class PastFlags:
    """What the bundle would have said on earlier days, so that it can be held against what then happened."""

    flags: pl.DataFrame
    horizon_weeks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult:
    """What came out: the gate, the findings, every comparison, and where the report is."""

    gate: gate.Gate
    findings: tuple[findings.Finding, ...]
    comparisons: tuple[Comparison, ...]
    coverage: tuple[coverage.Coverage, ...]
    agreement: Mapping[str, crosscheck.Agreement]
    totals: Mapping[str, tuple[int, int]]
    changes: register.Changes
    as_of: date
    bundle_version: str
    report: Path

    @property
    def summary(self) -> dict[str, object]:
        """What the bundle keeps in fairness.json: gate, findings, coverage and every comparison."""
        return {
            "as_of": self.as_of.isoformat(),
            "gate": self.gate.as_dict(),
            "findings": [each.as_dict() for each in self.findings],
            "changes": self.changes.as_dict(),
            "coverage": [each.as_dict() for each in self.coverage],
            "cross_check": {name: each.as_dict() for name, each in self.agreement.items()},
            "totals": {name: list(pair) for name, pair in sorted(self.totals.items())},
            "comparisons": [tables.row(each) for each in self.comparisons],
        }

    @property
    def sentence(self) -> str:
        """The verdict in one sentence, for the command line."""
        named = ", ".join(self.gate.named[:5]) + (" and more" if len(self.gate.named) > 5 else "")
        if self.gate.state == "FAIL":
            return f"the gate fails on {len(self.gate.disparities)} disparities: {named}"
        if self.gate.state == "INSUFFICIENT_DATA":
            return f"the gate has too little data for: {named}"
        return f"the gate passes, with {len(self.findings)} disparities to explain or reform"


def run(
    *,
    histories: Histories,
    bundle_folder: Path,
    suggestions: pl.DataFrame,
    flags: pl.DataFrame,
    out: Path,
    register: Path | None = None,
    as_of: date,
) -> AuditResult:
    """Is everybody treated alike by this release, and may it be served?

    Args:
        histories: case histories with their `people` and `protected` tables.
        bundle_folder: the release bundle that is judged.
        suggestions: what it suggests for everybody (columns of interfaces.md).
        flags: what it says of every open referral (columns of interfaces.md).
        out: folder of the report; made where it is not there.
        register: the register of disparities; the project's own by default.
        as_of: the day of the audit.

    Raises:
        UsageError: a frame lacks a column, or the register cannot be read.
    """
    _require(
        suggestions, ("crn", "as_of", "intervention_id", "eligibility", "feasible", "advice"), "suggestions"
    )
    _require(flags, ("referral_id", "crn", "as_of", "flagged"), "flags")
    known = _register(register)
    rules = default_policy()
    spec = definitions().characteristics
    frames = _frames(histories, suggestions, flags, _past_flags(histories, bundle_folder, as_of), as_of)
    ledger = Ledger(rules.suppression_threshold)
    people = stages.with_groups(_people(histories, as_of), histories)
    recording = coverage.coverage(people, spec, policy=rules, ledger=ledger)
    made: list[Comparison] = []
    for name, frame in frames.items():
        for measure in of_stage(name):
            made.extend(_measure(frame, measure, spec, rules, ledger))
    settled = compare.settle(made, ledger, policy=rules)
    totals = _totals(frames)
    required = [each.name for each in spec if each.required]
    verdict = gate.judge(
        settled, as_of=as_of, register=known, totals=totals, measures=measures(), required=required
    )
    result = AuditResult(
        gate=verdict,
        findings=findings.findings(settled, register=known, blocking=verdict.disparities),
        comparisons=settled,
        coverage=recording,
        agreement=_cross_check(frames, spec),
        totals={
            name: pair
            for name, pair in totals.items()
            if min(pair) >= rules.suppression_threshold or pair[0] == 0
        },
        changes=_changes(known, settled),
        as_of=as_of,
        bundle_version=_version(bundle_folder),
        report=out / PAGE,
    )
    write(result, out=out, policy=rules, entries=known)
    return result


def _register(path: Path | None) -> register.Register:
    return register.read(path)


def _require(frame: pl.DataFrame, columns: Sequence[str], name: str) -> None:
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise UsageError(
            f"The {name} to audit have no column {missing[0]}; make them with the same version of Signpost."
        )


def _frames(
    histories: Histories, suggestions: pl.DataFrame, flags: pl.DataFrame, past: PastFlags, as_of: date
) -> dict[str, pl.DataFrame]:
    """One frame a stage, with the groups of every characteristic and the conditions of people alike."""
    catalogue = load()
    bare = {
        "flags": stages.flags(flags),
        "flag_outcomes": stages.flag_outcomes(
            past.flags, histories, horizon_weeks=past.horizon_weeks, as_of=as_of
        ),
        "suggestions": stages.suggestions(suggestions, catalogue),
        "human": stages.human(histories, suggestions, catalogue),
        "decisions": stages.decisions(histories, catalogue, as_of=as_of),
        "delivery": stages.delivery(histories, as_of=as_of),
        "enforcement": stages.enforcement(histories, as_of=as_of),
    }
    frames = {name: stages.with_groups(frame, histories) for name, frame in bare.items()}
    frames["suggestions"] = stages.intensity(frames["suggestions"])
    return frames


def _past_flags(histories: Histories, folder: Path, as_of: date) -> PastFlags:
    bundle = Bundle.open(folder)
    made = [
        flag_all(histories, bundle=bundle, as_of=as_of - timedelta(days=days)).select(
            "referral_id",
            "crn",
            "as_of",
            "flagged",
            chance=f"p_not_completed_{bundle.thresholds.horizon_weeks}w",
        )
        for days in PAST_DAYS
    ]
    return PastFlags(pl.concat(made), bundle.thresholds.horizon_weeks)


def _people(histories: Histories, as_of: date) -> pl.DataFrame:
    crns = histories.table("people").select("crn").unique().sort("crn").collect()
    return crns.with_columns(as_of=pl.lit(as_of))


def _measure(
    frame: pl.DataFrame, measure: Measure, spec: Sequence[Characteristic], rules: Policy, ledger: Ledger
) -> list[Comparison]:
    made: list[Comparison] = []
    for characteristic in spec:
        found = compare.compare(
            frame, measure, characteristic, policy=rules, conditions=measure.conditions, ledger=ledger
        )
        if found:
            compare.nest(ledger, measure, characteristic, frame)
        made.extend(found)
    return made


def _totals(frames: Mapping[str, pl.DataFrame]) -> dict[str, tuple[int, int]]:
    found = {}
    for name, frame in frames.items():
        for measure in of_stage(name):
            counted = frame[measure.id].drop_nulls()
            found[measure.id] = (int(counted.sum()), len(counted))
    return found


def _cross_check(
    frames: Mapping[str, pl.DataFrame], spec: Sequence[Characteristic]
) -> dict[str, crosscheck.Agreement]:
    """Every measure's rates by group, against fairlearn's MetricFrame over the same rows."""
    found = {}
    for name, frame in frames.items():
        for measure in of_stage(name):
            groups = {each.name: frame[each.name] for each in spec}
            found[measure.id] = crosscheck.against_fairlearn(groups, frame[measure.id])
    return found


def _changes(known: register.Register, settled: Sequence[Comparison]) -> register.Changes:
    return register.changes(known, [each.id for each in settled if each.reading is compare.Reading.GAP])


def _version(folder: Path) -> str:
    try:
        return str(json.loads((folder / "bundle.json").read_text(encoding="utf-8")).get("version", "unknown"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"The release bundle {folder} has no readable bundle.json; name a bundle folder."
        ) from error


def write(result: AuditResult, *, out: Path, policy: Policy, entries: register.Register) -> None:
    """Write the page, the tables and the document. The same audit gives the same bytes."""
    from fairness.report.render import html
    from fairness.report.sections import build

    out.mkdir(parents=True, exist_ok=True)
    page = build(result, policy=policy, entries=entries)
    (out / PAGE).write_text(html(page, threshold=policy.suppression_threshold), encoding="utf-8")
    tables.frame(result.comparisons).write_csv(out / TABLE)
    pl.DataFrame([each.as_dict() for each in result.coverage]).write_csv(out / "coverage.csv")
    document = json.dumps(result.summary, indent=1, sort_keys=True, allow_nan=False)
    (out / DOCUMENT).write_text(document + "\n", encoding="utf-8")
