"""How a person and an intervention fit: what the commence and complete heads read in addition to facts about the person.

Needs that the intervention answers, the time that is left for it, the way there, the
wait, and what kind of intervention it is. Nothing here reads sex, age or another
protected characteristic. `fit` answers over columns, for one person or thousands; `fit_frame`
gives the same as a data frame to train on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from catalogue import Catalogue
from catalogue.errors import UsageError
from catalogue.fields import NEED_THRESHOLDS, NEEDS, REQUIREMENT_TYPES, linked_field
from catalogue.subjects import Categories, Floats, Ints, Subjects
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

_WHOLE: Final = frozenset(
    {
        "intervention_sessions",
        "intervention_sessions_group",
        "intervention_sessions_one_to_one",
        "intervention_weeks",
        "needs_matched",
        "need_points_matched",
        "linked_needs_matched",
        "interventions_under_way",
        "spare_days",
    }
)
_YES_OR_NO: Final = frozenset(
    {"offers_one_to_one", "offers_online", "required_by_sentence", "completed_before"}
)


def fit(
    subjects: Subjects,
    catalogue: Catalogue,
    *,
    people: Ints,
    which: Ints,
    minutes: Floats,
    waiting_weeks: Floats,
) -> dict[str, Floats | Categories]:
    """How do these people and interventions fit? One row a pair, the columns of `FIT_FEATURES`.

    `people` are places in `subjects`, `which` places in the catalogue, [pairs]; `minutes` each way to the venue and
    `waiting_weeks` are NaN where the directory does not say. Numbers and yes or no come as floats, NaN where they are
    not known.
    """
    what = catalogue.particulars
    meant = what.needs[which]
    scores = np.stack([subjects.number(need) for need in NEEDS], axis=1)
    present = scores >= np.array([NEED_THRESHOLDS[need] for need in NEEDS])
    linked = np.stack([subjects.yes(linked_field(need)) for need in NEEDS], axis=1)
    matched = meant & present[people]
    count = matched.sum(axis=1).astype(np.float64)
    asked = meant.sum(axis=1)
    answered = meant & ~np.isnan(scores[people])
    points = np.where(answered, scores[people], 0.0).sum(axis=1)
    required = subjects.lists["requirement_types"]
    # No list holds the empty name, which stands last for no requirement.
    holds = required.contains((*REQUIREMENT_TYPES, ""))
    completed = subjects.lists["completed_interventions"].contains(catalogue.ids)
    under_way = subjects.lists["open_interventions"].has.sum(axis=1)
    return {
        "intervention_type": what.types[which],
        "intervention_family": what.families[which],
        "intervention_intensity": what.intensities[which],
        "intervention_sessions": what.sessions[which],
        "intervention_sessions_group": what.sessions_group[which],
        "intervention_sessions_one_to_one": what.sessions_one_to_one[which],
        "intervention_weeks": what.duration_weeks[which],
        "offers_one_to_one": what.one_to_one[which].astype(np.float64),
        "offers_online": what.online[which].astype(np.float64),
        "setting": Categories(subjects.code("setting")[people].astype(np.int64), subjects.scale("setting")),
        "needs_matched": count,
        "needs_matched_share": np.where(asked > 0, count / np.maximum(asked, 1), np.nan),
        "need_points_matched": np.where(answered.any(axis=1), points, np.nan),
        "linked_needs_matched": (matched & linked[people]).sum(axis=1).astype(np.float64),
        "required_by_sentence": np.where(
            required.recorded[people], holds[people, what.requirement[which]], np.nan
        ),
        "completed_before": completed[people, which].astype(np.float64),
        "interventions_under_way": under_way[people].astype(np.float64),
        "travel_minutes": minutes,
        "waiting_weeks": waiting_weeks,
        "spare_days": subjects.number("days_left")[people] - 7 * what.duration_weeks[which],
    }


def fit_frame(
    features: pl.DataFrame, subjects: pl.DataFrame, pairs: pl.DataFrame, *, catalogue: Catalogue
) -> pl.DataFrame:
    """The rows of many pairs as a frame: the person's scoring features that `features` has, and the fit.

    The three frames are aligned, one row a pair: `features` as of `features.batch`,
    `subjects` as of `features.subject`, `pairs` with `intervention_id` and, where
    known, `minutes` and `waiting_weeks`. Raises UsageError for frames of different
    length and for an intervention that the catalogue does not have.
    """
    if not features.height == subjects.height == pairs.height:
        raise UsageError("Features, subjects and pairs have to be aligned: one row a pair in each.")
    unknown = sum(name not in catalogue for name in pairs["intervention_id"])
    if unknown:
        raise UsageError(
            f"{unknown:,} rows name an intervention that the catalogue does not have; add it to the catalogue."
        )
    from catalogue import frames  # here, since one person needs no data frames

    place = {name: number for number, name in enumerate(catalogue.ids)}
    found = fit(
        frames.read(subjects),
        catalogue,
        people=np.arange(pairs.height),
        which=np.array([place[name] for name in pairs["intervention_id"]], dtype=np.int64),
        minutes=_given(pairs, "minutes"),
        waiting_weeks=_given(pairs, "waiting_weeks"),
    )
    columns = [_series(name, column) for name, column in found.items()]
    return features.select(name for name in PERSON_FEATURES if name in features.columns).hstack(columns)


def _given(pairs: pl.DataFrame, name: str) -> Floats:
    import polars as pl

    if name not in pairs.columns:
        return np.full(pairs.height, np.nan)
    return pairs[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _series(name: str, column: Floats | Categories) -> pl.Series:
    """A column of the fit as a frame has it: whole numbers and yes or no as such, null where not known."""
    import polars as pl

    if isinstance(column, Categories):
        return pl.Series(name, column.to_list(), dtype=pl.String)
    series = pl.Series(name, column, dtype=pl.Float64).fill_nan(None)
    if name in _WHOLE:
        return series.cast(pl.Int64)
    return series.cast(pl.Boolean) if name in _YES_OR_NO else series


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
    # The first version stays with those known in time, so it counts exactly where there are none.
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
