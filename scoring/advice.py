"""What is said about each intervention for one person: suggested, comparable, or not, and why.

A pure function of facts that others have found: eligibility and the order of choice (the
catalogue), feasibility (the directory), the assessed need an intervention meets, and the
effect with its interval and support (the benefit head). It works over columns, for one person
or thousands.

The rules, in the order in which they bind:

1. Not ELIGIBLE by the rules: NOT_ELIGIBLE. No effect can lift it.
2. It is under way already, the order of choice warns against it (intensive work at low risk), it
   cannot be had in time or in reach, or it meets no assessed need: NOT_ADVISED.
3. There is a model and it knows too few people like this one: TOO_FEW_SIMILAR.
4. The whole interval of its effect lies below zero: NOT_ADVISED.
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

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from catalogue.eligibility import MISSING, NEARLY, NOT_ELIGIBLE
from catalogue.truth import FALSE
from scoring.effects import SUPPORTS

MOST_SUGGESTED: Final = 3


class Verdict(StrEnum):
    """The five things that can be said about an intervention (column `advice` of the suggestions)."""

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


VERDICTS: Final[tuple[Verdict, ...]] = tuple(Verdict)
WHYS: Final[tuple[Why, ...]] = tuple(Why)
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What is said about each intervention: arrays [people, interventions] in the order of the ids.

    `verdict` holds places in `VERDICTS`, `why` places in `WHYS`, `rank` 1…3 or 0 where not
    suggested; `by_effect` says where a suggestion rests on a clear effect.
    """

    verdict: Codes
    why: Codes
    rank: Codes
    by_effect: Flags


def advise(
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
) -> Advice:
    """Which interventions to suggest to each person, and what to say about the others?

    All arrays are [people, interventions] in the order of `ids`: `eligibility` places in
    `catalogue.eligibility.STATUSES`, `order` the place in the order of choice, `need` a non-negative code of the need
    it meets or -1, `feasible` truths, `support` places in `SUPPORTS` or -1 where
    no model covers it (then `lower` and `upper` are not read). `lower`, `upper` and
    `support` are None where there is no model.
    """
    n, k = eligibility.shape
    low, up, sup = _model_arrays(lower, upper, support, shape=(n, k))
    verdict = np.full((n, k), -1, dtype=np.int8)
    why = np.full((n, k), -1, dtype=np.int8)
    modelled = (sup >= 0).any(axis=1, keepdims=True)
    for where, said, reason in (
        (eligibility == NEARLY, Verdict.NOT_ELIGIBLE, Why.NEARLY_ELIGIBLE),
        (
            eligibility == MISSING,
            Verdict.NOT_ELIGIBLE,
            Why.MISSING_INFORMATION,
        ),
        (eligibility == NOT_ELIGIBLE, Verdict.NOT_ELIGIBLE, Why.NOT_ELIGIBLE),
        (np.False_ if under_way is None else under_way, Verdict.NOT_ADVISED, Why.UNDER_WAY),
        (not_advised, Verdict.NOT_ADVISED, Why.ORDER_OF_CHOICE),
        (feasible == FALSE, Verdict.NOT_ADVISED, Why.NOT_FEASIBLE),
        (need < 0, Verdict.NOT_ADVISED, Why.NO_ASSESSED_NEED),
        (
            modelled & ((sup < 0) | (sup == SUPPORTS.index("NONE"))),
            Verdict.TOO_FEW_SIMILAR,
            Why.TOO_FEW_SIMILAR,
        ),
        ((sup >= 0) & (up < 0), Verdict.NOT_ADVISED, Why.EFFECT_BELOW_USUAL),
    ):
        _settle_where(verdict, why, where=where & (verdict < 0), said=said, reason=reason)
    undecided = verdict < 0
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
    for where, said, reason in (
        (by_effect, Verdict.SUGGESTED, Why.CLEAR_EFFECT),
        (suggested, Verdict.SUGGESTED, Why.FIRST_BY_RULES),
        (~ground, Verdict.COMPARABLE, Why.NO_CLEAR_DIFFERENCE),
        (up >= level, Verdict.COMPARABLE, Why.INTERVALS_OVERLAP),
        (np.True_, Verdict.NOT_ADVISED, Why.CLEARLY_SMALLER_EFFECT),
    ):
        _settle_where(verdict, why, where=where & (verdict < 0), said=said, reason=reason)
    return Advice(verdict=verdict, why=why, rank=rank, by_effect=by_effect)


def _model_arrays(
    lower: Floats | None, upper: Floats | None, support: Codes | None, *, shape: tuple[int, int]
) -> tuple[Floats, Floats, Codes]:
    if lower is None or upper is None or support is None:
        return np.full(shape, -np.inf), np.full(shape, np.inf), np.full(shape, -1, dtype=np.int8)
    known = support >= 0
    return np.where(known, lower, -np.inf), np.where(known, upper, np.inf), support


def _settle_where(verdict: Codes, why: Codes, *, where: Flags, said: Verdict, reason: Why) -> None:
    verdict[where] = VERDICTS.index(said)
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


def display_order(advice: Advice, order: npt.NDArray[np.int64], ids: Sequence[str], *, row: int) -> list[int]:
    """In which order are one person's interventions shown?

    Suggested by rank, then comparable, too few similar, not advised, not eligible; within each by order of choice, then
    by id.
    """
    shelf, rank = advice.verdict[row].tolist(), advice.rank[row].tolist()
    places = order[row].tolist()
    return sorted(range(len(ids)), key=lambda each: (shelf[each], rank[each], places[each], ids[each]))


def grounds(advice: Advice, row: int, column: int) -> Grounds | None:
    """On what does a suggestion rest? None for what is not suggested."""
    if not advice.rank[row, column]:
        return None
    return Grounds.EFFECT if advice.by_effect[row, column] else Grounds.RULES
