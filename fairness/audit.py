"""The audit of a release: every stage, the gate, and the equality report.

`run` is what `signpost audit` and `signpost train` call. It reads the histories (with the
protected characteristics that scoring never sees), the suggestions and flags that the bundle
makes for everybody, and writes the report.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from catalogue import load
from catalogue.errors import UsageError
from fairness import compare, coverage, crosscheck, findings, gate, gathering, grouping, stages, tables
from fairness.characteristics import Characteristic, definitions, intersection, with_intersection
from fairness.compare import Comparison
from fairness.evidence import FurtherEvidence
from fairness.grouping import Grouping, with_groups
from fairness.measures import Measure, measures, of_stage
from fairness.narrowing import with_open_referrals
from fairness.policy import Policy
from fairness.policy import default as default_policy
from fairness.register import Register, changes
from fairness.register import read as read_register
from fairness.result import AuditResult
from fairness.suggested import Suggested, suggested
from fairness.suppression import Ledger
from fairness.work import Inline
from features.histories import Histories
from scoring.bundle import Bundle
from scoring.inflight.from_histories import feature_rows, open_at, raised

PAST_DAYS = (182, 364, 546)
"""Days before the audit for which flags are made, to compare them with what then happened."""
CHECKED = frozenset({"sex", "ethnicity"})
"""What is computed a second time by fairlearn."""
PAGE, TABLE, DOCUMENT, WORKBOOK = (
    "index.html",
    "comparisons.csv",
    "equality-report.json",
    "equality-report.ods",
)


@dataclass(frozen=True, slots=True)
class PastFlags:
    """What the bundle would have said on earlier days, to compare it with what then happened.

    `flags` has referral_id, crn, as_of, flagged and chance; `scored` the features of the same rows.
    """

    flags: pl.DataFrame
    horizon_weeks: int
    scored: pl.DataFrame


def run(
    *,
    histories: Histories,
    bundle_folder: Path,
    suggestions: pl.DataFrame | Suggested | Callable[[], Suggested],
    flags: pl.DataFrame,
    out: Path,
    register: Path | None = None,
    as_of: date,
    work: Executor | None = None,
) -> AuditResult:
    """Is everybody treated alike by this release, and may it be served?

    Args:
        histories: case histories with their `people` and `protected` tables.
        bundle_folder: the release bundle that is judged.
        suggestions: what it suggests for everybody (columns of `scoring.national`), or that reduced by
            `fairness.suggested` to what is counted, or a function that returns it once it is made.
        flags: what it says about every open referral (columns of `scoring.inflight.from_histories`).
        out: folder of the report; made where it is not there.
        register: the register of disparities; the project's own by default.
        as_of: the day of the audit.
        work: runs the tests of the bundle and fits models while this process compares. Without it, one
            thing is made after the other. The report is the same.

    Raises:
        UsageError: a frame lacks a column, or the register cannot be read.
    """
    _require(flags, ("referral_id", "crn", "as_of", "flagged"), "flags")
    disparities, version = _register(register), _version(bundle_folder)
    if isinstance(suggestions, pl.DataFrame):
        suggestions = suggested([suggestions], load())
    days = [as_of - timedelta(days=days) for days in PAST_DAYS]
    executor = Inline() if work is None else work
    tests = gathering.tests(executor, histories, bundle_folder, as_of=as_of, on=days[0], days=[*days, as_of])
    known = grouping.known(histories)
    past = past_flags(histories, bundle_folder, as_of)
    frames = stage_frames(histories, suggestions, flags, past, as_of, known=known)
    models = gathering.models(
        executor, frames["flag_outcomes"], with_groups(past.scored, known), bundle_folder
    )
    people = everybody(histories, as_of, known=known)
    rules = default_policy()
    result = judge(
        frames,
        people=people,
        register=disparities,
        policy=rules,
        as_of=as_of,
        bundle_version=version,
        report=out / PAGE,
        previous=_previous(out),
    )
    made = gathering.gather(
        histories, frames=frames, suggested=suggestions() if callable(suggestions) else suggestions, people=people,
        result=result, policy=rules, as_of=as_of, tests=tests, models=models,
    )  # fmt: skip
    result = replace(concluded(result, made), synthetic=(histories.folder / "truth").is_dir())
    write(result, out=out, policy=rules)
    return result


def concluded(result: AuditResult, evidence: FurtherEvidence) -> AuditResult:
    """The result with its further evidence; a test that does not hold fails the gate."""
    return replace(result, evidence=evidence, gate=gate.with_tests(result.gate, evidence.tests))


def judge(
    frames: Mapping[str, pl.DataFrame],
    *,
    people: pl.DataFrame,
    register: Register,
    policy: Policy,
    as_of: date,
    bundle_version: str,
    report: Path,
    previous: Mapping[str, float] | None = None,
    cross_check: bool = True,
) -> AuditResult:
    """Every comparison of every stage, settled over the whole report, and the gate's verdict.

    `frames` has one frame a stage, as `stages` makes them; a stage that is absent is not assessed.
    `people` has one row a person with the groups; `previous` the ratios of the last report's gaps;
    `cross_check` computes the rates a second time with fairlearn.
    """
    spec = definitions().characteristics
    ledger = Ledger(policy.suppression_threshold)
    recording = coverage.coverage(people, spec, policy=policy, ledger=ledger)
    made: list[Comparison] = []
    for name, frame in frames.items():
        # People get numbers instead of names, because numbers are grouped faster than texts.
        rows = frame.with_columns(pl.col("crn").rank("dense")) if "crn" in frame.columns else frame
        for measure in of_stage(name):
            made.extend(_measure(rows, measure, spec, policy, ledger))
    settled = compare.settle(made, ledger, policy=policy)
    totals = _totals(frames)
    required = [each.name for each in spec if each.required]
    verdict = gate.judge(
        settled, as_of=as_of, register=register, totals=totals, measures=measures(), required=required
    )
    gaps = {each.id: each.judged[0] or 0.0 for each in settled if each.reading is compare.GapReading.GAP}
    return AuditResult(
        gate=verdict,
        findings=findings.findings(settled, register=register, blocking=verdict.disparities),
        comparisons=settled,
        coverage=recording,
        agreement=_cross_check(frames, spec) if cross_check else {},
        totals={
            name: pair
            for name, pair in totals.items()
            if min(pair) >= policy.suppression_threshold or pair[0] == 0
        },
        changes=changes(register, gaps, previous),
        register=register,
        as_of=as_of,
        bundle_version=bundle_version,
        report=report,
    )


def _previous(out: Path) -> dict[str, float] | None:
    """The gaps of the report that is in the folder, if there is one."""
    try:
        document = json.loads((out / DOCUMENT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return {
        str(each["id"]): float(each["judged_ratio"])
        for each in document.get("comparisons", [])
        if each.get("reading") == compare.GapReading.GAP.value and each.get("judged_ratio") is not None
    }


def _register(path: Path | None) -> Register:
    return read_register(path)


def _require(frame: pl.DataFrame, columns: Sequence[str], name: str) -> None:
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise UsageError(
            f"The {name} to audit have no column {missing[0]}; make them with the same version of Signpost."
        )


def stage_frames(
    histories: Histories,
    suggestions: Suggested | Callable[[], Suggested],
    flags: pl.DataFrame,
    past: PastFlags,
    as_of: date,
    *,
    known: Grouping | None = None,
) -> dict[str, pl.DataFrame]:
    """One frame a stage, with the groups of every characteristic and the conditions of people alike."""
    catalogue = load()
    # Suggestions may not be finished yet, so what needs none comes first.
    referrals = stages.referrals_until(histories, as_of)
    outcomes = stages.flag_outcomes(
        past.flags, histories, horizon_weeks=past.horizon_weeks, as_of=as_of, referrals=referrals
    )
    decisions = stages.decisions(histories, catalogue, as_of=as_of)
    delivery = stages.delivery(histories, as_of=as_of, referrals=referrals)
    enforcement = stages.enforcement(histories, as_of=as_of)
    counted = suggestions() if callable(suggestions) else suggestions
    bare = {
        "flags": stages.flags(flags),
        "flag_outcomes": outcomes,
        "suggestions": counted.people,
        "human": stages.human(histories, counted.first, catalogue),
        "decisions": decisions,
        "delivery": delivery,
        "enforcement": enforcement,
    }
    known = grouping.known(histories) if known is None else known
    frames = {name: with_groups(frame, known) for name, frame in bare.items()}
    frames["suggestions"] = stages.intensity(frames["suggestions"])
    return frames


def past_flags(histories: Histories, folder: Path, as_of: date) -> PastFlags:
    """The flags of `PAST_DAYS` before the audit, from the records of those alone whose referral was open then."""
    bundle, catalogue = Bundle.open(folder), load()
    days = [as_of - timedelta(days=each) for each in PAST_DAYS]
    concerned = with_open_referrals(histories, days=days)
    points = pl.concat([open_at(concerned, day) for day in days])
    scored = feature_rows(concerned, points, head=bundle.inflight, catalogue=catalogue)
    flags = raised(concerned, scored, bundle=bundle, catalogue=catalogue)
    return PastFlags(flags, bundle.thresholds.horizon_weeks, scored)


def everybody(histories: Histories, as_of: date, *, known: Grouping | None = None) -> pl.DataFrame:
    """One row a person with the group of every characteristic."""
    known = grouping.known(histories) if known is None else known
    return with_groups(known.persons.select("crn", as_of=pl.lit(as_of)), known)


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
    if measure.intersections:
        made.extend(_crossed(frame, measure, rules, ledger))
    return made


CROSSED = (
    ("sex", "age"),
    ("sex", "ethnicity"),
    ("sex", "disability"),
    ("ethnicity", "disability"),
    ("sex", "ethnicity", "disability"),
)
"""The intersections that are looked at: pairs first, for the triple adds up to them."""


def _crossed(frame: pl.DataFrame, measure: Measure, rules: Policy, ledger: Ledger) -> list[Comparison]:
    made: list[Comparison] = []
    for names in CROSSED:
        crossed = intersection([definitions().by_name(name) for name in names])
        found = compare.compare(
            with_intersection(frame, crossed), measure, crossed,
            policy=rules, conditions=measure.conditions, ledger=ledger,
        )  # fmt: skip
        if len(names) == 2:
            compare.cross(ledger, measure, crossed, found)
        else:
            _nested(ledger, measure, crossed, found)
        made.extend(found)
    return made


def _nested(ledger: Ledger, measure: Measure, crossed: Characteristic, found: Sequence[Comparison]) -> None:
    """A triple adds up to those of its pairs that are reported themselves."""
    reported = [set(names) for names in CROSSED if len(names) == 2]
    for dropped in crossed.parts:
        if set(crossed.parts) - {dropped} in reported:
            compare.cross(ledger, measure, crossed, found, only=dropped)


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
    """Every measure's rates by group against fairlearn's, over the same rows."""
    found = {}
    for name, frame in frames.items():
        for measure in of_stage(name):
            groups = {each.name: frame[each.name] for each in spec if each.name in CHECKED}
            found[measure.id] = crosscheck.against_fairlearn(groups, frame[measure.id])
    return found


def _version(folder: Path) -> str:
    try:
        return str(json.loads((folder / "bundle.json").read_text(encoding="utf-8")).get("version", "unknown"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"The release bundle {folder} has no readable bundle.json; name a bundle folder."
        ) from error


def write(result: AuditResult, *, out: Path, policy: Policy) -> None:
    """Write the page, the tables and the document. The same audit gives the same bytes."""
    from fairness.report import workbook
    from fairness.report.render import html
    from fairness.report.sections import build

    out.mkdir(parents=True, exist_ok=True)
    page = build(result, policy=policy)
    (out / PAGE).write_text(html(page), encoding="utf-8")
    tables.frame(result.comparisons).write_csv(out / TABLE)
    pl.DataFrame([each.as_dict() for each in result.coverage]).write_csv(out / "coverage.csv")
    for grids in result.evidence.grids.values():
        for grid in grids:
            tables.of_grid(grid).write_csv(out / f"{grid.name}.csv")
    workbook.write(out / WORKBOOK, result)
    document = json.dumps(result.summary, indent=1, sort_keys=True, allow_nan=False)
    (out / DOCUMENT).write_text(document + "\n", encoding="utf-8")
