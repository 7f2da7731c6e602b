"""Cells refined by the residual that finer tests see: cut where it falls slowly with order, raised elsewhere.

On every cell the residual is tested with functions of orders up to p + 4, and the square of its dual norm on
their span is split by order: rows L⁻¹R of tests in ascending order are nested. What orders p + 1 and p + 2
hold, beside what p + 3 and p + 4 do, tells how fast it falls: faster than any power where all is smooth.
Source: Rojas, Maczuga, Muñoz-Matute, Pardo & Paszyński, Comput. Methods Appl. Mech. Eng. 425 (2024); for the
choice between h and p Houston & Süli, Comput. Methods Appl. Mech. Eng. 194 (2005).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..fields.precision import cast
from ..training.least_squares import LeastSquares
from ..training.refinement import AbstractRefinement, Arrays
from ..variational.blocks import Cells, TestedRows, padded
from ..variational.cell_sets import CellSet, as_arrays, from_arrays
from ..variational.test_functions import bubble_orders
from ._cells import CellTests
from ._variational import Assembly
from ._variational_options import RefineOptions

_ABOVE = 4  # orders that the residual is tested with beyond a cell's own
_SMOOTH = 8.0  # power of the order that squares fall with where more orders pay; of jumps it is 4 to 6
_AT_ONCE = 64  # cells of one kind and order


class CellRefinement(AbstractRefinement):
    """Cells, with the orders of their tests, that are refined between stages."""

    def __init__(self, tests: CellTests, assembly: Assembly, options: RefineOptions):
        self._tests, self._assembly, self._options = tests, assembly, options

    def start(self) -> Arrays:
        """The cells at first."""
        return as_arrays(self._tests.first)

    def posed(self, state: Arrays) -> LeastSquares:
        """Blocks of tests on the cells of a state, made in float64 whatever training runs in."""
        with jax.enable_x64(True):
            return self._assembly.posed(self._tests.on(from_arrays(state)))

    def measured(self, problem: LeastSquares, theta: jax.Array, state: Arrays, iteration: int) -> Arrays:
        """The state with squared residuals of cells, their decay, and a line of the table of rounds."""
        if not self._options.rounds:
            return state
        sets, found = from_arrays(state), dict(state)
        with jax.enable_x64(True):
            fields = cast(problem.with_theta(theta), jnp.float64)
            for cells in sets:
                share, decay = self._estimates(cells, fields)
                found |= {f"share {cells.kind}": share, f"decay {cells.kind}": decay}
        line = {
            "iteration": iteration,
            "cells": sum(len(cells.orders) for cells in sets),
            "tests": sum(_count(cells) for cells in sets),
            "estimate": float(np.sqrt(sum(found[f"share {cells.kind}"].sum() for cells in sets))),
        }
        for name, value in line.items():
            found[f"rounds {name}"] = np.append(state.get(f"rounds {name}", np.zeros(0)), value)
        return found

    def refined(self, state: Arrays) -> Arrays:
        """The cells with those that hold most of the residual cut or raised."""
        sets = from_arrays(state)
        shares = [state[f"share {cells.kind}"] for cells in sets]
        marked = _holding(np.concatenate(shares), self._options.share)
        ends = np.cumsum([len(share) for share in shares])[:-1]
        new = []
        for cells, mine in zip(sets, np.split(marked, ends), strict=True):
            room = cells.orders < self._options.highest_order
            if self._options.by == "hp":
                raised = mine & room & (state[f"decay {cells.kind}"] > _SMOOTH)
            else:
                raised = mine & room & (self._options.by == "p")
            cut = mine & ~raised & (self._options.by != "p")
            new.append(cells.refined(cut, raised))
        rounds = {name: column for name, column in state.items() if name.startswith("rounds ")}
        return {**as_arrays(new), **rounds}

    def figures(self, state: Arrays) -> dict[str, float]:
        """Numbers of cells and of tests."""
        if not self._options.rounds:
            return {}
        sets = from_arrays(state)
        return {
            "refined_cells": float(sum(len(cells.orders) for cells in sets)),
            "refined_tests": float(sum(_count(cells) for cells in sets)),
        }

    def remarks(self, state: Arrays) -> tuple[str, ...]:
        """What became of the cells."""
        if "rounds cells" not in state:
            return ()
        cells, tests, estimate = (state[f"rounds {name}"] for name in ("cells", "tests", "estimate"))
        orders = np.concatenate([found.orders for found in from_arrays(state)])
        return (
            f"cells refined {len(cells) - 1} times, from {cells[0]:.0f} to {cells[-1]:.0f}, orders "
            f"{orders.min()} to {orders.max()}, from {tests[0]:.0f} to {tests[-1]:.0f} tests; residual in "
            f"the dual norm of finer tests from {estimate[0]:.2g} to {estimate[-1]:.2g}",
        )

    def _estimates(self, cells: CellSet, fields: object) -> tuple[np.ndarray, np.ndarray]:
        """Squared residuals (e,), and the power of the order that their parts beyond the cell's fall with."""
        share, decay = np.zeros(len(cells.orders)), np.zeros(len(cells.orders))
        tester, tests = self._assembly.tester, self._tests
        for order, rows in tests.grouped(cells.orders):
            by_order = bubble_orders(cells.element, order + _ABOVE)
            for start in range(0, len(rows), _AT_ONCE):
                part = rows[start : start + _AT_ONCE]
                bucket = tests.bubbles(cells, part, order, tester.norms(), _ABOVE)
                squares = _squares(*tester.tested(bucket), fields, len(part), len(by_order))
                above = by_order - cells.orders[part, None]
                share[part] = squares.sum(axis=1)
                near = (squares * ((above > 0) & (above <= 2))).sum(axis=1)
                far = (squares * (above > 2)).sum(axis=1)
                middle = cells.orders[part] + 1.5
                tiny = np.finfo(float).tiny
                decay[part] = np.log((near + tiny) / (far + tiny)) / np.log((middle + 2) / middle)
        for where in tester.boundaries:
            sides = cells.sides.get(where, np.zeros((0, 2), int))
            for order, rows in tests.grouped(cells.orders[sides[:, 0]]):
                own = sides[rows]
                bucket = tests.facets(cells, own, order, tester.norms(where), _ABOVE)
                squares = _squares(*tester.tested(bucket, where), fields, len(own), 1)
                np.add.at(share, own[:, 0], squares[:, 0])
        return share, decay


