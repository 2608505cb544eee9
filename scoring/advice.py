"""What is said about each intervention for one person: suggested, comparable, or not, and why.

A pure function of facts that others have found: eligibility and the order of choice (the
catalogue), feasibility (the directory), the assessed need an intervention meets, and the
effect with its interval and support (the benefit head). The same rules are written twice:
`advise` reads one person's candidates, `advise_arrays` everybody's at once; a test holds the
two together.

The rules, in the order in which they bind:

1. Not ELIGIBLE by the rules: NOT_ELIGIBLE. No effect can lift it.
2. It is under way already, the order of choice warns against it (intensive work at low risk), it
   cannot be had in time or in reach, or it meets no assessed need: NOT_ADVISED.
3. There is a model and it knows too few people like this one: TOO_FEW_SIMILAR.
4. The whole interval of its effect lies below nought: NOT_ADVISED.
5. Where any effect is clear (its lower bound is above supervision as usual), each assessed need
   with a clear effect has one leader: of the clear effects that overlap the best one, the earliest
   in the order of choice; and before it whatever stands on an earlier step of that order (a
   programme before a service) and overlaps the best one too, clear or not, so that noise never
   overturns the order. At most three leaders, ranked by lower bound, are SUGGESTED: on the ground of
   EFFECT where their own effect is clear, else on that of RULES. What overlaps the need's best
   clear effect is COMPARABLE; what lies clearly below it is NOT_ADVISED.
6. Where no effect is clear, or there is no model, the order of choice alone leads: the first for
   each assessed need is SUGGESTED on the ground of RULES, at most three; the rest is COMPARABLE.

Ties fall by intervention id, so that the same facts always give the same advice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import numpy.typing as npt

from catalogue.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

MOST_SUGGESTED: Final = 3


class Verdict(StrEnum):
    """The five things that can be said of an intervention (column `advice` of the suggestions)."""

    SUGGESTED = "SUGGESTED"
    COMPARABLE = "COMPARABLE"
    TOO_FEW_SIMILAR = "TOO_FEW_SIMILAR"
    NOT_ADVISED = "NOT_ADVISED"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"


class Grounds(StrEnum):
    """On what a suggestion rests: a clear effect, or the order of choice alone."""

    EFFECT = "EFFECT"
    RULES = "RULES"


class Why(StrEnum):
    """The code of the rule that settled the advice."""

    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    NEARLY_ELIGIBLE = "NEARLY_ELIGIBLE"
    MISSING_INFORMATION = "MISSING_INFORMATION"
    UNDER_WAY = "UNDER_WAY"
    ORDER_OF_CHOICE = "ORDER_OF_CHOICE"
    NOT_FEASIBLE = "NOT_FEASIBLE"
    NO_ASSESSED_NEED = "NO_ASSESSED_NEED"
    TOO_FEW_SIMILAR = "TOO_FEW_SIMILAR"
    EFFECT_BELOW_USUAL = "EFFECT_BELOW_USUAL"
    CLEAR_EFFECT = "CLEAR_EFFECT"
    INTERVALS_OVERLAP = "INTERVALS_OVERLAP"
    CLEARLY_SMALLER_EFFECT = "CLEARLY_SMALLER_EFFECT"
    FIRST_BY_RULES = "FIRST_BY_RULES"
    NO_CLEAR_DIFFERENCE = "NO_CLEAR_DIFFERENCE"


_BY_STATUS: Final[Mapping[str, Why]] = {
    "NEARLY": Why.NEARLY_ELIGIBLE,
    "MISSING_INFORMATION": Why.MISSING_INFORMATION,
    "NOT_ELIGIBLE": Why.NOT_ELIGIBLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One intervention for one person, with everything the advice rests on.

    `order` is the place in the order of choice (lower is earlier; equal places are allowed), `step`
    the step of that order it stands on (lower is earlier; by default all stand on one),
    `not_advised` the order of choice's warning or None, `need` the assessed need that it meets
    first (None: none), `feasible` None where there is no directory, `under_way` whether the person is
    on it already. `effect`, `lower` and `upper`
    are differences in the chance of progress against supervision as usual, `support` is
    SUPPORTED, THIN or NONE; all four are None where no model speaks of it.
    """

    intervention_id: str
    eligibility: str
    order: int
    need: str | None
    feasible: bool | None = None
    not_advised: str | None = None
    under_way: bool = False
    step: int = 0
    effect: float | None = None
    lower: float | None = None
    upper: float | None = None
    support: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be: an unknown status, or an interval that is not one."""
        if self.eligibility != "ELIGIBLE" and self.eligibility not in _BY_STATUS:
            raise UsageError(
                f"{self.intervention_id} has the eligibility {self.eligibility!r}; "
                f"it must be ELIGIBLE, {', '.join(_BY_STATUS)}."
            )
        known = [value is not None for value in (self.effect, self.lower, self.upper, self.support)]
        if any(known) and not all(known):
            raise UsageError(
                f"{self.intervention_id} has part of an effect; give effect, lower, upper and support, or none."
            )
        if self.lower is not None and self.upper is not None and not self.lower <= self.upper:
            raise UsageError(f"{self.intervention_id} has a lower bound above its upper bound.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What is said of one intervention.

    `rank` is 1, 2 or 3 for what is SUGGESTED and None for the rest; `position` orders all of a
    person's interventions for display (suggested, comparable, too few similar, not advised, not
    eligible; within each by order of choice); `grounds` is set where suggested.
    """

    intervention_id: str
    advice: Verdict
    rank: int | None
    position: int
    grounds: Grounds | None
    need: str | None
    why: Why


