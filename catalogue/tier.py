"""The tier of a case, A (highest) to G: how much supervision does it call for?

Source: the tier calculation, version 3 (``TIER`` in docs/sources.md). Each factor gives a tier or none, and the highest counts. Signpost uses
it to see work that is more, or less, intensive than a case calls for.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import numpy as np

from catalogue.errors import UsageError
from catalogue.fields import RISK_BANDS
from catalogue.subjects import Codes, Floats, Ints

TierName: TypeAlias = Literal["A", "B", "C", "D", "E", "F", "G", "NOT_SUPERVISED", "MISSING"]
Source: TypeAlias = Literal["DYNAMIC", "STATIC"]

LETTERS: Final = "ABCDEFG"
"""The tiers from the highest to the lowest; a tier in an array is its place here."""
NO_TIER: Final = len(LETTERS)
"""The place that stands for no tier."""

# ARP (rows) by CSRP (columns), each from its bound upwards, in per cent.
ARP_FROM: Final = (90, 75, 50, 25, 15, 0)
CSRP_FROM: Final = (6.9, 3.0, 1.0, 0.5, 0.0)
_GRID: Final = (
    "AABCD",
    "ABCDD",
    "BCDEE",
    "BCEEF",
    "BCEFF",
    "BCEFG",
)
_MAPPA: Final[Mapping[str | None, str]] = MappingProxyType(
    {"VERY_HIGH": "A", "HIGH": "C", "MEDIUM": "D", "LOW": "E", None: "E"}
)
_ROSH_ALONE: Final[Mapping[str | None, str]] = MappingProxyType({"VERY_HIGH": "C", "HIGH": "D"})
_PLACES: Final = np.array([[LETTERS.index(letter) for letter in row] for row in _GRID])
# By the place of the risk of serious harm in RISK_BANDS; the last is for what is not recorded.
_HARM_ALONE: Final = np.array(
    [LETTERS.index(_ROSH_ALONE[band]) if band in _ROSH_ALONE else NO_TIER for band in (*RISK_BANDS, None)]
)
_REGISTRATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"DOMESTIC_ABUSE": "E", "STALKING": "F", "CHILD_PROTECTION": "F"}
)
# (lowest score, tier) of a MEDIUM DC-SRP. The table is not monotone: its scores come with and without
# the reduction for time free of offences.
_DC_MEDIUM: Final = ((3.36, "C"), (2.11, "D"), (1.12, "C"), (0.60, "D"))
_DC_BANDS: Final = ("LOW", "MEDIUM", "HIGH", "VERY_HIGH", "NOT_APPLICABLE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """The tier, the tier that each factor gave, and whether it is provisional because something is wanting."""

    tier: TierName
    factors: Mapping[str, str]
    provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeRelease:
    """When a person serving a life or indeterminate sentence was released, and the day that is asked about."""

    released_on: date
    as_of: date


def tier(
    *,
    arp: float | None,
    csrp: float | None,
    arp_source: Source = "DYNAMIC",
    csrp_source: Source = "DYNAMIC",
    dc_srp_band: str | None = None,
    dc_srp_score: float | None = None,
    mappa: bool = False,
    rosh: str | None = None,
    life_release: LifeRelease | None = None,
    registrations: Collection[str] = (),
    ever_sexual_offence: bool = False,
    active_event: bool = True,
) -> Tier:
    """Which tier is this case?

    ``arp`` and ``csrp`` are percentages (the all-reoffending and the combined serious predictor); the source of each says
    whether dynamic factors went into it. ``registrations`` are DOMESTIC_ABUSE, STALKING, CHILD_PROTECTION. Without an
    active event the case is NOT_SUPERVISED, without both percentages MISSING. Raises ``UsageError`` for a value
    outside its scale, and for a medium DC-SRP with a score below 0.60, which the service refuses too.
    """
    if not active_event:
        return Tier(tier="NOT_SUPERVISED", factors=MappingProxyType({}), provisional=False)
    if arp is None or csrp is None:
        return Tier(tier="MISSING", factors=MappingProxyType({}), provisional=False)
    if rosh is not None and rosh not in RISK_BANDS:
        raise UsageError(
            f"The risk of serious harm is outside its scale; use one of {', '.join(RISK_BANDS)}."
        )
    factors = {"arp_csrp": _base(arp, csrp)}
    found = {
        "dc_srp": _dc_srp(dc_srp_band, dc_srp_score),
        "mappa_rosh": _MAPPA[rosh] if mappa else None,
        "rosh": None if mappa else _ROSH_ALONE.get(rosh),
        "life": None if life_release is None else _life(life_release),
        "registrations": _registrations(registrations),
        "sexual_offence": "E" if ever_sexual_offence else None,
    }
    factors |= {name: each for name, each in found.items() if each is not None}
    highest: TierName = min(factors.values())  # type: ignore[arg-type]  # the letters A to G
    static = (arp_source == "STATIC", csrp_source == "STATIC")
    provisional = _wants_dynamic(factors, arp, csrp, static) or (
        rosh is None and _wants_rosh(factors, mappa=mappa, dynamic=not any(static))
    )
    return Tier(tier=highest, factors=MappingProxyType(factors), provisional=provisional)


def by_predictors(arp: Floats, csrp: Floats) -> Ints:
    """Which tier do ARP and CSRP give by themselves? Places in ``LETTERS``; ``NO_TIER`` where either is not recorded.

    Raises ``UsageError`` for a number that is no percentage.
    """
    if ((arp < 0) | (arp > 100) | (csrp < 0) | (csrp > 100)).any():
        raise UsageError("ARP and CSRP are percentages; give numbers from 0 to 100.")
    row = (arp[:, None] < np.array(ARP_FROM)).sum(axis=1)
    column = (csrp[:, None] < np.array(CSRP_FROM)).sum(axis=1)
    return np.where(np.isnan(arp) | np.isnan(csrp), NO_TIER, _PLACES[row, column])


def by_predictors_and_harm(arp: Floats, csrp: Floats, rosh: Codes) -> Ints:
    """The same, or the tier that the risk of serious harm gives alone where that is higher.

    ``rosh`` holds places in ``RISK_BANDS``, below 0 where it is not recorded.
    """
    tiers = by_predictors(arp, csrp)
    return np.where(tiers == NO_TIER, NO_TIER, np.minimum(tiers, _HARM_ALONE[rosh]))


def _base(arp: float, csrp: float) -> str:
    return LETTERS[
        int(by_predictors(np.array([arp], dtype=np.float64), np.array([csrp], dtype=np.float64))[0])
    ]


def _dc_srp(band: str | None, score: float | None) -> str | None:
    if band is None or band == "NOT_APPLICABLE":
        return None
    if band not in _DC_BANDS:
        raise UsageError(f"The DC-SRP band is outside its scale; use one of {', '.join(_DC_BANDS)}.")
    if band != "MEDIUM":
        return {"VERY_HIGH": "A", "HIGH": "B", "LOW": "E"}[band]
    if score is None or score < _DC_MEDIUM[-1][0]:
        raise UsageError("A medium DC-SRP needs a score of 0.60 or more; check the score in the assessment.")
    return next(name for bound, name in _DC_MEDIUM if score >= bound)


def _life(release: LifeRelease) -> str:
    if release.as_of <= _years_after(release.released_on, 1):
        return "B"
    return "D" if release.as_of <= _years_after(release.released_on, 5) else "E"


def _years_after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return day.replace(year=day.year + years, day=28)


def _registrations(registrations: Collection[str]) -> str | None:
    unknown = sorted(set(registrations) - set(_REGISTRATIONS))
    if unknown:
        raise UsageError(f"There is no registration '{unknown[0]}'; use one of {', '.join(_REGISTRATIONS)}.")
    return min((_REGISTRATIONS[each] for each in registrations), default=None)


def _wants_dynamic(factors: Mapping[str, str], arp: float, csrp: float, static: tuple[bool, bool]) -> bool:
    """Could dynamic scores still raise the tier?"""
    others = [each for name, each in factors.items() if name != "arp_csrp"]
    if all(static):
        return "A" not in (factors.get("dc_srp"), factors.get("mappa_rosh"))
    if not any(static):
        return False
    best = _base(100, csrp) if static[0] else _base(arp, 100)
    return not any(each <= best for each in others)


def _wants_rosh(factors: Mapping[str, str], *, mappa: bool, dynamic: bool) -> bool:
    """Could the missing risk of serious harm still raise the tier?"""
    reached = [factors["arp_csrp"]] if dynamic else []
    reached += [factors["dc_srp"]] if "dc_srp" in factors else []
    if mappa:
        return "A" not in reached
    return not (any(each <= "C" for each in reached) or factors.get("life", "G") <= "B")
