"""Which open referrals are drifting towards not being completed, and why?

`flag_all` answers for every open referral of some histories (the national batch), `flag_one` for one referral
of one case, from the same definitions. A flag offers support; it is never a reason to withhold. Nobody is
flagged or banded by a head that is barely predictable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from features.live import EventRef
from scoring import landmarks, prompts
from scoring.bundle import Bundle
from scoring.columns import columns_of
from scoring.heads import INTERVAL, FloatArray, InFlightHead, Value
from scoring.thresholds import NOT_BANDED

MOST_REASONS = 4
#: Weeks looked back to see whether a flag that is between its two thresholds had been raised.
LOOK_BACK_WEEKS = 12
#: Parts of the work on a caseload, by which progress is told.
STEPS = 8
#: Weeks looked back in one pass, the first to the last: most are settled by the first; a pass reads every table.
PASSES = ((1, 2), (3, 6), (7, LOOK_BACK_WEEKS))
#: Contribution to the log odds below which a term is not worth naming as a reason.
LEAST_CONTRIBUTION = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """What is said of one open referral on one day.

    `probabilities` is by horizon in weeks, `terms` the exact contributions to the raw score of the first
    interval ahead, `reason_codes` the terms that raise it most, `changed` facts new in the last 28 days, and
    `checks` the timeliness checks that are due. `values` are the features that were read, `evidence` the
    records behind each.
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
    values: Mapping[str, Value]
    evidence: Mapping[str, tuple[EventRef, ...]]
    bundle_version: str


def reason_code(term: str) -> str:
    """The code of a term: its feature, or its two features, in upper snake case."""
    return term.replace(" & ", "_AND_").upper()