def advise(candidates: Iterable[Candidate]) -> tuple[Advice, ...]:
    """Which interventions to suggest to one person, and what to say of the others.

    Returns one advice a candidate, in order of `position`. At most three are SUGGESTED. The
    answer depends on the candidates only, not on the order in which they come.
    """
    ordered = sorted(candidates, key=lambda c: (c.order, c.intervention_id))
    ids = [c.intervention_id for c in ordered]
    if len(set(ids)) != len(ids):
        raise UsageError("An intervention comes twice among one person's candidates; give each once.")
    modelled = any(c.support is not None for c in ordered)
    settled: dict[str, tuple[Verdict, Why]] = {}
    undecided: list[Candidate] = []
    for candidate in ordered:
        early = _settle(candidate, modelled=modelled)
        if early is None:
            undecided.append(candidate)
        else:
            settled[candidate.intervention_id] = early
    best = _best_clear(undecided)
    leaders = _leaders_by_effect(undecided, best) if best else _leaders_by_rules(undecided)
    suggested = leaders[:MOST_SUGGESTED]
    ranks = {c.intervention_id: rank for rank, c in enumerate(suggested, start=1)}
    led = {c.need for c in suggested}
    for candidate in undecided:
        if candidate.intervention_id in ranks:
            clear = bool(best) and _is_clear(candidate)
            why = Why.CLEAR_EFFECT if clear else Why.FIRST_BY_RULES
            settled[candidate.intervention_id] = Verdict.SUGGESTED, why
        else:
            need = candidate.need if candidate.need in led else suggested[0].need
            settled[candidate.intervention_id] = _beside_the_leaders(candidate, level=best.get(need))
    placed = sorted(
        ordered,
        key=lambda c: (
            _SHELF[settled[c.intervention_id][0]],
            ranks.get(c.intervention_id, 0),
            c.order,
            c.intervention_id,
        ),
    )
    return tuple(
        Advice(
            intervention_id=c.intervention_id,
            advice=settled[c.intervention_id][0],
            rank=ranks.get(c.intervention_id),
            position=position,
            grounds=_GROUNDS.get(settled[c.intervention_id][1]),
            need=c.need,
            why=settled[c.intervention_id][1],
        )
        for position, c in enumerate(placed, start=1)
    )


_GROUNDS: Final[Mapping[Why, Grounds]] = {
    Why.CLEAR_EFFECT: Grounds.EFFECT,
    Why.FIRST_BY_RULES: Grounds.RULES,
}
_SHELF: Final[Mapping[Verdict, int]] = {verdict: place for place, verdict in enumerate(Verdict)}


