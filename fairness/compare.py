"""Is a group treated differently from its comparison group, how differently, and how sure is that?

One function turns a stage's frame (a row a person, referral or decision point) and a measure into
a table of groups with rates and comparisons. Adjustment for the many comparisons and suppression
come after, over the whole report at once (`settle`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import polars as pl

from fairness import statistics
from fairness.characteristics import APART, NOT_RECORDED, Characteristic
from fairness.measures import Measure
from fairness.policy import Policy
from fairness.suppression import EVERYBODY, Cell, Ledger, group


class GroupStatus(StrEnum):
    """What the report can say about a group."""

    COMPARED = "COMPARED"
    REFERENCE = "REFERENCE"
    SHOWN = "SHOWN"
    LITTLE_RECORDED = "LITTLE_RECORDED"
    UNDEFINED = "UNDEFINED"
    SUPPRESSED = "SUPPRESSED"


class GapReading(StrEnum):
    """How a comparison reads. Each of the five is said in a sentence of its own."""

    GAP = "GAP"
    SMALL = "SMALL"
    ALIKE = "ALIKE"
    UNSURE = "UNSURE"
    UNCLEAR = "UNCLEAR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One group in one measure. Numbers are None where undefined or suppressed; `status` says which.

    `count` of `people` had the event. `ratio` is the relative rate over `reference`; `alike_…` is
    the same among people alike in need, risk, sentence type and region, where the measure asks for
    it. `expected` is how many events the group would have had at the reference's rates (among
    people alike where asked for). `design_effect` above 1 says that people have several rows and
    intervals were widened for it.
    """

    measure: Measure
    characteristic: str
    group: str
    reference: str
    status: GroupStatus
    count: int | None
    people: int | None
    reference_count: int | None
    reference_people: int | None
    rate: float | None
    rate_lower: float | None
    rate_upper: float | None
    ratio: float | None
    ratio_lower: float | None
    ratio_upper: float | None
    method: str | None
    p_value: float | None
    difference: float | None
    difference_lower: float | None
    difference_upper: float | None
    minimum_detectable_gap: float | None
    expected: float | None
    alike_ratio: float | None = None
    alike_lower: float | None = None
    alike_upper: float | None = None
    alike_p: float | None = None
    p_adjusted: float | None = None
    design_effect: float = 1.0
    reading: GapReading | None = None
    cells: tuple[Cell, ...] = ()

    @property
    def id(self) -> str:
        """Name of the disparity, stable from report to report: measure, characteristic, group, reference."""
        return ":".join(
            part.lower().replace(" ", "-").replace(",", "")
            for part in (self.measure.id, self.characteristic, self.group, f"vs-{self.reference}")
        )

    @property
    def judged(self) -> tuple[float | None, float | None, float | None, float | None]:
        """Ratio, limits and p-value that the gate looks at: among people alike where the measure asks for it."""
        if self.measure.alike:
            return self.alike_ratio, self.alike_lower, self.alike_upper, self.alike_p
        return self.ratio, self.ratio_lower, self.ratio_upper, self.p_value

    @property
    def gap(self) -> float | None:
        """Rate points between what happened and what the comparison group's rates would have given."""
        if self.count is None or self.people is None or self.expected is None or self.people == 0:
            return None
        return (self.count - self.expected) / self.people

    @property
    def people_affected(self) -> float | None:
        """How many people more (or fewer, negative) than at the comparison group's rates."""
        return None if self.count is None or self.expected is None else self.count - self.expected


@dataclass(frozen=True, slots=True)
class _Counts:
    events: float
    people: float
    deff: float


