"""SOAP: Adam where no basis is learned, blind to rotations where one is, and faster on what is Kronecker."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pinnkit.training.first_order import Adam
from pinnkit.training.optimiser import RUNNING, run_chunk
from pinnkit.training.soap import Soap

from .objectives import Residuals
from .problems import rod

CONSTANT = {"learning_rate": 0.01, "final_rate": 0.01, "warm_up": 0, "horizon": 10}


class Product(Residuals):
    """A(W − E)B for matrices W of a given shape: curvature AᵀA ⊗ BBᵀ."""

    left: jax.Array
    right: jax.Array
    exact: jax.Array

    def shapes(self):
        return (self.exact.shape,)

    def residual(self, theta):
        return (self.left @ (theta.reshape(self.exact.shape) - self.exact) @ self.right).ravel()

    @classmethod
    def random(cls, *shape):
        keys = jax.random.split(jax.random.key(1), 3)
        rows, columns = shape[-2:]
        return cls(
            jax.random.normal(keys[0], (rows, rows)),
            jax.random.normal(keys[1], (columns, columns)),
            jax.random.normal(keys[2], shape),
        )


def minimise(method, objective, theta, iterations):
    return run_chunk(method, objective, theta, method.init(objective, theta), iterations)


@pytest.mark.parametrize("shape", [(12,), (1, 12), (3, 1, 4)])
def test_vectors_are_left_to_adam(shape):
    class Vectors(Residuals):
        def shapes(self):
            return (shape,)

        def residual(self, theta):
            return jnp.arange(1.0, 13.0) * (theta - 1)

    method = Soap(**CONSTANT, first_decay=0.9, second_decay=0.999)
    ours, _, _ = minimise(method, Vectors(), jnp.zeros(12), 20)
    rule, theta = optax.adam(0.01), jnp.zeros(12)
    moments = rule.init(theta)
    for _ in range(20):
        change, moments = rule.update(jax.grad(Vectors().loss)(theta), moments)
        theta = theta + change
    np.testing.assert_allclose(ours, theta, rtol=1e-9)


# Entries of the rotated gradient that are rounding errors make steps of 1e-6 of the learning rate.
def test_the_first_step_is_the_polar_factor_of_the_gradient():
    objective, theta = Product.random(4, 4), jnp.zeros(16)
    gradient = jax.grad(objective.loss)(theta).reshape(4, 4)
    left, _, right = np.linalg.svd(gradient)
    ours, _, _ = minimise(Soap(**CONSTANT), objective, theta, 1)
    np.testing.assert_allclose(ours.reshape(4, 4), -0.01 * left @ right, atol=1e-6)


def test_rotations_of_rows_and_columns_change_nothing():
    objective, theta = Product.random(4, 4), jnp.zeros(16)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    turned = Product(objective.left @ turn.T, turn @ objective.right, turn @ objective.exact @ turn.T)
    method = Soap(**CONSTANT, frequency=3)
    one, _, _ = minimise(method, objective, theta, 12)
    other, _, _ = minimise(method, turned, theta, 12)
    np.testing.assert_allclose(turn.T @ other.reshape(4, 4) @ turn, one.reshape(4, 4), atol=1e-5)


def test_a_batch_of_matrices_is_matrices_apart():
    objective = Product.random(2, 4, 4)
    alone = Product(objective.left, objective.right, objective.exact[1])
    both, _, _ = minimise(Soap(**CONSTANT), objective, jnp.zeros(32), 8)
    one, _, _ = minimise(Soap(**CONSTANT), alone, jnp.zeros(16), 8)
    np.testing.assert_allclose(both[16:], one, atol=1e-5)


def test_far_lower_than_adam_after_as_many_steps_on_a_rod():
    problem, rate = rod(width=10), {"learning_rate": 0.01, "final_rate": 1e-4, "warm_up": 10, "horizon": 400}
    _, state, losses = minimise(Soap(**rate), problem, problem.theta, 400)
    _, _, adams = minimise(Adam(**rate), problem, problem.theta, 400)
    assert int(state.status) == RUNNING
    assert losses[-1] < 0.3 * adams[-1]


def test_sides_too_long_keep_the_identity():
    method, objective = Soap(longest_side=5), Product.random(4, 8)
    (leaf,) = method.init(objective, jnp.zeros(32)).moments[0].leaves
    assert leaf.right is None
    assert leaf.left.basis.shape == (1, 4, 4)
