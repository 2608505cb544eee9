"""The model card and the transparency record, written from the bundle's own facts.

Every figure comes from the bundle's other files. The words are in `templates/model-card.md.j2` and
`templates/transparency-record.md.j2`. The model card follows Mitchell and others (2019). The transparency record
has the sections of the Algorithmic Transparency Recording Standard (ATRS), and says what a department must add.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pages import figure, render
from training.release import policy_page

HEADS = (
    ("commence.json", "Start", "Will this person start this intervention?"),
    ("complete.json", "Finish", "Having started, will they finish?"),
    ("inflight.json", "In flight", "Given how it goes so far, will it end without completion?"),
)
GATE_WORDS = {
    "PASS": "passed",
    "FAIL": "did not pass",
    "INSUFFICIENT_DATA": "could not decide, because there is too little data",
    "NOT_RUN": "has not been run",
}
SHIFTED = 0.2
"""Calibration in the large, in log odds, beyond which the card says that the latest months differ."""
MOST_TERMS = 12
MOST_LEADING = 12
MEASURES = (
    "base_rate", "auc", "auc_lower", "auc_upper", "brier", "log_loss", "calibration_slope",
    "calibration_in_the_large", "calibration_error", "calibration_error_by_chance", "calibration_error_debiased",
)  # fmt: skip

Rows = Sequence[Sequence[object]]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the cards are written from: the manifest's head, every document, and the audit's summary."""

    version: str
    manifest: Mapping[str, Any]
    documents: Mapping[str, Mapping[str, Any]]
    fairness: Mapping[str, Any]
    gate: Mapping[str, Any]

    @property
    def training(self) -> Mapping[str, Any]:
        """What the training run was."""
        return self.documents["training.json"]


def model_card(facts: Facts) -> str:
    """What are these models, what are they for, how good are they, and for whom are they not good?"""
    benefit = facts.documents["benefit.json"]
    flag = facts.documents["thresholds.json"]["flag"]
    return render(
        "training.release",
        "model-card.md.j2",
        **_shared(facts),
        spec=str(facts.manifest["spec_hash"])[:12],
        catalogue=str(facts.manifest["catalogue_hash"])[:12],
        contract=facts.manifest["contract_version"],
        barely=[title for name, title, _ in HEADS if facts.documents[name].get("barely_predictable")],
        shifts=_shifts(facts),
        monitored=_monitored(facts),
        alerts=facts.training.get("monitoring", {}).get("alerts", []),
        flag=flag,
        evidence=sorted(flag.get("evidence", {}).items()),
        baselines=[
            [row.get(part) for part in ("head", "model", "auc", "brier", "log_loss")]
            for row in facts.training.get("baselines", [])
        ],
        terms=[(title, _terms(facts.documents[name])) for name, title, _ in HEADS],
        arms=len(benefit.get("arms", [])),
        level=float(benefit.get("level", 0.9)) * 100,
        branches=policy_page.branches(benefit.get("report", {}).get("policy_tree")),
        leading=policy_page.leading_rows(benefit.get("report", {}))[:MOST_LEADING],
        options=sorted(facts.training.get("config", {}).items()),
    )


def transparency_record(facts: Facts) -> str:
    """The record of the Algorithmic Transparency Recording Standard, tier 1 and tier 2."""
    models = sorted({str(row.get("model")) for row in facts.training.get("baselines", [])})
    return render(
        "training.release",
        "transparency-record.md.j2",
        **_shared(facts),
        period=facts.manifest["data_period"],
        models=models,
    )


def _shared(facts: Facts) -> dict[str, Any]:
    """What both documents say: the release, its data, its performance and its fairness."""
    findings = facts.fairness.get("findings", [])
    said = isinstance(findings, list) and all(isinstance(item, str) for item in findings)
    return {
        "version": facts.version,
        "trained": facts.manifest["training_date"],
        "gate": GATE_WORDS[str(facts.gate.get("state"))],
        "named": [str(name) for name in facts.gate.get("named", [])],
        "data": _data(facts),
        "performance": _performance(facts),
        "audited": bool(facts.fairness),
        "summary": sorted(
            (key, value)
            for key, value in facts.fairness.items()
            if isinstance(value, str | int | float | bool) or value is None
        ),
        "findings": findings if said else [],
    }


def _data(facts: Facts) -> Rows:
    rows = []
    for name, title, _ in HEADS:
        counts, blocks = (facts.documents[name].get(part, {}) for part in ("rows", "blocks"))
        rows.append([
            title, *(counts.get(part) for part in ("fit", "calibrate", "test", "censored")),
            *(blocks.get(part) for part in ("begin", "calibrate_from", "test_from", "until")),
        ])  # fmt: skip
    return rows


def _performance(facts: Facts) -> Rows:
    rows = []
    for name, title, question in HEADS:
        document = facts.documents[name]
        held = document.get("performance", {})
        measured = (held.get(measure) for measure in MEASURES)
        rows.append([title, question, *measured, document.get("barely_predictable")])
    return rows


def _shifts(facts: Facts) -> list[str]:
    """How the latest months differ from those that the models learned from."""
    shifts = []
    if noticed := facts.training.get("monitoring", {}).get("noticed_on"):
        shifts.append(f"something moved, first noticed on {noticed} (see below)")
    for name, title, _ in HEADS:
        level = facts.documents[name].get("performance", {}).get("calibration_in_the_large")
        if isinstance(level, float) and abs(level) > SHIFTED:
            shifts.append(f"{title}: calibration in the large {figure(level)} on the latest months")
    return shifts


def _monitored(facts: Facts) -> Rows:
    """What was watched between the calibration block and the training date, and what was noticed, a row a head."""
    return [
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
        for name, held in facts.training.get("monitoring", {}).get("heads", {}).items()
    ]


def _terms(document: Mapping[str, Any]) -> Rows:
    """The terms that move a head's scores most, in words."""
    labels = document.get("labels", {})
    return [
        (
            " and ".join(str(labels.get(part, part)) for part in str(row["term"]).split(" & ")),
            row["importance"],
        )
        for row in document.get("importance", [])[:MOST_TERMS]
    ]
