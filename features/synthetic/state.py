"""Where each person stands while a world is being made: the arrays that the steps of a history change."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from features.contract import REQUIREMENT_TYPES, SECTIONS
from features.synthetic.draws import Bools, Floats, Ints
from features.synthetic.people import People

NEVER = np.int64(2**31 - 1)
INITIAL, REVIEW, TERMINATION = 0, 1, 2
NO_ARM = -1
# Sections whose sum is the total criminogenic need (data contract, Progress).
CRIMINOGENIC = tuple(
    SECTIONS.index(name)
    for name in (
        "s3_accommodation",
        "s4_ete",
        "s6_relationships",
        "s7_lifestyle",
        "s8_drugs",
        "s9_alcohol",
        "s11_thinking",
        "s12_attitudes",
    )
)


@dataclass(slots=True)
class State:
    """One row a person of the chunk. Days are days since 1970-01-01, NEVER where nothing is due."""

    people: People
    # The sentence being served.
    event: Ints
    offence: Ints
    disposal: Ints
    sentenced: Ints
    released: Ints  # first day in the community under this sentence
    supervised_to: Ints
    rar_days: Ints
    requirements: Bools  # person by requirement type
    previous: Ints
    violent_previous: Ints
    past_types: Bools  # person by offence type
    short_custody: Bools
    basic: Bools  # assessed with layer 1 only
    # What is due next.
    due: Ints
    due_kind: Ints
    silent: Bools  # the assessment due is not completed
    pending: Ints  # day of a conviction still to come for an offence already committed
    # Needs, and which sections get answered.
    needs: Ints  # person by section
    answered: Bools  # person by section
    # What happened under earlier arms.
    completed: Bools  # person by arm
    open_arm: Ints
    open_until: Ints
    breached: Bools
    last_referral_ended: Ints

    window_end: Ints  # last day of the year after the last decision point
    yearly: Floats  # chance of reoffending within a year, as things stand


@dataclass(slots=True)
class Written:
    """Frames of a chunk as they are produced, by table."""

    tables: dict[str, list[pl.DataFrame]] = field(default_factory=dict)

    def add(self, table: str, frame: pl.DataFrame) -> None:
        """Keep a frame for a table."""
        if frame.height:
            self.tables.setdefault(table, []).append(frame)


def new_state(people: People, arms: int) -> State:
    """Everybody before their first sentence in the history."""
    n = len(people)

    def days() -> Ints:
        return np.full(n, NEVER, dtype=np.int64)

    def zeros() -> Ints:
        return np.zeros(n, dtype=np.int64)

    def no() -> Bools:
        return np.zeros(n, dtype=np.bool_)

    return State(
        people=people,
        event=zeros(),
        offence=zeros(),
        disposal=zeros(),
        sentenced=days(),
        released=days(),
        supervised_to=zeros(),
        rar_days=zeros(),
        requirements=np.zeros((n, len(REQUIREMENT_TYPES)), dtype=np.bool_),
        previous=people.previous.copy(),
        violent_previous=people.violent_previous.copy(),
        past_types=np.zeros((n, 11), dtype=np.bool_),
        short_custody=no(),
        basic=no(),
        due=days(),
        due_kind=zeros(),
        silent=no(),
        pending=days(),
        needs=np.zeros((n, len(SECTIONS)), dtype=np.int64),
        answered=np.ones((n, len(SECTIONS)), dtype=np.bool_),
        completed=np.zeros((n, arms), dtype=np.bool_),
        open_arm=np.full(n, NO_ARM, dtype=np.int64),
        open_until=zeros(),
        breached=no(),
        last_referral_ended=zeros(),
        window_end=zeros(),
        yearly=np.zeros(n),
    )
