"""Would another model be fairer at the same accuracy, and what would parity cost?

Alternatives to the flags are fitted on earlier days and tested on the latest, with as many flags as
the release gives: models without constraints, models where a miss costs more, fairlearn's
reductions, and a threshold for each group. The last treats two people with the same record
differently by group. It shows what parity would cost and may not be served (`servable` is False).
This module returns numbers only; no alternative leaves it as a model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from fairness.alternative_models import Bools, Floats, Rows, candidates
from fairness.characteristics import APART, Characteristic
from fairness.evidence import Grid, GridRows
from fairness.probes import design

LEAST_ROWS, LEAST_GROUP = 400, 30
MOST_ROWS, SMALL = 20_000, 10
NEAR = 0.01
"""Near-equal accuracy: at most one right decision in 100 fewer than the best way that may be served."""
SERVED = "As served"
DRAWS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """One way to flag, compared with what happened: shares of the rows tested; None where undefined.

    `difference` is how many more it misses in its own worst served group than the flags that serve miss
    in theirs, with the interval of a bootstrap of people; `near` whether it is right nearly as often as the best.
    """

    name: str
    servable: bool
    flagged: float
    right: float
    missed: float | None
    missed_worst: float | None
    worst_group: str
    largest_ratio: float | None
    changed_by_group: float
    near: bool = False
    difference: tuple[float, float, float] | None = None


def weigh(
    frame: pl.DataFrame, features: Sequence[str], characteristic: Characteristic
) -> tuple[Alternative, ...]:
    """The trade-off for one characteristic, what serves first; empty where too few rows could be tested.

    `frame` has one row a referral and day: `as_of`, the features, `failed`, `flagged` and the groups.
    """
    known = frame.filter(~pl.col(characteristic.name).is_in(list(APART))).sort("as_of", "crn", "referral_id")
    days = known["as_of"].unique().sort()
    if len(days) < 2:
        return ()
    earlier, latest = known.filter(pl.col("as_of") < days[-1]), known.filter(pl.col("as_of") == days[-1])
    earlier, latest = earlier.head(MOST_ROWS), latest.head(MOST_ROWS)
    groups = [
        name for name, count in latest[characteristic.name].value_counts().iter_rows() if count >= LEAST_GROUP
    ]
    too_few = min(len(earlier), len(latest)) < LEAST_ROWS or len(groups) < 2
    if too_few or earlier["failed"].n_unique() < 2 or latest["failed"].n_unique() < 2:
        return ()
    train, test = (_rows(part, features, characteristic.name) for part in (earlier, latest))
    budget = float(latest["flagged"].mean() or 0.0)  # type: ignore[arg-type]  # a mean of booleans is a number
    served = latest["flagged"].to_numpy()
    decided: dict[str, Bools] = {SERVED: served}
    made = [_measured(SERVED, served, test, characteristic.reference, servable=True)]
    for each in candidates():
        scores, swapped = each.fit(train, test)
        flagged, moved = _at_budget(scores, budget), _at_budget(swapped, budget)
        decided[each.name] = flagged
        made.append(
            _measured(
                each.name, flagged, test, characteristic.reference,
                servable=each.servable, moved=float((flagged != moved).mean()),
            )
        )  # fmt: skip
    return _against_served(made, decided, test)


def _rows(part: pl.DataFrame, features: Sequence[str], by: str) -> Rows:
    X = np.nan_to_num(design(part, features), nan=-1.0)
    group, person = (part[name].to_numpy().astype(str) for name in (by, "crn"))
    return Rows(X, part["failed"].to_numpy(), group, person)


def _at_budget(scores: Floats, budget: float) -> Bools:
    """The highest scores, as many as there are flags in service; decisions (0 or 1) stay as they are."""
    if set(np.unique(scores)) <= {0.0, 1.0}:
        return scores > 0
    wanted = round(budget * len(scores))
    order = np.argsort(-scores, kind="stable")
    flagged = np.zeros(len(scores), dtype=bool)
    flagged[order[:wanted]] = True
    return flagged


def _measured(
    name: str, flagged: Bools, test: Rows, reference: str, *, servable: bool, moved: float = 0.0
) -> Alternative:
    misses: dict[str, float] = {}
    rates: dict[str, float] = {}
    for group in np.unique(test.group):
        mine = test.group == group
        if mine.sum() < LEAST_GROUP:
            continue
        rates[str(group)] = float(flagged[mine].mean())
        failed = mine & test.y
        if failed.sum() >= LEAST_GROUP:
            misses[str(group)] = float((~flagged[failed]).mean())
    worst = max(misses, key=lambda group: (misses[group], group)) if misses else ""
    if worst:  # fewer than ten missed, or not missed, are given as ten: such small counts are not published
        ends = int(((test.group == worst) & test.y).sum())
        misses[worst] = min(max(misses[worst], SMALL / ends), 1 - SMALL / ends)
    base = rates.get(reference, 0.0)
    ratios = [rate / base for group, rate in rates.items() if group != reference and base > 0]
    return Alternative(
        name=name,
        servable=servable,
        flagged=float(flagged.mean()),
        right=float((flagged == test.y).mean()),
        missed=float((~flagged[test.y]).mean()) if test.y.any() else None,
        missed_worst=misses.get(worst),
        worst_group=worst,
        largest_ratio=max(ratios, key=lambda ratio: abs(np.log(max(ratio, 1e-6)))) if ratios else None,
        changed_by_group=moved,
    )


def _against_served(
    made: Sequence[Alternative], decided: dict[str, Bools], test: Rows
) -> tuple[Alternative, ...]:
    from dataclasses import replace

    best = max(each.right for each in made if each.servable)
    served = made[0]
    people, place = np.unique(test.person, return_inverse=True)
    drawn = np.random.default_rng(0).multinomial(
        len(people), np.full(len(people), 1 / len(people)), size=DRAWS
    )
    found = []
    for each in made:
        difference = None
        if each.missed_worst is not None and served.missed_worst is not None and each is not served:
            mine, theirs = (
                _missed(decided[which.name], test, which.worst_group, drawn, place)
                for which in (each, served)
            )
            low, high = np.nanquantile(mine - theirs, [0.025, 0.975])
            difference = (each.missed_worst - served.missed_worst, float(low), float(high))
        found.append(replace(each, near=each.right >= best - NEAR, difference=difference))
    return tuple(found)


def _missed(
    flagged: Bools,
    test: Rows,
    group: str,
    drawn: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    place: np.ndarray[tuple[int, ...], np.dtype[np.intp]],
) -> Floats:
    """The share missed in a group, in each draw of the people."""
    failed = np.flatnonzero((test.group == group) & test.y)
    weights = drawn[:, place[failed]].astype(float)
    total = weights.sum(axis=1)
    total[total == 0] = np.nan
    return np.asarray(weights @ (~flagged[failed]).astype(float) / total)


def choice(made: Sequence[Alternative], characteristic: Characteristic) -> str:
    """Which way is chosen, and why: the sentence that the report gives.

    Another way would replace the one that serves where it may be served, is right nearly as often as the best,
    and misses certainly fewer in its worst served group.
    """
    served = made[0]
    near = [each for each in made[1:] if each.servable and each.near and each.missed_worst is not None]
    if served.missed_worst is None or not near:
        return f"By {characteristic.title.lower()}: nothing of near-equal accuracy could be held against the release, which stays."
    best = min(near, key=lambda each: (each.missed_worst or 0.0, each.name))
    assert best.difference is not None
    size, low, high = (100 * number for number in best.difference)
    facts = (
        f"By {characteristic.title.lower()}: the release misses {100 * served.missed_worst:.1f} in 100 in its worst served group "
        f"({served.worst_group}). Of {len(near)} others of near-equal accuracy the best, {best.name[0].lower()}{best.name[1:]}, misses "
        f"{100 * (best.missed_worst or 0.0):.1f} ({best.worst_group}): {abs(size):.1f} {'fewer' if size < 0 else 'more'} "
        f"(95% interval of the difference {low:+.1f} to {high:+.1f})."
    )
    if high < 0:
        return f"{facts} That is certain: the release has to be changed, or the reason it stays recorded in the register."
    return f"{facts} That may be chance. The release stays chosen: one sum of readable terms, at every week of a referral and for everybody."


def table(made: Sequence[Alternative], characteristic: Characteristic) -> Grid:
    """The trade-off as a table, the chosen one first, then by misses in the worst served group."""
    columns = [
        "Way of flagging", "Flagged in 100", "Right in 100", "Missed in 100", "Missed in 100, worst served group",
        "Worst served group", "More missed there than as served (95% interval)", "Near-equal accuracy",
        "Relative flag rate furthest from 1", "Flags in 100 that another recorded group would change", "May be served",
    ]  # fmt: skip
    rows: GridRows = [
        [
            each.name,
            _hundred(each.flagged),
            _hundred(each.right),
            _hundred(each.missed),
            _hundred(each.missed_worst),
            each.worst_group or "None could be measured",
            "Chosen"
            if each.name == SERVED
            else None
            if each.difference is None
            else "{:+.1f} ({:+.1f} to {:+.1f})".format(*(100 * number for number in each.difference)),
            "Yes" if each.near else "No",
            None if each.largest_ratio is None else round(each.largest_ratio, 2),
            _hundred(each.changed_by_group),
            "Yes" if each.servable else "Never: two like people would be treated differently by group",
        ]
        for each in in_order(made)
    ]
    return Grid(
        name=f"alternatives-{characteristic.name}",
        title=f"Other ways of flagging, by {characteristic.title.lower()}",
        columns=columns,
        rows=rows,
    )


def in_order(made: Sequence[Alternative]) -> list[Alternative]:
    """What serves first, then those that may be served by misses in the worst served group, then the others."""
    return sorted(
        made, key=lambda each: (each.name != SERVED, not each.servable, each.missed_worst or 1.0, each.name)
    )


def _hundred(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)
