"""Which published counts could reveal something about one person, and what must be hidden with them?

A *cell* is the size of one set of people within one group ("started", women). Cells are tied by
equations: a total is the sum of its parts; those with an outcome and those without make up the
denominator. Primary suppression hides small cells. Secondary suppression hides enough others that
no equation, nor any combination of equations, gives a hidden cell back or pins it to a narrow
range. What is derived from a hidden cell (rate, index, interval) is hidden with it: see
`Ledger.hidden`. Zero counts as small: "none of the 12" says something about each of the twelve.

The check over all equations together is the exact form of "can it be worked out by adding and
subtracting, knowing that no count is negative".
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from catalogue.errors import UsageError

Group = tuple[tuple[str, str], ...]
Cell = tuple[str, Group]
"""(name of the set of people, the group within it as sorted (characteristic, level) pairs)."""

EVERYBODY: Group = ()
THRESHOLD = 10


def group(**levels: str) -> Group:
    """The key of a group: its characteristics in a fixed order."""
    return tuple(sorted(levels.items()))


@dataclass(slots=True)
class Ledger:
    """All counts that a report may publish, and how they add up.

    Enter every count with `enter`, every sum with `add_up`; then `close` decides what is hidden.
    A count that is entered twice must agree with itself.
    """

    threshold: int = THRESHOLD
    _counts: dict[Cell, int] = field(default_factory=dict)
    _sums: list[tuple[Cell, tuple[Cell, ...]]] = field(default_factory=list)
    _fine: set[Cell] = field(default_factory=set)
    _hidden: frozenset[Cell] | None = None

    def enter(self, cell: Cell, count: int, *, fine: bool = False) -> None:
        """Register a count that the report may publish; a `fine` one yields to the coarse ones."""
        if fine:
            self._fine.add(cell)
        known = self._counts.setdefault(cell, count)
        if known != count:
            raise UsageError(
                f'The set "{cell[0]}" was counted twice with different results; give the two sets different names.'
            )
        self._hidden = None

    def add_up(self, total: Cell, parts: Iterable[Cell]) -> None:
        """Say that a total is the sum of its parts, all of them entered already."""
        entry = (total, tuple(parts))
        if self._counts[total] != sum(self._counts[part] for part in entry[1]):
            raise UsageError(f'The parts of the set "{total[0]}" do not add up to it.')
        self._sums.append(entry)
        self._hidden = None

    def split(self, whole: Cell, part: Cell, *, rest_set: str | None = None) -> None:
        """Say that `part` lies within `whole`; the rest becomes a cell of its own, for it can be worked out."""
        rest: Cell = (rest_set or f"{whole[0]} without {part[0]}", part[1])
        self.enter(rest, self._counts[whole] - self._counts[part], fine=whole in self._fine)
        self.add_up(whole, (part, rest))

    def count(self, cell: Cell) -> int:
        """The true count, hidden or not: for computing, not for publishing."""
        return self._counts[cell]

    def hidden(self, *cells: Cell) -> bool:
        """Whether anything derived from these cells must stay unpublished."""
        hidden = self.close()
        return any(cell in hidden for cell in cells)

    def close(self) -> frozenset[Cell]:
        """Decide what is hidden. The result depends on the counts alone, not on the order they came in."""
        if self._hidden is None:
            self._hidden = suppress(
                self._counts, self._sums, threshold=self.threshold, fine=frozenset(self._fine)
            )
        return self._hidden


def suppress(
    counts: Mapping[Cell, int],
    sums: Sequence[tuple[Cell, tuple[Cell, ...]]],
    *,
    threshold: int = THRESHOLD,
    fine: AbstractSet[Cell] = frozenset(),
) -> frozenset[Cell]:
    """Which cells must be hidden so that no small one can be recovered from the rest?

    `sums` lists (total, parts). Sets that are empty for everybody (nobody was flagged) are not
    hidden: there is no person to reveal. `fine` cells (intersections, finer cuts) are settled after
    the coarse ones and never cost a coarse one: where the two conflict, the fine table goes.
    """
    empty = {name for (name, people), count in counts.items() if people == EVERYBODY and count == 0}
    hidden = {cell for cell, count in counts.items() if count < threshold and cell[0] not in empty}
    equations = sorted({(total, tuple(sorted(parts))) for total, parts in sums})
    coarse = [each for each in equations if fine.isdisjoint((each[0], *each[1]))]
    _settle(counts, coarse, hidden, threshold, frozenset(counts) - fine)
    if fine:
        _settle(counts, equations, hidden, threshold, fine)
    return frozenset(hidden)


def _settle(
    counts: Mapping[Cell, int],
    equations: Sequence[tuple[Cell, tuple[Cell, ...]]],
    hidden: set[Cell],
    threshold: int,
    may_go: AbstractSet[Cell],
) -> None:
    """Hide more of the cells that may go, until nothing small is given away or nothing is left to hide."""
    known: dict[tuple[Cell, ...], frozenset[Cell]] = {}  # what each set of hidden cells gives away
    exposed: set[Cell] = set()
    while True:
        _close_each(counts, equations, hidden, threshold, may_go)
        found = _recoverable(counts, equations, hidden, known)
        exposed = {cell for cell in found if counts[cell] < threshold and cell in may_go}
        if not exposed or not _protect(counts, equations, hidden, exposed, may_go):
            return


def _close_each(
    counts: Mapping[Cell, int],
    equations: Sequence[tuple[Cell, tuple[Cell, ...]]],
    hidden: set[Cell],
    threshold: int,
    may_go: AbstractSet[Cell],
) -> None:
    """Hide the smallest further part of each equation that alone would give a cell away, until none does."""
    touching: dict[Cell, list[int]] = defaultdict(list)
    for number, (total, parts) in enumerate(equations):
        for cell in (total, *parts):
            touching[cell].append(number)
    waiting = list(range(len(equations) - 1, -1, -1))
    queued = set(waiting)
    while waiting:
        number = waiting.pop()
        queued.discard(number)
        extra = _extra_cell(counts, equations[number], hidden, threshold, may_go)
        if extra is None:
            continue
        hidden.add(extra)
        for neighbour in touching[extra]:
            if neighbour not in queued:
                queued.add(neighbour)
                waiting.append(neighbour)


def _extra_cell(
    counts: Mapping[Cell, int],
    equation: tuple[Cell, tuple[Cell, ...]],
    hidden: set[Cell],
    threshold: int,
    may_go: AbstractSet[Cell],
) -> Cell | None:
    """The cell to hide next in one equation, or None where it is safe already."""
    total, parts = equation
    dark = [part for part in parts if part in hidden]
    light = sorted((counts[part], part) for part in parts if part not in hidden and part in may_go)
    if total in hidden:
        # The total is safe once a part is dark as well.
        return light[0][1] if not dark and light else None
    if not dark or (len(dark) > 1 and sum(counts[part] for part in dark) >= threshold):
        return None
    if light:
        return light[0][1]
    return total if total in may_go else None


def _recoverable(
    counts: Mapping[Cell, int],
    equations: Sequence[tuple[Cell, tuple[Cell, ...]]],
    hidden: set[Cell],
    known: dict[tuple[Cell, ...], frozenset[Cell]],
) -> set[Cell]:
    """Hidden cells that all equations together give away, knowing that no count is negative.

    Some cells can be nothing but zero (found by one linear programme); of the others, those that
    the equations determine.
    """
    exposed: set[Cell] = set()
    for cells, rows in _components(equations, hidden):
        key = tuple(cells)
        if key not in known:
            known[key] = _given_away(counts, cells, rows)
        exposed |= known[key]
    return exposed


def _given_away(
    counts: Mapping[Cell, int], cells: Sequence[Cell], rows: Sequence[tuple[Cell, tuple[Cell, ...]]]
) -> frozenset[Cell]:
    """`_recoverable` for hidden cells that are tied to each other and to no other hidden cell."""
    matrix = np.zeros((len(rows), len(cells)))
    place = {cell: column for column, cell in enumerate(cells)}
    for row, (total, parts) in enumerate(rows):
        for cell in parts:
            if cell in place:
                matrix[row, place[cell]] += 1
        if total in place:
            matrix[row, place[total]] -= 1
    zero = _only_zero(matrix, np.array([counts[cell] for cell in cells], dtype=float))
    open_cells = np.flatnonzero(~zero)
    determined = zero.copy()
    if len(open_cells):
        determined[open_cells] = _fixed(matrix[:, open_cells])
    return frozenset(cell for cell, is_determined in zip(cells, determined, strict=True) if is_determined)


def _fixed(matrix: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which unknowns do the equations determine? Those that stand alone in a row of the reduced echelon form."""
    reduced = matrix.copy()
    fixed = np.zeros(matrix.shape[1], dtype=bool)
    row = 0
    pivots: list[int] = []
    for column in range(matrix.shape[1]):
        if row == len(reduced):
            break
        best = row + int(np.abs(reduced[row:, column]).argmax())
        if abs(reduced[best, column]) < 1e-9:
            continue
        reduced[[row, best]] = reduced[[best, row]]
        reduced[row] /= reduced[row, column]
        others = np.flatnonzero(np.abs(reduced[:, column]) > 1e-9)
        others = others[others != row]
        reduced[others] -= reduced[others, column][:, None] * reduced[row]
        pivots.append(column)
        row += 1
    for place, column in enumerate(pivots):
        fixed[column] = (np.abs(reduced[place]) > 1e-9).sum() == 1
    return fixed


