"""DSGNAR: the trust-region step within sketches, its order where nothing is sketched, faults, and memory."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.training.dsgnar import Dsgnar
from pinnkit.training.optimiser import NONFINITE, RUNNING, run_chunk

from .objectives import Neurons, Residuals, Rosenbrock
from .problems import rod

WHOLE = {"share": 1.0, "buckets": 1e9}


def minimise(method, objective, theta, iterations):
    return run_chunk(method, objective, theta, method.init(objective, theta), iterations)


def test_the_step_within_a_radius_is_that_of_the_damped_problem():
    objective, theta = Neurons.random(30, 8), jnp.zeros(8)
    sketch = Dsgnar(**WHOLE)._sketch(objective, theta, jax.random.key(0))
    residual, jacobian = np.asarray(objective.residual(theta)), np.asarray(objective.jacobian(theta))
    damped = -np.linalg.solve(jacobian.T @ jacobian + 0.7 * np.eye(8), jacobian.T @ residual)
    z = sketch.within(jnp.asarray(np.linalg.norm(damped)))
    np.testing.assert_allclose(sketch.lift(z), damped, rtol=1e-9)
    model = residual + jacobian @ damped
    np.testing.assert_allclose(sketch.fall(z), residual @ residual - model @ model, rtol=1e-10)
    far = np.linalg.lstsq(jacobian, -residual)[0]
    np.testing.assert_allclose(sketch.lift(sketch.within(jnp.asarray(1e3))), far, rtol=1e-9)


def test_the_sketch_of_columns_keeps_lengths_and_that_of_rows_nearly():
    objective, theta = Neurons.random(1_000, 30), jnp.zeros(30)
    sketch = Dsgnar(share=0.5, buckets=40.0)._sketch(objective, theta, jax.random.key(1))
    assert sketch.right.shape == (15, 15)
    z = jnp.cos(jnp.arange(15.0))
    np.testing.assert_allclose(jnp.linalg.norm(sketch.lift(z)), jnp.linalg.norm(z), rtol=1e-12)
    exact = jnp.linalg.norm(objective.jacobian(theta) @ sketch.lift(z))
    np.testing.assert_allclose(jnp.linalg.norm(sketch.singular * (sketch.right @ z)), exact, rtol=0.2)


def test_convergence_is_quadratic_where_nothing_is_sketched():
    objective, method, theta = Neurons.random(60, 20), Dsgnar(**WHOLE), jnp.zeros(20)
    state, step = method.init(objective, theta), eqx.filter_jit(method.step)
    errors = []
    while int(state.status) == RUNNING and len(errors) < 40:
        errors.append(float(jnp.linalg.norm(theta - objective.exact)))
        theta, state = step(objective, theta, state)
    errors = np.array([error for error in errors if error > 1e-13])
    orders = np.log(errors[1:]) / np.log(errors[:-1])
    assert orders[(errors[:-1] < 0.1) & (errors[1:] > 1e-12)].max() > 1.9


@pytest.mark.parametrize("share", [1 / 3, 1 / 2])
def test_sketched_steps_shrink_the_error_by_the_share_left_out(share):
    objective, theta = Neurons.random(300, 30), jnp.zeros(30)
    _, state, losses = minimise(Dsgnar(share=share), objective, theta, 250)
    assert losses[-1] < 1e-20
    assert int(state.status) != NONFINITE
    falls = np.diff(np.log(losses[(losses < 1e-6) & (losses > 1e-24)])).mean()
    assert falls < np.log(1 - 0.5 * share)


def test_rosenbrock():
    theta, _, losses = minimise(Dsgnar(**WHOLE), Rosenbrock(), jnp.array([-1.2, 1.0]), 60)
    assert len(losses) < 30
    np.testing.assert_allclose(theta, 1.0, atol=1e-12)


def test_a_rod():
    problem = rod(nonlinear=1.0, points=60, pool=1)
    _, _, losses = minimise(Dsgnar(), problem, problem.theta, 120)
    assert losses[-1] < 1e-6 * losses[0]


class Walled(Residuals):
    """NaN for θ₀ ≥ 1, close to which the minimum lies."""

    def residual(self, theta):
        return jnp.stack([theta[0] - 2, theta[1], 0.3 * jnp.log(1 - theta[0])])


def test_walls_are_not_crossed_and_nan_at_the_start_is_told():
    theta, state, losses = minimise(Dsgnar(**WHOLE), Walled(), jnp.array([-30.0, 5.0]), 60)
    assert np.all(np.diff(losses) <= 0)
    assert losses[-1] < 0.1 * losses[0]
    assert np.all(np.isfinite(theta))
    theta, state, losses = minimise(Dsgnar(), Walled(), jnp.array([2.0, 0.0]), 5)
    assert int(state.status) == NONFINITE
    assert len(losses) == 0
