"""From a conviction to a sentence: kind, length, requirements, and the rows that record them.

Shares are tuned to `facts/calibration.md` 1.2 where a figure exists (RAR in 36% of orders, unpaid work in
slightly over half of them); the split between orders and custody is an assumption.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from features.contract import OFFENCE_TYPES, REQUIREMENT_TYPES
from features.synthetic.draws import Bools, Draws, Floats, Ints, sigmoid
from features.synthetic.people import offences
from features.synthetic.state import INITIAL, State, Written

COMMUNITY_ORDER, SUSPENDED, CUSTODIAL = 0, 1, 2
YEAR = 365
_MONTHS = np.array([12, 18, 24, 36])
_RAR = REQUIREMENT_TYPES.index("RAR")


def offence_type_matrix() -> Bools:
    """Index offence × offence type."""
    return np.array(
        [[one in offence.types for one in OFFENCE_TYPES] for offence in offences()], dtype=np.bool_
    )


def past_types(state: State) -> Bools:
    """Kinds of offence in the record before the first sentence: more kinds with more sanctions."""
    draws, n = state.people.draws, len(state.people)
    shares = np.array([0.5, 0.42, 0.14, 0.16, 0.025, 0.01, 0.22, 0.12, 0.25, 0.02, 0.001])
    exposure = 1 - np.exp(-state.previous[:, None] / 4.0)
    return draws.uniform("past types", width=len(OFFENCE_TYPES)) < np.minimum(
        shares[None, :] * 1.5, 0.9
    ) * exposure * np.where(state.previous[:, None] > 0, 1.0, 0.0) * np.ones((n, 1))


def sentence(
    *,
    state: State,
    rows: Ints,
    when: Ints,
    written: Written,
    step: int,
    custody_allowed: Bools,
    replace: bool,
) -> None:
    """Sentence the people of these rows on these days.

    `replace` starts a new episode (a first assessment becomes due); otherwise the sentence runs beside
    the one being served, is never custodial, and only extends supervision.
    """
    draws = state.people.draws.take(rows)
    people = state.people
    table = offences()
    men = np.array([one.men for one in table])
    women = np.array([one.women for one in table])
    male = people.male[rows]
    offence = np.where(
        male,
        draws.choice("offence m", men, step, state.event[rows]),
        draws.choice("offence f", women, step, state.event[rows]),
    )
    custody_tilt = np.array([one.custody for one in table])[offence]
    previous = state.previous[rows]
    p_custody = sigmoid(
        -1.25 + custody_tilt + 0.35 * people.risk[rows] + 0.25 * np.log1p(previous) - 0.5 * ~male
    )
    custodial = custody_allowed & draws.chance("custody", p_custody, step)
    suspended = ~custodial & draws.chance("suspended", sigmoid(-0.6 + 0.5 * custody_tilt), step)
    disposal = np.where(custodial, CUSTODIAL, np.where(suspended, SUSPENDED, COMMUNITY_ORDER))
    served = np.clip(
        np.exp(4.55 + 0.95 * draws.normal("served", step) + 0.25 * custody_tilt), 14, 1400
    ).astype(np.int64)
    length = np.round(_MONTHS[draws.choice("length", (0.42, 0.23, 0.29, 0.06), step)] * 30.4375).astype(
        np.int64
    )
    released = np.where(custodial, when + served, when)
    licence_ends = np.where(custodial, released + served, when + length)
    supervised_to = np.where(custodial, np.maximum(licence_ends, released + YEAR), licence_ends)
    needs = _requirements(state, rows, draws, disposal, step)
    rar_days = np.where(needs[:, _RAR], 10 + 5 * draws.days("rar days", 0, 8, step), 0)
    event = _write(
        state, rows, written, step, draws,
        when=when, disposal=disposal, released=released, licence_ends=licence_ends, supervised_to=supervised_to,
        offence=offence, requirements=needs, rar_days=rar_days,
    )  # fmt: skip
    state.event[rows] = event
    types = offence_type_matrix()
    state.past_types[rows] |= types[offence] & (step >= 0)
    violent = np.array([one.violent for one in table])[offence]
    if not replace:
        state.supervised_to[rows] = np.maximum(state.supervised_to[rows], supervised_to)
        state.requirements[rows] |= needs
        state.previous[rows] += 1
        state.violent_previous[rows] += violent
        return
    state.offence[rows] = offence
    state.disposal[rows] = disposal
    state.sentenced[rows] = when
    state.released[rows] = released
    state.supervised_to[rows] = np.maximum(state.supervised_to[rows], supervised_to)
    state.rar_days[rows] = rar_days
    state.requirements[rows] = needs
    state.short_custody[rows] = custodial & (2 * served < YEAR)
    state.basic[rows] = (people.risk[rows] < -0.4) & ~custodial & draws.chance("basic", 0.25, step)
    inside = custodial & (served >= 75)
    first = np.where(
        inside,
        when + draws.days("first inside", 20, 40, step),
        released + draws.days("first outside", 5, 24, step),
    )
    state.due[rows] = first
    state.due_kind[rows] = INITIAL
    state.silent[rows] = False
    state.pending[rows] = 2**31 - 1


def _requirements(state: State, rows: Ints, draws: Draws, disposal: Ints, step: int) -> Bools:
    """Which requirements an order carries; none with custody."""
    need = state.needs[rows]
    chosen = np.zeros((len(rows), len(REQUIREMENT_TYPES)), dtype=np.bool_)
    risk = state.people.risk[rows]

    def give(name: str, p: Floats | float) -> None:
        chosen[:, REQUIREMENT_TYPES.index(name)] = draws.chance(f"requirement {name}", p, step)

    give("RAR", sigmoid(-1.15 + 0.35 * risk + 0.1 * (need.sum(axis=1) - 20) / 6))
    give("UNPAID_WORK", sigmoid(-0.05 - 0.3 * risk))
    give("ACCREDITED_PROGRAMME", sigmoid(-3.1 + 0.5 * risk + 0.35 * (need[:, 8] - 4)))
    give("DRUG_REHABILITATION", np.where(need[:, 5] >= 4, 0.16, 0.005))
    give("ALCOHOL_TREATMENT", np.where(need[:, 6] >= 4, 0.18, 0.004))
    give("MENTAL_HEALTH_TREATMENT", np.where(state.people.psychiatric[rows], 0.09, 0.008))
    give("ALCOHOL_ABSTINENCE", np.where(need[:, 6] >= 4, 0.16, 0.02))
    give("CURFEW", sigmoid(-2.1 + 0.3 * risk))
    give("EXCLUSION", 0.04)
    give("RESIDENCE", 0.02)
    give("ATTENDANCE_CENTRE", 0.008)
    chosen[disposal == CUSTODIAL] = False
    bare = ~chosen.any(axis=1) & (disposal != CUSTODIAL)
    chosen[bare, _RAR] = draws.chance("bare order", 0.3, step)[bare]
    chosen[bare & ~chosen[:, _RAR], REQUIREMENT_TYPES.index("UNPAID_WORK")] = True
    return chosen


def _write(
    state: State,
    rows: Ints,
    written: Written,
    step: int,
    draws: Draws,
    *,
    when: Ints,
    disposal: Ints,
    released: Ints,
    licence_ends: Ints,
    supervised_to: Ints,
    offence: Ints,
    requirements: Bools,
    rar_days: Ints,
) -> Ints:
    """Write the rows of `sentences` and `requirements`; the last event number used is returned."""
    people, table = state.people, offences()
    lag = draws.days("sentence known", 0, 4, step)  # a sentence is in the record before it is first assessed
    past = state.past_types[rows]
    names = np.array(OFFENCE_TYPES, dtype=object)
    past_lists = [names[row].tolist() for row in past]
    crn = people.crn.gather(pl.Series(rows))
    groups = pl.Series([one.group for one in table])
    kinds = pl.Series([list(one.types) for one in table], dtype=pl.List(pl.String))

    def rows_of(
        mask: Bools, event: Ints, kind: pl.Series, sentenced: pl.Series, start: Ints, end: Ints, known: Ints
    ) -> None:
        keep = pl.Series(np.flatnonzero(mask))
        frame = pl.DataFrame(
            {
                "crn": crn,
                "event_number": event,
                "sentence_type": kind,
                "sentenced_on": sentenced,
                "starts_on": start,
                "ends_on": end,
                "rar_days": pl.Series(rar_days),
                "offence_group": groups.gather(pl.Series(offence)),
                "offence_types": kinds.gather(pl.Series(offence)),
                "past_offence_types": pl.Series(past_lists, dtype=pl.List(pl.String)),
                "previous_sanctions": state.previous[rows],
                "age_first_sanction": people.first_age[rows],
                "known_on": known,
            }
        )
        written.add("sentences", frame[keep])

    def constant(name: str) -> pl.Series:
        return pl.Series([name]).gather(pl.Series(np.zeros(len(rows), dtype=np.int64)))

    custodial = disposal == CUSTODIAL
    report = ~custodial & draws.chance("pre-sentence report", 0.35, step)
    event = state.event[rows] + report
    none = pl.Series([None] * len(rows), dtype=pl.Int64)
    asked = when - draws.days("report asked", 15, 35, step)
    rows_of(report, event, constant("PRE_SENTENCE"), none, asked, when, asked + 1)
    _basic_assessments(state, rows[report], written, asked[report] + 5, step)
    event = event + 1
    kinds_of = pl.Series(["COMMUNITY_ORDER", "SUSPENDED_SENTENCE_ORDER", "CUSTODY"]).gather(
        pl.Series(disposal)
    )
    rows_of(
        np.ones(len(rows), dtype=np.bool_),
        event,
        kinds_of,
        pl.Series(when),
        when,
        np.where(custodial, released, licence_ends),
        when + lag,
    )
    _write_requirements(crn, event, requirements, rar_days, when, when + lag, written, draws, step)
    event = event + custodial
    rows_of(
        custodial,
        event,
        constant("LICENCE"),
        pl.Series(when),
        released,
        licence_ends,
        np.maximum(released, when + lag),
    )
    supervision = custodial & (supervised_to > licence_ends)
    event = event + supervision
    rows_of(
        supervision,
        event,
        constant("POST_SENTENCE_SUPERVISION"),
        pl.Series(when),
        licence_ends,
        supervised_to,
        np.maximum(licence_ends, when + lag),
    )
    return event


def _write_requirements(
    crn: pl.Series,
    event: Ints,
    chosen: Bools,
    rar_days: Ints,
    when: Ints,
    known: Ints,
    written: Written,
    draws: Draws,
    step: int,
) -> None:
    row, kind = np.nonzero(chosen)
    names = np.array(REQUIREMENT_TYPES)
    hours, days = (
        names == "UNPAID_WORK",
        (names == "RAR") | (names == "ATTENDANCE_CENTRE") | (names == "ALCOHOL_ABSTINENCE"),
    )
    unit = np.where(hours[kind], 1, np.where(days[kind], 0, 2))
    size = draws.uniform("requirement length", step)[row]
    length = np.where(
        names[kind] == "RAR",
        rar_days[row],
        np.where(
            unit == 1,
            40 + 20 * np.floor(size * 9),
            np.where(unit == 0, 30 + np.floor(size * 90), 6 + np.floor(size * 7)),
        ),
    ).astype(np.int64)
    written.add(
        "requirements",
        pl.DataFrame(
            {
                "crn": crn.gather(pl.Series(row)),
                "event_number": event[row],
                "requirement_type": pl.Series(REQUIREMENT_TYPES).gather(pl.Series(kind)),
                "imposed_on": when[row],
                "length": length,
                "unit": pl.Series(["DAYS", "HOURS", "MONTHS"]).gather(pl.Series(unit)),
                "known_on": known[row],
            }
        ),
    )


def _basic_assessments(state: State, rows: Ints, written: Written, on: Ints, step: int) -> None:
    """A layer-1 assessment for the court: predictors only, no sections."""
    if not len(rows):
        return
    crn = state.people.crn.gather(pl.Series(rows))
    written.add(
        "assessments",
        pl.DataFrame(
            {"crn": crn, "completed_on": on, "known_on": on + 1, "layer": np.ones(len(rows), dtype=np.int64)}
        ).with_columns(assessment_id=pl.format("A{}P{}", "crn", pl.lit(step + 1))),
    )
