"""What does a court decide after a conviction? Kind of sentence, length, requirements, and their rows.

Shares are tuned to comparison/figures.csv: 36% of orders have a RAR, slightly over half have unpaid work.
The split between orders and custody is an assumption.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from features.contract import OFFENCE_TYPES, REQUIREMENT_TYPES, SENTENCE_TYPES
from worlds.columns import blank, codes, named_lists
from worlds.draws import Bools, Draws, Floats, Ints, sigmoid, whole
from worlds.needs import ACCOMMODATION, ALCOHOL, DRUGS, LIFESTYLE, MAXIMA, THINKING
from worlds.offences import index_offences, types_of_offences, violent_offences
from worlds.state import INITIAL, NEVER, YEAR, State, WrittenTables

ORDERS = ("COMMUNITY_ORDER", "SUSPENDED_SENTENCE_ORDER")
COMMUNITY_ORDER, SUSPENDED, CUSTODIAL = 0, 1, 2
MONTHS = (12, 18, 24, 36)
ASSESSED_INSIDE = 75  # a person who serves this many days is first assessed in custody; assumption
REMANDED = 0.35  # share of people sentenced to custody who were held on remand; assumption
_FURTHER = 1000  # keeps the draws of a further sentence apart from those of a new one
_PRE_SENTENCE, _LICENCE = SENTENCE_TYPES.index("PRE_SENTENCE"), SENTENCE_TYPES.index("LICENCE")
_AFTER = SENTENCE_TYPES.index("POST_SENTENCE_SUPERVISION")
_RAR = REQUIREMENT_TYPES.index("RAR")


def past_types(state: State) -> Bools:
    """Types of offence in the criminal record before the first sentence: more types with more sanctions."""
    draws = state.people.draws
    shares = np.array([0.75, 0.63, 0.21, 0.24, 0.04, 0.015, 0.33, 0.18, 0.38, 0.03, 0.0015])
    chance = shares[None, :] * (1 - np.exp(-state.previous[:, None] / 4.0))
    return np.asarray(draws.uniform("past types", width=len(OFFENCE_TYPES)) < chance, dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a court decided, one row a person; days are day numbers."""

    when: Ints
    offence: Ints
    disposal: Ints
    served: Ints  # days in custody
    released: Ints  # first day in the community
    licence_ends: Ints  # last day of the order or licence
    supervised_to: Ints
    requirements: Bools
    rar_days: Ints


def sentence_anew(
    *, state: State, rows: Ints, when: Ints, written: WrittenTables, step: int, custody_allowed: Bools
) -> None:
    """Sentence the people of these rows on these days; a first assessment becomes due.

    Custody only where `custody_allowed`, because a referral that is still open goes on in the community.
    """
    draws, people = state.people.draws.take(rows), state.people
    given = _given(state=state, rows=rows, when=when, draws=draws, step=step, custody_allowed=custody_allowed)
    state.event[rows] = _write(state=state, rows=rows, given=given, written=written, step=step, draws=draws)
    custodial = given.disposal == CUSTODIAL
    state.offence[rows] = given.offence
    state.disposal[rows] = given.disposal
    state.sentenced[rows] = when
    state.released[rows] = given.released
    state.supervised_to[rows] = np.maximum(state.supervised_to[rows], given.supervised_to)
    state.requirements[rows] = given.requirements
    state.short_custody[rows] = custodial & (2 * given.served < YEAR)
    state.basic[rows] = (people.risk[rows] < -0.4) & ~custodial & draws.chance("basic", 0.25, step)
    _custody_costs(state=state, rows=rows[custodial], step=step)
    state.due[rows] = np.where(
        custodial & (given.served >= ASSESSED_INSIDE),
        when + draws.days("first inside", 20, 40, step),
        given.released + draws.days("first outside", 5, 24, step),
    )
    state.due_kind[rows] = INITIAL
    state.silent[rows] = False
    state.pending[rows] = NEVER


def _custody_costs(*, state: State, rows: Ints, step: int) -> None:
    """Custody costs homes and ties and interrupts drinking, so needs in custody differ from those outside."""
    u = state.people.draws.take(rows).uniform("custody costs", step, width=3)
    needs = state.needs[rows]
    needs[:, ACCOMMODATION] += 2 * (u[:, 0] < 0.45)
    needs[:, LIFESTYLE] += 2 * (u[:, 1] < 0.6)
    needs[:, ALCOHOL] -= 2 * (u[:, 2] < 0.3)
    state.needs[rows] = np.clip(needs, 0, MAXIMA)


