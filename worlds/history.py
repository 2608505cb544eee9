"""What happens to people from their first sentence to the last day? The loop over assessments.

Each pass of the loop takes everybody whose next assessment is due. It records the assessment, lets a
practitioner choose, carries out the choice, and settles the following year. Decision points lie more than
a year apart, unless a reoffence comes between. So the arm chosen at one cannot change the outcome of
another, and `truth/` is exact (docs/decisions/0300).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from features.outcomes import LATER_ASSESSMENT_DAYS
from worlds import (
    assessments,
    delivery,
    sentencing,
    supervision,
)
from worlds.columns import numbered
from worlds.deaths import after_death
from worlds.decision_point import Point, decide
from worlds.draws import Draws, Ints, sigmoid
from worlds.inputs import WorldInputs
from worlds.need_changes import move_needs, need_change
from worlds.needs import MAXIMA, first_answered, first_needs
from worlds.offences import types_of_offences, violent_offences
from worlds.parallel_referrals import refer_in_parallel
from worlds.people import make_people, people_frame
from worlds.protected_records import protected_frame
from worlds.recording import recorded_on
from worlds.remand_referrals import refer_on_remand, remanded_on
from worlds.reoffending import proven_on, reoffend, write_reoffences
from worlds.situations import situations
from worlds.state import (
    NEVER,
    NO_ARM_INDEX,
    REVIEW,
    TERMINATION,
    YEAR,
    State,
    WrittenTables,
    new_state,
)
from worlds.true_chances import COMPLETED

_MOST_STEPS = 40
WORSE_AGAIN = 0.25  # chance that a section has gone up a point when a new sentence begins; assumption
_LAST_FOLLOW_UP = LATER_ASSESSMENT_DAYS[
    1
]  # the last day on which an assessment shows the outcome of a decision


def make_chunk(inputs: WorldInputs, numbers: Ints) -> dict[str, pl.DataFrame]:
    """Every table, and the two tables of `truth/`, of these people; days are still numbers."""
    draws = Draws(seed=inputs.seed, people=numbers)
    people = make_people(world=inputs.world, draws=draws, numbers=numbers, start=inputs.start, end=inputs.end)
    state, written = new_state(people, len(inputs.arms)), WrittenTables()
    state.needs = first_needs(people)
    state.answered = first_answered(people, state.needs, inputs.world)
    state.past_types = sentencing.past_types(state)
    everybody = np.arange(len(people))
    sentencing.sentence_anew(
        state=state,
        rows=everybody,
        when=people.entry,
        written=written,
        step=0,
        custody_allowed=np.ones(len(people), dtype=np.bool_),
    )
    refer_on_remand(state=state, arms=inputs.arms, world=inputs.world, written=written)
    known = people_frame(people, inputs.world)
    written.add(
        "people",
        known.with_columns(known_on=pl.min_horizontal("known_on", pl.Series(remanded_on(state)))),
    )
    written.add("protected", protected_frame(people, inputs.world))
    for step in range(_MOST_STEPS):
        rows = np.flatnonzero(state.due <= inputs.end)
        if not len(rows):
            break
        _pass(inputs, state, rows, step, written)
    frames = {table: pl.concat(parts, how="diagonal_relaxed") for table, parts in written.tables.items()}
    return after_death(frames, people, yearly=inputs.world.deaths, start=inputs.start, end=inputs.end)


def _pass(inputs: WorldInputs, state: State, rows: Ints, step: int, written: WrittenTables) -> None:
    """Settle the assessments due now, and all that follows from them."""
    ending = state.due_kind[rows] == TERMINATION
    recorded = rows[~state.silent[rows]]
    if len(recorded):
        _record(inputs, state, recorded, step, written)
    if ending.any():
        _after_supervision(state, rows[ending], step, written)
    if not ending.all():
        _year(inputs, state, rows[~ending], step, written)


def _record(inputs: WorldInputs, state: State, rows: Ints, step: int, written: WrittenTables) -> None:
    """Write the assessments due."""
    draws, on = state.people.draws.take(rows), state.due[rows]
    frame = assessments.assess(state=state, rows=rows, on=on, step=step, world=inputs.world)
    crn = state.people.crn.gather(pl.Series(rows))
    basic = state.basic[rows]
    frame = frame.with_columns(
        crn=crn,
        assessment_id=numbered("A{}N{}", crn, step + 1),
        completed_on=pl.Series(on),
        known_on=pl.Series(
            recorded_on(
                draws, "assessment", on, step, usual=7, late=inputs.world.late_records / 2, late_days=(8, 60)
            )
        ),
        layer=pl.Series(np.where(basic, 1, 3)),
    )
    written.add("assessments", frame.filter(pl.col("layer") == 3))
    sparse = [
        "crn",
        "assessment_id",
        "completed_on",
        "known_on",
        "layer",
        "predictor_generation",
        "ogrs_2yr",
        "ogp_2yr",
        "ovp_2yr",
        "rsr",
        "rosh",
    ]
    written.add("assessments", frame.filter(pl.col("layer") == 1).select(sparse))


def _year(inputs: WorldInputs, state: State, rows: Ints, step: int, written: WrittenTables) -> None:
    """The year that follows an assessment (completed or not): choice, delivery, outcomes, what is due next."""
    draws, on = state.people.draws.take(rows), state.due[rows]
    situation = situations(state, rows, on, step)
    path = delivery.drift(draws, step)
    point = Point(
        rows=rows,
        on=on,
        step=step,
        draws=draws,
        decides=~state.basic[rows] & ~state.silent[rows] & (on < state.supervised_to[rows]),
        situation=situation,
        path=path,
        referred=on + 1 + np.floor(40 * draws.uniform("referral delay", step) ** 1.6).astype(np.int64),
        until=np.where(state.released[rows] > on, state.released[rows], state.supervised_to[rows]),
    )
    classes = np.zeros(len(rows), dtype=np.int64)
    effect, shift = np.zeros(len(rows)), np.zeros(len(rows))
    targets = np.zeros((len(rows), len(MAXIMA)), dtype=np.bool_)
    deciding = np.flatnonzero(point.decides)
    state.open_arm[rows] = np.where(state.open_known_until[rows] >= on, state.open_arm[rows], NO_ARM_INDEX)
    if len(deciding):
        done = decide(inputs, state, point, deciding, written)
        classes[deciding], effect[deciding] = done.reached, done.effect
        shift[deciding], targets[deciding] = done.shift, done.targets
    change = need_change(point, shift)
    reoffended = reoffend(state=state, point=point, effect=effect, written=written)
    supervision.circumstances(
        state=state,
        rows=rows[~state.silent[rows]],
        on=on[~state.silent[rows]],
        step=step,
        world=inputs.world,
        written=written,
    )
    move_needs(state, point, change, targets & (classes == COMPLETED)[:, None])
    convicted = _next(
        inputs=inputs, state=state, point=point, reoffended=reoffended, change=change, written=written
    )
    if len(deciding):
        refer_in_parallel(
            inputs=inputs,
            state=state,
            point=point,
            keep=deciding,
            done=done,
            convicted=convicted,
            written=written,
        )
    state.breached[rows] |= supervision.contacts(
        state=state,
        rows=rows,
        since=on,
        until=np.minimum(np.minimum(state.due[rows], convicted), inputs.end + 1),
        path=path,
        risk=situation.risk,
        strictness=situation.strictness,
        remote=inputs.provision.remote[inputs.provision.quarter(on)],
        world=inputs.world,
        step=step,
        written=written,
    )
    again = np.flatnonzero(convicted < NEVER)
    if len(again):
        _new_episode(state=state, rows=rows[again], when=convicted[again], step=step + 1, written=written)


def _next(
    *, inputs: WorldInputs, state: State, point: Point, reoffended: Ints, change: Ints, written: WrittenTables
) -> Ints:
    """Settle what is due next: a review, or the assessment at the end. An offence proven after that waits.

    Returns the day of a conviction that comes before what is due, NEVER where there is none. A new sentence
    then takes its place.
    """
    rows, on, step, draws = point.rows, point.on, point.step, point.draws
    waiting = rows[state.pending[rows] < NEVER]
    if len(waiting):
        sentencing.sentence_under_supervision(
            state=state, rows=waiting, when=state.pending[waiting], written=written, step=step
        )
    convicted = proven_on(draws, reoffended, step)
    ends = state.supervised_to[rows]
    review = on + YEAR + 1 + draws.days("review day", 0, 18, step)
    last = np.maximum(ends, on) + draws.days("termination day", 1, 10, step)
    reviewed = ends > on + _LAST_FOLLOW_UP
    due = np.where(reviewed, review, last)
    log_odds = (
        np.log(inputs.world.review_missing / (1 - inputs.world.review_missing))
        if inputs.world.review_missing
        else -50.0
    )
    missing = sigmoid(
        log_odds
        - inputs.world.missing_by_engagement * point.situation.engagement
        + inputs.world.missing_by_change * np.sign(change)
    )
    state.due[rows] = due
    state.due_kind[rows] = np.where(reviewed, REVIEW, TERMINATION)
    state.silent[rows] = draws.chance("review missing", missing, step)
    state.pending[rows] = np.where(convicted <= due, NEVER, convicted)
    return np.where(convicted <= due, convicted, NEVER)


def _new_episode(*, state: State, rows: Ints, when: Ints, step: int, written: WrittenTables) -> None:
    """A new sentence: the criminal record grows, some needs have grown, and a first assessment is due."""
    draws = state.people.draws.take(rows)
    state.past_types[rows] |= types_of_offences()[state.offence[rows]]
    state.previous[rows] += 1
    state.violent_previous[rows] += violent_offences()[state.offence[rows]]
    worse = draws.uniform("worse", step, width=state.needs.shape[1]) < WORSE_AGAIN
    state.needs[rows] = np.clip(state.needs[rows] + worse, 0, MAXIMA)
    sentencing.sentence_anew(
        state=state,
        rows=rows,
        when=when,
        written=written,
        step=step,
        custody_allowed=state.open_until[rows] <= when,
    )


def _after_supervision(state: State, rows: Ints, step: int, written: WrittenTables) -> None:
    """Supervision has ended. A conviction still to come, or a later offence, may bring people back."""
    draws = state.people.draws.take(rows)
    pending = state.pending[rows]
    quiet = np.maximum(state.window_end[rows], state.supervised_to[rows])
    daily = -np.log1p(-np.clip(state.yearly[rows], 0.001, 0.97)) / YEAR * 0.6
    day = (
        quiet + 1 + np.minimum(-np.log(draws.uniform("later offence", step)) / daily, 20_000).astype(np.int64)
    )
    proven = np.maximum(proven_on(draws, day, step), state.window_end[rows] + 110)
    waiting = pending < NEVER
    write_reoffences(
        state=state,
        rows=rows[~waiting],
        day=day[~waiting],
        known=proven[~waiting],
        step=step,
        written=written,
        stream="later",
    )
    _new_episode(
        state=state, rows=rows, when=np.where(waiting, pending, proven), step=step + 1, written=written
    )
