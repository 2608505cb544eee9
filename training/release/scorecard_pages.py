"""How does each scorecard of a release read? Pages for readers who are not specialists; MLflow keeps them.

`python -m training.release.scorecard_pages BUNDLE FOLDER` writes the pages of a bundle to a folder.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pages import render
from scoring.bundle import Bundle
from scoring.heads import INTERVAL
from scoring.scorecard import Axis, Factor, FactorKind, Scorecard, Term
from scoring.scorecard.calibration import CalibrationMap
from training.heads.referrals import LABELS
from training.scorecard.page import to_html

#: Scores that show what calibration does to a chance.
SHOWN = (0.1, 0.3, 0.5, 0.7, 0.9)
#: An effect's table whose entries are all smaller than this says nothing and has no picture.
NOTHING = 5e-5


def pages(bundle: Bundle) -> dict[str, str]:
    """Answer: how does each scorecard of the release read? Path in the folder to page, `index.html` first."""
    heads = _heads(bundle)
    document = json.loads(bundle.read_text("benefit.json"))
    labels = _labels(bundle)
    yes_no = frozenset(f.name for f in bundle.commence.scorecard.features if f.kind == "boolean")
    effects = {
        f"benefit/{arm['arm']}.html": _effect(document, arm, labels=labels, yes_no=yes_no)
        for arm in document["arms"]
    }
    contents = {
        "The heads": {name: title for name, (title, _) in heads.items()},
        "What each intervention changes": {
            f"benefit/{arm['arm']}.html": _words(arm["arm"]) for arm in document["arms"]
        },
    }
    index = render(
        "training.release",
        "index.html.j2",
        title=f"The scorecards of release {bundle.version}",
        trained=bundle.training_date.isoformat(),
        contents=contents,
    )
    out = {"index.html": index}
    out.update({name: page for name, (_, page) in heads.items()})
    return out | effects


def write(bundle: Bundle, folder: Path) -> list[Path]:
    """Write the pages of a bundle into a folder, and say which files those are."""
    written = []
    for name, page in pages(bundle).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
        written.append(path)
    return written


def _heads(bundle: Bundle) -> dict[str, tuple[str, str]]:
    ahead = f"within {bundle.inflight.interval_weeks} weeks"
    head = bundle.inflight
    made = (
        ("commence.html", "Will it start?", "the referral starts", bundle.commence.scorecard,
         bundle.commence.calibration, bundle.commence.labels),
        ("complete.html", "Once started, will it be finished?", "the intervention is finished", bundle.complete.scorecard,
         bundle.complete.calibration, bundle.complete.labels),
        ("inflight-not-completed.html", "Will it end without completion?", f"an open referral ends without completion {ahead}",
         head.not_completed, head.not_completed_calibration, head.labels),
        ("inflight-completed.html", "Will it be finished soon?", f"an open referral is finished {ahead}",
         head.completed, head.completed_calibration, head.labels),
    )  # fmt: skip
    return {
        name: (
            title,
            to_html(card, title=title, outcome=outcome, labels=labels, notes=_calibrated(mapped)),
        )
        for name, title, outcome, card, mapped, labels in made
    }


def _calibrated(mapped: CalibrationMap) -> tuple[str, ...]:
    scores = np.log(np.array(SHOWN) / (1.0 - np.array(SHOWN))) if mapped.scale == "log-odds" else SHOWN
    said = [
        f"{100 * before:.0f} becomes {100 * float(mapped.predict(float(score))):.0f}"
        for before, score in zip(SHOWN, scores, strict=True)
    ]
    return (
        "Before anybody sees it, a chance is corrected by what happened to people in later records. Out of 100, "
        + ", ".join(said)
        + ".",
    )


def _labels(bundle: Bundle) -> dict[str, str]:
    labels = dict(LABELS)
    for head in (bundle.inflight, bundle.complete, bundle.commence):
        labels.update({name: label for name, label in head.labels.items() if name != INTERVAL})
    return labels


def _effect(
    document: Mapping[str, Any], arm: Mapping[str, Any], *, labels: Mapping[str, str], yes_no: Collection[str]
) -> str:
    about = (
        "The number is the difference in the chance of progress in 12 months, compared with supervision as usual. +3 in "
        "100 means that 3 more of 100 such people make progress. It is an estimate, adjusted for who was sent. Its "
        f"interval is shown with every suggestion. It rests on {arm['people']:.0f} past people."
    )
    notes = [about]
    if arm.get("needs"):
        needs = " or ".join(labels.get(name, _words(name)) for name in arm["needs"])
        notes.append(
            f"{100 * arm['need']:+.1f} in 100 is added once for people with a need that it is meant for: {needs}."
        )
    if _has_common_factor(document):
        notes.append(
            "The sum of the tables is then multiplied by one factor, which is the same for all interventions: how much "
            "people like this one get out of any of them."
        )
    notes.append(
        "The shares of people count past decisions at which the intervention was open to the person."
        if arm.get("counts")
        else "This release has no counts of people by value for effects, so there are no bars under the curves."
    )
    card = effect_card(document["modifiers"], arm, yes_no=yes_no)
    title = f"What changes with {_words(arm['arm'])}"
    return to_html(
        card,
        title=title,
        outcome="how much more often people make progress",
        labels={name: labels.get(name, _words(name)) for name in card.feature_names},
        notes=notes,
        per_hundred=True,
    )


def _has_common_factor(document: Mapping[str, Any]) -> bool:
    """Whether effects are their tables' sum times a factor; releases name that part in one of two ways."""
    part = document.get("shared_part") or document.get("moderation") or {}
    return any(part.get("coefficients", ()))


def effect_card(
    modifiers: Sequence[Mapping[str, Any]], arm: Mapping[str, Any], *, yes_no: Collection[str] = ()
) -> Scorecard:
    """Read an arm of benefit.json as a scorecard whose score is the effect.

    The effect is the one before any factor common to all arms.

    Args:
        modifiers: of the document.
        arm: of the document.
        yes_no: the names of features that are yes or no, not numbers.

    Where the arm has no counts of people (a release made without them) the terms have no weights, and pages
    no bars.
    """
    features, terms = [], []
    counts = arm.get("counts") or [[0] * len(table) for table in arm["tables"]]
    for modifier, table, held in zip(modifiers, arm["tables"], counts, strict=True):
        values, weights = np.asarray(table, dtype=np.float64), np.asarray(held, dtype=np.float64)
        name = str(modifier["name"])
        if modifier.get("values") is not None:
            # An effect's last cell is for "not recorded" and for any value never seen.
            axis = Axis(name, "category", categories=tuple(modifier["values"]))
            values, weights = np.append(values, values[-1]), np.insert(weights, -1, 0.0)
        else:
            kind: FactorKind = "boolean" if name in yes_no else "number"
            axis = Axis(name, kind, cuts=tuple(float(edge) for edge in modifier["edges"]))
        features.append(Factor(name, axis.kind, missing_seen=True, other_seen=True))
        if np.abs(values).max() >= NOTHING:
            terms.append(Term((axis,), values, weights))
    return Scorecard(
        features=tuple(features), terms=tuple(terms), intercept=float(arm["intercept"]), link="identity"
    )


def _words(name: str) -> str:
    return name.replace("-", " ").replace("_", " ")


if __name__ == "__main__":
    for made in write(Bundle.open(sys.argv[1]), Path(sys.argv[2])):
        sys.stdout.write(f"{made}\n")
