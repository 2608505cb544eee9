"""The tier, row by row of its table."""

from datetime import date

import pytest

from catalogue import UsageError, tier
from catalogue.tier import LifeRelease

GRID = {
    # ARP from: tiers for CSRP from 6.9, 3.0, 1.0, 0.5, 0.0
    90: "AABCD",
    75: "ABCDD",
    50: "BCDEE",
    25: "BCEEF",
    15: "BCEFF",
    0: "BCEFG",
}


@pytest.mark.parametrize(
    ("arp", "csrp", "expected"),
    [
        (arp, csrp, expected)
        for arp, row in GRID.items()
        for csrp, expected in zip((6.9, 3.0, 1.0, 0.5, 0.0), row, strict=True)
    ],
)
def test_the_grid(arp: float, csrp: float, expected: str) -> None:
    assert tier.tier(arp=arp, csrp=csrp).tier == expected
    assert tier.tier(arp=arp, csrp=csrp + 0.05).tier == expected


def test_just_below_a_bound_is_the_cell_below() -> None:
    assert tier.tier(arp=89.99, csrp=6.89).tier == "B"


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ({"dc_srp_band": "VERY_HIGH"}, "A"),
        ({"dc_srp_band": "HIGH"}, "B"),
        ({"dc_srp_band": "MEDIUM", "dc_srp_score": 3.36}, "C"),
        ({"dc_srp_band": "MEDIUM", "dc_srp_score": 3.35}, "D"),
        ({"dc_srp_band": "MEDIUM", "dc_srp_score": 2.11}, "D"),
        ({"dc_srp_band": "MEDIUM", "dc_srp_score": 2.10}, "C"),
        ({"dc_srp_band": "MEDIUM", "dc_srp_score": 1.12}, "C"),
        ({"dc_srp_band": "MEDIUM", "dc_srp_score": 1.11}, "D"),
        ({"dc_srp_band": "MEDIUM", "dc_srp_score": 0.60}, "D"),
        ({"dc_srp_band": "LOW"}, "E"),
        ({"dc_srp_band": "NOT_APPLICABLE"}, "G"),
        ({"mappa": True, "rosh": "VERY_HIGH"}, "A"),
        ({"mappa": True, "rosh": "HIGH"}, "C"),
        ({"mappa": True, "rosh": "MEDIUM"}, "D"),
        ({"mappa": True, "rosh": "LOW"}, "E"),
        ({"mappa": True}, "E"),
        ({"rosh": "VERY_HIGH"}, "C"),
        ({"rosh": "HIGH"}, "D"),
        ({"rosh": "MEDIUM"}, "G"),
        ({"registrations": ("DOMESTIC_ABUSE", "STALKING")}, "E"),
        ({"registrations": ("CHILD_PROTECTION",)}, "F"),
        ({"ever_sexual_offence": True}, "E"),
        ({"active_event": False}, "NOT_SUPERVISED"),
        ({"dc_srp_band": "LOW", "rosh": "HIGH", "registrations": ("STALKING",)}, "D"),
    ],
)
def test_each_factor_and_that_the_highest_counts(factors: dict[str, object], expected: str) -> None:
    assert tier.tier(arp=1, csrp=0.1, **factors).tier == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (date(2021, 2, 28), "B"),
        (date(2021, 3, 1), "D"),
        (date(2025, 2, 28), "D"),
        (date(2025, 3, 1), "E"),
    ],
)
def test_release_from_a_life_sentence_inclusive_on_the_anniversary(as_of: date, expected: str) -> None:
    release = LifeRelease(released_on=date(2020, 2, 29), as_of=as_of)
    assert tier.tier(arp=1, csrp=0.1, life_release=release).tier == expected


@pytest.mark.parametrize(
    ("factors", "provisional"),
    [
        ({"rosh": "LOW"}, False),
        ({"rosh": "LOW", "arp_source": "STATIC", "csrp_source": "STATIC"}, True),
        (
            {"rosh": "LOW", "arp_source": "STATIC", "csrp_source": "STATIC", "dc_srp_band": "VERY_HIGH"},
            False,
        ),
        ({"rosh": "LOW", "arp_source": "STATIC"}, True),  # with CSRP 0.1 the pair could give D
        ({"rosh": "HIGH", "arp_source": "STATIC"}, False),  # D is reached already
        ({"rosh": "LOW", "csrp_source": "STATIC"}, True),
        ({}, True),  # RoSH missing, nothing reaches C
        ({"dc_srp_band": "MEDIUM", "dc_srp_score": 3.4}, False),
        ({"life_release": LifeRelease(released_on=date(2024, 1, 1), as_of=date(2024, 6, 1))}, False),
        ({"mappa": True, "dc_srp_band": "HIGH"}, True),
        ({"mappa": True, "dc_srp_band": "VERY_HIGH"}, False),
    ],
)
def test_provisional(factors: dict[str, object], provisional: bool) -> None:  # noqa: FBT001  a column of the table
    assert tier.tier(arp=1, csrp=0.1, **factors).provisional is provisional  # type: ignore[arg-type]


def test_a_missing_percentage_is_missing_and_a_wrong_value_is_refused() -> None:
    assert tier.tier(arp=None, csrp=1).tier == "MISSING"
    assert tier.tier(arp=1, csrp=None).tier == "MISSING"
    with pytest.raises(UsageError, match=r"0\.60"):
        tier.tier(arp=1, csrp=1, dc_srp_band="MEDIUM", dc_srp_score=0.59)
    with pytest.raises(UsageError, match="percentages"):
        tier.tier(arp=101, csrp=1)
    with pytest.raises(UsageError, match="STALKERS"):
        tier.tier(arp=1, csrp=1, registrations=("STALKERS",))
