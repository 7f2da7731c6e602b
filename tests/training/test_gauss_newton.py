"""Levenberg–Marquardt: the order of convergence, primal against kernel, and hard starts."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.training import gram, least_squares
from pinnkit.training.gauss_newton import LevenbergMarquardt
from pinnkit.training.gram import GramSystem
from pinnkit.training.optimiser import CONVERGED, NONFINITE, RUNNING, STAGNATED, run_chunk

from .objectives import BadlyScaled, Neurons, Residuals, Rosenbrock
from .problems import rod


def minimise(method, objective, theta, iterations):
    return run_chunk(method, objective, theta, method.init(objective, theta), iterations)


def test_rosenbrock():
    theta, state, losses = minimise(LevenbergMarquardt(), Rosenbrock(), jnp.array([-1.2, 1.0]), 60)
    assert int(state.status) == CONVERGED
    assert len(losses) < 30
    np.testing.assert_allclose(theta, 1.0, atol=1e-12)


def test_convergence_is_quadratic_where_the_residual_vanishes():
    objective = Neurons.random(60, 20)
    method, theta = LevenbergMarquardt(), jnp.zeros(20)
    state, step = method.init(objective, theta), eqx.filter_jit(method.step)
    errors = []
    while int(state.status) == RUNNING and len(errors) < 40:
        errors.append(float(jnp.linalg.norm(theta - objective.exact)))
        theta, state = step(objective, theta, state)
    assert float(state.loss) < 1e-28
    errors = np.array([error for error in errors if error > 1e-13])
    # log e₊ / log e tends to the order; the constant is below one here.
    orders = np.log(errors[1:]) / np.log(errors[:-1])
    assert orders[(errors[:-1] < 0.1) & (errors[1:] > 1e-12)].max() > 1.9


@pytest.mark.parametrize("rows", [12, 40])
def test_kernel_and_primal_take_the_same_steps(rows):
    objective, theta = Neurons.random(rows, 20), jnp.zeros(20)
    reached = []
    for kernel in (False, True):
        # A damping that is large against the rounding errors of both Gram matrices, and the same in both.
        method = LevenbergMarquardt(kernel=kernel)
        state = method.init(objective, theta)
        state = eqx.tree_at(lambda state: state.damping, state, jnp.asarray(0.1))
        reached.append(method.step(objective, theta, state)[0])
    np.testing.assert_allclose(reached[0], reached[1], rtol=1e-10, atol=1e-12)


def test_fewer_residuals_than_parameters_take_the_kernel_form():
    objective, theta = Neurons.random(12, 40), jnp.zeros(40)
    system = GramSystem.of(objective, theta)
    assert system.gram.shape == (12, 12)
    _, _, losses = minimise(LevenbergMarquardt(), objective, theta, 60)
    assert losses[-1] < 1e-26


@pytest.mark.parametrize(
    ("rows", "held"), [(30, 2**30), (5, 2**30), (5, 0)], ids=["primal", "kernel", "chunked"]
)
def test_the_step_solves_the_damped_problem_near_a_point(rows, held, monkeypatch):
    monkeypatch.setattr(gram, "HELD_JACOBIAN", held)
    objective, theta = Neurons.random(rows, 6), jnp.zeros(6)
    residual, jacobian = objective.residual(theta), objective.jacobian(theta)
    near = jnp.arange(6.0)
    for point in (None, near):
        shift = np.zeros(6) if point is None else near
        lifted = jacobian.T @ (residual + jacobian @ shift)
        expected = shift - np.linalg.solve(jacobian.T @ jacobian + 0.3 * np.eye(6), lifted)
        step = GramSystem.of(objective, theta).solve(jnp.asarray(0.3), point)
        np.testing.assert_allclose(step, expected, rtol=1e-11)


@pytest.mark.parametrize("chunk", [512, 7])
def test_the_kernel_matrix_in_chunks_is_that_of_the_whole_jacobian(chunk, monkeypatch):
    monkeypatch.setattr(least_squares, "JACOBIAN_CHUNK", chunk)
    problem = rod(points=20)
    whole = GramSystem.of(problem, problem.theta).gram
    monkeypatch.setattr(gram, "HELD_JACOBIAN", 0)
    np.testing.assert_allclose(GramSystem.of(problem, problem.theta).gram, whole, rtol=1e-10, atol=1e-12)
    assert whole.shape == (22, 22)


def test_badly_scaled():
    theta, _, _ = minimise(LevenbergMarquardt(), BadlyScaled(jnp.logspace(0, 6, 12)), jnp.zeros(12), 200)
    np.testing.assert_allclose(theta, 1.0, atol=1e-5)


class Walled(Residuals):
    """NaN for θ₀ ≥ 1, close to which the minimum lies."""

    def residual(self, theta):
        return jnp.stack([theta[0] - 2, theta[1], 0.3 * jnp.log(1 - theta[0])])


def test_losses_never_rise_and_walls_are_not_crossed():
    theta, state, losses = minimise(LevenbergMarquardt(), Walled(), jnp.array([-30.0, 5.0]), 60)
    assert np.all(np.diff(losses) <= 0)
    assert np.all(np.isfinite(theta))
    assert int(state.status) != NONFINITE


def test_nan_at_the_start_is_told():
    theta, state, losses = minimise(LevenbergMarquardt(), Walled(), jnp.array([2.0, 0.0]), 5)
    assert int(state.status) == NONFINITE
    assert len(losses) == 0
    np.testing.assert_array_equal(theta, [2.0, 0.0])


def test_a_minimum_that_is_not_zero_ends_the_run():
    class Inconsistent(Residuals):
        def residual(self, theta):
            return jnp.stack([theta[0] - 1, theta[0] + 1, jnp.sin(theta[1]), 2.0 + 0 * theta[0]])

    theta, state, _ = minimise(LevenbergMarquardt(), Inconsistent(), jnp.array([3.0, 0.5]), 100)
    assert int(state.status) in (CONVERGED, STAGNATED)
    np.testing.assert_allclose(theta, 0.0, atol=1e-6)


def test_a_finished_state_is_left_alone():
    method, objective = LevenbergMarquardt(), Rosenbrock()
    theta, state, _ = minimise(method, objective, jnp.array([-1.2, 1.0]), 60)
    again, after = eqx.filter_jit(method.step)(objective, theta, state)
    np.testing.assert_array_equal(again, theta)
    assert eqx.tree_equal(state, after)
