"""Incompressible flow on boxes: staggered grids, every rate projected onto fields without divergence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array

from ..declare.conditions import PointValue
from ..declare.problem import Problem
from ..forms import FormUnavailable, Jet
from ..forms.incompressible import incompressible_form
from .grid import Grid
from .observe import Sampler
from .padding import Ghosts
from .poisson import Potentials
from .sides import Side, Statement, side_names, statements
from .simulator import Inputs, Program, Simulator, initial_value
from .walls import Walls

_INTERIOR, _LOOSE = 2, 3  # cells that polynomials beside a wall go through, of velocities and pressure


class Projection(Simulator):
    """∂ₜuᵢ = P(rateᵢ), uᵢ on the faces across axis i (Harlow & Welch, Phys. Fluids 8, 1965), second order.

    P takes c ∇p away, c Δp = div rate (Chorin, Math. Comp. 22, 1968), here of every stage of a time step, so
    that nothing is split. Entry k along axis i is the lower face of cell k. The pressure has mean zero, or
    its declared value at a point. Raises ``FormUnavailable`` for other forms, values at points of a velocity,
    third derivatives, and what ``Walls`` refuses.
    """

    order = 2
    staggered = True

    def __init__(self, problem: Problem, counts: tuple[int, ...]):
        self.problem = problem
        self.form = incompressible_form(problem)
        self.states = self.form.states
        self.extras = (self.form.pressure,)
        self.grid = Grid.of(problem, counts)
        self._grids = [_shifted(self.grid, axis) for axis in range(len(counts))]
        declared = [statements(problem, state) for state in self.states]
        self._walls = Walls(problem, self.grid, self.form, declared)
        self._rates = [Program(problem, [rate]) for rate in self.form.rates]
        self._refuse_high()
        self._pressing = Program(problem, [self.form.pressing])
        self._start = [Program(problem, [initial_value(problem, state)]) for state in self.states]
        self._ghosts = []
        for axis, sides in enumerate(declared):
            along = {side: given if side[0] != axis else () for side, given in sides.items()}
            place = problem, self._grids[axis], self.states[axis]
            self._ghosts.append(Ghosts(*place, 1, _INTERIOR, _INTERIOR, along))
        self._potentials = Potentials(self.grid)
        self._point = next(iter(problem.of_kind(PointValue)), None)

    def rate(self, t: Any, values: Array, inputs: Inputs) -> Array:
        raw = self._raw(t, values, inputs)
        return jnp.stack(raw) - self._potentials.gradient(self._potential(raw, 1, t, inputs))

    def start(self, inputs: Inputs) -> Array:
        """The declared velocities, made free of divergence."""
        t = jnp.asarray(self.problem.time.start)
        parts = []
        for axis, (program, grid) in enumerate(zip(self._start, self._grids, strict=True)):
            given = self._on_faces(inputs, axis)
            value = program([jnp.asarray(c) for c in grid.mesh()], t, given, {})[0]
            parts.append(self._held(jnp.broadcast_to(value, grid.counts), axis, 0, t, inputs))
        return jnp.stack(parts) - self._potentials.gradient(self._potential(parts, 0, t, inputs))

    def extended(self, values: Array, t: Any, inputs: Inputs, pad: int) -> Array:
        """Velocities and the pressure at the centres of cells, and beyond."""
        parts = []
        for state, middle in zip(self.states, self.centred(values, t, inputs), strict=True):
            wide = Ghosts(self.problem, self.grid, state, pad, _INTERIOR, _INTERIOR)
            parts.append(wide.pad_all(middle, t, inputs))
        potential = self._potential(self._raw(t, values, inputs), 1, t, inputs)
        return jnp.stack([*parts, self._pressure(potential, t, inputs, pad)])

    def centred(self, values: Array, t: Any, inputs: Inputs) -> Array:
        pairs = [(v, self._upper(v, axis, 0, t, inputs)) for axis, v in enumerate(values)]
        return jnp.stack([(below + above) / 2 for below, above in pairs])

    def _pressure(self, potential: Array, t: Any, inputs: Inputs, pad: int) -> Array:
        dimension = potential.ndim
        nowhere = [jnp.zeros(())] * dimension
        pressure = potential / self._pressing(nowhere, t, inputs, {})[0]
        bare: dict[Side, tuple[Statement, ...]] = dict.fromkeys(side_names(self.problem), ())
        name = Jet(self.form.pressure, self.states[0].index)
        wide = Ghosts(self.problem, self.grid, name, pad, _LOOSE, _LOOSE, bare).pad_all(pressure, t, inputs)
        if self._point is None:
            return wide
        at = np.array([self._point.at[:dimension]], float)
        given = Program(self.problem, [sp.sympify(self._point.value)])
        value = given([*map(jnp.asarray, at[0])], t, inputs, {})
        lines = [self.grid.line(axis, pad) for axis in range(dimension)]
        return wide + value[0] - Sampler(lines, at)(wide)[0]

    def _raw(self, t: Any, values: Array, inputs: Inputs) -> list[Array]:
        """The rates without pressure, those on walls as declared."""
        wide = [self._padded(axis, values[axis], t, inputs) for axis in range(len(values))]
        found = []
        for axis, (program, grid) in enumerate(zip(self._rates, self._grids, strict=True)):
            own = [jet for jet in program.jets if self._component(jet) >= 0]
            jets = {jet: self._difference(wide, jet, axis) for jet in own}
            given = self._on_faces(inputs, axis)
            value = program([jnp.asarray(c) for c in grid.mesh()], t, given, jets)[0]
            found.append(self._held(jnp.broadcast_to(value, grid.counts), axis, 1, t, inputs))
        return found

    def _on_faces(self, inputs: Inputs, axis: int) -> Inputs:
        """The inputs with fields of space taken from centres to the lower faces across an axis."""

        def averaged(field: Any) -> Any:
            if callable(field):
                return lambda t: averaged(field(t))
            if not jnp.ndim(field):
                return field
            return (field + jnp.roll(field, 1, axis)) / 2  # on a wall values are held

        return inputs._replace(fields={jet: averaged(field) for jet, field in inputs.fields.items()})

    def _component(self, jet: Jet) -> int:
        return next((k for k, state in enumerate(self.states) if state.unknown == jet.unknown), -1)

    def _padded(self, axis: int, value: Array, t: Any, inputs: Inputs) -> Array:
        """A component with one more entry at every end; below a wall it goes on in a line."""
        moved = jnp.moveaxis(value, axis, 0)
        upper = jnp.moveaxis(self._upper(value, axis, 0, t, inputs), axis, 0)[-1:]
        lower = moved[-1:] if self.grid.periodic[axis] else 2 * moved[:1] - moved[1:2]
        value = jnp.moveaxis(jnp.concatenate([lower, moved, upper]), 0, axis)
        pads = [int(a == axis) for a in range(value.ndim)]
        for other in range(value.ndim):
            if other != axis:
                value = self._ghosts[axis].pad(value, other, t, inputs, tuple(pads))
                pads[other] = 1
        return value

    def _difference(self, wide: list[Array], jet: Jet, onto: int) -> Array:
        """A derivative of a component at the faces across axis ``onto``."""
        own = self._component(jet)
        value = wide[own]
        for axis, times in enumerate(jet.index[:-1]):
            h, moved = self.grid.spacing[axis], jnp.moveaxis(value, axis, 0)
            below, here, above = moved[:-2], moved[1:-1], moved[2:]
            if own == onto or axis not in (own, onto):
                found = (here, (above - below) / (2 * h), (above - 2 * here + below) / h**2)[times]
            else:
                # The other component's faces lie half a cell off along both axes.
                first, second = (here, above) if axis == own else (below, here)
                found = ((first + second) / 2, (second - first) / h)[times]
            value = jnp.moveaxis(found, 0, axis)
        return value

    def _held(self, value: Array, axis: int, times: int, t: Any, inputs: Inputs) -> Array:
        """Entries on the lower wall as declared, their ``times``-th derivative in time."""
        if self.grid.periodic[axis]:
            return value
        moved = jnp.moveaxis(value, axis, 0)
        return jnp.moveaxis(moved.at[0].set(self._walls.normal((axis, 0), times, t, inputs)[0]), 0, axis)

    def _upper(self, value: Array, axis: int, times: int, t: Any, inputs: Inputs) -> Array:
        """What stands on the upper faces of all cells."""
        moved = jnp.moveaxis(value, axis, 0)
        last = moved[:1] if self.grid.periodic[axis] else self._walls.normal((axis, 1), times, t, inputs)
        return jnp.moveaxis(jnp.concatenate([moved[1:], last]), 0, axis)

    def _potential(self, parts: Any, times: int, t: Any, inputs: Inputs) -> Array:
        """φ with Δφ = div of the parts, mean zero, its slope zero at walls."""
        total = jnp.zeros(self.grid.counts)
        for axis, part in enumerate(parts):
            total = total + (self._upper(part, axis, times, t, inputs) - part) / self.grid.spacing[axis]
        return self._potentials.of(total)

    def _refuse_high(self) -> None:
        for program, state in zip(self._rates, self.states, strict=True):
            for jet in program.jets:
                own = jet.unknown == state.unknown
                if self._component(jet) >= 0 and max(jet.index) > (2 if own else 1):
                    raise FormUnavailable(
                        f"a projection of {self.problem.name!r}",
                        reason=f"the momentum of {state.unknown} holds {jet.unknown} {jet.index}",
                        mend="write the stress by first and second derivatives, as nu*laplacian(u)",
                    )  # fmt: skip


def _shifted(grid: Grid, axis: int) -> Grid:
    """The grid moved half a cell down, so that its points are the lower faces across an axis."""
    move = tuple(h / 2 if a == axis else 0.0 for a, h in enumerate(grid.spacing))
    ends = [tuple(c - m for c, m in zip(line, move, strict=True)) for line in (grid.lower, grid.upper)]
    return replace(grid, lower=ends[0], upper=ends[1])
