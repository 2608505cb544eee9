"""Which facts may an effect depend on, and how is each cut into bins with a small smooth basis?

A modifier's table has a number for every bin, but few degrees of freedom: a polynomial over the
bins (or one function a category), orthonormal under the data's distribution, so that tables have
mean zero, the intercept is the average effect, and one variance covers a whole modifier.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from scoring.effects import Modifier
from training.frames import Floats, FrameColumns, Ints, Objects

MOST_DISTINCT: Final = 12
"""A numeric feature with at most this many values has a bin for each."""
QUANTILE_BINS: Final = 16
MOST_CATEGORIES: Final = 8
LEAST_FOR_PRACTICE: Final = 10
"""With fewer arms, how often each is chosen does not tell how much they help."""
RECORDED_ENOUGH: Final = 0.05
"""Below this share of missing values "not recorded" has no effect of its own."""

PREFERRED: Final = (
    "ogrs_2yr",
    "motivation",
    "previous_sanctions",
    "days_left",
    "sentence_length_days",
    "s3_accommodation",
    "s4_ete",
    "s5_finance",
    "s6_relationships",
    "s7_lifestyle",
    "s8_drugs",
    "s9_alcohol",
    "s10_emotional",
    "s11_thinking",
    "s12_attitudes",
)
"""What effects may depend on first, where a frame has it: risk, motivation, sentence length, needs
and previous sanctions, and whether there is time to finish (the responsivity principle: risk, need and
readiness decide whom an intervention helps)."""


def choose_modifiers(
    table: FrameColumns,
    *,
    names: Sequence[str],
    first: Collection[str],
    finer: Collection[str],
    thresholds: Mapping[str, float],
    most: int,
    functions: int,
    residual: Floats,
    openness: Floats,
) -> tuple[Modifier, ...]:
    """Cut the features that effects may depend on: at most `most`, with at most `functions` functions together.

    Those in `first` or `PREFERRED` come first, then those with the strongest sign of changing effects; those
    in `finer` are cut more finely where there is room.
    """
    sign = {name: _sign(table, name, residual=residual, openness=openness) for name in names}
    preferred = {*first, *PREFERRED}
    kept = [name for name in names if math.isfinite(sign[name])]
    kept = sorted(kept, key=lambda name: (name not in preferred, -sign[name]))[:most]
    cuts: list[Modifier] = []
    for fine, coarse in ((3, 3), (3, 2), (3, 1), (2, 1), (1, 1)):
        found = (
            cut(table, name, degree=fine if name in finer else coarse, threshold=thresholds.get(name))
            for name in kept
        )
        cuts = [m for m in found if m]
        if sum(m.basis.shape[1] for m in cuts) <= functions:
            break
    chosen: list[Modifier] = []
    for modifier in cuts:
        if modifier.basis.shape[1] <= functions:
            functions -= modifier.basis.shape[1]
            chosen.append(modifier)
    return tuple(sorted(chosen, key=lambda m: table.names.index(m.name)))


def _sign(table: FrameColumns, name: str, *, residual: Floats, openness: Floats) -> float:
    """How strongly effects seem to depend on a feature: mean squared score over arms and functions."""
    modifier = cut(table, name, degree=2)
    if modifier is None:
        return -math.inf
    score = modifier.basis[modifier.bins_of(table.columns[name])] * residual[:, None]
    if not score.shape[1]:
        return -math.inf
    sums = score.T @ openness
    spread = (score**2).T @ (openness**2)
    return float((sums**2 / np.maximum(spread, 1e-12)).mean())


def cut(table: FrameColumns, name: str, *, degree: int, threshold: float | None = None) -> Modifier | None:
    """Cut one feature into a modifier; None where it does not vary.

    With a `threshold` its first function is whether the feature reaches it (1 or 0), in place of one degree.
    """
    if name in table.numbers:
        return _cut_numbers(name, table.numbers[name], degree=degree, threshold=threshold)
    return _cut_texts(name, table.texts[name])


def _cut_numbers(name: str, values: Floats, *, degree: int, threshold: float | None) -> Modifier | None:
    recorded = values[~np.isnan(values)]
    distinct = np.unique(recorded)
    if len(distinct) < 2:
        return None
    few = len(distinct) <= MOST_DISTINCT
    if few:
        edges = (distinct[1:] + distinct[:-1]) / 2
    else:
        inner = np.quantile(recorded, np.linspace(0, 1, QUANTILE_BINS + 1)[1:-1], method="higher")
        edges = np.unique(inner[inner > distinct[0]])
    reaches = None
    if threshold is not None and distinct[0] < threshold <= distinct[-1]:
        edges = np.union1d(edges[edges < threshold], [threshold, *edges[edges > threshold]])
        if few:  # the threshold may lie next to the middle between two values: one edge is enough
            between = distinct[distinct < threshold].max(), distinct[distinct >= threshold].min()
            edges = edges[(edges <= between[0]) | (edges > between[1]) | (edges == threshold)]
        reaches = np.append(np.append(-np.inf, edges) >= threshold, [False]).astype(np.float64)
    bins = np.searchsorted(edges, values, side="right")
    bins = np.where(np.isnan(values), len(edges) + 1, bins)
    share = np.bincount(bins, minlength=len(edges) + 2) / len(values)
    places = distinct if few else np.cumsum(share[:-1]) - share[:-1] / 2
    if reaches is None:
        basis = _polynomials(places, share, degree=degree)
    else:
        smooth = _polynomials(places, share, degree=max(degree - 1, 0))
        basis = np.hstack([reaches[:, None], smooth])
    return Modifier(name=name, edges=tuple(edges.tolist()), values=None, basis=basis)


def _polynomials(places: Floats, share: Floats, *, degree: int) -> Floats:
    """Orthonormal polynomials over the recorded bins, the r-th shrunk by 1/r, and "not recorded"."""
    mass = share[:-1] / share[:-1].sum()
    degree = min(degree, int((mass > 0).sum()) - 1)
    scaled = (places - places.min()) / max(float(np.ptp(places)), 1e-12)
    powers = np.vander(scaled, degree + 1, increasing=True)
    root = np.sqrt(mass)[:, None]
    _, triangle = np.linalg.qr(root * powers)
    functions = np.linalg.solve(triangle.T, powers.T).T[:, 1:]
    functions = np.asarray(functions * np.sign(functions[-1]) / np.arange(1, degree + 1), dtype=np.float64)
    basis: Floats = np.vstack([functions, np.zeros(functions.shape[1])])
    return np.hstack([basis, _missing(share)])


def _missing(share: Floats) -> Floats:
    """The function of "not recorded", with mean zero and variance one; none where it is rare."""
    absent = share[-1]
    if absent < RECORDED_ENOUGH:
        return np.zeros((len(share), 0))
    indicator = np.zeros((len(share), 1))
    indicator[-1] = 1.0
    return np.asarray((indicator - absent) / np.sqrt(absent * (1 - absent)))


def _cut_texts(name: str, values: Objects) -> Modifier | None:
    counts = Counter(v for v in values.tolist() if v is not None)
    kept = sorted(
        v for v, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_CATEGORIES]
    )
    if len(kept) < 1 or (len(kept) == 1 and counts[kept[0]] == len(values)):
        return None
    places = {value: place for place, value in enumerate(kept)}
    bins = np.array([places.get(v, len(kept)) for v in values.tolist()])
    share = np.bincount(bins, minlength=len(kept) + 1) / len(values)
    used = share if share[-1] >= RECORDED_ENOUGH else share[:-1]
    functions = np.eye(len(share))[:, : len(used)] - used
    functions[len(used) :] = 0.0  # a category never seen has the average effect
    basis = functions / np.sqrt(used * (1 - used))
    return Modifier(name=name, edges=None, values=tuple(kept), basis=basis)


def places(modifiers: tuple[Modifier, ...], table: FrameColumns) -> list[Ints]:
    """The bin of every row in every modifier."""
    columns = table.columns
    return [m.bins_of(columns[m.name]) for m in modifiers]


def design_matrix(modifiers: tuple[Modifier, ...], bins: list[Ints], *, length: int) -> Floats:
    """[rows, 1 + functions]: the intercept and every modifier's functions at its bin."""
    parts = [m.basis[b] for m, b in zip(modifiers, bins, strict=True)]
    return np.concatenate([np.ones((length, 1)), *parts], axis=1)


