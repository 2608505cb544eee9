"""By which rules does the audit compare, and the gate decide?"""

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import yaml

from catalogue.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Limits of the audit; `policy.yaml` explains each of them."""

    band: tuple[float, float] = (0.80, 1.25)
    confidence: float = 0.95
    power: float = 0.80
    practical_points: float = 0.02
    practical_people: float = 10
    recorded_share: float = 0.60
    suppression_threshold: int = 10
    wald_from: float = 100

    def __post_init__(self) -> None:
        """Refuse limits that could not be meant."""
        lower, upper = self.band
        if not 0 < lower <= 1 <= upper:
            raise UsageError("The audit policy's band must enclose 1, for example [0.80, 1.25].")
        for name in ("confidence", "power", "recorded_share"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"The audit policy's {name} must lie between 0 and 1.")
        for name in ("practical_points", "practical_people", "suppression_threshold", "wald_from"):
            if getattr(self, name) < 0:
                raise UsageError(f"The audit policy's {name} must not be negative.")


def read(path: Path) -> Policy:
    """A policy file, key by key. Raises `UsageError` for an unknown key."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    unknown = set(document) - {each.name for each in fields(Policy)}
    if unknown:
        raise UsageError(f'{path.name} has an unknown key "{min(unknown)}".')
    document["band"] = tuple(document["band"])
    return Policy(**document)


@cache
def default() -> Policy:
    """The project's own policy."""
    return read(Path(__file__).parent / "policy.yaml")
