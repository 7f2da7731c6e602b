"""Redrawing points: without repetition, and as dense as the residual is large."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from pinnkit.training import Block, LeastSquares
from pinnkit.training.resampling import at_positions, draw_by_residual

POOL, COUNT = 400, 40


class Constant(eqx.Module):
    """Fields with one trainable number, which residuals here do not read."""

    value: jax.Array


def problem(count=COUNT, size=lambda x: x):
    """Residuals equal to ``size`` of the candidates, and a block whose points are fixed."""
    pool = jnp.linspace(0, 1, POOL)[:, None]
    blocks = (
        Block("drawn", lambda fields, x: size(x), pool[:count], jnp.asarray(1.0), pool),
        Block("fixed", lambda fields, x: x, pool[:7], jnp.asarray(1.0)),
    )
    return LeastSquares(Constant(jnp.zeros(1)), blocks)


def draw(objective, seed=0, **density):
    return draw_by_residual(objective, objective.theta, jax.random.key(seed), **density)


def test_draws_are_distinct_and_deterministic():
    objective = problem()
    chosen, _ = draw(objective)
    assert chosen.shape == (COUNT,)
    assert len(np.unique(chosen)) == COUNT
    assert chosen.min() >= 0
    assert chosen.max() < POOL
    np.testing.assert_array_equal(chosen, draw(objective)[0])
    assert np.any(chosen != draw(objective, seed=1)[0])


def test_all_of_the_pool_can_be_drawn():
    chosen, _ = draw(problem(count=POOL))
    np.testing.assert_array_equal(np.sort(chosen), np.arange(POOL))


def share_above_half(size, **density):
    """How many draws fall into the upper half of the pool, over many seeds."""
    objective = problem(count=4, size=size)
    return np.mean(
        [np.mean(np.asarray(draw(objective, seed, **density)[0]) >= POOL / 2) for seed in range(300)]
    )


def test_the_density_is_that_of_the_residual_above_a_floor():
    # ∫ (x/mean + c)/(1 + c) over the upper half: 3/4 for c = 0, 5/8 for c = 1; 7/8 for x² and c = 0.
    assert abs(share_above_half(lambda x: x, floor=0.0) - 0.75) < 0.04
    assert abs(share_above_half(lambda x: x) - 0.625) < 0.04
    assert abs(share_above_half(lambda x: x, power=2.0, floor=0.0) - 0.875) < 0.04
    assert abs(share_above_half(lambda x: 0 * x) - 0.5) < 0.04


def test_systems_count_the_norm_of_their_residual():
    assert abs(share_above_half(lambda x: jnp.concatenate([0 * x, -x], 1), floor=0.0) - 0.75) < 0.04


def test_points_are_taken_from_the_pool_and_fixed_ones_stay():
    objective = problem()
    chosen = draw(objective)
    assert chosen[1] is None
    moved = at_positions(objective, chosen)
    np.testing.assert_array_equal(moved.blocks[0].points, objective.blocks[0].pool[chosen[0]])
    np.testing.assert_array_equal(moved.blocks[1].points, objective.blocks[1].points)
    np.testing.assert_array_equal(
        at_positions(objective, (None, None)).blocks[0].points, objective.blocks[0].points
    )
