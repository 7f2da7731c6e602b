"""The least-squares problem: its scalar, vector and matrix views agree."""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.training import LeastSquares, least_squares

from .problems import rod


@pytest.fixture
def problem():
    return rod(nonlinear=0.5, points=20, pool=1, width=5, depth=1)


@pytest.fixture
def theta(problem):
    return problem.theta + 0.1 * jnp.cos(jnp.arange(problem.theta.size))


residual = eqx.filter_jit(LeastSquares.residual)
full_jacobian = eqx.filter_jit(lambda problem, theta: jax.jacfwd(problem.residual)(theta))


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12 * np.abs(expected).max())


def test_the_loss_is_the_sum_of_squared_rows_and_of_weighted_block_means(problem, theta):
    rows = residual(problem, theta)
    assert rows.shape == (22,)
    assert problem.loss(theta) == pytest.approx(float(np.sum(np.square(rows))), rel=1e-14)
    assert problem.loss(theta) == pytest.approx(
        float(problem.block_losses(theta) @ jnp.array([1.0, 10.0])), rel=1e-13
    )
    fields = problem.with_theta(theta)
    for block, mean in zip(problem.blocks, problem.block_losses(theta), strict=True):
        assert mean == pytest.approx(float(np.mean(block.residual(fields, block.points) ** 2)), rel=1e-14)


def test_weights_scale_the_loss_of_their_block(problem, theta):
    heavier = eqx.tree_at(lambda p: p.blocks[1].weight, problem, jnp.asarray(40.0))
    expected = problem.loss(theta) + 30 * problem.block_losses(theta)[1]
    assert heavier.loss(theta) == pytest.approx(float(expected), rel=1e-13)


def test_theta_goes_there_and_back(problem, theta):
    again = LeastSquares(problem.with_theta(theta), problem.blocks)
    np.testing.assert_array_equal(again.theta, theta)


def test_jacobian(problem, theta):
    close(eqx.filter_jit(LeastSquares.jacobian)(problem, theta), full_jacobian(problem, theta))


# Of 20 points: one chunk, chunks without and with a remainder.
@pytest.mark.parametrize("chunk", [512, 10, 7])
def test_normal_equations(problem, theta, chunk, monkeypatch):
    monkeypatch.setattr(least_squares, "JACOBIAN_CHUNK", chunk)
    jacobian, rows = full_jacobian(problem, theta), residual(problem, theta)
    gram, slope, loss = eqx.filter_jit(LeastSquares.normal_equations)(problem, theta)
    close(gram, jacobian.T @ jacobian)
    close(slope, jacobian.T @ rows)
    close(loss, rows @ rows)


@pytest.mark.parametrize("chunk", [20, 10, 7, 1])
def test_a_loss_in_chunks_has_the_same_value_and_gradient(problem, theta, chunk):
    weighted = eqx.tree_at(
        lambda p: (p.blocks[0].point_weights, p.blocks[0].shift), problem,
        (jnp.linspace(0.5, 2, 20), jnp.cos(jnp.arange(20.0))[:, None]), is_leaf=lambda leaf: leaf is None,
    )  # fmt: skip
    first = dataclasses.replace(weighted.blocks[0], chunk=lambda fields: chunk)
    parts = LeastSquares(weighted.fields, (first, weighted.blocks[1]))
    both = eqx.filter_jit(lambda problem, theta: jax.value_and_grad(lambda t: 3 * problem.loss(t))(theta))
    for found, expected in zip(both(parts, theta), both(weighted, theta), strict=True):
        close(found, expected)
    close(eqx.filter_jit(LeastSquares.loss)(parts, theta), weighted.loss(theta))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("chunk", [None, 5])
def test_the_linearised_rows_have_the_columns_of_the_output_layer(problem, theta, order, chunk):
    problem = LeastSquares(
        problem.fields, problem.blocks, linear=lambda fields: fields.linear_leaves()[::order]
    )
    where = problem.linear_positions()
    assert where.shape == (6,)
    given = None if chunk is None else lambda fields: chunk
    blocks = [dataclasses.replace(block, chunk=given) for block in problem.blocks]
    parts = LeastSquares(problem.fields, blocks, linear=problem.linear)
    rows, slopes = eqx.filter_jit(LeastSquares.linearised)(parts, theta)
    close(rows, problem.residual(theta))
    close(slopes, full_jacobian(problem, theta)[:, where])


def test_scaling_changes_the_first_layer_only():
    problem = rod(pool=1)
    theta = problem.theta
    named = LeastSquares(problem.fields, problem.blocks, first=lambda fields: fields.first_leaves())
    before, after = problem.with_theta(theta), named.with_theta(named.scaled(theta, 3.0))
    np.testing.assert_array_equal(after.networks[0].hidden[0].weight, 3 * before.networks[0].hidden[0].weight)
    np.testing.assert_array_equal(after.networks[0].hidden[1].weight, before.networks[0].hidden[1].weight)
    np.testing.assert_array_equal(after.linear_leaves()[0], before.linear_leaves()[0])
    np.testing.assert_array_equal(problem.scaled(theta, 3.0), theta)  # no leaves are named as first
