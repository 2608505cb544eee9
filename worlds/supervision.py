"""What happens in supervision between two assessments? Contacts, enforcement and circumstances."""

from __future__ import annotations

import numpy as np
import polars as pl

from features.contract import CIRCUMSTANCE_VALUES, OUTCOMES, TABLES
from worlds.attendance import ACCEPTABLE, UNACCEPTABLE, attended_or_not
from worlds.columns import codes
from worlds.draws import Bools, Draws, Floats, Ints, sigmoid
from worlds.needs import ACCOMMODATION, WORK
from worlds.recording import recorded_on
from worlds.sentencing import CUSTODIAL
from worlds.settings import WorldSettings
from worlds.state import State, WrittenTables

_WEEKS = 56
BREACH_AFTER_THREE = (0.4, 0.6, 0.85)  # a week, by strictness of the team; assumption


def contacts(
    *,
    state: State,
    rows: Ints,
    since: Ints,
    until: Ints,
    path: Floats,
    risk: Floats,
    strictness: Ints,
    remote: Bools,
    world: WorldSettings,
    step: int,
    written: WrittenTables,
) -> Bools:
    """Write `contacts` and `enforcement` from `since` up to `until`; returns who was breached."""
    draws, people = state.people.draws.take(rows), state.people
    week = np.arange(_WEEKS)[None, :]
    start = np.maximum(since, state.released[rows])
    until = np.minimum(np.minimum(until, state.supervised_to[rows]), since + 7 * _WEEKS)
    often = np.where(risk > 0.5, 1, np.where(risk > -0.6, 2, 4))[:, None]
    early = 7 * week + since[:, None] < state.sentenced[rows][:, None] + 84
    due = np.where(early, np.minimum(often, 2), np.minimum(often * 2, 4))
    on = since[:, None] + 7 * week + 1 + (people.number[rows] % 5)[:, None]
    happens = (week % due == 0) & (on >= start[:, None]) & (on < until[:, None])
    drift = path[:, :_WEEKS]
    attends = sigmoid(1.6 + 0.55 * people.engagement[rows][:, None] + 0.8 * drift)
    u, v = draws.uniform("contact", step, width=_WEEKS), draws.uniform("contact kind", step, width=_WEEKS)
    outcome = attended_or_not(
        attends=u < attends, kind=v, not_complied=0.03, unacceptable=0.5, acceptable=0.35
    )
    unacceptable = happens & (outcome == UNACCEPTABLE)
    row, column = np.nonzero(happens)
    days = on[row, column]
    each = draws.take(row)
    far = remote[row] & (v[row, column] < 0.75)
    kind = np.where(
        far,
        np.where(v[row, column] < 0.5, 2, 3),
        each.choice("contact place", (0.72, 0.08, 0.17, 0.03), step, column),
    )
    crn = people.crn.gather(pl.Series(rows))
    known = recorded_on(
        each, "contact", days, step, column, usual=2, late=world.late_records, late_days=(4, 30)
    )
    frame = pl.DataFrame(
        {
            "crn": crn.gather(pl.Series(row)),
            "scheduled_on": days,
            "known_on": known,
            "kind": codes(TABLES["contacts"].column("kind").allowed, kind),
            "outcome": codes(OUTCOMES, outcome[row, column]),
        }
    )
    # Some absences are first recorded as unacceptable; a later version, with evidence, says acceptable.
    acceptable = outcome[row, column] == ACCEPTABLE
    corrected = acceptable & each.chance("contact corrected", world.corrected_records * 4, step, column)
    first = frame[np.flatnonzero(corrected)].with_columns(outcome=pl.lit(OUTCOMES[UNACCEPTABLE]))
    found = known + np.where(corrected, each.days("contact correction", 5, 40, step, column), 0)
    written.add("contacts", frame.with_columns(known_on=pl.Series(found)))
    written.add("contacts", first)
    return _enforcement(
        state=state,
        rows=rows,
        draws=draws,
        on=on,
        unacceptable=unacceptable,
        strictness=strictness,
        step=step,
        written=written,
    )