def compare(
    frame: pl.DataFrame,
    measure: Measure,
    characteristic: Characteristic,
    *,
    policy: Policy,
    conditions: Sequence[str] = (),
    person: str | None = "crn",
    ledger: Ledger | None = None,
    within: Mapping[str, str] | None = None,
) -> tuple[Comparison, ...]:
    """How does each group of a characteristic compare with the comparison group, in one measure?

    `frame` has the measure's column (its id, boolean or null), the characteristic's column, the
    `conditions` and, where people may have several rows, the `person` column. Counts are entered
    in the `ledger`; `within` names the larger group that the frame is limited to. A comparison
    group that is not in the data is replaced by the largest recorded group.
    """
    wanted = dict.fromkeys((measure.id, characteristic.name, *conditions, *([person] if person else ())))
    rows = frame.select(name for name in wanted if name in frame.columns).drop_nulls(
        [measure.id, characteristic.name]
    )
    if rows.is_empty():
        return ()
    tallies = _tally(rows, measure.id, characteristic.name, person)
    if ledger is not None:
        _enter(ledger, measure, characteristic, tallies, within or {})
    reference = _reference(characteristic, tallies)
    known = sum(count.people for name, count in tallies.items() if name not in APART)
    enough = known / sum(count.people for count in tallies.values()) >= policy.recorded_share
    strata = (
        _strata(rows, measure.id, characteristic.name, conditions) if measure.alike and conditions else None
    )
    made = []
    for name in _ordered(characteristic, tallies):
        status = _status(name, reference, enough=enough)
        made.append(
            _one(
                measure=measure,
                characteristic=characteristic,
                name=name,
                reference=reference,
                status=status,
                tallies=tallies,
                strata=strata,
                policy=policy,
                within=within or {},
            )
        )
    return tuple(made)


def _tally(rows: pl.DataFrame, event: str, by: str, person: str | None) -> dict[str, _Counts]:
    if person is None or person not in rows.columns or rows[person].n_unique() == len(rows):
        counted = rows.group_by(by).agg(a=pl.col(event).sum(), n=pl.len())
        return {str(name): _Counts(float(a), float(n), 1.0) for name, a, n in counted.iter_rows()}
    each = rows.group_by(by, person).agg(a=pl.col(event).sum(), n=pl.len())
    a, n = pl.col("a").cast(pl.Float64), pl.col("n").cast(pl.Float64)
    counted = each.group_by(by).agg(
        a.sum().alias("events"),
        n.sum().alias("rows"),
        pl.len().alias("persons"),
        (a * a).sum().alias("squared_events"),
        (a * n).sum().alias("events_by_rows"),
        (n * n).sum().alias("squared_rows"),
    )
    found = {str(sums.pop(by)): sums for sums in counted.iter_rows(named=True)}
    return {
        name: _Counts(sums["events"], sums["rows"], statistics.design_effect(**sums))
        for name, sums in found.items()
    }


def _reference(characteristic: Characteristic, tallies: Mapping[str, _Counts]) -> str:
    if characteristic.reference in tallies:
        return characteristic.reference
    recorded = sorted((-count.people, name) for name, count in tallies.items() if name not in APART)
    return recorded[0][1] if recorded else characteristic.reference


def _ordered(characteristic: Characteristic, names: Iterable[str]) -> list[str]:
    place = {name: number for number, name in enumerate(characteristic.order)}
    return sorted(names, key=lambda name: (name == NOT_RECORDED, name in APART, place.get(name, 999), name))


def _status(name: str, reference: str, *, enough: bool) -> GroupStatus:
    if name in APART:
        return GroupStatus.SHOWN
    if not enough:
        return GroupStatus.LITTLE_RECORDED
    return GroupStatus.REFERENCE if name == reference else GroupStatus.COMPARED


def _strata(
    rows: pl.DataFrame, event: str, by: str, conditions: Sequence[str]
) -> dict[str, tuple[statistics.Floats, statistics.Floats]]:
    """Events and people of each group, aligned over the same strata."""
    counted = rows.group_by(by, *conditions).agg(a=pl.col(event).sum(), n=pl.len())
    numbered = counted.with_columns(stratum=pl.struct(conditions).rank("dense").cast(pl.Int64) - 1)
    size = int(numbered["stratum"].max()) + 1  # type: ignore[arg-type]  # a frame with rows has a maximum
    found: dict[str, tuple[statistics.Floats, statistics.Floats]] = {}
    for (name,), part in numbered.group_by(by):
        events, people = np.zeros(size), np.zeros(size)
        events[part["stratum"].to_numpy()] = part["a"].to_numpy()
        people[part["stratum"].to_numpy()] = part["n"].to_numpy()
        found[str(name)] = (events, people)
    return found


