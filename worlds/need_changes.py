"""How do needs change over a year? By how much the total moves, and which sections move."""

from __future__ import annotations

import numpy as np

from worlds import (
    true_chances,
)
from worlds.decision_point import Point
from worlds.draws import Bools, Floats, Ints, pick
from worlds.needs import MAXIMA
from worlds.state import (
    State,
)
from worlds.true_chances import NEED_SPREAD


def need_change(point: Point, shift: Floats) -> Ints:
    """Change of the total criminogenic need by the next assessment, in points; answered sections count."""
    mean = true_chances.need_mean(point.situation) + shift
    u = point.draws.uniform("need change", point.step)
    total = (point.situation.needs * point.situation.counted).sum(axis=1)
    change = np.floor(mean + NEED_SPREAD * np.log(u / (1 - u)) + 0.5)
    return np.asarray(np.clip(change, np.maximum(-total, -14), 14), dtype=np.int64)


def move_needs(state: State, point: Point, change: Ints, helped: Bools) -> None:
    """Spread the change over sections. Those that a completed intervention targets move first."""
    needs = state.needs[point.rows].copy()
    counted, draws, step = point.situation.counted, point.draws, point.step
    left = change.copy()
    for unit in range(14):
        moving = left != 0
        if not moving.any():
            break
        room = np.where((left < 0)[:, None], needs > 0, needs < MAXIMA) & counted
        weight = room * (1.0 + 4.0 * (helped & (left < 0)[:, None]))
        moving &= weight.sum(axis=1) > 0
        which = pick(np.cumsum(weight, axis=1), draws.uniform("need unit", step, unit))
        index = np.flatnonzero(moving)
        needs[index, which[index]] += np.sign(left[index])
        left = np.where(moving, left - np.sign(left), 0)
    u = draws.uniform("other needs", step, width=needs.shape[1])
    wander = (u < 0.1).astype(np.int64) - ((u > 0.86) | (helped & (u > 0.5)))
    needs = np.where(counted, needs, np.clip(needs + wander, 0, MAXIMA))
    state.needs[point.rows] = needs
    fills = draws.uniform("fills", step, width=needs.shape[1]) < 0.5
    state.answered[point.rows] |= fills
