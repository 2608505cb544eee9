"""Flags of many referrals: their features from the batch evaluator, judged as columns, written as a frame.

`flag_all` answers for every open referral on one day (`signpost flags`), `raised` for chosen rows on days of their
own (the audit). The rules are those of `scoring.inflight.judging` and `scoring.inflight.prompts`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
import polars as pl

from catalogue import Catalogue, load
from features import batch
from features.definitions import INFLIGHT
from features.definitions.prompts import CHANGE_FACTS
from features.histories import Histories
from features.reasons import ENDED
from features.spec import AnyFeature, FeatureSpec
from scoring.bundle import Bundle
from scoring.columns import columns_of
from scoring.heads import InFlightHead
from scoring.inflight import judging, prompts
from scoring.inflight.landmarks import (
    INTERVENTION_TYPE,
    Columns,
    Landmarks,
    LookBack,
    Places,
    features_of,
    types_of,
)

#: Parts of the work on a caseload, by which progress is told.
STEPS = 8


def flag_all(
    histories: Histories,
    *,
    bundle: Bundle,
    as_of: date,
    catalogue: Catalogue | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """What is said about every open referral on a day? One row for each, sorted by referral."""
    report = progress or (lambda _done, _total: None)
    known = load() if catalogue is None else catalogue
    head = bundle.inflight
    points = open_at(histories, as_of)
    report(1, STEPS)
    chosen = features_of(head.feature_names)
    wanted = (*(chosen.features if chosen else ()), *CHANGE_FACTS.features)
    frame = _evaluated(histories, points, catalogue=known, features=wanted)
    report(4, STEPS)
    columns = columns_of(frame, head.feature_names)
    back = _look_back(histories, points, head=head, catalogue=known)
    judged = judging.judge(columns, rows=frame.height, back=back, bundle=bundle)
    report(7, STEPS)
    none = np.empty((0, judging.MOST_REASONS), dtype=np.intp)
    parts = judging.terms(columns, rows=frame.height, head=head)
    reasons = np.concatenate([none, *(judging.reasons(part, head) for part in parts)])
    facts = {name: np.asarray(column) for name, column in columns_of(frame, CHANGE_FACTS.names).items()}
    row, code = np.nonzero(prompts.changed(facts))
    told = frame.select(
        "referral_id",
        "crn",
        "as_of",
        weeks_in=((pl.col("as_of") - pl.col("referred_on")).dt.total_days() // 7).cast(pl.Int32),
        **{
            f"p_not_completed_{weeks}w": pl.Series(judged.chances[:, place])
            for place, weeks in enumerate(head.horizons_weeks)
        },
        flagged=pl.Series(judged.flagged, dtype=pl.Boolean),
        band=pl.Series(judged.bands, dtype=pl.String),
        reason_codes=_lists(*_places(reasons), names=judging.reason_codes(head), rows=frame.height),
        changed=_lists(row, code, names=list(prompts.CHANGES), rows=frame.height),
        bundle_version=pl.lit(bundle.version),
    )
    report(STEPS, STEPS)
    return told


def raised(
    histories: Histories, frame: pl.DataFrame, *, bundle: Bundle, catalogue: Catalogue | None = None
) -> pl.DataFrame:
    """Which of these referrals are flagged, each on its own day, and how likely is the end that the flag is about?

    `frame` is as `feature_rows` makes it. Gives referral_id, crn, as_of, `flagged` and `chance`, in the same order:
    what `flag_all` says, without the reasons and prompts.
    """
    known = load() if catalogue is None else catalogue
    head = bundle.inflight
    judged = judging.judge(
        columns_of(frame, head.feature_names),
        rows=frame.height,
        back=_look_back(histories, frame.select("referral_id", "as_of"), head=head, catalogue=known),
        bundle=bundle,
    )
    place = head.horizons_weeks.index(bundle.thresholds.horizon_weeks)
    return frame.select(
        "referral_id",
        "crn",
        "as_of",
        flagged=pl.Series(judged.flagged, dtype=pl.Boolean),
        chance=pl.Series(judged.chances[:, place]),
    )


def feature_rows(
    histories: Histories, points: pl.DataFrame, *, head: InFlightHead, catalogue: Catalogue
) -> pl.DataFrame:
    """The features that a head reads, for each point (referral_id, as_of) in order, after crn and referred_on.

    Raises UsageError for a head that reads features that this version does not have.
    """
    chosen = features_of(head.feature_names)
    return _evaluated(histories, points, catalogue=catalogue, features=chosen.features if chosen else ())


def rows(histories: Histories, points: pl.DataFrame, *, catalogue: Catalogue) -> pl.DataFrame:
    """Every feature of an open referral at each point (referral_id, as_of) in order, after crn and referred_on."""
    return _evaluated(histories, points, catalogue=catalogue, features=INFLIGHT.features)


def open_referrals(histories: Histories, *, points: pl.DataFrame) -> pl.DataFrame:
    """Which of these referrals were open, as far as was known? The rows of `points` (referral_id, as_of) that were.

    A referral is open from the day after it became known, while its last event known is not a closing one: the
    definition of `features.outcomes.referral_outcomes`, at many as-of days at once.
    """
    # Without the day of the referral there are no weeks to judge.
    dated = histories.table("referrals").drop_nulls("referred_on")
    known = dated.group_by("referral_id").agg(first_known=pl.col("known_on").min())
    events = histories.table("referral_events").select("referral_id", "occurred_on", "status", "known_on")
    numbered = points.lazy().with_row_index("_row")
    closed = (
        numbered.select("_row", "referral_id", "as_of")
        .join(events.drop_nulls(), on="referral_id")
        .filter(pl.col("known_on") < pl.col("as_of"))
        .sort("_row", "occurred_on", pl.col("status").is_in(ENDED), "known_on", "status")
        .unique("_row", keep="last", maintain_order=True)
        .filter(pl.col("status").is_in(ENDED))
        .select("_row")
    )
    return (
        numbered.join(known, on="referral_id")
        .filter(pl.col("first_known") < pl.col("as_of"))
        .join(closed, on="_row", how="anti")
        .sort("_row")
        .select(points.columns)
        .collect()
    )


def open_at(histories: Histories, as_of: date) -> pl.DataFrame:
    """Every referral that was open on a day, as (referral_id, as_of), sorted by id."""
    ids = histories.table("referrals").select("referral_id").unique().sort("referral_id")
    return open_referrals(histories, points=ids.with_columns(as_of=pl.lit(as_of)).collect())


def _look_back(
    histories: Histories, points: pl.DataFrame, *, head: InFlightHead, catalogue: Catalogue
) -> LookBack:
    """How the referrals of these points are read in earlier weeks."""

    def back(places: Places, weeks: Sequence[int]) -> Landmarks:
        asked = (
            points[places]
            .with_columns(_place=pl.Series(places))
            .join(pl.DataFrame({"_week": list(weeks)}), how="cross")
            .with_columns(as_of=pl.col("as_of") - pl.duration(weeks=pl.col("_week")))
        )
        known = open_referrals(histories, points=asked)
        columns: Columns = {}
        if known.height:
            found = feature_rows(
                histories, known.select("referral_id", "as_of"), head=head, catalogue=catalogue
            )
            columns = columns_of(found, head.feature_names)
        return Landmarks(place=known["_place"].to_numpy(), week=known["_week"].to_numpy(), columns=columns)

    return back


def _evaluated(
    histories: Histories, points: pl.DataFrame, *, catalogue: Catalogue, features: Sequence[AnyFeature]
) -> pl.DataFrame:
    """Some features of each point, after its referral's person, day and type of intervention."""
    named = points.select("referral_id", "as_of").join(
        _referrals(histories, catalogue), on="referral_id", how="left", maintain_order="left"
    )
    if not features:
        return named
    values = batch.evaluate(
        histories, named.select("crn", "as_of", "referral_id"), spec=FeatureSpec(tuple(features))
    )
    return named.hstack(values.drop("crn", "as_of", "referral_id"))


