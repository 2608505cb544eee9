"""Does somebody come? The outcome of a session or an appointment, from the chance that they attend."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.contract import OUTCOMES
from worlds.draws import Bools, Floats, Ints

COMPLIED: Final = OUTCOMES.index("ATTENDED_COMPLIED")
NOT_COMPLIED: Final = OUTCOMES.index("ATTENDED_NOT_COMPLIED")
ACCEPTABLE: Final = OUTCOMES.index("ACCEPTABLE_ABSENCE")
UNACCEPTABLE: Final = OUTCOMES.index("UNACCEPTABLE_ABSENCE")
RESCHEDULED: Final = OUTCOMES.index("RESCHEDULED")


def attended_or_not(
    *, attends: Bools, kind: Floats, not_complied: float, unacceptable: float, acceptable: float
) -> Ints:
    """The outcome of each appointment, as an index of the contract's outcomes.

    `kind` is a uniform draw. Of those who attend, a share `not_complied` does not comply; of absences, the
    shares `unacceptable` and `acceptable` are so, and the rest was rescheduled.
    """
    absent = np.where(
        kind < unacceptable, UNACCEPTABLE, np.where(kind < unacceptable + acceptable, ACCEPTABLE, RESCHEDULED)
    )
    return np.where(attends, np.where(kind < not_complied, NOT_COMPLIED, COMPLIED), absent)
