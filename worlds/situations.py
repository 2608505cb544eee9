"""How do things stand for a person at an assessment? Everything that the true chances depend on, from the state."""

from __future__ import annotations

import numpy as np

from features.age import whole_years
from features.predictors import OGRS3_ONE_YEAR, ogrs3_percent
from worlds import (
    assessments,
    supervision,
)
from worlds.draws import Ints
from worlds.needs import CRIMINOGENIC, criminogenic_total, over_threshold
from worlds.people import strictness
from worlds.state import (
    YEAR,
    State,
)
from worlds.true_chances import Situation


def situations(state: State, rows: Ints, on: Ints, step: int) -> Situation:
    """The situation of each of these people on these days."""
    people = state.people
    needs, answered = state.needs[rows], state.answered[rows]
    ogrs = assessments.true_ogrs(state, rows, on)
    counted = np.zeros_like(answered)
    counted[:, CRIMINOGENIC] = answered[:, CRIMINOGENIC]
    total = criminogenic_total(needs)
    work = supervision.employment(state, rows, step)
    away = np.clip(state.released[rows] - on, 0, YEAR)
    yearly = (
        -0.75
        + 0.82 * (ogrs + OGRS3_ONE_YEAR)
        + 0.045 * (total - 16)
        - 0.4 * people.engagement[rows]
        + 0.95 * state.short_custody[rows]
        + 0.35 * people.risk[rows]
    )
    return Situation(
        engagement=people.engagement[rows],
        risk=(ogrs + OGRS3_ONE_YEAR + 0.9) / 1.1,
        ogrs_2yr=ogrs3_percent(ogrs).two_year.astype(np.float64),
        previous=state.previous[rows],
        age=whole_years(on, people.born[rows]),
        psychiatric=people.psychiatric[rows],
        needs=needs,
        need=over_threshold(needs),
        counted=counted,
        motivation=assessments.motivation(people, rows, step).astype(np.float64),
        breached=state.breached[rows],
        working=work <= 1,
        unemployed=work >= 3,
        custody=state.released[rows] > on,
        strictness=strictness(people, rows),
        yearly=yearly,
        exposure=(YEAR - away) / YEAR,
    )
