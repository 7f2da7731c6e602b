"""Least squares for the output layer: exact for linear problems, descent for others."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.fields.collocation import prepare
from pinnkit.fields.model import Fields
from pinnkit.training import Block, LeastSquares
from pinnkit.training.optimiser import CONVERGED, run_chunk
from pinnkit.training.random_features import HeadLeastSquares

from .problems import U, network, rod

ONE_BANDWIDTH = HeadLeastSquares(bandwidths=(1.0,))


def minimise(objective, method=ONE_BANDWIDTH):
    state = eqx.filter_jit(type(method).init)(method, objective, objective.theta)
    return run_chunk(method, objective, objective.theta, state, 20)


def test_a_linear_problem_is_solved_in_one_step():
    problem = rod(points=80, pool=1, width=60, depth=1, feature_scale=3.0)
    theta, state, losses = minimise(problem)
    assert int(state.status) == CONVERGED
    assert losses[0] < 1e-16
    assert len(losses) <= 3
    x = np.linspace(-1, 1, 50)[:, None]
    u = problem.with_theta(theta).jets(prepare({}, {"u": (U,)}, x), {"u": (U,)})["u", U]
    np.testing.assert_allclose(u, np.sin(3 * x[:, 0]), atol=1e-9)


def membrane() -> LeastSquares:
    """−Δu = 2 sin x sin y on the square with the values of sin x sin y."""
    needs = {"u": ((2, 0), (0, 2))}
    exact = lambda x: jnp.sin(x[:, 0]) * jnp.sin(x[:, 1])  # noqa: E731

    def equation(fields, at):
        jets = fields.jets(at, needs)
        return (-jets["u", (2, 0)] - jets["u", (0, 2)] - 2 * exact(at.x))[:, None]

    def values(fields, at):
        return (fields.jets(at, {"u": ((0, 0),)})["u", (0, 0)] - exact(at.x))[:, None]

    line = np.linspace(-1, 1, 15)
    inside = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    rim = inside[np.max(np.abs(inside), 1) == 1]
    blocks = [
        Block("equation", equation, prepare({}, needs, inside), jnp.asarray(1.0)),
        Block("values", values, prepare({}, needs, rim), jnp.asarray(100.0)),
    ]
    fields = network(width=150, depth=1, feature_scale=1.5, dimension=2)
    return LeastSquares(fields, blocks, linear=Fields.linear_leaves)


def test_poisson_on_the_square():
    _, state, losses = minimise(membrane())
    assert int(state.status) == CONVERGED
    assert losses[1] < 1e-9


def test_a_nonlinear_problem_takes_steps_that_never_raise_the_loss():
    problem = rod(nonlinear=4.0, points=60, pool=1, width=40, depth=1, feature_scale=3.0)
    _, state, losses = minimise(problem)
    assert int(state.status) == CONVERGED
    assert len(losses) > 2
    assert np.all(np.diff(losses) <= 0)
    assert losses[-1] < 1e-8 * problem.loss(problem.theta)


def test_only_the_output_layer_moves():
    problem = rod(points=30, pool=1, depth=1)
    theta, _, _ = minimise(problem)
    moved = np.flatnonzero(np.asarray(theta != problem.theta))
    assert set(moved) == set(problem.linear_positions().tolist())


def test_the_first_step_finds_the_bandwidth():
    # Features far too wide for sin(12 x): scaled by eight they fit.
    problem = rod(points=80, pool=1, exact=lambda x: jnp.sin(12 * x), width=40, depth=1, feature_scale=0.5)
    problem = LeastSquares(
        problem.fields, problem.blocks, linear=Fields.linear_leaves, first=Fields.first_leaves
    )
    _, _, wide = minimise(problem)
    theta, _, losses = minimise(problem, HeadLeastSquares(bandwidths=(1.0, 8.0)))
    assert losses[-1] < 1e-6 * wide[-1]
    found, start = problem.with_theta(theta), problem.fields
    np.testing.assert_allclose(found.first_leaves()[0], 8 * start.first_leaves()[0], rtol=1e-15)


def test_refuses_fields_without_linear_leaves():
    problem = rod(points=10, pool=1)
    unnamed = LeastSquares(problem.fields, problem.blocks)
    with pytest.raises(ValueError, match=r"head: .* drop that stage"):
        HeadLeastSquares().init(unnamed, unnamed.theta)
