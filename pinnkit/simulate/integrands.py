"""The weak form as arrays: ∫ S v − F·∇v + ∮ G v at quadrature points, and its derivatives by the unknowns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array

from ..declare.problem import Problem
from ..forms import Jet, Jets, emit
from ..forms.jets import jets_in
from ..forms.weak import linearise
from .basis import FieldBasis, Scattered
from .lagrange import Space
from .quadrature_sets import QuadratureSet


class Coefficients(NamedTuple):
    """What a steady problem depends on: its parameters by name, the splines of fields by name.

    ``load`` (N,) or zero is added to what all equations, tested, must give.
    """

    parameters: Mapping[str, Array]
    fields: Mapping[str, Array]
    load: Array | float = 0.0


class Row(NamedTuple):
    """What multiplies v (axis 0) or ∂v by coordinate ``axis`` − 1, in the equation of one test function."""

    test: int
    axis: int
    expression: sp.Expr


class Integrals:
    """Rows integrated over one quadrature set.

    ``nodes`` (m, k), by unknown, are the numbers of a cell's nodal values among those of all unknowns.
    ``places`` lists the entries of the derivative as (row numbers, column numbers), block by block.
    """

    def __init__(
        self, problem: Problem, rows: Sequence[Row], spaces: Sequence[Space], offsets: Sequence[int],
        on: QuadratureSet, bases: Mapping[str, FieldBasis],
    ):  # fmt: skip
        self.rows = [row for row in rows if row.expression != 0]
        self._names = [f.func.__name__ for f in problem.solved]
        self._spaces, self._weights = spaces, jnp.asarray(on.weights)
        self.nodes = [space.cell_nodes[on.cells] + o for space, o in zip(spaces, offsets, strict=True)]
        self._shapes = {s.degree: jnp.asarray(on.shapes(s)) for s in spaces}
        self._slopes = {s.degree: jnp.asarray(on.slopes(s)) for s in spaces}
        expressions = [row.expression for row in self.rows]
        by_state = [
            {jet: e for jet, e in slopes.items() if jet.unknown in self._names}
            for slopes in linearise(*expressions)
        ]
        self._derivatives = [(r, jet) for r, slopes in enumerate(by_state) for jet in slopes]
        slopes = [e for found in by_state for e in found.values()]
        self.linear = not any(j.unknown in self._names for j in jets_in(*slopes))
        self._jets = jets_in(*expressions, *slopes)
        arguments = [*problem.coordinates, *Jets(problem).normals, *problem.parameters]
        arguments += [Jets(problem).symbol(jet) for jet in self._jets]
        self._values, self._changes = (emit(e, arguments, jnp) for e in (expressions, slopes))
        self._parameters = [p.name for p in problem.parameters]
        d = len(problem.coordinates)
        normals = np.zeros_like(on.points) if on.normals is None else on.normals
        self._places = [jnp.asarray(part[..., i]) for part in (on.points, normals) for i in range(d)]
        self._fields: dict[Jet, Scattered] = {
            jet: bases[jet.unknown].scattered(on.points.reshape(-1, d), jet.index)
            for jet in self._jets if jet.unknown not in self._names
        }  # fmt: skip
        pairs = {(self.rows[r].test, self._names.index(jet.unknown)): None for r, jet in self._derivatives}
        self._blocks = list(pairs)

    @property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Row and column numbers of the entries that ``jacobian`` gives."""
        found: list[list[np.ndarray]] = [[np.zeros(0, np.int64)], [np.zeros(0, np.int64)]]
        for test, trial in self._blocks:
            rows, columns = self.nodes[test][:, :, None], self.nodes[trial][:, None, :]
            whole = np.broadcast_shapes(rows.shape, columns.shape)
            found[0].append(np.broadcast_to(rows, whole).ravel())
            found[1].append(np.broadcast_to(columns, whole).ravel())
        return np.concatenate(found[0]), np.concatenate(found[1])

    def residual(self, state: Array, given: Coefficients) -> Array:
        """∫ S v − F·∇v of every test function (N,)."""
        total = jnp.zeros_like(state)
        arguments = self._arguments(state, given)
        for row, value in zip(self.rows, self._values(*arguments), strict=True):
            local = jnp.einsum("mq,mqk->mk", value * self._weights, self._table(row.test, row.axis))
            total = total.at[self.nodes[row.test]].add(local)
        return total

    def jacobian(self, state: Array, given: Coefficients) -> Array:
        """Entries of its derivative, in the order of ``places``."""
        blocks: dict[tuple[int, int], Array] = {}
        changes = self._changes(*self._arguments(state, given))
        for (r, jet), change in zip(self._derivatives, changes, strict=True):
            row, trial = self.rows[r], self._names.index(jet.unknown)
            left = self._table(row.test, row.axis) * (change * self._weights)[..., None]
            local = jnp.einsum("mqk,mql->mkl", left, self._table(trial, _axis(jet)))
            blocks[row.test, trial] = blocks.get((row.test, trial), 0) + local
        return jnp.concatenate([jnp.zeros(0), *(blocks[b].ravel() for b in self._blocks)])

    def _arguments(self, state: Array, given: Coefficients) -> list[Array]:
        shape = self._weights.shape
        values = []
        for jet in self._jets:
            if jet in self._fields:
                values.append(self._fields[jet](given.fields[jet.unknown]).reshape(shape))
            else:
                unknown = self._names.index(jet.unknown)
                table = self._table(unknown, _axis(jet))
                values.append(jnp.einsum("mk,mqk->mq", state[self.nodes[unknown]], table))
        return [*self._places, *(given.parameters[n] for n in self._parameters), *values]

    def _table(self, unknown: int, axis: int) -> Array:
        """Shape functions of an unknown (m, q, k), or their derivatives by coordinate ``axis`` − 1."""
        degree = self._spaces[unknown].degree
        found = self._slopes[degree][..., axis - 1] if axis else self._shapes[degree]
        return jnp.broadcast_to(found, (*self._weights.shape, found.shape[-1]))


def _axis(jet: Jet) -> int:
    return next((i + 1 for i, n in enumerate(jet.index) if n), 0)
