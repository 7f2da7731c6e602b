"""Training a correction against finer simulations, and judging it beside what else the cost would buy."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from ..declare.problem import Problem
from .choose import Backend, choose
from .correction import Correction, Kind, Stepper
from .grid import Grid
from .march import stable_substeps
from .simulator import Inputs, Simulator, declared_inputs

Draws = Mapping[str, np.ndarray]  # values of parameters by name, one for each case
_TIMINGS = 10


@dataclass(frozen=True)
class CorrectionOptions:
    """``unroll`` lists how many steps are unrolled in each stage of training, of ``iterations`` each.

    ``held`` stops gradients between unrolled steps.
    """

    kind: Kind = "state"
    unroll: tuple[int, ...] = (1, 4, 16)
    iterations: int = 600
    rate: float = 3e-3
    batch: int = 16
    width: int = 32
    depth: int = 2
    radius: int = 4
    held: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Judgement:
    """Mean relative L2 error over unseen cases and all times, by what was simulated, and cost of a run."""

    errors: dict[str, float]
    seconds: dict[str, float]

    def __str__(self) -> str:
        width = max(map(len, self.errors))
        return "\n".join(
            f"{name:{width}}  {'blew up' if np.isnan(error) else f'error {error:.4f}'}  "
            f"{1e3 * self.seconds[name]:.2f} ms a case"
            for name, error in self.errors.items()
        )


class Learning:
    """A coarse simulator of a declared problem, finer simulations of it, and what is learnt from them.

    Cases differ in the values of parameters, as of the initial state's. ``cells`` stand along the longest
    side, ``refinement`` times as many in the reference, ``steps`` steps until the end of time.
    """

    def __init__(
        self, problem: Problem, backend: Backend, cells: int, steps: int, refinement: int = 8,
        better: tuple[Backend, int] = ("finite_difference", 6),
    ):  # fmt: skip
        assert problem.time is not None
        self.problem, self.backend, self.steps, self.refinement = problem, backend, steps, refinement
        self.dt = (problem.time.end - problem.time.start) / steps
        low, high = problem.domain.bounds
        sides = np.subtract(high, low)
        self.counts = tuple(round(cells * s / sides.max()) for s in sides)
        self.coarse, self.fine = self._simulator(backend, 1), self._simulator(backend, refinement)
        self._better = better

    def reference(self, draws: Draws) -> Array:
        """The finer simulations on the coarse grid, (cases, steps + 1, states, *counts)."""
        inputs = _inputs(self.problem, draws)
        start = jax.vmap(self.fine.start)(inputs)
        run = self._runner(self.fine, draws)
        return restricted(run(start, inputs), self.fine.grid, self.refinement)

    def trained(self, draws: Draws, options: CorrectionOptions) -> Correction:
        """The correction with which unrolled steps stay near the reference, in the mean square.

        By Adam with a rate that falls to zero in every stage.
        """
        truth = self.reference(draws)
        states, size = truth.shape[2], (2 * options.radius + 1) ** len(self.counts)
        stepper = self._stepper(self.coarse, draws)
        inputs = _inputs(self.problem, draws)
        axes = tuple(i for i in range(truth.ndim) if i != 2)
        times = self._start + self.dt * jnp.arange(self.steps)

        def stepped(states: Array, given: Inputs) -> Array:
            return jax.vmap(lambda t, v: stepper(t, v, given))(times, states[:-1])

        # What single steps leave is the size of what is to be learnt.
        left = (truth[:, 1:] - jax.jit(jax.vmap(stepped))(truth, inputs)) / self.dt
        gains = jnp.sqrt(jnp.mean(left**2, axis=axes))
        key, drawn = jax.random.split(jax.random.key(options.seed))
        network = eqx.nn.MLP(size * states, states, options.width, options.depth, jax.nn.gelu, key=key)
        correction = Correction(network, jnp.std(truth, axis=axes), gains, options.radius, options.kind)
        for stage, unroll in enumerate(options.unroll):
            correction = self._stage(
                correction, stepper, truth, inputs, unroll, options, jax.random.fold_in(drawn, stage)
            )
        return correction

    def judged(self, correction: Correction, draws: Draws) -> Judgement:
        """The corrected simulator on unseen cases, beside the coarse one, a better scheme on the same grid,
        and the coarse scheme on finer grids, up to the first that costs as much as the correction."""
        truth = self.reference(draws)
        inputs = _inputs(self.problem, draws)
        name, order = self._better
        others: dict[str, tuple[Simulator, Correction | None]] = {
            "uncorrected": (self.coarse, None),
            f"{name}, same grid": (self._simulator(name, 1, order), None),
            "corrected": (self.coarse, correction),
        }
        errors, seconds = {}, {}
        for title, (simulator, own) in others.items():
            errors[title], seconds[title] = self._judged(simulator, own, draws, inputs, truth, 1)
        for factor in (n for n in range(2, self.refinement) if self.refinement % n == 0):
            title = f"uncorrected, {factor} times as fine"
            finer = self._simulator(self.backend, factor)
            errors[title], seconds[title] = self._judged(finer, None, draws, inputs, truth, factor)
            if seconds[title] >= seconds["corrected"]:
                break
        return Judgement(errors, seconds)

    def _judged(
        self, simulator: Simulator, correction: Correction | None, draws: Draws, inputs: Inputs, truth: Array,
        factor: int,
    ) -> tuple[float, float]:  # fmt: skip
        run = self._runner(simulator, draws, correction)
        start = restricted(jax.vmap(self.fine.start)(inputs), self.fine.grid, self.refinement // factor)
        found = restricted(run(start, inputs), simulator.grid, factor)
        axes = tuple(range(1, truth.ndim))
        error = jnp.sqrt(jnp.sum((found - truth) ** 2, axis=axes) / jnp.sum(truth**2, axis=axes))
        started = time.process_time()
        for _ in range(_TIMINGS):
            jax.block_until_ready(run(start, inputs))
        return float(error.mean()), (time.process_time() - started) / _TIMINGS / len(truth)

    def _stage(
        self, correction: Correction, stepper: Stepper, truth: Array, inputs: Inputs, unroll: int,
        options: CorrectionOptions, key: Array,
    ) -> Correction:  # fmt: skip
        optimiser = optax.adam(optax.cosine_decay_schedule(options.rate, options.iterations))
        moving, fixed = eqx.partition(correction.network, eqx.is_inexact_array)

        def loss(moving: Any, case: Array, first: Array) -> Array:
            own = eqx.tree_at(lambda c: c.network, correction, eqx.combine(moving, fixed))

            def off(case: Array, first: Array) -> Array:
                window = jax.lax.dynamic_slice_in_dim(truth[case], first, unroll + 1)
                given = jax.tree.map(lambda v: v[case], inputs)
                t = self._start + first * self.dt
                found = stepper.rollout(window[0], t, unroll, given, own, options.held)
                shape = (1, -1, *(1,) * (window.ndim - 2))
                return jnp.mean(((found - window[1:]) / own.sizes.reshape(shape)) ** 2)

            return jnp.mean(jax.vmap(off)(case, first))

        def step(carried: tuple[Any, Any], key: Array) -> tuple[tuple[Any, Any], Array]:
            moving, state = carried
            one, two = jax.random.split(key)
            case = jax.random.randint(one, (options.batch,), 0, len(truth))
            first = jax.random.randint(two, (options.batch,), 0, self.steps - unroll + 1)
            value, slope = jax.value_and_grad(loss)(moving, case, first)
            updates, state = optimiser.update(slope, state)
            return (optax.apply_updates(moving, updates), state), value

        begun = moving, optimiser.init(moving)
        (moving, _), _ = jax.jit(lambda c, k: jax.lax.scan(step, c, k))(
            begun, jax.random.split(key, options.iterations)
        )
        return eqx.tree_at(lambda c: c.network, correction, eqx.combine(moving, fixed))

    @property
    def _start(self) -> float:
        assert self.problem.time is not None
        return self.problem.time.start

    def _simulator(self, backend: Backend, factor: int, order: int = 6) -> Simulator:
        _, make, _ = choose(self.problem, backend, order)
        return make(self.problem, tuple(n * factor for n in self.counts))

    def _stepper(self, simulator: Simulator, draws: Draws) -> Stepper:
        """Steps that are stable for the case whose start is the largest, which is the fastest as a rule."""
        inputs = _inputs(self.problem, draws)
        starts = jax.vmap(simulator.start)(inputs)
        case = int(jnp.argmax(jnp.max(jnp.abs(starts), axis=range(1, starts.ndim))))
        largest = jax.tree.map(lambda v: v[case], inputs)
        substeps = stable_substeps(simulator, largest, starts[case], self.steps + 1, least=4)
        return Stepper(simulator, self.dt, substeps)

    def _runner(self, simulator: Simulator, draws: Draws, correction: Correction | None = None) -> Any:
        stepper = self._stepper(simulator, draws)

        def run(start: Array, inputs: Inputs) -> Array:
            later = stepper.rollout(start, self._start, self.steps, inputs, correction)
            return jnp.concatenate([start[None], later])

        return jax.jit(jax.vmap(run))


def restricted(values: Array, grid: Grid, factor: int) -> Array:
    """Means over the cells of a grid ``factor`` times coarser, along the last axes of ``values``.

    Along periodic axes points are nodes, the middles of cells: cells at an end of the mean count half.
    """
    dimension = len(grid.counts)
    for axis, periodic in zip(range(-dimension, 0), grid.periodic, strict=True):
        moved = jnp.moveaxis(values, axis, -1)
        if periodic and factor % 2 == 0:
            moved = (jnp.roll(moved, factor // 2, -1) + jnp.roll(moved, factor // 2 - 1, -1)) / 2
        elif periodic:
            moved = jnp.roll(moved, factor // 2, -1)
        moved = moved.reshape(*moved.shape[:-1], -1, factor).mean(-1)
        values = jnp.moveaxis(moved, -1, axis)
    return values


def _inputs(problem: Problem, draws: Draws) -> Inputs:
    """The inputs of every case, stacked."""
    count = len(next(iter(draws.values())))
    declared = declared_inputs(problem).parameters
    values = {n: jnp.asarray(draws[n]) if n in draws else jnp.full(count, v) for n, v in declared.items()}
    return Inputs(values, {})
