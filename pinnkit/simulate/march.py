"""Equal steps in time, differentiable in every mode: what optimisation through a simulation takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import ceil, prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .integrate import TimeOptions, explicit_steps, integrate
from .simulator import Inputs, Simulator
from .spectral import Spectral

Term = Callable[[Any, Array], Array]

_REACH = 6.0 / 2.2  # of an adaptive step's stability against that of the classical Runge–Kutta method
_ROOM = 1.5  # for waves that become faster than at the start
_KEPT = 3e7  # values of all stages that are kept rather than computed anew


def march(
    simulator: Simulator, inputs: Inputs, start: Array, times: Array, substeps: int
) -> Array:
    """States (K, states, *counts) at equidistant times by ``substeps`` steps between two of them.

    Steps are ETDRK4's for spectral simulators, else of the classical Runge–Kutta method.
    """
    if isinstance(simulator, Spectral):
        return integrate(simulator, inputs, start, times, TimeOptions("etdrk", substeps=substeps)).values
    dt = (times[1] - times[0]) / substeps
    few = prod(start.shape) * 4 * substeps * (len(times) - 1) <= _KEPT
    step = partial(runge_kutta, simulator, inputs, dt)

    def slice_after(values: Array, t: Array) -> tuple[Array, Array]:
        def one(values: Array, k: Array) -> tuple[Array, None]:
            return step(t + k * dt, values), None

        values, _ = jax.lax.scan(one, values, jnp.arange(substeps))
        return values, values

    _, later = jax.lax.scan(slice_after if few else jax.checkpoint(slice_after), start, times[:-1])
    return jnp.concatenate([start[None], later])


def runge_kutta(
    simulator: Simulator, inputs: Inputs, dt: Any, t: Any, values: Array, term: Term | None = None
) -> Array:
    """One step of the classical method of fourth order (Kutta 1901), with ``term`` added to the rate."""

    def stage(carried: tuple[Array, Array], row: tuple[Array, Array]) -> tuple[tuple[Array, Array], None]:
        slope, total = carried
        place, weight = row
        now, moved = t + place * dt, values + place * dt * slope
        slope = simulator.rate(now, moved, inputs)
        slope = slope if term is None else slope + term(now, moved)
        return (slope, total + weight * slope), None

    rows = jnp.array([0, 1 / 2, 1 / 2, 1]), jnp.array([1, 2, 2, 1]) / 6
    still = jnp.zeros_like(values)
    (_, total), _ = jax.lax.scan(stage, (still, still), rows)  # one copy of the rate: it compiles faster
    return values + dt * total


def stable_substeps(simulator: Simulator, inputs: Inputs, start: Array, slices: int, least: int) -> int:
    """Steps between two of ``slices`` times that stability asks for, ``least`` for spectral simulators."""
    if isinstance(simulator, Spectral):
        return least
    clock = simulator.problem.time
    steps = explicit_steps(simulator, inputs, start, clock.end - clock.start)
    if not np.isfinite(steps):
        raise FloatingPointError("the rate of the start is not finite")
    return max(1, ceil(_ROOM * _REACH * steps / (slices - 1)))
