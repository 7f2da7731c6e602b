"""The Wolfe conditions on random one-dimensional functions, and the search's ways out."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnkit.training.line_search import strong_wolfe


def wavy(theta, coefficients):
    """Bounded from below, with several minima: α²/10 plus two waves."""
    x = theta[0]
    a, b, c, d = coefficients
    return 0.1 * x**2 + a * jnp.sin(b * x) + c * jnp.cos(d * x)


@eqx.filter_jit
def search(function, theta, first_trial, arguments, direction=None):
    value_and_grad = jax.value_and_grad(lambda theta: function(theta, arguments))
    loss, gradient = value_and_grad(theta)
    direction = -gradient if direction is None else direction
    result = strong_wolfe(value_and_grad, theta, direction, loss, gradient, first_trial)
    reached = value_and_grad(theta + result.step * direction)
    return result, loss, gradient @ direction, reached, direction


reals = st.floats(-3, 3).map(lambda value: round(value, 3))


@settings(max_examples=150, deadline=None)
@given(
    start=reals,
    coefficients=st.tuples(reals, reals, reals, reals),
    exponent=st.floats(-4, 2),
)
def test_wolfe_conditions_hold(start, coefficients, exponent):
    with jax.enable_x64(True):
        theta, first = jnp.array([start]), jnp.asarray(10.0**exponent)
        result, loss, slope, (reached, gradient), direction = search(
            wavy, theta, first, jnp.array(coefficients)
        )
        if abs(slope) < 1e-12:
            return
        assert 1 <= int(result.evaluations) <= 20
        assert float(result.step) > 0
        noise = 1e-14 * (1 + abs(float(loss)))
        assert float(reached) <= float(loss + 1e-4 * result.step * slope) + noise
        assert abs(float(gradient @ direction)) <= 0.9 * abs(float(slope)) + noise
        # What the search returns is the loss and gradient there, so that nothing is computed twice.
        np.testing.assert_allclose(result.loss, reached, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(result.gradient, gradient, rtol=1e-12, atol=1e-14)


def quadratic(theta, _):
    return 0.5 * theta @ theta


def test_a_good_first_trial_costs_one_evaluation():
    result, *_ = search(quadratic, jnp.array([3.0, -4.0]), jnp.asarray(1.0), None)
    assert int(result.evaluations) == 1
    assert float(result.step) == 1.0
    assert float(result.loss) == 0.0


@pytest.mark.parametrize("first", [1e-6, 1e6])
def test_first_trials_far_too_short_and_far_too_long(first):
    result, *_ = search(quadratic, jnp.array([3.0, -4.0]), jnp.asarray(first), None)
    assert int(result.evaluations) <= 13
    assert 0.1 <= float(result.step) <= 1.9


def test_retreats_from_where_the_loss_is_not_finite():
    def walled(theta, _):
        return jnp.sum((theta - 2) ** 2) - jnp.log(1 - theta[0])

    result, *_, (reached, _), _ = search(walled, jnp.array([-50.0]), jnp.asarray(1.0), None)
    assert bool(result.finite)
    assert np.isfinite(float(reached))
    assert float(result.step) > 0


def test_nothing_finite_is_told():
    def broken(theta, _):
        return jnp.where(jnp.all(theta == 1.0), jnp.sum(theta**2), jnp.nan)

    result, *_ = search(broken, jnp.ones(2), jnp.asarray(1.0), None)
    assert float(result.step) == 0
    assert not bool(result.finite)
    np.testing.assert_array_equal(result.gradient, 2.0)


def test_an_ascent_direction_is_refused_without_an_evaluation():
    result, *_ = search(quadratic, jnp.ones(2), jnp.asarray(1.0), None, direction=jnp.ones(2))
    assert float(result.step) == 0
    assert int(result.evaluations) == 0


def test_the_objective_is_traced_once():
    calls = []

    def counted(theta, _):
        calls.append(None)
        return quadratic(theta, None)

    value_and_grad = jax.value_and_grad(lambda theta: counted(theta, None))

    @jax.jit
    def run(theta):
        return strong_wolfe(value_and_grad, theta, -theta, 0.5 * theta @ theta, theta, jnp.asarray(1.0)).step

    run(jnp.ones(2))
    assert len(calls) == 1
