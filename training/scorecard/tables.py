"""How do trees become tables? The leaf-path decomposition, and the purification that makes the tables unique.

A leaf adds its value to every row whose cells satisfy the tests on the path to it. Under the pair
constraint those tests read one column, or two, so the leaf adds to a block of one table; grouping the
leaves by the columns on their path is exact. Two-factor tables are then purified (Lengerich, Tan, Chang,
Hooker and Caruana 2020): what one factor alone explains moves to that factor's own table.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.scorecard import Axis, Term
from training.scorecard.cells import Division, merge_map, weigh

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import lightgbm as lgb
    from numpy.typing import NDArray

    from training.scorecard.boosting import Ensemble, Layout, Stage
    from training.scorecard.rows import Records

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

POLISHING = 100
EXACT = 1e-13


@dataclass(slots=True)
class Tables:
    """The sum of an ensemble's leaves: a constant, and a table for each column or pair of columns."""

    constant: float = 0.0
    single: dict[int, Floats] = field(default_factory=dict)
    double: dict[tuple[int, int], Floats] = field(default_factory=dict)


def decompose(stage: Stage) -> Tables:
    """Sum the leaves of all boosters into tables over the columns' own cells, and average."""
    tables = Tables()
    values = [column.cell_values() for column in stage.layout.columns]
    for booster in stage.boosters:
        _add_booster(tables, booster, values)
    share = 1.0 / len(stage.boosters)
    tables.constant *= share
    for table in (*tables.single.values(), *tables.double.values()):
        np.multiply(table, share, out=table)
    return tables


def _add_booster(tables: Tables, booster: lgb.Booster, values: Sequence[Floats]) -> None:
    for tree in booster.dump_model()["tree_info"]:
        stack: list[tuple[dict[str, Any], dict[int, Mask]]] = [(tree["tree_structure"], {})]
        while stack:
            node, path = stack.pop()
            if "split_feature" not in node:
                _add_leaf(tables, float(node["leaf_value"]), path, values)
                continue
            column = int(node["split_feature"])
            left = goes_left(node, values[column])
            for child, side in ((node["left_child"], left), (node["right_child"], ~left)):
                stack.append((child, {**path, column: path[column] & side if column in path else side}))


def goes_left(node: Mapping[str, Any], values: Floats) -> Mask:
    """Say which values LightGBM sends to the left at a node, by its own rules for NaN and categories."""
    if node["decision_type"] == "==":
        # NaN, negative and unlisted categories go to the right.
        return np.isin(values, [float(part) for part in str(node["threshold"]).split("||")])
    left: Mask = np.where(np.isnan(values), 0.0, values) <= float(node["threshold"])
    if node["missing_type"] == "NaN":
        left = np.where(np.isnan(values), bool(node["default_left"]), left)
    return left


def _add_leaf(tables: Tables, value: float, path: Mapping[int, Mask], values: Sequence[Floats]) -> None:
    if not path:
        tables.constant += value
    elif len(path) == 1:
        ((column, mask),) = path.items()
        table = tables.single.setdefault(column, np.zeros(len(values[column])))
        table[mask] += value
    elif len(path) == 2:
        (first, in_first), (second, in_second) = sorted(path.items())
        shape = (len(values[first]), len(values[second]))
        table = tables.double.setdefault((first, second), np.zeros(shape))
        table[np.ix_(in_first, in_second)] += value
    else:
        raise AssertionError("A tree uses more than two features on one path, against its constraint.")


