"""What every back-end is: states on a grid, their start, their rate, their extension past the sides."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import sympy as sp
from jax import Array

from ..declare.conditions import Flux, Initial, InitialRate
from ..declare.problem import Problem
from ..forms import ConservationForm, EvolutionForm, Jet, Jets, emit
from ..forms.incompressible import IncompressibleForm
from ..forms.jets import jets_in, replaced
from .grid import Grid
from .sides import statements


class Inputs(NamedTuple):
    """What a simulation depends on.

    ``parameters`` are the values of the problem's parameters by name; ``fields`` the values on the grid of
    coefficient fields and their derivatives, by jet, or functions of time that give them.
    """

    parameters: Mapping[str, Any]
    fields: Mapping[Jet, Any]


def declared_inputs(problem: Problem) -> Inputs:
    """The parameters as declared, and no fields."""
    return Inputs({p.name: p.value for p in problem.parameters}, {})


class Program:
    """Expressions in jets, compiled for the points of a grid."""

    def __init__(self, problem: Problem, expressions: list[sp.Expr]):
        self.jets = jets_in(*expressions)
        symbols = [Jets(problem).symbol(j) for j in self.jets]
        self._names = [p.name for p in problem.parameters]
        self._function = emit(expressions, [*problem.variables, *problem.parameters, *symbols], jnp)

    def __call__(
        self, coordinates: list[Any], t: Any, inputs: Inputs, values: Mapping[Jet, Any]
    ) -> tuple[Any, ...]:
        """The expressions' values; ``values`` are those of the states' jets."""
        parameters = [inputs.parameters[n] for n in self._names]
        fields = {j: inputs.fields[j] for j in self.jets if j not in values}
        fields = {j: f(t) if callable(f) else f for j, f in fields.items()}
        states = [values[j] if j in values else fields[j] for j in self.jets]
        return self._function(*coordinates, t, *parameters, *states)


class Simulator(abc.ABC):
    """A semi-discrete problem dU/dt = rate(t, U, inputs), U (states, *counts)."""

    problem: Problem
    grid: Grid
    form: EvolutionForm | ConservationForm | IncompressibleForm
    states: tuple[Jet, ...]
    extras: tuple[str, ...] = ()
    """Unknowns that follow from the states: ``extended`` gives them after those."""
    staggered: bool = False
    """Whether states stand elsewhere than on the points of the grid."""
    order: int
    """Order of accuracy in space that smooth solutions see."""
    notes: tuple[str, ...] = ()

    @property
    def shown(self) -> dict[str, int]:
        """Where ``extended`` has the unknowns, in the order of their declaration."""
        found = {s.unknown: i for i, s in enumerate(self.states) if not s.index[-1]}
        found |= {name: len(self.states) + i for i, name in enumerate(self.extras)}
        return {f.func.__name__: found[f.func.__name__] for f in self.problem.solved}

    @abc.abstractmethod
    def rate(self, t: Any, values: Array, inputs: Inputs) -> Array:
        """∂ₜ of the states."""

    @abc.abstractmethod
    def extended(self, values: Array, t: Any, inputs: Inputs, pad: int) -> Array:
        """The states with ``pad`` more points beyond every side."""

    def centred(self, values: Array, t: Any, inputs: Inputs) -> Array:
        """The states on the points of the grid."""
        return values

    def start(self, inputs: Inputs) -> Array:
        """The states at the start of time."""
        shape = self.grid.counts
        program = Program(self.problem, [initial_value(self.problem, state) for state in self.states])
        at = [jnp.asarray(c) for c in self.grid.mesh()]
        values = program(at, jnp.asarray(self.problem.time.start), inputs, {})
        return jnp.stack([jnp.broadcast_to(v, shape) for v in values])


def initial_value(problem: Problem, state: Jet) -> sp.Expr:
    """The declared start of a state, in jets of coefficient fields."""
    kinds = {0: Initial, 1: InitialRate}
    for condition in problem.of_kind(kinds[state.index[-1]]):
        if condition.unknown.func.__name__ == state.unknown:
            value = Jets(problem).to_jets(condition.value)
            return replaced(value, {problem.time: sp.Float(problem.time.start, 17)})
    raise AssertionError(f"{problem.name}: no initial value of {state}")  # a Problem checks that there is one


def needed_fields(simulator: Simulator) -> tuple[Jet, ...]:
    """The jets of fields to be inferred that rates and start depend on."""
    inferred = {f.func.__name__ for f in simulator.problem.inferred}
    stated = [initial_value(simulator.problem, state) for state in simulator.states]
    for state in simulator.states if len(simulator.problem.periodic) < len(simulator.grid.counts) else ():
        sides = statements(simulator.problem, state, fluxes=False).values()
        stated += [entry.value for entries in sides for entry in entries]
    stated += [Jets(simulator.problem).to_jets(flux.value) for flux in simulator.problem.of_kind(Flux)]
    found = {*simulator.form.jets, *jets_in(*stated)}
    return tuple(sorted(j for j in found if j.unknown in inferred))
