"""Quasi-Newton methods with a dense inverse Hessian: SSBroyden and SSBFGS.

Self-scaled members of Broyden's family, with s = Δθ, y = Δg, p = −Hg and s = αp:

    H ← [H − (Hy)(Hy)ᵀ/yᵀHy + φ (yᵀHy) v vᵀ]/τ + ρ s sᵀ,   v = ρ s − Hy/yᵀHy,   ρ = 1/yᵀs.

They differ in how φ and τ are chosen. Al-Baali, Spedicato and Maggioni, Broyden's quasi-Newton methods for
a nonlinear system of equations and unconstrained optimization (2014); Urbán, Stefanou and Pons, Unveiling
the optimization process of physics informed neural networks (2025), section 3.

The cost beside the objective is memory traffic. H is read once for Hy and Hg together, and read and
written once for the update, in which all rank-one terms are combined to s aᵀ + Hy bᵀ. Practical up to
about 5,000 parameters.
"""

from __future__ import annotations

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from .arrays import Count, Flag, Matrix, Scalar, Vector
from .line_search import strong_wolfe
from .optimiser import (
    CONVERGED,
    NONFINITE,
    RUNNING,
    STAGNATED,
    AbstractOptimiser,
    AbstractState,
    Mark,
    Objective,
    is_finite,
    status_array,
    value_and_gradient,
)


class QuasiNewtonState(AbstractState):
    """Loss, gradient g, inverse Hessian H and the next direction −Hg at the current parameters."""

    loss: Scalar
    gradient: Vector
    direction: Vector
    inverse_hessian: Matrix
    fresh: Flag  # H is still the identity, of no known scale
    mark: Mark
    iteration: Count
    evaluations: Count
    status: Count


class AbstractQuasiNewton(AbstractOptimiser[QuasiNewtonState]):
    """Everything but the choice of φ and τ."""

    gradient_tolerance: eqx.AbstractVar[float]
    loss_tolerance: eqx.AbstractVar[float]
    patience: eqx.AbstractVar[int]
    least_fall: eqx.AbstractVar[float]

    @abc.abstractmethod
    def scaling(self, b: Scalar, h: Scalar, fresh: Flag, size: int) -> tuple[Scalar, Scalar]:
        """φ and τ from b = sᵀBs/yᵀs and h = yᵀHy/yᵀs; ``fresh`` in the first update, P = ``size``."""

    def init(self, objective: Objective, theta: Vector) -> QuasiNewtonState:
        loss, gradient = value_and_gradient(objective, theta)
        zero, one = jnp.zeros((), jnp.int32), jnp.ones((), jnp.int32)
        return QuasiNewtonState(
            loss=loss,
            gradient=gradient,
            direction=-gradient,
            inverse_hessian=jnp.eye(theta.size, dtype=theta.dtype),
            fresh=jnp.asarray(True),
            mark=Mark(loss, zero),
            iteration=zero,
            evaluations=one,
            status=jnp.where(is_finite(loss, gradient), self._status(loss, gradient), NONFINITE),
        )

    def restart(self, objective: Objective, theta: Vector, state: QuasiNewtonState) -> QuasiNewtonState:
        loss, gradient = value_and_gradient(objective, theta)
        return QuasiNewtonState(
            loss=loss,
            gradient=gradient,
            direction=-(state.inverse_hessian @ gradient),
            inverse_hessian=state.inverse_hessian,
            fresh=state.fresh,
            mark=Mark(loss, state.iteration),
            iteration=state.iteration,
            evaluations=state.evaluations + 1,
            status=jnp.where(is_finite(loss, gradient), self._status(loss, gradient), NONFINITE),
        )

    def step(
        self, objective: Objective, theta: Vector, state: QuasiNewtonState
    ) -> tuple[Vector, QuasiNewtonState]:
        running = state.status == RUNNING
        unit_length = jnp.minimum(1.0, 1 / jnp.linalg.norm(state.gradient))
        search = strong_wolfe(
            jax.value_and_grad(objective.loss),
            theta,
            state.direction,
            state.loss,
            state.gradient,
            first_trial=jnp.where(state.fresh, unit_length, 1.0),
            enabled=running,
        )
        moved = search.step > 0
        # A search that fails along −Hg starts over from H = I; along −g there is nothing left to try.
        reset = running & ~moved & ~state.fresh
        stuck = running & ~moved & state.fresh

        inverse_hessian, direction, updated = self._update(state, search.step, search.gradient, reset)
        iteration = state.iteration + running
        mark, stagnant = state.mark.advance(search.loss, iteration, self.patience, self.least_fall)
        status = jnp.where(stagnant, STAGNATED, RUNNING)
        status = jnp.where(stuck, jnp.where(search.finite, STAGNATED, NONFINITE), status)
        converged = self._status(search.loss, search.gradient)
        status = jnp.where(converged == CONVERGED, CONVERGED, status)
        return jnp.where(moved, theta + search.step * state.direction, theta), QuasiNewtonState(
            loss=search.loss,
            gradient=search.gradient,
            direction=jnp.where(running, direction, state.direction),
            inverse_hessian=inverse_hessian,
            fresh=(state.fresh & ~updated) | reset,
            mark=mark,
            iteration=iteration,
            evaluations=state.evaluations + search.evaluations,
            status=jnp.where(running, status, state.status).astype(jnp.int32),
        )

    def _status(self, loss: Scalar, gradient: Vector) -> Count:
        small = (loss <= self.loss_tolerance) | (jnp.max(jnp.abs(gradient)) <= self.gradient_tolerance)
        return jnp.where(small, status_array(CONVERGED), RUNNING)

    def _update(
        self,
        state: QuasiNewtonState,
        step: Scalar,
        gradient: Vector,
        reset: Flag,
    ) -> tuple[Matrix, Vector, Flag]:
        """The next H, −Hg with it, and whether the pair (s, y) was used."""
        old = state.inverse_hessian
        s, y = step * state.direction, gradient - state.gradient
        # One pass over H for both products. Hg is formed afresh: recurrences for it lose all digits once
        # the gradient has shrunk by many orders.
        hy, hg = jnp.stack([y, gradient]) @ old
        ys, yhy = y @ s, y @ hy
        curved = ys > jnp.finfo(y.dtype).eps * jnp.linalg.norm(s) * jnp.linalg.norm(y)
        used = curved & (yhy > 0)
        ys, yhy = jnp.where(used, ys, 1.0), jnp.where(used, yhy, 1.0)

        b = jnp.where(used, -step * (s @ state.gradient) / ys, 1.0)
        phi, tau = self.scaling(b, yhy / ys, state.fresh, s.size)
        # H/τ + (s, Hy) [[ss, sw], [sw, ww]] (s, Hy)ᵀ, the whole update as one elementwise pass.
        scale = jnp.where(used, 1 / tau, 1.0)
        ss = jnp.where(used, phi * yhy / (ys**2 * tau) + 1 / ys, 0.0)
        sw = jnp.where(used, -phi / (ys * tau), 0.0)
        ww = jnp.where(used, (phi - 1) / (yhy * tau), 0.0)
        left, right = ss * s + sw * hy, sw * s + ww * hy
        new = scale * old + s[:, None] * left[None, :] + hy[:, None] * right[None, :]
        # The row numbers depend on the state, or the identity would become a loop constant of size P × P.
        columns = jnp.arange(s.size)
        rows = jnp.where(reset, columns, s.size)
        new = jnp.where(reset, (rows[:, None] == columns[None, :]).astype(s.dtype), new)
        direction = -(scale * hg + s * (left @ gradient) + hy * (right @ gradient))
        return new, jnp.where(reset, -gradient, direction), used