def flag_all(
    histories: Histories,
    *,
    bundle: Bundle,
    as_of: date,
    catalogue: Catalogue | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """What is said of every open referral on a day? The columns of interfaces.md, sorted by referral."""
    report = progress or (lambda _done, _total: None)
    known = load() if catalogue is None else catalogue
    points = landmarks.open_at(histories, as_of)
    report(1, STEPS)
    frame = feature_rows(histories, points, head=bundle.inflight, catalogue=known)
    horizons = bundle.inflight.horizons_weeks
    chances = chances_of(frame, bundle.inflight)
    report(3, STEPS)
    flagged, bands = _decide(histories, bundle, frame, chances, known)
    report(6, STEPS)
    people = frame.select("crn", "as_of").unique(maintain_order=True)
    told = people.with_columns(changed=prompts.changed_series(histories, people))
    report(STEPS, STEPS)
    return (
        frame.select(
            "referral_id",
            "crn",
            "as_of",
            weeks_in=((pl.col("as_of") - pl.col("referred_on")).dt.total_days() // 7).cast(pl.Int32),
            **{f"p_not_completed_{weeks}w": pl.Series(chances[:, i]) for i, weeks in enumerate(horizons)},
            flagged=pl.Series(flagged, dtype=pl.Boolean),
            band=pl.Series(bands, dtype=pl.String),
            reason_codes=_reasons(frame, bundle.inflight),
        )
        .join(told, on=["crn", "as_of"], how="left", maintain_order="left")
        .with_columns(bundle_version=pl.lit(bundle.version))
    )


def raised(
    histories: Histories, frame: pl.DataFrame, *, bundle: Bundle, catalogue: Catalogue | None = None
) -> pl.DataFrame:
    """Which of these referrals are flagged, each on its own day, and how likely is the end that the flag is about?

    `frame` is as `feature_rows` makes it. Gives referral_id, crn, as_of, `flagged` and `chance`, in the same order:
    what `flag_all` says, without the reasons and prompts.
    """
    known = load() if catalogue is None else catalogue
    chances = chances_of(frame, bundle.inflight)
    flagged, _ = _decide(histories, bundle, frame, chances, known)
    place = bundle.inflight.horizons_weeks.index(bundle.thresholds.horizon_weeks)
    return frame.select(
        "referral_id",
        "crn",
        "as_of",
        flagged=pl.Series(flagged, dtype=pl.Boolean),
        chance=pl.Series(chances[:, place]),
    )


def flag_one(
    case: Case, referral_id: str, *, as_of: date, bundle: Bundle, catalogue: Catalogue | None = None
) -> Flag:
    """What is said of one referral of a case on a day? UsageError if the case has no such open referral.

    The same answer as `flag_all` gives, with every term, the value it read and the records behind it.
    """
    known = load() if catalogue is None else catalogue
    head, limits = bundle.inflight, bundle.thresholds
    row = landmarks.live_row(case, referral_id, as_of=as_of, catalogue=known, names=head.feature_names)
    if row is None:
        raise UsageError("The case has no open referral with that id on that day.")
    chances = head.probabilities(row.values)
    flagged, band = False, NOT_BANDED
    if not head.barely_predictable:
        flagged, band = (
            chances[limits.horizon_weeks] >= limits.raise_at,
            limits.band(chances[limits.horizon_weeks]),
        )
        flagged = flagged or _was_raised(case, referral_id, as_of=as_of, bundle=bundle, catalogue=known)
    terms = head.explain(row.values)
    person = pl.DataFrame({"crn": [case.crn], "as_of": [as_of]}, schema={"crn": pl.String, "as_of": pl.Date})
    histories = landmarks.histories_of(case)
    return Flag(
        referral_id=referral_id,
        crn=case.crn,
        as_of=as_of,
        weeks_in=(as_of - row.referred_on).days // 7,
        probabilities=chances,
        flagged=flagged,
        band=band,
        reason_codes=_reasons_of(terms),
        changed=tuple(prompts.changed(histories, person)[0]),
        checks=tuple(prompts.due(histories, person, catalogue=known)[0]),
        terms=terms,
        values=row.values,
        evidence=row.evidence,
        bundle_version=bundle.version,
    )


def _was_raised(case: Case, referral_id: str, *, as_of: date, bundle: Bundle, catalogue: Catalogue) -> bool:
    """Was the flag raised in an earlier week, and has it not been cleared since? As `_decide` has it."""
    head, limits = bundle.inflight, bundle.thresholds
    for week in range(LOOK_BACK_WEEKS + 1):
        then = as_of - timedelta(weeks=week)
        row = landmarks.live_row(case, referral_id, as_of=then, catalogue=catalogue, names=head.feature_names)
        chance = 0.0 if row is None else head.probabilities(row.values)[limits.horizon_weeks]
        if chance >= limits.raise_at:
            return True
        if chance < limits.clear_at:
            return False
    return False


def _reasons_of(terms: Mapping[str, float]) -> tuple[str, ...]:
    shown = [
        (value, term) for term, value in terms.items() if INTERVAL not in term and value >= LEAST_CONTRIBUTION
    ]
    ranked = sorted(shown, key=lambda item: -item[0])  # stable: terms of one size stay in the model's order
    return tuple(reason_code(term) for _, term in ranked[:MOST_REASONS])


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
    for first, last in PASSES:
        if not len(between):
            break
        weekly = _earlier(histories, frame[between], range(first, last + 1), head=head, catalogue=catalogue)
        waiting = np.ones(len(between), dtype=np.bool_)
        for then in weekly[:, :, place].T:  # NaN, not open in that week, is neither raised nor kept
            flagged[between[waiting & (then >= limits.raise_at)]] = True
            waiting &= (then < limits.raise_at) & (then >= limits.clear_at)
        between = between[waiting]
    return flagged, limits.band_many(now)


def _earlier(
    histories: Histories,
    frame: pl.DataFrame,
    weeks: Sequence[int],
    *,
    head: InFlightHead,
    catalogue: Catalogue,
) -> FloatArray:
    """The chances of some referrals in earlier weeks: [referrals, weeks, horizons], NaN where it was not open."""
    asked = (
        frame.select("referral_id", "as_of")
        .with_row_index("_line")
        .join(pl.DataFrame({"_week": list(weeks)}), how="cross")
        .with_columns(as_of=pl.col("as_of") - pl.duration(weeks=pl.col("_week")))
    )
    known = landmarks.open_referrals(histories, points=asked)
    result = np.full((frame.height, len(weeks), len(head.horizons_weeks)), np.nan)
    if known.height:
        rows = feature_rows(histories, known.select("referral_id", "as_of"), head=head, catalogue=catalogue)
        result[known["_line"].to_numpy(), known["_week"].to_numpy() - weeks[0]] = chances_of(rows, head)
    return result


def _reasons(frame: pl.DataFrame, head: InFlightHead) -> pl.Series:
    """The codes of the terms that raise each row's risk most, at most four, strongest first."""
    columns: dict[str, Any] = columns_of(frame, head.feature_names)
    columns[INTERVAL] = np.ones(frame.height)
    terms = head.not_completed.term_names
    codes = pl.Series("code", [reason_code(term) for term in terms], dtype=pl.String)
    asks_about_time = np.array([INTERVAL in term for term in terms], dtype=np.bool_)
    begin, rows, chosen = 0, [], []
    for part in head.not_completed.explain_parts(columns):
        shown = np.where(asks_about_time, -np.inf, part)
        order = np.argsort(-shown, axis=1, kind="stable")[:, :MOST_REASONS]
        line, place = np.nonzero(np.take_along_axis(shown, order, axis=1) >= LEAST_CONTRIBUTION)
        rows.append(line + begin)
        chosen.append(order[line, place])
        begin += len(part)
    if not rows or not len(terms):
        return pl.Series("reason_codes", [[]] * frame.height, dtype=pl.List(pl.String))
    found = pl.DataFrame({"_row": np.concatenate(rows), "code": codes.gather(np.concatenate(chosen))})
    return prompts.lists(found, rows=frame.height).rename("reason_codes")
