"""Causal weights: late times wait for early ones."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.training import Block, LeastSquares, Stage, train
from pinnkit.training.causality import CausalWeights
from pinnkit.training.first_order import Adam
from pinnkit.training.resampling import first_samples
from pinnkit.training.weighting import apply_rules, start_rules, update_rules


class Numbers(eqx.Module):
    """Fields that are one number for each quarter of time."""

    values: jax.Array


def times(points):
    return points[:, -1]


def quarters() -> LeastSquares:
    """Residual 1 − a_k in quarter k of [2, 6]."""
    at = jnp.linspace(2.0, 6.0, 41)[:-1, None]

    def residual(fields, x):
        return 1 - fields.values[(x[:, 0] - 2).astype(int)][:, None]

    blocks = (
        Block("equations", residual, at, jnp.asarray(1.0)),
        Block("other", lambda f, x: 0 * x + f.values[0], at[:3], jnp.asarray(1.0)),
    )
    return LeastSquares(Numbers(jnp.zeros(4)), blocks)


def rule(**options):
    return CausalWeights(block="equations", times=times, start_time=2.0, end_time=6.0, chunks=4, **options)


def test_weights_are_those_of_the_formula_and_touch_their_block_only():
    problem, causal = quarters(), rule(steepness=(0.5,))
    samples = first_samples(problem)
    states = start_rules(problem, (causal,), problem.theta, samples)
    np.testing.assert_allclose(states[0].weights, np.exp(-0.5 * np.arange(4)))
    dressed = apply_rules(problem, (causal,), states, samples)
    np.testing.assert_allclose(dressed.blocks[0].point_weights, np.repeat(np.exp(-0.5 * np.arange(4)), 10))
    assert dressed.blocks[1].point_weights is None
    # No derivative of the weights: the late quarters pull with their weight only.
    gradient = jax.grad(dressed.loss)(problem.theta)
    np.testing.assert_allclose(gradient[1:], -2 * np.exp(-0.5 * np.arange(1, 4)) / 4)


def test_parts_of_a_block_are_one_and_points_without_a_time_count_nothing():
    whole, causal = quarters(), rule(steepness=(0.5,))
    block, other = whole.blocks
    theta = jnp.array([0.5, 0.1, 0.2, 0.3])
    (alone,) = start_rules(whole, (causal,), theta, first_samples(whole))

    parts = [block.points[:13], jnp.concatenate([block.points[13:], jnp.array([[jnp.inf], [jnp.inf]])])]
    names = ("equations", "equations on others")
    first, second = (
        Block(name, block.residual, at, block.weight, part_of="equations")
        for name, at in zip(names, parts, strict=True)
    )
    cut = LeastSquares(whole.fields, (first, second, other))
    samples = first_samples(cut)
    (state,) = start_rules(cut, (causal,), theta, samples)
    np.testing.assert_allclose(state.weights, alone.weights)
    dressed = apply_rules(cut, (causal,), (state,), samples)
    found = np.concatenate([dressed.blocks[k].point_weights for k in (0, 1)])[:40]
    np.testing.assert_allclose(found, np.repeat(np.asarray(alone.weights), 10))
    assert dressed.blocks[2].point_weights is None


def test_late_times_count_once_early_ones_are_met_and_the_steepness_rises():
    problem, causal = quarters(), rule(steepness=(1.0, 10.0))
    samples = first_samples(problem)
    states = start_rules(problem, (causal,), problem.theta, samples)
    early = update_rules(problem, (causal,), jnp.array([1.0, 0, 0, 0]), states, (True,), samples)
    np.testing.assert_allclose(early[0].weights, np.exp([0.0, 0, -1, -2]))
    assert int(early[0].step) == 0
    assert "did not run through" in causal.remarks(early[0])[0]
    done = update_rules(problem, (causal,), jnp.array([1.0, 1, 1, 0]), early, (True,), samples)
    np.testing.assert_allclose(done[0].weights, 1.0)
    assert int(done[0].step) == 1
    assert causal.remarks(done[0]) == ()


def test_weights_do_not_depend_on_the_units_of_the_equation():
    problem = quarters()
    scaled = LeastSquares(
        problem.fields,
        [Block(b.name, lambda f, x, r=b.residual: 1e3 * r(f, x), b.points, b.weight) for b in problem.blocks],
    )
    found = [start_rules(p, (rule(),), p.theta, first_samples(p))[0].weights for p in (problem, scaled)]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


def test_progress_is_in_the_history_and_an_unfinished_march_in_the_notes():
    told = []
    from pinnkit.training import Callbacks

    result = train(
        quarters(), (Stage(Adam(), 20),), seed=0, chunk=10, rules=(rule(steepness=(100.0,)),),
        callbacks=Callbacks(progress=told.append),
    )  # fmt: skip
    assert told[0].adaptivity["causal_last weight"] == pytest.approx(np.exp(-300.0))
    assert told[0].adaptivity["causal_steepness"] == 100.0
    assert any("did not run through" in note for note in result.notes)
