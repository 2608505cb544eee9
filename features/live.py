"""One person's feature row, folded in plain Python, with the events behind every value.

The same specification as `features.batch`, and by test the same values. A
specification is compiled once to functions of a row; a case is then read stream by
stream, each distinct condition once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from catalogue.errors import UsageError
from features.case import Case
from features.definitions import SPEC
from features.folds import FeaturePlan, Fold, derive, plans_of
from features.known import EPOCH, Event, Known
from features.spec import Derived, Feature, FeatureSpec, Scalar, Use
from features.streams import STREAMS, Stream


@dataclass(frozen=True, slots=True)
class EventRef:
    """The record behind a value: its table, its key as a text, when it happened and when it was known."""

    table: str
    id: str
    on: date
    known_on: date


class Evidence(Mapping[str, tuple[EventRef, ...]]):
    """Feature name to the records behind its value, in their order; built when asked for."""

    __slots__ = ("_events",)

    def __init__(self, events: Mapping[str, tuple[tuple[Stream, Sequence[Event]], ...]]) -> None:
        self._events = events

    def __getitem__(self, name: str) -> tuple[EventRef, ...]:
        return tuple(_reference(stream, event) for stream, events in self._events[name] for event in events)

    def __iter__(self) -> Iterator[str]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)


@dataclass(frozen=True, slots=True)
class LiveRow:
    """The values of a person's features at one as-of day, and the records behind each."""

    values: Mapping[str, Scalar]
    evidence: Mapping[str, tuple[EventRef, ...]]


def evaluate(
    case: Case,
    *,
    as_of: date,
    assessment_id: str | None = None,
    referral_id: str | None = None,
    spec: FeatureSpec = SPEC,
    uses: Collection[Use] | None = None,
) -> LiveRow:
    """What was known of the person before the as-of day, as one row of features.

    `assessment_id` names the assessment that counts as known (the decision point's
    own); `referral_id` the referral of features that are about one, and is needed
    when the specification has any (UsageError).
    """
    chosen = _selected(spec, None if uses is None else frozenset(uses))
    return fold(Known(case, as_of=as_of, assessment_id=assessment_id), spec=chosen, referral_id=referral_id)


def fold(known: Known, *, spec: FeatureSpec, referral_id: str | None = None) -> LiveRow:
    """The same for a case that is known as of a day, so that several specifications read its events once."""
    if spec.needs_referral and referral_id is None:
        raise UsageError("These features are about one referral; name it.")
    compiled = _compiled(spec)
    values: list[Scalar] = []
    behind: list[tuple[tuple[Stream, Sequence[Event]], ...]] = []
    for stream, plans in compiled.streams:
        events = Fold(known.events(stream), known.as_of, known.today, referral_id)
        for plan in plans:
            value, used = plan.fold(plan, events)
            values.append(value)
            behind.append(((stream, used),))
    row: dict[str, Scalar] = {}
    evidence: dict[str, tuple[tuple[Stream, Sequence[Event]], ...]] = {}
    for name, place in compiled.plain:
        row[name] = values[place]
        evidence[name] = behind[place]
    for derived, left, right in compiled.derived:
        row[derived.name] = derive(derived, values[left], values[right])
        evidence[derived.name] = (*behind[left], *behind[right])
    if compiled.derived:
        row = {name: row[name] for name in spec.names}
    return LiveRow(row, Evidence(evidence))


@lru_cache(maxsize=32)
def _selected(spec: FeatureSpec, uses: frozenset[Use] | None) -> FeatureSpec:
    return spec.select(uses)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A specification made ready: the plans of each stream, and where each feature's value will stand."""

    streams: tuple[tuple[Stream, tuple[FeaturePlan, ...]], ...]
    plain: tuple[tuple[str, int], ...]
    derived: tuple[tuple[Derived, int, int], ...]


@lru_cache(maxsize=32)
def _compiled(spec: FeatureSpec) -> _Compiled:
    """The specification compiled; a pure function, so kept by its argument."""
    grouped = [
        (stream, plans_of(stream, [feature for feature in spec.parts if feature.stream == stream.name]))
        for stream in STREAMS.values()
    ]
    streams = tuple((stream, plans) for stream, plans in grouped if plans)
    places = {
        plan.feature: place for place, plan in enumerate(plan for _, plans in streams for plan in plans)
    }
    return _Compiled(
        streams,
        tuple((feature.name, places[feature]) for feature in spec.features if isinstance(feature, Feature)),
        tuple(
            (feature, places[feature.left], places[feature.right])
            for feature in spec.features
            if isinstance(feature, Derived)
        ),
    )


def _reference(stream: Stream, event: Event) -> EventRef:
    parts = [event.row[name] for name in stream.table.key if name != "crn"]
    identity = "/".join("" if part is None else str(part) for part in parts)
    known = event.own + EPOCH
    return EventRef(stream.name, identity, date.fromordinal(event.day + EPOCH), date.fromordinal(known))


__all__ = ["Event", "EventRef", "Evidence", "Known", "LiveRow", "evaluate", "fold"]
