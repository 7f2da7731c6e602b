"""Time integration by diffrax: explicit, implicit, or both; and ETDRK4 steps for spectral simulators.

Gradients: ``checkpointed`` stores few states and computes the others anew (reverse mode, for fields),
``forward`` carries tangents along (for few parameters); diffrax's checkpointed adjoint has no forward mode.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..forms import FormUnavailable
from .finite_difference import FiniteDifferences
from .finite_volume import FiniteVolumes
from .simulator import Inputs, Simulator
from .spectral import Spectral

Adjoint = Literal["checkpointed", "forward"]
Scheme = Literal["explicit", "imex", "implicit", "etdrk"]

_POWER_STEPS = 24
_MEMORY, _COPIES = 5e8, 3  # bytes that states kept for a gradient may take, and arrays of that size in each
_MANY = 2_000  # steps kept at most: more would be set aside for runs that take few
_REACH = 6.0  # |λ| dt that one step of Dopri8 is stable for, nearly
STAGES = {"explicit": 13, "imex": 40, "implicit": 40, "etdrk": 4}


class Integration(NamedTuple):
    """States (K, states, *counts) at the times asked for, and the number of steps taken."""

    values: Array
    steps: Array


class TimeOptions(NamedTuple):
    """How to integrate; ``substeps`` of ETDRK stand between two times, ``most`` bounds other steps."""

    scheme: Scheme = "explicit"
    tolerance: float = 1e-9
    substeps: Any = 1
    most: int = 100_000
    adjoint: Adjoint = "checkpointed"


def integrate(
    simulator: Simulator, inputs: Inputs, start: Array, times: Array, options: TimeOptions
) -> Integration:
    """The trajectory through ``times``, the first of which is that of ``start``; NaN from a blow-up on.

    ``times`` are equidistant for ETDRK.
    """
    if isinstance(simulator, Spectral):
        return _etdrk(simulator, inputs, start, times, options.substeps)
    controller = diffrax.PIDController(
        rtol=options.tolerance, atol=options.tolerance, pcoeff=0.2, icoeff=0.5
    )  # fmt: skip
    adjoint = (
        diffrax.ForwardMode() if options.adjoint == "forward"
        else diffrax.RecursiveCheckpointAdjoint(_checkpoints(start, options.most))
    )  # fmt: skip
    term, solver = _solver(simulator, options)
    found = diffrax.diffeqsolve(
        term, solver, times[0], times[-1], None, start, args=inputs,
        saveat=diffrax.SaveAt(ts=times), stepsize_controller=controller, adjoint=adjoint,
        max_steps=options.most, throw=False,
    )  # fmt: skip
    values = jnp.where(jnp.isfinite(found.ys), found.ys, jnp.nan)
    return Integration(values, found.stats["num_steps"])


def _checkpoints(start: Array, most: int) -> int:
    """How many steps are kept: all where memory allows, else at least as many as diffrax would by itself."""
    least = int(np.sqrt(2 * most)) + 1
    room = int(_MEMORY / (_COPIES * start.size * start.dtype.itemsize))
    return min(most, max(least, min(room, _MANY)))


def _solver(simulator: Simulator, options: TimeOptions) -> tuple[Any, Any]:
    whole = diffrax.ODETerm(simulator.rate)
    if options.scheme == "implicit":
        return whole, diffrax.Kvaerno5(root_finder=_newton(options))
    if options.scheme == "imex":
        if not isinstance(simulator, FiniteDifferences):
            raise FormUnavailable(
                f"imex steps of {simulator.problem.name!r}", reason="finite differences alone split off L",
                mend="set solver.scheme to explicit or implicit, or solver.backend to finite_difference",
            )  # fmt: skip
        parts = diffrax.ODETerm(simulator.rest_rate), diffrax.ODETerm(simulator.linear_rate)
        return diffrax.MultiTerm(*parts), diffrax.KenCarp5(root_finder=_newton(options))
    # Gradients of a bounded scan over stages are three times faster than by diffrax's default, runs slower.
    stages = "bounded" if options.adjoint == "checkpointed" else None
    explicit = diffrax.Tsit5 if isinstance(simulator, FiniteVolumes) else diffrax.Dopri8
    return whole, explicit(scan_kind=stages)


def _newton(options: TimeOptions) -> Any:
    return diffrax.VeryChord(rtol=options.tolerance, atol=options.tolerance)


def _etdrk(simulator: Spectral, inputs: Inputs, start: Array, times: Array, substeps: Any) -> Integration:
    step = simulator.stepper((times[1] - times[0]) / substeps, inputs)

    @jax.checkpoint
    def slice_after(values: Array, _: None) -> tuple[Array, Array]:
        values = jax.lax.fori_loop(0, substeps, lambda _, v: step(v), values)
        return values, values[:-1]

    first = simulator.with_time(start, times[0])
    _, later = jax.lax.scan(slice_after, first, None, length=len(times) - 1)
    values = jnp.concatenate([start[None], later])
    return Integration(values, jnp.asarray(substeps * (len(times) - 1)))


def explicit_steps(simulator: Simulator, inputs: Inputs, start: Array, duration: float) -> float:
    """How many explicit steps stability asks for: duration · |λ|_max / reach, |λ|_max by power iteration."""
    t = jnp.asarray(simulator.problem.time.start)

    def push(direction: Array, _: None) -> tuple[Array, Array]:
        moved = jax.jvp(lambda v: simulator.rate(t, v, inputs), (start,), (direction,))[1]
        size = jnp.linalg.norm(moved)
        return moved / jnp.maximum(size, 1e-300), size

    @jax.jit
    def largest(direction: Array) -> Array:
        _, sizes = jax.lax.scan(push, direction / jnp.linalg.norm(direction), None, length=_POWER_STEPS)
        return jnp.sqrt(sizes[-1] * sizes[-2])  # of a pair ±iω, as waves have, two steps tell the size

    direction = jax.random.normal(jax.random.key(0), start.shape, start.dtype)
    return duration * float(largest(direction)) / _REACH
