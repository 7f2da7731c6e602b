"""Redrawing points: without repetition, and as dense as the residual is large."""

from __future__ import annotations

from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.training import Block, LeastSquares
from pinnkit.training.resampling import REDRAWS, at_samples, first_samples, rad

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


def draw(objective, seed=0, redraw=rad, number=0, present=None, **density):
    present = present or first_samples(objective)
    return redraw(objective, objective.theta, jax.random.key(seed), jnp.asarray(number), present, **density)


def test_draws_are_distinct_and_deterministic():
    objective = problem()
    chosen = draw(objective)[0].positions
    assert chosen.shape == (COUNT,)
    assert len(np.unique(chosen)) == COUNT
    assert chosen.min() >= 0
    assert chosen.max() < POOL
    np.testing.assert_array_equal(chosen, draw(objective)[0].positions)
    assert np.any(chosen != draw(objective, seed=1)[0].positions)


def test_all_of_the_pool_can_be_drawn():
    chosen = draw(problem(count=POOL))[0]
    np.testing.assert_array_equal(np.sort(chosen.positions), np.arange(POOL))


def share_above_half(size, **density):
    """How many draws fall into the upper half of the pool, over many seeds."""
    objective = problem(count=4, size=size)
    draws = [draw(objective, seed, **density)[0].positions for seed in range(300)]
    return np.mean(np.asarray(draws) >= POOL / 2)


def test_the_density_is_that_of_the_residual_above_a_floor():
    # ∫ (x/mean + c)/(1 + c) over the upper half: 3/4 for c = 0, 5/8 for c = 1; 7/8 for x² and c = 0.
    assert abs(share_above_half(lambda x: x, floor=0.0) - 0.75) < 0.04
    assert abs(share_above_half(lambda x: x) - 0.625) < 0.04
    assert abs(share_above_half(lambda x: x, power=2.0, floor=0.0) - 0.875) < 0.04
    assert abs(share_above_half(lambda x: 0 * x) - 0.5) < 0.04


def test_systems_count_the_norm_of_their_residual():
    assert abs(share_above_half(lambda x: jnp.concatenate([0 * x, -x], 1), floor=0.0) - 0.75) < 0.04


@pytest.mark.parametrize("name", REDRAWS)
def test_points_are_taken_from_the_pool_and_fixed_ones_stay(name):
    objective = problem()
    sample, fixed = draw(objective, redraw=REDRAWS[name])
    assert fixed is None
    moved = at_samples(objective, (sample, fixed))
    np.testing.assert_array_equal(moved.blocks[0].points, objective.blocks[0].pool[sample.positions])
    np.testing.assert_array_equal(moved.blocks[1].points, objective.blocks[1].points)
    first = at_samples(objective, first_samples(objective))
    np.testing.assert_array_equal(first.blocks[0].points, objective.blocks[0].points)


def test_rar_d_keeps_half_and_renews_a_tenth_where_the_residual_is_large():
    objective = problem()
    samples, seen = first_samples(objective), []
    for number in range(6):
        samples = draw(objective, seed=number, redraw=REDRAWS["rar_d"], number=number, present=samples)
        seen.append(np.asarray(samples[0].positions))
        assert len(np.unique(seen[-1])) == COUNT
    np.testing.assert_array_equal(seen[-1][:20], np.arange(20))
    assert [int(np.sum(a != b)) for a, b in pairwise(seen)] == [4] * 5
    # Five redraws fill the half that grows; the sixth replaces the oldest. p ∝ x² puts 7/8 above the middle.
    assert np.mean(seen[4][20:] > POOL / 2) > 0.6
    assert np.all(seen[5][24:] == seen[4][24:])


def test_importance_draws_by_residual_and_keeps_every_mean():
    objective = problem()
    pool = np.asarray(objective.blocks[0].pool[:, 0])
    losses, upper = [], []
    for seed in range(300):
        samples = draw(objective, seed, redraw=REDRAWS["importance"])
        moved = at_samples(objective, samples)
        losses.append(float(moved.block_losses(moved.theta)[0]))
        upper.append(np.mean(pool[samples[0].positions] > 0.5))
        assert samples[0].weights.max() <= 2.0
    assert abs(np.mean(upper) - 0.625) < 0.01  # as RAD's
    assert np.mean(losses) == pytest.approx(np.mean(pool**2), rel=2e-3)  # unbiased; RAD's is a third higher
