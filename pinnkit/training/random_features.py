"""Least squares for the output layer: hidden layers as random features.

With the hidden layers fixed, u is linear in the output layer. For a linear problem the rows are then
affine in it and one solve gives its best values; for a nonlinear one Gauss–Newton steps with backtracking.
The first step also finds the bandwidth of the features, by scaling
the first layer. Source: Chen, Chi, E & Yang, J. Mach. Learn. 1 (2022), random feature method.
"""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from .least_squares import LeastSquares
from .optimiser import CONVERGED, NONFINITE, RUNNING, AbstractOptimiser, AbstractState


class HeadState(AbstractState):
    """Loss at θ, the effort so far, and the factor the first layer is to be scaled by in the next step."""

    loss: Array
    iteration: Array
    evaluations: Array
    status: Array
    bandwidth: Array


class HeadLeastSquares(AbstractOptimiser[HeadState]):
    """Gauss–Newton on the output layer, by a singular value decomposition of its Jacobian.

    Of the ``bandwidths``, factors on the first layer, the first step takes the one with the lowest loss.
    Singular values below ``cutoff`` times the largest are left out. Ends when a step lowers the loss by
    less than a tenth, which for a linear problem is the second one.
    """

    name: ClassVar[str] = "head"
    summary: ClassVar[str] = "least squares for the output layer, hidden layers as random features"
    default_iterations: ClassVar[int] = 20

    cutoff: float = eqx.field(static=True, default=1e-13)
    bandwidths: tuple[float, ...] = eqx.field(
        static=True, default=(0.25, 0.5, 1.0, 2.0, 4.0), converter=tuple
    )

    @eqx.filter_jit
    def init(self, objective: LeastSquares, theta: Array) -> HeadState:
        """The state before the first step. Raises ``ValueError`` where nothing is known to be linear."""
        if not objective.linear(objective.fields):
            raise ValueError(
                "head: these fields name no leaves in which the unknowns are linear; drop that stage"
            )
        loss = objective.loss(theta)
        status = jnp.where(jnp.isfinite(loss), RUNNING, NONFINITE)
        factors = jnp.asarray(self.bandwidths)

        def reached(factor: Array) -> Array:
            scaled = objective.scaled(theta, factor)
            return objective.loss(scaled + self._direction(objective, scaled))

        losses = jax.lax.map(reached, factors) if len(self.bandwidths) > 1 else jnp.zeros(1)
        best = factors[jnp.argmin(jnp.where(jnp.isfinite(losses), losses, jnp.inf))]
        return HeadState(loss, jnp.zeros((), int), jnp.ones((), int), status, best)

    def step(self, objective: LeastSquares, theta: Array, state: HeadState) -> tuple[Array, HeadState]:
        """One least-squares solve, and the longest of ten halved steps that lowers the loss."""
        running = state.status == RUNNING
        start = objective.scaled(theta, state.bandwidth)
        direction = self._direction(objective, start)
        lengths = 0.5 ** jnp.arange(10.0)
        losses = jax.lax.map(lambda length: objective.loss(start + length * direction), lengths)
        better = losses < state.loss
        first = jnp.argmax(better)
        moved = jnp.any(better)
        loss = jnp.where(moved, losses[first], state.loss)
        done = loss > 0.9 * state.loss
        status = jnp.where(jnp.isfinite(loss), jnp.where(done, CONVERGED, RUNNING), NONFINITE)
        return jnp.where(running & moved, start + lengths[first] * direction, theta), HeadState(
            jnp.where(running, loss, state.loss),
            state.iteration + running,
            state.evaluations + 11 * running,
            jnp.where(running, status, state.status),
            jnp.ones_like(state.bandwidth),
        )

    @eqx.filter_jit
    def restart(self, objective: LeastSquares, theta: Array, state: HeadState) -> HeadState:
        """The state at new points."""
        loss = objective.loss(theta)
        return HeadState(
            loss, state.iteration, state.evaluations + 1, state.status, jnp.ones_like(state.bandwidth)
        )

    def _direction(self, objective: LeastSquares, theta: Array) -> Array:
        """The full step in θ, zero outside the output layer."""
        rows = objective.residual(theta)
        slopes = objective.linear_jacobian(theta)
        # columns of very different size would be lost to the cutoff
        size = jnp.maximum(jnp.linalg.norm(slopes, axis=0), jnp.finfo(rows.dtype).tiny)
        # the triangular factor holds the same problem in far fewer rows for the singular value decomposition
        factor = jnp.linalg.qr(jnp.column_stack([slopes / size, -rows]), mode="r")
        change = jnp.linalg.lstsq(factor[:, :-1], factor[:, -1], rcond=self.cutoff)[0] / size
        return jnp.zeros_like(theta).at[objective.linear_positions()].set(change)
