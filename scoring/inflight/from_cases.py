"""Flags and prompts of a few people: their features from the live evaluator, judged as columns.

The rules are those of `scoring.inflight.judging` and `scoring.inflight.prompts`; only reading is done here. Each flag
comes with its exact terms and the records behind every feature.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from catalogue import Catalogue
from features import live
from features.case import Case, Row
from features.definitions.prompts import CHANGE_FACTS, CHECK_FACTS
from features.live import EventRef, Known
from features.reasons import ENDED
from features.spec import FeatureSpec, ValueType
from features.streams import STREAMS
from scoring.bundle import Bundle
from scoring.inflight import judging, prompts
from scoring.inflight.landmarks import (
    INTERVENTION_TYPE,
    Column,
    Columns,
    Landmarks,
    Places,
    features_of,
    numbers,
    types_of,
)

_PROMPT_FACTS = FeatureSpec((*CHANGE_FACTS.features, *CHECK_FACTS.features))


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """One referral of a case, with its events. What it is for and since when, the version known first says."""

    case: Case
    referral_id: str
    intervention_id: str | None
    referred_on: date
    known_on: date
    events: tuple[Row, ...]

    def is_open(self, as_of: date) -> bool:
        """Was it known before the day, and is its last event known not a closing one?

        On one day a closing event stands after any other (`features.outcomes`).
        """
        last: tuple[date, bool, date, str] | None = None
        for row in self.events:
            occurred, known, status = row["occurred_on"], row["known_on"], row["status"]
            if not (isinstance(occurred, date) and isinstance(known, date) and isinstance(status, str)):
                continue
            if known < as_of:
                event = (occurred, status in ENDED, known, status)
                last = event if last is None else max(last, event)
        return self.known_on < as_of and (last is None or not last[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """What is said about one open referral on one day.

    `chances` is by horizon in weeks, `terms` the exact contributions to the raw score of the first interval ahead,
    `reason_codes` the terms that raise it most, and `evidence` the records behind each feature.
    """

    referral_id: str
    crn: str
    as_of: date
    weeks_in: int
    chances: Mapping[int, float]
    flagged: bool
    band: str
    reason_codes: tuple[str, ...]
    terms: Mapping[str, float]
    evidence: Mapping[str, tuple[EventRef, ...]]
    bundle_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """The prompts of one person: codes of `prompts.CHANGES` and of `prompts.CHECKS`, in their order."""

    changed: tuple[str, ...]
    due: tuple[str, ...]


def open_referrals(case: Case, as_of: date) -> list[Referral]:
    """Every referral of a case that was open on a day, as far as was known, sorted by id."""
    return [referral for referral in _referrals(case) if referral.is_open(as_of)]


def flags(referrals: Sequence[Referral], *, as_of: date, bundle: Bundle, catalogue: Catalogue) -> list[Flag]:
    """What is said about each of these open referrals on a day? In the same order."""
    if not referrals:
        return []
    head = bundle.inflight
    spec = features_of(head.feature_names)
    types = types_of(catalogue)

    def read(asked: Sequence[tuple[Referral, date]]) -> tuple[Columns, list[live.LiveRow]]:
        found = [
            live.LiveRow({}, {})
            if spec is None
            else live.evaluate(one.case, as_of=day, referral_id=one.referral_id, spec=spec)
            for one, day in asked
        ]
        columns = {} if spec is None else _columns(spec, found)
        if INTERVENTION_TYPE in head.feature_names:
            columns[INTERVENTION_TYPE] = [types.get(one.intervention_id or "") for one, _ in asked]
        return columns, found

    def back(places: Places, weeks: Sequence[int]) -> Landmarks:
        asked = [
            (place, week, referrals[place], day)
            for place in places.tolist()
            for week in weeks
            if referrals[place].is_open(day := as_of - timedelta(weeks=week))
        ]
        return Landmarks(
            place=np.array([place for place, _, _, _ in asked], dtype=np.intp),
            week=np.array([week for _, week, _, _ in asked], dtype=np.intp),
            columns=read([(one, day) for _, _, one, day in asked])[0],
        )

    columns, known = read([(one, as_of) for one in referrals])
    rows = len(referrals)
    judged = judging.judge(columns, rows=rows, back=back, bundle=bundle)
    codes = judging.reason_codes(head)
    terms = np.concatenate(list(judging.terms(columns, rows=rows, head=head)))
    reasons = judging.reasons(terms, head)
    return [
        Flag(
            referral_id=one.referral_id,
            crn=one.case.crn,
            as_of=as_of,
            weeks_in=(as_of - one.referred_on).days // 7,
            chances=dict(zip(head.horizons_weeks, judged.chances[row].tolist(), strict=True)),
            flagged=bool(judged.flagged[row]),
            band=judged.bands[row],
            reason_codes=tuple(codes[place] for place in reasons[row] if place >= 0),
            terms=dict(zip(head.not_completed.term_names, terms[row].tolist(), strict=True)),
            evidence=known[row].evidence,
            bundle_version=bundle.version,
        )
        for row, one in enumerate(referrals)
    ]


def prompts_of(cases: Sequence[Case], *, as_of: date, catalogue: Catalogue) -> list[Prompts]:
    """Which facts changed lately, and which checks are due, for each of these people? In the same order."""
    known = [Known(case, as_of=as_of) for case in cases]
    read = _columns(_PROMPT_FACTS, [live.fold(each, spec=_PROMPT_FACTS) for each in known])
    facts = {name: np.asarray(column) for name, column in read.items()}
    changed = prompts.changed(facts)
    due = prompts.due(
        facts,
        unpaid_work=_unpaid_work(known),
        under_way=_under_way(known),
        as_of=as_of,
        catalogue=catalogue,
    )
    return [
        Prompts(
            changed=tuple(code for code, holds in zip(prompts.CHANGES, changed[row], strict=True) if holds),
            due=tuple(code for code, holds in zip(prompts.CHECKS, due[row], strict=True) if holds),
        )
        for row in range(len(cases))
    ]


def _columns(spec: FeatureSpec, rows: Sequence[live.LiveRow]) -> dict[str, Column]:
    """The values of some live rows as columns."""
    return {
        feature.name: _column([row.values[feature.name] for row in rows], feature.type)
        for feature in spec.features
    }


def _column(values: list[Any], kind: ValueType) -> Column:
    return values if kind in {ValueType.CODE, ValueType.TEXT} else numbers(values)


def _referrals(case: Case) -> Iterator[Referral]:
    first: dict[str, tuple[date, date, Row]] = {}
    for row in case.tables["referrals"]:
        referral, known, referred = row["referral_id"], row["known_on"], row["referred_on"]
        # Without the day of the referral there are no weeks to judge.
        if not (isinstance(referral, str) and isinstance(known, date) and isinstance(referred, date)):
            continue
        if referral not in first or known < first[referral][0]:
            first[referral] = known, referred, row
    events: dict[object, list[Row]] = {}
    for row in case.tables["referral_events"]:
        events.setdefault(row["referral_id"], []).append(row)
    for referral in sorted(first):
        known, referred, row = first[referral]
        yield Referral(
            case=case,
            referral_id=referral,
            intervention_id=_text(row["intervention_id"]),
            referred_on=referred,
            known_on=known,
            events=tuple(events.get(referral, ())),
        )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _unpaid_work(cases: Sequence[Known]) -> prompts.UnpaidWork:
    """When unpaid work of sentences that have not ended was imposed, as far as was known."""
    found = []
    for place, known in enumerate(cases):
        imposed = [
            event.row
            for event in known.events(STREAMS["requirements"])
            if event.row["requirement_type"] == "UNPAID_WORK"
        ]
        if imposed:
            running = {
                event.row["event_number"]
                for event in known.events(STREAMS["sentences"])
                if isinstance(end := event.row["ends_on"], date) and end >= known.as_of
            }
            found += [(place, row["imposed_on"]) for row in imposed if row["event_number"] in running]
    return prompts.UnpaidWork(
        row=np.array([place for place, _ in found], dtype=np.intp),
        imposed_on=np.array([day for _, day in found], dtype="datetime64[D]"),
    )


def _under_way(cases: Sequence[Known]) -> prompts.UnderWay:
    """What people have an open referral to, by the version of the referral that counts."""
    found = []
    for place, known in enumerate(cases):
        is_open = {referral.referral_id for referral in open_referrals(known.case, known.as_of)}
        if is_open:
            found += [
                (place, event.row["intervention_id"])
                for event in known.events(STREAMS["referrals"])
                if event.row["referral_id"] in is_open and event.row["intervention_id"] is not None
            ]
    return prompts.UnderWay(
        row=np.array([place for place, _ in found], dtype=np.intp),
        intervention_id=np.array([name for _, name in found], dtype=np.str_),
    )
