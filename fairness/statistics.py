"""How large is a gap between two groups, how sure is it, and could it have been seen at all?

Counts come in, numbers come out; nothing here knows of people, stages or reports. A quantity that
is not defined (nobody in the group, no event in the comparison group) is `None`, never 0.

Sources: the Relative Rate Index as the Ministry of Justice publishes it (group rate over the
comparison group's rate); exact conditional interval: Przyborowski and Wilenski (1940), Clopper and
Pearson (1934); Wald interval: Katz et al. (1978); difference: Newcombe (1998), method 10;
stratified: Mantel and Haenszel (1959), Greenland and Robins (1985); many comparisons: Benjamini
and Hochberg (1995).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from catalogue.errors import UsageError

Method = Literal["exact", "wald"]
Floats = NDArray[np.float64]

CONFIDENCE = 0.95
POWER = 0.8


class CountError(UsageError, ValueError):
    """Counts that cannot be: negative, or more events than people."""


@dataclass(frozen=True, slots=True)
class RelativeRate:
    """A group's rate over the comparison group's, with its interval and p-value.

    `ratio` is None where it is undefined (nobody in one of the groups, or no event in the
    comparison group); `upper` is infinite where the data set no upper limit. Unpacks as
    `ratio, lower, upper`.
    """

    ratio: float | None
    lower: float | None
    upper: float | None
    p_value: float | None
    method: Method

    def __iter__(self) -> Iterator[float | None]:
        yield self.ratio
        yield self.lower
        yield self.upper

    @property
    def defined(self) -> bool:
        """Whether there is a ratio at all."""
        return self.ratio is not None


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate between two limits; all None where undefined. Unpacks in that order."""

    value: float | None
    lower: float | None
    upper: float | None

    def __iter__(self) -> Iterator[float | None]:
        yield self.value
        yield self.lower
        yield self.upper


UNDEFINED = Interval(None, None, None)


def relative_rate(
    a: float, n_a: float, b: float, n_b: float, method: Method = "exact", *, confidence: float = CONFIDENCE
) -> RelativeRate:
    """How many times the comparison group's rate is this group's rate?

    `a` of `n_a` people in the group and `b` of `n_b` in the comparison group had the event.
    "exact" conditions on a + b: given the total, `a` is binomial with odds ratio·n_a/n_b, so
    Clopper-Pearson limits of that share give the limits of the ratio. It holds its level at any
    size and is cautious where the event is common. "wald" is the log interval of Katz, for large
    counts. The p-value belongs to the interval: ratio = 1 lies outside it exactly when
    p < 1 - confidence. Raises `CountError` for impossible counts.
    """
    _check(a, n_a)
    _check(b, n_b)
    if method not in {"exact", "wald"}:
        raise CountError(f'The method of a relative rate is "exact" or "wald", not "{method}".')
    if not 0 < confidence < 1:
        raise CountError("The confidence of an interval lies between 0 and 1, for example 0.95.")
    if n_a == 0 or n_b == 0 or a + b == 0:
        return RelativeRate(None, None, None, None, method)
    if method == "wald":
        return _wald(a, n_a, b, n_b, confidence=confidence)
    return _exact(a, n_a, b, n_b, confidence=confidence)


def _check(events: float, people: float) -> None:
    if not (math.isfinite(events) and math.isfinite(people)) or events < 0 or events > people:
        raise CountError(
            f"A count of events must lie between 0 and the count of people: {events} of {people}."
        )


def _exact(a: float, n_a: float, b: float, n_b: float, *, confidence: float) -> RelativeRate:
    from scipy.special import betainc, betaincinv

    ratio = (a / n_a) / (b / n_b) if b > 0 else None
    tail = (1 - confidence) / 2
    share_lower = float(betaincinv(a, b + 1, tail)) if a > 0 else 0.0
    share_upper = float(betaincinv(a + 1, b, 1 - tail)) if b > 0 else 1.0
    lower = share_lower / (1 - share_lower) * n_b / n_a
    upper = share_upper / (1 - share_upper) * n_b / n_a if share_upper < 1 else math.inf
    null = n_a / (n_a + n_b)
    at_least = float(betainc(a, b + 1, null)) if a > 0 else 1.0
    at_most = float(betainc(b, a + 1, 1 - null)) if b > 0 else 1.0  # the complement, exact in the tail too
    return RelativeRate(ratio, lower, upper, min(1.0, 2 * min(at_least, at_most)), "exact")


