"""The facts about a person that eligibility rules read, on one day, under the catalogue's names.

`subjects` answers for many people at once, `subject_of` for one live case; both take
single values from the same facts (`features.definitions.eligibility`) and by test give
the same answers. Null or None means not recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from catalogue.fields import FIELDS, ORDERED_HOURS, Value
from features import live
from features.case import Case
from features.contract import OFFENCE_TYPES
from features.definitions.eligibility import (
    ASSESSED_ALONE,
    FACTS,
    OF_ONE_ASSESSMENT,
    full_fact,
    offence_fact,
)
from features.reasons import ENDED
from features.streams import STREAMS

if TYPE_CHECKING:
    import polars as pl

    from features.histories import Histories

_EPOCH = date(1970, 1, 1)
_AS_THEY_ARE: Final = (
    "sex",
    "region",
    "pdu",
    "needs_interpreter",
    "reads_simple_sentences",
    "days_left",
    "sentence_length_days",
    "rar_days",
    "previous_sanctions",
    *ASSESSED_ALONE,
)
_A_FULL_ONE: Final = full_fact("assessment_layer")
# Where somebody is while a sentence of this type runs. Remand and the months before release are
# not in the records of the contract; a caller that knows says so (`setting`).
_SETTINGS: Final[Mapping[str, str]] = {
    "COMMUNITY_ORDER": "COMMUNITY",
    "SUSPENDED_SENTENCE_ORDER": "COMMUNITY",
    "LICENCE": "COMMUNITY",
    "POST_SENTENCE_SUPERVISION": "COMMUNITY",
    "PRE_SENTENCE": "COMMUNITY",
    "CUSTODY": "CUSTODY",
}
_LISTS: Final = ("requirement_types", "completed_interventions", "open_interventions")


def subject_of(
    case: Case, *, as_of: date, setting: str | None = None, assessment_id: str | None = None
) -> dict[str, Value]:
    """What was known of the person before the day that a rule may ask about, one value a field.

    `setting` overrides what the running sentence says; `assessment_id` names an
    assessment that counts as known.
    """
    facts = live.evaluate(case, as_of=as_of, assessment_id=assessment_id, spec=FACTS).values
    known: dict[str, Value] = {name: facts[name] for name in _AS_THEY_ARE}
    known.update(_assessment(facts))
    known["age"] = _age(facts["days_since_birth"], as_of)
    kind = facts["sentence_type"] or facts["sentence_type_to_come"]
    known["sentence_type"] = kind
    known["setting"] = setting or _SETTINGS.get(str(kind))
    known["offence_types"] = _offence_types(facts)
    known["past_offence_types"] = _past_offence_types(facts)
    known.update(_lists_of(case, as_of, sentenced=bool(facts["sentences_known"])))
    return {name: known[name] for name in FIELDS}


def _assessment(facts: Mapping[str, Value]) -> dict[str, Value]:
    """What the assessment that answers says, with its age and layer: the latest full one, else the latest."""
    full = facts[_A_FULL_ONE] is not None
    return {name: facts[full_fact(name) if full else name] for name in OF_ONE_ASSESSMENT}


def _age(days: object, as_of: date) -> int | None:
    """Whole years from the birth so many days ago; born on 29 February, a year older on 1 March."""
    if not isinstance(days, int):
        return None
    born = as_of - timedelta(days=days)
    return as_of.year - born.year - ((as_of.month, as_of.day) < (born.month, born.day))


def _offence_types(facts: Mapping[str, object]) -> tuple[str, ...] | None:
    if not facts["offence_types_recorded"]:
        return None
    found = (code for code in OFFENCE_TYPES if facts[offence_fact("offence_types", code, running=True)])
    return tuple(sorted(found))


def _past_offence_types(facts: Mapping[str, object]) -> tuple[str, ...] | None:
    """What any sentence says of earlier offences, and the offences of sentences that no longer run."""
    names = (
        ("past_offence_types", True),
        ("past_offence_types", False),
        ("offence_types", False),
    )
    found = {
        code
        for code in OFFENCE_TYPES
        for column, running in names
        if facts[offence_fact(column, code, running=running)]
    }
    return tuple(sorted(found)) if found or facts["past_offence_types_recorded"] else None


def _lists_of(case: Case, as_of: date, *, sentenced: bool) -> dict[str, Value]:
    today = (as_of - _EPOCH).days
    sentences = live.visible_events(case, STREAMS["sentences"], today)
    running = {event.row["event_number"] for event in sentences if _runs(event.row, as_of)}
    requirements = [
        event.row
        for event in live.visible_events(case, STREAMS["requirements"], today)
        if event.row["event_number"] in running and event.row["requirement_type"] is not None
    ]
    last: dict[object, live.Event] = {}
    for event in live.visible_events(case, STREAMS["referral_events"], today):
        other = last.get(event.row["referral_id"])
        if other is None or _later(event) >= _later(other):
            last[event.row["referral_id"]] = event
    status = {referral: event.row["status"] for referral, event in last.items()}
    referrals = [event.row for event in live.visible_events(case, STREAMS["referrals"], today)]
    completed = {str(r["intervention_id"]) for r in referrals if status.get(r["referral_id"]) == "COMPLETED"}
    under_way = {str(r["intervention_id"]) for r in referrals if status.get(r["referral_id"]) not in ENDED}
    required = {str(row["requirement_type"]) for row in requirements}
    return {
        **{
            name: _hours([row for row in requirements if row["requirement_type"] == kind])
            for kind, name in ORDERED_HOURS.items()
        },
        "requirement_types": tuple(sorted(required)) if sentenced else None,
        "completed_interventions": tuple(sorted(completed - {"None"})),
        "open_interventions": tuple(sorted(under_way - {"None"})),
    }


def _hours(ordered: list[Mapping[str, object]]) -> int | None:
    """How many hours these requirements come to; None without one, or where one does not say in hours."""
    lengths = [row["length"] for row in ordered if row["unit"] == "HOURS"]
    known = [length for length in lengths if isinstance(length, int)]
    return sum(known) if known and len(known) == len(ordered) else None


def _runs(row: Mapping[str, object], as_of: date) -> bool:
    start, end = row["starts_on"], row["ends_on"]
    return isinstance(start, date) and start <= as_of and (not isinstance(end, date) or end >= as_of)


def _later(event: live.Event) -> tuple[int, bool, int, str]:
    """The order of a referral's events: on one day an end stands after anything else."""
    status = str(event.row["status"] or "")
    return (event.day, status in ENDED, event.own, status)


