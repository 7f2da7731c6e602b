"""SPRING: the proximal step, what momentum is for, and faults."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.training.arrays import Jacobian, Vector
from pinnkit.training.optimiser import CONVERGED, NONFINITE, STAGNATED, run_chunk
from pinnkit.training.spring import Spring

from .objectives import Neurons, Residuals
from .problems import rod


class Linear(Residuals):
    """Aθ − b."""

    design: Jacobian
    target: Vector

    def residual(self, theta):
        return self.design @ theta - self.target


def minimise(method, objective, theta, iterations):
    return run_chunk(method, objective, theta, method.init(objective, theta), iterations)


@pytest.mark.parametrize("rows", [6, 40], ids=["kernel", "primal"])
def test_the_step_is_the_proximal_one(rows):
    objective, theta = Neurons.random(rows, 12), jnp.zeros(12)
    method = Spring(damping=0.1, momentum=0.8)
    last = jnp.sin(jnp.arange(12.0))
    state = eqx.tree_at(lambda state: state.momentum, method.init(objective, theta), last)
    _, after = method.step(objective, theta, state)
    residual, jacobian = np.asarray(objective.residual(theta)), np.asarray(objective.jacobian(theta))
    gram = jacobian @ jacobian.T if rows < 12 else jacobian.T @ jacobian
    damping = 0.1 * gram.diagonal().max()
    stacked = np.vstack([jacobian, np.sqrt(damping) * np.eye(12)])
    target = np.concatenate([-residual, np.sqrt(damping) * 0.8 * np.asarray(last)])
    np.testing.assert_allclose(after.momentum, np.linalg.lstsq(stacked, target)[0], rtol=1e-9)


def error_after_rounds(momentum, rounds=60, longest=0.1):
    """Four rows of 24 at a time, as points redrawn; the equations all hold at one θ."""
    keys = jax.random.split(jax.random.key(3), 2)
    design = jax.random.normal(keys[0], (24, 30)) * jnp.logspace(0, -1.5, 30)
    exact = jax.random.normal(keys[1], (30,))
    method, theta, state = Spring(momentum=momentum, damping=1e-6, longest=longest), jnp.zeros(30), None
    step, restart = eqx.filter_jit(method.step), eqx.filter_jit(method.restart)
    order = np.random.default_rng(0)
    for _ in range(rounds):
        chosen = order.permutation(24)[:4]
        objective = Linear(design[chosen], design[chosen] @ exact)
        state = (
            method.init(objective, theta) if state is None else restart(objective, theta, state)
        )  # fmt: skip
        theta, state = step(objective, theta, state)
    return float(jnp.linalg.norm(design @ (theta - exact)) / jnp.linalg.norm(design @ exact))


def test_momentum_keeps_what_earlier_points_asked_for():
    assert error_after_rounds(0.9) < 0.4 * error_after_rounds(0.0)


def test_a_nonlinear_problem_with_fewer_points_than_parameters():
    objective, theta = Neurons.random(12, 40), jnp.zeros(40)
    _, state, losses = minimise(Spring(), objective, theta, 100)
    assert losses[-1] < 1e-24
    assert int(state.status) in (CONVERGED, STAGNATED)


def test_a_rod():
    problem = rod(nonlinear=1.0)
    _, _, losses = minimise(Spring(), problem, problem.theta, 60)
    assert losses[-1] < 1e-8 * losses[0]


def test_a_singular_matrix_is_met_by_more_damping():
    # Equal rows, and a damping below rounding: the factorisation fails until λ has grown.
    objective = Linear(jnp.ones((3, 8)), jnp.ones(3))
    _, _, losses = minimise(Spring(damping=1e-17), objective, jnp.zeros(8), 20)
    assert losses[-1] < 1e-20


class Walled(Residuals):
    """NaN for θ₀ ≥ 1, close to which the minimum lies."""

    def residual(self, theta):
        return jnp.stack([theta[0] - 2, theta[1], 0.3 * jnp.log(1 - theta[0])])


def test_walls_are_not_crossed_and_nan_at_the_start_is_told():
    theta, state, losses = minimise(Spring(), Walled(), jnp.array([-30.0, 5.0]), 60)
    assert np.all(np.diff(losses) <= 0)
    assert losses[-1] < 0.1 * losses[0]
    assert np.all(np.isfinite(theta))
    assert int(state.status) != NONFINITE
    theta, state, losses = minimise(Spring(), Walled(), jnp.array([2.0, 0.0]), 5)
    assert int(state.status) == NONFINITE
    assert len(losses) == 0
