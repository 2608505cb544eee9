"""The facts about people that eligibility rules read, each person on one day, under the catalogue's names.

`known_subjects` answers for many points of the histories, `known_subject` for one live case. Each reads the events in
its own way; what follows from them (age, setting, which assessment answers, offence types) is worked out here once,
over columns. Null or None means not recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from catalogue.fields import FIELDS, ORDERED_HOURS, SENTENCE_TYPES, SETTINGS, FieldKind, Value
from catalogue.particulars import day_numbers
from catalogue.subjects import (
    CODE_ROW,
    CODED,
    NOT_RECORDED,
    NUMBER_ROW,
    NUMBERS,
    Bools,
    Categories,
    Codes,
    Floats,
    Ints,
    Listed,
    Subjects,
    listed,
    not_on_scale,
)
from features import columns, live
from features.age import whole_years
from features.case import Case
from features.columns import Columns
from features.contract import OFFENCE_TYPES
from features.definitions.eligibility import FACTS, OF_ONE_ASSESSMENT, full_fact
from features.known import Event, Known
from features.reasons import ENDED
from features.streams import LIST_MARK, STREAMS

if TYPE_CHECKING:
    import polars as pl

    from features.histories import Histories

_A_FULL_ONE: Final = full_fact("assessment_layer")
# Where somebody is while a sentence of this type runs. Remand and the months before release are
# not in the records of the contract; a caller that knows says so (`setting`).
_SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "COMMUNITY_ORDER": "COMMUNITY",
        "SUSPENDED_SENTENCE_ORDER": "COMMUNITY",
        "LICENCE": "COMMUNITY",
        "POST_SENTENCE_SUPERVISION": "COMMUNITY",
        "PRE_SENTENCE": "COMMUNITY",
        "CUSTODY": "CUSTODY",
    }
)
_SETTING_OF: Final = np.array([SETTINGS.index(_SETTINGS[kind]) for kind in SENTENCE_TYPES])
_OF_ASSESSMENT: Final = frozenset(OF_ONE_ASSESSMENT)
# Facts by how they are read: numbers and yes or no of one assessment, other numbers, and codes.
_ASSESSED_NUMBERS: Final = tuple(name for name in NUMBERS if name in _OF_ASSESSMENT)
_ASSESSED_NUMBER_ROWS: Final = np.array([NUMBER_ROW[name] for name in _ASSESSED_NUMBERS])
_ASSESSED_FLAGS: Final = tuple(
    name for name in CODED if name in _OF_ASSESSMENT and FIELDS[name].kind is FieldKind.FLAG
)
_ASSESSED_FLAG_ROWS: Final = np.array([CODE_ROW[name] for name in _ASSESSED_FLAGS])
_NUMBERS: Final = tuple(name for name in NUMBERS if name in FACTS.names and name not in _OF_ASSESSMENT)
_CODES: Final = tuple(name for name in CODED if name in FACTS.names and name not in _ASSESSED_FLAGS)
_LISTS: Final = ("requirement_types", "completed_interventions", "open_interventions")


def subject_of(
    case: Case, *, as_of: date, setting: str | None = None, assessment_id: str | None = None
) -> dict[str, Value]:
    """What was known of the person before the day that a rule may ask about, one value a field.

    `setting` overrides what the running sentence says; `assessment_id` names an
    assessment that counts as known.
    """
    found = known_subject(Known(case, as_of=as_of, assessment_id=assessment_id), setting=setting)
    return {name: found.value(name, 0) for name in FIELDS}


def known_subject(known: Known, *, setting: str | None = None) -> Subjects:
    """The same for a case that is known as of a day, as a table of one row."""
    facts = columns.of_row(live.fold(known, spec=FACTS).values)
    return _derived(
        facts,
        days=day_numbers(known.as_of),
        setting=Categories.of([setting]),
        events=_events_of(known),
    )


def known_subjects(histories: Histories, points: pl.DataFrame) -> Subjects:
    """The subjects of many points, in their order.

    `points` has `crn` and `as_of`, and may have `assessment_id` and `setting` (null:
    what the running sentence says).
    """
    import polars as pl

    from features import batch

    facts = batch.evaluate(histories, points, spec=FACTS)
    given = points["setting"] if "setting" in points.columns else pl.Series([None] * points.height)
    return _derived(
        columns.of_frame(facts, FACTS.names),
        days=points["as_of"].cast(pl.Date).to_physical().to_numpy().astype(np.int64),
        setting=Categories.of(given.cast(pl.String).to_list()),
        events=_events_at(histories, points),
    )


def subjects(histories: Histories, points: pl.DataFrame) -> pl.DataFrame:
    """The same as a data frame: `crn`, `as_of`, one column a field of the catalogue."""
    from catalogue.frames import write

    return points.select("crn", "as_of").hstack(write(known_subjects(histories, points)))


# -------------------------------------------------------------------------------------- what follows from facts


def _derived(facts: Columns, *, days: Ints, setting: Categories, events: _FromEvents) -> Subjects:
    """The subjects, from the features of `FACTS`, the settings that callers gave, and what was read from events."""
    people = len(days)
    numbers = np.full((len(NUMBERS), people), np.nan)
    codes = np.full((len(CODED), people), NOT_RECORDED, dtype=np.int32)
    vocabularies: dict[str, tuple[str, ...]] = {}
    full = ~np.isnan(_number(facts, _A_FULL_ONE))
    for name in _NUMBERS:
        numbers[NUMBER_ROW[name]] = _number(facts, name)
    numbers[_ASSESSED_NUMBER_ROWS] = _answered(facts, _ASSESSED_NUMBERS, full)
    answers = _answered(facts, _ASSESSED_FLAGS, full)
    codes[_ASSESSED_FLAG_ROWS] = np.where(np.isnan(answers), NOT_RECORDED, answers)
    for name in _CODES:
        if FIELDS[name].codes_open:
            vocabularies[name] = _names(facts, name)
        scale = vocabularies.get(name, FIELDS[name].scale)
        answer = _code(facts, name, name, scale)
        if name in _OF_ASSESSMENT:
            answer = np.where(full, _code(facts, full_fact(name), name, scale), answer)
        codes[CODE_ROW[name]] = answer
    lived = _number(facts, "days_since_birth")
    born = days - np.where(np.isnan(lived), 0, lived).astype(np.int64)
    numbers[NUMBER_ROW["age"]] = np.where(np.isnan(lived), np.nan, whole_years(days, born))
    for name in ORDERED_HOURS.values():
        numbers[NUMBER_ROW[name]] = events.hours[name]
    to_come = _code(facts, "sentence_type_to_come", "sentence_type", SENTENCE_TYPES)
    kind = codes[CODE_ROW["sentence_type"]]
    kind = codes[CODE_ROW["sentence_type"]] = np.where(kind == NOT_RECORDED, to_come, kind)
    usual = np.where(kind == NOT_RECORDED, NOT_RECORDED, _SETTING_OF[kind])
    given = _places(setting, "setting", SETTINGS)
    codes[CODE_ROW["setting"]] = np.where(given == NOT_RECORDED, usual, given)
    sentenced = _number(facts, "sentences_known") > 0
    required = events.lists["requirement_types"]
    lists = {
        **events.lists,
        "requirement_types": Listed(required.names, sentenced, required.has & sentenced[:, None]),
    }
    return Subjects(numbers=numbers, codes=codes, lists=lists, vocabularies=vocabularies)


def _answered(facts: Columns, names: Sequence[str], full: Bools) -> Floats:
    """Facts that one assessment answers together, [facts, people]: the latest full one's, else the latest's."""
    latest = np.array([facts[name] for name in names])
    return np.where(full, np.array([facts[full_fact(name)] for name in names]), latest)


def _number(facts: Columns, name: str) -> Floats:
    column = facts[name]
    assert isinstance(column, np.ndarray)
    return column


def _names(facts: Columns, name: str) -> tuple[str, ...]:
    column = facts[name]
    return column.names if isinstance(column, Categories) else ()


def _code(facts: Columns, fact: str, name: str, scale: tuple[str, ...]) -> Codes:
    """A fact as places on the scale of a field; a yes or no as 1 or 0."""
    column = facts[fact]
    if isinstance(column, Categories):
        return _places(column, name, scale)
    return np.where(np.isnan(column), NOT_RECORDED, column).astype(np.int32)


def _places(column: Categories, name: str, scale: tuple[str, ...]) -> Codes:
    if not set(column.names) <= set(scale):
        raise not_on_scale(FIELDS[name])
    place = np.array([*(scale.index(each) for each in column.names), NOT_RECORDED], dtype=np.int32)
    return place[np.where(column.codes < 0, len(column.names), column.codes)]


# ------------------------------------------------------------------------------------- what is read from events


@dataclass(frozen=True, slots=True, eq=False)
class _FromEvents:
    """What several events say together: lists of codes, and ordered hours by their field [people].

    Offence types are those of running sentences; past ones are what any sentence says about the past, and the offence
    types of sentences that are over.
    """

    lists: Mapping[str, Listed]
    hours: Mapping[str, Floats]


def _events_of(known: Known) -> _FromEvents:
    """What the events of one case say."""
    sentences = [(event.row, _runs(event.row, known.as_of)) for event in known.events(STREAMS["sentences"])]
    running = {row["event_number"] for row, runs in sentences if runs}
    requirements = [
        event.row
        for event in known.events(STREAMS["requirements"])
        if event.row["event_number"] in running and event.row["requirement_type"] is not None
    ]
    last: dict[object, Event] = {}
    for event in known.events(STREAMS["referral_events"]):
        other = last.get(event.row["referral_id"])
        if other is None or _later(event) >= _later(other):
            last[event.row["referral_id"]] = event
    status = {referral: event.row["status"] for referral, event in last.items()}
    completed, under_way = set(), set()
    for event in known.events(STREAMS["referrals"]):
        intervention, reached = event.row["intervention_id"], status.get(event.row["referral_id"])
        if intervention is not None and reached == "COMPLETED":
            completed.add(str(intervention))
        if intervention is not None and reached not in ENDED:
            under_way.add(str(intervention))
    required = {str(row["requirement_type"]) for row in requirements}
    return _FromEvents(
        {
            **_offences(sentences),
            "requirement_types": listed("requirement_types", [sorted(required)]),
            "completed_interventions": listed("completed_interventions", [sorted(completed)]),
            "open_interventions": listed("open_interventions", [sorted(under_way)]),
        },
        {
            name: np.array([_hours([row for row in requirements if row["requirement_type"] == kind])])
            for kind, name in ORDERED_HOURS.items()
        },
    )


def _offences(sentences: Sequence[tuple[Mapping[str, object], bool]]) -> dict[str, Listed]:
    """Offence types of the present and the past, from sentences and whether each runs; None where none is recorded."""
    present = [row["offence_types"] for row, runs in sentences if runs]
    over = [row["offence_types"] for row, runs in sentences if not runs]
    before = [row["past_offence_types"] for row, _ in sentences]
    now, past = _codes_in(present), _codes_in([*over, *before])
    return {
        "offence_types": listed(
            "offence_types", [now if any(each is not None for each in present) else None]
        ),
        "past_offence_types": listed(
            "past_offence_types", [past if past or any(each is not None for each in before) else None]
        ),
    }


def _codes_in(lists: Sequence[object]) -> set[str]:
    return {code for codes in lists if isinstance(codes, list | tuple) for code in codes}


def _hours(ordered: list[Mapping[str, object]]) -> float:
    """How many hours these requirements come to; NaN without one, or where one does not say in hours."""
    lengths = [row["length"] for row in ordered if row["unit"] == "HOURS"]
    known = [length for length in lengths if isinstance(length, int)]
    return sum(known) if known and len(known) == len(ordered) else np.nan


def _runs(row: Mapping[str, object], as_of: date) -> bool:
    start, end = row["starts_on"], row["ends_on"]
    return isinstance(start, date) and start <= as_of and (not isinstance(end, date) or end >= as_of)


def _later(event: Event) -> tuple[int, bool, int, str]:
    """The order of a referral's events: on one day an end stands after anything else."""
    status = str(event.row["status"] or "")
    return (event.day, status in ENDED, event.own, status)


