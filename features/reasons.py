"""What the reason of an end means: engagement, administrative, or success."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from catalogue.errors import UsageError

ENDED: Final = ("COMPLETED", "WITHDRAWN")
"""The statuses with which a referral has ended."""


class ReasonOutcome(StrEnum):
    """What an end for this reason counts as."""

    ENGAGEMENT = "ENGAGEMENT"
    ADMINISTRATIVE = "ADMINISTRATIVE"
    SUCCESS = "SUCCESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndReason:
    """One reason code: its words, what it counts as, where it comes from, and why it counts so."""

    code: str
    label: str
    outcome: ReasonOutcome
    source: str
    argument: str


@cache
def reasons() -> Mapping[str, EndReason]:
    """Every reason code of `features/reasons.csv`; UsageError for a line that is not complete."""
    text = files("features").joinpath("reasons.csv").read_text(encoding="utf-8")
    table: dict[str, EndReason] = {}
    for number, line in enumerate(csv.DictReader(text.splitlines()), start=2):
        if None in line.values() or not all(line.values()):
            raise UsageError(f"Line {number} of features/reasons.csv is not complete; fill every field.")
        code = line["code"]
        if code in table:
            raise UsageError(f"Line {number} of features/reasons.csv repeats a code; keep one line a code.")
        try:
            outcome = ReasonOutcome(line["outcome"])
        except ValueError:
            raise UsageError(
                f"Line {number} of features/reasons.csv has an unknown outcome; "
                f"write one of {', '.join(ReasonOutcome)}."
            ) from None
        table[code] = EndReason(
            code=code, label=line["label"], outcome=outcome, source=line["source"], argument=line["argument"]
        )
    return MappingProxyType(table)


def codes(outcome: ReasonOutcome) -> tuple[str, ...]:
    """The codes that count as this outcome, sorted."""
    return tuple(sorted(code for code, reason in reasons().items() if reason.outcome is outcome))