def _one(
    *,
    measure: Measure,
    characteristic: Characteristic,
    name: str,
    reference: str,
    status: GroupStatus,
    tallies: Mapping[str, _Counts],
    strata: Mapping[str, tuple[statistics.Floats, statistics.Floats]] | None,
    policy: Policy,
    within: Mapping[str, str],
) -> Comparison:
    mine = tallies[name]
    rate = statistics.rate(mine.events / mine.deff, mine.people / mine.deff, confidence=policy.confidence)
    key = group(**{**within, **characteristic.key(name)})
    cells: tuple[Cell, ...] = ((measure.event_set, key), (measure.among_set, key))
    made = Comparison(
        measure=measure, characteristic=characteristic.name, group=name, reference=reference, status=status,
        count=int(mine.events), people=int(mine.people), reference_count=None, reference_people=None,
        rate=rate.value, rate_lower=rate.lower, rate_upper=rate.upper,
        ratio=None, ratio_lower=None, ratio_upper=None, method=None, p_value=None,
        difference=None, difference_lower=None, difference_upper=None, minimum_detectable_gap=None,
        expected=None, design_effect=max(mine.deff, 1.0), cells=cells,
    )  # fmt: skip
    if status is not GroupStatus.COMPARED:
        return made
    other = tallies[reference]
    other_key = group(**{**within, **characteristic.key(reference)})
    sizes = (
        mine.events / mine.deff,
        mine.people / mine.deff,
        other.events / other.deff,
        other.people / other.deff,
    )
    method = _method(sizes, policy)
    ratio = statistics.relative_rate(*sizes, method=method, confidence=policy.confidence)
    gap = statistics.difference(*sizes, confidence=policy.confidence)
    other_rate = other.events / other.people
    made = replace(
        made,
        status=GroupStatus.COMPARED if ratio.defined else GroupStatus.UNDEFINED,
        reference_count=int(other.events),
        reference_people=int(other.people),
        ratio=ratio.ratio,
        ratio_lower=ratio.lower,
        ratio_upper=None if ratio.upper is None or np.isinf(ratio.upper) else ratio.upper,
        method=ratio.method,
        p_value=ratio.p_value,
        difference=gap.value,
        difference_lower=gap.lower,
        difference_upper=gap.upper,
        minimum_detectable_gap=statistics.minimum_detectable_gap(
            sizes[1], sizes[3], other_rate, confidence=policy.confidence, power=policy.power
        ),
        expected=other_rate * mine.people,
        cells=(*cells, (measure.event_set, other_key), (measure.among_set, other_key)),
    )
    if strata is None:
        return made
    events, people = strata[name]
    other_events, other_people = strata[reference]
    alike = statistics.stratified_relative_rate(
        events, people, other_events, other_people,
        inflation=max(mine.deff, other.deff), confidence=policy.confidence,
    )  # fmt: skip
    expected, matched = statistics.expected_events(people, other_events, other_people)
    return replace(
        made,
        alike_ratio=alike.ratio,
        alike_lower=alike.lower,
        alike_upper=alike.upper,
        alike_p=alike.p_value,
        expected=expected * mine.people / matched if matched else None,
    )


def _method(sizes: tuple[float, float, float, float], policy: Policy) -> statistics.Method:
    a, n_a, b, n_b = sizes
    return "wald" if min(a, n_a - a, b, n_b - b) >= policy.wald_from else "exact"


def _enter(
    ledger: Ledger,
    measure: Measure,
    characteristic: Characteristic,
    tallies: Mapping[str, _Counts],
    within: Mapping[str, str],
) -> None:
    """Enter a breakdown and the sums it takes part in."""
    outer = group(**within) if within else EVERYBODY
    parts: dict[str, list[Cell]] = {measure.event_set: [], measure.among_set: []}
    fine = characteristic.detail_of is not None or bool(characteristic.parts)
    for name, count in sorted(tallies.items()):
        key = group(**{**within, **characteristic.key(name)})
        ledger.enter((measure.among_set, key), int(count.people), fine=fine)
        ledger.enter((measure.event_set, key), int(count.events), fine=fine)
        ledger.split((measure.among_set, key), (measure.event_set, key), rest_set=measure.rest_set)
        parts[measure.among_set].append((measure.among_set, key))
        parts[measure.event_set].append((measure.event_set, key))
    if characteristic.only or characteristic.parts:
        return  # the parts are some of the people only: their total is nowhere else
    for name, cells in parts.items():
        ledger.enter((name, outer), sum(ledger.count(cell) for cell in cells))
        ledger.add_up((name, outer), cells)
    ledger.split((measure.among_set, outer), (measure.event_set, outer), rest_set=measure.rest_set)