def _events_at(histories: Histories, points: pl.DataFrame) -> _FromEvents:
    """The same, of many points."""
    import polars as pl

    from catalogue.frames import read_lists
    from features import batch

    started = (pl.col("starts_on") <= pl.col("as_of")).fill_null(value=False)
    sentences = batch.visible_events(histories, "sentences", points).with_columns(
        runs=started & (pl.col("ends_on").is_null() | (pl.col("ends_on") >= pl.col("as_of")))
    )
    running = sentences.filter("runs").select("_point", "event_number")
    offences = sentences.group_by("_point").agg(_offence_columns())
    required = (
        batch.visible_events(histories, "requirements", points)
        .join(running.unique(), on=["_point", "event_number"], how="semi", nulls_equal=True)
        .group_by("_point")
        .agg(
            requirement_types=pl.col("requirement_type").drop_nulls().unique().sort(),
            **{name: _hours_column(kind) for kind, name in ORDERED_HOURS.items()},
        )
    )
    last = (
        batch.visible_events(histories, "referral_events", points)
        .sort("event_day", pl.col("status").is_in(ENDED), "own_day", pl.col("status").fill_null(""))
        .unique(["_point", "referral_id"], keep="last", maintain_order=True)
        .select("_point", "referral_id", "status")
    )
    referrals = batch.visible_events(histories, "referrals", points).join(
        last, on=["_point", "referral_id"], how="left"
    )
    over = pl.col("status").is_in(ENDED).fill_null(value=False)
    done = (pl.col("status") == "COMPLETED").fill_null(value=False)
    ids = pl.col("intervention_id")
    tried = referrals.group_by("_point").agg(
        completed_interventions=ids.filter(done).drop_nulls().unique().sort(),
        open_interventions=ids.filter(~over).drop_nulls().unique().sort(),
    )
    found = (
        required.join(tried, on="_point", how="full", coalesce=True)
        .join(offences, on="_point", how="full", coalesce=True)
        .collect()
    )
    every = pl.DataFrame({"_point": pl.int_range(points.height, dtype=pl.Int64, eager=True)})
    whole = every.join(found, on="_point", how="left", maintain_order="left")
    empty = pl.lit([], pl.List(pl.String))
    lists = {name: read_lists(whole.select(pl.col(name).fill_null(empty)), FIELDS[name]) for name in _LISTS}
    return _FromEvents(
        lists | {name: _marked(whole, name) for name in ("offence_types", "past_offence_types")},
        {name: whole[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in ORDERED_HOURS.values()},
    )


def _hours_column(kind: str) -> pl.Expr:
    """`_hours` of the requirements of one type, as an expression over a group."""
    import polars as pl

    lengths = pl.when(pl.col("unit") == "HOURS").then(pl.col("length").cast(pl.Int64))
    ordered = lengths.filter(pl.col("requirement_type") == kind)
    return pl.when((ordered.len() > 0) & (ordered.null_count() == 0)).then(ordered.sum())


def _offence_columns() -> list[pl.Expr]:
    """`_offences` as expressions over a group: a column a code, and one that says whether anything is recorded."""
    import polars as pl

    def lists(column: str, code: str) -> pl.Expr:
        return (
            pl.col(column).str.contains(f"{LIST_MARK}{code}{LIST_MARK}", literal=True).fill_null(value=False)
        )

    past = [
        (lists("past_offence_types", code) | (~pl.col("runs") & lists("offence_types", code))).any()
        for code in OFFENCE_TYPES
    ]
    return [
        *(
            (pl.col("runs") & lists("offence_types", code)).any().alias(f"offence_types {code}")
            for code in OFFENCE_TYPES
        ),
        *(held.alias(f"past_offence_types {code}") for held, code in zip(past, OFFENCE_TYPES, strict=True)),
        (pl.col("runs") & pl.col("offence_types").is_not_null()).any().alias("offence_types"),
        pl.any_horizontal(pl.col("past_offence_types").is_not_null().any(), *past).alias(
            "past_offence_types"
        ),
    ]


def _marked(whole: pl.DataFrame, name: str) -> Listed:
    """A list that came as a column a code."""

    def column(of: str) -> Bools:
        return whole[of].fill_null(value=False).to_numpy()

    recorded = column(name)
    has = np.stack([column(f"{name} {code}") for code in OFFENCE_TYPES], axis=1)
    return Listed(OFFENCE_TYPES, recorded, has & recorded[:, None])
