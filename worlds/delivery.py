"""What becomes of a referral: waiting, starting, weekly sessions, absences, the end and its reason.

Behaviour comes first: attendance follows the person's weekly drift, an end follows an unacceptable
absence and the team's practice, and the class of attendance (none, dropped out, completed) is read off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from catalogue.fields import SETTINGS
from features.contract import OUTCOMES, TABLES
from worlds.attendance import UNACCEPTABLE, attended_or_not
from worlds.columns import codes
from worlds.draws import Bools, Draws, Floats, Ints, sigmoid
from worlds.interventions import LONGEST_WEEKS, Arms
from worlds.provision import FORMATS
from worlds.recording import recorded_on
from worlds.settings import WorldSettings
from worlds.state import WrittenTables
from worlds.true_chances import (
    COMPLETED,
    DRIFT_MEMORY,
    DRIFT_SIZE,
    DROPPED,
    ENDS_AFTER_ABSENCE,
    NOT_ATTENDED,
    UNACCEPTABLE_SHARE,
)

PATH_WEEKS = 78
PRE_RELEASE_DAYS = 84  # referrals inside so long before release are made for it; assumption
# Reasons by how a referral ends, a repeated code the more common; the first tuple for programmes and requirements
# (HMPPS accredited programmes reference data), the second for commissioned services (Refer and monitor), the third
# for what runs in custody. `features/reasons.csv` says what each counts as.
NOT_STARTED = (
    ("W_MOTIVATION", "W_MOTIVATION", "W_BEHAVIOURAL", "W_PERSONAL"),
    ("NOT", "NOT", "NOT", "NOT"),
    ("W_MOTIVATION", "W_MOTIVATION", "W_BEHAVIOURAL", "W_PERSONAL"),
)
STOPPED = (
    ("D_MISSED", "D_MISSED", "D_MISSED", "D_MOTIVATION", "D_BEHAVIOUR_IN", "D_ALCOHOL_OR_DRUGS"),
    ("NOT", "NOT", "NOT", "NOT", "NOT", "NOT"),
    ("D_MISSED", "D_MISSED", "D_MOTIVATION", "D_ATTITUDE", "D_BEHAVIOUR_OUT", "D_ISSUES"),
)
ADMINISTRATIVE_BEFORE = (
    ("W_TRANSFER_PROCESS", "W_NOT_AVAILABLE", "W_DUPLICATE", "W_ERROR", "W_HEALTH", "W_RISK_SCORES", "W_SAFETY"),
    ("MOV", "MOV", "MIS", "INE", "NEE", "WOR", "SER"),
    ("W_TRANSFER_PROCESS", "W_TRANSFER_PROCESS", "W_NOT_AVAILABLE", "W_DUPLICATE", "W_HEALTH", "W_NON_ASSOCIATIONS", "W_NO_TIME"),
)  # fmt: skip
ADMINISTRATIVE_DURING = (
    ("D_TRANSFER_PROCESS", "D_TRANSFER_PROCESS", "D_NOT_AVAILABLE", "D_HEALTH"),
    ("MOV", "MOV", "WOR", "SER"),
    ("D_TRANSFER_PROCESS", "D_REGIME", "D_SEGREGATION", "D_SAFER_CUSTODY"),
)
SENTENCE_ENDED = (
    ("W_SENTENCE_ENDED", "D_SENTENCE_ENDED"),
    ("SEE", "SEE"),
    ("W_OTHER_RELEASE", "D_OTHER_RELEASE"),
)
_REASONS = (NOT_STARTED, STOPPED, ADMINISTRATIVE_BEFORE, ADMINISTRATIVE_DURING, SENTENCE_ENDED)


@dataclass(frozen=True, slots=True)
class Referred:
    """The referrals made at one step, one row each."""

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


@dataclass(frozen=True, slots=True)
class Ended:
    """How each referral went: class of attendance, day of the end, day the end was known."""

    outcome: Ints
    on: Ints
    known: Ints


def drift(draws: Draws, step: int) -> Floats:
    """Weekly drift of engagement from a decision point on: person by week, a stationary AR(1)."""
    noise = draws.normal("drift", step, width=PATH_WEEKS)
    spread = np.sqrt(1 - DRIFT_MEMORY**2)
    for week in range(1, PATH_WEEKS):
        noise[:, week] = DRIFT_MEMORY * noise[:, week - 1] + spread * noise[:, week]
    return noise


def start_days(referred: Ints, wait: Floats) -> Ints:
    """The day delivery begins, if it does."""
    return referred + np.round(7 * wait).astype(np.int64)


def setting_of(*, custody: Bools, referred: Ints, until: Ints) -> Ints:
    """The setting of referrals under a sentence, as an index of SETTINGS."""
    community, inside, near = (SETTINGS.index(one) for one in ("COMMUNITY", "CUSTODY", "PRE_RELEASE"))
    return np.where(custody, np.where(until - referred <= PRE_RELEASE_DAYS, near, inside), community)


def deliver(
    *, referred: Referred, arms: Arms, path: Floats, world: WorldSettings, step: int, written: WrittenTables
) -> Ended:
    """Carry out the referrals and write `referrals`, `referral_events` and `sessions`."""
    draws, arm = referred.draws, referred.arm
    start = start_days(referred.referred, referred.wait)
    administrative = draws.chance("administrative", world.administrative_ends, step)
    before = administrative & draws.chance("administrative before", 0.5, step)
    in_time = start < referred.until
    commences = draws.chance("commence", referred.commence, step) & in_time & ~before
    week_of, outcomes, ends_in = _attendance(referred, arms, path, start, step)
    weeks = arms.weeks[arm]
    fitting = np.where(referred.fits, weeks, np.clip((referred.until - start) // 7, 0, weeks))
    stopped_by = np.where(
        administrative,
        np.floor(draws.uniform("administrative week", step) * weeks).astype(np.int64) + 1,
        weeks,
    )
    last = np.minimum(np.minimum(fitting, stopped_by), np.where(administrative, LONGEST_WEEKS + 1, ends_in))
    dropped = commences & ~administrative & (ends_in <= fitting)
    completed = commences & ~administrative & ~dropped & referred.fits
    # Commissioned services have their own codes, inside and outside.
    reason_row = np.where(arms.of_type("CRS")[arm], 1, np.where(referred.custody, 2, 0))
    ends, reason = _ends(
        referred=referred,
        start=start,
        commences=commences,
        dropped=dropped,
        completed=completed,
        before=before,
        administrative=administrative,
        in_time=in_time,
        last=last,
        reason_row=reason_row,
        arms=arms,
        step=step,
    )
    _write_referrals(referred, arms, written, world, step)
    _write_events(
        referred=referred,
        arms=arms,
        start=start,
        commences=commences,
        dropped=dropped,
        completed=completed,
        ends=ends,
        reason=reason,
        world=world,
        step=step,
        written=written,
    )
    _write_sessions(
        referred=referred,
        arms=arms,
        start=start,
        commences=commences,
        last=last,
        first=week_of,
        second=outcomes,
        world=world,
        step=step,
        written=written,
    )
    ended_as = [
        _known(draws, f"event {status}", ends, 3, world, step) for status in ("COMPLETED", "WITHDRAWN")
    ]
    return Ended(
        known=np.where(completed, *ended_as),
        outcome=np.where(completed, COMPLETED, np.where(dropped, DROPPED, NOT_ATTENDED)),
        on=ends,
    )


def _attendance(
    referred: Referred, arms: Arms, path: Floats, start: Ints, step: int
) -> tuple[Ints, Ints, Ints]:
    """Outcome of each week's first session, of a second one, and the week (from 1) that ends the referral."""
    draws = referred.draws
    offset = (start - referred.decided) // 7
    columns = np.minimum(offset[:, None] + np.arange(LONGEST_WEEKS)[None, :], PATH_WEEKS - 1)
    attends = sigmoid(referred.eta[:, None] + DRIFT_SIZE * np.take_along_axis(path, columns, axis=1))
    first = _session_outcomes(draws, "session", attends, step)
    second = _session_outcomes(draws, "second session", attends, step)
    strict = np.array(ENDS_AFTER_ABSENCE)[referred.strictness]
    ends = (first == UNACCEPTABLE) & (
        draws.uniform("ends after absence", step, width=LONGEST_WEEKS) < strict[:, None]
    )
    within = np.arange(LONGEST_WEEKS)[None, :] < arms.weeks[referred.arm][:, None]
    ends &= within
    week = np.where(ends.any(axis=1), ends.argmax(axis=1) + 1, LONGEST_WEEKS + 1)
    return first, second, week


