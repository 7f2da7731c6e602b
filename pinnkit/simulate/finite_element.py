"""Finite elements of steady problems on meshes, differentiable by parameters and coefficient fields."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array

from ..declare.problem import Problem
from ..forms import FormUnavailable
from ..forms.elliptic import elliptic_form, multipliers
from ..forms.weak import WeakForm
from ..geometry.mesh import Mesh
from .basis import FieldBasis
from .compiled import compiled
from .constraints import Constraints
from .integrands import Coefficients, Integrals, Row
from .lagrange import Space
from .quadrature_sets import QuadratureSet
from .sparse_direct import SparseDirect

_NEWTON_STEPS = 40
_SETTLED = 1e-10  # a step this small against the solution ends Newton's method
_SHORTEST = 2.0**-10  # step lengths that damping goes down to
_UNBALANCED, _ROUNDING = 1e-2, 1e-10  # of its data and its terms, what a given-up equation may leave


class FiniteElements:
    """R(U, θ) = 0 for the nodal values U of all unknowns: ∫ S v − F·∇v + ∮ G v = 0 for all v.

    Elements of a ``degree``; a pressure, absent from the equation it tests, gets one less (Taylor & Hood,
    1973). Newton's method, damped by halving, finds U*; one more step U* − A⁻¹ R(U*, θ) with A held has the
    derivative −A⁻¹ ∂R/∂θ of the implicit function theorem, forwards and backwards. Second derivatives are
    not those of U. Raises ``FormUnavailable`` as ``elliptic_form`` does, and for inferred boundary values.
    """

    def __init__(
        self, problem: Problem, mesh: Mesh, degree: int, bases: Mapping[str, FieldBasis] | None = None
    ):
        self.problem, self.mesh, self.degree, self.bases = problem, mesh, degree, dict(bases or {})
        form = self.form = elliptic_form(problem)
        self.names = [f.func.__name__ for f in problem.solved]
        lowered = multipliers(problem, form)
        self.saddle = bool(lowered)
        self.degrees = [max(degree - (name in lowered), 1) for name in self.names]
        kinds = {p: Space.on(mesh, p) for p in sorted(set(self.degrees))}
        self.spaces = [kinds[p] for p in self.degrees]
        self.offsets = np.cumsum([0, *(s.size for s in self.spaces)])
        order = 2 * degree + (0 if mesh.element.flat else 1)
        cells = QuadratureSet.over_cells(mesh, order)
        self.sets = [self._integrals(_cell_rows(form, self.names), cells)]
        for where in sorted({term.where for term in form.natural}):
            over = QuadratureSet.over_facets(mesh, where, order)
            self.sets.append(self._integrals(_boundary_rows(form, self.names, where), over))
        self.linear = all(integrals.linear for integrals in self.sets)
        draw = jnp.asarray(np.random.default_rng(0).normal(size=int(self.offsets[-1])))
        rows, columns = (np.concatenate(p) for p in zip(*(s.places for s in self.sets), strict=True))
        values = np.asarray(compiled(self._entries)(draw, self.declared()))
        masses = [_masses(space, cells) for space in self.spaces]
        self.constraints = Constraints(problem, form, self.spaces, masses, (rows, columns, values))
        free = self.constraints.free
        self._rows, self._columns = rows, columns
        number = np.full(len(draw), -1)
        number[free] = np.arange(len(free))
        self._kept = np.flatnonzero((number[rows] >= 0) & (number[columns] >= 0))
        places = number[rows[self._kept]], number[columns[self._kept]]
        self.direct = SparseDirect(*places, len(free), self.saddle)

    @property
    def size(self) -> int:
        """Nodal values of all unknowns."""
        return int(self.offsets[-1])

    def declared(self) -> Coefficients:
        """The parameters as declared, and fields of one."""
        parameters = {p.name: jnp.asarray(float(p.value)) for p in self.problem.parameters}
        return Coefficients(parameters, {name: jnp.ones(b.shape) for name, b in self.bases.items()})

    def residual(self, state: Array, given: Coefficients) -> Array:
        """R (N,) of all test functions."""
        return sum((s.residual(state, given) for s in self.sets), -given.load * jnp.ones_like(state))

    def solve(self, given: Coefficients, start: Array | None = None) -> Array:
        """The nodal values (N,), from a start for Newton's method; NaN where it does not converge."""
        held = jax.lax.stop_gradient(given)
        begun = jnp.zeros(self.size) if start is None else jnp.asarray(start)
        found = self._newton(held, self.constraints.put(begun, held.parameters))
        state = self.constraints.put(jax.lax.stop_gradient(found), given.parameters)
        matrix = self.direct.values(self._entries(jax.lax.stop_gradient(state), held)[self._kept])
        step = self.direct.solve(matrix, self.residual(state, given)[self.constraints.free])
        state = state.at[self.constraints.free].add(-step)
        return self.constraints.settled(state, given.parameters)

    def refuse_unbalanced(self, state: Array, given: Coefficients) -> None:
        """Raise ``FormUnavailable`` where an equation that was given up for a free constant does not hold."""
        if not self.constraints.floating:
            return
        left = np.abs(np.asarray(self.residual(state, given)))
        bare = self.constraints.put(jnp.zeros_like(state), given.parameters)
        data = np.abs(np.asarray(self.residual(bare, given)))
        terms = np.abs(np.asarray(self._entries(state, given)) * np.asarray(state)[self._columns])
        sizes = np.bincount(self._rows, terms, self.size)
        for k in self.constraints.floating:
            part = slice(self.offsets[k], self.offsets[k + 1])
            if left[part.start] > _UNBALANCED * data[part].sum() + _ROUNDING * sizes[part].sum():
                raise FormUnavailable(
                    f"finite elements of {self.problem.name!r}",
                    reason=f"{self.names[k]} is known up to a constant and its data do not balance",
                    mend="make sources and fluxes balance, or prescribe it on part of the boundary",
                )  # fmt: skip

    def _integrals(self, rows: list[Row], over: QuadratureSet) -> Integrals:
        return Integrals(self.problem, rows, self.spaces, self.offsets[:-1], over, self.bases)

    def _entries(self, state: Array, given: Coefficients) -> Array:
        return jnp.concatenate([s.jacobian(state, given) for s in self.sets])

    def _newton(self, given: Coefficients, start: Array) -> Array:
        free = self.constraints.free

        def rest(state: Array) -> Array:
            return self.residual(state, given)[free]

        def correction(state: Array) -> Array:
            matrix = self.direct.values(self._entries(state, given)[self._kept])
            return -self.direct.solve(matrix, rest(state))

        if self.linear:
            return start.at[free].add(correction(start))

        def step(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            count, state, _ = carry
            change = correction(state)
            size = jnp.linalg.norm(rest(state))

            def too_long(length: Array) -> Array:
                after = jnp.linalg.norm(rest(state.at[free].add(length * change)))
                return (length > _SHORTEST) & ~(after <= (1 - length / 4) * size)

            length = jax.lax.while_loop(too_long, lambda length: length / 2, jnp.ones(()))
            # Close to rounding the residual falls no more; what counts is that the full step is small.
            small = jnp.linalg.norm(change) <= _SETTLED * jnp.linalg.norm(state)
            length = jnp.where(small, 1.0, length)
            moved = jnp.linalg.norm(change) / jnp.maximum(jnp.linalg.norm(state), 1e-300)
            return count + 1, state.at[free].add(length * change), moved

        def unsettled(carry: tuple[Array, Array, Array]) -> Array:
            count, _, moved = carry
            return (count < _NEWTON_STEPS) & (moved > _SETTLED) & jnp.isfinite(moved)

        begin = (jnp.zeros((), int), start, jnp.asarray(1.0))
        _, state, moved = jax.lax.while_loop(unsettled, step, begin)
        return jnp.where(moved <= _SETTLED, state, jnp.nan)


def _cell_rows(form: WeakForm, names: list[str]) -> list[Row]:
    rows = []
    for e in form.equations:
        test = names.index(e.test)
        rows += [Row(test, 0, e.source), *(Row(test, i + 1, -f) for i, f in enumerate(e.flux))]
    return rows


def _boundary_rows(form: WeakForm, names: list[str], where: str) -> list[Row]:
    test = {e.name: names.index(e.test) for e in form.equations}
    return [Row(test[t.equation], 0, sp.sympify(t.flux)) for t in form.natural if t.where == where]


def _masses(space: Space, cells: QuadratureSet) -> np.ndarray:
    """∫ φ of every shape function."""
    shapes = np.broadcast_to(cells.shapes(space), (*cells.weights.shape, space.cell_nodes.shape[1]))
    local = np.einsum("mq,mqk->mk", cells.weights, shapes)
    return np.bincount(space.cell_nodes.ravel(), local.ravel(), minlength=space.size)