def needs_of(
    modifiers: tuple[Modifier, ...], arms: Sequence[str], targets: Mapping[str, Sequence[str]]
) -> list[Ints]:
    """For each arm the places of the modifiers that are needs it is meant for."""
    may = {m.name: place for place, m in enumerate(modifiers) if m.edges is not None and m.basis.shape[1]}
    return [
        np.array(sorted({may[name] for name in targets.get(arm, ()) if name in may}), dtype=np.int64)
        for arm in arms
    ]


def needs_met(
    modifiers: tuple[Modifier, ...], bins: list[Ints], needs: Sequence[Ints]
) -> npt.NDArray[np.float32] | None:
    """[rows, arms]: the most pressing of the needs that an arm is meant for, by their first functions.

    With thresholds, 1 for who has any of them. None where no arm has needs.
    """
    if not any(len(one) for one in needs):
        return None
    found = np.zeros((len(bins[0]), len(needs)), dtype=np.float32)
    alike: dict[tuple[int, ...], list[int]] = {}
    for arm, one in enumerate(needs):
        alike.setdefault(tuple(one.tolist()), []).append(arm)
    for places_of, arms in alike.items():
        if places_of:
            pressing = np.max([modifiers[place].basis[bins[place], 0] for place in places_of], axis=0)
            found[:, arms] = pressing[:, None]
    return found


def chosen_by_practice(arm: Ints, eligible: npt.NDArray[np.bool_]) -> Floats | None:
    """[arms]: log of how often practice chooses an arm where it is open, with mean zero and variance one.

    If practice has learned what helps, its choices say something about an intervention that few people had.
    `arm` places in `eligible`'s columns without the reference's, -1 for it. None with too few arms, or none
    chosen more.
    """
    arms = eligible.shape[1]
    often = np.log((np.bincount(arm[arm >= 0], minlength=arms) + 2) / (eligible.sum(axis=0) + 40))
    often = often - often.mean()
    spread = float(often.std())
    return None if arms < LEAST_FOR_PRACTICE or spread < 1e-9 else np.asarray(often / spread)