def _wald(a: float, n_a: float, b: float, n_b: float, *, confidence: float) -> RelativeRate:
    ratio = (a / n_a) / (b / n_b) if b > 0 else None
    if a == 0 or ratio is None:  # the logarithm has no variance here
        return RelativeRate(ratio, None, None, None, "wald")
    error = math.sqrt(max(0.0, 1 / a - 1 / n_a + 1 / b - 1 / n_b))
    centre = math.log(ratio)
    if error == 0:  # everybody in both groups
        return RelativeRate(ratio, ratio, ratio, 1.0, "wald")
    z = normal_quantile((1 + confidence) / 2)
    p_value = math.erfc(abs(centre) / error / math.sqrt(2))
    return RelativeRate(ratio, math.exp(centre - z * error), math.exp(centre + z * error), p_value, "wald")


def normal_quantile(probability: float) -> float:
    """The standard normal value below which `probability` lies."""
    from scipy.special import ndtri

    return float(ndtri(probability))


def rate(events: float, people: float, *, confidence: float = CONFIDENCE) -> Interval:
    """What share had the event, with the Wilson interval; undefined where there is nobody."""
    _check(events, people)
    if people == 0:
        return UNDEFINED
    z = normal_quantile((1 + confidence) / 2)
    share = events / people
    centre = (share + z * z / (2 * people)) / (1 + z * z / people)
    half = z / (1 + z * z / people) * math.sqrt(share * (1 - share) / people + z * z / (4 * people**2))
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half))


def difference(a: float, n_a: float, b: float, n_b: float, *, confidence: float = CONFIDENCE) -> Interval:
    """By how much does the group's rate differ from the comparison group's (Newcombe's hybrid score interval)?"""
    first, second = rate(a, n_a, confidence=confidence), rate(b, n_b, confidence=confidence)
    if first.value is None or second.value is None:
        return UNDEFINED
    assert first.lower is not None
    assert first.upper is not None
    assert second.lower is not None
    assert second.upper is not None
    gap = first.value - second.value
    down = math.hypot(first.value - first.lower, second.upper - second.value)
    up = math.hypot(first.upper - first.value, second.value - second.lower)
    return Interval(gap, gap - down, gap + up)


def minimum_detectable_gap(
    n_a: float,
    n_b: float,
    reference_rate: float | None,
    *,
    confidence: float = CONFIDENCE,
    power: float = POWER,
) -> float | None:
    """The smallest gap in rate that this many people would have shown, four times in five.

    In rate points, upwards from `reference_rate` where there is room and downwards otherwise, for
    a two-sided test. None where nobody is in a group, or where no gap at all could be seen.
    """
    if n_a <= 0 or n_b <= 0 or reference_rate is None:
        return None
    z = normal_quantile((1 + confidence) / 2)
    z_power = normal_quantile(power)

    def shortfall(gap: float, sign: int) -> float:
        other = reference_rate + sign * gap
        pooled = (other * n_a + reference_rate * n_b) / (n_a + n_b)
        level = z * math.sqrt(max(0.0, pooled * (1 - pooled)) * (1 / n_a + 1 / n_b))
        spread = other * (1 - other) / n_a + reference_rate * (1 - reference_rate) / n_b
        return gap - level - z_power * math.sqrt(max(0.0, spread))

    for sign, room in ((1, 1 - reference_rate), (-1, reference_rate)):
        if room > 0 and shortfall(room, sign) >= 0:
            low, high = 0.0, room
            for _ in range(60):
                middle = (low + high) / 2
                low, high = (low, middle) if shortfall(middle, sign) >= 0 else (middle, high)
            return high
    return None


