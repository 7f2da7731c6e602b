"""Least squares for the output layer: exact for linear problems, descent for others."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.declare import DeclarationError
from pinnkit.fields.collocation import prepare
from pinnkit.fields.model import Fields
from pinnkit.training import Block, LeastSquares, random_features
from pinnkit.training.optimiser import CONVERGED, STAGNATED, run_chunk
from pinnkit.training.random_features import HeadLeastSquares, _solution

from .problems import U, network, rod

ONE_BANDWIDTH = HeadLeastSquares(octaves=0.0)


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
    # the solution is odd, as these features are: the bias stays at zero
    assert set(moved) | {6} == set(problem.linear_positions().tolist())


def test_the_first_step_finds_the_bandwidth():
    # Features far too wide for sin(12 x): scaled by eight they fit.
    problem = rod(points=80, pool=1, exact=lambda x: jnp.sin(12 * x), width=40, depth=1, feature_scale=0.5)
    problem = LeastSquares(
        problem.fields, problem.blocks, linear=Fields.linear_leaves, first=Fields.first_leaves
    )
    _, _, wide = minimise(problem)
    theta, _, losses = minimise(problem, HeadLeastSquares(octaves=3.0))
    assert losses[-1] < 1e-6 * wide[-1]
    found, start = problem.with_theta(theta), problem.fields
    factor = float(found.first_leaves()[0][0, 0] / start.first_leaves()[0][0, 0])
    assert 4 <= factor < 8.001
    np.testing.assert_allclose(2 * np.log2(factor), round(2 * np.log2(factor)), atol=1e-12)


def test_refuses_fields_without_linear_leaves():
    problem = rod(points=10, pool=1)
    unnamed = LeastSquares(problem.fields, problem.blocks)
    with pytest.raises(ValueError, match=r"head: .* drop that stage"):
        HeadLeastSquares().init(unnamed, unnamed.theta)


@pytest.mark.parametrize("count", [5, 30, 56, 99])  # rows: fewer than weights; one, two and three parts
@pytest.mark.parametrize("damping", [1e-2, 1e-14])
def test_the_step_solves_the_damped_problem(damping, count):
    if count < 7 and damping < 1e-2:
        pytest.skip("what rounding decides")
    rows = jax.random.normal(jax.random.key(0), (count,))
    slopes = jax.random.normal(jax.random.key(1), (count, 7))
    slopes = slopes * jnp.logspace(0, 4, 7)
    lengths = np.linalg.norm(slopes, axis=0)
    ridge = damping * np.sqrt(7) * np.diag(lengths)
    stacked = np.vstack([slopes, ridge])
    expected = np.linalg.lstsq(stacked, np.concatenate([-rows, np.zeros(7)]))[0]
    np.testing.assert_allclose(_solution(rows, slopes, damping), expected, rtol=1e-10)


def test_of_many_rows_the_jacobian_is_copied_once_at_most():
    many, few = jax.ShapeDtypeStruct((40_000, 50), float), jax.ShapeDtypeStruct((40_000,), float)
    used = jax.jit(_solution).lower(few, many, 1e-14).compile().memory_analysis()
    assert used.temp_size_in_bytes < 1.1 * many.size * 8


def test_fewer_residuals_than_weights_are_told():
    problem = rod(points=20, pool=1, width=60, depth=1)
    assert "residuals do not determine 61 weights" in HeadLeastSquares().init(problem, problem.theta).faults()
    problem = rod(points=80, pool=1, width=60, depth=1)
    assert not HeadLeastSquares().init(problem, problem.theta).faults()


def test_features_that_are_equal_or_zero_do_no_harm():
    slopes = jax.random.normal(jax.random.key(1), (30, 5))
    slopes = jnp.column_stack([slopes, slopes, jnp.zeros(30)])
    change = _solution(slopes @ jnp.arange(11.0), slopes, 1e-14)
    np.testing.assert_allclose(slopes @ change, -slopes @ jnp.arange(11.0), atol=1e-10)
    assert np.max(np.abs(change)) < 20


def test_a_start_far_better_than_none_is_gone_on_from():
    problem = rod(nonlinear=4.0, points=60, pool=1, width=40, depth=1, feature_scale=3.0)
    problem = LeastSquares(
        problem.fields, problem.blocks, linear=Fields.linear_leaves, first=Fields.first_leaves
    )
    theta, _, _ = minimise(problem, HeadLeastSquares())
    near = theta.at[problem.linear_positions()].multiply(1 + 1e-6)
    method = HeadLeastSquares()
    again = method.init(problem, near)
    assert (float(again.kept), bool(again.searching)) == (1.0, False)
    fresh = method.init(problem, problem.theta)
    assert (float(fresh.kept), bool(fresh.searching)) == (0.0, True)
    _, fresh = method.step(problem, problem.theta, fresh)
    # nonlinear: no other bandwidth is tried
    assert (float(fresh.kept), bool(fresh.searching)) == (1.0, False)


class Deceptive(eqx.Module):
    """Slopes of the wrong sign: no length of the step lowers the loss."""

    fields: jax.Array
    linear = staticmethod(lambda fields: [fields])

    def residual(self, theta):
        return theta + 1

    def loss(self, theta):
        return jnp.sum(self.residual(theta) ** 2)

    def linearised(self, theta):
        return self.residual(theta), -jnp.eye(theta.size)

    def linear_positions(self):
        return np.arange(self.fields.size)

    def scaled(self, theta, factor):
        return theta


def test_an_exhausted_search_raises_the_damping_and_is_told():
    objective = Deceptive(jnp.zeros(3))
    state = ONE_BANDWIDTH.init(objective, jnp.zeros(3))
    theta, state, losses = run_chunk(ONE_BANDWIDTH, objective, jnp.zeros(3), state, 20)
    np.testing.assert_array_equal(theta, 0.0)
    assert int(state.status) == STAGNATED
    assert len(losses) == 4
    assert "4 steps lowered the loss at no length" in state.faults()


def test_a_jacobian_without_room_is_refused(monkeypatch):
    problem = rod(points=80, pool=1, width=60, depth=1)
    monkeypatch.setattr(random_features, "free_bytes", lambda: 10_000)
    with pytest.raises(DeclarationError, match=r"head needs 2\d\d kB for 61 weights") as complaint:
        HeadLeastSquares().init(problem, problem.theta)
    assert "at most 10 kB" in str(complaint.value)
    assert "lbfgs" in str(complaint.value)