def _only_zero(matrix: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which cells are zero in every table of non-negative counts that the equations allow?"""
    if (counts > 0).all():
        return np.zeros(len(counts), dtype=bool)
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, eye_array, hstack

    size = len(counts)
    # Raise every cell as far as one, all at once: what stays at zero can never be anything else.
    # A cell that is not zero in truth can be raised already, and needs no variable of its own.
    empty = np.flatnonzero(counts == 0)
    raised = csr_array((np.ones(len(empty)), (np.arange(len(empty)), empty)), shape=(len(empty), size))
    found = linprog(
        np.concatenate([np.zeros(size), -np.ones(len(empty))]),
        A_ub=hstack([-raised, eye_array(len(empty))], format="csr"),
        b_ub=np.zeros(len(empty)),
        A_eq=hstack([csr_array(matrix), csr_array((len(matrix), len(empty)))], format="csr"),
        b_eq=matrix @ counts,
        bounds=[(0, None)] * size + [(0, 1)] * len(empty),
        method="highs",
    )
    assert found.x is not None, "the true counts satisfy the equations, so there is a solution"
    zero = np.zeros(size, dtype=bool)
    zero[empty] = found.x[size:] < 1e-7
    return zero


def _components(
    equations: Sequence[tuple[Cell, tuple[Cell, ...]]], hidden: set[Cell]
) -> list[tuple[list[Cell], list[tuple[Cell, tuple[Cell, ...]]]]]:
    """Hidden cells that share equations, apart from those that do not: small problems instead of one large."""
    parent: dict[Cell, Cell] = {}

    def root(cell: Cell) -> Cell:
        while parent[cell] != cell:
            parent[cell] = parent[parent[cell]]
            cell = parent[cell]
        return cell

    concerned: list[tuple[list[Cell], tuple[Cell, tuple[Cell, ...]]]] = []
    for total, parts in equations:
        dark = [cell for cell in (total, *parts) if cell in hidden]
        if not dark:
            continue
        concerned.append((dark, (total, parts)))
        for cell in dark:
            parent.setdefault(cell, cell)
        for cell in dark[1:]:
            parent[root(cell)] = root(dark[0])
    cells: dict[Cell, list[Cell]] = defaultdict(list)
    for cell in sorted(parent):
        cells[root(cell)].append(cell)
    rows: dict[Cell, list[tuple[Cell, tuple[Cell, ...]]]] = defaultdict(list)
    for dark, equation in concerned:
        rows[root(dark[0])].append(equation)
    return [(cells[top], rows[top]) for top in sorted(cells)]


def _protect(
    counts: Mapping[Cell, int],
    equations: Sequence[tuple[Cell, tuple[Cell, ...]]],
    hidden: set[Cell],
    exposed: set[Cell],
    may_go: AbstractSet[Cell],
) -> bool:
    """For each cell that can be worked out, hide the smallest visible cell of the nearest equation that has one.

    Nearest: from the cell's own equations outwards over hidden cells; parts go before totals. Whether
    anything was hidden.
    """
    touching: dict[Cell, list[int]] = defaultdict(list)
    for number, (total, parts) in enumerate(equations):
        for cell in (total, *parts):
            touching[cell].append(number)
    added = False
    for cell in sorted(exposed):
        seen, ring = {cell}, [cell]
        while ring:
            near = sorted({number for each in ring for number in touching[each]})
            light = sorted(
                (part == equations[number][0], counts[part], part)
                for number in near
                for part in (equations[number][0], *equations[number][1])
                if part not in hidden and part in may_go
            )
            if light:
                hidden.add(light[0][2])
                added = True
                break
            further = {
                part for number in near for part in (equations[number][0], *equations[number][1])
            } - seen
            seen |= further
            ring = sorted(further)
    return added