def _settle(candidate: Candidate, *, modelled: bool) -> tuple[Verdict, Why] | None:
    """Rules 1 to 4: what one candidate's own facts settle, whatever the others are."""
    if candidate.eligibility != "ELIGIBLE":
        return Verdict.NOT_ELIGIBLE, _BY_STATUS[candidate.eligibility]
    against = (
        (candidate.under_way, Verdict.NOT_ADVISED, Why.UNDER_WAY),
        (candidate.not_advised is not None, Verdict.NOT_ADVISED, Why.ORDER_OF_CHOICE),
        (candidate.feasible is False, Verdict.NOT_ADVISED, Why.NOT_FEASIBLE),
        (candidate.need is None, Verdict.NOT_ADVISED, Why.NO_ASSESSED_NEED),
        (
            modelled and (candidate.support is None or candidate.support == "NONE"),
            Verdict.TOO_FEW_SIMILAR,
            Why.TOO_FEW_SIMILAR,
        ),
        (
            candidate.upper is not None and candidate.upper < 0,
            Verdict.NOT_ADVISED,
            Why.EFFECT_BELOW_USUAL,
        ),
    )
    return next(((verdict, why) for holds, verdict, why in against if holds), None)


def _is_clear(candidate: Candidate) -> bool:
    return candidate.lower is not None and candidate.lower > 0


def _bound(candidate: Candidate) -> float:
    return -np.inf if candidate.lower is None else candidate.lower


def _best_clear(undecided: Sequence[Candidate]) -> dict[str | None, float]:
    """The highest lower bound among each need's clear effects; empty where no effect is clear."""
    best: dict[str | None, float] = {}
    for candidate in undecided:
        if _is_clear(candidate):
            best[candidate.need] = max(_bound(candidate), best.get(candidate.need, -np.inf))
    return best


def _leaders_by_effect(undecided: Sequence[Candidate], best: Mapping[str | None, float]) -> list[Candidate]:
    """One leader for each need with a clear effect, ranked by lower bound."""
    leaders = []
    for need, bound in best.items():
        level = [c for c in undecided if c.need == need and c.upper is not None and c.upper >= bound]
        first = next_in_order(c for c in level if _is_clear(c))
        leaders.append(next_in_order([c for c in level if c.step < first.step] or [first]))
    return sorted(leaders, key=lambda c: (-_bound(c), c.order, c.intervention_id))


def next_in_order(candidates: Iterable[Candidate]) -> Candidate:
    """The first by order of choice, then by the higher lower bound, then by id."""
    return min(candidates, key=lambda c: (c.order, -_bound(c), c.intervention_id))


def _leaders_by_rules(undecided: Sequence[Candidate]) -> list[Candidate]:
    """The first for each need, by order of choice and then by id (the candidates come so ordered)."""
    first: dict[str | None, Candidate] = {}
    for candidate in undecided:
        first.setdefault(candidate.need, candidate)
    return list(first.values())


def _beside_the_leaders(candidate: Candidate, *, level: float | None) -> tuple[Verdict, Why]:
    """Rules 5 and 6 for what leads no need: level with the need's best clear effect, or clearly below it."""
    if level is None:
        return Verdict.COMPARABLE, Why.NO_CLEAR_DIFFERENCE
    if candidate.upper is not None and candidate.upper >= level:
        return Verdict.COMPARABLE, Why.INTERVALS_OVERLAP
    return Verdict.NOT_ADVISED, Why.CLEARLY_SMALLER_EFFECT


VERDICTS: Final[tuple[Verdict, ...]] = tuple(Verdict)
WHYS: Final[tuple[Why, ...]] = tuple(Why)
STATUSES: Final = ("ELIGIBLE", "NEARLY", "MISSING_INFORMATION", "NOT_ELIGIBLE")
SUPPORTS: Final = ("SUPPORTED", "THIN", "NONE")

_T = TypeVar("_T", bound=np.generic)
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class AdviceArrays:
    """The advice of many people: arrays [people, interventions] in the order of the ids.

    `advice` holds places in `VERDICTS`, `why` places in `WHYS`, `rank` 1…3 or 0 where not
    suggested; `by_effect` says where a suggestion rests on a clear effect.
    """

    advice: Codes
    why: Codes
    rank: Codes
    by_effect: Flags


