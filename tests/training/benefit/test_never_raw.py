"""Completers against non-completers is never shown, or computed, as an effect.

Those who finish differ from those who do not before they begin; the raw contrast is 10 to 17 points where the effect
is a third of that or less. Two rules hold the line, and each is shown to catch a planted offender:

* no function outside the places named below reads both how an intervention ended and what came of the person;
* no text that anybody may read (screens, messages, reports, tables, cards) contrasts those who completed with others.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scoring.national import SCHEMA

ROOT = Path(__file__).parents[3]
ROOMS = ("scoring", "serving", "training", "fairness", "signpost")
ENDS = {"COMPLETED", "completed", "completers", "non_completers", "finished"}
OUTCOMES = {"progressed", "reoffended", "need_change", "p_progress", "p_reoffend"}

#: Where both are read, and why that is no effect.
ALLOWED: dict[str, str] = {}

CONTRASTS = (
    r"non-?\s?completers?",
    r"\bcompleters?\s+(?:against|than|versus|vs\.?|and)\b",
    r"(?:those|people)\s+who\s+(?:complete|completed|finish|finished)\b[^.]{0,80}\b(?:than|against|vs)\b[^.]{0,60}\bdo? ?n[o']t",
    r"(?:those|people)\s+who\s+(?:complete|completed|finish|finished)\b[^.]{0,80}\b(?:than|against|vs)\b[^.]{0,60}\b(?:did|drop)",
    r"\b(?:minus|less) completers\b",
    r"\beffect of (?:completing|completion|finishing)\b",
)
#: The generator's documentation shows the trap beside the truth, as the worlds are meant to hold it.
SHOWS_THE_TRAP = ("docs/worlds.md",)
#: Texts that name the trap in order to warn of it: file and the sentence's beginning.
WARNINGS = (
    ("docs/benefit.md", "It is never a comparison of people who finished"),
    ("training/benefit/baselines.py", "among those who finished (the trap"),
)


def offending_functions(source: str) -> Iterator[str]:
    """Functions that read both an ending and an outcome, by the names and texts in them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            read = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
            read |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            read |= {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
            read |= {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}
            if read & ENDS and read & OUTCOMES:
                yield node.name


def contrasts(text: str) -> list[str]:
    """Phrases that contrast those who completed with those who did not."""
    return [found.group(0) for rule in CONTRASTS for found in re.finditer(rule, text, re.IGNORECASE)]


def texts_shown() -> list[Path]:
    """Everything whose words may reach a reader: code that writes texts, templates, messages, documentation."""
    found: list[Path] = []
    for room in (*ROOMS, "catalogue", "docs"):
        for kind in ("*.py", "*.html", "*.yaml", "*.yml", "*.css", "*.js", "*.md", "*.njk", "*.j2"):
            found += (ROOT / room).rglob(kind)
    skipped = {"decisions", "node_modules"}
    return sorted(
        path
        for path in found
        if not skipped & set(path.parts) and path.relative_to(ROOT).as_posix() not in SHOWS_THE_TRAP
    )


@pytest.mark.parametrize("room", ROOMS)
def test_no_function_sets_endings_against_outcomes(room: str) -> None:
    found = {
        f"{path.relative_to(ROOT)}:{name}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for name in offending_functions(path.read_text(encoding="utf-8"))
    }
    assert found - set(ALLOWED) == set()


def test_no_text_contrasts_completers_with_others() -> None:
    found = []
    for path in texts_shown():
        name = path.relative_to(ROOT).as_posix()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            warned = any(name == file and start in line for file, start in WARNINGS)
            if contrasts(line) and not warned:
                found.append(f"{name}:{number}: {line.strip()[:100]}")
    assert found == []


def test_the_national_table_holds_no_contrast() -> None:
    named = [name for name in SCHEMA if "effect" in name]
    assert named == ["effect", "effect_lower", "effect_upper"]  # against supervision as usual, adjusted


@pytest.mark.parametrize(
    "planted",
    [
        "def effect(rows):\n    done = rows['end'] == 'COMPLETED'\n    return rows['progressed'][done].mean()\n",
        "def table(points):\n    return points.group_by('completed').agg(points.reoffended.mean())\n",
        "async def gap(completers, others, progressed):\n    return progressed[completers] - progressed[others]\n",
    ],
)
def test_a_planted_function_is_found(planted: str) -> None:
    assert list(offending_functions(planted))


@pytest.mark.parametrize(
    "planted",
    [
        "<p>Non-completers reoffend more often.</p>",
        "Completers against others: 12 in 100 fewer",
        "People who completed progressed more often than those who did not.",
        "The effect of completing this programme is 14 points",
    ],
)
def test_a_planted_text_is_found(planted: str) -> None:
    assert contrasts(planted)


def test_what_is_allowed_is_still_there() -> None:
    for place, why in ALLOWED.items():
        file, name = place.split(":")
        assert name in set(offending_functions((ROOT / file).read_text(encoding="utf-8"))), place
        assert why
