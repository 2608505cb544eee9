"""The reasons that a decision can be given, read from `decision_reasons.yaml` and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

import yaml

FILE: Final = Path(__file__).parent / "decision_reasons.yaml"


class Action(StrEnum):
    """What was decided."""

    ACCEPTED = "ACCEPTED"
    DEPARTED = "DEPARTED"
    NONE_CHOSEN = "NONE_CHOSEN"


@dataclass(frozen=True, kw_only=True)
class DecisionReason:
    """One reason, with its words on the screen and where it comes from."""

    code: str
    label: str
    source: str


@cache
def reasons() -> Mapping[Action, tuple[DecisionReason, ...]]:
    """The reasons of each action, in the order of the screen; the same number for each.

    Raises:
        ValueError: when the file says otherwise.
    """
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    if set(content) != {str(action) for action in Action}:
        raise ValueError("decision_reasons.yaml has to have exactly the three actions")
    found = {action: tuple(DecisionReason(**line) for line in content[action]) for action in Action}
    if len({len(lines) for lines in found.values()}) != 1:
        raise ValueError("every action has to offer the same number of reasons")
    return found


def label(action: str, code: str) -> str:
    """The words of a reason.

    Raises:
        KeyError: for a code that the action does not have.
    """
    return {line.code: line.label for line in reasons()[Action(action)]}[code]
