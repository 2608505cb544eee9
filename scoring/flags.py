"""Which open referrals are drifting towards not being completed, and why?

`flag_all` answers for every open referral of some histories (the national batch), `flag_one` for one referral
of one case, from the same definitions. A flag offers support; it is never a reason to withhold. Nobody is
flagged or banded by a head that is barely predictable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from catalogue import Catalogue, load
from catalogue.errors import UsageError
from features.case import Case
from features.histories import Histories
from scoring import landmarks, prompts
from scoring.bundle import Bundle
from scoring.columns import columns_of
from scoring.heads import INTERVAL, FloatArray, InFlightHead
from scoring.thresholds import NOT_BANDED

MOST_REASONS = 4
#: Weeks looked back to see whether a flag that is between its two thresholds had been raised.
LOOK_BACK_WEEKS = 12
#: Contribution to the log odds below which a term is not worth naming as a reason.
LEAST_CONTRIBUTION = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """What is said of one open referral on one day.

    `probabilities` is by horizon in weeks, `terms` the exact contributions to the raw score of the first
    interval ahead, `reason_codes` the terms that raise it most, `changed` facts new in the last 28 days, and
    `checks` the timeliness checks that are due. `values` are the features that were read.
    """

    referral_id: str
    crn: str
    as_of: date
    weeks_in: int
    probabilities: Mapping[int, float]
    flagged: bool
    band: str
    reason_codes: tuple[str, ...]
    changed: tuple[str, ...]
    checks: tuple[str, ...]
    terms: Mapping[str, float]
    values: Mapping[str, Any]
    bundle_version: str


def reason_code(term: str) -> str:
    """The code of a term: its feature, or its two features, in upper snake case."""
    return term.replace(" & ", "_AND_").upper()


def flag_all(
    histories: Histories, *, bundle: Bundle, as_of: date, catalogue: Catalogue | None = None
) -> pl.DataFrame:
    """What is said of every open referral on a day? The columns of interfaces.md, sorted by referral."""
    known = load() if catalogue is None else catalogue
    points = landmarks.open_at(histories, as_of)
    frame = feature_rows(histories, points, head=bundle.inflight, catalogue=known)
    horizons = bundle.inflight.horizons_weeks
    chances = chances_of(frame, bundle.inflight)
    flagged, bands = _decide(histories, bundle, frame, chances, known)
    people = frame.select("crn", "as_of").unique(maintain_order=True)
    told = people.with_columns(
        changed=pl.Series(prompts.changed(histories, people), dtype=pl.List(pl.String))
    )
    return (
        frame.select(
            "referral_id",
            "crn",
            "as_of",
            weeks_in=((pl.col("as_of") - pl.col("referred_on")).dt.total_days() // 7).cast(pl.Int32),
            **{f"p_not_completed_{weeks}w": pl.Series(chances[:, i]) for i, weeks in enumerate(horizons)},
            flagged=pl.Series(flagged, dtype=pl.Boolean),
            band=pl.Series(bands, dtype=pl.String),
            reason_codes=pl.Series(_reasons(frame, bundle.inflight), dtype=pl.List(pl.String)),
        )
        .join(told, on=["crn", "as_of"], how="left", maintain_order="left")
        .with_columns(bundle_version=pl.lit(bundle.version))
    )


def flag_one(
    case: Case, referral_id: str, *, as_of: date, bundle: Bundle, catalogue: Catalogue | None = None
) -> Flag:
    """What is said of one referral of a case on a day? UsageError if the case has no such open referral."""
    known = load() if catalogue is None else catalogue
    histories = landmarks.histories_of(case)
    asked = pl.DataFrame(
        {"referral_id": [referral_id], "as_of": [as_of]}, schema={"referral_id": pl.String, "as_of": pl.Date}
    )
    points = landmarks.open_referrals(histories, points=asked)
    if not points.height:
        raise UsageError("The case has no open referral with that id on that day.")
    frame = feature_rows(histories, points, head=bundle.inflight, catalogue=known)
    chances = chances_of(frame, bundle.inflight)
    flagged, bands = _decide(histories, bundle, frame, chances, known)
    row = frame.row(0, named=True)
    values = {name: row[name] for name in bundle.inflight.feature_names}
    terms = bundle.inflight.explain(values)
    person = frame.select("crn", "as_of")
    return Flag(
        referral_id=referral_id,
        crn=case.crn,
        as_of=as_of,
        weeks_in=(as_of - row["referred_on"]).days // 7,
        probabilities=dict(zip(bundle.inflight.horizons_weeks, chances[0].tolist(), strict=True)),
        flagged=bool(flagged[0]),
        band=bands[0],
        reason_codes=tuple(_reasons(frame, bundle.inflight)[0]),
        changed=tuple(prompts.changed(histories, person)[0]),
        checks=tuple(prompts.due(histories, person)[0]),
        terms=terms,
        values=values,
        bundle_version=bundle.version,
    )


def feature_rows(
    histories: Histories, points: pl.DataFrame, *, head: InFlightHead, catalogue: Catalogue
) -> pl.DataFrame:
    """The features that a head reads, for each point (referral_id, as_of) in order, after crn and referred_on."""
    absent = [name for name in head.feature_names if name not in landmarks.LABELS]
    if absent:
        raise UsageError(
            f"The bundle reads features that this version does not have ({', '.join(absent)}); train it again."
        )
    return landmarks.rows(histories, points, catalogue=catalogue, names=head.feature_names)


def chances_of(frame: pl.DataFrame, head: InFlightHead) -> FloatArray:
    """How likely is an end without completion by each horizon, for every row of features?"""
    return head.probabilities_many(columns_of(frame, head.feature_names), rows=frame.height)


def _decide(
    histories: Histories, bundle: Bundle, frame: pl.DataFrame, chances: FloatArray, catalogue: Catalogue
) -> tuple[npt.NDArray[np.bool_], list[str]]:
    head, limits = bundle.inflight, bundle.thresholds
    if head.barely_predictable:
        return np.zeros(frame.height, dtype=np.bool_), [NOT_BANDED] * frame.height
    place = head.horizons_weeks.index(limits.horizon_weeks)
    now = chances[:, place]
    flagged = now >= limits.raise_at
    between = np.flatnonzero(~flagged & (now >= limits.clear_at))
    for week in range(1, LOOK_BACK_WEEKS + 1):
        if not len(between):
            break
        asked = frame[between].select(
            "referral_id", as_of=pl.col("as_of") - timedelta(weeks=week), _place=pl.Series(between)
        )
        open_then = landmarks.open_referrals(histories, points=asked)
        if not open_then.height:
            break
        rows = feature_rows(
            histories, open_then.select("referral_id", "as_of"), head=head, catalogue=catalogue
        )
        then = chances_of(rows, head)[:, place]
        places = open_then["_place"].to_numpy()
        flagged[places[then >= limits.raise_at]] = True
        between = places[(then < limits.raise_at) & (then >= limits.clear_at)]
    return flagged, limits.band_many(now)


def _reasons(frame: pl.DataFrame, head: InFlightHead) -> list[list[str]]:
    """The terms that raise each row's risk most, at most four, strongest first."""
    columns: dict[str, Any] = columns_of(frame, head.feature_names)
    columns[INTERVAL] = np.ones(frame.height)
    names = np.array([reason_code(term) for term in head.not_completed.term_names])
    asks_about_time = np.array([INTERVAL.upper() in name for name in names], dtype=np.bool_)
    result: list[list[str]] = []
    for part in head.not_completed.explain_parts(columns):
        shown = np.where(asks_about_time, -np.inf, part)
        order = np.argsort(-shown, axis=1, kind="stable")[:, :MOST_REASONS]
        worth = np.take_along_axis(shown, order, axis=1) >= LEAST_CONTRIBUTION
        result.extend(names[row[keep]].tolist() for row, keep in zip(order, worth, strict=True))
    return result
