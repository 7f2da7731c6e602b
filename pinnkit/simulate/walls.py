"""Walls of an incompressible flow: what must be known there, the normal velocity, and its balance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from ..declare.conditions import ON_BOUNDARIES
from ..declare.problem import Problem
from ..forms import FormUnavailable
from ..forms.incompressible import IncompressibleForm
from .grid import Grid
from .sides import Side, Statement, side_names
from .simulator import Inputs, Program, declared_inputs

_BALANCED, _FINE = 1e-4, 256  # of the flow through the walls, what may not come out again, by so many cells
_MOMENTS = 5

Declared = Sequence[Mapping[Side, tuple[Statement, ...]]]


class Walls:
    """Normal velocities on the walls of a box, from what is declared of every component by side.

    Raises ``FormUnavailable`` for walls without a value of the normal velocity or without one condition for
    each other component, pressures given on a boundary, and data that let fluid in and not out.
    """

    def __init__(self, problem: Problem, grid: Grid, form: IncompressibleForm, declared: Declared):
        self.grid = grid
        _refuse_open(problem, form, declared)
        self._programs = {
            (axis, end): [_program(problem, given[0], times) for times in (0, 1)]
            for axis, sides in enumerate(declared)
            for (across, end), given in sides.items() if across == axis
        }  # fmt: skip
        self._refuse_unbalanced(problem)

    def normal(self, side: Side, times: int, t: Any, inputs: Inputs, grid: Grid | None = None) -> Array:
        """∂ₜ^times of the normal velocity on a wall (1, *other counts), on this grid or another."""
        (axis, end), grid = side, grid or self.grid
        places = [jnp.asarray(c) for c in grid.mesh()]
        places[axis] = jnp.asarray((grid.lower, grid.upper)[end][axis])
        value = self._programs[side][times](places, t, inputs, {})[0]
        flat = tuple(1 if a == axis else n for a, n in enumerate(grid.counts))
        return jnp.moveaxis(jnp.broadcast_to(value, flat), axis, 0)

    def _refuse_unbalanced(self, problem: Problem) -> None:
        """Raise where more flows in than out; what is inferred on walls is left to the run."""
        if any(program.jets for both in self._programs.values() for program in both):
            return
        clock, inputs = problem.time, declared_inputs(problem)
        fine = Grid.of(problem, (_FINE,) * len(self.grid.counts))
        for t in np.linspace(clock.start, clock.end, _MOMENTS):
            net = size = 0.0
            for axis, end in self._programs:
                flow = np.asarray(self.normal((axis, end), 0, jnp.asarray(t), inputs, fine))
                area = np.prod([h for a, h in enumerate(fine.spacing) if a != axis])
                net += (2 * end - 1) * area * flow.sum()
                size += area * np.abs(flow).sum()
            if abs(net) > _BALANCED * size:
                raise FormUnavailable(
                    f"a projection of {problem.name!r}",
                    reason=f"at {clock} = {t:g} normal velocities on its walls have the integral {net:.3g}",
                    mend="give normal velocities that let out as much as they let in",
                )  # fmt: skip


def _refuse_open(problem: Problem, form: IncompressibleForm, declared: Declared) -> None:
    what = f"a projection of {problem.name!r}"
    names = side_names(problem)
    for axis, (state, sides) in enumerate(zip(form.states, declared, strict=True)):
        for side, given in sides.items():
            if len(given) != 1 or (side[0] == axis and len(given[0].coefficients) != 1):
                kind = "a value" if side[0] == axis else "one condition"
                raise FormUnavailable(
                    what, reason=f"{state.unknown} needs {kind} on {names[side]!r}: outflow is not simulated",
                    mend=f"add Dirichlet({state.unknown}, …, where={names[side]!r}), or solve by pinn",
                )  # fmt: skip
    held = {s.unknown.func.__name__ for s in problem.of_kind(*ON_BOUNDARIES) if hasattr(s, "unknown")}
    if form.pressure in held:
        raise FormUnavailable(
            what, reason=f"{form.pressure} is given on a boundary: outflow is not simulated",
            mend="give the velocity on all walls, or solve by pinn",
        )  # fmt: skip


def _program(problem: Problem, statement: Statement, times: int) -> Program:
    """The value that a statement gives, or its rate."""
    own = statement.rate(problem, times)
    return Program(problem, [own.value / own.coefficients[0]])