def sentence_under_supervision(
    *, state: State, rows: Ints, when: Ints, written: WrittenTables, step: int
) -> None:
    """Sentence people for an earlier offence while they are supervised: no custody, and no new first assessment."""
    draws = state.people.draws.take(rows)
    state.previous[rows] += 1
    given = _given(
        state=state,
        rows=rows,
        when=when,
        draws=draws,
        step=_FURTHER + step,
        custody_allowed=np.zeros(len(rows), dtype=np.bool_),
    )
    state.event[rows] = _write(
        state=state, rows=rows, given=given, written=written, step=_FURTHER + step, draws=draws
    )
    state.supervised_to[rows] = np.maximum(state.supervised_to[rows], given.supervised_to)
    state.requirements[rows] |= given.requirements
    state.past_types[rows] |= types_of_offences()[given.offence]
    state.violent_previous[rows] += violent_offences()[given.offence]
    state.pending[rows] = NEVER


def _given(
    *, state: State, rows: Ints, when: Ints, draws: Draws, step: int, custody_allowed: Bools
) -> Sentence:
    people, table = state.people, index_offences()
    male = people.male[rows]
    offence = np.where(
        male,
        draws.choice("offence m", [one.men for one in table], step),
        draws.choice("offence f", [one.women for one in table], step),
    )
    tilt = np.array([one.custody for one in table])[offence]
    p_custody = sigmoid(
        -1.35 + tilt + 0.3 * people.risk[rows] + 0.25 * np.log1p(state.previous[rows]) - 0.5 * ~male
    )
    custodial = custody_allowed & draws.chance("custody", p_custody, step)
    suspended = ~custodial & draws.chance("suspended", sigmoid(-0.6 + 0.5 * tilt), step)
    disposal = np.where(custodial, CUSTODIAL, np.where(suspended, SUSPENDED, COMMUNITY_ORDER))
    served = np.clip(np.exp(4.55 + 0.95 * draws.normal("served", step) + 0.25 * tilt), 14, 1400)
    served = np.where(custodial, served, 0).astype(np.int64)
    months = np.asarray(MONTHS)[draws.choice("length", (0.42, 0.23, 0.29, 0.06), step)]
    released = when + served
    licence_ends = np.where(custodial, released + served, when + np.round(months * 30.4375).astype(np.int64))
    requirements = _requirements(state=state, rows=rows, draws=draws, disposal=disposal, step=step)
    return Sentence(
        when=when,
        offence=offence,
        disposal=disposal,
        served=served,
        released=released,
        licence_ends=licence_ends,
        supervised_to=np.where(custodial, np.maximum(licence_ends, released + YEAR), licence_ends),
        requirements=requirements,
        rar_days=np.where(requirements[:, _RAR], 10 + 5 * draws.days("rar days", 0, 8, step), 0),
    )


def _requirements(*, state: State, rows: Ints, draws: Draws, disposal: Ints, step: int) -> Bools:
    """Which requirements an order carries; none with custody."""
    need = state.needs[rows]
    chosen = np.zeros((len(rows), len(REQUIREMENT_TYPES)), dtype=np.bool_)
    risk = state.people.risk[rows]

    def give(name: str, p: Floats | float) -> None:
        chosen[:, REQUIREMENT_TYPES.index(name)] = draws.chance(f"requirement {name}", p, step)

    give("RAR", sigmoid(-1.55 + 0.35 * risk + 0.1 * (need.sum(axis=1) - 20) / 6))
    give("UNPAID_WORK", sigmoid(-0.85 - 0.3 * risk))
    give("ACCREDITED_PROGRAMME", sigmoid(-3.1 + 0.5 * risk + 0.35 * (need[:, THINKING] - 4)))
    give("DRUG_REHABILITATION", np.where(need[:, DRUGS] >= 4, 0.16, 0.005))
    give("ALCOHOL_TREATMENT", np.where(need[:, ALCOHOL] >= 4, 0.18, 0.004))
    give("MENTAL_HEALTH_TREATMENT", np.where(state.people.psychiatric[rows], 0.09, 0.008))
    give("ALCOHOL_ABSTINENCE", np.where(need[:, ALCOHOL] >= 4, 0.16, 0.02))
    give("CURFEW", sigmoid(-2.1 + 0.3 * risk))
    give("EXCLUSION", 0.04)
    give("RESIDENCE", 0.02)
    give("ATTENDANCE_CENTRE", 0.008)
    chosen[disposal == CUSTODIAL] = False
    bare = ~chosen.any(axis=1) & (disposal != CUSTODIAL)
    chosen[bare, _RAR] = draws.chance("bare order", 0.4, step)[bare]
    chosen[bare & ~chosen[:, _RAR], REQUIREMENT_TYPES.index("UNPAID_WORK")] = True
    return chosen


