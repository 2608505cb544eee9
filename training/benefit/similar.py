"""How did it go for similar past people? Counted once, without small counts, written into the bundle.

A group is shown only where at least `least` of its people had the outcome and at least as many had
not, and where subtracting the shown groups of a rung from the group above them does not reveal
a smaller one. What is left out here is in no file, screen or answer.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import scipy.stats

from catalogue.errors import UsageError
from scoring.similar import Group, Similar, SimilarBand
from training import frames
from training.frames import FrameColumns

LEAST: Final = 10
WIDTH: Final = 0.20
LEVEL: Final = 0.95
BANDS: Final = 3
FEW_VALUES: Final = 4

Key = tuple[int, ...]
Counts = dict[Key, tuple[int, int]]


def clopper_pearson(successes: int, people: int, *, level: float = LEVEL) -> tuple[float, float]:
    """The exact interval of a share (Clopper and Pearson 1934, Biometrika 26)."""
    if not 0 <= successes <= people or people < 1:
        raise UsageError("A share needs at least one person, and no more successes than people.")
    tail = (1 - level) / 2
    lower = 0.0 if successes == 0 else float(scipy.stats.beta.ppf(tail, successes, people - successes + 1))
    upper = (
        1.0
        if successes == people
        else float(scipy.stats.beta.ppf(1 - tail, successes + 1, people - successes))
    )
    return lower, upper


def build(
    X: object,
    intervention: object,
    outcome: object,
    *,
    ladder: Sequence[Sequence[str]],
    groups: object | None = None,
    bands: Mapping[str, Sequence[float]] | None = None,
    name: str = "progress",
    least: int = LEAST,
    width: float = WIDTH,
    level: float = LEVEL,
) -> Similar:
    """Count the outcomes of past people by intervention and likeness.

    `X` is any data frame with the features of `ladder`, whose rungs go from the closest likeness to the
    coarsest, each a part of the one before (a last rung of everybody is added). `outcome` is 0/1, NaN where
    unknown; `groups` names the person; only the first row of a person with an intervention counts. `bands`
    gives a feature's edges; otherwise numbers are cut into thirds, or by their values where they are few.
    """
    table = frames.read(X)
    n = table.length
    codes, labels = frames.codes(intervention, name="intervention", length=n)
    happened = frames.numbers(outcome, name="outcome", length=n)
    if not np.isin(happened[~np.isnan(happened)], (0.0, 1.0)).all():
        raise UsageError("The outcome of similar people must be 0 or 1, or not recorded.")
    persons = np.arange(n) if groups is None else frames.codes(groups, name="groups", length=n)[0]
    rungs = _rungs(ladder)
    cut = [_band(table, feature, bands or {}) for feature in rungs[0]]
    places = _places(table, cut)
    seen = np.flatnonzero(~np.isnan(happened))
    _, first = np.unique(np.column_stack([persons, codes])[seen], axis=0, return_index=True)
    kept = np.sort(seen[first])
    tables: dict[str, list[dict[Key, Group]]] = {}
    for code, label in enumerate(labels):
        rows = kept[codes[kept] == code]
        counts = [
            _count(places[rows][:, [rungs[0].index(f) for f in rung]], happened[rows]) for rung in rungs
        ]
        shown = _suppress(counts, rungs=rungs, least=least)
        tables[str(label)] = [
            {key: _group(*rung_counts[key], level=level) for key in sorted(keys)}
            for rung_counts, keys in zip(counts, shown, strict=True)
        ]
    return Similar(
        outcome=name, level=level, least=least, width=width, bands=cut, ladder=rungs, groups=tables
    )


def _rungs(ladder: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    rungs = [tuple(rung) for rung in ladder]
    if not rungs or rungs[-1]:
        rungs.append(())
    for finer, coarser in itertools.pairwise(rungs):
        if not set(coarser) < set(finer):
            raise UsageError("Each rung of the ladder must name some of the features of the rung before it.")
    return rungs


def _band(table: FrameColumns, feature: str, bands: Mapping[str, Sequence[float]]) -> SimilarBand:
    if feature not in table.names:
        raise UsageError(f"The ladder names {feature}, which is not among the features.")
    if feature in table.texts:
        values = sorted({v for v in table.texts[feature].tolist() if v is not None})
        return SimilarBand(name=feature, edges=None, values=tuple(values))
    if feature in bands:
        return SimilarBand(name=feature, edges=tuple(float(edge) for edge in bands[feature]), values=None)
    recorded = table.numbers[feature][~np.isnan(table.numbers[feature])]
    distinct = np.unique(recorded)
    if len(distinct) <= FEW_VALUES:
        return SimilarBand(name=feature, edges=tuple(distinct[1:].tolist()), values=None)
    thirds = np.quantile(recorded, np.arange(1, BANDS) / BANDS, method="higher")
    return SimilarBand(
        name=feature, edges=tuple(np.unique(thirds[thirds > distinct[0]]).tolist()), values=None
    )


def _places(table: FrameColumns, bands: Sequence[SimilarBand]) -> frames.Ints:
    columns = table.columns
    out = np.zeros((table.length, len(bands)), dtype=np.int64)
    for place, band in enumerate(bands):
        out[:, place] = [band.place(value) for value in columns[band.name].tolist()]
    return out


def _count(places: frames.Ints, happened: frames.Floats) -> Counts:
    """(people, successes) of every group."""
    counts: Counts = {}
    for key, success in zip(map(tuple, places.tolist()), happened.tolist(), strict=True):
        people, successes = counts.get(key, (0, 0))
        counts[key] = people + 1, successes + int(success)
    return counts


def _suppress(counts: Sequence[Counts], *, rungs: Sequence[tuple[str, ...]], least: int) -> list[set[Key]]:
    """The groups that may be shown: large enough, and not giving away a small one by subtraction."""
    shown = [{key for key, (n, k) in rung.items() if min(k, n - k) >= least} for rung in counts]
    for finer in reversed(range(len(rungs) - 1)):
        keep = [rungs[finer].index(feature) for feature in rungs[finer + 1]]
        families: dict[Key, list[Key]] = {}
        for key in counts[finer]:
            families.setdefault(tuple(key[i] for i in keep), []).append(key)
        for parent, members in families.items():
            if parent in shown[finer + 1]:
                _hide_siblings(members, counts[finer], shown[finer], least=least)
            else:  # what is hidden must not be the sum of what is shown
                shown[finer].difference_update(members)
    return shown


def _hide_siblings(members: Sequence[Key], counts: Counts, shown: set[Key], *, least: int) -> None:
    """Hide the smallest shown group until what is hidden of this family is none or enough together."""
    while True:
        hidden = [counts[key] for key in members if key not in shown]
        people, successes = sum(n for n, _ in hidden), sum(k for _, k in hidden)
        visible = sorted((key for key in members if key in shown), key=lambda key: (counts[key], key))
        if not visible or people == 0 or min(successes, people - successes) >= least:
            return
        shown.discard(visible[0])


def _group(people: int, successes: int, *, level: float) -> Group:
    lower, upper = clopper_pearson(successes, people, level=level)
    return Group(people=people, share=successes / people, lower=lower, upper=upper)