def _referrals(histories: Histories, catalogue: Catalogue) -> pl.DataFrame:
    """Whose each referral is, since when, and to what type of intervention, by the version known first."""
    types = pl.DataFrame(
        list(types_of(catalogue).items()),
        schema={"intervention_id": pl.String, INTERVENTION_TYPE: pl.String},
        orient="row",
    )
    first = (
        histories.table("referrals")
        .select("referral_id", "crn", "intervention_id", "referred_on", "known_on")
        .drop_nulls(["known_on", "referred_on"])
        .sort("known_on", "crn", maintain_order=True)
        .unique("referral_id", keep="first", maintain_order=True)
    )
    return (
        first.join(types.lazy(), on="intervention_id", how="left")
        .drop("known_on", "intervention_id")
        .collect()
    )


def _places(found: Places) -> tuple[Places, Places]:
    """The rows and the numbers of a table of numbers, -1 for none, row by row in their order."""
    row, column = np.nonzero(found >= 0)
    return row, found[row, column]


def _lists(row: Places, code: Places, *, names: Sequence[str], rows: int) -> pl.Series:
    """A column of lists of names, one list a row, from pairs that are sorted by row."""
    found = pl.Series("code", list(names), dtype=pl.String).gather(code)
    held = pl.DataFrame({"_row": row, "code": found}, schema={"_row": pl.Int64, "code": pl.String})
    every = pl.DataFrame({"_row": pl.int_range(rows, dtype=pl.Int64, eager=True)})
    joined = every.join(
        held.group_by("_row", maintain_order=True).agg("code"), on="_row", how="left", maintain_order="left"
    )
    return joined["code"].fill_null(pl.lit([], dtype=pl.List(pl.String)))
