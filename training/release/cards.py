"""The model card and the transparency record, written from the bundle's own facts.

No figure is typed in by hand: every one comes from the bundle's other files. The transparency record
has the sections of the Algorithmic Transparency Recording Standard (ATRS); it says what a
department must fill in. The model card follows Mitchell and others (2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.release import policy_page

HEADS = (
    ("commence.json", "Start", "Will this person start this intervention?"),
    ("complete.json", "Finish", "Having started, will they finish?"),
    ("inflight.json", "In flight", "Given how it goes so far, will it end without completion?"),
)
GATE_WORDS = {
    "PASS": "passed",
    "FAIL": "did not pass",
    "INSUFFICIENT_DATA": "could not decide, for want of data",
    "NOT_RUN": "has not been run",
}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the cards are written from: the manifest's head, every document, and the audit's summary."""

    version: str
    manifest: Mapping[str, Any]
    documents: Mapping[str, Mapping[str, Any]]
    fairness: Mapping[str, Any]
    gate: Mapping[str, Any]


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; None reads "not defined", never 0."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(figure(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def figure(value: object) -> str:
    """A value as a reader wants it: three or four significant places, thousands parted."""
    if value is None:
        return "not defined"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value).replace("|", "/")


def model_card(facts: Facts) -> str:
    """What are these models, what are they for, how good are they, and for whom are they not good?"""
    training = facts.documents["training.json"]
    parts = [
        f"# Model card: Signpost release {facts.version}",
        _summary(facts),
        "## Intended use",
        (
            "Decision support for a probation practitioner who chooses among interventions for a person they supervise. "
            "A human decides, always. Not for sentencing, not for ranking people or staff, not for withholding a service. "
            "A flag offers support (timing, travel, format, contact); it is never a reason to withhold."
        ),
        "## Data",
        _data(facts),
        "## Performance on later, unseen months",
        _performance(facts),
        *_limits(facts),
        "## Since then",
        _monitoring(facts),
        "## The flag",
        _flag(facts),
        "## What the glass box gives up",
        _comparison(training),
        "## What moves each score",
        *(_terms(facts, name, title) for name, title, _ in HEADS),
        "## Effects of interventions",
        _effects(facts),
        "## Fairness",
        _fairness(facts),
        "## How it was made",
        table(("option", "value"), sorted((k, _plain(v)) for k, v in training.get("config", {}).items())),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def transparency_record(facts: Facts) -> str:
    """The record of the Algorithmic Transparency Recording Standard, tier 1 and tier 2."""
    period = facts.manifest["data_period"]
    parts = [
        f"# Algorithmic transparency record: Signpost release {facts.version}",
        "## Tier 1: summary",
        "**Name.** Signpost.",
        (
            "**Description.** Signpost shows a probation practitioner which interventions a person is eligible for and why, "
            "which are most likely to help and how sure the evidence is, and how likely they are to be started and finished. "
            "During delivery it flags a referral that is drifting towards not being completed."
        ),
        "**Website.** To be given by the department that uses it.",
        (
            "**Contact.** To be given by the department that uses it: a monitored address that answers questions, requests "
            "to look again, and complaints."
        ),
        "## Tier 2: owner and responsibility",
        "**Organisation, team, senior responsible owner, supplier.** To be given by the department that uses it.",
        "## Description and rationale",
        (
            "**Detailed description.** Rules decide eligibility; they are cited, dated and the same for everybody. Scorecards, "
            "sums of terms that can be read, give the chance of starting and of finishing; doubly robust estimates give each "
            "intervention's effect against supervision as usual, with an interval and the number of similar people."
        ),
        "**Scope.** People under probation supervision in England and Wales whose practitioner considers an intervention.",
        (
            "**Benefit.** Staff learn what exists and why it fits; people are offered what suits them; drifting referrals are "
            "noticed in time."
        ),
        "**Previous process and alternatives considered.** The practitioner's own knowledge of criteria in several systems; "
        "rules alone. " + _alternatives(facts),
        "## Decision-making process",
        (
            "**Process integration.** Signpost sits inside the referral screen. Up to three suggestions are shown; none is "
            "pre-selected, nothing is sent automatically."
        ),
        (
            "**Information provided.** Each suggestion with its reasons, each reason with the record and date it came from; "
            "chances in plain counts; what is not known."
        ),
        "**Frequency and scale of use.** To be given by the department that uses it.",
        (
            "**Human decisions and review.** The practitioner accepts, departs from, or takes none of the suggestions, with a "
            "reason in each case and equal effort. Departures are audited by group and never used to rank staff."
        ),
        "**Required training.** To be given by the department that uses it; how often the models are wrong stands below.",
        (
            "**Appeals and review.** A person may ask for a suggestion to be looked at again; the request has a reference, and "
            "its outcome is recorded. A plain account of what was suggested and decided, by whom and why, can be had."
        ),
        "## Tool specification",
        f"**Version.** {facts.version}, trained on what was known before {facts.manifest['training_date']}.",
        (
            "**Model architecture.** LightGBM under interaction constraints, purified to tables of one factor or of a named "
            "pair (scorecards); a landmark person-period model for referrals in progress; doubly robust effects."
        ),
        "**System architecture.** The release is a folder of text files with hashes; the service loads no executable model.",
        "**Model performance.**",
        _performance(facts),
        "**Performance by group.**",
        _fairness(facts),
        "## Data specification",
        (
            f"**Source data.** Case histories known from {period['from']} to {period['to']}: sentences, requirements, "
            "assessments, circumstances, contacts, referrals and their events, sessions, enforcement, reoffences."
        ),
        _data(facts),
        (
            "**Sensitive attributes.** Protected characteristics are read by the audit and never by a score; sex and age enter "
            "eligibility rules where the service is provided separately or age-limited, and the official predictors contain them."
        ),
        (
            "**Data completeness.** Shares recorded are in the equality report of this release. Missing answers have their own "
            "cell in every table."
        ),
        "**Data sharing, storage and retention.** To be given by the department that uses it.",
        "## Risks, mitigations and impact assessments",
        table(
            ("risk", "mitigation"),
            [
                (
                    "who is offered what differs by group",
                    "audit of the eligibility funnel, suggestions and flags; a gate on release",
                ),
                (
                    "automation bias",
                    "nothing pre-selected; a reason for accepting as for departing; limits shown",
                ),
                (
                    "a comparison of finishers with others is read as an effect",
                    "effects are adjusted or not shown",
                ),
                (
                    "the world changes",
                    "stability of inputs and scores, and calibration, are watched by month",
                ),
                (
                    "a flag is read as a reason to withhold",
                    "flags name what could help; they expire and are answered",
                ),
            ],
        ),
        (
            "**Impact assessments.** Equality and data protection impact assessments are the department's; the equality report "
            "holds the evidence for both."
        ),
        f"**Release gate.** The gate {GATE_WORDS[str(facts.gate.get('state'))]}.",
    ]
    return "\n\n".join(parts) + "\n"


def _summary(facts: Facts) -> str:
    state = GATE_WORDS[str(facts.gate.get("state"))]
    return (
        f"Version `{facts.version}`, trained on what was known before {facts.manifest['training_date']}. "
        f"The release gate {state}. Feature spec `{str(facts.manifest['spec_hash'])[:12]}`, catalogue "
        f"`{str(facts.manifest['catalogue_hash'])[:12]}`, data contract {facts.manifest['contract_version']}."
    )


def _data(facts: Facts) -> str:
    rows = []
    for name, title, _ in HEADS:
        document = facts.documents[name]
        counts, blocks = document.get("rows", {}), document.get("blocks", {})
        rows.append((
            title, counts.get("fit"), counts.get("calibrate"), counts.get("test"), counts.get("censored"),
            blocks.get("begin"), blocks.get("calibrate_from"), blocks.get("test_from"), blocks.get("until"),
        ))  # fmt: skip
    header = (
        "head",
        "fitted on",
        "calibrated on",
        "judged on",
        "censored",
        "from",
        "calibrated from",
        "judged from",
        "until",
    )
    return (
        table(header, rows)
        + "\n\nA label is used only when its whole window, and six months for records to arrive, lie before the training date. "
        "Administrative ends are censored, never counted as failures."
    )


def _performance(facts: Facts) -> str:
    rows = []
    for name, title, question in HEADS:
        held = facts.documents[name].get("performance", {})
        document = facts.documents[name]
        rows.append((
            title, question, held.get("base_rate"), held.get("auc"), held.get("auc_lower"), held.get("auc_upper"),
            held.get("brier"), held.get("log_loss"), held.get("calibration_slope"), held.get("calibration_in_the_large"),
            held.get("calibration_error"), held.get("calibration_error_by_chance"),
            held.get("calibration_error_debiased"), document.get("barely_predictable"),
        ))  # fmt: skip
    header = (
        "head", "question", "base rate", "AUC", "lower", "upper", "Brier", "log loss", "calibration slope",
        "calibration in the large", "calibration error", "of that by chance", "without chance", "barely predictable",
    )  # fmt: skip
    return (
        table(header, rows)
        + "\n\nThe calibration error is the mean distance between shares foretold and shares that came, over bins of equal "
        "count. Chance alone makes it positive: beside it stands what perfect chances would show on as many rows, and the "
        "root mean square distance without what chance adds."
    )


def _limits(facts: Facts) -> list[str]:
    barely = [title for name, title, _ in HEADS if facts.documents[name].get("barely_predictable")]
    parts = ["## Limits"]
    if barely:
        parts.append(
            f"Barely predictable on later months: {', '.join(barely)}. The chance shown is close to the average for "
            "everybody; nobody is put into a band by it, and no flag is raised on it.",
        )
    parts.append(
        "The data are synthetic case histories unless a department trained this release on its own. Chances are of records "
        "like these, not of a person. Records arrive late and are missing more for some; what is missing is shown as missing.",
    )
    shifts = [
        f"{title}: calibration in the large {figure(level)} on the latest months"
        for name, title, _ in HEADS
        if isinstance(
            level := facts.documents[name].get("performance", {}).get("calibration_in_the_large"), float
        )
        and abs(level) > 0.2
    ]
    monitoring = facts.documents["training.json"].get("monitoring", {})
    if noticed := monitoring.get("noticed_on"):
        shifts.insert(0, f"something moved, first noticed on {noticed} (see below)")
    if shifts:
        parts.append(
            "**The latest months differ from those the models learnt from.** " + "; ".join(shifts) + "."
        )
    return parts


def _monitoring(facts: Facts) -> str:
    """What was watched between the calibration block and the training date, and what was noticed."""
    monitoring = facts.documents["training.json"].get("monitoring", {})
    heads = monitoring.get("heads", {})
    if not heads:
        return "Nothing was watched in this run."
    rows = [
        (
            name,
            held["since"],
            held["until"],
            held["rows_of_latest_month"],
            sum(item["noticed_on"] is not None for item in held["moved"]),
            sum(item["noticed_on"] is None for item in held["moved"]),
            len(held["months"]),
            sum(month["drifted"] for month in held["months"]),
            held["noticed_on"] or "nothing",
        )
        for name, held in heads.items()
    ]
    header = (
        "head",
        "watched from",
        "until",
        "rows of the latest month",
        "inputs that jumped",
        "that only drifted",
        "months whose outcomes are known",
        "months off",
        "noticed on",
    )
    told = (
        "Every week the last 28 days' rows were held against the quarter before them, and against the rows that calibrated "
        "the head; outcomes are held against the chances month by month once their window and the months for records to arrive have passed."
    )
    alerts = "\n".join(f"- {alert}" for alert in monitoring.get("alerts", []))
    return "\n\n".join(part for part in (told, table(header, rows), alerts) if part)


def _flag(facts: Facts) -> str:
    flag = facts.documents["thresholds.json"]["flag"]
    evidence = flag.get("evidence", {})
    words = (
        f"A flag is raised when the chance of ending without completion within {flag['horizon_weeks']} weeks reaches "
        f"{figure(flag['raise_at'])}, and clears below {figure(flag['clear_at'])}."
    )
    if not evidence:
        return words
    return words + "\n\n" + table(("evidence", "value"), sorted((k, _plain(v)) for k, v in evidence.items()))


def _comparison(training: Mapping[str, Any]) -> str:
    rows = [
        (row.get("head"), row.get("model"), row.get("auc"), row.get("brier"), row.get("log_loss"))
        for row in training.get("baselines", [])
    ]
    if not rows:
        return "No comparison was made in this run."
    return table(("head", "model", "AUC", "Brier", "log loss"), rows)


def _terms(facts: Facts, name: str, title: str) -> str:
    document = facts.documents[name]
    importance = document.get("importance", [])
    if not importance:
        return f"### {title}\n\nThis head says the base rate: it has no terms."
    labels = document.get("labels", {})
    rows = [
        (
            " and ".join(str(labels.get(part, part)) for part in str(row["term"]).split(" & ")),
            row["importance"],
        )
        for row in importance[:12]
    ]
    return f"### {title}\n\n" + table(("term", "mean size, in log odds"), rows)


def _effects(facts: Facts) -> str:
    benefit = facts.documents["benefit.json"]
    arms = benefit.get("arms", [])
    return (
        f"{len(arms)} interventions have an estimated effect on progress within twelve months, against supervision as "
        f"usual, each with a {figure(float(benefit.get('level', 0.9)) * 100)}% interval and a measure of support. Where the "
        "interval holds nought, the suggestion rests on the rules' order of choice."
        + _policy(benefit.get("report", {}))
    )


def _policy(report: Mapping[str, Any]) -> str:
    """The policy in at most three questions, and what it would take to overturn what leads."""
    if "policy_tree" not in report:
        return ""
    lines = [f"{'    ' * depth}- {text}" for depth, text in policy_page.tree_lines(report["policy_tree"])]
    names = ("intervention", "people it leads for", "effect", "E-value", "E-value of the bound")
    return (
        "\n\n### The policy in at most three questions\n\nIt explains the model and does not replace it.\n\n"
        + "\n".join(lines)
        + "\n\n### Sensitivity to something unrecorded\n\nBy how much a hidden factor would have to multiply both the chance "
        "of being sent and the chance of progress to bring an effect, or its lower bound, to nought.\n\n"
        + table(names, policy_page.leading_rows(report)[:12])
    )


def _fairness(facts: Facts) -> str:
    if not facts.fairness:
        return "The audit has not been run on this release."
    plain = {k: v for k, v in facts.fairness.items() if isinstance(v, str | int | float | bool) or v is None}
    parts = [f"The gate {GATE_WORDS[str(facts.gate.get('state'))]}."]
    named = [str(name) for name in facts.gate.get("named", [])]
    if named:
        parts.append("Named by the gate: " + "; ".join(named) + ".")
    if plain:
        parts.append(table(("finding", "value"), sorted(plain.items())))
    findings = facts.fairness.get("findings", [])
    if isinstance(findings, list) and findings and all(isinstance(item, str) for item in findings):
        parts.append("\n".join(f"- {item}" for item in findings))
    parts.append("The equality report of this release has every group, interval and minimum detectable gap.")
    return "\n\n".join(parts)


def _alternatives(facts: Facts) -> str:
    rows = facts.documents["training.json"].get("baselines", [])
    models = sorted({str(row.get("model")) for row in rows})
    return "Also fitted and compared: " + ", ".join(models) + "." if models else ""


def _plain(value: object) -> object:
    if isinstance(value, list | tuple):
        return ", ".join(figure(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {figure(v)}" for k, v in sorted(value.items()))
    return value
