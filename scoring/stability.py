"""How far have shares over fixed bins moved? The population stability index, in training and in the service.

Under 0.1 little has moved, over 0.25 much has (Siddiqi 2006, Credit Risk Scorecards, chapter 9).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

#: Share given to an empty bin, so that the index stays finite.
LEAST_SHARE: Final = 1e-4

Shares = Sequence[float] | npt.NDArray[np.float64]


def stability_index(before: Shares, now: Shares) -> float:
    """How far the shares of rows by bin are from those before; 0 where they are the same.

    Args:
        before: shares by bin of the rows compared with, [bins].
        now: shares of later rows over the same bins, [bins].

    Raises:
        ValueError: the two have different numbers of bins.
    """
    if len(before) != len(now):
        raise ValueError(f"{len(before)} bins cannot be compared with {len(now)}")
    a, b = np.maximum(before, LEAST_SHARE), np.maximum(now, LEAST_SHARE)
    return float(((b - a) * np.log(b / a)).sum())
