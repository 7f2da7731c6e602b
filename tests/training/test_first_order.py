"""Adam against optax's own loop, its schedule, and the contract all optimisers share."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pinnkit.training.first_order import Adam, AdamW, warm_up_and_decay
from pinnkit.training.optimiser import NONFINITE, RUNNING, evaluated, run_chunk

from .objectives import Neurons, Wall


@pytest.mark.parametrize(
    ("kind", "rule"),
    [(Adam, optax.adam), (AdamW, lambda rate: optax.adamw(rate, weight_decay=1e-4))],
    ids=["adam", "adamw"],
)
def test_the_steps_are_those_of_optax(kind, rule):
    objective, theta = Neurons.random(30, 6), jnp.zeros(6)
    method = kind(learning_rate=0.02, final_rate=0.001, warm_up=5, horizon=40)
    ours, state, losses = run_chunk(method, objective, theta, method.init(objective, theta), 40)
    rule = rule(optax.warmup_cosine_decay_schedule(0.02 / 5, 0.02, 5, 40, 0.001))
    moments = rule.init(theta)
    for _ in range(40):
        change, moments = rule.update(jax.grad(objective.loss)(theta), moments, theta)
        theta = theta + change
    np.testing.assert_allclose(ours, theta, rtol=1e-10)
    np.testing.assert_allclose(losses[-1], objective.loss(ours), rtol=1e-12)
    assert int(state.evaluations) == 41
    assert int(state.status) == RUNNING


def test_schedule_rises_then_falls_and_stays():
    schedule = warm_up_and_decay(1.0, 0.1, warm_up=10, horizon=100)
    rates = np.array([float(schedule(i)) for i in range(150)])
    assert np.argmax(rates) == 10
    np.testing.assert_allclose([rates[0], rates[10], rates[100], rates[149]], [0.1, 1.0, 0.1, 0.1], rtol=1e-6)


@pytest.mark.parametrize("method", [Adam(learning_rate=0.05), AdamW(learning_rate=0.05)])
def test_finds_the_minimum_roughly(method):
    objective, theta = Neurons.random(60, 20), jnp.zeros(20)
    _, _, losses = run_chunk(method, objective, theta, method.init(objective, theta), 1_000)
    assert losses[-1] < 1e-4 * losses[0]


def test_clipping_bounds_the_gradient_not_the_state():
    objective, theta = Neurons.random(30, 6), jnp.zeros(6)
    method = Adam(clip=1e-3)
    state = method.init(objective, theta)
    _, state = method.step(objective, theta, state)
    np.testing.assert_allclose(state.gradient, jax.grad(objective.loss)(_), rtol=1e-12)
    assert float(jnp.linalg.norm(state.gradient)) > 1e-3


def test_a_step_into_nan_is_taken_back_and_tried_shorter():
    objective, theta = Wall(1.0), jnp.array([0.9, 2.0])
    method = Adam(learning_rate=0.5, warm_up=0)
    theta, state, losses = run_chunk(method, objective, theta, method.init(objective, theta), 40)
    assert int(state.status) == RUNNING
    assert 0 < int(state.rollbacks) < 10
    assert "taken back" in state.faults()
    assert np.all(np.isfinite(losses))
    np.testing.assert_allclose(losses[-1], objective.loss(theta))
    assert losses[-1] < losses[0]


class Trap(eqx.Module):
    """NaN everywhere but at zero."""

    def loss(self, theta):
        return jnp.where(jnp.all(theta == 0), jnp.sum((theta - 1) ** 2), jnp.nan)


def test_nan_on_all_sides_is_told():
    objective, theta = Trap(), jnp.zeros(2)
    method = Adam(learning_rate=0.5, warm_up=0)
    theta, state, losses = run_chunk(method, objective, theta, method.init(objective, theta), 20)
    assert len(losses) == 10
    assert int(state.status) == NONFINITE
    assert np.all(np.isfinite(theta))
    assert np.all(np.isfinite(losses))
    np.testing.assert_allclose(state.loss, objective.loss(theta))
    again, after = method.step(objective, theta, state)
    np.testing.assert_array_equal(again, theta)
    assert eqx.tree_equal(state, after)


def test_restart_keeps_the_moments():
    first, second, theta = Neurons.random(30, 6, seed=0), Neurons.random(30, 6, seed=1), jnp.zeros(6)
    method = Adam()
    theta, state, _ = run_chunk(method, first, theta, method.init(first, theta), 10)
    after = evaluated(method, second, theta, method.restart(second, theta, state), 1)
    assert eqx.tree_equal(after.moments, state.moments)
    np.testing.assert_allclose(after.loss, second.loss(theta))
