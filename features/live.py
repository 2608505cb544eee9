"""One person's feature row, folded in plain Python, with the events behind every value.

The same specification as `features.batch`, and by test the same values. A
specification is compiled once to functions of a row; a case is then read stream by
stream, each distinct condition once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from catalogue.errors import UsageError
from features.case import Case, Row
from features.contract import Kind
from features.definitions import SPEC
from features.expressions import (
    ALWAYS,
    Answered,
    AtLeast,
    Condition,
    Contains,
    Covers,
    DaysBetween,
    DaysFrom,
    DaysUntil,
    Every,
    Holds,
    IsTrue,
    Measure,
    Not,
    OneOf,
    Reaching,
    Recorded,
    Total,
    Trues,
    Value,
)
from features.spec import Aggregator, Derived, Feature, FeatureSpec, Operation, Scalar, Scope, Use
from features.streams import STREAMS, Stream, content_text, list_text

_DAYS_A_YEAR = 365
_EPOCH = date(1970, 1, 1).toordinal()

Test = Callable[[Row, date], bool]
Measurement = Callable[[Row, date], Scalar]


@dataclass(frozen=True, slots=True)
class EventRef:
    """The record behind a value: its table, its key as a text, when it happened and when it was known."""

    table: str
    id: str
    on: date
    known_on: date


class Event(NamedTuple):
    """One event that counts: day numbers and the row."""

    day: int
    own: int
    row: Row


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
    if chosen.needs_referral and referral_id is None:
        raise UsageError("These features are about one referral; name it.")
    today = as_of.toordinal() - _EPOCH
    compiled = _compiled(chosen)
    values: list[Scalar] = []
    behind: list[tuple[tuple[Stream, Sequence[Event]], ...]] = []
    for stream, plans in compiled.streams:
        fold = _Fold(visible_events(case, stream, today, assessment_id), as_of, today, referral_id)
        for plan in plans:
            value, used = plan.fold(plan, fold)
            values.append(value)
            behind.append(((stream, used),))
    row: dict[str, Scalar] = {}
    evidence: dict[str, tuple[tuple[Stream, Sequence[Event]], ...]] = {}
    for name, place in compiled.plain:
        row[name] = values[place]
        evidence[name] = behind[place]
    for derived, left, right in compiled.derived:
        row[derived.name] = _derive(derived, values[left], values[right])
        evidence[derived.name] = (*behind[left], *behind[right])
    if compiled.derived:
        row = {name: row[name] for name in chosen.names}
    return LiveRow(row, Evidence(evidence))


@lru_cache(maxsize=32)
def _selected(spec: FeatureSpec, uses: frozenset[Use] | None) -> FeatureSpec:
    return spec.select(uses)


# ---------------------------------------------------------------- which events count


def visible_events(case: Case, stream: Stream, today: int, assessment_id: str | None = None) -> list[Event]:
    """The events of a stream that count at the day number, in their order.

    Of each key the version known last before that day; happened before it; the named
    assessment in any case. Order: day, day known, then content in contract order.
    """
    owned = _owned_from(case, today) if stream.by_referral else None
    rows = case.tables[stream.name]
    if not rows:
        return []
    key = _key_of(stream)
    single, first_event, known = len(stream.event) == 1, stream.event[0], stream.known
    latest: dict[object, Event] = {}
    for row in rows:
        own_date = row[known]
        if own_date is None:
            continue
        own = own_date.toordinal() - _EPOCH  # type: ignore[attr-defined]  # contract rows hold dates
        if own >= today or (owned is not None and row["referral_id"] not in owned):
            continue
        happened = row[first_event] if single else _first_recorded(row, stream.event)
        if happened is None:
            continue
        event = Event(happened.toordinal() - _EPOCH, own, row)  # type: ignore[attr-defined]  # as above
        name = key(row)
        other = latest.get(name)
        if other is None or _newer(stream, event, other):
            latest[name] = event
    if assessment_id is not None and stream.name == "assessments":
        kept = _with_named(stream, rows, latest, today, assessment_id)
    else:
        kept = [event for event in latest.values() if event.day < today]
    return _in_order(stream, kept)


def _owned_from(case: Case, today: int) -> set[object]:
    """The referrals that were known before the day; events of others do not count yet."""
    limit = date.fromordinal(today + _EPOCH)
    return {
        row["referral_id"]
        for row in case.tables["referrals"]
        if row["known_on"] is not None and row["known_on"] < limit  # type: ignore[operator]  # dates
    }


def _first_recorded(row: Row, columns: tuple[str, ...]) -> object:
    for column in columns:
        if row[column] is not None:
            return row[column]
    return None


@lru_cache(maxsize=64)
def _key_of(stream: Stream) -> Callable[[Row], object]:
    names = [name for name in stream.table.key if name != "crn"]
    return itemgetter(*names) if names else lambda _row: None


def _newer(stream: Stream, event: Event, other: Event) -> bool:
    if event.own != other.own:
        return event.own > other.own
    return content_text(stream, event.row) > content_text(stream, other.row)


def _with_named(
    stream: Stream, rows: Sequence[Row], latest: dict[object, Event], today: int, named: str
) -> list[Event]:
    """The events that count when the named assessment counts as known, on its own day too."""
    if named not in latest:
        for row in rows:
            own_date, happened = row["known_on"], row["completed_on"]
            if row["assessment_id"] != named or own_date is None or happened is None:
                continue
            assert isinstance(own_date, date)
            assert isinstance(happened, date)
            event = Event(happened.toordinal() - _EPOCH, own_date.toordinal() - _EPOCH, row)
            other = latest.get(named)
            if (
                other is None
                or event.own < other.own
                or (event.own == other.own and _newer(stream, event, other))
            ):
                latest[named] = event
    return [
        event for name, event in latest.items() if event.day < today or (event.day == today and name == named)
    ]


def _in_order(stream: Stream, events: list[Event]) -> list[Event]:
    events.sort(key=itemgetter(0, 1))
    for left, right in pairwise(events):
        if left[0] == right[0] and left[1] == right[1]:
            events.sort(key=lambda event: (event.day, event.own, content_text(stream, event.row)))
            break
    return events


def _reference(stream: Stream, event: Event) -> EventRef:
    parts = [event.row[name] for name in stream.table.key if name != "crn"]
    identity = "/".join("" if part is None else str(part) for part in parts)
    known = event.own + _EPOCH
    return EventRef(stream.name, identity, date.fromordinal(event.day + _EPOCH), date.fromordinal(known))


# ---------------------------------------------------------------- folding


class _Fold:
    """A stream's events at one as-of day, with what each condition keeps remembered."""

    __slots__ = ("_kept", "as_of", "events", "referral_id", "today")

    def __init__(self, events: list[Event], as_of: date, today: int, referral_id: str | None) -> None:
        self.events = events
        self.as_of = as_of
        self.today = today
        self.referral_id = referral_id
        self._kept: dict[int, list[Event]] = {}

    def keep(self, plan: _Choice) -> Sequence[Event]:
        """The events that a condition keeps within its window, in order."""
        if not self.events:
            return ()
        kept = self._kept.get(plan.number)
        if kept is None:
            kept = self.events
            if plan.referral_only:
                kept = [event for event in kept if event[2]["referral_id"] == self.referral_id]
            test = plan.test
            if test is not None:
                as_of = self.as_of
                kept = [event for event in kept if test(event[2], as_of)]
            self._kept[plan.number] = kept
        if plan.window is not None and kept:
            return kept[bisect_left(kept, self.today - plan.window, key=itemgetter(0)) :]
        return kept


