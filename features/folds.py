"""How a stream's events, for one person, become one value: a fold for every aggregator.

Each fold returns the value and the events behind it. What a condition keeps is
remembered, so that features which share a condition read the events once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from operator import itemgetter

from features.case import Row
from features.expressions import ALWAYS, Condition
from features.known import Event
from features.rowwise import Measurement, Test, measurement_of, test_of
from features.spec import Aggregator, Derived, Feature, Operation, Scalar, Scope
from features.streams import Stream

_DAYS_A_YEAR = 365


class Fold:
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
class FeaturePlan:
    """A feature made ready: its choice of events, its functions, and how it folds."""

    feature: Feature
    choice: _Choice
    fold: Callable[[FeaturePlan, Fold], tuple[Scalar, Sequence[Event]]]
    measure: Measurement
    of: Test
    categories: frozenset[str]


def plans_of(stream: Stream, features: Sequence[Feature]) -> tuple[FeaturePlan, ...]:
    """The features of one stream made ready; equal conditions get one number."""
    numbers: dict[tuple[Condition, Scope], int] = {}
    plans = []
    for feature in features:
        where = feature.condition
        number = numbers.setdefault((where, feature.scope), len(numbers))
        test = None if where == ALWAYS else test_of(where)
        plans.append(
            FeaturePlan(
                feature,
                _Choice(number, test, feature.scope is Scope.REFERRAL, feature.window),
                FOLDS[feature.aggregator],
                _nothing if feature.value is None else measurement_of(feature.value, stream),
                _always if feature.of is None else test_of(feature.of),
                frozenset(feature.categories),
            )
        )
    return tuple(plans)


def _always(_row: Row, _as_of: date) -> bool:
    return True


def _nothing(_row: Row, _as_of: date) -> Scalar:
    return None


def _count(plan: FeaturePlan, fold: Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    return len(kept), kept


def _ever(plan: FeaturePlan, fold: Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    return bool(kept), kept


def _rate(plan: FeaturePlan, fold: Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    if not kept:
        return None, kept
    of, as_of = plan.of, fold.as_of
    return sum(1 for event in kept if of(event[2], as_of)) / len(kept), kept


def _days_since(plan: FeaturePlan, fold: Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    if not kept:
        return None, kept
    return fold.today - kept[-1].day, kept[-1:]


def _longest_gap(plan: FeaturePlan, fold: Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    days = sorted({event.day for event in kept})
    if len(days) < 2:
        return None, kept
    return max(later - earlier for earlier, later in pairwise(days)), kept


def _numbers(plan: FeaturePlan, fold: Fold) -> tuple[list[tuple[int, int]], Sequence[Event]]:
    kept = fold.keep(plan.choice)
    measure, as_of, today = plan.measure, fold.as_of, fold.today
    found = [(event.day - today, measure(event.row, as_of)) for event in kept]
    return [(day, int(value)) for day, value in found if value is not None], kept


def _sum(plan: FeaturePlan, fold: Fold) -> tuple[Scalar, Sequence[Event]]:
    numbers, kept = _numbers(plan, fold)
    return sum(value for _, value in numbers), kept


def _mean(plan: FeaturePlan, fold: Fold) -> tuple[Scalar, Sequence[Event]]:
    numbers, kept = _numbers(plan, fold)
    if not numbers:
        return None, kept
    return float(sum(value for _, value in numbers)) / float(len(numbers)), kept


def _max(plan: FeaturePlan, fold: Fold) -> tuple[Scalar, Sequence[Event]]:
    numbers, kept = _numbers(plan, fold)
    return max((value for _, value in numbers), default=None), kept


def _trend(plan: FeaturePlan, fold: Fold) -> tuple[Scalar, Sequence[Event]]:
    numbers, kept = _numbers(plan, fold)
    n = len(numbers)
    x = sum(day for day, _ in numbers)
    spread = n * sum(day * day for day, _ in numbers) - x * x
    if spread == 0:
        return None, kept
    y = sum(value for _, value in numbers)
    together = n * sum(day * value for day, value in numbers) - x * y
    return float(together * _DAYS_A_YEAR) / float(spread), kept


def _distinct(plan: FeaturePlan, fold: Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    measure, as_of = plan.measure, fold.as_of
    found = {measure(event.row, as_of) for event in kept}
    return len(found - {None}), kept


def _last(plan: FeaturePlan, fold: Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    if not kept:
        return None, kept
    return _coded(plan, plan.measure(kept[-1].row, fold.as_of)), kept[-1:]


def _previous(plan: FeaturePlan, fold: Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    if len(kept) < 2:
        return None, kept
    return _coded(plan, plan.measure(kept[-2].row, fold.as_of)), kept[-2:]


def _first(plan: FeaturePlan, fold: Fold) -> tuple[Scalar, Sequence[Event]]:
    kept = fold.keep(plan.choice)
    if not kept:
        return None, kept
    return _coded(plan, plan.measure(kept[0].row, fold.as_of)), kept[:1]


def _change_since(plan: FeaturePlan, fold: Fold) -> tuple[Scalar, Sequence[Event]]:
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


def _coded(plan: FeaturePlan, value: Scalar) -> Scalar:
    if plan.categories and value not in plan.categories:
        return None
    return value


FOLDS: Mapping[Aggregator, Callable[[FeaturePlan, Fold], tuple[Scalar, Sequence[Event]]]] = {
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
    Aggregator.PREVIOUS: _previous,
    Aggregator.VALUE_AT: _last,
    Aggregator.FIRST: _first,
    Aggregator.CHANGE_SINCE: _change_since,
}


def derive(feature: Derived, left: Scalar, right: Scalar) -> Scalar:
    """A feature made of two others; null where either is."""
    if left is None or right is None:
        return None
    assert not isinstance(left, str)
    assert not isinstance(right, str)
    if feature.operation is Operation.DIFFERENCE:
        return left - right
    return float(left) / float(right) if right != 0 else None
