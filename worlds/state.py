"""What is each person's state while a history is made? The arrays that the steps of a history change."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from features.contract import OFFENCE_TYPES, REQUIREMENT_TYPES, SECTIONS
from worlds.draws import Bools, Floats, Ints
from worlds.people import People

NEVER = np.int64(2**31 - 1)
INITIAL, REVIEW, TERMINATION = 0, 1, 2
NO_ARM_INDEX = -1
YEAR = 365  # days
SLOTS = 8  # sentences remembered; enough for all that can still be running


@dataclass(slots=True)
class RecentSentences:
    """The latest sentences of each person, as recorded: person by slot, the latest in the last slot."""

    starts: Ints
    ends: Ints
    known: Ints
    kind: Ints  # index in the contract's sentence types, -1 for an empty slot
    offence: Ints
    rar_days: Ints
    event: Ints

    requirements: Bools  # person by slot by requirement type

    def push(
        self,
        *,
        rows: Ints,
        starts: Ints,
        ends: Ints,
        known: Ints,
        kind: int | Ints,
        offence: Ints,
        rar_days: Ints,
        event: Ints,
        requirements: Bools,
    ) -> None:
        """Remember one more sentence of these people, and forget their oldest."""
        for held, value in (
            (self.starts, starts),
            (self.ends, ends),
            (self.known, known),
            (self.kind, kind),
            (self.offence, offence),
            (self.rar_days, rar_days),
            (self.event, event),
        ):
            held[rows, :-1] = held[rows, 1:]
            held[rows, -1] = value
        self.requirements[rows, :-1] = self.requirements[rows, 1:]
        self.requirements[rows, -1] = requirements


def _no_sentences(people: int) -> RecentSentences:
    def slots(value: int) -> Ints:
        return np.full((people, SLOTS), value, dtype=np.int64)

    return RecentSentences(
        starts=slots(0),
        ends=slots(-1),
        known=slots(int(NEVER)),
        kind=slots(-1),
        offence=slots(0),
        rar_days=slots(0),
        event=slots(0),
        requirements=np.zeros((people, SLOTS, len(REQUIREMENT_TYPES)), dtype=np.bool_),
    )


@dataclass(slots=True)
class State:
    """One row a person of the chunk. Days are days since 1970-01-01, NEVER where nothing is due."""

    people: People
    # The sentence being served.
    recent_sentences: RecentSentences
    event: Ints
    offence: Ints
    disposal: Ints
    sentenced: Ints
    released: Ints  # first day in the community under this sentence
    supervised_to: Ints
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
    # Earlier referrals.
    completed_known: Ints  # person by arm: the day its completion was known
    open_arm: Ints
    open_until: Ints
    open_known_until: Ints  # the day its end was known
    parallel_arm: Ints  # the requirement that runs, or ran, in parallel
    parallel_known_until: Ints
    breached: Bools
    window_end: Ints  # last day of the year after the last decision point
    yearly: Floats  # chance of reoffending within a year, as things stand

    def note_completed(self, rows: Ints, arm: Ints, known: Ints) -> None:
        """Remember completions: the day on which the first of each person and arm was known."""
        self.completed_known[rows, arm] = np.minimum(self.completed_known[rows, arm], known)

    def note_open_until(self, rows: Ints, day: Ints) -> None:
        """Remember the last day on which a referral of these people was open."""
        self.open_until[rows] = np.maximum(self.open_until[rows], day)


@dataclass(slots=True)
class WrittenTables:
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
        recent_sentences=_no_sentences(n),
        event=zeros(),
        offence=zeros(),
        disposal=zeros(),
        sentenced=days(),
        released=days(),
        supervised_to=zeros(),
        requirements=np.zeros((n, len(REQUIREMENT_TYPES)), dtype=np.bool_),
        previous=people.previous.copy(),
        violent_previous=people.violent_previous.copy(),
        past_types=np.zeros((n, len(OFFENCE_TYPES)), dtype=np.bool_),
        short_custody=no(),
        basic=no(),
        due=days(),
        due_kind=zeros(),
        silent=no(),
        pending=days(),
        needs=np.zeros((n, len(SECTIONS)), dtype=np.int64),
        answered=np.ones((n, len(SECTIONS)), dtype=np.bool_),
        completed_known=np.full((n, arms), NEVER, dtype=np.int64),
        open_arm=np.full(n, NO_ARM_INDEX, dtype=np.int64),
        open_until=zeros(),
        open_known_until=zeros(),
        parallel_arm=np.full(n, NO_ARM_INDEX, dtype=np.int64),
        parallel_known_until=zeros(),
        breached=no(),
        window_end=zeros(),
        yearly=np.zeros(n),
    )
