"""How old is somebody on a day? Whole years by the calendar, one rule for every room that reads columns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def whole_years(on: npt.ArrayLike, born: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Whole years from one day to another; both as days since 1970-01-01.

    Somebody born on 29 February is a year older on 1 March of a year without that day.
    """
    later, earlier = (np.asarray(day).astype("datetime64[D]") for day in (on, born))
    months = later.astype("datetime64[M]") - earlier.astype("datetime64[M]")
    day_of_later = (later - later.astype("datetime64[M]")).astype(np.int64)
    day_of_earlier = (earlier - earlier.astype("datetime64[M]")).astype(np.int64)
    return np.asarray((months.astype(np.int64) - (day_of_later < day_of_earlier)) // 12, dtype=np.int64)
