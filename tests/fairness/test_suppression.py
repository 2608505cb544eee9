"""Nothing that is hidden can be found again: checked by an adversary that shares no code with the hiding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from catalogue.errors import UsageError
from fairness.suppression import EVERYBODY, Cell, Ledger, group

Counts = NDArray[np.int64]
Mask = NDArray[np.bool_]


def grid(counts: Counts) -> Ledger:
    """A sex-by-place table with its margins, as a ledger and as the equations an adversary would write."""
    ledger = Ledger()
    rows, columns = counts.shape
    for row in range(rows):
        for column in range(columns):
            ledger.enter(("n", group(row=str(row), column=str(column))), int(counts[row, column]))
    for row in range(rows):
        ledger.enter(("n", group(row=str(row))), int(counts[row].sum()))
        ledger.add_up(
            ("n", group(row=str(row))),
            [("n", group(row=str(row), column=str(column))) for column in range(columns)],
        )
    for column in range(columns):
        ledger.enter(("n", group(column=str(column))), int(counts[:, column].sum()))
        ledger.add_up(
            ("n", group(column=str(column))),
            [("n", group(row=str(row), column=str(column))) for row in range(rows)],
        )
    ledger.enter(("n", EVERYBODY), int(counts.sum()))
    ledger.add_up(("n", EVERYBODY), [("n", group(row=str(row))) for row in range(rows)])
    ledger.add_up(("n", EVERYBODY), [("n", group(column=str(column))) for column in range(columns)])
    return ledger


def recoverable(counts: Counts, ledger: Ledger) -> list[tuple[int, int, float]]:
    """Cells of the grid that linear programming pins to one value, given all that is published."""
    rows, columns = counts.shape
    hidden = ledger.close()
    equations, values = [], []

    def publish(cell: Cell, mask: Mask) -> None:
        if cell not in hidden:
            equations.append(mask.ravel().astype(float))
            values.append(float(counts[mask].sum()))

    for row in range(rows):
        for column in range(columns):
            mask = np.zeros_like(counts, dtype=bool)
            mask[row, column] = True
            publish(("n", group(row=str(row), column=str(column))), mask)
    for row in range(rows):
        mask = np.zeros_like(counts, dtype=bool)
        mask[row] = True
        publish(("n", group(row=str(row))), mask)
    for column in range(columns):
        mask = np.zeros_like(counts, dtype=bool)
        mask[:, column] = True
        publish(("n", group(column=str(column))), mask)
    publish(("n", EVERYBODY), np.ones_like(counts, dtype=bool))
    found = []
    for row in range(rows):
        for column in range(columns):
            if counts[row, column] >= ledger.threshold:
                continue
            goal = np.zeros(counts.size)
            goal[row * columns + column] = 1
            known = {"A_eq": np.array(equations), "b_eq": np.array(values)} if equations else {}
            low = linprog(goal, bounds=(0, None), **known).fun
            most = linprog(-goal, bounds=(0, None), **known)
            high = -most.fun if most.status == 0 else np.inf
            if high - low < 1e-6:
                found.append((row, column, low))
    return found


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(2, 4), st.integers(2, 5)).flatmap(
        lambda shape: st.lists(
            st.one_of(st.integers(0, 14), st.integers(10, 300)),
            min_size=shape[0] * shape[1],
            max_size=shape[0] * shape[1],
        ).map(lambda cells: np.array(cells).reshape(shape))
    )
)
def test_no_small_cell_can_be_worked_out(counts: Counts) -> None:
    if counts.sum() == 0:
        return
    ledger = grid(counts)
    for row, column in np.argwhere(counts < 10):
        assert ledger.hidden(("n", group(row=str(row), column=str(column))))
    assert recoverable(counts, ledger) == []


def test_without_secondary_suppression_the_adversary_wins() -> None:
    counts = np.array([[3, 40, 50], [60, 70, 80]])
    ledger = grid(counts)
    only_primary = Ledger()
    only_primary._hidden = frozenset({("n", group(row="0", column="0"))})
    assert recoverable(counts, only_primary) == [(0, 0, pytest.approx(3))]
    assert recoverable(counts, ledger) == []


def test_large_counts_are_all_published() -> None:
    assert grid(np.full((3, 4), 25)).close() == frozenset()


def test_those_without_the_outcome_are_protected_too() -> None:
    ledger = Ledger()
    whole, part = ("all", group(sex="Women")), ("offered", group(sex="Women"))
    ledger.enter(whole, 60)
    ledger.enter(part, 57)  # three were not
    ledger.split(whole, part)
    assert ledger.hidden(part)


def test_a_set_that_is_empty_for_everybody_hides_nothing() -> None:
    ledger = Ledger()
    for sex in ("Men", "Women"):
        ledger.enter(("flagged", group(sex=sex)), 0)
    ledger.enter(("flagged", EVERYBODY), 0)
    ledger.add_up(("flagged", EVERYBODY), [("flagged", group(sex=sex)) for sex in ("Men", "Women")])
    assert ledger.close() == frozenset()


def test_counts_that_contradict_themselves_are_refused() -> None:
    ledger = Ledger()
    ledger.enter(("n", EVERYBODY), 10)
    with pytest.raises(UsageError, match="counted twice"):
        ledger.enter(("n", EVERYBODY), 11)
    ledger.enter(("n", group(sex="Men")), 4)
    with pytest.raises(UsageError, match="do not add up"):
        ledger.add_up(("n", EVERYBODY), [("n", group(sex="Men"))])
