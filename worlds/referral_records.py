"""What is recorded of a referral? The tables `referrals`, `referral_events` and `sessions`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from catalogue.fields import SETTINGS
from features.contract import OUTCOMES, TABLES
from worlds.columns import codes
from worlds.draws import Bools, Draws, Floats, Ints
from worlds.interventions import Arms
from worlds.provision import FORMATS
from worlds.recording import recorded_on
from worlds.settings import WorldSettings
from worlds.state import WrittenTables


@dataclass(frozen=True, slots=True)
class Referred:
    """The referrals made at one step: one row a referral, days as day numbers."""

    referral_id: pl.Series
    crn: pl.Series
    draws: Draws
    decided: Ints
    referred: Ints
    arm: Ints
    event: Ints
    setting: Ints  # index of SETTINGS
    custody: Bools
    ordered: Bools
    licence: Bools
    wait: Floats
    available: Bools
    remote: Bools
    form: Ints
    venue: pl.Series
    provider: pl.Series
    commence: Floats
    eta: Floats
    strictness: Ints
    fits: Bools
    until: Ints  # the sentence, or the stay in custody, ends


def known_on(
    draws: Draws, stream: str, on: Ints, usual: int, world: WorldSettings, *counters: Ints | int
) -> Ints:
    """The day on which a record of a referral is known."""
    return recorded_on(draws, stream, on, *counters, usual=usual, late=world.late_records, late_days=(5, 40))


def write_referrals(
    referred: Referred, arms: Arms, written: WrittenTables, world: WorldSettings, step: int
) -> None:
    """Write the rows of `referrals`."""
    draws, arm = referred.draws, referred.arm
    source = np.where(
        referred.ordered, 0, np.where(referred.licence & draws.chance("licence condition", 0.3, step), 1, 2)
    )
    written.add(
        "referrals",
        pl.DataFrame(
            {
                "referral_id": referred.referral_id,
                "crn": referred.crn,
                "event_number": referred.event,
                "intervention_id": codes(arms.ids, arm),
                "setting": codes(SETTINGS, referred.setting),
                "source": codes(TABLES["referrals"].column("source").allowed, source),
                "referred_on": referred.referred,
                "known_on": referral_known(referred.draws, referred.referred, world, step),
                "provider": referred.provider,
                "venue": referred.venue,
                "format": codes(FORMATS, referred.form),
                "sessions_planned": arms.weeks[arm] * arms.per_week[arm],
            }
        ),
    )


def referral_known(draws: Draws, referred: Ints, world: WorldSettings, step: int) -> Ints:
    """The day a referral is known."""
    return known_on(draws, "referral", referred, 2, world, step)


def write_events(
    *,
    referred: Referred,
    arms: Arms,
    start: Ints,
    commences: Bools,
    dropped: Bools,
    completed: Bools,
    ends: Ints,
    reason: pl.Series,
    world: WorldSettings,
    step: int,
    written: WrittenTables,
) -> None:
    """Write the rows of `referral_events`: the statuses a referral passes through, to its end."""
    draws = referred.draws
    first = referred.referred + draws.days("first event", 0, 2, step)
    none = codes((), np.full(len(first), -1))

    def add(rows: Bools, on: Ints, status: str, reasons: pl.Series = none) -> None:
        keep = np.flatnonzero(rows)
        written.add(
            "referral_events",
            pl.DataFrame(
                {
                    "referral_id": referred.referral_id,
                    "occurred_on": on,
                    "known_on": known_on(draws, f"event {status}", on, 3, world, step),
                    "status": codes((status,), np.zeros(len(on), dtype=np.int64)),
                    "reason": reasons,
                }
            )[keep],
        )

    programme = arms.of_type("ACP", "SI", "TREATMENT_REQUIREMENT")[referred.arm]
    everybody = np.ones(len(first), dtype=np.bool_)
    until = np.minimum(ends, start)
    add(everybody, first, "AWAITING_ASSESSMENT")
    # Some people are not ready at first and are assessed again; some who wait long are put back.
    unready = programme & (until - first > 75) & draws.chance("not ready", 0.15, step)
    again = first + draws.days("ready again", 25, 55, step)
    add(unready, first + draws.days("found unready", 3, 15, step), "SUITABLE_NOT_READY")
    add(unready, again, "AWAITING_ASSESSMENT")
    allocated = np.where(unready, again, first) + draws.days("allocated", 3, 9, step)
    waiting = programme & (allocated < until)
    add(waiting, allocated, "AWAITING_ALLOCATION")
    back = waiting & ~unready & (until - allocated > 70) & draws.chance("put back", 0.3, step)
    put_back = allocated + draws.days("put back on", 7, 28, step)
    taken_up = put_back + draws.days("taken up", 10, 30, step)
    add(back, put_back, "DEPRIORITISED")
    add(back, taken_up, "AWAITING_ASSESSMENT")
    add(back, taken_up + 3, "AWAITING_ALLOCATION")
    after = np.where(back, taken_up + 3, np.where(waiting, allocated, first))
    scheduled = np.maximum(start - draws.days("scheduled", 4, 10, step), after + 1)
    add(commences & (scheduled < start), scheduled, "SCHEDULED")
    add(commences, start, "ON_PROGRAMME")
    add(completed, ends, "COMPLETED")
    # What leads to the end: breach of an order, recall from a licence, or return to court before a start.
    recalled = dropped & referred.licence & draws.chance("recall event", 0.3, step)
    add(recalled, ends - 3, "RECALL")
    breach = dropped & ~recalled & (referred.ordered | draws.chance("breach event", 0.3, step))
    add(breach & ~referred.custody, ends - 3, "BREACH")
    refused = pl.Series(reason).is_in(["W_MOTIVATION", "W_BEHAVIOURAL"]).fill_null(value=False).to_numpy()
    to_court = waiting & referred.ordered & ~commences & refused & (ends - 12 > allocated) & ~back
    to_court &= draws.chance("court event", 0.5, step)
    add(to_court, ends - 12, "RETURN_TO_COURT")
    deferred = to_court & draws.chance("court defers", 0.3, step)
    add(deferred, ends - 9, "DEFERRED")
    add(deferred, ends - 4, "AWAITING_ASSESSMENT")
    add(~completed, ends, "WITHDRAWN", reason)


def write_sessions(
    *,
    referred: Referred,
    arms: Arms,
    start: Ints,
    commences: Bools,
    last: Ints,
    first: Ints,
    second: Ints,
    world: WorldSettings,
    step: int,
    written: WrittenTables,
) -> None:
    """Write the rows of `sessions`: `first` and `second` hold the outcomes of each week, `last` the last week held."""
    delivered = np.where(commences, last, 0)
    per_week = arms.per_week[referred.arm]
    row = np.repeat(np.arange(len(delivered)), delivered * per_week)
    if not len(row):
        return
    order = np.arange(len(row)) - np.repeat(
        np.cumsum(delivered * per_week) - delivered * per_week, delivered * per_week
    )
    week, part = order // per_week[row], order % per_week[row]
    on = start[row] + 7 * week + 3 * part
    outcome = np.where(part == 0, first[row, week], second[row, week])
    draws = referred.draws.take(row)
    written.add(
        "sessions",
        pl.DataFrame(
            {
                "referral_id": referred.referral_id.gather(pl.Series(row)),
                "session_number": order + 1,
                "scheduled_on": on,
                "known_on": known_on(draws, "session known", on, 2, world, step, order),
                "outcome": codes(OUTCOMES, outcome),
            }
        ),
    )
