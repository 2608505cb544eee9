"""How a person and an intervention fit: what the commence and complete heads see beside the person.

Needs that the intervention answers, the time that is left for it, the way there, the
wait, and what kind of intervention it is. Nothing here reads sex, age or another
protected characteristic. `fit_row` serves one live case, `fit_frame` many rows; by
test they give the same values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from catalogue.errors import UsageError
from catalogue.fields import NEED_THRESHOLDS, Value, linked_field
from catalogue.intervention import Intervention
from features.contract import REQUIREMENT_TYPES
from features.definitions import SPEC
from features.spec import Use

if TYPE_CHECKING:
    import polars as pl

    from features.histories import Histories

PERSON_FEATURES: Final = SPEC.select({Use.SCORING}).names
"""The features of the person that go into a row, in order."""

LABELS: Final[Mapping[str, str]] = {
    "intervention_type": "Type of intervention",
    "intervention_family": "Family of intervention",
    "intervention_intensity": "Intensity of the intervention",
    "intervention_sessions": "Sessions of the intervention",
    "intervention_sessions_group": "Group sessions of the intervention",
    "intervention_sessions_one_to_one": "One-to-one sessions of the intervention",
    "intervention_weeks": "Weeks the intervention takes",
    "offers_one_to_one": "Can be done one to one",
    "offers_online": "Can be done online",
    "setting": "Where it would be done",
    "needs_matched": "Needs that the intervention answers",
    "needs_matched_share": "Share of the intervention's needs that the person has",
    "need_points_matched": "Need score on what the intervention answers",
    "linked_needs_matched": "Answered needs that are linked to reoffending",
    "required_by_sentence": "The sentence requires work of this kind",
    "completed_before": "Has completed this intervention",
    "interventions_under_way": "Interventions under way",
    "travel_minutes": "Minutes of travel each way",
    "waiting_weeks": "Weeks of waiting",
    "spare_days": "Days of sentence left over after the intervention",
}
"""Every feature of the fit, in order, in plain English."""

FIT_FEATURES: Final = tuple(LABELS)

# Which requirement of a sentence an intervention of a type would fulfil.
_REQUIREMENT: Final[Mapping[str, str]] = {
    "ACP": "ACCREDITED_PROGRAMME",
    "SI": "RAR",
    "CRS": "RAR",
    "TOOLKIT": "RAR",
    "UNPAID_WORK": "UNPAID_WORK",
    "ATTENDANCE_CENTRE": "ATTENDANCE_CENTRE",
}
_TREATMENT: Final[Mapping[str, str]] = {
    "drug-rehabilitation-requirement": "DRUG_REHABILITATION",
    "alcohol-treatment-requirement": "ALCOHOL_TREATMENT",
    "mental-health-treatment-requirement": "MENTAL_HEALTH_TREATMENT",
}
assert {*_REQUIREMENT.values(), *_TREATMENT.values()} <= set(REQUIREMENT_TYPES)


class HasInterventions(Protocol):
    """A catalogue, as far as it is needed here."""

    @property
    def interventions(self) -> Sequence[Intervention]:
        """Every intervention."""


def fit_row(
    features: Mapping[str, Value],
    subject: Mapping[str, Value],
    intervention: Intervention,
    *,
    minutes: float | None,
    waiting_weeks: float | None,
) -> dict[str, Value]:
    """The row of one person and one intervention: the person's scoring features and the fit.

    `features` are those of `features.live`, `subject` the facts of
    `features.subject`; `minutes` each way to the venue and `waiting_weeks` are None
    where the directory does not say.
    """
    person = {name: features[name] for name in PERSON_FEATURES if name in features and name not in LABELS}
    fit = fit_of(
        subject, intervention, particulars(intervention), minutes=minutes, waiting_weeks=waiting_weeks
    )
    return {**person, **fit}


def fit_of(
    subject: Mapping[str, Value],
    intervention: Intervention,
    what_it_is: Mapping[str, Value],
    *,
    minutes: float | None,
    waiting_weeks: float | None,
) -> dict[str, Value]:
    """The part of the row that differs from one intervention to the next; `what_it_is` are its `particulars`."""
    row: dict[str, Value] = dict(what_it_is)
    row["setting"] = subject.get("setting")
    scored = [_number(subject.get(need)) for need in intervention.needs]
    present = [
        need
        for need, score in zip(intervention.needs, scored, strict=True)
        if score is not None and score >= NEED_THRESHOLDS[need]
    ]
    row["needs_matched"] = len(present)
    row["needs_matched_share"] = len(present) / len(intervention.needs) if intervention.needs else None
    answered = [score for score in scored if score is not None]
    row["need_points_matched"] = int(sum(answered)) if answered else None
    row["linked_needs_matched"] = len([need for need in present if subject.get(linked_field(need)) is True])
    required = subject.get("requirement_types")
    row["required_by_sentence"] = None if required is None else _required(intervention) in _members(required)
    row["completed_before"] = intervention.id in _members(subject.get("completed_interventions"))
    row["interventions_under_way"] = len(_members(subject.get("open_interventions")))
    row["travel_minutes"] = None if minutes is None else float(minutes)
    row["waiting_weeks"] = None if waiting_weeks is None else float(waiting_weeks)
    days_left = _number(subject.get("days_left"))
    taken = intervention.duration_weeks
    row["spare_days"] = None if days_left is None or taken is None else int(days_left) - 7 * taken
    return {name: row[name] for name in LABELS}


def fit_frame(
    features: pl.DataFrame,
    subjects: pl.DataFrame,
    pairs: pl.DataFrame,
    *,
    interventions: Iterable[Intervention] | HasInterventions,
) -> pl.DataFrame:
    """The rows of many pairs: the person's scoring features that `features` has, and the fit.

    The three frames are aligned, one row a pair: `features` as of `features.batch`,
    `subjects` as of `features.subject`, `pairs` with `intervention_id` and, where
    known, `minutes` and `waiting_weeks`. Raises UsageError for frames of different
    length and for an intervention that is not among those given.
    """
    import polars as pl

    if not features.height == subjects.height == pairs.height:
        raise UsageError("Features, subjects and pairs have to be aligned: one row a pair in each.")
    entries = interventions if isinstance(interventions, Iterable) else interventions.interventions
    known = _particulars_frame(entries)
    unknown = pairs.join(known, on="intervention_id", how="anti")
    if unknown.height:
        raise UsageError(
            f"{unknown.height:,} rows name an intervention that the catalogue does not have; add it to the catalogue."
        )
    of_pairs = pairs.select("intervention_id").join(
        known, on="intervention_id", how="left", maintain_order="left"
    )
    given = {
        name: pairs[source].cast(pl.Float64) if source in pairs.columns else pl.lit(None, pl.Float64)
        for name, source in (("travel_minutes", "minutes"), ("waiting_weeks", "waiting_weeks"))
    }
    facts = subjects.select(
        "setting",
        "days_left",
        "requirement_types",
        "completed_interventions",
        "open_interventions",
        *(name for need in NEED_THRESHOLDS for name in (need, linked_field(need))),
    )
    fit = of_pairs.hstack(facts).with_columns(**given).select(_fit_columns())
    person = features.select(name for name in PERSON_FEATURES if name in features.columns)
    return person.hstack(fit)


def _fit_columns() -> list[pl.Expr]:
    import polars as pl

    answers = {need: pl.col("_needs").list.contains(need) for need in NEED_THRESHOLDS}
    present = {
        need: answers[need] & (pl.col(need) >= least).fill_null(value=False)
        for need, least in NEED_THRESHOLDS.items()
    }
    matched = pl.sum_horizontal(has.cast(pl.Int64) for has in present.values())
    linked = pl.sum_horizontal(
        (has & pl.col(linked_field(need)).fill_null(value=False)).cast(pl.Int64)
        for need, has in present.items()
    )
    asked = pl.col("_needs").list.len()
    scores = [pl.when(answers[need]).then(pl.col(need)) for need in NEED_THRESHOLDS]
    some = pl.any_horizontal(score.is_not_null() for score in scores)
    made = {
        "needs_matched": matched,
        "needs_matched_share": pl.when(asked > 0).then(matched.cast(pl.Float64) / asked.cast(pl.Float64)),
        "need_points_matched": pl.when(some).then(pl.sum_horizontal(scores).cast(pl.Int64)),
        "linked_needs_matched": linked,
        "required_by_sentence": pl.when(pl.col("requirement_types").is_not_null()).then(
            pl.col("requirement_types").list.contains(pl.col("_required")).fill_null(value=False)
        ),
        "completed_before": pl.col("completed_interventions").list.contains(pl.col("intervention_id")),
        "interventions_under_way": pl.col("open_interventions").list.len().cast(pl.Int64),
        "spare_days": pl.col("days_left") - 7 * pl.col("intervention_weeks"),
    }
    return [made[name].alias(name) if name in made else pl.col(name) for name in FIT_FEATURES]


def particulars(intervention: Intervention) -> dict[str, Value]:
    """What the intervention is, whoever the person."""
    return {
        "intervention_type": str(intervention.type),
        "intervention_family": intervention.family,
        "intervention_intensity": str(intervention.intensity),
        "intervention_sessions": intervention.sessions,
        "intervention_sessions_group": intervention.sessions_group,
        "intervention_sessions_one_to_one": intervention.sessions_one_to_one,
        "intervention_weeks": intervention.duration_weeks,
        "offers_one_to_one": "ONE_TO_ONE" in intervention.formats,
        "offers_online": "ONLINE" in (*intervention.formats, *intervention.attendance),
        "_needs": intervention.needs,
        "_required": _required(intervention),
    }


def _particulars_frame(interventions: Iterable[Intervention]) -> pl.DataFrame:
    import polars as pl

    schema: dict[str, pl.DataType] = {
        "intervention_id": pl.String(),
        "intervention_type": pl.String(),
        "intervention_family": pl.String(),
        "intervention_intensity": pl.String(),
        "intervention_sessions": pl.Int64(),
        "intervention_sessions_group": pl.Int64(),
        "intervention_sessions_one_to_one": pl.Int64(),
        "intervention_weeks": pl.Int64(),
        "offers_one_to_one": pl.Boolean(),
        "offers_online": pl.Boolean(),
        "_needs": pl.List(pl.String()),
        "_required": pl.String(),
    }
    rows = [
        {
            "intervention_id": entry.id,
            **{name: list(v) if isinstance(v, tuple) else v for name, v in particulars(entry).items()},
        }
        for entry in interventions
    ]
    return pl.DataFrame(rows, schema=schema)


def _required(intervention: Intervention) -> str | None:
    kind = str(intervention.type)
    return _TREATMENT.get(intervention.id) if kind == "TREATMENT_REQUIREMENT" else _REQUIREMENT.get(kind)


def _members(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _number(value: Value) -> int | float | None:
    return value if isinstance(value, int | float) else None


def as_made(histories: Histories) -> pl.LazyFrame:
    """Each referral as it first became known, before any correction, one row each.

    Columns: `referral_id`, `crn`, `intervention_id`, `venue`, `referred_on`.
    """
    from features.versions import versions

    # Of people named on the first day the least, as for whose events a referral's are (features.preparing).
    return (
        versions(histories, "referrals")
        .select("referral_id", "crn", "intervention_id", "venue", "referred_on", "known_on")
        .drop_nulls(["referral_id", "crn"])
        .sort("known_on", "crn", maintain_order=True)
        .unique("referral_id", keep="first", maintain_order=True)
        .drop("known_on")
    )


def access(histories: Histories, referrals: pl.DataFrame) -> pl.DataFrame:
    """How far and how long a wait was it, for referrals that were made?

    `referrals` has `referral_id`; returns `referral_id`, `minutes` (each way from the
    person's delivery unit to the referral's venue, as the travel table has it) and
    `waiting_weeks` (as the directory had it on the day of the referral), same rows,
    same order, null where not known. A referral is read as it first became known, the
    delivery unit as known before the day of the referral, or as first known where
    nothing was (docs/decisions/0200-as-it-was-known.md): no later version counts.
    """
    import polars as pl

    from features.versions import versions

    first = as_made(histories)
    units = versions(histories, "people").select(
        "crn", "pdu", "known_on", first_day=pl.col("known_on").min().over("crn")
    )
    # The first version stays beside those known in time, so it counts exactly where there are none.
    in_time = (pl.col("known_on") < pl.col("referred_on")) | (pl.col("known_on") == pl.col("first_day"))
    of_the_day = (
        first.select("referral_id", "crn", "referred_on")
        .join(units, on="crn")
        .filter(in_time)
        .sort("known_on", maintain_order=True)
        .unique("referral_id", keep="last", maintain_order=True)
        .select("referral_id", "pdu")
    )
    travel = histories.table("travel").drop_nulls(["pdu", "venue"]).unique(["pdu", "venue"], keep="first")
    directory = histories.table("directory").select(
        "intervention_id", "pdu", "venue", "waiting_weeks", "valid_from", "valid_to"
    )
    made = first.join(of_the_day, on="referral_id", how="left")
    waits = (
        made.join(directory, on=["intervention_id", "pdu", "venue"])
        .filter(pl.col("valid_from").is_null() | (pl.col("valid_from") <= pl.col("referred_on")))
        .filter(pl.col("valid_to").is_null() | (pl.col("valid_to") >= pl.col("referred_on")))
        .group_by("referral_id")
        .agg(pl.col("waiting_weeks").min())
    )
    return (
        referrals.lazy()
        .select("referral_id")
        .join(made, on="referral_id", how="left", maintain_order="left")
        .join(travel, on=["pdu", "venue"], how="left", maintain_order="left")
        .join(waits, on="referral_id", how="left", maintain_order="left")
        .select("referral_id", "minutes", "waiting_weeks")
        .collect()
    )