def subjects(histories: Histories, points: pl.DataFrame) -> pl.DataFrame:
    """The subjects of many points: `crn`, `as_of`, one column a field of the catalogue, same rows, same order.

    `points` has `crn` and `as_of`, and may have `assessment_id` and `setting` (null:
    what the running sentence says).
    """
    import polars as pl

    from features import batch  # here, since one live case needs none of it

    facts = batch.evaluate(histories, points, spec=FACTS)
    given = points["setting"] if "setting" in points.columns else pl.lit(None, pl.String)
    kind = pl.coalesce(
        pl.col("sentence_type").cast(pl.String), pl.col("sentence_type_to_come").cast(pl.String)
    )
    usual = kind.replace_strict(_SETTINGS, default=None, return_dtype=pl.String)
    past = [
        offence_fact(column, code, running=running)
        for column, running in (
            ("past_offence_types", True),
            ("past_offence_types", False),
            ("offence_types", False),
        )
        for code in OFFENCE_TYPES
    ]
    single = facts.select(
        "crn",
        "as_of",
        *_AS_THEY_ARE,
        **_assessment_columns(),
        age=_age_column(),
        sentence_type=kind,
        setting=pl.coalesce(given, usual),
        offence_types=pl.when(pl.col("offence_types_recorded")).then(_codes_where([("offence_types", True)])),
        past_offence_types=pl.when(pl.any_horizontal("past_offence_types_recorded", *past)).then(
            _codes_where(
                [("past_offence_types", True), ("past_offence_types", False), ("offence_types", False)]
            )
        ),
    ).with_columns(_point=pl.int_range(pl.len(), dtype=pl.Int64))
    empty = pl.lit([], pl.List(pl.String))
    whole = single.join(
        _list_columns(histories, points), on="_point", how="left", maintain_order="left"
    ).with_columns(*(pl.col(name).fill_null(empty) for name in _LISTS))
    sentenced = facts["sentences_known"] > 0
    return whole.with_columns(requirement_types=pl.when(sentenced).then("requirement_types")).select(
        "crn", "as_of", *FIELDS
    )


def _assessment_columns() -> dict[str, pl.Expr]:
    """`_assessment` as expressions."""
    import polars as pl

    full = pl.col(_A_FULL_ONE).is_not_null()
    return {name: pl.when(full).then(full_fact(name)).otherwise(pl.col(name)) for name in OF_ONE_ASSESSMENT}


def _age_column() -> pl.Expr:
    import polars as pl

    today = pl.col("as_of")
    born = today - pl.duration(days=pl.col("days_since_birth"))
    before_birthday = today.dt.strftime("%m%d") < born.dt.strftime("%m%d")
    return (today.dt.year() - born.dt.year() - before_birthday.cast(pl.Int32)).cast(pl.Int64)


def _codes_where(columns: list[tuple[str, bool]]) -> pl.Expr:
    """The codes of which any of the facts holds, sorted, as a list."""
    import polars as pl

    marked = [
        pl.when(
            pl.any_horizontal(offence_fact(column, code, running=running) for column, running in columns)
        ).then(pl.lit(code))
        for code in sorted(OFFENCE_TYPES)
    ]
    return pl.concat_list(marked).list.drop_nulls()


def _hours_column(kind: str) -> pl.Expr:
    """`_hours` of the requirements of one type, as an expression over a group."""
    import polars as pl

    lengths = pl.when(pl.col("unit") == "HOURS").then(pl.col("length").cast(pl.Int64))
    ordered = lengths.filter(pl.col("requirement_type") == kind)
    return pl.when((ordered.len() > 0) & (ordered.null_count() == 0)).then(ordered.sum())


def _list_columns(histories: Histories, points: pl.DataFrame) -> pl.DataFrame:
    """Requirements of running sentences with their hours, interventions completed and under way, by point."""
    import polars as pl

    from features import batch

    sentences = batch.visible_events(histories, "sentences", points)
    running = sentences.filter(
        (pl.col("starts_on") <= pl.col("as_of"))
        & (pl.col("ends_on").is_null() | (pl.col("ends_on") >= pl.col("as_of")))
    ).select("_point", "event_number")
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
    return required.join(tried, on="_point", how="full", coalesce=True).collect()
