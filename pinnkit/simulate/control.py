"""Optimal control by direct shooting: states and objective by controls, and one Gauss–Newton step."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..declare.problem import Problem
from ..forms import FormUnavailable, Jets
from ..forms.jets import jets_in
from .control_basis import ControlBasis, controlled
from .march import march, stable_substeps
from .simulator import Inputs, Program, Simulator, declared_inputs, needed_fields

_CONJUGATE_STEPS = 60
_TRIALS = (1.0, 0.5, 0.25, 0.1, 0.02)
_PENALTY = 1e4  # of the first penalty, in units of the objective's curvature over the target's
_PROBES = 4
_GREGORY = (3 / 8, 7 / 6, 23 / 24)  # weights at the ends, of fourth order


class Case(NamedTuple):
    """What differs between runs of one problem: start (states, *counts), targets (n, *counts), parameters."""

    start: Array
    target: Array
    parameters: dict[str, Array]


class Search(NamedTuple):
    """Where the search of one case stands."""

    theta: Array
    multiplier: Array
    penalty: Array
    damping: Array


class Reached(NamedTuple):
    """What a search has come to: objective, relative miss of the target (a vector), length of the last step,
    and by which part the merit fell."""

    objective: Array
    miss: Array
    step: Array
    fallen: Array


class Shooting:
    """The states and the objective of a problem on one grid, as functions of its controls' coefficients θ.

    ``slices`` times stand in the quadrature of the running objective. Raises ``FormUnavailable`` for
    objectives with derivatives in space.
    """

    def __init__(
        self, problem: Problem, simulator: Simulator, intervals: int, slices: int, substeps: int = 0
    ):  # fmt: skip
        assert problem.objective is not None
        assert problem.time is not None
        self.problem, self.simulator = problem, simulator
        self.bases = [ControlBasis(problem, f.func.__name__, intervals) for f in problem.inferred]
        self.size = sum(prod(basis.shape) for basis in self.bases)
        jets = Jets(problem)
        terms = [jets.to_jets(e) for e in (problem.objective.running, problem.objective.final)]
        names = {basis.name for basis in self.bases}
        for jet in jets_in(*terms):
            if jet not in simulator.states and (jet.unknown not in names or jet.order):
                raise FormUnavailable(
                    f"the objective of {problem.name!r}", reason=f"it holds {jets.field(jet)}",
                    mend="write it in the unknowns and the controls themselves",
                )  # fmt: skip
        self._wanted = tuple({*needed_fields(simulator), *(j for j in jets_in(*terms) if j.unknown in names)})
        self._running, self._final = (Program(problem, [term]) for term in terms)
        positions = {s.unknown: i for i, s in enumerate(simulator.states) if not s.index[-1]}
        self._aimed = [positions[u.func.__name__] for u, _ in problem.objective.target]
        clock = problem.time
        self.times = jnp.linspace(clock.start, clock.end, slices)
        ends = np.ones(slices)
        ends[:3], ends[-3:] = _GREGORY, _GREGORY[::-1]
        self.weights = jnp.asarray(ends * (clock.end - clock.start) / (slices - 1))
        self._mesh = [jnp.asarray(c) for c in simulator.grid.mesh()]
        self._cell = float(np.prod(simulator.grid.spacing))
        still = self.inputs(jnp.zeros(self.size))
        steps = substeps or stable_substeps(simulator, still, simulator.start(still), slices, least=4)
        self.substeps = steps

    def case(self) -> Case:
        """The problem as declared."""
        inputs = declared_inputs(self.problem)
        parameters = {name: jnp.asarray(value) for name, value in inputs.parameters.items()}
        assert self.problem.objective is not None
        goal = Program(self.problem, [value for _, value in self.problem.objective.target])
        values = goal(self._mesh, self.times[-1], inputs, {}) if self._aimed else ()
        target = [jnp.broadcast_to(v, self.simulator.grid.counts) for v in values]
        start = self.simulator.start(self.inputs(jnp.zeros(self.size)))
        return Case(start, jnp.stack(target) if target else jnp.zeros((0,)), parameters)

    def inputs(self, theta: Array, parameters: dict[str, Any] | None = None) -> Inputs:
        """What the simulator is given for θ."""
        return controlled(self.bases, self.simulator, theta, self._wanted, parameters)

    def trajectory(self, theta: Array, case: Case) -> Array:
        """The states (K, states, *counts) on the points of the grid."""
        inputs = self.inputs(theta, case.parameters)
        found = march(self.simulator, inputs, case.start, self.times, self.substeps)
        return jax.vmap(lambda v, t: self.simulator.centred(v, t, inputs))(found, self.times)

    def controls(self, theta: Array) -> dict[str, Array]:
        """Every control on the grid at the times kept, (K, *counts)."""
        inputs = self.inputs(theta)
        found = {jet.unknown: field for jet, field in inputs.fields.items() if not jet.order}
        return {
            name: jax.vmap(field)(self.times) if callable(field)
            else jnp.broadcast_to(field, (len(self.times), *field.shape))
            for name, field in found.items()
        }  # fmt: skip

    def objective(self, states: Array, theta: Array, case: Case) -> Array:
        """∫∫ running + ∫ final, by the midpoint rule in space and Gregory's in time."""
        inputs = self.inputs(theta, case.parameters)
        shape = self.simulator.grid.counts

        def density(program: Program, t: Array, values: Array) -> Array:
            jets = dict(zip(self.simulator.states, values, strict=True))
            return jnp.sum(jnp.broadcast_to(program(self._mesh, t, inputs, jets)[0], shape)) * self._cell

        running = jax.vmap(lambda t, v: density(self._running, t, v))(self.times, states)
        return self.weights @ running + density(self._final, self.times[-1], states[-1])

    def miss(self, states: Array, case: Case) -> Array:
        """Final states minus targets, in units of the L2 norm of the targets."""
        if not self._aimed:
            return jnp.zeros(0)
        off = jnp.stack([states[-1, i] for i in self._aimed]) - case.target
        size = jnp.sqrt(jnp.sum(case.target**2) * self._cell)
        return (off * jnp.sqrt(self._cell) / jnp.where(size > 0, size, 1.0)).ravel()

    def improved(self, search: Search, case: Case) -> tuple[Search, Reached]:
        """One damped step with the Gauss–Newton matrix of objective + m·c + ρ|c|²/2, c the miss."""

        def outputs(theta: Array) -> tuple[Array, Array]:
            return self.trajectory(theta, case), theta

        def merit(found: tuple[Array, Array]) -> Array:
            miss = self.miss(found[0], case)
            return self.objective(*found, case) + search.multiplier @ miss + search.penalty / 2 * miss @ miss

        found, push = jax.linearize(outputs, search.theta)
        pull = jax.linear_transpose(push, search.theta)
        slope = jax.grad(merit)
        gradient = pull(slope(found))[0]

        def curvature(direction: Array) -> Array:
            moved = jax.jvp(slope, (found,), (push(direction),))[1]
            return pull(moved)[0] + search.damping * direction

        direction, _ = jax.scipy.sparse.linalg.cg(curvature, -gradient, tol=1e-3, maxiter=_CONJUGATE_STEPS)
        downhill = jnp.isfinite(direction).all() & (direction @ gradient < 0)
        direction = jnp.where(downhill, direction, -gradient)

        def tried(length: Array) -> tuple[Array, Array, Array]:
            states, theta = outputs(search.theta + length * direction)
            miss, value = self.miss(states, case), self.objective(states, theta, case)
            return value + search.multiplier @ miss + search.penalty / 2 * miss @ miss, value, miss

        lengths = jnp.array([0.0, *_TRIALS])
        merits, values, misses = jax.lax.map(tried, lengths)
        best = jnp.argmin(jnp.where(jnp.isfinite(merits), merits, jnp.inf))
        theta = search.theta + lengths[best] * direction
        fallen = (merits[0] - merits[best]) / jnp.maximum(jnp.abs(merits[0]), 1e-300)
        return search._replace(theta=theta), Reached(values[best], misses[best], lengths[best], fallen)

    def begun(self, theta: Array, case: Case) -> Search:
        """The search from θ, with a penalty that outweighs the objective."""
        directions = jax.random.normal(jax.random.key(0), (_PROBES, *theta.shape), theta.dtype)

        def pushed(direction: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
            def sensed(moved: Array) -> tuple[Array, Array]:
                states = self.trajectory(moved, case)
                return states, self.miss(states, case)

            return jax.jvp(sensed, (theta,), (direction,))

        (states, misses), (_, slopes) = jax.vmap(pushed)(directions)
        seen = jnp.sum(slopes**2) / _PROBES  # the squares of all singular values, in the mean
        objective = jax.grad(lambda v: self.objective(states[0], v, case))
        own = jax.vmap(lambda d: d @ jax.jvp(objective, (theta,), (d,))[1] / (d @ d))(directions).mean()
        seen = jnp.maximum(seen, 1e-300)
        penalty = jnp.where(own > 0, _PENALTY * own / seen, _PENALTY)
        return Search(theta, jnp.zeros_like(misses[0]), penalty, jnp.zeros(()))