class SSBroyden(AbstractQuasiNewton):
    """Self-scaled Broyden: φ leaves BFGS towards rank-one and DFP updates where the curvature asks for it.

    Urbán, Stefanou and Pons (2025), the method they call SSBroyden2. The optimiser of choice after some
    thousand iterations of Adam: superlinear, and far less prone to stall on stiff residuals than BFGS.
    """

    name: ClassVar[str] = "ssbroyden"
    summary: ClassVar[str] = "self-scaled Broyden, dense; the most accurate up to about 5,000 parameters"
    default_iterations: ClassVar[int] = 5_000

    gradient_tolerance: float = eqx.field(default=1e-14, static=True)
    loss_tolerance: float = eqx.field(default=1e-30, static=True)
    patience: int = eqx.field(default=200, static=True)
    least_fall: float = eqx.field(default=1e-4, static=True)

    def scaling(self, b: Scalar, h: Scalar, fresh: Flag, size: int) -> tuple[Scalar, Scalar]:
        # a ≥ 0 by Cauchy–Schwarz and vanishes where s and Hy are parallel (always so for one parameter).
        a = jnp.maximum(b * h - 1, jnp.finfo(b.dtype).eps)
        c = jnp.sqrt(a / (1 + a))
        # h (1 − c), written without the cancellation at large a.
        least = jnp.minimum(1.0, h / ((1 + a) * (1 + c)))
        theta = jnp.maximum((least - 1) / a, jnp.minimum(1 / least, (1 - b) / b))
        sigma = 1 + theta * a
        root = jnp.abs(sigma) ** (1 / (1 - size)) if size > 1 else jnp.ones_like(sigma)
        shrink = jnp.minimum(1.0, 1 / b)
        tau = jnp.where(
            theta <= 0,
            jnp.minimum(shrink * root, sigma),
            shrink * jnp.minimum(root, 1 / jnp.where(theta > 0, theta, 1.0)),
        )
        return (1 - theta) / sigma, jnp.where(fresh, h / sigma, tau)


class SSBFGS(AbstractQuasiNewton):
    """Self-scaled BFGS: φ = 1 and τ = min(1, yᵀs/sᵀBs), the first τ = yᵀHy/yᵀs.

    Oren and Luenberger (1974) with the safeguard of Al-Baali (1998).
    """

    name: ClassVar[str] = "ssbfgs"
    summary: ClassVar[str] = "self-scaled BFGS, dense; a simpler relative of ssbroyden"
    default_iterations: ClassVar[int] = 5_000

    gradient_tolerance: float = eqx.field(default=1e-14, static=True)
    loss_tolerance: float = eqx.field(default=1e-30, static=True)
    patience: int = eqx.field(default=200, static=True)
    least_fall: float = eqx.field(default=1e-4, static=True)

    def scaling(self, b: Scalar, h: Scalar, fresh: Flag, size: int) -> tuple[Scalar, Scalar]:
        return jnp.ones_like(b), jnp.where(fresh, h, jnp.minimum(1.0, 1 / b))
