"""Weighting rules: weak terms are raised, weights reach the rows, and a resumed run has the same ones."""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.declare.errors import DeclarationError
from pinnkit.training import WEIGHTINGS, Block, LeastSquares, Stage, read_weighting, train
from pinnkit.training.first_order import Adam
from pinnkit.training.gauss_newton import LevenbergMarquardt
from pinnkit.training.quasi_newton import SSBroyden
from pinnkit.training.resampling import first_samples
from pinnkit.training.weighting import apply_rules, start_rules, update_rules

from .problems import rod
from .test_loop import SETTINGS, Stop, TrainingInterrupted, assert_same


class Numbers(eqx.Module):
    """Fields that are two trainable numbers."""

    values: jax.Array


def pull(weak=1e-3) -> LeastSquares:
    """Two systems of one component each; the second one's residual, gradient and kernel are weaker."""
    at = jnp.linspace(0.5, 1.5, 8)[:, None]
    blocks = (
        Block("strong", lambda f, x: x * (f.values[0] - 1), at, jnp.asarray(1.0)),
        Block("weak", lambda f, x: weak * x * (f.values[1] - 1), at, jnp.asarray(1.0), condition=True),
    )
    return LeastSquares(Numbers(jnp.zeros(2)), blocks)


def weights(problem, rule, states, samples=None):
    samples = samples or first_samples(problem)
    dressed = apply_rules(problem, (rule,), states, samples)
    return [float(jnp.max(block.weight)) for block in dressed.blocks]


@pytest.mark.parametrize(("name", "ratio"), [("gradient_norm", 1e4), ("ntk", 1e4)])
def test_the_term_that_pulls_less_is_raised(name, ratio):
    # The weak term's gradient and kernel are smaller by 10⁴ where its residual is by 10².
    problem, rule = pull(weak=1e-2), read_weighting(name)
    states = start_rules(problem, (rule,), problem.theta, first_samples(problem))
    strong, weak = weights(problem, rule, states)
    assert weak / strong == pytest.approx(ratio)
    assert weak > 1
    balanced = apply_rules(problem, (rule,), states, first_samples(problem))
    sizes = {"gradient_norm": balanced.term_gradients, "ntk": balanced.term_traces}[name](problem.theta)
    assert float(sizes[0][0]) == pytest.approx(float(sizes[1][0]))


def test_what_is_weak_does_not_depend_on_the_declared_weight():
    problem, rule = pull(weak=0.1), read_weighting("gradient_norm")
    other = eqx.tree_at(lambda p: p.blocks[1].weight, problem, jnp.asarray(50.0))
    found = [weights(p, rule, start_rules(p, (rule,), p.theta, first_samples(p))) for p in (problem, other)]
    assert found[0][1] / found[0][0] == pytest.approx(found[1][1] / found[1][0])


def test_each_equation_of_a_system_is_a_term():
    at = jnp.ones((4, 1))
    block = Block(
        "system", lambda f, x: jnp.stack([f.values[0] - x[:, 0], 0.1 * (f.values[1] - x[:, 0])], 1), at,
        jnp.asarray(1.0),
    )  # fmt: skip
    problem = LeastSquares(Numbers(jnp.zeros(2)), (block,))
    rule = read_weighting("gradient_norm")
    states = start_rules(problem, (rule,), problem.theta, first_samples(problem))
    (factors,) = states[0].factors
    assert float(factors[1] / factors[0]) == pytest.approx(100.0)


def test_a_term_that_is_met_is_raised_by_a_bounded_factor():
    problem, rule = pull(weak=0.0), read_weighting("gradient_norm")
    states = start_rules(problem, (rule,), problem.theta, first_samples(problem))
    assert weights(problem, rule, states)[1] == pytest.approx(1e4)


def test_the_term_that_has_fallen_least_is_raised():
    problem = pull(weak=1.0)
    rule = read_weighting({"name": "relobralo", "memory": 0.0})
    samples = first_samples(problem)
    states = start_rules(problem, (rule,), problem.theta, samples)
    states = update_rules(problem, (rule,), jnp.array([0.5, 0.1]), states, (True,), samples)
    ahead, behind = weights(problem, rule, states)
    assert behind > 1 > ahead
    assert ahead + behind == pytest.approx(2.0)


@pytest.mark.parametrize("name", ["residual_attention", "self_adaptive"])
def test_points_with_large_residuals_are_raised(name):
    problem, rule, samples = pull(weak=1.0), read_weighting(name), first_samples(pull())
    states = start_rules(problem, (rule,), problem.theta, samples)
    for _ in range(3):
        states = update_rules(problem, (rule,), problem.theta, states, (True,), samples)
    dressed = apply_rules(problem, (rule,), states, samples)
    found = dressed.blocks[0].point_weights
    assert np.all(np.diff(found) > 0)  # as |r| grows with x
    assert float(jnp.mean(found)) == pytest.approx(1.0)
    strong, other = weights(problem, rule, states)
    assert strong == pytest.approx(other)
    assert strong >= 1


def test_self_adaptive_raises_the_block_that_is_not_met():
    problem, rule, samples = pull(weak=1.0), read_weighting("self_adaptive"), first_samples(pull())
    states = start_rules(problem, (rule,), problem.theta, samples)
    states = update_rules(problem, (rule,), jnp.array([0.9, 0.0]), states, (True,), samples)
    met, unmet = weights(problem, rule, states)
    assert unmet > met > 1


