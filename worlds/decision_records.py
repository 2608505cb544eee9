"""What did practitioners do with suggestions? The table `decisions`, as the service would export it.

The service is in use in the last year of a world. There is no model when a world is made. So the three arms
that practitioners choose most often for such a person stand for the suggestions. A choice among them is
recorded as accepted, another as a departure.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from features.contract import TABLES
from worlds.columns import codes
from worlds.draws import Draws, Floats, Ints

IN_USE_DAYS = 365
SUGGESTED = 3
RECORDED = 0.8  # share of decisions that are recorded in the service; assumption
CONTESTED = 0.008  # share of decisions that a person asks to be looked at again; assumption
ACTIONS = TABLES["decisions"].column("action").allowed
REASONS = (
    ("MEETS_MAIN_NEED", "PERSON_PREFERS_IT", "CAN_START_SOON", "LIKELY_TO_FINISH", "COURT_OR_LICENCE"),
    ("OTHER_NEED_FIRST", "PERSON_PREFERS_OTHER", "NOT_PRACTICAL_HERE", "RESPONSIVITY", "COURT_OR_LICENCE"),
    ("NOT_READY_YET", "STABILISE_FIRST", "NEED_MET_ELSEWHERE", "TOO_LITTLE_TIME", "PERSON_DECLINES"),
)


def decisions_frame(
    *,
    crn: pl.Series,
    draws: Draws,
    on: Ints,
    chosen: Ints,
    propensity: Floats,
    ids: tuple[str, ...],
    end: int,
    step: int,
) -> pl.DataFrame:
    """The table `decisions` for these decision points; a `chosen` past the last id stands for none."""
    none = chosen >= len(ids)
    each = np.arange(len(on))
    better = (propensity[:, : len(ids)] > propensity[each, chosen][:, None]).sum(axis=1)
    action = np.where(none, 2, np.where(better < SUGGESTED, 0, 1))
    reason = np.floor(draws.uniform("decision reason", step) * len(REASONS[0])).astype(np.int64)
    flat = [code for group in REASONS for code in group]
    frame = pl.DataFrame(
        {
            "crn": crn,
            "decided_on": on + draws.days("decision day", 0, 3, step),
            "intervention_id": codes(ids, chosen),
            "action": codes(ACTIONS, action),
            "reason": codes(flat, action * len(REASONS[0]) + reason),
        }
    ).with_columns(
        decision_id=pl.format("D{}N{}", "crn", pl.lit(step + 1)),
        suggestion_set_id=pl.format("S{}N{}", "crn", pl.lit(step + 1)),
    )
    kept = (on > end - IN_USE_DAYS) & draws.chance("decision recorded", RECORDED, step)
    contested = kept & draws.chance("contested", CONTESTED, step)
    again = frame.with_columns(
        decision_id=pl.format("D{}C{}", "crn", pl.lit(step + 1)),
        decided_on=pl.col("decided_on") + 7,
        action=pl.lit("CONTESTED"),
        reason=pl.lit(None, dtype=pl.String),
    )
    return pl.concat([frame[np.flatnonzero(kept)], again[np.flatnonzero(contested)]])
