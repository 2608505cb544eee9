"""One chunk of people, from their first sentence to the last day: the loop over assessments.

Each pass of the loop takes everybody whose next assessment is due within the history, records it, lets a
practitioner choose, carries out what was chosen, and settles what the following year brings. Assessments
that are decision points lie more than a year apart unless a reoffence comes between, so that the arm
chosen at one cannot change the outcome of another; that is what keeps `truth/` exact (docs/worlds.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from features.age import whole_years
from features.outcomes import LATER_ASSESSMENT_DAYS, NO_ARM, REOFFENCE_DAYS
from features.predictors import OGRS3_ONE_YEAR, ogrs3_percent
from worlds import (
    assessments,
    delivery,
    eligibility,
    practitioner_choice,
    sentencing,
    supervision,
    true_chances,
)
from worlds.columns import blank, codes, numbered
from worlds.deaths import after_death
from worlds.decision_records import decisions_frame
from worlds.draws import Bools, Draws, Floats, Ints, pick, sigmoid
from worlds.inputs import WorldInputs
from worlds.needs import CRIMINOGENIC, MAXIMA, criminogenic_total, first_answered, first_needs, over_threshold
from worlds.offences import types_of_offences, violent_offences
from worlds.parallel_referrals import ParallelPoints, refer_in_parallel
from worlds.people import make_people, people_frame, protected_frame, strictness
from worlds.provision import CUSTODY_WAIT, PROVIDERS, PUBLIC_PROVIDER, venues_used
from worlds.recording import recorded_on
from worlds.remand_referrals import refer_on_remand, remanded_on
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
from worlds.true_chances import COMPLETED, DROPPED, NEED_SPREAD, Situation, TrueChances

_MOST_STEPS = 40
WORSE_AGAIN = 0.25  # chance that a section has gone up a point when a new sentence begins; assumption
_LAST_FOLLOW_UP = LATER_ASSESSMENT_DAYS[1]  # an assessment later than this says nothing of the decision


@dataclass(frozen=True, slots=True)
class Point:
    """One pass: who is assessed, when, and how things stand for them."""

    rows: Ints
    on: Ints
    step: int
    draws: Draws
    decides: Bools
    situation: Situation
    path: Floats
    referred: Ints
    until: Ints


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was done at each decision point, and what came of it: one row a point."""

    arm: Ints  # the number of arms: none
    eligible: Bools
    reached: Ints  # class of attendance
    effect: Floats  # log-odds of reoffending
    shift: Floats  # points of need
    targets: Bools  # sections


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
    """Settle everything that happens at, and because of, the assessments due now."""
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


def _situation(inputs: WorldInputs, state: State, rows: Ints, on: Ints, step: int) -> Situation:
    people = state.people
    needs, answered = state.needs[rows], state.answered[rows]
    ogrs = assessments.true_ogrs(state, rows, on)
    counted = np.zeros_like(answered)
    counted[:, CRIMINOGENIC] = answered[:, CRIMINOGENIC]
    total = criminogenic_total(needs)
    work = supervision.employment(state, rows, step)
    away = np.clip(state.released[rows] - on, 0, YEAR)
    yearly = (
        -0.75
        + 0.82 * (ogrs + OGRS3_ONE_YEAR)
        + 0.045 * (total - 16)
        - 0.4 * people.engagement[rows]
        + 0.95 * state.short_custody[rows]
        + 0.35 * people.risk[rows]
    )
    return Situation(
        engagement=people.engagement[rows],
        risk=(ogrs + OGRS3_ONE_YEAR + 0.9) / 1.1,
        ogrs_2yr=ogrs3_percent(ogrs).two_year.astype(np.float64),
        previous=state.previous[rows],
        age=whole_years(on, people.born[rows]),
        psychiatric=people.psychiatric[rows],
        needs=needs,
        need=over_threshold(needs),
        counted=counted,
        motivation=assessments.motivation(people, rows, step).astype(np.float64),
        breached=state.breached[rows],
        working=work <= 1,
        unemployed=work >= 3,
        custody=state.released[rows] > on,
        strictness=strictness(people, rows),
        yearly=yearly,
        exposure=(YEAR - away) / YEAR,
    )


