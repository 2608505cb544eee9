"""Flags go up at one threshold and down below another: the rule over columns, held against a walk week by week."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scoring.inflight import judging
from scoring.inflight.landmarks import Landmarks, Places
from scoring.thresholds import NOT_BANDED, Band, Thresholds

RAISE_AT, CLEAR_AT = 0.5, 0.25
WEEKS = judging.LOOK_BACK_WEEKS + 1
Week = float | None


@dataclass(frozen=True)
class Head:
    """A head whose chance by 8 weeks is its only feature, so that a test can say what the chances are."""

    horizons_weeks: tuple[int, ...] = (4, 8)
    barely_predictable: bool = False

    def probabilities_many(self, columns: Mapping[str, Any], *, rows: int) -> npt.NDArray[np.float64]:
        chance = np.asarray(columns["chance"], dtype=np.float64)
        assert len(chance) == rows
        return np.stack([chance / 2, chance], axis=1)


@dataclass(frozen=True)
class Release:
    """What the rule reads of a bundle."""

    inflight: Head
    thresholds: Thresholds


def release(*, clear_at: float = CLEAR_AT) -> Release:
    bands = (Band(name="USUAL", at_least=0.0), Band(name="HIGH", at_least=0.4))
    limits = Thresholds(horizon_weeks=8, raise_at=RAISE_AT, clear_at=clear_at, bands=bands, evidence={})
    return Release(Head(), limits)


def judged(
    weekly: Sequence[Sequence[Week]], bundle: Release
) -> tuple[judging.Judgement, list[tuple[int, int]]]:
    """The judgement of referrals by their chances, this week's first, and which earlier weeks were read."""
    read: list[tuple[int, int]] = []

    def back(places: Places, weeks: Sequence[int]) -> Landmarks:
        asked = [(place, week) for place in places.tolist() for week in weeks]
        read.extend(asked)
        is_open = [(place, week) for place, week in asked if weekly[place][week] is not None]
        return Landmarks(
            place=np.array([place for place, _ in is_open], dtype=np.intp),
            week=np.array([week for _, week in is_open], dtype=np.intp),
            columns={"chance": np.array([weekly[place][week] for place, week in is_open])},
        )

    now = {"chance": np.array([weeks[0] for weeks in weekly])}
    return judging.judge(now, rows=len(weekly), back=back, bundle=bundle), read  # type: ignore[arg-type]


def is_up(weeks: Sequence[Week], *, clear_at: float) -> bool:
    """The flag after the weeks, walked from the oldest to this one; a referral that is not open has none."""
    up = False
    for chance in reversed(weeks):
        if chance is None:
            up = False
        elif chance >= RAISE_AT:
            up = True
        elif chance < clear_at:
            up = False
    return up


CHANCES = st.sampled_from([0.0, 0.2, 0.25, 0.3, 0.4, 0.49, 0.5, 0.9])
#: Mostly between the thresholds, so that far weeks matter.
EARLIER = st.one_of(st.none(), *[st.sampled_from([0.25, 0.3, 0.4, 0.49])] * 8, CHANCES)
REFERRAL = st.tuples(CHANCES, *[EARLIER] * (WEEKS - 1))


@pytest.mark.parametrize("clear_at", [CLEAR_AT, RAISE_AT, 0.0])
def test_a_flag_is_that_of_a_walk_week_by_week(clear_at: float) -> None:
    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(weekly=st.lists(REFERRAL, max_size=6))
    @example(weekly=[(0.3, *[0.3] * (WEEKS - 2), 0.5), (0.3, *[0.3] * (WEEKS - 1))])
    @example(weekly=[(0.1, None, 0.9, *[0.1] * (WEEKS - 3))])  # not open a week ago: what was before is over
    def shown(weekly: list[tuple[Week, ...]]) -> None:
        found, _ = judged(weekly, release(clear_at=clear_at))
        assert found.flagged.tolist() == [is_up(weeks, clear_at=clear_at) for weeks in weekly]
        assert found.bands == ["HIGH" if (weeks[0] or 0) >= 0.4 else "USUAL" for weeks in weekly]
        assert found.chances[:, 1].tolist() == [weeks[0] for weeks in weekly]

    shown()


def test_no_week_is_read_that_could_not_matter() -> None:
    settled = [(0.6, *[0.3] * 12), (0.1, *[0.9] * 12)]
    by_the_first_pass = [(0.3, 0.6, *[0.3] * 11), (0.3, 0.1, *[0.9] * 11), (0.3, None, *[0.9] * 11)]
    never = [(0.3,) * WEEKS]
    _, read = judged([*settled, *by_the_first_pass, *never], release())
    weeks = {place: [week for other, week in read if other == place] for place in range(6)}
    assert weeks == {0: [], 1: [], 2: [1, 2], 3: [1, 2], 4: [1, 2], 5: list(range(1, WEEKS))}


def test_a_head_that_is_barely_predictable_flags_and_bands_nobody() -> None:
    blind = replace(release(), inflight=Head(barely_predictable=True))
    found, read = judged([(0.9,) * WEEKS, (0.3,) * WEEKS], blind)
    assert not found.flagged.any()
    assert found.bands == [NOT_BANDED] * 2
    assert read == []
