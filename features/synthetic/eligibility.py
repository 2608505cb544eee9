"""Which interventions a person is eligible for at a decision point, by the catalogue's own rules on what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

import catalogue
import catalogue.batch
from features.contract import OFFENCE_TYPES, REQUIREMENT_TYPES
from features.synthetic import assessing
from features.synthetic.draws import Bools, Ints
from features.synthetic.frames import blank, codes, named_lists
from features.synthetic.people import REGIONS, offences, pdu_codes
from features.synthetic.state import State

if TYPE_CHECKING:
    from features.synthetic.history import Setting

_SENTENCES = ("COMMUNITY_ORDER", "SUSPENDED_SENTENCE_ORDER", "CUSTODY", "LICENCE")


def subjects(*, setting: Setting, state: State, rows: Ints, on: Ints, step: int) -> pl.DataFrame:
    """What the catalogue may ask about, one row a person: the assessment just completed and the case as it stands."""
    people, world = state.people, setting.world
    custody = state.released[rows] > on
    frame = assessing.assess(state=state, rows=rows, on=on, step=step, world=world)
    ends = np.where(custody, state.released[rows], state.supervised_to[rows])
    starts = np.where(custody, state.sentenced[rows], state.released[rows])
    kind = np.where(custody, 2, np.where(state.disposal[rows] == 2, 3, state.disposal[rows]))
    kinds = pl.Series([list(one.types) for one in offences()], dtype=pl.List(pl.String))
    opened = np.zeros((len(rows), len(setting.arms)), dtype=np.bool_)
    open_rows = np.flatnonzero(state.open_arm[rows] >= 0)
    opened[open_rows, state.open_arm[rows][open_rows]] = True
    return frame.with_columns(
        as_of=pl.Series(on).cast(pl.Int32).cast(pl.Date),
        sex=codes(("FEMALE", "MALE"), people.male[rows].astype(np.int64)),
        age=pl.Series(assessing.years(on, people.born[rows])),
        setting=codes(("COMMUNITY", "CUSTODY"), custody.astype(np.int64)),
        region=codes(list(REGIONS), people.region[rows]),
        pdu=codes(pdu_codes(world), people.pdu[rows]),
        sentence_type=codes(_SENTENCES, kind),
        days_left=pl.Series(ends - on),
        sentence_length_days=pl.Series(ends - starts),
        rar_days=pl.Series(state.rar_days[rows]),
        previous_sanctions=pl.Series(state.previous[rows]),
        offence_types=kinds.gather(pl.Series(state.offence[rows])),
        past_offence_types=named_lists(OFFENCE_TYPES, state.past_types[rows]),
        requirement_types=named_lists(REQUIREMENT_TYPES, state.requirements[rows]),
        needs_interpreter=pl.Series(people.interpreter[rows]),
        reads_simple_sentences=blank(
            people.reads[rows], people.draws.take(rows).chance("reading missing", 0.04)
        ),
        completed_interventions=named_lists(setting.arms.ids, state.completed[rows]),
        open_interventions=named_lists(setting.arms.ids, opened),
        assessment_age_days=pl.Series(np.zeros(len(rows), dtype=np.int64)),
        assessment_layer=pl.Series(np.full(len(rows), 3)),
    )


def eligible(*, setting: Setting, state: State, rows: Ints, on: Ints, step: int) -> Bools:
    """Person by arm: is the status ELIGIBLE?"""
    found = catalogue.batch.evaluate(
        subjects(setting=setting, state=state, rows=rows, on=on, step=step), catalogue.load(), as_of="as_of"
    )
    return np.column_stack([(found[one] == "ELIGIBLE").to_numpy() for one in setting.arms.ids]).astype(
        np.bool_
    )
