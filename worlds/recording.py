"""When does a record enter a system? Some days after the event, and for some records much later."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from worlds.draws import Draws, Ints


def recorded_on(
    draws: Draws,
    stream: str,
    on: Ints,
    *counters: npt.ArrayLike,
    usual: int,
    late: float,
    late_days: tuple[int, int],
) -> Ints:
    """The day that a record of the day `on` is known.

    `usual` is the longest usual lag in days; a share `late` of the records takes `late_days` (least and most) more.
    """
    lag = draws.days(f"{stream} lag", 0, usual, *counters)
    further = draws.days(f"{stream} late lag", *late_days, *counters)
    return on + lag + np.where(draws.chance(f"{stream} late", late, *counters), further, 0)