def advise_arrays(
    *,
    ids: Sequence[str],
    eligibility: Codes,
    order: npt.NDArray[np.int64],
    need: npt.NDArray[np.int64],
    feasible: Codes,
    not_advised: Flags,
    under_way: Flags | None = None,
    step: npt.NDArray[np.int64] | None = None,
    lower: Floats | None,
    upper: Floats | None,
    support: Codes | None,
) -> AdviceArrays:
    """The same advice as `advise`, for everybody at once.

    All arrays are [people, interventions] in the order of `ids`: `eligibility` places in
    `STATUSES`, `order` the place in the order of choice, `need` a non-negative code of the need
    it meets or -1, `feasible` 1, 0 or -1 where unknown, `support` places in `SUPPORTS` or -1 where
    no model speaks of it (then `lower` and `upper` are not read). `lower`, `upper` and
    `support` are None where there is no model.
    """
    n, k = eligibility.shape
    low, up, sup = _model_arrays(lower, upper, support, shape=(n, k))
    advice = np.full((n, k), -1, dtype=np.int8)
    why = np.full((n, k), -1, dtype=np.int8)
    modelled = (sup >= 0).any(axis=1, keepdims=True)
    for where, verdict, reason in (
        (eligibility == STATUSES.index("NEARLY"), Verdict.NOT_ELIGIBLE, Why.NEARLY_ELIGIBLE),
        (
            eligibility == STATUSES.index("MISSING_INFORMATION"),
            Verdict.NOT_ELIGIBLE,
            Why.MISSING_INFORMATION,
        ),
        (eligibility == STATUSES.index("NOT_ELIGIBLE"), Verdict.NOT_ELIGIBLE, Why.NOT_ELIGIBLE),
        (np.False_ if under_way is None else under_way, Verdict.NOT_ADVISED, Why.UNDER_WAY),
        (not_advised, Verdict.NOT_ADVISED, Why.ORDER_OF_CHOICE),
        (feasible == 0, Verdict.NOT_ADVISED, Why.NOT_FEASIBLE),
        (need < 0, Verdict.NOT_ADVISED, Why.NO_ASSESSED_NEED),
        (
            modelled & ((sup < 0) | (sup == SUPPORTS.index("NONE"))),
            Verdict.TOO_FEW_SIMILAR,
            Why.TOO_FEW_SIMILAR,
        ),
        ((sup >= 0) & (up < 0), Verdict.NOT_ADVISED, Why.EFFECT_BELOW_USUAL),
    ):
        _settle_where(advice, why, where=where & (advice < 0), verdict=verdict, reason=reason)
    undecided = advice < 0
    clear = undecided & (sup >= 0) & (low > 0)
    ground: Flags = np.asarray(clear.any(axis=1, keepdims=True))
    by_id = np.argsort(np.argsort(np.asarray(ids, dtype=np.str_), kind="stable"))
    place = order * k + by_id[None, :]  # order of choice, then id: distinct within a person
    best = _best_of_need(clear, low=low, need=need)
    leaders = _leaders(
        np.where(ground, clear, undecided),
        _Field(
            low=np.where(ground, low, 0.0),
            level=undecided & (~ground | ((up >= best) & (best > -np.inf))),
            need=need,
            order=order,
            place=place,
            step=np.zeros_like(order) if step is None else np.where(ground, step, 0),
        ),
    )
    rank = _rank(leaders, low=np.where(ground, low, 0.0), place=place)
    level = _level_of(rank, best=best, need=need)
    suggested = rank > 0
    by_effect: Flags = suggested & clear
    for where, verdict, reason in (
        (by_effect, Verdict.SUGGESTED, Why.CLEAR_EFFECT),
        (suggested, Verdict.SUGGESTED, Why.FIRST_BY_RULES),
        (~ground, Verdict.COMPARABLE, Why.NO_CLEAR_DIFFERENCE),
        (up >= level, Verdict.COMPARABLE, Why.INTERVALS_OVERLAP),
        (np.True_, Verdict.NOT_ADVISED, Why.CLEARLY_SMALLER_EFFECT),
    ):
        _settle_where(advice, why, where=where & (advice < 0), verdict=verdict, reason=reason)
    return AdviceArrays(advice=advice, why=why, rank=rank, by_effect=by_effect)