def _year(inputs: WorldInputs, state: State, rows: Ints, step: int, written: WrittenTables) -> None:
    """The year that follows an assessment (completed or not): choice, delivery, outcomes, what is due next."""
    draws, on = state.people.draws.take(rows), state.due[rows]
    situation = _situation(inputs, state, rows, on, step)
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
        done = _decide(inputs, state, point, deciding, written)
        classes[deciding], effect[deciding] = done.reached, done.effect
        shift[deciding], targets[deciding] = done.shift, done.targets
    change = _need_change(point, shift)
    reoffended = _reoffence(state=state, point=point, effect=effect, written=written)
    supervision.circumstances(
        state=state,
        rows=rows[~state.silent[rows]],
        on=on[~state.silent[rows]],
        step=step,
        world=inputs.world,
        written=written,
    )
    _needs_move(state, point, change, targets & (classes == COMPLETED)[:, None])
    convicted = _next(
        inputs=inputs, state=state, point=point, reoffended=reoffended, change=change, written=written
    )
    if len(deciding):
        _refer_in_parallel(
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


def _decide(inputs: WorldInputs, state: State, point: Point, keep: Ints, written: WrittenTables) -> Chosen:
    """Choose an arm for each decision point, write the truth about it, and carry out the referral."""
    arms, provision = inputs.arms, inputs.provision
    rows, on, draws = point.rows[keep], point.on[keep], point.draws.take(keep)
    situation = true_chances.only(point.situation, keep)
    people = state.people
    quarter, pdu = provision.quarter(on), people.pdu[rows]
    custody = situation.custody
    available = provision.available[quarter, pdu] | custody[:, None]
    wait = np.where(custody[:, None], CUSTODY_WAIT, provision.waiting_weeks[quarter, pdu])
    minutes = np.where(custody[:, None], 30.0, provision.minutes[quarter, pdu])
    remote = provision.remote[quarter] & ~custody
    starts = delivery.start_days(point.referred[keep][:, None], wait)
    begins = starts < point.until[keep][:, None]
    fits = starts + 7 * arms.weeks[None, :] <= point.until[keep][:, None]
    eligible = eligibility.eligible(inputs=inputs, state=state, rows=rows, on=on, step=point.step)
    truth = true_chances.true_chances(
        situation=situation,
        arms=arms,
        world=inputs.world,
        wait=wait,
        minutes=minutes,
        remote=remote,
        begins=begins,
        fits=fits,
    )
    propensity = practitioner_choice.propensities(
        situation=situation,
        arms=arms,
        world=inputs.world,
        seed=inputs.seed,
        eligible=eligible,
        available=available,
        wait=wait,
        minutes=minutes,
        fits=fits,
        requirements=state.requirements[rows],
        completed=state.completed_known[rows] < on[:, None],
        region=people.region[rows],
        practitioner=pdu * 10_000 + people.practitioner[rows],
        offer_penalty=people.offer_penalty[rows],
    )
    chosen = pick(np.cumsum(propensity, axis=1), draws.uniform("arm", point.step))
    if inputs.forced is not None:
        chosen = np.full(len(keep), inputs.forced, dtype=np.int64)
    crn = people.crn.gather(pl.Series(rows))
    classes = np.zeros(len(keep), dtype=np.int64)
    made = np.flatnonzero(chosen < len(arms))
    recorded = np.zeros(len(keep), dtype=np.bool_)
    if len(made):
        which = rows[made]
        arm = chosen[made]
        venue = venues_used(
            provision=provision, world=inputs.world, quarter=quarter[made], pdu=pdu[made], arm=arm
        )
        outside = ~custody[made]
        local = draws.take(made)
        meets = true_chances.matched(situation, arms)[made]
        few = true_chances.only(situation, made)
        eta = true_chances.attend_log_odds(few, arms, minutes[made], meets)[np.arange(len(made)), arm]
        referred = delivery.Referred(
            referral_id=numbered("R{}N{}", crn.gather(pl.Series(made)), point.step + 1),
            crn=crn.gather(pl.Series(made)),
            draws=local,
            decided=on[made],
            referred=point.referred[keep][made],
            arm=arm,
            event=state.event[which],
            setting=delivery.setting_of(
                custody=custody[made], referred=point.referred[keep][made], until=point.until[keep][made]
            ),
            custody=custody[made],
            ordered=(arms.requirement[arm] >= 0)
            & state.requirements[which, np.maximum(arms.requirement[arm], 0)],
            licence=(state.disposal[which] == sentencing.CUSTODIAL) & outside,
            wait=wait[made, arm],
            available=available[made, arm],
            remote=remote[made],
            form=np.where(custody[made], 0, provision.form[quarter[made], pdu[made], arm]),
            venue=blank(venue, ~outside),
            provider=codes(
                (*PROVIDERS, PUBLIC_PROVIDER),
                np.where(
                    arms.of_type("CRS")[arm],
                    (pdu[made] + arms.family[arm]) % len(PROVIDERS),
                    len(PROVIDERS),
                ),
            ),
            commence=truth.commence[made, arm],
            eta=eta,
            strictness=situation.strictness[made],
            fits=fits[made, arm],
            until=point.until[keep][made],
        )
        ended = delivery.deliver(
            referred=referred,
            arms=arms,
            path=point.path[keep][made],
            world=inputs.world,
            step=point.step,
            written=written,
        )
        classes[made] = ended.outcome
        state.open_arm[which] = arm
        state.note_open_until(which, ended.on)
        state.open_known_until[which] = ended.known
        done = ended.outcome == COMPLETED
        state.note_completed(which[done], arm[done], ended.known[done])
        recorded[made] = (
            delivery.referral_known(local, referred.referred, inputs.world, point.step) <= inputs.end
        )
    written.add(
        "decisions",
        decisions_frame(
            crn=crn,
            draws=draws,
            on=on,
            chosen=chosen,
            propensity=propensity,
            ids=arms.ids,
            end=inputs.end,
            step=point.step,
        ),
    )
    _write_truth(
        inputs=inputs,
        crn=crn,
        on=on,
        chosen=chosen,
        recorded=recorded,
        eligible=eligible,
        propensity=propensity,
        truth=truth,
        written=written,
    )
    index = np.arange(len(keep))
    targets = np.vstack([arms.targets, np.zeros((1, arms.targets.shape[1]), dtype=np.bool_)])[chosen]
    drop = true_chances.moderation(situation) * inputs.world.effect_scale * inputs.world.dropout_harm
    effect = np.where(
        classes == COMPLETED, truth.effect[index, chosen], np.where(classes == DROPPED, drop, 0.0)
    )
    return Chosen(
        arm=chosen,
        eligible=eligible,
        reached=classes,
        effect=effect,
        shift=np.where(classes == COMPLETED, truth.need_shift[index, chosen], 0.0),
        targets=targets,
    )


def _refer_in_parallel(
    *,
    inputs: WorldInputs,
    state: State,
    point: Point,
    keep: Ints,
    done: Chosen,
    convicted: Ints,
    written: WrittenTables,
) -> None:
    """Requirements of the same order that run beside the arm, in the community, until something else is due."""
    rows = point.rows[keep]
    outside = ~point.situation.custody[keep]
    keep, rows = keep[outside], rows[outside]
    refer_in_parallel(
        beside=ParallelPoints(
            rows=rows,
            on=point.on[keep],
            step=point.step,
            draws=point.draws.take(keep),
            situation=true_chances.only(point.situation, keep),
            eligible=done.eligible[outside],
            chosen=done.arm[outside],
            path=point.path[keep],
            until=np.minimum(point.until[keep], convicted[keep]),
        ),
        state=state,
        arms=inputs.arms,
        provision=inputs.provision,
        world=inputs.world,
        written=written,
    )


def _write_truth(
    *,
    inputs: WorldInputs,
    crn: pl.Series,
    on: Ints,
    chosen: Ints,
    recorded: Bools,
    eligible: Bools,
    propensity: Floats,
    truth: TrueChances,
    written: WrittenTables,
) -> None:
    """The two tables of `truth/`. The arm is NONE where the referral falls after the last day."""
    names = (*inputs.arms.ids, NO_ARM)
    arm = np.where(recorded, chosen, len(inputs.arms))
    written.add("decision_points", pl.DataFrame({"crn": crn, "decided_on": on, "arm": codes(names, arm)}))
    n, width = truth.progress.shape
    row = np.repeat(np.arange(n), width)
    finish = truth.commence * truth.finish
    written.add(
        "potential_outcomes",
        pl.DataFrame(
            {
                "crn": crn.gather(pl.Series(row)),
                "decided_on": on[row],
                "intervention_id": codes(names, np.tile(np.arange(width), n)).cast(pl.Enum(names)),
                "eligible": np.hstack([eligible, np.ones((n, 1), dtype=np.bool_)]).ravel(),
                "propensity": propensity.ravel(),
                "p_commence": truth.commence.ravel(),
                "p_complete": finish.ravel(),
                "p_complete_if_commenced": truth.finish.ravel(),
                "p_progress": truth.progress.ravel(),
                "p_reoffend": truth.reoffend.ravel(),
            }
        ).with_columns(pl.col("^p.*$").cast(pl.Float32).cast(pl.Float64)),
    )


def _need_change(point: Point, shift: Floats) -> Ints:
    """Change of the counted total need by the next assessment, in points."""
    mean = true_chances.need_mean(point.situation) + shift
    u = point.draws.uniform("need change", point.step)
    total = (point.situation.needs * point.situation.counted).sum(axis=1)
    change = np.floor(mean + NEED_SPREAD * np.log(u / (1 - u)) + 0.5)
    return np.clip(change, np.maximum(-total, -14), 14).astype(np.int64)


def _reoffence(*, state: State, point: Point, effect: Floats, written: WrittenTables) -> Ints:
    """The day of the first reoffence within a year, or NEVER; written with the day it was proven."""
    situation, draws, rows, step = point.situation, point.draws, point.rows, point.step
    chance = true_chances.reoffends(situation.yearly + effect, situation.exposure)
    state.yearly[rows] = sigmoid(situation.yearly + effect)
    state.window_end[rows] = point.on + REOFFENCE_DAYS
    happens = draws.chance("reoffends", chance, step)
    at_large = np.maximum(point.on, state.released[rows])
    span = np.maximum(REOFFENCE_DAYS - (at_large - point.on), 1)
    day = at_large + 1 + np.floor((span - 1) * draws.uniform("reoffence day", step) ** 1.2).astype(np.int64)
    day = np.where(happens, np.minimum(day, point.on + REOFFENCE_DAYS), NEVER)
    _write_reoffences(
        state=state,
        rows=rows[happens],
        day=day[happens],
        known=_proven(draws, day, step)[happens],
        step=step,
        written=written,
        stream="within",
    )
    return day


def _proven(draws: Draws, day: Ints, step: int) -> Ints:
    """The day a reoffence is proven: a median of about three months later, nine in ten within six."""
    lag = np.clip(np.exp(4.44 + 0.56 * draws.normal("proven lag", step)), 5, 360).astype(np.int64)
    return np.where(day == NEVER, NEVER, day + lag)


def _write_reoffences(
    *, state: State, rows: Ints, day: Ints, known: Ints, step: int, written: WrittenTables, stream: str
) -> None:
    """The rows of `reoffences`; `stream` keeps the draws of the two callers apart."""
    draws = state.people.draws.take(rows)
    share = np.clip(0.12 + 0.03 * state.violent_previous[rows], 0.05, 0.6)
    violent = draws.chance(f"violent {stream}", share, step)
    written.add(
        "reoffences",
        pl.DataFrame(
            {
                "crn": state.people.crn.gather(pl.Series(rows)),
                "offence_on": day,
                "known_on": known,
                "violent": violent,
            }
        ),
    )


def _needs_move(state: State, point: Point, change: Ints, helped: Bools) -> None:
    """Spread the change over sections; what an attended intervention targets moves first."""
    needs = state.needs[point.rows].copy()
    counted, draws, step = point.situation.counted, point.draws, point.step
    left = change.copy()
    for unit in range(14):
        moving = left != 0
        if not moving.any():
            break
        room = np.where((left < 0)[:, None], needs > 0, needs < MAXIMA) & counted
        weight = room * (1.0 + 4.0 * (helped & (left < 0)[:, None]))
        moving &= weight.sum(axis=1) > 0
        which = pick(np.cumsum(weight, axis=1), draws.uniform("need unit", step, unit))
        index = np.flatnonzero(moving)
        needs[index, which[index]] += np.sign(left[index])
        left = np.where(moving, left - np.sign(left), 0)
    u = draws.uniform("other needs", step, width=needs.shape[1])
    wander = (u < 0.1).astype(np.int64) - ((u > 0.86) | (helped & (u > 0.5)))
    needs = np.where(counted, needs, np.clip(needs + wander, 0, MAXIMA))
    state.needs[point.rows] = needs
    fills = draws.uniform("fills", step, width=needs.shape[1]) < 0.5
    state.answered[point.rows] |= fills


def _next(
    *, inputs: WorldInputs, state: State, point: Point, reoffended: Ints, change: Ints, written: WrittenTables
) -> Ints:
    """Settle what is due next: a review, or the assessment at the end; an offence proven later waits.

    Returned: the day of a conviction that comes before what is due (NEVER where none does); a new sentence
    then takes its place.
    """
    rows, on, step, draws = point.rows, point.on, point.step, point.draws
    waiting = rows[state.pending[rows] < NEVER]
    if len(waiting):
        sentencing.sentence_under_supervision(
            state=state, rows=waiting, when=state.pending[waiting], written=written, step=step
        )
    convicted = _proven(draws, reoffended, step)
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
    """A new sentence: the record grows, needs have worsened, a first assessment is due."""
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
    """Supervision has ended: a conviction that was pending, or a later offence, may bring people back."""
    draws = state.people.draws.take(rows)
    pending = state.pending[rows]
    quiet = np.maximum(state.window_end[rows], state.supervised_to[rows])
    daily = -np.log1p(-np.clip(state.yearly[rows], 0.001, 0.97)) / YEAR * 0.6
    day = (
        quiet + 1 + np.minimum(-np.log(draws.uniform("later offence", step)) / daily, 20_000).astype(np.int64)
    )
    proven = np.maximum(_proven(draws, day, step), state.window_end[rows] + 110)
    waiting = pending < NEVER
    _write_reoffences(
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