def purify(table: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Move what one factor alone explains out of a two-factor table.

    Args:
        table: ``[rows, columns]``.
        weight: the training weight of each cell.

    Returns:
        The pure table, whose weighted mean is zero along each row and each column that has any weight,
        and what was taken out of each row and of each column; the three sum to the table.
    """
    by_row, by_column = weight.sum(axis=1), weight.sum(axis=0)
    # The normal equations of a weighted two-way fit. Slices without weight get nothing.
    system = np.block([[np.diag(by_row), weight], [weight.T, np.diag(by_column)]])
    right = np.concatenate([(table * weight).sum(axis=1), (table * weight).sum(axis=0)])
    solution = np.linalg.lstsq(system, right, rcond=None)[0]
    rows, columns = solution[: len(by_row)].copy(), solution[len(by_row) :].copy()
    rows[by_row == 0] = 0.0
    columns[by_column == 0] = 0.0
    pure = table - rows[:, None] - columns[None, :]
    scale = max(float(np.abs(table).max(initial=0.0)), 1.0)
    for _ in range(POLISHING):
        more = np.divide((pure * weight).sum(axis=1), by_row, out=np.zeros_like(by_row), where=by_row > 0)
        pure -= more[:, None]
        rows += more
        also = np.divide(
            (pure * weight).sum(axis=0), by_column, out=np.zeros_like(by_column), where=by_column > 0
        )
        pure -= also[None, :]
        columns += also
        if max(np.abs(more).max(initial=0.0), np.abs(also).max(initial=0.0)) <= EXACT * scale:
            break
    return pure, rows, columns


@dataclass(frozen=True, slots=True)
class PurePair:
    """A purified two-factor table on merged axes."""

    axes: tuple[Axis, Axis]
    cell_of: tuple[NDArray[np.int32], NDArray[np.int32]]
    """For each feature, the pair's cell of each fine cell."""
    features: tuple[int, int]
    table: Floats
    weight: Floats
    taken: tuple[Floats, Floats]
    """What was taken out of the table: the part of each of the two features alone."""


def pure_tables(
    ensemble: Ensemble, divisions: Sequence[Division], rows: Records
) -> tuple[float, dict[int, Floats], dict[tuple[int, int], PurePair]]:
    """Give the constant, a table for each feature on its fine cells, and the purified pairs by features."""
    constant = 0.0
    singles: dict[int, Floats] = {}
    pairs: dict[tuple[int, int], PurePair] = {}

    def add(feature: int, table: Floats) -> None:
        singles.setdefault(feature, np.zeros(divisions[feature].axis.cells))
        singles[feature] += table

    for stage in ensemble.stages:
        tables = decompose(stage)
        constant += tables.constant
        for place in sorted(tables.single):
            column = stage.layout.columns[place]
            add(column.feature, tables.single[place][column.cell_of])
        for pair in pure_pairs(tables, stage.layout, rows):
            one, two = pair.features
            add(one, pair.taken[0][pair.cell_of[0]])
            add(two, pair.taken[1][pair.cell_of[1]])
            pairs[one, two] = pair
    return constant, singles, pairs


def pure_pairs(tables: Tables, layout: Layout, rows: Records) -> Iterator[PurePair]:
    """Give each pair of one stage with its axes merged and its table purified."""
    for first, second in sorted(tables.double):
        merged = _merge(tables.double[first, second], layout, (first, second))
        cells = [merged.cell_of[side][rows.cells[:, f]] for side, f in enumerate(merged.features)]
        weight = np.zeros_like(merged.table)
        np.add.at(weight, tuple(cells), rows.weight)
        pure, by_first, by_second = purify(merged.table, weight)
        yield replace(merged, table=pure, weight=weight, taken=(by_first, by_second))


def _merge(table: Floats, layout: Layout, places: tuple[int, int]) -> PurePair:
    """Drop the cuts that the pair's trees did not use, and put the feature that comes first first."""
    columns = [layout.columns[place] for place in places]
    if columns[0].feature > columns[1].feature:
        table, columns = table.T, columns[::-1]
    axes: list[Axis] = []
    cell_of: list[NDArray[np.int32]] = []
    for column in columns:
        count = len(column.axis.cuts)
        same = [bool((table[cell] == table[cell + 1]).all()) for cell in range(count)]
        axis, merged = merge_map(column.axis, same)
        table = table[np.unique(merged, return_index=True)[1]].T
        axes.append(axis)
        cell_of.append(merged[column.cell_of])
    features = (columns[0].feature, columns[1].feature)
    return PurePair(
        axes=(axes[0], axes[1]),
        cell_of=(cell_of[0], cell_of[1]),
        features=features,
        table=table,
        weight=np.zeros_like(table),
        taken=(np.zeros(table.shape[0]), np.zeros(table.shape[1])),
    )


def terms(
    constant: float,
    singles: Mapping[int, Floats],
    pairs: Mapping[tuple[int, int], PurePair],
    divisions: Sequence[Division],
    rows: Records,
) -> tuple[float, tuple[Term, ...]]:
    """Give the intercept and the finished terms: merged, centred, unseen cells read as the usual one."""
    out: list[Term] = []
    for feature, table in sorted(singles.items()):
        division = divisions[feature]
        weight = weigh(rows.cells[:, feature], rows.weight, size=len(table))
        same = [table[cell] == table[cell + 1] for cell in range(len(division.axis.cuts))]
        axis, merged = merge_map(division.axis, same)
        values = table[np.unique(merged, return_index=True)[1]]
        weights = weigh(merged, weight, size=axis.cells)
        for alias in division.aliases:
            values[merged[alias]] = values[merged[division.usual]]
        mean = float(np.average(values, weights=weights))
        constant += mean
        values = values - mean
        if np.any(values != 0.0):
            out.append(Term((axis,), values, weights))
    for (one, two), pair in sorted(pairs.items()):
        values = pair.table.copy()
        for alias in divisions[one].aliases:
            values[pair.cell_of[0][alias], :] = values[pair.cell_of[0][divisions[one].usual], :]
        for alias in divisions[two].aliases:
            values[:, pair.cell_of[1][alias]] = values[:, pair.cell_of[1][divisions[two].usual]]
        if np.any(values != 0.0):
            out.append(Term(pair.axes, values, pair.weight))
    return constant, tuple(out)