def _model_arrays(
    lower: Floats | None, upper: Floats | None, support: Codes | None, *, shape: tuple[int, int]
) -> tuple[Floats, Floats, Codes]:
    if lower is None or upper is None or support is None:
        return np.full(shape, -np.inf), np.full(shape, np.inf), np.full(shape, -1, dtype=np.int8)
    known = support >= 0
    return np.where(known, lower, -np.inf), np.where(known, upper, np.inf), support


def _settle_where(advice: Codes, why: Codes, *, where: Flags, verdict: Verdict, reason: Why) -> None:
    advice[where] = VERDICTS.index(verdict)
    why[where] = WHYS.index(reason)


def _best_of_need(clear: Flags, *, low: Floats, need: npt.NDArray[np.int64]) -> Floats:
    """In each cell the highest lower bound among the clear effects of its need; -inf where there is none."""
    best = np.full(clear.shape, -np.inf)
    for code in np.unique(need[clear]):
        of_need = np.where(clear & (need == code), low, -np.inf).max(axis=1, keepdims=True)
        best = np.where(need == code, of_need, best)
    return best


@dataclass(frozen=True, kw_only=True)
class _Field:
    """What leaders are chosen by, all [people, interventions]; `level`: may lead its need at all."""

    low: Floats
    level: Flags
    need: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]
    step: npt.NDArray[np.int64]


def _leaders(pool: Flags, field: _Field) -> Flags:
    """Which candidate leads its need: the first of `pool`, or of what stands on an earlier step and is level."""
    leaders = np.zeros_like(pool)
    rows = np.arange(len(pool))
    for code in np.unique(field.need[pool]):
        here = field.level & (field.need == code)
        first = _first_in_order(here & pool, field)
        some = (here & pool).any(axis=1)
        earlier = here & (field.step < field.step[rows, first][:, None]) & some[:, None]
        chosen = np.where(earlier.any(axis=1), _first_in_order(earlier, field), first)
        leaders[rows, chosen] |= some
    return leaders


def _first_in_order(cells: Flags, field: _Field) -> npt.NDArray[np.int64]:
    """The column of each person's first: by order of choice, then by the higher lower bound, then by id."""
    last = np.iinfo(np.int64).max
    earliest = np.where(cells, field.order, last).min(axis=1, keepdims=True)
    level = cells & (field.order == earliest)
    level &= field.low == np.where(level, field.low, -np.inf).max(axis=1, keepdims=True)
    first: npt.NDArray[np.int64] = np.where(level, field.place, last).argmin(axis=1)
    return first


def _rank(leaders: Flags, *, low: Floats, place: npt.NDArray[np.int64]) -> Codes:
    """1…3 for the leaders with the highest bounds, ties by order of choice and id; else 0."""
    rank = np.zeros(leaders.shape, dtype=np.int8)
    left = leaders.copy()
    rows = np.arange(len(leaders))
    last = np.iinfo(np.int64).max
    for number in range(1, MOST_SUGGESTED + 1):
        bound = np.where(left, low, -np.inf)
        top = left & (bound == bound.max(axis=1, keepdims=True))
        chosen = np.where(top, place, last).argmin(axis=1)
        some = left.any(axis=1)
        rank[rows[some], chosen[some]] = number
        left[rows[some], chosen[some]] = False
    return rank


def _level_of(rank: Codes, *, best: Floats, need: npt.NDArray[np.int64]) -> Floats:
    """The best clear effect of each candidate's need where that is led by a suggestion, else of the first in rank's."""
    first = np.where(rank == 1, best, -np.inf).max(axis=1, keepdims=True)
    level: Floats = np.broadcast_to(first, rank.shape).copy()
    for code in np.unique(need[rank > 0]):
        led = ((rank > 0) & (need == code)).any(axis=1, keepdims=True)
        level = np.where((need == code) & led, best, level)
    return level