def benjamini_hochberg(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """What are these p-values worth, given how many comparisons were made?

    Adjusted p-values in the order given; a missing p-value stays missing and counts for nothing.
    """
    present = sorted((p, place) for place, p in enumerate(p_values) if p is not None and not math.isnan(p))
    adjusted: list[float | None] = [None] * len(p_values)
    running = 1.0
    for rank in range(len(present), 0, -1):
        p, place = present[rank - 1]
        running = min(running, p * len(present) / rank)
        adjusted[place] = running
    return tuple(adjusted)


def design_effect(
    *,
    events: float,
    rows: float,
    persons: int,
    squared_events: float,
    events_by_rows: float,
    squared_rows: float,
) -> float:
    """How much less is a row worth because people have several?

    The variance of the rate with people drawn whole, over the variance with rows drawn one by one. Never under 1, and
    1 where it is undefined.

    Args:
        events: events of all persons.
        rows: rows of all persons.
        persons: how many persons there are.
        squared_events: the sum over persons of their events, squared.
        events_by_rows: the sum over persons of their events times their rows.
        squared_rows: the sum over persons of their rows, squared.
    """
    if persons < 2 or persons == rows:
        return 1.0
    share = events / rows
    if share in {0.0, 1.0}:
        return max(1.0, squared_rows / rows)  # nothing varies: as if all rows of a person said the same
    between = (
        (squared_events - 2 * share * events_by_rows + share**2 * squared_rows) * persons / (persons - 1)
    )
    return max(1.0, between / (rows * share * (1 - share)))


def stratified_relative_rate(
    a: Floats, n_a: Floats, b: Floats, n_b: Floats, *, inflation: float = 1.0, confidence: float = CONFIDENCE
) -> RelativeRate:
    """How many times the comparison group's rate is this group's, among people alike in the strata?

    One entry a stratum (for example a need band within a risk band). Mantel-Haenszel ratio, its
    Greenland-Robins interval, and the Mantel-Haenszel test. Strata without both groups say nothing
    and count for nothing. `inflation` is a design effect: it widens the variance.
    """
    both = (n_a > 0) & (n_b > 0)
    a, n_a, b, n_b = a[both], n_a[both], b[both], n_b[both]
    people = n_a + n_b
    if not len(people) or float((a + b).sum()) == 0:
        return RelativeRate(None, None, None, None, "wald")
    over, under = float((a * n_b / people).sum()), float((b * n_a / people).sum())
    events = a + b
    wide = people > 1
    spread = np.zeros_like(people)
    spread[wide] = (n_a * n_b * events * (people - events))[wide] / (people**2 * (people - 1))[wide]
    variance = float(spread.sum()) * inflation
    surprise = float((a - events * n_a / people).sum())
    p_value = math.erfc(abs(surprise) / math.sqrt(variance) / math.sqrt(2)) if variance > 0 else None
    if under == 0:
        return RelativeRate(None, None, None, p_value, "wald")
    ratio = over / under
    if over == 0:
        return RelativeRate(ratio, None, None, p_value, "wald")
    numerator = float(((events * n_a * n_b - a * b * people) / people**2).sum())
    error = math.sqrt(max(0.0, numerator / (over * under)) * inflation)
    z = normal_quantile((1 + confidence) / 2)
    return RelativeRate(ratio, ratio * math.exp(-z * error), ratio * math.exp(z * error), p_value, "wald")


def expected_events(n_a: Floats, b: Floats, n_b: Floats) -> tuple[float, float]:
    """How many events would the group have had at the comparison group's rates, stratum by stratum?

    Returns the expected events and the people in strata where the comparison group is present:
    indirect standardisation, in plain counts.
    """
    both = (n_a > 0) & (n_b > 0)
    return float((n_a[both] * b[both] / n_b[both]).sum()), float(n_a[both].sum())
