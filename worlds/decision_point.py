"""What happens at a decision point? The choice of an arm, the truth about every arm, and the referral."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from features.outcomes import NO_ARM
from worlds import (
    delivery,
    eligibility,
    practitioner_choice,
    sentencing,
    true_chances,
)
from worlds.columns import blank, codes, numbered
from worlds.decision_records import decisions_frame
from worlds.draws import Bools, Draws, Floats, Ints, pick
from worlds.inputs import WorldInputs
from worlds.provision import CUSTODY_WAIT, PROVIDERS, PUBLIC_PROVIDER, venues_used
from worlds.referral_records import Referred, referral_known
from worlds.state import (
    State,
    WrittenTables,
)
from worlds.true_chances import COMPLETED, DROPPED, Situation, TrueChances


@dataclass(frozen=True, slots=True)
class Point:
    """The people assessed in one pass of the loop: one row a person. Days are day numbers."""

    rows: Ints
    on: Ints
    step: int
    draws: Draws
    decides: Bools  # a decision point, not only an assessment
    situation: Situation
    path: Floats  # weekly drift of engagement
    referred: Ints  # the day of the referral, if one is made
    until: Ints  # the sentence, or the stay in custody, ends


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen at each decision point, and what followed: one row a point."""

    arm: Ints  # the number of arms stands for none
    eligible: Bools
    reached: Ints  # nothing attended, dropped out or completed
    effect: Floats  # change in the log-odds of reoffending
    shift: Floats  # change of need, points
    targets: Bools  # sections that the arm targets


def decide(inputs: WorldInputs, state: State, point: Point, keep: Ints, written: WrittenTables) -> Chosen:
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
        referred = Referred(
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
        recorded[made] = referral_known(local, referred.referred, inputs.world, point.step) <= inputs.end
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
    """Write the two tables of `truth/`. The arm is NONE where the referral is known after the last day only."""
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
