"""Which facts an effect may depend on, and how each is cut into bins with a small smooth basis.

A modifier's table has a number for every bin, but few degrees of freedom: a polynomial over the
bins (or one function a category), orthonormal under the data's distribution, so that tables have
mean nought, the intercept is the average effect, and one variance speaks for a whole modifier.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from scoring.effects import Modifier
from training.benefit_frame import Floats, Ints, Objects, Table

MOST_DISTINCT: Final = 12
"""A numeric feature with at most so many values has a bin for each."""
QUANTILE_BINS: Final = 16
MOST_CATEGORIES: Final = 8
LEAST_FOR_PRACTICE: Final = 10
"""With fewer arms how often each is chosen teaches nothing about how much they help."""
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


def cut(table: Table, name: str, *, degree: int, threshold: float | None = None) -> Modifier | None:
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
        if few:  # the threshold may stand beside the middle between two values: one edge is enough
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
    scaled = (places - places.min()) / (places.max() - places.min())
    powers = np.vander(scaled, degree + 1, increasing=True)
    root = np.sqrt(mass)[:, None]
    _, triangle = np.linalg.qr(root * powers)
    functions = np.linalg.solve(triangle.T, powers.T).T[:, 1:]
    functions = np.asarray(functions * np.sign(functions[-1]) / np.arange(1, degree + 1), dtype=np.float64)
    basis: Floats = np.vstack([functions, np.zeros(functions.shape[1])])
    return np.hstack([basis, _missing(share)])


def _missing(share: Floats) -> Floats:
    """The function of "not recorded", with mean nought and variance one; none where it is rare."""
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


def places(modifiers: tuple[Modifier, ...], table: Table) -> list[Ints]:
    """The bin of every row in every modifier."""
    columns = table.columns
    return [m.bins_of(columns[m.name]) for m in modifiers]


def design(modifiers: tuple[Modifier, ...], bins: list[Ints], *, length: int) -> Floats:
    """[rows, 1 + functions]: the intercept and every modifier's functions at its bin."""
    parts = [m.basis[b] for m, b in zip(modifiers, bins, strict=True)]
    return np.concatenate([np.ones((length, 1)), *parts], axis=1)


def meant_for(
    modifiers: tuple[Modifier, ...], arms: Sequence[str], targets: Mapping[str, Sequence[str]]
) -> Floats:
    """[arms, 1 + functions]: the mean of the first functions of the needs that an arm is meant for; else noughts."""
    starts = np.cumsum([1, *(m.basis.shape[1] for m in modifiers)])
    out = np.zeros((len(arms), int(starts[-1])))
    for place, arm in enumerate(arms):
        meant = [
            int(starts[i])
            for i, m in enumerate(modifiers)
            if m.name in targets.get(arm, ()) and m.edges is not None and m.basis.shape[1]
        ]
        out[place, meant] = 1 / max(len(meant), 1)
    return out


def chosen_by_practice(meant: Floats, arm: Ints, eligible: npt.NDArray[np.bool_]) -> Floats:
    """[arms, 1 + functions, matches]: maps how often practice chooses an arm, of those open to it, onto its effect.

    For its average and, where arms have needs, for what having the need adds: if practice has learned what
    helps, its choices say something about an intervention that few people had. `arm` places in `eligible`'s
    columns without the reference's, -1 for it.
    """
    arms = eligible.shape[1]
    often = np.log((np.bincount(arm[arm >= 0], minlength=arms) + 2) / (eligible.sum(axis=0) + 40))
    often = often - often.mean()
    spread = float(often.std())
    if arms < LEAST_FOR_PRACTICE or spread < 1e-9:
        return np.zeros((*meant.shape, 0))
    often = often / spread
    average = np.zeros(meant.shape)
    average[:, 0] = often
    parts = [average] + ([often[:, None] * meant] if meant.any() else [])
    return np.stack(parts, axis=2)
