"""Redrawing collocation points where the residual is large: RAD, RAR-D and importance sampling.

A rule maps (problem, θ, key, number of the draw, present sample) to a new sample of each block's pool. All
three draw by p ∝ |r|^k / mean(|r|^k) + c (Wu, Zhu, Tan, Kartha & Lu, Comput. Methods Appl. Mech. Eng. 403
(2023), eq. 2), at a fixed number of points, so that nothing is compiled anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from .devices import everywhere
from .least_squares import Block, LeastSquares

PyTree = Any
_RENEWED = 10  # RAR-D renews one part in this many of the points at each redraw


class Sample(eqx.Module):
    """Positions (n,) in a block's pool, with the weights that make the sample's means the pool's.

    Without weights a mean over the sample is one over the density that was drawn by.
    """

    positions: Array
    weights: Array | None = None


Samples = tuple[Sample | None, ...]
Redraw = Callable[[LeastSquares, Array, Array, Array, Samples], Samples]


def first_samples(problem: LeastSquares) -> Samples:
    """The points that blocks are given with, which are the first of their pools; None for fixed ones."""
    return tuple(None if block.pool is None else Sample(jnp.arange(block.count)) for block in problem.blocks)


@eqx.filter_jit
def rad(
    problem: LeastSquares,
    theta: Array,
    key: Array,
    number: Array,
    present: Samples,
    power: float = 1.0,
    floor: float = 1.0,
) -> Samples:
    """All points anew, without replacement (RAD); the draw by Gumbel's top-k trick."""

    def draw(block: Block, density: Array, key: Array, present: Sample) -> Sample:
        return Sample(_without_replacement(density, key, block.count))

    return _each(problem, theta, key, present, draw, power, floor)


@eqx.filter_jit
def rar_d(
    problem: LeastSquares,
    theta: Array,
    key: Array,
    number: Array,
    present: Samples,
    power: float = 2.0,
    floor: float = 0.0,
) -> Samples:
    """A tenth of the points anew, drawn by residual from those not in the sample (RAR-D).

    The first half of the points stays for ever, as evenly as it was drawn. The second half is the set that
    RAR-D grows: replaced a tenth of all at a time, and once through, the oldest first.
    """

    def draw(block: Block, density: Array, key: Array, present: Sample) -> Sample:
        share = max(1, block.count // _RENEWED)
        outside = density.at[present.positions].set(0.0)
        new = _without_replacement(outside, key, share)
        base = block.count // 2
        slots = base + (number * share + jnp.arange(share)) % (block.count - base)
        return Sample(present.positions.at[slots].set(new))

    return _each(problem, theta, key, present, draw, power, floor)


@eqx.filter_jit
def importance(
    problem: LeastSquares,
    theta: Array,
    key: Array,
    number: Array,
    present: Samples,
    power: float = 1.0,
    floor: float = 1.0,
) -> Samples:
    """All points anew, with replacement, and weights 1/(N q) by which the loss stays that of the pool.

    Systematic sampling: a point of probability q stands in the sample n q times, rounded up or down. With the
    floor c no weight exceeds (1 + c)/c. Source: Nabian, Gladstone & Meidani, Comput.-Aided Civ. Infrastruct.
    Eng. 36 (2021).
    """

    def draw(block: Block, density: Array, key: Array, present: Sample) -> Sample:
        share = density / jnp.mean(density)
        ends = jnp.cumsum(share) / share.size
        steps = (jnp.arange(block.count) + jax.random.uniform(key, dtype=density.dtype)) / block.count
        positions = jnp.minimum(jnp.searchsorted(ends, steps, side="right"), share.size - 1)
        return Sample(positions, 1 / share[positions])

    return _each(problem, theta, key, present, draw, power, floor)


REDRAWS: Mapping[str, Redraw] = {"rad": rad, "rar_d": rar_d, "importance": importance}


def at_samples(problem: LeastSquares, samples: Samples) -> LeastSquares:
    """The problem with each block's points, and their weights, taken from its pool."""

    def taken(block: Block, sample: Sample | None) -> Block:
        if sample is None:
            return block
        points = jax.tree.map(lambda leaf: leaf[sample.positions], block.pool)
        return eqx.tree_at(
            lambda b: (b.points, b.point_weights), block, (points, sample.weights),
            is_leaf=lambda leaf: leaf is None,
        )  # fmt: skip

    blocks = tuple(taken(block, sample) for block, sample in zip(problem.blocks, samples, strict=True))
    return eqx.tree_at(lambda p: p.blocks, problem, blocks).dealt()


def _each(
    problem: LeastSquares,
    theta: Array,
    key: Array,
    present: Samples,
    draw: Callable[[Block, Array, Array, Sample], Sample],
    power: float,
    floor: float,
) -> Samples:
    """A draw for every block with a pool, each with its density over the pool and its own key."""
    samples = []
    for position, (block, sample) in enumerate(zip(problem.blocks, present, strict=True)):
        if sample is None:
            samples.append(None)
            continue
        size = jnp.linalg.norm(problem.values(block, theta, block.pool), axis=1) ** power
        tiny = jnp.finfo(size.dtype).tiny
        density = jnp.maximum(size / jnp.maximum(jnp.mean(size), tiny) + floor, tiny)
        samples.append(draw(block, density, jax.random.fold_in(key, position), sample))
    return everywhere(problem.mesh, tuple(samples))


def _without_replacement(density: Array, key: Array, count: int) -> Array:
    noise = jax.random.gumbel(key, density.shape, density.dtype)
    return jax.lax.top_k(jnp.log(density) + noise, count)[1]