def nest(ledger: Ledger, measure: Measure, characteristic: Characteristic, frame: pl.DataFrame) -> None:
    """Say how a finer cut adds up to the coarser one (19 ethnic groups to the main groups)."""
    if characteristic.detail_of is None:
        return
    coarse = characteristic.detail_of
    rows = frame.filter(pl.col(measure.id).is_not_null())
    pairs = rows.group_by(coarse).agg(pl.col(characteristic.name).unique().sort())
    for upper, finer in pairs.sort(coarse).iter_rows():
        for name in (measure.event_set, measure.among_set):
            ledger.add_up(
                (name, group(**{coarse: upper})),
                [(name, group(**{characteristic.name: each})) for each in finer],
            )


def cross(
    ledger: Ledger,
    measure: Measure,
    crossed: Characteristic,
    made: Sequence[Comparison],
    *,
    only: str | None = None,
) -> None:
    """Say how the cells of an intersection add up to its margins, which have to be entered before.

    `only` names the one part that is summed over, where the other margins are not entered. People who
    are not recorded in one part make up the rest of a margin. That is a cell of its own,
    because it can be worked out.
    """
    for dropped in crossed.parts if only is None else (only,):
        margins: dict[tuple[tuple[str, str], ...], list[Comparison]] = {}
        for each in made:
            levels = crossed.key(each.group)
            del levels[dropped]
            margins.setdefault(group(**levels), []).append(each)
        for margin, members in sorted(margins.items()):
            for name, place in ((measure.event_set, 0), (measure.among_set, 1)):
                cells = [each.cells[place] for each in members]
                rest: Cell = (f"{name} without a record of {dropped}", group(**crossed_key(crossed, margin)))
                unrecorded = ledger.count((name, margin)) - sum(ledger.count(cell) for cell in cells)
                if unrecorded:
                    ledger.enter(rest, unrecorded, fine=True)
                    cells.append(rest)
                ledger.add_up((name, margin), cells)


def crossed_key(crossed: Characteristic, margin: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """A margin's levels, told apart from the same margin of another intersection."""
    return {**dict(margin), "of": crossed.name}


def settle(comparisons: Sequence[Comparison], ledger: Ledger, *, policy: Policy) -> tuple[Comparison, ...]:
    """Wipe what must not be published, adjust for the number of comparisons, and say how each reads."""
    kept = [wiped(each) if ledger.hidden(*each.cells) else each for each in comparisons]
    compared = [each.status is GroupStatus.COMPARED for each in kept]
    p_values = [
        each.judged[3] if is_compared else None for each, is_compared in zip(kept, compared, strict=True)
    ]
    adjusted = statistics.benjamini_hochberg(p_values)
    return tuple(
        replace(each, p_adjusted=p, reading=_reading(replace(each, p_adjusted=p), policy))
        if is_compared
        else each
        for each, p, is_compared in zip(kept, adjusted, compared, strict=True)
    )


def wiped(each: Comparison) -> Comparison:
    """A comparison without any number: something in it is suppressed."""
    blank = dict.fromkeys(("count", "people", "reference_count", "reference_people", "rate", "rate_lower", "rate_upper", "ratio", "ratio_lower", "ratio_upper", "method", "p_value", "difference", "difference_lower", "difference_upper", "minimum_detectable_gap", "expected", "alike_ratio", "alike_lower", "alike_upper", "alike_p"))  # fmt: skip
    return replace(each, status=GroupStatus.SUPPRESSED, design_effect=1.0, **blank)  # type: ignore[arg-type]


def _reading(each: Comparison, policy: Policy) -> GapReading:
    ratio, lower, upper, p_value = each.judged
    low, high = policy.band
    # Not seeing a gap and seeing one that is not certain are different things to say.
    open_end = GapReading.UNCLEAR if ratio is None or low <= ratio <= high else GapReading.UNSURE
    if ratio is None or lower is None or upper is None or p_value is None:
        return open_end
    sure = each.p_adjusted is not None and each.p_adjusted < 1 - policy.confidence
    if sure and (upper < low or lower > high):
        return GapReading.GAP if practical(each, policy) else GapReading.SMALL
    if lower >= low and upper <= high:
        return GapReading.ALIKE
    return GapReading.SMALL if sure else open_end


def practical(each: Comparison, policy: Policy) -> bool:
    """Whether the gap is large enough to matter: in rate points and in people."""
    gap, affected = each.gap, each.people_affected
    if gap is None or affected is None:
        return False
    return abs(gap) >= policy.practical_points and abs(affected) >= policy.practical_people
