"""Which open referrals are flagged, how likely is each end, and why? The one rule, over columns.

A row is a referral on a day; one row or a national caseload make no difference. A flag offers support; it is never
a reason to withhold. A head that is barely predictable flags and bands nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scoring.bundle import Bundle
from scoring.heads import INTERVAL, FloatArray, InFlightHead
from scoring.inflight.landmarks import Columns, LookBack, Places
from scoring.thresholds import NOT_BANDED, Thresholds

Flags = npt.NDArray[np.bool_]

MOST_REASONS = 4
#: Weeks looked back to see whether a flag that is between its two thresholds had been raised.
LOOK_BACK_WEEKS = 12
#: Weeks read in one pass, the first to the last. Most flags are settled by the first; a pass reads every table.
PASSES = ((1, 2), (3, 6), (7, LOOK_BACK_WEEKS))
#: Contribution to the log odds below which a term is not worth naming as a reason.
LEAST_CONTRIBUTION = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is said about some open referrals, a row each.

    `chances` is [rows, horizons]: how likely is an end without completion by each horizon of the head.
    """

    chances: FloatArray
    flagged: Flags
    bands: list[str]


def judge(columns: Columns, *, rows: int, back: LookBack, bundle: Bundle) -> Judgement:
    """How likely is an end without completion, which referrals are flagged, and in which band is each?

    Args:
        columns: the features of the referrals today, `rows` of each.
        rows: how many referrals.
        back: how to read some of them in earlier weeks; asked only where today does not settle the flag.
        bundle: the release in use.
    """
    head, limits = bundle.inflight, bundle.thresholds
    chances = head.probabilities_many(columns, rows=rows)
    if head.barely_predictable:
        return Judgement(chances=chances, flagged=np.zeros(rows, dtype=np.bool_), bands=[NOT_BANDED] * rows)
    horizon = head.horizons_weeks.index(limits.horizon_weeks)
    weekly = np.full((rows, LOOK_BACK_WEEKS + 1), np.nan)
    weekly[:, 0] = chances[:, horizon]
    for first, last in PASSES:
        asked = np.flatnonzero(_unsettled(weekly[:, :first], limits))
        if not len(asked):
            break
        then = back(asked, range(first, last + 1))
        if len(then.place):
            found = head.probabilities_many(then.columns, rows=len(then.place))
            weekly[then.place, then.week] = found[:, horizon]
    flagged = limits.raised(weekly[:, ::-1])[:, -1]
    return Judgement(chances=chances, flagged=flagged, bands=limits.band_many(weekly[:, 0]))


def _unsettled(weekly: FloatArray, limits: Thresholds) -> Flags:
    """Did every week read so far lie between the two thresholds? A week not open (NaN) settles the flag."""
    between = (weekly >= limits.clear_at) & (weekly < limits.raise_at)
    found: Flags = np.asarray(between.all(axis=1))
    return found


def terms(columns: Columns, *, rows: int, head: InFlightHead) -> Iterator[FloatArray]:
    """What does each term add to the raw score of the first interval ahead? [rows, terms], in parts of bounded size."""
    return head.not_completed.explain_parts({**columns, INTERVAL: np.ones(rows)})


def reasons(part: FloatArray, head: InFlightHead) -> Places:
    """Which terms raise each row's risk most? Places in `reason_codes`, [rows, 4], strongest first; -1 for none.

    `part` is of `terms`. What asks about time alone is no reason.
    """
    of_time = np.array([INTERVAL in term for term in head.not_completed.term_names], dtype=np.bool_)
    shown = np.where(of_time, -np.inf, part)
    order = np.argsort(-shown, axis=1, kind="stable")[:, :MOST_REASONS]
    strong = np.take_along_axis(shown, order, axis=1) >= LEAST_CONTRIBUTION
    return np.where(strong, order, -1)


def reason_codes(head: InFlightHead) -> list[str]:
    """The code of every term of the head, in its order."""
    return [reason_code(term) for term in head.not_completed.term_names]


def reason_code(term: str) -> str:
    """The code of a term: its feature, or its two features, in upper snake case."""
    return term.replace(" & ", "_AND_").upper()