def _session_outcomes(draws: Draws, stream: str, attends: Floats, step: int) -> Ints:
    u = draws.uniform(stream, step, width=attends.shape[1])
    v = draws.uniform(f"{stream} kind", step, width=attends.shape[1])
    return attended_or_not(
        attends=u < attends, kind=v, not_complied=0.04, unacceptable=UNACCEPTABLE_SHARE, acceptable=0.3
    )


def _ends(
    *,
    referred: Referred,
    start: Ints,
    commences: Bools,
    dropped: Bools,
    completed: Bools,
    before: Bools,
    administrative: Bools,
    in_time: Bools,
    last: Ints,
    reason_row: Ints,
    arms: Arms,
    step: int,
) -> tuple[Ints, pl.Series]:
    """The day each referral ends, and the reason code (null for completion)."""
    draws = referred.draws
    u = draws.uniform("end", step)
    waiting_end = referred.referred + 7 + np.floor(u * (7 * referred.wait + 21)).astype(np.int64)
    assessed = referred.referred + 3  # nothing ends before it was looked at
    last_session = start + 7 * (last - 1) + 3 * (arms.per_week[referred.arm] - 1)
    stop_lag = draws.days("stop lag", 6, 18, step)
    ended_by_sentence = (commences & ~dropped & ~completed & ~administrative) | (
        ~commences & ~before & ~in_time
    )
    on = np.where(
        ~commences,
        np.where(in_time, waiting_end, np.maximum(np.minimum(waiting_end, referred.until), assessed)),
        np.where(
            completed,
            last_session,
            np.where(ended_by_sentence, np.maximum(referred.until, start), last_session + stop_lag),
        ),
    )
    names = [code for kind in _REASONS for row in kind for code in row]
    offsets = np.cumsum([0, *(len(kind[0]) * len(kind) for kind in _REASONS)])
    which = np.select([before, ended_by_sentence, ~commences, dropped], [2, 4, 0, 1], 3)
    sizes = np.array([len(kind[0]) for kind in _REASONS])[which]
    within = np.minimum(np.floor(draws.uniform("reason", step) * sizes).astype(np.int64), sizes - 1)
    within = np.where(which == 4, commences.astype(np.int64), within)
    return on, codes(names, np.where(completed, -1, offsets[which] + reason_row * sizes + within))


