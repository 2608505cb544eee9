"""What does the benefit head suggest, to whom, and how surely? One page, made from the release alone.

The policy in at most three questions, the average effect of every intervention with its interval, how much of
an effect people get by risk, and how strong something unrecorded would have to be to overturn what leads.
Written into MLflow with the scorecards; the model card says the same in words.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np

from scoring.effects import EffectModel

WIDTH: Final = 640
ROW: Final = 22
LABELS: Final = 330
STYLE: Final = (
    "body{font:16px Arial,Helvetica,sans-serif;max-width:60em;margin:2em auto;color:#0b0c0c}"
    "table{border-collapse:collapse}th,td{padding:.3em .8em;text-align:left;border-bottom:1px solid #b1b4b6}"
    "svg{max-width:100%;height:auto}svg text{font:12px Arial,Helvetica,sans-serif;fill:#0b0c0c}"
)


def tree_lines(tree: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[int, str]]:
    """The policy tree of a report as lines with their depth."""
    if "question" not in tree:
        yield depth, f"{tree['arm']} ({tree['people']:,} people, {100 * tree['gain']:+.1f} in 100)"
        return
    for answer, side in (("yes", tree["yes"]), ("no, or not recorded", tree["no"])):
        yield depth, f"{tree['question']}? {answer}:"
        yield from tree_lines(side, depth + 1)


def leading_rows(report: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Intervention, people, effect with its interval, and E-values of the effect and of its bound, most people first."""
    found = sorted(report.get("leading_suggestions", ()), key=lambda row: -row["people"])
    return [
        (
            str(row["arm"]),
            f"{row['people']:,}",
            f"{100 * row['effect']:+.1f} ({100 * row['lower']:+.1f} to {100 * row['upper']:+.1f}) in 100",
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
    parts = [
        "<h1>What is suggested, to whom, and how surely</h1>",
        (
            "<p>Effects are differences in the chance of progress within twelve months against supervision as usual, for "
            "people with the same records. They are estimates with intervals, not promises.</p>"
        ),
        "<h2>The policy in at most three questions</h2>",
        "<p>It explains the whole model and does not replace it: each end names what would help most there on average.</p>",
        _tree(report.get("policy_tree")),
        "<h2>Average effect of each intervention</h2>",
        _effects(report.get("average_effects", {})),
        "<h2>How much of an effect people get</h2>",
        "<p>1 is the average share. It is learned once, from all interventions together.</p>",
        *(_shares(model, name) for name in ("ogrs_2yr", "motivation", "days_left")),
        "<h2>How strong would something unrecorded have to be?</h2>",
        (
            "<p>The E-value: by how much a hidden factor would have to multiply both the chance of being sent and the chance "
            "of progress, beyond all that is recorded, to bring the effect (or its lower bound) to nought. 1: by nothing.</p>"
        ),
        _table(
            ("intervention", "people it leads for", "effect", "E-value", "of the bound"), leading_rows(report)
        ),
    ]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Policy</title>'
        f"<style>{STYLE}</style></head><body><main>\n{body}\n</main></body></html>\n"
    )


def _tree(tree: Mapping[str, Any] | None) -> str:
    if tree is None:
        return "<p>The release holds no policy tree.</p>"
    lines = (f'<li style="margin-left:{2 * depth}em">{escape(text)}</li>' for depth, text in tree_lines(tree))
    return '<ul style="list-style:none">' + "".join(lines) + "</ul>"


def _effects(averages: Mapping[str, Mapping[str, float]]) -> str:
    """Dots with intervals, the largest first, and the same as a table."""
    if not averages:
        return "<p>No intervention has enough recorded outcomes for an average of its own.</p>"
    ordered = sorted(averages.items(), key=lambda item: -item[1]["effect"])
    reach = max(abs(found[side]) for _, found in ordered for side in ("lower", "upper")) or 1.0

    def x(value: float) -> float:
        return LABELS + (WIDTH - LABELS) * (value / reach + 1) / 2

    height = ROW * (len(ordered) + 1)
    marks = [f'<line x1="{x(0):.1f}" y1="0" x2="{x(0):.1f}" y2="{height}" stroke="#505a5f"/>']
    for place, (arm, found) in enumerate(ordered):
        y = ROW * (place + 0.7)
        marks.append(
            f'<text x="0" y="{y + 4:.1f}">{escape(arm)}</text>'
            f'<line x1="{x(found["lower"]):.1f}" y1="{y:.1f}" x2="{x(found["upper"]):.1f}" y2="{y:.1f}" stroke="#1d70b8"/>'
            f'<circle cx="{x(found["effect"]):.1f}" cy="{y:.1f}" r="4" fill="#1d70b8"/>'
        )
    drawn = (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Average effects with intervals; the table below '
        f'has the same numbers">{"".join(marks)}</svg>'
    )
    rows = [
        (
            arm,
            f"{100 * f['effect']:+.1f}",
            f"{100 * f['lower']:+.1f} to {100 * f['upper']:+.1f}",
            f"{f['eligible']:,}",
        )
        for arm, f in ordered
    ]
    return drawn + _table(("intervention", "effect in 100", "interval", "people eligible"), rows)


def _shares(model: EffectModel, name: str) -> str:
    """The share of an effect in each bin of one modifier, the others at their average."""
    start = 0
    for modifier in model.modifiers:
        functions = modifier.basis.shape[1]
        if modifier.name == name and modifier.edges is not None:
            own = model.moderation.coefficients[start : start + functions]
            shares = 1 + modifier.basis @ own
            names = _bins(modifier.edges)
            rows = [(label, f"{share:.2f}") for label, share in zip(names, shares, strict=False)]
            if np.ptp(shares) < 0.005:
                return f"<p>{escape(name)}: the same for everybody.</p>"
            return _table((name, "share"), rows)
        start += functions
    return ""


def _bins(edges: Sequence[float]) -> list[str]:
    inner = [f"{low:g} to under {high:g}" for low, high in itertools.pairwise(edges)]
    return [f"under {edges[0]:g}", *inner, f"{edges[-1]:g} and more", "not recorded"]


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
