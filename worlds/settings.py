"""What is a world like? Its settings, read key by key.

A world is a small YAML file. What it does not set has the default of `WorldSettings`, which is the baseline.
Unknown keys are errors, so that a misspelt setting cannot silently do nothing.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

import yaml

from catalogue.documents import UniqueKeyLoader
from catalogue.errors import UsageError
from catalogue.fields import SEX
from worlds.protected_characteristics import ETHNICITIES

_WORLDS = Path(__file__).parent / "named"
PLANTED_KINDS = ("OFFER", "RECORDING", "TRAVEL", "ENFORCEMENT")
"""Where a disparity can be planted."""
_SIZES: Final = {"OFFER": 10.0, "RECORDING": 1.0, "TRAVEL": 1.0, "ENFORCEMENT": 20.0}
"""The largest size of each kind: log-odds, chances, and a factor; the smallest is 0."""
_RANGES: Final = {
    "effect_scale": (0.0, 10.0),
    "dropout_harm": (0.0, 5.0),
    "mismatch_harm": (0.0, 5.0),
    "confounding": (0.0, 10.0),
    "hidden_confounding": (-10.0, 10.0),
    "provision": (0.0, 10.0),
    "missing_by_engagement": (-5.0, 5.0),
    "missing_by_change": (-5.0, 5.0),
    "disruption_waiting_weeks": (0.0, 104.0),
    "disruption_places": (0.0, 1.0),
}
"""The lowest and the highest value of each number that is neither a share below 1 nor a count; NaN lies in none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedDisparity:
    """One disparity put into a world on purpose, for the audit to find.

    `groups` are codes of `characteristic` (ethnicity or sex). What `size` does depends on `kind`:

    * OFFER lowers the log-odds of referral to an accredited programme or structured intervention by `size`.
    * RECORDING leaves each need section unanswered with a further chance of `size`.
    * TRAVEL places the group, with chance `size`, in the unit of its region that is furthest from services. For
      women it also puts the women-only services of a share `size` of the units into the next unit.
    * ENFORCEMENT multiplies the chance of breach for the same absences by `size`.
    """

    kind: str
    characteristic: str
    groups: tuple[str, ...]
    size: float

    def __post_init__(self) -> None:
        """Refuse a disparity that would do nothing."""
        if self.kind not in PLANTED_KINDS:
            raise UsageError(
                f"A planted disparity has the kind {self.kind!r}; use one of {', '.join(PLANTED_KINDS)}."
            )
        if self.characteristic not in {"ethnicity", "sex"}:
            raise UsageError(
                f"A planted disparity names the characteristic {self.characteristic!r}; use ethnicity or sex."
            )
        codes = SEX if self.characteristic == "sex" else ETHNICITIES
        for group in self.groups:
            if group not in codes:
                raise UsageError(
                    f"A planted disparity names the group {group!r}; {self.characteristic} has {', '.join(codes)}."
                )
        if not self.groups:
            raise UsageError(f"The planted disparity of kind {self.kind} names no groups; list at least one.")
        largest = _SIZES[self.kind]
        if not 0 <= self.size <= largest:
            raise UsageError(
                f"The planted disparity of kind {self.kind} has a size out of range; use a number from 0 to {largest:g}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSettings:
    """Every setting of a world. The defaults are the baseline."""

    name: str = "baseline"
    description: str = ""
    # Units in each of the twelve regions.
    pdus_per_region: int = 3
    # Share of people whose sentence began up to eighteen months before the first day.
    supervised_at_start: float = 0.35
    # Multiplies every true effect, harm included; 0 means that nothing works and nothing harms.
    effect_scale: float = 1.0
    # Log-odds of reoffending added by dropping out, and by completing something that meets no need.
    dropout_harm: float = 0.06
    mismatch_harm: float = 0.06
    # How strongly the choice of arm follows need, risk, motivation, region and practitioner.
    confounding: float = 1.0
    # How strongly the choice of arm follows latent engagement, which no record shows.
    hidden_confounding: float = 0.0
    # Multiplies the share of units that offer each intervention.
    provision: float = 1.0
    # Chance that a section of an assessment is unanswered.
    section_missing: float = 0.03
    # Chance that a review is not completed. In log-odds, it is higher for less engaged people
    # (`missing_by_engagement`) and for people whose needs grew (`missing_by_change`).
    review_missing: float = 0.14
    missing_by_engagement: float = 0.5
    missing_by_change: float = 0.25
    # Chance that a characteristic is not recorded: ethnicity, religion, and each of the others.
    ethnicity_missing: float = 0.05
    religion_missing: float = 0.07
    protected_missing: float = 0.25
    # Share of records that enter a system late, and of circumstances that are corrected later.
    late_records: float = 0.08
    corrected_records: float = 0.03
    # Chance that a referral ends for an administrative reason.
    administrative_ends: float = 0.06
    # Share of people of middle age who die in a year; records stop there.
    deaths: float = 0.006
    # Chance that unpaid work, or the attendance centre, of an order runs at the same time as the arm chosen.
    requirements_beside: float = 0.75
    # Ethnic groups other than White British: share in London, and elsewhere.
    minority_london: float = 0.52
    minority_elsewhere: float = 0.145
    # A disruption like that of 2020: from, to, the share of places kept, further weeks of waiting,
    # and whether delivery and supervision go remote.
    disruption_from: date | None = None
    disruption_to: date | None = None
    disruption_places: float = 1.0
    disruption_waiting_weeks: float = 0.0
    disruption_remote: bool = False
    planted: tuple[PlantedDisparity, ...] = ()

    def __post_init__(self) -> None:
        """Hold the settings to their ranges."""
        shares = (
            "supervised_at_start",
            "section_missing",
            "review_missing",
            "ethnicity_missing",
            "religion_missing",
            "protected_missing",
            "late_records",
            "corrected_records",
            "administrative_ends",
            "deaths",
            "requirements_beside",
            "minority_london",
            "minority_elsewhere",
        )
        for key in shares:
            if not 0 <= float(getattr(self, key)) < 1:
                raise UsageError(f"World {self.name}: {key} is a share; use a number from 0 to below 1.")
        for key, (low, high) in _RANGES.items():
            if not low <= float(getattr(self, key)) <= high:
                raise UsageError(f"World {self.name}: {key} must lie between {low:g} and {high:g}.")
        if not 1 <= self.pdus_per_region <= 99:
            raise UsageError(f"World {self.name}: pdus_per_region must lie between 1 and 99.")
        if (self.disruption_from is None) != (self.disruption_to is None):
            raise UsageError(f"World {self.name}: give both disruption_from and disruption_to, or neither.")
        if self.disruption_from and self.disruption_to and self.disruption_to < self.disruption_from:
            raise UsageError(
                f"World {self.name}: disruption_to is before disruption_from; give the earlier day first."
            )

    def planted_of(self, kind: str) -> tuple[PlantedDisparity, ...]:
        """The planted disparities of one kind."""
        return tuple(planted for planted in self.planted if planted.kind == kind)

    def document(self) -> dict[str, object]:
        """Every setting, ready for JSON."""
        settings = dataclasses.asdict(self)
        for key in ("disruption_from", "disruption_to"):
            settings[key] = None if settings[key] is None else settings[key].isoformat()
        return settings


def world_names() -> tuple[str, ...]:
    """The worlds that come with the project."""
    return tuple(sorted(path.stem for path in _WORLDS.glob("*.yaml")))


def load_settings(world: str | Path) -> WorldSettings:
    """The world of that name, or of that YAML file.

    Raises:
        UsageError: no such world or file, YAML that cannot be read, an unknown or repeated key, a value
            of the wrong kind or out of range.
    """
    path = _WORLDS / f"{world}.yaml" if str(world) in world_names() else Path(world)
    if not path.is_file():
        raise UsageError(
            f"There is no world {str(world)!r}; use one of {', '.join(world_names())}, or the path of a YAML file."
        )
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=UniqueKeyLoader)  # noqa: S506  a safe loader
    except (yaml.YAMLError, ValueError, TypeError) as error:
        if "stands twice" in str(error):
            raise UsageError(
                f"The world file {path.name} gives a key twice; keep one of the two lines."
            ) from error
        raise UsageError(
            f"The world file {path.name} is not readable YAML; mend it and try again."
        ) from error
    if not isinstance(document, Mapping):
        raise UsageError(f"The world file {path.name} holds no settings; write one `key: value` a line.")
    return _from_document(document, path)


