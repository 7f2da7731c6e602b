"""Ghost cells: values beyond the sides of a box, from the conditions there or by periodicity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array

from ..declare.problem import Problem
from ..forms import Jet
from .grid import Grid
from .sides import Side, Statement, statements
from .simulator import Inputs, Program
from .stencils import extension


class Ghosts:
    """Extends one state beyond the sides of its box, ``width`` cells along each axis.

    Conditions are met by polynomials through ``interior`` cells; where nothing was declared, they extrapolate
    through ``loose`` cells.
    """

    def __init__(
        self, problem: Problem, grid: Grid, state: Jet, width: int, interior: int, loose: int,
        declared: Mapping[Side, tuple[Statement, ...]] | None = None,
    ):  # fmt: skip
        self.grid, self.width = grid, width
        self.interior, self.loose = interior, loose
        declared = statements(problem, state) if declared is None else declared
        self.shapes = {s: [len(e.coefficients) for e in entries] for s, entries in declared.items()}
        self.data = {
            side: [Program(problem, [*e.coefficients, e.value]) for e in entries]
            for side, entries in declared.items()
        }

    def pad(self, values: Array, axis: int, t: Any, inputs: Inputs, pads: tuple[int, ...]) -> Array:
        """``values``, padded already by ``pads`` along other axes, extended along ``axis``."""
        if self.grid.periodic[axis]:
            wide = [(self.width, self.width) if a == axis else (0, 0) for a in range(values.ndim)]
            return jnp.pad(values, wide, mode="wrap")
        inner = jnp.moveaxis(values, axis, 0)
        low = self._ghosts(inner, (axis, 0), t, inputs, pads)
        high = self._ghosts(inner[::-1], (axis, 1), t, inputs, pads)
        return jnp.moveaxis(jnp.concatenate([low[::-1], inner, high]), 0, axis)

    def pad_all(self, values: Array, t: Any, inputs: Inputs) -> Array:
        """``values`` extended along every axis, corners included."""
        pads = [0] * values.ndim
        for axis in range(values.ndim):
            values = self.pad(values, axis, t, inputs, tuple(pads))
            pads[axis] = self.width
        return values

    def _ghosts(
        self, inner: Array, side: Side, t: Any, inputs: Inputs, pads: tuple[int, ...]
    ) -> Array:
        """Values beyond a side, nearest first, for cells counted from that side."""
        axis, end = side
        data, orders = self.data[side], self.shapes[side]
        count = self.interior if data else self.loose
        rule = extension(count, len(data), self.width, max(orders, default=1) - 1)
        cells = inner[:count]
        outside = jnp.tensordot(rule.ghost_cells, cells, 1)
        if not data:
            return outside
        coordinates = self.grid.mesh(pads)
        coordinates[axis] = jnp.asarray((self.grid.lower, self.grid.upper)[end][axis])
        flat = self._flat(axis, pads)
        tangential = [jnp.moveaxis(jnp.broadcast_to(c, flat), axis, 0)[0] for c in coordinates]
        rows, right = [], []
        for program in data:
            *coefficients, value = program(tangential, t, inputs, {})
            scale = [c * (-1.0 / self.grid.spacing[axis]) ** k for k, c in enumerate(coefficients)]
            known = sum(s * jnp.tensordot(rule.cells[k], cells, 1) for k, s in enumerate(scale))
            rows.append([sum(s * rule.free[k, f] for k, s in enumerate(scale)) for f in range(len(data))])
            right.append(value - known)
        return outside + jnp.tensordot(rule.ghost_free, jnp.stack(_solved(rows, right)), 1)

    def _flat(self, axis: int, pads: tuple[int, ...]) -> tuple[int, ...]:
        counts = zip(self.grid.counts, pads, strict=True)
        return tuple(1 if a == axis else n + 2 * p for a, (n, p) in enumerate(counts))


def _solved(rows: list[list[Any]], right: list[Array]) -> list[Array]:
    """The solution of a linear system at every point of a side."""
    if len(rows) == 1:
        return [right[0] / rows[0][0]]
    shape = right[0].shape
    matrix = jnp.stack([jnp.stack([jnp.broadcast_to(e, shape) for e in row], -1) for row in rows], -2)
    found = jnp.linalg.solve(matrix, jnp.stack(right, -1)[..., None])[..., 0]
    return list(jnp.moveaxis(found, -1, 0))
