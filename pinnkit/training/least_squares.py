"""One nonlinear least-squares problem: fields, residual blocks, and the scalar and vector views of both.

Loss = Σ_b w_b · mean(p_b (r_b + s_b)²). The factor √(w_b p_b/n_b) is folded into the rows, so that the loss
is the sum of squared rows and every optimiser, weighting and sampling rule serves every solver.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh

from .devices import dealt, each, everywhere, summed

PyTree = Any
JACOBIAN_CHUNK = 512


class Block(eqx.Module):
    """Residuals of one kind at one set of points.

    ``residual(fields, points)`` returns (n, m); every leaf of ``points`` has n first. ``pool`` holds the
    candidates from which ``points`` can be redrawn (None: fixed, as for quadrature and data). ``weight`` is
    one number or one for each of the m components; ``point_weights`` (n,) and ``shift`` (n, m) are one and
    zero where they are None. ``condition`` tells a condition from an equation. ``chunk(fields)`` is the
    number of points that a pass for the gradient of the loss takes at a time; None, all. ``part_of`` names
    what the block is a part of, where residuals of one kind need several; None, it is whole.
    """

    name: str = eqx.field(static=True)
    residual: Callable[[PyTree, PyTree], Array] = eqx.field(static=True)
    points: PyTree
    weight: Array
    pool: PyTree | None = None
    point_weights: Array | None = None
    shift: Array | None = None
    condition: bool = eqx.field(static=True, default=False)
    chunk: Callable[[PyTree], int] | None = eqx.field(static=True, default=None)
    part_of: str | None = eqx.field(static=True, default=None)

    @property
    def count(self) -> int:
        """Number of points n."""
        return jax.tree.leaves(self.points)[0].shape[0]

    @property
    def candidates(self) -> PyTree:
        """All points the block may have: its pool, or its points where they are fixed."""
        return self.points if self.pool is None else self.pool

    @property
    def places(self) -> PyTree:
        """The points with all that belongs to each of them; every leaf has n first."""
        return self.points, self.point_weights, self.shift


class LeastSquares(eqx.Module):
    """Fields and blocks, seen by optimisers through a flat vector θ of the trainable numbers.

    ``mesh`` holds the devices that points are dealt out over (``devices``); None, one.
    """

    blocks: tuple[Block, ...]
    fields: PyTree
    linear: Callable[[PyTree], list[Array]] = eqx.field(static=True)
    first: Callable[[PyTree], list[Array]] = eqx.field(static=True)
    mesh: Mesh | None = eqx.field(static=True)
    _unravel: Callable[[Array], PyTree] = eqx.field(static=True)

    def __init__(
        self,
        fields: PyTree,
        blocks: Sequence[Block],
        linear: Callable[[PyTree], list[Array]] = lambda fields: [],
        first: Callable[[PyTree], list[Array]] = lambda fields: [],
        mesh: Mesh | None = None,
    ):
        """``linear`` lists the leaves in which the unknowns are linear, ``first`` those of first layers."""
        _, unravel = ravel_pytree(eqx.filter(fields, eqx.is_inexact_array))
        self.blocks, self.fields = tuple(blocks), fields
        self.linear, self.first, self.mesh, self._unravel = linear, first, mesh, unravel

    def over(self, mesh: Mesh | None) -> LeastSquares:
        """The same problem on several devices: points dealt out, fields and pools' samples on every one."""
        if mesh is None:
            return self
        arrays, rest = eqx.partition(self.fields, eqx.is_array)
        fields = eqx.combine(everywhere(mesh, arrays), rest)
        return LeastSquares(fields, self.blocks, self.linear, self.first, mesh).dealt()

    def dealt(self) -> LeastSquares:
        """With every block's points where they belong, after they were replaced."""
        if self.mesh is None:
            return self

        def own(block: Block) -> Block:
            placed = dealt(self.mesh, (block.points, block.pool, block.point_weights, block.shift))
            parts = (*placed, everywhere(self.mesh, block.weight))
            return eqx.tree_at(
                lambda b: (b.points, b.pool, b.point_weights, b.shift, b.weight), block, parts,
                is_leaf=lambda leaf: leaf is None,
            )  # fmt: skip

        return eqx.tree_at(lambda p: p.blocks, self, tuple(own(block) for block in self.blocks))

    @property
    def theta(self) -> Array:
        """The trainable numbers of ``fields``, shape (P,)."""
        return ravel_pytree(eqx.filter(self.fields, eqx.is_inexact_array))[0]

    def with_theta(self, theta: Array) -> PyTree:
        """Fields with the trainable numbers replaced."""
        return eqx.combine(self._unravel(theta), eqx.filter(self.fields, eqx.is_inexact_array, inverse=True))

    def residual(self, theta: Array) -> Array:
        """All weighted rows, shape (N,); the loss is the sum of their squares."""
        return jnp.concatenate([self._all_rows(block, theta).ravel() for block in self.blocks])

    def values(self, block: Block, theta: Array, points: PyTree) -> Array:
        """The residuals (n, m) of a block at points of its kind, without any weights."""

        def values(theta: Array, points: PyTree) -> Array:
            return block.residual(self.with_theta(theta), points)

        return each(self.mesh, values, theta, points, jax.tree.leaves(points)[0].shape[0])

    def loss(self, theta: Array) -> Array:
        """Σ_b w_b · mean(r_b²).

        Where blocks say so in chunks of points, whose gradients are summed up on the way: what a pass holds
        then stays in the processor's cache, and memory does not grow with the points. (Only gradients are
        to be had of such a sum; derivatives of them, and forward ones, of ``residual``.)
        """
        return jnp.sum(jnp.stack([self._block_loss(block, theta) for block in self.blocks]))

    def block_losses(self, theta: Array) -> Array:
        """Mean squared residual of each block, weighted by point only, shape (blocks,)."""
        squares = [jnp.sum(self.values(b, theta, b.points) ** 2, 1) for b in self.blocks]
        return jnp.stack(
            [
                jnp.mean(square if b.point_weights is None else b.point_weights * square)
                for b, square in zip(self.blocks, squares, strict=True)
            ]
        )

    def term_losses(self, theta: Array) -> tuple[Array, ...]:
        """Σ rows² of each component of each block, (m,) for every block; their sum is the loss."""
        return tuple(jnp.sum(self._all_rows(block, theta) ** 2, 0) for block in self.blocks)

    def term_gradients(self, theta: Array) -> tuple[Array, ...]:
        """Norm of the gradient of each of ``term_losses``, (m,) for every block."""

        def norms(block: Block) -> Array:
            def losses(theta: Array) -> Array:
                return jnp.sum(self._all_rows(block, theta) ** 2, 0)

            value, pullback = jax.vjp(losses, theta)
            gradients = jax.lax.map(lambda unit: pullback(unit)[0], jnp.eye(value.size, dtype=value.dtype))
            return jnp.linalg.norm(gradients, axis=1)

        return tuple(norms(block) for block in self.blocks)

    def term_traces(self, theta: Array) -> tuple[Array, ...]:
        """Trace of J Jᵀ, the neural tangent kernel, of each component's rows, (m,) for every block."""

        def traces(block: Block) -> Array:
            return self._total(
                block, theta, lambda total, _, slopes, __: total + jnp.sum(slopes**2, (0, 2)),
                jnp.zeros(self._components(block), theta.dtype),
            )  # fmt: skip

        return tuple(traces(block) for block in self.blocks)

    def jacobian(self, theta: Array) -> Array:
        """∂ rows / ∂θ, shape (N, P)."""
        return jnp.concatenate(
            [
                each(self.mesh, partial(self._per_point, block), theta, block.places, block.count)[1].reshape(
                    -1, theta.size
                )
                for block in self.blocks
            ]
        )

    def linear_positions(self) -> np.ndarray:
        """Where in θ the leaves named by ``linear`` stand, in their order, shape (Q,)."""
        return self._positions(self.linear)

    def scaled(self, theta: Array, factor: Array) -> Array:
        """θ with the leaves named by ``first`` multiplied by a factor."""
        return theta.at[self._positions(self.first)].multiply(factor)

    def linearised(self, theta: Array) -> tuple[Array, Array]:
        """The weighted rows (N,) and ∂ rows / ∂(linear leaves), shape (N, Q).

        Hidden layers are passed through, not differentiated; in the blocks' chunks of points, so that no
        more of the features is held than a chunk's.
        """
        count = sum(leaf.size for leaf in self.linear(self.fields))

        def at_one(block: Block, theta: Array, place: PyTree) -> tuple[Array, Array]:
            fields, alone = self.with_theta(theta), jax.tree.map(lambda leaf: leaf[None], place)
            start, unravel = ravel_pytree(self.linear(fields))

            def rows(values: Array) -> tuple[Array, Array]:
                changed = eqx.tree_at(self.linear, fields, unravel(values))
                found = self._rows(block, changed, alone, block.count)[0]
                return found, found

            slopes, found = jax.jacrev(rows, has_aux=True)(start)
            return found, slopes

        def in_chunks(block: Block, theta: Array, places: PyTree) -> tuple[Array, Array]:
            own = jax.tree.leaves(places)[0].shape[0]
            chunk = own if block.chunk is None else min(own, block.chunk(self.fields))
            return jax.lax.map(partial(at_one, block, theta), places, batch_size=chunk)

        parts = [
            each(self.mesh, partial(in_chunks, block), theta, block.places, block.count)
            for block in self.blocks
        ]
        return (
            jnp.concatenate([rows.ravel() for rows, _ in parts]),
            jnp.concatenate([slopes.reshape(-1, count) for _, slopes in parts]),
        )

    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the trainable leaves in the order in which θ strings them together."""
        return tuple(leaf.shape for leaf in jax.tree.leaves(eqx.filter(self.fields, eqx.is_inexact_array)))

    def normal_equations(self, theta: Array) -> tuple[Array, Array, Array]:
        """JᵀJ (P, P), Jᵀr (P,) and the loss, accumulated in chunks of points."""

        def add(carry: PyTree, rows: Array, slopes: Array, _: Array) -> PyTree:
            gram, slope, loss = carry
            rows, slopes = rows.ravel(), slopes.reshape(-1, theta.size)
            return gram + slopes.T @ slopes, slope + slopes.T @ rows, loss + rows @ rows

        size = theta.size
        total = tuple(jnp.zeros(shape, theta.dtype) for shape in ((size, size), size, ()))
        for block in self.blocks:
            total = self._total(block, theta, add, total)
        return total

    def fold(self, theta: Array, add: Callable[[Any, Array, Array, Array], Any], carry: Any) -> Any:
        """``add(carry, rows (n,), slopes (n, P), positions (n,))`` over chunks, J never being held whole.

        ``positions`` are the places of the chunk in the residual. The last chunk of a block is filled up
        with rows and slopes of zero that repeat the last position.
        """
        offset = 0
        for block in self.blocks:
            width = self._components(block)

            def flat(carry, rows, slopes, points, width=width, offset=offset):
                positions = offset + points[:, None] * width + jnp.arange(width)
                return add(carry, rows.ravel(), slopes.reshape(-1, theta.size), positions.ravel())

            kept = jnp.ones(block.count, bool)
            carry = self._accumulated(block, theta, flat, carry, block.places, kept)
            offset += block.count * width
        return carry

    def _total(
        self, block: Block, theta: Array, add: Callable[[Any, Array, Array, Array], Any], total: Any
    ) -> Any:
        """``total`` with what ``add`` adds to it, point by point; each device sums up its own."""
        if self.mesh is None:
            return self._accumulated(block, theta, add, total, block.places, jnp.ones(block.count, bool))

        def own(theta: Array, places: PyTree, kept: Array) -> Any:
            nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), total)
            return self._accumulated(block, theta, add, nothing, places, kept)

        more = summed(self.mesh, own, theta, block.places, block.count)
        return jax.tree.map(jnp.add, total, more)

    def _accumulated(
        self,
        block: Block,
        theta: Array,
        add: Callable[[PyTree, Array, Array, Array], PyTree],
        total: PyTree,
        places: PyTree,
        kept: Array,
    ) -> Any:
        """``add(total, rows (c, m), slopes (c, m, P), points (c,))`` over places in chunks of c points."""
        count = kept.size
        # of points with many rows, as cells with all their tests, fewer at a time
        chunk = min(JACOBIAN_CHUNK, max(1, 4 * JACOBIAN_CHUNK // self._components(block)), count)
        chunks = -(-count // chunk)
        position = jnp.arange(chunks * chunk)
        # the last chunk is filled up with repeated points that count nothing
        keep = (position < count).reshape(chunks, chunk)
        position = jnp.minimum(position, count - 1).reshape(chunks, chunk)

        def advance(carry: PyTree, chosen: tuple[Array, Array]) -> tuple[PyTree, None]:
            positions, inside = chosen
            own, counted = jax.tree.map(lambda leaf: leaf[positions], (places, kept))
            counted = counted & inside
            rows, slopes = self._per_point(block, theta, own)
            return add(carry, rows * counted[:, None], slopes * counted[:, None, None], positions), None

        return jax.lax.scan(advance, total, (position, keep))[0]

    def _all_rows(self, block: Block, theta: Array) -> Array:
        """The weighted rows (n, m) of a block."""

        def rows(theta: Array, places: PyTree) -> Array:
            return self._rows(block, self.with_theta(theta), places, block.count)

        return each(self.mesh, rows, theta, block.places, block.count)

    def _block_loss(self, block: Block, theta: Array) -> Array:
        def squares(theta: Array, places: PyTree, kept: Array | None = None) -> Array:
            rows = self._rows(block, self.with_theta(theta), places, block.count)
            return jnp.sum(rows**2 if kept is None else rows**2 * kept[:, None])

        share = -(-block.count // (1 if self.mesh is None else self.mesh.size))
        chunk = share if block.chunk is None else min(share, block.chunk(self.fields))
        if chunk >= block.count:
            return squares(theta, block.places)
        chunks = -(-share // chunk)

        def over_all(value: Callable[[Array, PyTree, Array], Any], theta: Array, zero: PyTree) -> Any:
            def own(theta: Array, places: PyTree, kept: Array) -> Any:
                def advance(total: PyTree, part: tuple[PyTree, Array]) -> tuple[PyTree, None]:
                    return jax.tree.map(jnp.add, total, value(theta, *part)), None

                return jax.lax.scan(advance, zero, _cut(places, kept, chunks))[0]

            return summed(self.mesh, own, theta, block.places, block.count)

        @jax.custom_vjp
        def total(theta: Array) -> Array:
            return over_all(squares, theta, jnp.zeros((), theta.dtype))

        def forward(theta: Array) -> tuple[Array, Array]:
            return over_all(jax.value_and_grad(squares), theta, (jnp.zeros((), theta.dtype), 0 * theta))

        total.defvjp(forward, lambda gradient, change: (change * gradient,))
        return total(theta)

    def _components(self, block: Block) -> int:
        # shapes alone: arrays that are dealt out belong to no device's own work
        bare = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) if eqx.is_array(leaf) else leaf,
            (self.fields, block.points),
        )
        return eqx.filter_eval_shape(block.residual, *bare).shape[1]

    def _positions(self, leaves_of: Callable[[PyTree], list[Any]]) -> np.ndarray:
        leaves, structure = jax.tree.flatten(eqx.filter(self.fields, eqx.is_inexact_array))
        ends = np.cumsum([leaf.size for leaf in leaves])
        places = [np.arange(end - leaf.size, end) for leaf, end in zip(leaves, ends, strict=True)]
        return np.concatenate([np.zeros(0, int), *leaves_of(jax.tree.unflatten(structure, places))])

    def _rows(self, block: Block, fields: PyTree, places: PyTree, count: int) -> Array:
        points, point_weights, shift = places
        rows = block.residual(fields, points)
        if shift is not None:
            rows = rows + shift
        rows = jnp.sqrt(block.weight / count) * rows
        return rows if point_weights is None else jnp.sqrt(point_weights)[:, None] * rows

    def _per_point(self, block: Block, theta: Array, places: PyTree) -> tuple[Array, Array]:
        """Rows (n, m) and their Jacobian (n, m, P), one point at a time."""

        def rows(theta: Array, place: PyTree) -> Array:
            alone = jax.tree.map(lambda leaf: leaf[None], place)
            return self._rows(block, self.with_theta(theta), alone, block.count)[0]

        def both(place: PyTree) -> tuple[Array, Array]:
            value, pullback = jax.vjp(lambda t: rows(t, place), theta)
            slopes = jax.vmap(lambda unit: pullback(unit)[0])(jnp.eye(value.size))
            return value, slopes

        return jax.vmap(both)(places)


def _cut(places: PyTree, kept: Array, chunks: int) -> tuple[PyTree, Array]:
    """Leaves (chunks, points, …), the last filled up by repeating a point, and which points count."""
    count = kept.size
    size = -(-count // chunks)
    spare = chunks * size - count

    def cut(leaf: Array) -> Array:
        filled = jnp.concatenate([leaf, jnp.repeat(leaf[-1:], spare, 0)]) if spare else leaf
        return filled.reshape(chunks, size, *leaf.shape[1:])

    counted = jnp.concatenate([kept, jnp.zeros(spare, bool)]).reshape(chunks, size)
    return jax.tree.map(cut, places), counted