def _from_document(document: Mapping[str, object], path: Path) -> WorldSettings:
    defaults = WorldSettings()
    values: dict[str, object] = {"name": path.stem}
    known = {field.name for field in dataclasses.fields(WorldSettings)}
    for key, value in document.items():
        if key not in known:
            raise UsageError(
                f"The world file {path.name} has an unknown key {key!r}; known are {', '.join(sorted(known))}."
            )
        values[key] = (
            _planted(value, path) if key == "planted" else _checked(key, value, getattr(defaults, key), path)
        )
    return WorldSettings(**values)  # type: ignore[arg-type]  # each value has been held to its field's kind


def _checked(key: str, value: object, default: object, path: Path) -> object:
    """The value, if it is of its setting's kind."""
    if key.startswith("disruption_") and key.endswith(("_from", "_to")):
        fits = value is None or (isinstance(value, date) and not isinstance(value, datetime))
    elif isinstance(default, bool):
        fits = isinstance(value, bool)
    elif isinstance(default, int):
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif isinstance(default, float):
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        value = _number(value) if isinstance(value, int | float) else value
    else:
        fits = isinstance(value, str)
    if not fits:
        words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
        kind = "a date" if "disruption_" in key and default is None else words[type(default)]
        raise UsageError(f"The world file {path.name} gives {key} the wrong kind of value; it wants {kind}.")
    return value


def _number(value: float) -> float:
    """The value as a float; a whole number too long for one is infinite, and so out of every range."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _planted(value: object, path: Path) -> tuple[PlantedDisparity, ...]:
    keys = {field.name for field in dataclasses.fields(PlantedDisparity)}
    if not isinstance(value, list):
        raise UsageError(f"The world file {path.name} wants a list under planted.")
    planted = []
    for entry in value:
        if not isinstance(entry, Mapping) or set(entry) != keys:
            raise UsageError(
                f"Each entry under planted in {path.name} has exactly the keys {', '.join(sorted(keys))}."
            )
        groups, size = entry["groups"], entry["size"]
        if not isinstance(groups, list) or not isinstance(size, int | float) or size is True or size is False:
            raise UsageError(f"Under planted in {path.name}, groups is a list and size a number.")
        planted.append(
            PlantedDisparity(
                kind=str(entry["kind"]),
                characteristic=str(entry["characteristic"]),
                groups=tuple(str(group) for group in groups),
                size=_number(size),
            )
        )
    return tuple(planted)
