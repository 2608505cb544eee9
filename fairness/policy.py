"""By which limits does the audit compare, and the gate decide?"""

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from catalogue.documents import Number, Section, Whole, read_model, read_yaml

Share = Annotated[Number, Field(gt=0, lt=1)]
Limit = Annotated[Number, Field(ge=0)]


class Policy(Section):
    """Limits of the audit; `policy.yaml` explains each of them and is their only home."""

    band: tuple[Number, Number]
    confidence: Share
    power: Share
    practical_points: Limit
    practical_people: Limit
    recorded_share: Share
    suppression_threshold: Annotated[Whole, Field(ge=0)]
    wald_from: Limit

    @field_validator("band")
    @classmethod
    def _encloses_1(cls, band: tuple[float, float]) -> tuple[float, float]:
        lower, upper = band
        if not 0 < lower <= 1 <= upper:
            raise ValueError("does not enclose 1; write two limits such as [0.80, 1.25].")
        return band


@cache
def default() -> Policy:
    """The project's own policy. Raises `UsageError` where the file says something that cannot be meant."""
    path = Path(__file__).parent / "policy.yaml"
    return read_model(Policy, read_yaml(path, thing="The audit policy"), place=path.name)
