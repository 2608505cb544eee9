"""What does the equality report measure at each stage, who is counted, and which way is harm?

Reads `measures.yaml`. A measure is one yes-or-no column of a stage's frame: true where the event happened, false where
it did not, null for people who are not counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from catalogue.errors import UsageError

Harm = Literal["lower", "higher", "either"]
Required = Literal["no", "somebody", "compared"]
CONDITIONS = ("need_band", "risk_band", "sentence_type", "region")
"""What makes people alike, unless a measure says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One rate: the event, among whom, and how it is said.

    `event` and `among` complete the sentence "`count` of `people` <among> <event>". `event_set` and
    `among_set` name the two sets of people, so that the same set has the same name everywhere and
    suppression sees it; `rest_set` names those among whom it did not happen, where another measure counts them. `harm` says which way a gap disadvantages the group. `alike` asks for the
    comparison among people alike in need, risk, sentence type and region. `gate` lets the measure
    block a release; `required` says without what it cannot be passed: that the event happened to
    "somebody", or that the required characteristics could be "compared" as well. `conditions` are the
    columns in which people are alike; with `intersections` characteristics are also crossed.
    """

    id: str
    title: str
    stage: str
    event: str
    among: str
    event_set: str
    among_set: str
    rest_set: str | None = None
    harm: Harm = "either"
    unit: str = "people"
    section: int = 9
    alike: bool = False
    gate: bool = False
    required: Required = "no"
    conditions: tuple[str, ...] = CONDITIONS
    intersections: bool = False
    subject: str | None = None

    def __post_init__(self) -> None:
        """Lists of a document become tuples."""
        object.__setattr__(self, "conditions", tuple(self.conditions))


def read(document: Mapping[str, Any]) -> tuple[Measure, ...]:
    """Measures from a document, key by key. Raises `UsageError` for an unknown key or a name used twice."""
    allowed = set(Measure.__dataclass_fields__)
    measures = []
    for entry in document["measures"]:
        unknown = set(entry) - allowed
        if unknown:
            raise UsageError(f'measures.yaml: "{entry.get("id")}" has an unknown key "{min(unknown)}".')
        if entry.get("harm", "either") not in {"lower", "higher", "either"}:
            raise UsageError(f'measures.yaml: the harm of "{entry["id"]}" is lower, higher or either.')
        if entry.get("required", "no") not in {"no", "somebody", "compared"}:
            raise UsageError(f'measures.yaml: "{entry["id"]}" requires no, somebody or compared.')
        measures.append(Measure(**entry))
    names = [measure.id for measure in measures]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UsageError(f'measures.yaml has "{min(twice)}" twice.')
    return tuple(measures)


@cache
def measures() -> tuple[Measure, ...]:
    """The measures of the equality report, in the order of the funnel."""
    return read(yaml.safe_load((Path(__file__).parent / "measures.yaml").read_text(encoding="utf-8")))


def of_stage(stage: str) -> tuple[Measure, ...]:
    """The measures of one stage's frame."""
    return tuple(measure for measure in measures() if measure.stage == stage)