def test_multipliers_meet_a_condition_that_contradicts_the_equation():
    # Minimise (a − 1)² under a = 0: the penalty alone, of weight one, stops half-way.
    at = jnp.zeros((3, 1))
    blocks = (
        Block("equation", lambda f, x: f.values[0] - 1 + x, at, jnp.asarray(1.0)),
        Block("condition", lambda f, x: f.values[0] + x, at, jnp.asarray(1.0), condition=True),
    )
    problem = LeastSquares(Numbers(jnp.ones(1)), blocks)
    settings = {"seed": 0, "chunk": 5, "redraw_every": 0}
    schedule = (Stage(LevenbergMarquardt(patience=10**6, gradient_tolerance=0.0), 200),)
    rule = read_weighting({"name": "augmented_lagrangian", "every": 5, "growth": 1.0})
    alone = train(problem, schedule, **settings)
    with_rule = train(problem, schedule, rules=(rule,), **settings)
    assert float(alone.fields.values[0]) == pytest.approx(0.5)
    assert abs(float(with_rule.fields.values[0])) < 0.01
    assert with_rule.loss == pytest.approx(1.0, rel=0.05)  # the declared loss, of weight one


def test_weights_of_every_kind_reach_rows_gradient_and_normal_equations():
    problem = rod(points=20, pool=1, width=5, depth=1)
    heavy = problem.blocks[0]
    at = jnp.linspace(0.5, 2.0, 20)
    heavy = dataclasses.replace(
        heavy, weight=jnp.asarray([3.0]), point_weights=at, shift=0.1 * jnp.ones((20, 1))
    )
    weighted = eqx.tree_at(lambda p: p.blocks, problem, (heavy, problem.blocks[1]))
    theta = problem.theta
    residual = problem.blocks[0].residual(problem.fields, problem.blocks[0].points)[:, 0]
    expected = 3 * jnp.mean(at * (residual + 0.1) ** 2)
    assert float(weighted.term_losses(theta)[0][0]) == pytest.approx(float(expected))

    @eqx.filter_jit
    def views(problem, theta):
        return (
            problem.residual(theta), problem.jacobian(theta), problem.normal_equations(theta),
            jax.grad(problem.loss)(theta), problem.term_traces(theta), problem.linearised(theta)[1],
        )  # fmt: skip

    rows, jacobian, (gram, slope, loss), gradient, traces, linear = views(weighted, theta)
    np.testing.assert_allclose(gram, jacobian.T @ jacobian, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(slope, jacobian.T @ rows, rtol=1e-9, atol=1e-9)
    assert float(loss) == pytest.approx(float(rows @ rows))
    np.testing.assert_allclose(gradient, 2 * jacobian.T @ rows, rtol=1e-8, atol=1e-9)
    assert float(traces[0][0]) == pytest.approx(float(jnp.sum(jacobian[:20] ** 2)))
    columns = weighted.linear_positions()
    np.testing.assert_allclose(linear, jacobian[:, columns], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("name", "redraw"), [("relobralo", "rar_d"), ("self_adaptive", "importance")])
def test_resumed_with_a_rule_equals_uninterrupted_bit_for_bit(name, redraw):
    problem = rod(points=12, pool=3, width=4, depth=1)
    schedule = (Stage(Adam(), 60),)
    settings = {**SETTINGS, "rules": (read_weighting({"name": name, "every": 10}),), "redraw": redraw}
    keeper, stop = Stop(), Stop(4)
    whole = train(problem, schedule, callbacks=keeper.callbacks, **settings)
    with pytest.raises(TrainingInterrupted):
        train(problem, schedule, callbacks=stop.callbacks, **settings)
    assert_same(problem, train(problem, schedule, resume=stop.saved, **settings), whole)
    told = [progress.adaptivity for progress in keeper.told]
    assert told[0]["redraws"] == 0
    assert told[-1]["redraws"] == 2
    assert told[0]["weight_ends"] == 10.0
    assert told[-1]["weight_ends"] != 10.0
    with pytest.raises(ValueError, match=r"weighting.*resume with the options"):
        train(problem, schedule, resume=stop.saved, **{**settings, "rules": ()})


def test_quasi_newton_keeps_its_curvature_when_weights_change():
    problem = rod(points=12, pool=1, width=4, depth=1)
    rule = read_weighting({"name": "gradient_norm", "every": 10})
    stop = Stop()
    result = train(problem, (Stage(SSBroyden(), 60),), rules=(rule,), callbacks=stop.callbacks, **SETTINGS)
    assert not result.failed
    # Without curvature every chunk would begin with a step along the gradient alone, and stall.
    assert result.loss < 1e-2 * stop.saved[1]["first_loss"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("gradiant_norm", "did you mean 'gradient_norm'"),
        ({"name": "ntk", "memry": 0.5}, "did you mean 'memory'"),
        ({"name": "ntk", "memory": 1.5}, "a number from 0 to 1"),
        ({"name": "self_adaptive", "rate": "fast"}, "rate: 'fast' does not fit"),
        ({"every": 5}, "unknown weighting"),
    ],
)
def test_what_is_no_weighting_is_refused(given, says):
    with pytest.raises(DeclarationError, match=says):
        read_weighting(given)


def test_all_weightings_are_read_by_name():
    assert read_weighting("none") is None
    assert {read_weighting(name).name for name in WEIGHTINGS} == set(WEIGHTINGS)