def _squares(rows: TestedRows, points: Cells, fields: object, cells: int, tests: int) -> np.ndarray:
    """Squared rows (cells, tests), summed over equations, slabs of time and tests there."""
    count = len(points.keep)
    points = padded(points, -(-count // _AT_ONCE) * _AT_ONCE)
    found = np.asarray(_evaluated(rows, fields, points))[:count] ** 2
    return found.reshape(cells, -1, tests, found.shape[1] // tests).sum(axis=(1, 3))


@eqx.filter_jit
def _evaluated(rows: Callable[..., jax.Array], fields: object, points: Cells) -> jax.Array:
    return rows(fields, points)


def _holding(shares: np.ndarray, part: float) -> np.ndarray:
    """The fewest cells (e,) that hold a part of the sum (W. Dörfler, SIAM J. Numer. Anal. 33, 1996)."""
    order = np.argsort(-shares, kind="stable")
    before = np.cumsum(shares[order]) - shares[order]
    chosen = np.zeros(len(shares), bool)
    chosen[order[before < part * shares.sum()]] = True
    return chosen | (part == 1.0)


def _count(cells: CellSet) -> int:
    """Number of tests."""
    orders, numbers = np.unique(cells.orders, return_counts=True)
    counted: Sequence[int] = [len(bubble_orders(cells.element, int(order))) for order in orders]
    return int(np.dot(counted, numbers))
