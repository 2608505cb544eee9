"""What does the benefit head suggest, to whom, and how surely? One page, made from the release alone.

The policy in at most three questions, the average effect of every intervention with its interval, how much of
an effect people get by risk, and how strong something unrecorded would have to be to change what leads.
MLflow keeps it with the scorecards. The model card says the same in words.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from markupsafe import Markup

from charts import IntervalLine, Meaning, Scale, intervals
from pages import PageTable, render
from scoring.effects import EffectModel

SHARED: Final = ("ogrs_2yr", "motivation", "days_left")
"""The facts by which the share of an effect is shown."""
ALIKE: Final = 0.005
"""Shares that differ by less are the same for everybody."""


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """A question of the policy with one answer, or what is suggested there; its children follow."""

    text: str
    children: Sequence["PolicyLine"] = ()


def branches(tree: Mapping[str, Any] | None) -> tuple[PolicyLine, ...]:
    """The policy tree of a report in words; nothing where the report has none."""
    if tree is None:
        return ()
    if "question" not in tree:
        return (PolicyLine(f"{tree['arm']} ({tree['people']:,} people, {_signed(tree['gain'])} in 100)"),)
    answers = (("yes", tree["yes"]), ("no, or not recorded", tree["no"]))
    return tuple(PolicyLine(f"{tree['question']}? {answer}:", branches(side)) for answer, side in answers)


def leading_rows(report: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Intervention, people, effect with its interval, and E-values of the effect and of its bound, most people first."""
    found = sorted(report.get("leading_suggestions", ()), key=lambda row: -row["people"])
    return [
        (
            str(row["arm"]),
            f"{row['people']:,}",
            f"{_signed(row['effect'])} ({_signed(row['lower'])} to {_signed(row['upper'])}) in 100",
            f"{row['e_value']:.2f}",
            f"{row['e_value_of_bound']:.2f}",
        )
        for row in found
    ]


def write(model: EffectModel, folder: Path) -> Path:
    """Write policy.html into the folder."""
    path = folder / "policy.html"
    path.write_text(to_html(model), encoding="utf-8")
    return path


def to_html(model: EffectModel) -> str:
    """The page."""
    report = model.report
    averages = sorted(report.get("average_effects", {}).items(), key=lambda item: -item[1]["effect"])
    return render(
        "training.release",
        "policy.html.j2",
        title="What is suggested, to whom, and how surely",
        branches=branches(report.get("policy_tree")),
        finding=_finding(averages),
        drawing=_drawing(averages) if averages else "",
        averages=PageTable(
            "Average effect of each intervention",
            ("Intervention", "Effect in 100", "IntervalLine", "People eligible"),
            [
                (
                    arm,
                    _signed(f["effect"]),
                    f"{_signed(f['lower'])} to {_signed(f['upper'])}",
                    f"{f['eligible']:,}",
                )
                for arm, f in averages
            ],
            frozenset({1, 2, 3}),
        ),
        shares=[table for name in SHARED if (table := _shares(model, name)) is not None],
        leading=PageTable(
            "Strength of a hidden factor that would explain an effect",
            ("Intervention", "People it leads for", "Effect", "E-value", "E-value of the bound"),
            leading_rows(report),
            frozenset({1, 2, 3, 4}),
        ),
    )


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}"


def _finding(averages: Sequence[tuple[str, Mapping[str, float]]]) -> str:
    above = sum(found["lower"] > 0 for _, found in averages)
    return f"{above} of {len(averages)} interventions have an average effect that is certainly above zero"


def _drawing(averages: Sequence[tuple[str, Mapping[str, float]]]) -> Markup:
    """Dots with intervals, the largest first."""
    rows = [
        IntervalLine(
            label=arm,
            value=100 * found["effect"],
            lower=100 * found["lower"],
            upper=100 * found["upper"],
            marked=found["lower"] > 0,
        )
        for arm, found in averages
    ]
    scale = Scale.around([0.0, *(100 * found[side] for _, found in averages for side in ("lower", "upper"))])
    meaning = Meaning(
        name="effects",
        title=_finding(averages),
        description="A line for each intervention: its average effect in 100 people, with its interval. A filled "
        "diamond is certainly above zero. The table under the chart has the same numbers.",
    )
    return intervals(rows, meaning, scale=scale, reference=(0.0, "no difference"))


def _shares(model: EffectModel, name: str) -> PageTable | str | None:
    """The share of an effect in each bin of one fact, the others at their average; a sentence where all are alike."""
    start = 0
    for modifier in model.modifiers:
        functions = modifier.basis.shape[1]
        if modifier.name == name and modifier.edges is not None:
            own = model.moderation.coefficients[start : start + functions]
            shares = 1 + modifier.basis @ own
            if np.ptp(shares) < ALIKE:
                return f"{name}: the same for everybody."
            named = zip(_bins(modifier.edges), shares, strict=False)
            rows = [(label, f"{share:.2f}") for label, share in named]
            return PageTable(f"Share of an effect by {name}", (name, "Share"), rows, frozenset({1}))
        start += functions
    return None


def _bins(edges: Sequence[float]) -> list[str]:
    inner = [f"{low:g} to under {high:g}" for low, high in itertools.pairwise(edges)]
    return [f"under {edges[0]:g}", *inner, f"{edges[-1]:g} and more", "not recorded"]
