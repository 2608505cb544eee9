"""What does each intervention do in a world? Whom it helps, how much, and how long it runs (interventions.csv).

Effects are assumptions, because nobody has published the effect of each programme; every row of the file says
what it rests on. `log_odds` is the mean change in the log-odds of reoffending within a year, for people
referred at medium risk or above who have the need. It acts through completion.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import catalogue
from catalogue.intervention import InterventionType
from features.contract import REQUIREMENT_TYPES, SECTIONS
from worlds.draws import Bools, Floats, Ints

FAMILIES = (
    "cognitive",
    "sexual",
    "treatment",
    "employment",
    "accommodation",
    "womens",
    "wellbeing",
    "finance",
    "punitive",
    "toolkit",
)
TYPES = tuple(str(one) for one in InterventionType)
LONGEST_WEEKS = 40
# About this share of people referred complete; the mean effect of a referral is shared out among them.
COMPLETED_SHARE = 0.43
_BY_TYPE = {  # family and weeks of an intervention that interventions.csv does not list
    "ACP": ("cognitive", 19),
    "SI": ("cognitive", 8),
    "CRS": ("wellbeing", 10),
    "TOOLKIT": ("toolkit", 8),
    "TREATMENT_REQUIREMENT": ("treatment", 26),
    "UNPAID_WORK": ("punitive", 20),
    "ATTENDANCE_CENTRE": ("punitive", 12),
}


@dataclass(frozen=True, slots=True)
class Arms:
    """The interventions of the catalogue, in its order: one value an intervention in every array."""

    ids: tuple[str, ...]
    types: tuple[str, ...]
    family: Ints
    kind: Ints
    targets: Bools
    log_odds: Floats
    need_points: Floats
    weeks: Ints
    per_week: Ints
    popularity: Floats
    provision: Floats
    requirement: Ints
    custodial_only: Bools  # not delivered in the community

    def __len__(self) -> int:
        return len(self.ids)

    def of_family(self, family: str) -> Bools:
        """Which arms belong to a family."""
        return np.asarray(self.family == FAMILIES.index(family), dtype=np.bool_)

    def of_type(self, *types: str) -> Bools:
        """Which arms are of one of these types."""
        return np.isin(self.kind, [TYPES.index(one) for one in types])


def load_arms(entries: catalogue.Catalogue) -> Arms:
    """The arms of a catalogue, in its order."""
    with (Path(__file__).parent / "interventions.csv").open(encoding="utf-8", newline="") as file:
        listed = {row["intervention_id"]: row for row in csv.DictReader(file)}
    rows = [_row(entry, listed) for entry in entries.interventions]
    return Arms(
        ids=tuple(row["intervention_id"] for row in rows),
        types=tuple(row["type"] for row in rows),
        family=np.array([FAMILIES.index(row["family"]) for row in rows], dtype=np.int64),
        kind=np.array([TYPES.index(row["type"]) for row in rows], dtype=np.int64),
        targets=np.array(
            [[section in row["targets"].split("|") for section in SECTIONS] for row in rows], dtype=np.bool_
        ),
        log_odds=np.array([float(row["log_odds"]) for row in rows]),
        need_points=np.array([float(row["need_points"]) for row in rows]),
        weeks=np.array([min(int(row["weeks"]), LONGEST_WEEKS) for row in rows], dtype=np.int64),
        per_week=np.array([int(row["per_week"]) for row in rows], dtype=np.int64),
        popularity=np.array([float(row["popularity"]) for row in rows]),
        provision=np.array([float(row["provision"]) for row in rows]),
        requirement=np.array(
            [REQUIREMENT_TYPES.index(row["requirement"]) if row["requirement"] else -1 for row in rows],
            dtype=np.int64,
        ),
        custodial_only=np.array(
            ["COMMUNITY" not in row["settings"].split("+") for row in rows], dtype=np.bool_
        ),
    )


def _row(entry: catalogue.Intervention, listed: dict[str, dict[str, str]]) -> dict[str, str]:
    family, weeks = _BY_TYPE[str(entry.type)]
    row = listed.get(entry.id) or {
        "intervention_id": entry.id,
        "family": family,
        "targets": "|".join(entry.needs),
        "log_odds": "-0.05",
        "need_points": "-0.3",
        "weeks": str(weeks),
        "per_week": "1",
        "popularity": "0.0",
        "provision": "0.6",
        "requirement": "",
    }
    return {**row, "type": str(entry.type), "settings": "+".join(str(setting) for setting in entry.settings)}
