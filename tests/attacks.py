"""An attacker with a linear program: what published numbers pin down about few people.

People lie in a grid of two partitions (two tables, two versions of one table, groups and
outcomes). Published cells are rectangles of the grid with a known sum; places where nobody can
be are known to be empty. A rectangle whose smallest and largest possible sum agree is told.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import highspy
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
SOLVER: Any = highspy.Highs
"""Its stubs leave the constructor untyped."""
TOLERANCE = 1e-6
LOOKS = 3
"""Random objectives that show cheaply what is not pinned; the rest is solved exactly."""


class Cell(NamedTuple):
    """A rectangle of the grid, as rows and columns, and how many people are in it."""

    rows: Mask
    columns: Mask
    people: int


class Attack:
    """Solves for sums over a grid. `possible` says where people can be at all; of those off the
    diagonal there are `moved` at most, where that is given."""

    def __init__(self, possible: Mask, cells: Iterable[Cell], moved: int | None = None) -> None:
        self._possible = possible
        self._place = np.cumsum(possible.ravel()).reshape(possible.shape) - 1
        self._size = int(possible.sum())
        self._solver = SOLVER()
        self._solver.setOptionValue("output_flag", False)
        self._solver.setOptionValue("threads", 1)
        infinity = highspy.kHighsInf
        self._solver.addVars(self._size, np.zeros(self._size), np.full(self._size, infinity))
        for cell in cells:
            self._add(np.outer(cell.rows, cell.columns), cell.people, cell.people)
        if moved is not None:
            self._add(~np.eye(*possible.shape, dtype=np.bool_), 0, moved)

    def _add(self, area: Mask, low: float, high: float) -> None:
        places = self._place[area & self._possible].astype(np.int32)
        self._solver.addRow(low, high, len(places), places, np.ones(len(places)))

    def _solve(self, costs: NDArray[np.float64]) -> NDArray[np.float64]:
        """The grid of a solution that makes the costs as small as can be."""
        columns = np.arange(self._size, dtype=np.int32)
        self._solver.changeColsCost(self._size, columns, costs[self._possible])
        self._solver.run()
        assert self._solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        grid = np.zeros(self._possible.shape)
        grid[self._possible] = self._solver.getSolution().col_value
        return grid

    def leaks(self, rows: Sequence[Mask], columns: Sequence[Mask]) -> list[tuple[int, int, int]]:
        """Which of `rows` with which of `columns` makes a rectangle of which it is certain that
        1 to 9 people are in it, and how many."""
        random = np.random.default_rng(5)
        above, beside = np.array(rows, float), np.array(columns, float).T
        sums = []
        for _ in range(LOOKS):
            costs = random.normal(size=self._possible.shape)
            sums += [above @ self._solve(costs) @ beside, above @ self._solve(-costs) @ beside]
        low, high = np.min(sums, axis=0), np.max(sums, axis=0)
        told = (high - low < TOLERANCE) & (low > 1 - TOLERANCE) & (high < 10 - TOLERANCE)
        found = []
        for row, column in np.argwhere(told):
            area = np.outer(rows[row], columns[column]).astype(float)
            least, most = (float((area * self._solve(sign * area)).sum()) for sign in (1.0, -1.0))
            if most - least < TOLERANCE:
                found.append((int(row), int(column), round(most)))
        return found
