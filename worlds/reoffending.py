"""Who reoffends, when, and when is it proven? The rows of `reoffences`."""

from __future__ import annotations

import numpy as np
import polars as pl

from features.outcomes import REOFFENCE_DAYS
from worlds import (
    true_chances,
)
from worlds.decision_point import Point
from worlds.draws import Draws, Floats, Ints, sigmoid
from worlds.state import (
    NEVER,
    State,
    WrittenTables,
)


def reoffend(*, state: State, point: Point, effect: Floats, written: WrittenTables) -> Ints:
    """The day of the first reoffence within a year, or NEVER. Writes it with the day it was proven."""
    situation, draws, rows, step = point.situation, point.draws, point.rows, point.step
    chance = true_chances.reoffends(situation.yearly + effect, situation.exposure)
    state.yearly[rows] = sigmoid(situation.yearly + effect)
    state.window_end[rows] = point.on + REOFFENCE_DAYS
    happens = draws.chance("reoffends", chance, step)
    at_large = np.maximum(point.on, state.released[rows])
    span = np.maximum(REOFFENCE_DAYS - (at_large - point.on), 1)
    day = at_large + 1 + np.floor((span - 1) * draws.uniform("reoffence day", step) ** 1.2).astype(np.int64)
    day = np.where(happens, np.minimum(day, point.on + REOFFENCE_DAYS), NEVER)
    write_reoffences(
        state=state,
        rows=rows[happens],
        day=day[happens],
        known=proven_on(draws, day, step)[happens],
        step=step,
        written=written,
        stream="within",
    )
    return day


def proven_on(draws: Draws, day: Ints, step: int) -> Ints:
    """The day a reoffence is proven: a median of about three months later, nine in ten within six."""
    lag = np.clip(np.exp(4.44 + 0.56 * draws.normal("proven lag", step)), 5, 360).astype(np.int64)
    return np.where(day == NEVER, NEVER, day + lag)


def write_reoffences(
    *, state: State, rows: Ints, day: Ints, known: Ints, step: int, written: WrittenTables, stream: str
) -> None:
    """Write the rows of `reoffences`; `stream` keeps the draws of the two callers apart."""
    draws = state.people.draws.take(rows)
    share = np.clip(0.12 + 0.03 * state.violent_previous[rows], 0.05, 0.6)
    violent = draws.chance(f"violent {stream}", share, step)
    written.add(
        "reoffences",
        pl.DataFrame(
            {
                "crn": state.people.crn.gather(pl.Series(rows)),
                "offence_on": day,
                "known_on": known,
                "violent": violent,
            }
        ),
    )
