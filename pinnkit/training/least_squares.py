"""One nonlinear least-squares problem: fields, residual blocks, and the scalar and vector views of both.

Loss = Σ_b w_b · mean(r_b²). The factor √(w_b/n_b) is folded into the rows, so that the loss is the sum of
squared rows and every optimiser, weighting and sampling rule serves every solver.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

PyTree = Any
JACOBIAN_CHUNK = 512


class Block(eqx.Module):
    """Residuals of one kind at one set of points.

    ``residual(fields, points)`` returns (n, m); every leaf of ``points`` has n first. ``pool`` holds the
    candidates from which ``points`` can be redrawn (None: fixed, as for quadrature and data).
    """

    name: str = eqx.field(static=True)
    residual: Callable[[PyTree, PyTree], Array] = eqx.field(static=True)
    points: PyTree
    weight: Array
    pool: PyTree | None = None

    @property
    def count(self) -> int:
        """Number of points n."""
        return jax.tree.leaves(self.points)[0].shape[0]


class LeastSquares(eqx.Module):
    """Fields and blocks, seen by optimisers through a flat vector θ of the trainable numbers."""

    blocks: tuple[Block, ...]
    fields: PyTree
    linear: Callable[[PyTree], list[Array]] = eqx.field(static=True)
    first: Callable[[PyTree], list[Array]] = eqx.field(static=True)
    _unravel: Callable[[Array], PyTree] = eqx.field(static=True)

    def __init__(
        self,
        fields: PyTree,
        blocks: Sequence[Block],
        linear: Callable[[PyTree], list[Array]] = lambda fields: [],
        first: Callable[[PyTree], list[Array]] = lambda fields: [],
    ):
        """``linear`` lists the leaves in which the unknowns are linear, ``first`` those of first layers."""
        _, unravel = ravel_pytree(eqx.filter(fields, eqx.is_inexact_array))
        self.blocks, self.fields = tuple(blocks), fields
        self.linear, self.first, self._unravel = linear, first, unravel

    @property
    def theta(self) -> Array:
        """The trainable numbers of ``fields``, shape (P,)."""
        return ravel_pytree(eqx.filter(self.fields, eqx.is_inexact_array))[0]

    def with_theta(self, theta: Array) -> PyTree:
        """Fields with the trainable numbers replaced."""
        return eqx.combine(self._unravel(theta), eqx.filter(self.fields, eqx.is_inexact_array, inverse=True))

    def with_points(self, points: tuple[PyTree, ...]) -> LeastSquares:
        """The same problem at other points, one entry per block."""
        blocks = tuple(
            eqx.tree_at(lambda b: b.points, block, new)
            for block, new in zip(self.blocks, points, strict=True)
        )
        return eqx.tree_at(lambda p: p.blocks, self, blocks)

    def residual(self, theta: Array) -> Array:
        """All weighted rows, shape (N,); the loss is the sum of their squares."""
        fields = self.with_theta(theta)
        return jnp.concatenate(
            [self._rows(block, fields, block.points, block.count).ravel() for block in self.blocks]
        )

    def loss(self, theta: Array) -> Array:
        """Σ_b w_b · mean(r_b²)."""
        rows = self.residual(theta)
        return rows @ rows

    def block_losses(self, theta: Array) -> Array:
        """Mean squared residual of each block, unweighted, shape (blocks,)."""
        fields = self.with_theta(theta)
        return jnp.stack([jnp.mean(jnp.sum(b.residual(fields, b.points) ** 2, 1)) for b in self.blocks])

    def jacobian(self, theta: Array) -> Array:
        """∂ rows / ∂θ, shape (N, P)."""
        return jnp.concatenate(
            [self._per_point(block, theta, block.points)[1].reshape(-1, theta.size) for block in self.blocks]
        )

    def linear_positions(self) -> np.ndarray:
        """Where in θ the leaves named by ``linear`` stand, in their order, shape (Q,)."""
        return self._positions(self.linear)

    def scaled(self, theta: Array, factor: Array) -> Array:
        """θ with the leaves named by ``first`` multiplied by a factor."""
        return theta.at[self._positions(self.first)].multiply(factor)

    def linear_jacobian(self, theta: Array) -> Array:
        """∂ rows / ∂(linear leaves), shape (N, Q); hidden layers are passed through, not differentiated."""
        fields = self.with_theta(theta)
        start, unravel = ravel_pytree(self.linear(fields))

        def slopes(block: Block, point: PyTree) -> Array:
            alone = jax.tree.map(lambda leaf: leaf[None], point)

            def rows(values: Array) -> Array:
                return self._rows(
                    block, eqx.tree_at(self.linear, fields, unravel(values)), alone, block.count
                )[0]

            return jax.jacrev(rows)(start)

        return jnp.concatenate(
            [
                jax.vmap(lambda point, block=block: slopes(block, point))(block.points).reshape(
                    -1, start.size
                )
                for block in self.blocks
            ]
        )

    def normal_equations(self, theta: Array) -> tuple[Array, Array, Array]:
        """JᵀJ (P, P), Jᵀr (P,) and the loss, accumulated in chunks of points."""
        size = theta.size
        total = tuple(jnp.zeros(shape, theta.dtype) for shape in ((size, size), size, ()))
        for block in self.blocks:
            chunk = min(JACOBIAN_CHUNK, block.count)
            chunks = -(-block.count // chunk)
            position = jnp.arange(chunks * chunk)
            # the last chunk is filled up with repeated points that count nothing
            keep = (position < block.count).reshape(chunks, chunk)
            position = jnp.minimum(position, block.count - 1).reshape(chunks, chunk)

            def add(carry, chosen, block=block):
                positions, kept = chosen
                points = jax.tree.map(lambda leaf: leaf[positions], block.points)
                rows, slopes = self._per_point(block, theta, points)
                rows, slopes = rows * kept[:, None], slopes * kept[:, None, None]
                rows, slopes = rows.ravel(), slopes.reshape(-1, size)
                gram, slope, loss = carry
                return (gram + slopes.T @ slopes, slope + slopes.T @ rows, loss + rows @ rows), None

            total, _ = jax.lax.scan(add, total, (position, keep))
        return total

    def _positions(self, leaves_of: Callable[[PyTree], list[Any]]) -> np.ndarray:
        leaves, structure = jax.tree.flatten(eqx.filter(self.fields, eqx.is_inexact_array))
        ends = np.cumsum([leaf.size for leaf in leaves])
        places = [np.arange(end - leaf.size, end) for leaf, end in zip(leaves, ends, strict=True)]
        return np.concatenate([np.zeros(0, int), *leaves_of(jax.tree.unflatten(structure, places))])

    def _rows(self, block: Block, fields: PyTree, points: PyTree, count: int) -> Array:
        return jnp.sqrt(block.weight / count) * block.residual(fields, points)

    def _per_point(self, block: Block, theta: Array, points: PyTree) -> tuple[Array, Array]:
        """Rows (n, m) and their Jacobian (n, m, P), one point at a time."""

        def rows(theta: Array, point: PyTree) -> Array:
            alone = jax.tree.map(lambda leaf: leaf[None], point)
            return self._rows(block, self.with_theta(theta), alone, block.count)[0]

        def both(point: PyTree) -> tuple[Array, Array]:
            value, pullback = jax.vjp(lambda t: rows(t, point), theta)
            slopes = jax.vmap(lambda unit: pullback(unit)[0])(jnp.eye(value.size))
            return value, slopes

        return jax.vmap(both)(points)
