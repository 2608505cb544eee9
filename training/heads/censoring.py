"""Which weights correct for people whose outcome could not be seen? Inverse probability of censoring.

An administrative end (a transfer, a death, a service withdrawn) does not tell whether the person would have
started or finished: it is censored, never a failure. The rows that remain also stand for those that were
censored at the same length of follow-up. Source: Robins and Finkelstein (2000).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
#: No row stands for more than this many.
MOST_WEIGHT = 5.0


def censoring_weights(
    followed: npt.ArrayLike, censored: npt.ArrayLike, strata: npt.ArrayLike | None = None
) -> FloatArray:
    """One weight a row: 0 where censored, else 1 over the chance of not having been censored before.

    `followed` is the length of follow-up at which the outcome was seen or lost; `strata` are kinds of row
    (types of intervention) each with its own censoring. Kaplan and Meier's estimate for the censoring, in
    which an outcome at the same length comes before a loss.
    """
    times, lost = np.asarray(followed, dtype=np.float64), np.asarray(censored, dtype=np.bool_)
    kinds = (
        np.zeros(len(times), dtype=np.int64)
        if strata is None
        else np.unique(np.asarray(strata), return_inverse=True)[1]
    )
    weights = np.zeros(len(times))
    for kind in np.unique(kinds):
        where = np.flatnonzero(kinds == kind)
        weights[where] = 1.0 / _remaining(times[where], lost[where])
    return np.where(lost, 0.0, np.minimum(weights, MOST_WEIGHT))


def _remaining(times: FloatArray, lost: npt.NDArray[np.bool_]) -> FloatArray:
    """The chance of not having been censored before each row's own length of follow-up."""
    _, member = np.unique(times, return_inverse=True)
    losses = np.bincount(member, weights=lost)
    outcomes = np.bincount(member, weights=~lost)
    at_risk = np.cumsum((losses + outcomes)[::-1])[::-1]
    # Outcomes at this length come first: only those still watched can be lost.
    exposed = at_risk - outcomes
    staying = 1.0 - np.divide(losses, exposed, out=np.zeros_like(losses), where=exposed > 0)
    before = np.concatenate([[1.0], np.cumprod(staying)[:-1]])
    result: FloatArray = np.maximum(before, 1.0 / MOST_WEIGHT)[member]
    return result