@dataclass(frozen=True, slots=True)
class _Choice:
    number: int
    test: Test | None
    referral_only: bool
    window: int | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """A feature made ready: its choice of events, its functions, and how it folds."""

    feature: Feature
    choice: _Choice
    fold: Callable[[_Plan, _Fold], tuple[Scalar, Sequence[Event]]]
    measure: Measurement
    of: Test
    categories: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A specification made ready: the plans of each stream, and where each feature's value will stand."""

    streams: tuple[tuple[Stream, tuple[_Plan, ...]], ...]
    plain: tuple[tuple[str, int], ...]
    derived: tuple[tuple[Derived, int, int], ...]


@lru_cache(maxsize=32)
def _compiled(spec: FeatureSpec) -> _Compiled:
    """The specification compiled; a pure function, so kept by its argument."""
    grouped = [
        (stream, _plans(stream, [feature for feature in spec.parts if feature.stream == stream.name]))
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


def _plans(stream: Stream, features: Sequence[Feature]) -> tuple[_Plan, ...]:
    numbers: dict[tuple[Condition, Scope], int] = {}
    plans = []
    for feature in features:
        where = feature.condition
        number = numbers.setdefault((where, feature.scope), len(numbers))
        test = None if where == ALWAYS else _test(where)
        plans.append(
            _Plan(
                feature,
                _Choice(number, test, feature.scope is Scope.REFERRAL, feature.window),
                _FOLDS[feature.aggregator],
                _nothing if feature.value is None else _measurement(feature.value, stream),
                _always if feature.of is None else _test(feature.of),
                frozenset(feature.categories),
            )
        )
    return tuple(plans)


def _always(_row: Row, _as_of: date) -> bool:
    return True


def _nothing(_row: Row, _as_of: date) -> Scalar:
    return None


def _count(plan: _Plan, fold: _Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    return len(kept), kept


def _ever(plan: _Plan, fold: _Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    return bool(kept), kept


def _rate(plan: _Plan, fold: _Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    if not kept:
        return None, kept
    of, as_of = plan.of, fold.as_of
    return sum(1 for event in kept if of(event[2], as_of)) / len(kept), kept


def _days_since(plan: _Plan, fold: _Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    if not kept:
        return None, kept
    return fold.today - kept[-1].day, kept[-1:]


def _longest_gap(plan: _Plan, fold: _Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    days = sorted({event.day for event in kept})
    if len(days) < 2:
        return None, kept
    return max(later - earlier for earlier, later in pairwise(days)), kept


def _numbers(plan: _Plan, fold: _Fold) -> tuple[list[tuple[int, int]], Sequence[Event]]:
    kept = fold.keep(plan.choice)
    measure, as_of, today = plan.measure, fold.as_of, fold.today
    found = [(event.day - today, measure(event.row, as_of)) for event in kept]
    return [(day, int(value)) for day, value in found if value is not None], kept


def _sum(plan: _Plan, fold: _Fold) -> tuple[Scalar, Sequence[Event]]:
    numbers, kept = _numbers(plan, fold)
    return sum(value for _, value in numbers), kept


def _mean(plan: _Plan, fold: _Fold) -> tuple[Scalar, Sequence[Event]]:
    numbers, kept = _numbers(plan, fold)
    if not numbers:
        return None, kept
    return float(sum(value for _, value in numbers)) / float(len(numbers)), kept


def _max(plan: _Plan, fold: _Fold) -> tuple[Scalar, Sequence[Event]]:
    numbers, kept = _numbers(plan, fold)
    return max((value for _, value in numbers), default=None), kept


def _trend(plan: _Plan, fold: _Fold) -> tuple[Scalar, Sequence[Event]]:
    numbers, kept = _numbers(plan, fold)
    n = len(numbers)
    x = sum(day for day, _ in numbers)
    spread = n * sum(day * day for day, _ in numbers) - x * x
    if spread == 0:
        return None, kept
    y = sum(value for _, value in numbers)
    together = n * sum(day * value for day, value in numbers) - x * y
    return float(together * _DAYS_A_YEAR) / float(spread), kept


def _distinct(plan: _Plan, fold: _Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    measure, as_of = plan.measure, fold.as_of
    found = {measure(event.row, as_of) for event in kept}
    return len(found - {None}), kept


def _last(plan: _Plan, fold: _Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    if not kept:
        return None, kept
    return _coded(plan, plan.measure(kept[-1].row, fold.as_of)), kept[-1:]


def _first(plan: _Plan, fold: _Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    if not kept:
        return None, kept
    return _coded(plan, plan.measure(kept[0].row, fold.as_of)), kept[:1]


def _change_since(plan: _Plan, fold: _Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    since = plan.feature.since
    assert since is not None
    earlier = kept[: bisect_left(kept, fold.today - since, key=itemgetter(0))]
    if not earlier:
        return None, kept[-1:]
    now, before = plan.measure(kept[-1].row, fold.as_of), plan.measure(earlier[-1].row, fold.as_of)
    used = (earlier[-1], kept[-1])
    if now is None or before is None:
        return None, used
    assert not isinstance(now, str)
    assert not isinstance(before, str)
    return now - before, used


def _coded(plan: _Plan, value: Scalar) -> Scalar:
    if plan.categories and value not in plan.categories:
        return None
    return value


_FOLDS: Mapping[Aggregator, Callable[[_Plan, _Fold], tuple[Scalar, Sequence[Event]]]] = {
    Aggregator.COUNT: _count,
    Aggregator.EVER: _ever,
    Aggregator.RATE: _rate,
    Aggregator.DAYS_SINCE: _days_since,
    Aggregator.LONGEST_GAP: _longest_gap,
    Aggregator.SUM: _sum,
    Aggregator.MEAN: _mean,
    Aggregator.MAX: _max,
    Aggregator.TREND: _trend,
    Aggregator.DISTINCT: _distinct,
    Aggregator.LAST: _last,
    Aggregator.VALUE_AT: _last,
    Aggregator.FIRST: _first,
    Aggregator.CHANGE_SINCE: _change_since,
}


def _derive(feature: Derived, left: Scalar, right: Scalar) -> Scalar:
    if left is None or right is None:
        return None
    assert not isinstance(left, str)
    assert not isinstance(right, str)
    if feature.operation is Operation.DIFFERENCE:
        return left - right
    return float(left) / float(right) if right != 0 else None


# ---------------------------------------------------------------- compiling


def _test(of: Condition) -> Test:  # noqa: PLR0911  one case a kind of condition
    match of:
        case OneOf(column, codes):
            allowed = frozenset(codes)
            return lambda row, _: row[column] in allowed
        case AtLeast(column, number):
            return lambda row, _: (value := row[column]) is not None and value >= number  # type: ignore[operator]
        case IsTrue(column):
            return lambda row, _: row[column] is True
        case Recorded(column):
            return lambda row, _: row[column] is not None
        case Contains(column, code):
            return lambda row, _: (value := row[column]) is not None and code in value  # type: ignore[operator]
        case Covers(start, end):
            return lambda row, as_of: (
                (begun := row[start]) is not None
                and begun <= as_of  # type: ignore[operator]
                and ((over := row[end]) is None or over >= as_of)  # type: ignore[operator]
            )
        case Every(parts):
            tests = tuple(_test(part) for part in parts if part != ALWAYS)
            if len(tests) == 1:
                return tests[0]
            return lambda row, as_of: all(test(row, as_of) for test in tests)
        case Not(part):
            inner = _test(part)
            return lambda row, as_of: not inner(row, as_of)


def _measurement(of: Measure, stream: Stream) -> Measurement:  # noqa: PLR0911  one case a kind of measure
    match of:
        case Value(column):
            if stream.column(column).kind is Kind.LIST:
                return lambda row, _: list_text(row[column])
            return lambda row, _: row[column]  # type: ignore[return-value]
        case Total(columns, answered):
            return lambda row, _: _total(row, columns, answered)
        case Reaching(thresholds):
            return lambda row, _: len(
                [
                    column
                    for column, least in thresholds
                    if (value := row[column]) is not None and value >= least  # type: ignore[operator]
                ]
            )
        case Answered(columns):
            return lambda row, _: len([column for column in columns if row[column] is not None])
        case Trues(columns):
            return lambda row, _: len([column for column in columns if row[column] is True])
        case Holds(part):
            test = _test(part)
            return lambda row, as_of: 1 if test(row, as_of) else 0
        case DaysFrom(column):
            return lambda row, as_of: _days(row[column], as_of)
        case DaysUntil(column):
            return lambda row, as_of: _days(as_of, row[column])
        case DaysBetween(start, end):
            return lambda row, _: _days(row[start], row[end])


def _days(start: object, end: object) -> int | None:
    if start is None or end is None:
        return None
    assert isinstance(start, date)
    assert isinstance(end, date)
    return (end - start).days


def _total(row: Row, columns: tuple[str, ...], answered: int) -> int | None:
    values = [value for column in columns if (value := row[column]) is not None]
    if len(values) < answered:
        return None
    return sum(values)  # type: ignore[arg-type]  # contract rows hold whole numbers here


__all__ = ["Event", "EventRef", "Evidence", "LiveRow", "evaluate", "visible_events"]
