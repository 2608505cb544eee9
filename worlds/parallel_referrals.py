"""Referrals that run beside the one chosen: the order's unpaid work, while the person is on a programme.

They are made more than six weeks after the decision, so none is ever its arm, and before anything else is due.
Only what has no effect is referred beside: punitive requirements of people whom they leave as they are
(unpaid work harms the unstable, and is for them never beside). So `truth/` holds for the arm, whatever runs beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from features.outcomes import ARM_DAYS
from worlds import delivery, true_chances
from worlds.columns import codes, numbered
from worlds.draws import Bools, Draws, Floats, Ints, sigmoid
from worlds.interventions import Arms
from worlds.needs import unstable
from worlds.provision import PUBLIC_PROVIDER, Provision, venues_used
from worlds.settings import WorldSettings
from worlds.state import NO_ARM_INDEX, State, WrittenTables
from worlds.true_chances import COMPLETED, Situation

STEP = 500  # keeps the draws of a referral beside apart from those of the arm
_NEXT = 60  # days; it is made within so many after the six weeks


@dataclass(frozen=True, slots=True)
class ParallelPoints:
    """The decision points at which something may run beside: one row a point."""

    rows: Ints
    on: Ints
    step: int
    draws: Draws
    situation: Situation
    eligible: Bools
    chosen: Ints
    path: Floats
    until: Ints  # whatever is due next, or the sentence, ends it


def _candidates(beside: ParallelPoints, arms: Arms, state: State, available: Bools) -> Ints:
    """The arm of the requirement that would run beside; NO_ARM_INDEX where there is none."""
    rows, situation = beside.rows, beside.situation
    without_effect = ~unstable(situation.need)
    found = np.full(len(rows), NO_ARM_INDEX, dtype=np.int64)
    busy = np.where(beside.chosen < len(arms), beside.chosen, 0)
    for arm in np.flatnonzero(arms.of_family("punitive") & (arms.log_odds == 0) & (arms.need_points == 0)):
        kind = arms.requirement[arm]
        fits = beside.eligible[:, arm] & state.requirements[rows, kind] & available[:, arm]
        fits &= ~((beside.chosen < len(arms)) & (arms.requirement[busy] == kind))
        fits &= (without_effect | ~arms.of_type("UNPAID_WORK")[arm]) & (
            state.completed_known[rows, arm] >= beside.on
        )
        found = np.where((found == NO_ARM_INDEX) & fits, arm, found)
    return found


def refer_in_parallel(
    *,
    beside: ParallelPoints,
    state: State,
    arms: Arms,
    provision: Provision,
    world: WorldSettings,
    written: WrittenTables,
) -> None:
    """Make and carry out the referrals that run beside; what is open, and completed, is remembered."""
    rows, on, draws, step = beside.rows, beside.on, beside.draws, STEP + beside.step
    people = state.people
    quarter, pdu = provision.quarter(on), people.pdu[rows]
    arm = _candidates(beside, arms, state, provision.available[quarter, pdu])
    referred = on + ARM_DAYS + draws.days("beside", 1, _NEXT, beside.step)
    happens = (arm != NO_ARM_INDEX) & draws.chance("runs beside", world.requirements_beside, beside.step)
    made = np.flatnonzero(happens & (referred < beside.until))
    if not len(made):
        return
    which, arm, local = rows[made], arm[made], draws.take(made)
    few = true_chances.only(beside.situation, made)
    each = np.arange(len(made))
    wait = provision.waiting_weeks[quarter[made], pdu[made], arm]
    minutes = provision.minutes[quarter[made], pdu[made], arm]
    remote = provision.remote[quarter[made]]
    crn = people.crn.gather(pl.Series(which))
    start = delivery.start_days(referred[made], wait)
    wide = np.ones((1, len(arms)))
    starting = true_chances.commence_log_odds(
        few, arms, wait[:, None] * wide, minutes[:, None] * wide, remote
    )
    lasting = true_chances.attend_log_odds(
        few, arms, minutes[:, None] * wide, true_chances.matched(few, arms)
    )
    ended = delivery.deliver(
        referred=delivery.Referred(
            referral_id=numbered("R{}N{}B", crn, beside.step + 1),
            crn=crn,
            draws=local,
            decided=on[made],
            referred=referred[made],
            arm=arm,
            event=state.event[which],
            setting=np.zeros(len(made), dtype=np.int64),
            custody=np.zeros(len(made), dtype=np.bool_),
            ordered=np.ones(len(made), dtype=np.bool_),
            licence=np.zeros(len(made), dtype=np.bool_),
            wait=wait,
            available=np.ones(len(made), dtype=np.bool_),
            remote=remote,
            form=provision.form[quarter[made], pdu[made], arm],
            venue=venues_used(
                provision=provision, world=world, quarter=quarter[made], pdu=pdu[made], arm=arm
            ),
            provider=codes((PUBLIC_PROVIDER,), np.zeros(len(made), dtype=np.int64)),
            commence=sigmoid(starting)[each, arm],
            eta=lasting[each, arm],
            strictness=few.strictness,
            fits=start + 7 * arms.weeks[arm] <= beside.until[made],
            until=beside.until[made],
        ),
        arms=arms,
        path=beside.path[made],
        world=world,
        step=step,
        written=written,
    )
    state.parallel_arm[which] = arm
    state.parallel_known_until[which] = ended.known
    state.note_open_until(which, ended.on)
    done = ended.outcome == COMPLETED
    state.note_completed(which[done], arm[done], ended.known[done])