def _write(
    *, state: State, rows: Ints, given: Sentence, written: WrittenTables, step: int, draws: Draws
) -> Ints:
    """Write the rows of `sentences` and `requirements`; returns the last event number used.

    Custody, the licence after it and a request for a report are events of their own.
    """
    people, when = state.people, given.when
    known = when + draws.days("sentence known", 0, 4, step)  # before the first assessment under it
    kinds = pl.Series([list(one.types) for one in index_offences()], dtype=pl.List(pl.String))
    facts = pl.DataFrame(
        {
            "crn": people.crn.gather(pl.Series(rows)),
            "rar_days": given.rar_days,
            "offence_group": codes([one.group for one in index_offences()], given.offence),
            "offence_types": kinds.gather(pl.Series(given.offence)),
            "past_offence_types": named_lists(OFFENCE_TYPES, state.past_types[rows]),
            "previous_sanctions": state.previous[rows],
            "age_first_sanction": people.first_age[rows],
        }
    )

    def add(
        *,
        mask: Bools,
        code: Ints,
        event: Ints,
        start: Ints,
        end: Ints,
        known_on: Ints,
        sentenced: Ints,
        ordered: bool,
    ) -> None:
        frame = facts.with_columns(
            event_number=pl.Series(event),
            sentence_type=codes(SENTENCE_TYPES, code),
            sentenced_on=blank(sentenced, sentenced == NEVER),
            starts_on=pl.Series(start),
            ends_on=pl.Series(end),
            known_on=pl.Series(known_on),
        )
        written.add("sentences", frame[np.flatnonzero(mask)])
        state.recent_sentences.push(
            rows=rows[mask],
            starts=start[mask],
            ends=end[mask],
            known=known_on[mask],
            kind=code[mask],
            offence=given.offence[mask],
            rar_days=given.rar_days[mask],
            event=event[mask],
            requirements=(given.requirements & ordered)[mask],
        )

    zero = np.zeros(len(rows), dtype=np.int64)
    custodial = given.disposal == CUSTODIAL
    report = ~custodial & draws.chance("pre-sentence report", 0.35, step)
    asked = when - draws.days("report asked", 15, 35, step)
    # Some wait for the first sentence of their history on remand, where the report is asked for.
    remanded = custodial & draws.chance("remand", REMANDED, step) & (step == 0)
    asked = np.where(remanded, when - draws.days("remanded", 30, 90, step), asked)
    report |= remanded
    event = state.event[rows] + report
    add(
        mask=report, code=zero + _PRE_SENTENCE, event=event, start=asked, end=when,
        known_on=asked + 1, sentenced=zero + NEVER, ordered=False,
    )  # fmt: skip
    _basic_assessments(state=state, rows=rows[report], written=written, on=asked[report] + 5, step=step)
    event = event + 1
    main = np.array([SENTENCE_TYPES.index(name) for name in (*ORDERS, "CUSTODY")])
    ends = np.where(custodial, given.released, given.licence_ends)
    add(
        mask=zero == 0, code=main[given.disposal], event=event, start=when, end=ends,
        known_on=known, sentenced=when, ordered=True,
    )  # fmt: skip
    _write_requirements(
        facts=facts, event=event, given=given, known=known, written=written, draws=draws, step=step
    )
    event = event + custodial
    add(
        mask=custodial, code=zero + _LICENCE, event=event, start=given.released, end=given.licence_ends,
        known_on=np.maximum(given.released, known), sentenced=when, ordered=False,
    )  # fmt: skip
    after = custodial & (given.supervised_to > given.licence_ends)
    event = event + after
    add(
        mask=after, code=zero + _AFTER, event=event, start=given.licence_ends, end=given.supervised_to,
        known_on=np.maximum(given.licence_ends, known), sentenced=when, ordered=False,
    )  # fmt: skip
    return whole(event)


def _write_requirements(
    *,
    facts: pl.DataFrame,
    event: Ints,
    given: Sentence,
    known: Ints,
    written: WrittenTables,
    draws: Draws,
    step: int,
) -> None:
    row, kind = np.nonzero(given.requirements)
    names = np.array(REQUIREMENT_TYPES)[kind]
    hours = names == "UNPAID_WORK"
    days = np.isin(names, ["RAR", "ATTENDANCE_CENTRE", "ALCOHOL_ABSTINENCE"])
    size = draws.uniform("requirement length", step)[row]
    length = np.select(
        [names == "RAR", hours, days],
        [given.rar_days[row], 40 + 20 * np.floor(size * 9), 30 + np.floor(size * 90)],
        6 + np.floor(size * 7),
    )
    written.add(
        "requirements",
        pl.DataFrame(
            {
                "crn": facts["crn"].gather(pl.Series(row)),
                "event_number": event[row],
                "requirement_type": codes(REQUIREMENT_TYPES, kind),
                "imposed_on": given.when[row],
                "length": length.astype(np.int64),
                "unit": codes(("DAYS", "HOURS", "MONTHS"), np.where(hours, 1, np.where(days, 0, 2))),
                "known_on": known[row],
            }
        ),
    )


def _basic_assessments(*, state: State, rows: Ints, written: WrittenTables, on: Ints, step: int) -> None:
    """A layer-1 assessment for the court: no sections."""
    if not len(rows):
        return
    frame = pl.DataFrame(
        {
            "crn": state.people.crn.gather(pl.Series(rows)),
            "completed_on": on,
            "known_on": on + 1,
            "layer": np.ones(len(rows), dtype=np.int64),
        }
    )
    written.add("assessments", frame.with_columns(assessment_id=pl.format("A{}P{}", "crn", pl.lit(step + 1))))
