"""What does the equality report measure at each stage, who is counted, and which way is harm?

Reads `measures.yaml`. A measure is one yes-or-no column of a stage's frame: true where the event happened, false where
it did not, null for people who are not counted.
"""

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import field_validator

from catalogue.documents import Section, read_model, read_yaml

Harm = Literal["lower", "higher", "either"]
Required = Literal["no", "somebody", "compared"]
CONDITIONS = ("need_band", "risk_band", "sentence_type", "region")
"""What makes people alike, unless a measure says otherwise."""


class Measure(Section):
    """One rate: the event, among whom, and how it is said.

    `event` and `among` complete the sentence "`count` of `people` <among> <event>". `event_set` and
    `among_set` name the two sets of people, so that the same set has the same name everywhere and
    suppression sees it; `rest_set` names those among whom it did not happen, where another measure
    counts them. `harm` says which way a gap disadvantages the group. `alike` asks for the comparison
    among people alike in need, risk, sentence type and region. `gate` lets the measure block a release;
    `required` says without what it cannot be passed: that the event happened to "somebody", or that the
    required characteristics could be "compared" as well. `conditions` are the columns in which people
    are alike; with `intersections` characteristics are also crossed.
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


class _MeasuresFile(Section):
    measures: tuple[Measure, ...]

    @field_validator("measures")
    @classmethod
    def _once_each(cls, measures: tuple[Measure, ...]) -> tuple[Measure, ...]:
        names = [measure.id for measure in measures]
        twice = sorted(name for name in set(names) if names.count(name) > 1)
        if twice:
            raise ValueError(f"holds '{twice[0]}' twice; give each measure an id of its own.")
        return measures


@cache
def measures() -> tuple[Measure, ...]:
    """The measures of the equality report, in the order of the funnel.

    Raises `UsageError` for an unknown key, a value that cannot be meant, or an id used twice.
    """
    path = Path(__file__).parent / "measures.yaml"
    document = read_yaml(path, thing="The list of measures")
    return read_model(_MeasuresFile, document, place=path.name, nouns={"measures": "measure"}).measures


def of_stage(stage: str) -> tuple[Measure, ...]:
    """The measures of one stage's frame."""
    return tuple(measure for measure in measures() if measure.stage == stage)
