"""Least squares for the output layer: hidden layers as random features.

With the hidden layers fixed, u is linear in the output layer. For a linear problem the rows are then
affine in it and one solve gives its best values; for a nonlinear one Gauss–Newton steps with backtracking.
Source: Chen, Chi, E & Yang, J. Mach. Learn. 1 (2022), random feature method.
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
    """Loss at θ and the effort so far."""

    loss: Array
    iteration: Array
    evaluations: Array
    status: Array


class HeadLeastSquares(AbstractOptimiser[HeadState]):
    """Gauss–Newton on the output layer, by a singular value decomposition of its Jacobian.

    Singular values below ``cutoff`` times the largest are left out. Ends when a step lowers the loss by
    less than a tenth, which for a linear problem is the second one.
    """

    name: ClassVar[str] = "head"
    summary: ClassVar[str] = "least squares for the output layer, hidden layers as random features"
    default_iterations: ClassVar[int] = 20

    cutoff: float = eqx.field(static=True, default=1e-13)

    def init(self, objective: LeastSquares, theta: Array) -> HeadState:
        """The state before the first step. Raises ``ValueError`` where nothing is known to be linear."""
        if not objective.linear(objective.fields):
            raise ValueError(
                "head: these fields name no leaves in which the unknowns are linear; drop that stage"
            )
        loss = objective.loss(theta)
        status = jnp.where(jnp.isfinite(loss), RUNNING, NONFINITE)
        return HeadState(loss, jnp.zeros((), int), jnp.ones((), int), status)

    def step(self, objective: LeastSquares, theta: Array, state: HeadState) -> tuple[Array, HeadState]:
        """One least-squares solve, and the longest of ten halved steps that lowers the loss."""
        rows = objective.residual(theta)
        slopes = objective.linear_jacobian(theta)
        # columns of very different size would be lost to the cutoff
        size = jnp.maximum(jnp.linalg.norm(slopes, axis=0), jnp.finfo(rows.dtype).tiny)
        change = jnp.linalg.lstsq(slopes / size, -rows, rcond=self.cutoff)[0] / size
        direction = jnp.zeros_like(theta).at[objective.linear_positions()].set(change)
        lengths = 0.5 ** jnp.arange(10.0)
        losses = jax.lax.map(lambda length: objective.loss(theta + length * direction), lengths)
        better = losses < state.loss
        first = jnp.argmax(better)
        moved = jnp.any(better)
        loss = jnp.where(moved, losses[first], state.loss)
        running = state.status == RUNNING
        done = loss > 0.9 * state.loss
        status = jnp.where(jnp.isfinite(loss), jnp.where(done, CONVERGED, RUNNING), NONFINITE)
        theta_new = jnp.where(running & moved, theta + lengths[first] * direction, theta)
        return theta_new, HeadState(
            jnp.where(running, loss, state.loss),
            state.iteration + running,
            state.evaluations + 11 * running,
            jnp.where(running, status, state.status),
        )

    def restart(self, objective: LeastSquares, theta: Array, state: HeadState) -> HeadState:
        """The state at new points."""
        return self.init(objective, theta)