def _known(
    draws: Draws, stream: str, on: Ints, usual: int, world: WorldSettings, *counters: Ints | int
) -> Ints:
    return recorded_on(draws, stream, on, *counters, usual=usual, late=world.late_records, late_days=(5, 40))


def _write_referrals(
    referred: Referred, arms: Arms, written: WrittenTables, world: WorldSettings, step: int
) -> None:
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
    return _known(draws, "referral", referred, 2, world, step)


def _write_events(
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
                    "known_on": _known(draws, f"event {status}", on, 3, world, step),
                    "status": codes((status,), np.zeros(len(on), dtype=np.int64)),
                    "reason": reasons,
                }
            )[keep],
        )

    programme = arms.of_type("ACP", "SI", "TREATMENT_REQUIREMENT")[referred.arm]
    everybody = np.ones(len(first), dtype=np.bool_)
    until = np.minimum(ends, start)
    add(everybody, first, "AWAITING_ASSESSMENT")
    # Some are not ready at first, and are assessed again; of those that wait long, some are put back.
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
    # What leads to the end: breach of an order, recall from a licence, the court where it never began.
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


def _write_sessions(
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
                "known_on": _known(draws, "session known", on, 2, world, step, order),
                "outcome": codes(OUTCOMES, outcome),
            }
        ),
    )
