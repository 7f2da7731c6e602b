"""Small objectives with known minima, in the two views that optimisers take: scalar and residual."""

from __future__ import annotations

import abc

import equinox as eqx
import jax
import jax.numpy as jnp

from pinnkit.training.arrays import Jacobian, Matrix, Residual, Scalar, Vector


class Residuals(eqx.Module):
    """Σ rᵢ(θ)² with the Jacobian by automatic differentiation."""

    @abc.abstractmethod
    def residual(self, theta: Vector) -> Residual: ...

    def loss(self, theta: Vector) -> Scalar:
        return jnp.sum(self.residual(theta) ** 2)

    def jacobian(self, theta: Vector) -> Jacobian:
        return jax.jacobian(self.residual)(theta)

    def normal_equations(self, theta: Vector) -> tuple[Matrix, Vector, Scalar]:
        residual, jacobian = self.residual(theta), self.jacobian(theta)
        return jacobian.T @ jacobian, jacobian.T @ residual, residual @ residual

    def fold(self, theta, add, carry):
        """Two chunks, so that what is carried through matters."""
        residual, jacobian = self.residual(theta), self.jacobian(theta)
        cut, places = residual.size // 2, jnp.arange(residual.size)
        for part in (slice(None, cut), slice(cut, None)):
            carry = add(carry, residual[part], jacobian[part], places[part])
        return carry


class Rosenbrock(Residuals):
    """Minimum 0 at (1, 1) after a curved valley; usually started from (−1.2, 1)."""

    def residual(self, theta):
        return jnp.stack([1 - theta[0], 10 * (theta[1] - theta[0] ** 2)])


class Neurons(Residuals):
    """tanh(Aθ) + (Aθ)²/10 fitted to its own values at ``exact``: zero residual, nonlinear."""

    design: Jacobian
    exact: Vector

    @classmethod
    def random(cls, rows: int, size: int, seed: int = 0) -> Neurons:
        first, second = jax.random.split(jax.random.key(seed))
        return cls(jax.random.normal(first, (rows, size)) / size**0.5, jax.random.normal(second, (size,)))

    def residual(self, theta):
        model = lambda z: jnp.tanh(z) + 0.1 * z**2  # noqa: E731
        return model(self.design @ theta) - model(self.design @ self.exact)


class BadlyScaled(Residuals):
    """Residuals dᵢ (sinh θᵢ − sinh 1) with d over six orders: Hessian entries over twelve."""

    factors: Vector

    def residual(self, theta):
        return self.factors * (jnp.sinh(theta) - jnp.sinh(1.0))


class Convex(eqx.Module):
    """Σ exp(cᵢ·θ) + |θ|²/2: strictly convex, and the loss at the minimum is not zero."""

    rows: Jacobian

    def loss(self, theta):
        return jnp.sum(jnp.exp(self.rows @ theta)) + 0.5 * theta @ theta


class Wall(eqx.Module):
    """Σ (θᵢ − 2)² − log(limit − θ₀): NaN behind the wall, close to which the minimum lies."""

    limit: float

    def loss(self, theta):
        return jnp.sum((theta - 2) ** 2) - 0.1 * jnp.log(self.limit - theta[0])
