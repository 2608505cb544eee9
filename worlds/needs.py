"""What does a person need? True scores of the ten sections of an assessment, person by section.

The scores are drawn so that the share of people at or over a section's threshold meets the published
figures (lifestyle 71%, accommodation 39%, alcohol 24%, drugs about 48%; the others are assumptions).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from catalogue.fields import CRIMINOGENIC as CRIMINOGENIC_SECTIONS
from catalogue.fields import NEED_THRESHOLDS
from features.contract import SECTION_MAXIMA, SECTIONS
from worlds.draws import Bools, Ints, whole
from worlds.people import People
from worlds.settings import WorldSettings

# Where each section stands in an array of scores.
ACCOMMODATION: Final = SECTIONS.index("s3_accommodation")
WORK: Final = SECTIONS.index("s4_ete")
FINANCE: Final = SECTIONS.index("s5_finance")
RELATIONSHIPS: Final = SECTIONS.index("s6_relationships")
LIFESTYLE: Final = SECTIONS.index("s7_lifestyle")
DRUGS: Final = SECTIONS.index("s8_drugs")
ALCOHOL: Final = SECTIONS.index("s9_alcohol")
EMOTIONAL: Final = SECTIONS.index("s10_emotional")
THINKING: Final = SECTIONS.index("s11_thinking")
ATTITUDES: Final = SECTIONS.index("s12_attitudes")

MAXIMA: Final = np.array([SECTION_MAXIMA[section] for section in SECTIONS], dtype=np.int64)
THRESHOLDS: Final = np.array([NEED_THRESHOLDS[section] for section in SECTIONS], dtype=np.int64)
# The sections whose sum is the total criminogenic need.
CRIMINOGENIC: Final = tuple(SECTIONS.index(section) for section in CRIMINOGENIC_SECTIONS)

# A section's score crosses its threshold where a standard normal variable passes _CROSSING; a point more is
# _WIDTH further on. Both are tuned to comparison/figures.csv. _LOADING ties the sections of a person together.
_CROSSING: Final = np.array([0.86, 0.05, 0.2, -0.25, -0.24, 0.3, 0.84, -0.15, 0.12, -0.05])
_WIDTH: Final = np.array([0.34, 0.36, 0.32, 0.45, 0.45, 0.24, 0.33, 0.28, 0.42, 0.36])
_LOADING: Final = np.array([0.55, 0.6, 0.5, 0.45, 0.6, 0.5, 0.3, 0.45, 0.6, 0.55])


def first_needs(people: People) -> Ints:
    """True scores when a person enters the history."""
    noise = people.draws.normal("need", width=len(SECTIONS))
    z = _LOADING * people.needy[:, None] + np.sqrt(1 - _LOADING**2) * noise
    z[:, EMOTIONAL] += 0.8 * people.psychiatric
    z[:, ALCOHOL] += np.where(people.male, 0.03, -0.1)
    return whole(np.clip(THRESHOLDS + (z - _CROSSING) / _WIDTH, 0, MAXIMA))


def first_answered(people: People, needs: Ints, world: WorldSettings) -> Bools:
    """Which sections does the first assessment answer? A section that is a need stays empty more often."""
    chance = world.section_missing * (0.8 + 0.5 * over_threshold(needs)) + people.recording_penalty[:, None]
    return people.draws.uniform("answered", width=len(SECTIONS)) >= chance


def over_threshold(needs: Ints) -> Bools:
    """Which sections are a need: a score at or over the threshold."""
    return needs >= THRESHOLDS


def unstable(need: Bools) -> Bools:
    """Whose life is unstable: a need for housing or drug misuse. Unpaid work harms these people a little."""
    return np.asarray(need[:, ACCOMMODATION] | need[:, DRUGS], dtype=np.bool_)


def criminogenic_total(needs: Ints) -> Ints:
    """The total of the criminogenic sections."""
    return np.asarray(needs[:, CRIMINOGENIC].sum(axis=1), dtype=np.int64)
