"""Which requirements of an order run at the same time as the intervention chosen? Unpaid work, or the attendance centre.

Such a referral is made more than six weeks after the decision, so it is never the arm, and before anything
else is due. It is made only where it has no effect: unpaid work harms people whose life is unstable, so
theirs never runs in parallel. The truth of the arm therefore holds whether or not something runs in parallel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from catalogue.fields import SETTINGS
from features.outcomes import ARM_DAYS
from worlds import delivery, true_chances
from worlds.columns import codes, numbered
from worlds.decision_point import Chosen, Point
from worlds.draws import Bools, Draws, Floats, Ints, sigmoid
from worlds.inputs import WorldInputs
from worlds.interventions import Arms
from worlds.needs import unstable
from worlds.provision import PUBLIC_PROVIDER, venues_used
from worlds.referral_records import Referred
from worlds.state import NO_ARM_INDEX, State, WrittenTables
from worlds.true_chances import COMPLETED, Situation

_STEP = 500  # keeps these draws apart from those of the arm
_MADE_WITHIN = 60  # days after the six weeks


@dataclass(frozen=True, slots=True)
class _Points:
    """The decision points in the community: one row a point."""

    rows: Ints
    on: Ints
    draws: Draws
    situation: Situation
    eligible: Bools
    chosen: Ints
    path: Floats
    until: Ints  # what is due next, or the end of the sentence, ends it


def refer_in_parallel(
    *,
    inputs: WorldInputs,
    state: State,
    point: Point,
    keep: Ints,
    done: Chosen,
    convicted: Ints,
    written: WrittenTables,
) -> None:
    """Make and carry out the referrals that run in parallel, and remember what is open and completed.

    `keep` are the rows of `point` that were decision points, `done` what was chosen there, and `convicted`
    the day of a conviction that ends everything before it is due.
    """
    arms, provision, people, step = inputs.arms, inputs.provision, state.people, _STEP + point.step
    points = _in_community(point=point, keep=keep, done=done, convicted=convicted)
    quarter, pdu = provision.quarter(points.on), people.pdu[points.rows]
    arm = _requirement(points, arms, state, provision.available[quarter, pdu])
    referred = points.on + ARM_DAYS + points.draws.days("beside", 1, _MADE_WITHIN, point.step)
    happens = (arm != NO_ARM_INDEX) & points.draws.chance(
        "runs beside", inputs.world.requirements_beside, point.step
    )
    made = np.flatnonzero(happens & (referred < points.until))
    if not len(made):
        return
    which, arm, quarter, pdu, until = (
        points.rows[made],
        arm[made],
        quarter[made],
        pdu[made],
        points.until[made],
    )
    situation = true_chances.only(points.situation, made)
    each = np.arange(len(made))
    wait, minutes = provision.waiting_weeks[quarter, pdu, arm], provision.minutes[quarter, pdu, arm]
    remote = provision.remote[quarter]
    crn = people.crn.gather(pl.Series(which))
    start = delivery.start_days(referred[made], wait)
    wide = np.ones((1, len(arms)))
    starting = true_chances.commence_log_odds(
        situation, arms, wait[:, None] * wide, minutes[:, None] * wide, remote
    )
    lasting = true_chances.attend_log_odds(
        situation, arms, minutes[:, None] * wide, true_chances.matched(situation, arms)
    )
    ended = delivery.deliver(
        referred=Referred(
            referral_id=numbered("R{}N{}B", crn, point.step + 1),
            crn=crn,
            draws=points.draws.take(made),
            decided=points.on[made],
            referred=referred[made],
            arm=arm,
            event=state.event[which],
            setting=np.full(len(made), SETTINGS.index("COMMUNITY"), dtype=np.int64),
            custody=np.zeros(len(made), dtype=np.bool_),
            ordered=np.ones(len(made), dtype=np.bool_),
            licence=np.zeros(len(made), dtype=np.bool_),
            wait=wait,
            available=np.ones(len(made), dtype=np.bool_),
            remote=remote,
            form=provision.form[quarter, pdu, arm],
            venue=venues_used(provision=provision, world=inputs.world, quarter=quarter, pdu=pdu, arm=arm),
            provider=codes((PUBLIC_PROVIDER,), np.zeros(len(made), dtype=np.int64)),
            commence=sigmoid(starting)[each, arm],
            eta=lasting[each, arm],
            strictness=situation.strictness,
            fits=start + 7 * arms.weeks[arm] <= until,
            until=until,
        ),
        arms=arms,
        path=points.path[made],
        world=inputs.world,
        step=step,
        written=written,
    )
    state.parallel_arm[which] = arm
    state.parallel_known_until[which] = ended.known
    state.note_open_until(which, ended.on)
    completed = ended.outcome == COMPLETED
    state.note_completed(which[completed], arm[completed], ended.known[completed])


def _in_community(*, point: Point, keep: Ints, done: Chosen, convicted: Ints) -> _Points:
    outside = ~point.situation.custody[keep]
    kept = keep[outside]
    return _Points(
        rows=point.rows[kept],
        on=point.on[kept],
        draws=point.draws.take(kept),
        situation=true_chances.only(point.situation, kept),
        eligible=done.eligible[outside],
        chosen=done.arm[outside],
        path=point.path[kept],
        until=np.minimum(point.until[kept], convicted[kept]),
    )


def _requirement(points: _Points, arms: Arms, state: State, available: Bools) -> Ints:
    """The arm of the requirement that could run in parallel; NO_ARM_INDEX where there is none."""
    rows = points.rows
    stable = ~unstable(points.situation.need)
    found = np.full(len(rows), NO_ARM_INDEX, dtype=np.int64)
    referred = points.chosen < len(arms)
    chosen = np.where(referred, points.chosen, 0)
    for arm in np.flatnonzero(arms.of_family("punitive") & (arms.log_odds == 0) & (arms.need_points == 0)):
        kind = arms.requirement[arm]
        fits = points.eligible[:, arm] & state.requirements[rows, kind] & available[:, arm]
        fits &= ~(referred & (arms.requirement[chosen] == kind))
        fits &= stable | ~arms.of_type("UNPAID_WORK")[arm]
        fits &= state.completed_known[rows, arm] >= points.on
        found = np.where((found == NO_ARM_INDEX) & fits, arm, found)
    return found
