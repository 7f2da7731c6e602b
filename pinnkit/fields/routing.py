"""Points sorted to the networks that serve them: blocks of rows, each of one network, in static shapes.

A point may be served by several networks. Its pairs (point, network) are sorted by network, and every
network's pairs fill up blocks of equal size: with n pairs, J networks and blocks of b rows, no more than
(n + J (b − 1))/b blocks are needed however the points lie, so that nothing is compiled anew when they move,
nothing overflows, and a network that is far from a point costs it nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

_LARGEST_BLOCK, _SMALLEST_BLOCK = 32, 8
_FILLED = 4  # blocks that a network with its share of the pairs fills: the last is half empty on average


class Routes(NamedTuple):
    """``points`` (blocks, rows): which point each row is; ``members`` (blocks,): the network of each block;
    ``places`` (n, k): the row, blocks strung together, that serves each pair.
    """

    points: Array
    members: Array
    places: Array


def routes(chosen: Array, count: int) -> Routes:
    """Rows for points served by the networks ``chosen`` (n, k) out of ``count``."""
    n, k = chosen.shape
    pairs, size = n * k, block_size(n * k, count)
    which = chosen.ravel()
    if size == 1:
        each = jnp.arange(pairs)
        return Routes((each // k)[:, None], which, each.reshape(n, k))
    order = jnp.argsort(which)
    ordered = which[order]
    number = jnp.bincount(which, length=count)
    needed = -(-number // size)
    start = size * (jnp.cumsum(needed) - needed)
    rows = start[ordered] + jnp.arange(pairs) - (jnp.cumsum(number) - number)[ordered]
    blocks = (pairs + count * (size - 1)) // size
    points = jnp.zeros(blocks * size, order.dtype).at[rows].set(order // k, unique_indices=True)
    places = jnp.zeros(pairs, rows.dtype).at[order].set(rows, unique_indices=True)
    # of the ways to repeat each network's number this one is compiled fastest
    ends = jnp.cumsum(needed)[:-1]
    members = jnp.searchsorted(ends, jnp.arange(blocks), side="right", method="compare_all")
    return jax.lax.stop_gradient(Routes(points.reshape(blocks, size), members, places.reshape(n, k)))


def block_size(pairs: int, count: int) -> int:
    """Rows of a block: a power of two, one where networks outnumber pairs."""
    if pairs <= _FILLED * count:
        return 1
    share = pairs // (_FILLED * count)
    return min(_LARGEST_BLOCK, max(_SMALLEST_BLOCK, 1 << (share.bit_length() - 1)))