def advise_frame(frame: pl.DataFrame, *, person: Sequence[str] = ("crn", "as_of")) -> pl.DataFrame:
    """The same advice for a long frame, one row a person and intervention.

    Wants the columns of `person`, `intervention_id`, `eligibility`, `order`, `need` and
    `not_advised` (null where none), `feasible` (null where unknown), may have `under_way` and `step` and, where there is a model,
    `lower`, `upper` and `support` (null where it does not speak). Returns the frame, same rows
    and order, with `advice`, `rank` (null where not suggested), `grounds` and `why` added.
    """
    import polars as pl

    wanted = [*person, "intervention_id", "eligibility", "order", "need", "not_advised", "feasible"]
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise UsageError(f"The frame of candidates lacks the column {missing[0]}; add it.")
    ids = frame["intervention_id"].cast(pl.String).unique().sort().to_list()
    needs = frame["need"].cast(pl.String).drop_nulls().unique().sort().to_list()
    rows = frame.select(pl.struct(person).rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
    columns = _codes(frame["intervention_id"], ids)
    n, k = (int(rows.max()) + 1 if len(rows) else 0), len(ids)
    if len(np.unique(rows * max(k, 1) + columns)) != len(rows):
        raise UsageError("The frame of candidates has a person's intervention twice; give each once.")

    def wide(values: npt.NDArray[_T], fill: object) -> npt.NDArray[_T]:
        out: npt.NDArray[_T] = np.full((n, k), fill, dtype=values.dtype)
        out[rows, columns] = values
        return out

    modelled = "support" in frame.columns
    result = advise_arrays(
        ids=ids,
        eligibility=wide(
            _codes(frame["eligibility"], STATUSES).astype(np.int8), STATUSES.index("NOT_ELIGIBLE")
        ),
        order=wide(frame["order"].cast(pl.Int64).to_numpy(), 0),
        need=wide(_codes(frame["need"], needs).astype(np.int64), -1),
        feasible=wide(frame["feasible"].cast(pl.Int8).fill_null(-1).to_numpy(), -1),
        not_advised=wide(frame["not_advised"].is_not_null().to_numpy(), fill=False),
        under_way=wide(frame["under_way"].to_numpy(), fill=False) if "under_way" in frame.columns else None,
        step=wide(frame["step"].cast(pl.Int64).to_numpy(), 0) if "step" in frame.columns else None,
        lower=wide(frame["lower"].cast(pl.Float64).to_numpy(), np.nan) if modelled else None,
        upper=wide(frame["upper"].cast(pl.Float64).to_numpy(), np.nan) if modelled else None,
        support=wide(_codes(frame["support"], SUPPORTS).astype(np.int8), -1) if modelled else None,
    )
    rank = pl.Series("rank", result.rank[rows, columns], dtype=pl.Int8)
    by_effect = pl.Series("by_effect", result.by_effect[rows, columns])
    return frame.with_columns(
        _named("advice", result.advice[rows, columns], [v.value for v in VERDICTS]),
        pl.when(rank > 0).then(rank).alias("rank"),
        _named("grounds", np.where(rank > 0, np.where(by_effect, 0, 1), -1), [g.value for g in Grounds]),
        _named("why", result.why[rows, columns], [w.value for w in WHYS]),
    )


def _named(name: str, codes: npt.NDArray[np.integer], names: list[str]) -> pl.Series:
    """Places in `names` as a column of those names, null where negative."""
    import polars as pl

    texts = np.array([*names, ""], dtype=object)[codes]
    return pl.Series(name, texts, dtype=pl.String).replace("", None).cast(pl.Enum(names))


def _codes(values: pl.Series, names: Sequence[str]) -> npt.NDArray[np.int64]:
    """The place of each value in `names`, -1 for null; an unknown value is an error."""
    import polars as pl

    texts = values.cast(pl.String)
    codes = texts.replace_strict(list(names), list(range(len(names))), default=None, return_dtype=pl.Int64)
    if codes.null_count() != texts.null_count():
        raise UsageError(f"The column {values.name} holds a value that is not one of {', '.join(names)}.")
    return codes.fill_null(-1).to_numpy()
