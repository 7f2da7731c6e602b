"""Redrawing collocation points where the residual is large."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from .least_squares import LeastSquares


@eqx.filter_jit
def draw_by_residual(
    problem: LeastSquares, theta: Array, key: Array, power: float = 1.0, floor: float = 1.0
) -> tuple[Array | None, ...]:
    """Positions in each block's pool, drawn without replacement with p ∝ |r|^k / mean(|r|^k) + c.

    A block without a pool gives None. Source: Wu, Zhu, Tan, Kartha & Lu, Comput. Methods Appl. Mech.
    Eng. 403 (2023), eq. 2 (RAD); the draw by Gumbel's top-k trick.
    """
    fields = problem.with_theta(theta)
    chosen = []
    for position, block in enumerate(problem.blocks):
        if block.pool is None:
            chosen.append(None)
            continue
        size = jnp.linalg.norm(block.residual(fields, block.pool), axis=1) ** power
        density = size / jnp.maximum(jnp.mean(size), jnp.finfo(size.dtype).tiny) + floor
        noise = jax.random.gumbel(jax.random.fold_in(key, position), density.shape, density.dtype)
        chosen.append(jax.lax.top_k(jnp.log(density) + noise, block.count)[1])
    return tuple(chosen)


def at_positions(problem: LeastSquares, chosen: tuple[Array | None, ...]) -> LeastSquares:
    """The problem with each block's points taken from its pool at the given positions."""
    return problem.with_points(
        tuple(
            block.points if where is None else jax.tree.map(lambda leaf, where=where: leaf[where], block.pool)
            for block, where in zip(problem.blocks, chosen, strict=True)
        )
    )