def _enforcement(
    *,
    state: State,
    rows: Ints,
    draws: Draws,
    on: Ints,
    unacceptable: Bools,
    strictness: Ints,
    step: int,
    written: WrittenTables,
) -> Bools:
    """Warning, final warning, breach: after the first, second and later unacceptable absences of an interval."""
    count = np.cumsum(unacceptable, axis=1)
    practice = np.array(BREACH_AFTER_THREE)[strictness] * state.people.enforcement_factor[rows]
    enough = unacceptable & (count >= 3) & (draws.uniform("breach", step, width=_WEEKS) < practice[:, None])
    breached = enough.any(axis=1)
    first_breach = np.where(breached, enough.argmax(axis=1), _WEEKS)
    open_ = np.arange(_WEEKS)[None, :] <= first_breach[:, None]
    crn = state.people.crn.gather(pl.Series(rows))

    def add(row: Ints, days: Ints, kind: str, stream: str) -> None:
        written.add(
            "enforcement",
            pl.DataFrame(
                {
                    "crn": crn.gather(pl.Series(row)),
                    "event_number": state.event[rows][row],
                    "occurred_on": days,
                    "known_on": days + draws.take(row).days(stream, 0, 5, step),
                    "kind": codes((kind,), np.zeros(len(row), dtype=np.int64)),
                }
            ),
        )

    row, column = np.nonzero(unacceptable & (count == 1) & open_)
    add(row, on[row, column] + 2, "WARNING", "warning lag")
    row, column = np.nonzero(unacceptable & (count == 2) & open_)
    add(row, on[row, column] + 2, "FINAL_WARNING", "final lag")
    row = np.flatnonzero(breached)
    started = on[row, first_breach[row]] + 4
    add(row, started, "BREACH_STARTED", "breach lag")
    licence = state.disposal[rows][row] == CUSTODIAL
    add(row[licence], started[licence] + 7, "RECALL", "recall lag")
    proven = ~licence & draws.take(row).chance("breach proven", 0.85, step)
    add(row[proven], started[proven] + 35, "BREACH_PROVEN", "proven lag")
    return np.asarray(breached, dtype=np.bool_)


def circumstances(
    *, state: State, rows: Ints, on: Ints, step: int, world: WorldSettings, written: WrittenTables
) -> None:
    """Write `circumstances`: home, work, caring, health and relationships, at an assessment and between."""
    if not len(rows):
        return
    draws, people = state.people.draws.take(rows), state.people
    crn = people.crn.gather(pl.Series(rows))

    def add(*, days: Ints, kind: str, index: Ints, keep: Bools, stream: str) -> None:
        known = recorded_on(draws, stream, days, step, usual=6, late=world.late_records, late_days=(10, 60))
        frame = pl.DataFrame(
            {
                "crn": crn,
                "observed_on": days,
                "known_on": known,
                "kind": codes((kind,), np.zeros(len(days), dtype=np.int64)),
                "value": codes(CIRCUMSTANCE_VALUES[kind], index),
            }
        )
        written.add("circumstances", frame[np.flatnonzero(keep)])
        wrong = keep & draws.chance(f"{stream} corrected", world.corrected_records, step)
        corrected = frame.with_columns(
            known_on=pl.Series(known + draws.days(f"{stream} correction", 7, 90, step)),
            value=codes(CIRCUMSTANCE_VALUES[kind], (index + 1) % len(CIRCUMSTANCE_VALUES[kind])),
        )
        written.add("circumstances", corrected[np.flatnonzero(wrong)])

    everybody = np.ones(len(rows), dtype=np.bool_)
    housing = state.needs[rows, ACCOMMODATION]
    home = np.where(
        housing >= 6,
        2,
        np.where(housing >= 3, 1, np.where(draws.chance("approved premises", 0.02, step), 3, 0)),
    )
    add(days=on, kind="ACCOMMODATION", index=home, keep=everybody, stream="home")
    work = employment(state, rows, step)
    add(days=on, kind="EMPLOYMENT", index=work, keep=everybody, stream="work")
    first = everybody & (step == 0)
    caring = np.where(draws.chance("caring", np.where(people.male[rows], 0.1, 0.3)), 0, 1)
    add(days=on, kind="CARING", index=caring, keep=first, stream="caring")
    add(
        days=on,
        kind="HEALTH",
        index=np.where(people.psychiatric[rows] | draws.chance("ill", 0.15), 0, 1),
        keep=first,
        stream="health",
    )
    add(
        days=on,
        kind="RELATIONSHIP",
        index=np.where(draws.chance("partnered", 0.35, step), 0, 1),
        keep=everybody,
        stream="relationship",
    )
    moved_on = on + draws.days("home change", 20, 300, step)
    moves = draws.chance("home moves", 0.18, step) & (moved_on < state.supervised_to[rows])
    add(
        days=moved_on,
        kind="ACCOMMODATION",
        index=np.where(home == 0, 1, 0),
        keep=moves,
        stream="home again",
    )
    worked_on = on + draws.days("work change", 20, 300, step)
    works_on = draws.chance("work changes", 0.2, step) & (worked_on < state.supervised_to[rows])
    add(
        days=worked_on,
        kind="EMPLOYMENT",
        index=np.where(work >= 3, 0, 3),
        keep=works_on,
        stream="work again",
    )


def employment(state: State, rows: Ints, step: int) -> Ints:
    """Work as observed at an assessment: 0 full time, 1 part time, 2 training, 3 out of work, 4 unavailable."""
    draws = state.people.draws.take(rows)
    return np.where(
        state.needs[rows, WORK] >= 4,
        np.where(draws.chance("unavailable", 0.25, step), 4, 3),
        draws.choice("work", (0.55, 0.2, 0.12, 0.13), step),
    )
