"""Quasi-Newton methods: known minima, the order of convergence, and what happens where nothing works."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.training.optimiser import CONVERGED, NONFINITE, RUNNING, STAGNATED, evaluated, run_chunk
from pinnkit.training.quasi_newton import LBFGS, SSBFGS, SSBroyden

from .objectives import BadlyScaled, Convex, Neurons, Rosenbrock, Wall

each_method = pytest.mark.parametrize(
    "method", [SSBroyden(), SSBFGS(), LBFGS(memory=10)], ids=lambda method: method.name
)
each_dense_method = pytest.mark.parametrize("method", [SSBroyden(), SSBFGS()], ids=lambda method: method.name)


def begun(method, objective, theta):
    return evaluated(method, objective, theta, method.init(objective, theta), 1)


def minimise(method, objective, theta, iterations):
    return run_chunk(method, objective, theta, method.init(objective, theta), iterations)


@each_method
def test_rosenbrock(method):
    theta, state, losses = minimise(method, Rosenbrock(), jnp.array([-1.2, 1.0]), 60)
    assert int(state.status) == CONVERGED
    assert len(losses) == int(state.iteration) < 60
    np.testing.assert_allclose(theta, 1.0, atol=1e-12)


@each_dense_method
def test_twenty_parameters_to_rounding_error(method):
    objective = Neurons.random(60, 20)
    _, _, losses = minimise(method, objective, jnp.zeros(20), 120)
    assert losses[-1] < 1e-28
    assert np.all(np.diff(losses) <= 0)


@each_dense_method
def test_badly_scaled(method):
    objective = BadlyScaled(jnp.logspace(0, 6, 12))
    theta, _, _ = minimise(method, objective, jnp.zeros(12), 400)
    np.testing.assert_allclose(theta, 1.0, atol=1e-6)


@each_dense_method
def test_convergence_is_superlinear_at_a_minimum_that_is_not_zero(method):
    objective = Convex(jax.random.normal(jax.random.key(1), (12, 4)))
    theta = jnp.ones(4)
    state = begun(method, objective, theta)
    step = eqx.filter_jit(method.step)
    gradients = []
    while int(state.status) == RUNNING and len(gradients) < 80:
        gradients.append(float(jnp.linalg.norm(state.gradient)))
        theta, state = step(objective, theta, state)
    assert gradients[-1] < 1e-10
    # Linear convergence has ratios bounded from below; here they must fall towards zero.
    ratios = np.array(gradients[1:]) / np.array(gradients[:-1])
    early, late = ratios[: len(ratios) // 2], ratios[len(ratios) // 2 :][:-1]
    assert np.exp(np.mean(np.log(late))) < 0.5 * np.exp(np.mean(np.log(early)))
    assert late.min() < 0.03


@each_method
def test_one_parameter(method):
    theta, state, _ = minimise(method, BadlyScaled(jnp.array([3.0])), jnp.zeros(1), 50)
    assert int(state.status) == CONVERGED
    np.testing.assert_allclose(theta, 1.0, atol=1e-12)


@each_dense_method
def test_inverse_hessian_satisfies_the_secant_equation(method):
    objective, theta = Neurons.random(30, 6), jnp.zeros(6)
    state, step = begun(method, objective, theta), eqx.filter_jit(method.step)
    for _ in range(5):
        old_theta, old_gradient = theta, state.gradient
        theta, state = step(objective, theta, state)
        product = state.curvature.matrix @ (state.gradient - old_gradient)
        np.testing.assert_allclose(product, theta - old_theta, rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(state.direction, -state.curvature.matrix @ state.gradient, rtol=1e-9)
        assert np.linalg.eigvalsh(state.curvature.matrix).min() > 0


def test_ssbroyden_update_is_the_published_formula():
    """One update against the formulas written out with matrices."""
    objective, theta = Neurons.random(30, 5), jnp.zeros(5)
    method = SSBroyden()
    state, step = begun(method, objective, theta), eqx.filter_jit(method.step)
    for iteration in range(6):
        new_theta, new = step(objective, theta, state)
        H, s = np.asarray(state.curvature.matrix), np.asarray(new_theta - theta)
        y = np.asarray(new.gradient - state.gradient)
        rho, Hy = 1 / (y @ s), H @ y
        h, b = rho * (y @ Hy), rho * (s @ np.linalg.solve(H, s))
        a = b * h - 1
        c = np.sqrt(a / (1 + a))
        least = min(1, h * (1 - c))
        t = max((least - 1) / a, min(1 / least, (1 - b) / b))
        sigma = 1 + t * a
        root = abs(sigma) ** (1 / (1 - 5))
        if iteration == 0:
            tau = h / sigma
        elif t <= 0:
            tau = min(min(1, 1 / b) * root, sigma)
        else:
            tau = min(1, 1 / b) * min(root, 1 / t)
        phi, v = (1 - t) / sigma, rho * s - Hy / (y @ Hy)
        expected = (H - np.outer(Hy, Hy) / (y @ Hy) + phi * (y @ Hy) * np.outer(v, v)) / tau
        expected += rho * np.outer(s, s)
        np.testing.assert_allclose(new.curvature.matrix, expected, rtol=1e-8, atol=1e-10)
        theta, state = new_theta, new


@each_method
def test_a_wall_of_nan_is_never_crossed(method):
    theta, state, losses = minimise(method, Wall(1.0), jnp.array([-30.0, 5.0]), 100)
    assert np.all(np.isfinite(losses))
    assert int(state.status) != NONFINITE
    # 2 (θ₀ − 2) + 0.1/(1 − θ₀) = 0
    np.testing.assert_allclose(theta, [1.5 - np.sqrt(0.25 + 0.05), 2.0], atol=1e-6)


@each_method
def test_nan_at_the_start_is_told_and_changes_nothing(method):
    theta, state, losses = minimise(method, Wall(-1.0), jnp.zeros(2), 10)
    assert int(state.status) == NONFINITE
    assert len(losses) == 0
    np.testing.assert_array_equal(theta, 0.0)


@each_method
def test_a_finished_state_is_left_alone(method):
    objective = Rosenbrock()
    theta, state, _ = minimise(method, objective, jnp.array([-1.2, 1.0]), 100)
    again, after = eqx.filter_jit(method.step)(objective, theta, state)
    np.testing.assert_array_equal(again, theta)
    assert eqx.tree_equal(state, after)


@each_method
def test_chunks_of_any_length_take_the_same_steps(method):
    objective, start = Neurons.random(30, 6), jnp.zeros(6)
    whole, _, losses = minimise(method, objective, start, 7)
    theta, state = start, method.init(objective, start)
    parts = []
    for length in (2, 5):
        theta, state, part = run_chunk(method, objective, theta, state, length)
        parts.append(part)
    np.testing.assert_array_equal(theta, whole)
    np.testing.assert_array_equal(np.concatenate(parts), losses)


def test_steps_need_not_be_compiled():
    method, objective, theta = SSBroyden(), Rosenbrock(), jnp.array([-1.2, 1.0])
    state = begun(method, objective, theta)
    compiled, _ = eqx.filter_jit(method.step)(objective, theta, state)
    with jax.disable_jit():
        plain, _ = method.step(objective, theta, state)
    np.testing.assert_allclose(plain, compiled, rtol=1e-12)


@each_method
def test_restart_keeps_curvature_and_refreshes_the_rest(method):
    before, after = Neurons.random(30, 6, seed=0), Neurons.random(30, 6, seed=1)
    theta, state, _ = minimise(method, before, jnp.zeros(6), 8)
    fresh = evaluated(method, after, theta, method.restart(after, theta, state), 1)
    assert eqx.tree_equal(fresh.curvature, state.curvature)
    np.testing.assert_allclose(fresh.loss, after.loss(theta))
    np.testing.assert_allclose(fresh.direction, -method.product(state.curvature, jax.grad(after.loss)(theta)))
    _, end, _ = run_chunk(method, after, theta, fresh, 60)
    assert float(end.loss) < 1e-26


@each_method
def test_a_loss_that_cannot_fall_is_stagnation(method):
    class Deceptive(eqx.Module):
        """The gradient claims a descent that the loss does not have."""

        def loss(self, theta):
            return 2 * jax.lax.stop_gradient(theta @ theta) - theta @ theta

    theta, state, _ = minimise(method, Deceptive(), jnp.ones(3), 50)
    assert int(state.status) == STAGNATED
    np.testing.assert_array_equal(theta, 1.0)


def test_a_loss_that_falls_too_slowly_is_stagnation():
    method = SSBFGS(patience=20, least_fall=0.999)
    _, state, losses = minimise(method, Rosenbrock(), jnp.array([-1.2, 1.0]), 100)
    assert int(state.status) == STAGNATED
    assert len(losses) == 20


def test_lbfgs_is_bfgs_with_the_pairs_it_remembers():
    """The compact product against H built by BFGS updates from γI, and none but the last pairs in it."""
    objective, theta, size = Neurons.random(30, 6), jnp.zeros(6), 6
    method = LBFGS(memory=4)
    state, step = begun(method, objective, theta), eqx.filter_jit(method.step)
    pairs = []
    for _ in range(7):
        new_theta, new = step(objective, theta, state)
        pairs.append((np.asarray(new_theta - theta), np.asarray(new.gradient - state.gradient)))
        theta, state = new_theta, new
        s, y = pairs[-1]
        H = np.eye(size) * (s @ y) / (y @ y)
        for s, y in pairs[-4:]:
            left = np.eye(size) - np.outer(s, y) / (s @ y)
            H = left @ H @ left.T + np.outer(s, s) / (s @ y)
        for probe in np.eye(size):
            np.testing.assert_allclose(
                method.product(state.curvature, probe), H @ probe, rtol=1e-8, atol=1e-9
            )
        np.testing.assert_allclose(state.direction, -H @ state.gradient, rtol=1e-8, atol=1e-12)


def test_lbfgs_minimises_in_many_dimensions():
    objective = Neurons.random(900, 300)
    _, _, losses = minimise(LBFGS(), objective, jnp.zeros(300), 300)
    assert losses[-1] < 1e-24
