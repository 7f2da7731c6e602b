"""Finite differences of order 2, 4 or 6 on boxes, conditions met in ghost cells."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from ..declare.problem import Problem
from ..forms import EvolutionForm, Jet, evolution_form
from .grid import Grid
from .padding import Ghosts
from .simulator import Inputs, Program, Simulator
from .stencils import central, half_width
from .taps import taps


class FiniteDifferences(Simulator):
    """Central differences of every derivative in the evolution form (Fornberg, Math. Comp. 51, 1988).

    Raises ``FormUnavailable`` for conditions that ghost cells cannot meet.
    """

    def __init__(self, problem: Problem, counts: tuple[int, ...], order: int = 6):
        self.problem, self.order = problem, order
        self.grid = Grid.of(problem, counts)
        self.form: EvolutionForm = evolution_form(problem)
        self.states = self.form.states
        self._rates = Program(problem, list(self.form.rates))
        self._linear = [[(jet, Program(problem, [c])) for jet, c in row] for row in self.form.linear]
        self._rest = Program(problem, list(self.form.rest))
        self._width = max(1, *(half_width(n, order) for j in self.form.jets for n in j.index[:-1]))
        # With as many cells as the order the second difference keeps real, negative eigenvalues; more bring
        # complex ones, on which waves grow.
        interior, loose = order, min(order, 3)
        self._ghosts = [Ghosts(problem, self.grid, s, self._width, interior, loose) for s in self.states]
        self._mesh = [jnp.asarray(c) for c in self.grid.mesh()]

    def rate(self, t: Any, values: Array, inputs: Inputs) -> Array:
        jets = self._derivatives(self._rates.jets, t, values, inputs)
        return self._stacked(self._rates(self._mesh, t, inputs, jets))

    def linear_rate(self, t: Any, values: Array, inputs: Inputs) -> Array:
        """The part of the rate with constant coefficients."""
        needed = tuple({jet for row in self._linear for jet, _ in row})
        jets = self._derivatives(needed, t, values, inputs)
        jets |= {j: f(t) if callable(f) else f for j, f in inputs.fields.items() if j in needed}
        rows = [[p(self._mesh, t, inputs, {})[0] * jets[jet] for jet, p in row] for row in self._linear]
        return self._stacked([sum(row, jnp.zeros(())) for row in rows])

    def rest_rate(self, t: Any, values: Array, inputs: Inputs) -> Array:
        """The other part."""
        jets = self._derivatives(self._rest.jets, t, values, inputs)
        return self._stacked(self._rest(self._mesh, t, inputs, jets))

    def extended(self, values: Array, t: Any, inputs: Inputs, pad: int) -> Array:
        parts = []
        for state, ghosts, value in zip(self.states, self._ghosts, values, strict=True):
            wide = Ghosts(self.problem, self.grid, state, pad, ghosts.interior, ghosts.loose)
            parts.append(wide.pad_all(value, t, inputs))
        return jnp.stack(parts)

    def _stacked(self, rows: Any) -> Array:
        return jnp.stack([jnp.broadcast_to(row, self.grid.counts) for row in rows])

    def _derivatives(
        self, jets: tuple[Jet, ...], t: Any, values: Array, inputs: Inputs
    ) -> dict[Jet, Array]:
        """Every jet of a state on the grid; a padding at walls is made once for all jets that share it."""
        padded: dict[tuple[int, tuple[int, ...]], Array] = {}
        found = {}
        for jet in jets:
            state = self.form.state_of(jet)
            if state is None:
                continue
            walled = tuple(a for a, n in enumerate(jet.index[:-1]) if n and not self.grid.periodic[a])
            if (state, walled) not in padded:
                padded[state, walled] = self._padded(state, walled, t, values[state], inputs)
            found[jet] = self._difference(padded[state, walled], jet)
        return found

    def _padded(
        self, state: int, axes: tuple[int, ...], t: Any, value: Array, inputs: Inputs
    ) -> Array:
        pads = [0] * value.ndim
        for axis in axes:
            value = self._ghosts[state].pad(value, axis, t, inputs, tuple(pads))
            pads[axis] = self._width
        return value

    def _difference(self, padded: Array, jet: Jet) -> Array:
        for axis, n in enumerate(jet.index[:-1]):
            if not n:
                continue
            weights, wrapped = central(n, self.order) / self.grid.spacing[axis] ** n, self.grid.periodic[axis]
            if not wrapped:
                weights = np.pad(weights, self._width - len(weights) // 2)  # as wide as the padding
            padded = taps(padded, axis, weights, wrapped)
        return padded
