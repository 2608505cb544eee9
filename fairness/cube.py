"""How many people of each group had each outcome? One contingency cube answers every rate.

A cube counts rows by characteristics, conditions and outcomes. Any rate of any group is a ratio of
sums of its cells, and a bootstrap of the rows is a multinomial draw of the cells: the same law,
without touching the rows again. Where people have several rows, people are drawn whole, by drawing
the *profiles* of cells that people share.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from catalogue.errors import UsageError

Counts = NDArray[np.float64]

PREDICTED, ACTUAL = "predicted", "actual"
"""Outcome axes of a cube of decisions: what was predicted (flagged) and what then happened."""


@dataclass(frozen=True, slots=True)
class Cube:
    """Counts by group (rows) and outcome (columns).

    `groups`: one row a cell of the group axes, as labels; `outcomes`: one row a combination of the
    outcome axes, as booleans; `counts`: shape (groups, outcomes), in rows of the source;
    `profiles`: for bootstrap by person, (how many people share it, cell numbers, counts).
    """

    axes: tuple[str, ...]
    outcome_axes: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    outcomes: tuple[tuple[bool, ...], ...]
    counts: Counts = field(repr=False)
    profiles: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]] | None = (
        field(default=None, repr=False)
    )

    @property
    def total(self) -> float:
        """Rows counted."""
        return float(self.counts.sum())

    def over(self, *axes: str) -> "Cube":
        """The same counts over fewer axes; the others are summed away."""
        unknown = [axis for axis in axes if axis not in self.axes]
        if unknown:
            raise UsageError(f"The cube has no axis {unknown[0]}; it has {', '.join(self.axes)}.")
        places = [self.axes.index(axis) for axis in axes]
        keys = [tuple(group[place] for place in places) for group in self.groups]
        groups = tuple(sorted(set(keys)))
        row_of = {group: row for row, group in enumerate(groups)}
        counts = np.zeros((len(groups), len(self.outcomes)))
        np.add.at(counts, [row_of[key] for key in keys], self.counts)
        return Cube(tuple(axes), self.outcome_axes, groups, self.outcomes, counts)

    def mask(self, conditions: Mapping[str, bool]) -> NDArray[np.bool_]:
        """Which outcome columns meet all conditions, for example flagged and not failed."""
        places = {self.outcome_axes.index(axis): value for axis, value in conditions.items()}
        return np.array(
            [all(row[p] == value for p, value in places.items()) for row in self.outcomes], dtype=bool
        )

    def draw(self, draws: int, *, seed: int) -> Counts:
        """Bootstrap counts, shape (draws, groups, outcomes): what other samples of the same size would have held."""
        random = np.random.default_rng(seed)
        shape = (draws, *self.counts.shape)
        if not self.counts.size:
            return np.zeros(shape)
        if self.profiles is None:
            rows = round(self.total)
            shares = self.counts.ravel() / self.total if rows else self.counts.ravel()
            return random.multinomial(rows, shares, size=draws).reshape(shape).astype(float)
        people, starts, cells, counts = self.profiles
        if not people.sum():
            return np.zeros(shape)
        from scipy.sparse import csr_array

        makeup = csr_array((counts, cells, starts), shape=(len(people), self.counts.size))
        drawn = random.multinomial(int(people.sum()), people / people.sum(), size=draws)
        return np.asarray((makeup.T @ drawn.T.astype(float)).T).reshape(shape)


def build(
    frame: pl.DataFrame,
    *,
    axes: Sequence[str],
    outcomes: Sequence[str],
    person: str | None = None,
    weight: str | None = None,
) -> Cube:
    """Count a frame's rows by its group columns (text) and its outcome columns (boolean).

    With `person`, the column that says whose row it is, the bootstrap draws people; with `weight`, a
    row counts as much as that column says, and the bootstrap draws rows with their weights. Rows where
    an outcome or the weight is unknown are not counted; a group that is null is "Not recorded".
    Raises `UsageError` for a column that is not there, or a weight below nought.
    """
    wanted = [*axes, *outcomes, *([person] if person else []), *([weight] if weight else [])]
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise UsageError(f"The frame to count has no column {missing[0]}.")
    known = frame.lazy().select(wanted).drop_nulls([*outcomes, *([weight] if weight else [])])
    known = known.with_columns(pl.col(list(axes)).cast(pl.String).fill_null(NOT_RECORDED)) if axes else known
    if weight is not None and not (frame[weight].drop_nulls() >= 0).all():
        raise UsageError("A weight is a number from nought upwards.")
    size = pl.len() if weight is None else pl.col(weight).sum()
    tallied = known.group_by([*axes, *outcomes]).agg(size.alias("rows")).sort([*axes, *outcomes]).collect()
    combinations = tuple(
        tuple(bool(number >> place & 1) for place in reversed(range(len(outcomes))))
        for number in range(2 ** len(outcomes))
    )
    groups = tuple(tallied.select(axes).unique().sort(list(axes)).rows()) if axes else ((),)
    row_of = {group: row for row, group in enumerate(groups)}
    column_of = {combination: column for column, combination in enumerate(combinations)}
    counts = np.zeros((len(groups), len(combinations)))
    width = len(axes)
    for row in tallied.iter_rows():
        counts[row_of[row[:width]], column_of[row[width:-1]]] = row[-1]
    cube = Cube(tuple(axes), tuple(outcomes), groups, combinations, counts)
    if person is None and weight is None:
        return cube
    if person is None:
        known, person = known.with_row_index("row"), "row"
    return Cube(
        cube.axes, cube.outcome_axes, groups, combinations, counts, _profiles(known, cube, person, size)
    )


def _profiles(
    known: pl.LazyFrame, cube: Cube, person: str, size: pl.Expr
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """People with the same rows are one profile; to draw people is to draw profiles."""
    keys = [*cube.axes, *cube.outcome_axes]
    numbered = pl.DataFrame(
        [(*group, *outcome) for group in cube.groups for outcome in cube.outcomes],
        schema={**dict.fromkeys(cube.axes, pl.String), **dict.fromkeys(cube.outcome_axes, pl.Boolean)},
        orient="row",
    ).with_row_index("cell")
    shared = (
        known.group_by([person, *keys])
        .agg(size.alias("rows"))
        .join(numbered.lazy(), on=keys)
        .sort(person, "cell")
        .group_by(person)
        .agg("cell", "rows")
        .group_by("cell", "rows")
        .len("people")
        .sort("cell", "rows")
        .collect()
    )
    lengths = shared["cell"].list.len().to_numpy()
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return (
        shared["people"].to_numpy().astype(np.int64),
        starts,
        shared["cell"].explode().to_numpy().astype(np.int64),
        shared["rows"].explode().to_numpy().astype(np.float64),
    )


NOT_RECORDED = "Not recorded"


def share(over: Counts, under: Counts) -> Counts:
    """Cell by cell division; undefined (nan) where nobody is counted below the line."""
    out = np.full(np.broadcast(over, under).shape, np.nan)
    np.divide(over, under, out=out, where=under > 0)
    return out


Rate = Callable[[Cube, Counts], Counts]


def _ratio(event: Mapping[str, bool], among: Mapping[str, bool]) -> Rate:
    def rate(cube: Cube, counts: Counts) -> Counts:
        below = cube.mask(among)
        return share(counts[..., below & cube.mask(event)].sum(-1), counts[..., below].sum(-1))

    return rate


def _accuracy(cube: Cube, counts: Counts) -> Counts:
    right = cube.mask({PREDICTED: True, ACTUAL: True}) | cube.mask({PREDICTED: False, ACTUAL: False})
    return share(counts[..., right].sum(-1), counts.sum(-1))


DECISION_RATES: Mapping[str, Rate] = {
    "selection_rate": _ratio({PREDICTED: True}, {}),
    "base_rate": _ratio({ACTUAL: True}, {}),
    "true_positive_rate": _ratio({PREDICTED: True}, {ACTUAL: True}),
    "false_positive_rate": _ratio({PREDICTED: True}, {ACTUAL: False}),
    "false_negative_rate": _ratio({PREDICTED: False}, {ACTUAL: True}),
    "true_negative_rate": _ratio({PREDICTED: False}, {ACTUAL: False}),
    "positive_predictive_value": _ratio({ACTUAL: True}, {PREDICTED: True}),
    "accuracy": _accuracy,
}
"""Rates of a cube whose outcome axes are `PREDICTED` and `ACTUAL`: counts (…, groups, 4) to (…, groups)."""
