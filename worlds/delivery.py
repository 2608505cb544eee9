"""How does a referral go? Waiting, starting, weekly sessions, absences, the end and its reason.

Attendance follows the person's weekly drift of engagement. After an unacceptable absence the referral may
end, by the team's practice. Nothing attended, dropped out or completed is what results from that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from catalogue.fields import SETTINGS
from worlds.attendance import UNACCEPTABLE, attended_or_not
from worlds.columns import codes
from worlds.draws import Bools, Draws, Floats, Ints, sigmoid
from worlds.interventions import LONGEST_WEEKS, Arms
from worlds.referral_records import Referred, known_on, write_events, write_referrals, write_sessions
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
PRE_RELEASE_DAYS = 84  # referrals in custody so long before release prepare for it; assumption
# Reason codes by how a referral ends; a code that is repeated is more common. In each: first programmes and
# requirements (HMPPS accredited programmes reference data), then commissioned services (Refer and monitor), then
# custody. `features/reasons.csv` says what each code counts as.
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
class Ended:
    """How each referral went: nothing attended, dropped out or completed; the day it ended, and when that was known."""

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
    """The day delivery begins, if the person starts."""
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
    # Commissioned services have their own codes, in custody and in the community.
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
    write_referrals(referred, arms, written, world, step)
    write_events(
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
    write_sessions(
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
        known_on(draws, f"event {status}", ends, 3, world, step) for status in ("COMPLETED", "WITHDRAWN")
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
