"""Which interventions is a person eligible for at a decision point? The catalogue's rules, on what is recorded."""

from __future__ import annotations

import numpy as np
import polars as pl

from catalogue.eligibility import ELIGIBLE
from catalogue.fields import SETTINGS, SEX
from catalogue.frames import statuses
from features.age import whole_years
from features.contract import OFFENCE_TYPES, REGIONS, REQUIREMENT_TYPES, SENTENCE_TYPES
from worlds import assessments
from worlds.columns import blank, codes, named_lists
from worlds.draws import Bools, Ints
from worlds.inputs import WorldInputs
from worlds.offences import types_of_offences
from worlds.people import pdu_codes
from worlds.state import State


def subjects(*, inputs: WorldInputs, state: State, rows: Ints, on: Ints, step: int) -> pl.DataFrame:
    """What the catalogue may ask about, one row a person: the assessment just completed, and the case on that day."""
    people, world = state.people, inputs.world
    held = state.recent_sentences
    recorded = (held.kind[rows] >= 0) & (held.known[rows] < on[:, None])
    running = recorded & (held.starts[rows] <= on[:, None]) & (held.ends[rows] >= on[:, None])
    latest = (
        running.shape[1] - 1 - running[:, ::-1].argmax(axis=1)
    )  # of those that run, the one that began last
    each = np.arange(len(rows))
    starts, ends = held.starts[rows][each, latest], held.ends[rows][each, latest]
    kind = held.kind[rows][each, latest]
    custody = kind == SENTENCE_TYPES.index("CUSTODY")
    kinds = types_of_offences()[held.offence[rows]]
    present = np.asarray((kinds & running[:, :, None]).any(axis=1), dtype=np.bool_)
    past = state.past_types[rows] | (kinds & (recorded & ~running)[:, :, None]).any(axis=1)
    required = np.asarray((held.requirements[rows] & running[:, :, None]).any(axis=1), dtype=np.bool_)
    frame = assessments.assess(state=state, rows=rows, on=on, step=step, world=world)
    opened = np.zeros((len(rows), len(inputs.arms)), dtype=np.bool_)
    for arm, known_until in (
        (state.open_arm, state.open_known_until),
        (state.parallel_arm, state.parallel_known_until),
    ):
        open_rows = np.flatnonzero((arm[rows] >= 0) & (known_until[rows] >= on))
        opened[open_rows, arm[rows][open_rows]] = True
    return frame.with_columns(
        as_of=pl.Series(on).cast(pl.Int32).cast(pl.Date),
        sex=codes(SEX, (~people.male[rows]).astype(np.int64)),
        age=pl.Series(whole_years(on, people.born[rows])),
        setting=codes(SETTINGS, np.where(custody, SETTINGS.index("CUSTODY"), SETTINGS.index("COMMUNITY"))),
        region=codes(REGIONS, people.region[rows]),
        pdu=codes(pdu_codes(world), people.pdu[rows]),
        sentence_type=codes(SENTENCE_TYPES, kind),
        days_left=pl.Series(ends - on),
        sentence_length_days=pl.Series(ends - starts),
        rar_days=pl.Series(held.rar_days[rows][each, latest]),
        previous_sanctions=pl.Series(state.previous[rows]),
        offence_types=named_lists(OFFENCE_TYPES, present),
        past_offence_types=named_lists(OFFENCE_TYPES, past),
        requirement_types=named_lists(REQUIREMENT_TYPES, required),
        needs_interpreter=pl.Series(people.interpreter[rows]),
        reads_simple_sentences=blank(
            people.reads[rows], people.draws.take(rows).chance("reading missing", 0.04)
        ),
        completed_interventions=named_lists(inputs.arms.ids, state.completed_known[rows] < on[:, None]),
        open_interventions=named_lists(inputs.arms.ids, opened),
        assessment_age_days=pl.Series(np.zeros(len(rows), dtype=np.int64)),
        assessment_layer=pl.Series(np.full(len(rows), 3)),
    )


def eligible(*, inputs: WorldInputs, state: State, rows: Ints, on: Ints, step: int) -> Bools:
    """Person by arm: is the status ELIGIBLE?"""
    people = subjects(inputs=inputs, state=state, rows=rows, on=on, step=step)
    place = [inputs.catalogue.ids.index(one) for one in inputs.arms.ids]
    found: Bools = statuses(people, inputs.catalogue)[:, place] == ELIGIBLE
    return found
