"""The damped linear least-squares problem of a Gauss–Newton step, in the form that needs the smaller matrix.

    p = q + argmin |r + J(q + d)|² + λ|d|²
      = q − (JᵀJ + λI)⁻¹ Jᵀ(r + Jq)        primal, P × P, where residuals are at least as many as parameters
      = q − Jᵀ(JJᵀ + λI)⁻¹ (r + Jq)        kernel, N × N, where they are fewer

JᵀJ is accumulated in chunks of points. JJᵀ is made from J where that has room, otherwise from all pairs of
chunks, whose slopes are formed anew: next to the products of slopes that costs little.
"""

from __future__ import annotations

from typing import Any, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_factor, cho_solve

from .arrays import Jacobian, Matrix, Residual, Scalar, Vector
from .optimiser import Objective

HELD_JACOBIAN = 2**30  # bytes up to which J is held whole
_CHUNK = 1024  # rows of J that are at hand at once, at the most


class LeastSquaresObjective(Objective, Protocol):
    """What Gauss–Newton methods see besides the loss."""

    def residual(self, theta: Vector) -> Residual:
        """The weighted residuals r."""
        ...

    def jacobian(self, theta: Vector) -> Jacobian:
        """J = ∂r/∂θ."""
        ...

    def normal_equations(self, theta: Vector) -> tuple[Matrix, Vector, Scalar]:
        """JᵀJ, Jᵀr and the loss, accumulated in chunks so that J need not fit into memory."""
        ...

    def fold(self, theta: Vector, add: Any, carry: Any) -> Any:
        """``add(carry, rows, slopes, positions)`` over chunks of r and J."""
        ...


class GramSystem(eqx.Module):
    """The Gram matrix at θ, Jᵀr, and in the kernel form r."""

    objective: LeastSquaresObjective
    theta: Vector
    gram: Matrix
    slope: Vector
    residual: Residual | None

    @classmethod
    def of(cls, objective: LeastSquaresObjective, theta: Vector, kernel: bool | None = None) -> GramSystem:
        """The system at θ; ``kernel`` None: where residuals are fewer than parameters."""
        rows = jax.eval_shape(objective.residual, theta).size
        if not takes_kernel(theta.size, rows, kernel):
            gram, slope, _ = objective.normal_equations(theta)
            return cls(objective, theta, gram, slope, None)
        residual, pullback = jax.vjp(objective.residual, theta)
        gram = _kernel(objective, theta, rows)
        return cls(objective, theta, gram, pullback(residual)[0], residual)

    @property
    def scale(self) -> Scalar:
        """The largest diagonal entry of the Gram matrix."""
        return jnp.max(jnp.diag(self.gram))

    def solve(self, damping: Scalar, near: Vector | None = None) -> Vector:
        """p for the damping λ and the point q ``near`` which it is kept (None: 0); NaN where singular."""
        damped = self.gram + damping * jnp.eye(self.gram.shape[0], dtype=self.gram.dtype)
        factor = cho_factor(damped)
        if self.residual is None:
            rhs = self.slope if near is None else self.slope + self.gram @ near
            step = -cho_solve(factor, rhs)
        else:
            rhs = self.residual
            if near is not None:
                rhs = rhs + jax.jvp(self.objective.residual, (self.theta,), (near,))[1]
            _, pullback = jax.vjp(self.objective.residual, self.theta)
            (step,) = pullback(-cho_solve(factor, rhs))
        return step if near is None else near + step


def takes_kernel(parameters: int, rows: int, kernel: bool | None) -> bool:
    """Whether the kernel form is taken: as asked, or where its matrix is the smaller one."""
    return rows < parameters if kernel is None else kernel


def gram_bytes(parameters: int, rows: int, kernel: bool | None, itemsize: int) -> int:
    """Memory for the Gram matrix, the damped one and its factor, and for the slopes they are made from."""
    size = rows if takes_kernel(parameters, rows, kernel) else parameters
    slopes = min(rows * parameters, max(HELD_JACOBIAN // itemsize, 2 * _CHUNK * parameters))
    return itemsize * (3 * size**2 + 2 * slopes + 8 * parameters)


def _kernel(objective: LeastSquaresObjective, theta: Vector, rows: int) -> Matrix:
    if rows * theta.size * theta.dtype.itemsize <= HELD_JACOBIAN:
        jacobian = objective.jacobian(theta)
        return jacobian @ jacobian.T

    def outer(gram, _, slopes, positions):
        def inner(gram, _, others, places):
            # rows that only fill up a chunk are zero and add nothing
            return gram.at[positions[:, None], places[None, :]].add(slopes @ others.T)

        return objective.fold(theta, inner, gram)

    return objective.fold(theta, outer, jnp.zeros((rows, rows), theta.dtype))
