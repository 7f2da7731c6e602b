"""Points dealt out over devices, of one process or of several; parameters stand on every one of them.

Each device evaluates rows, and what is summed over them, at its own points. Points that do not come out even
are filled up with copies that count nothing. The mesh has one axis, ``POINTS``; None stands for one device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

PyTree = Any
Tree = TypeVar("Tree")
POINTS = "points"
_DEALT, _EVERYWHERE = PartitionSpec(POINTS), PartitionSpec()


def each(
    mesh: Mesh | None, function: Callable[[Array, PyTree], Any], theta: Array, places: PyTree, count: int
) -> Any:
    """``function(theta, places)``, all of whose leaves have the points first as those of ``places`` do."""
    if mesh is None:
        return function(theta, places)
    own = jax.shard_map(
        function, mesh=mesh, in_specs=(_EVERYWHERE, _DEALT), out_specs=_DEALT, check_vma=False
    )
    return jax.tree.map(lambda leaf: leaf[:count], own(theta, _filled(places, count, mesh.size)[0]))


def summed(
    mesh: Mesh | None,
    function: Callable[[Array, PyTree, Array], Any],
    theta: Array,
    places: PyTree,
    count: int,
) -> Any:
    """Σ ``function(theta, own places, which of them count)`` over the devices."""
    if mesh is None:
        return function(theta, places, jnp.ones(count, bool))

    def own(theta: Array, places: PyTree, kept: Array) -> Any:
        return jax.lax.psum(function(theta, places, kept), POINTS)

    shared = jax.shard_map(
        own, mesh=mesh, in_specs=(_EVERYWHERE, _DEALT, _DEALT), out_specs=_EVERYWHERE, check_vma=False
    )
    return shared(theta, *_filled(places, count, mesh.size))


def everywhere(mesh: Mesh | None, tree: Tree) -> Tree:
    """The same arrays on every device."""
    if mesh is None:
        return tree
    return jax.jit(lambda tree: tree, out_shardings=NamedSharding(mesh, _EVERYWHERE))(tree)


def dealt(mesh: Mesh | None, tree: Tree) -> Tree:
    """Arrays with the points first, each device with its own; where they do not come out even, everywhere."""
    if mesh is None:
        return tree
    layout = jax.tree.map(
        lambda leaf: NamedSharding(mesh, _EVERYWHERE if leaf.shape[0] % mesh.size else _DEALT), tree
    )
    return jax.jit(lambda tree: tree, out_shardings=layout)(tree)


def agreed(mesh: Mesh | None, seconds: float) -> float:
    """A time by the clock of the leading process, where there are several."""
    if mesh is None or not mesh.is_multi_process:
        return seconds
    from jax.experimental.multihost_utils import broadcast_one_to_all

    return float(broadcast_one_to_all(np.asarray(seconds, np.float32)))


def at_home(tree: Tree) -> Tree:
    """Arrays that stand on every device, for this process alone; what is no array is left as it is."""
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)) if isinstance(leaf, Array) else leaf, tree)


def _filled(places: PyTree, count: int, devices: int) -> tuple[PyTree, Array]:
    """Places for as many points on every device, the last one repeated, and which of them count."""
    spare = -count % devices

    def filled(leaf: Array) -> Array:
        return jnp.concatenate([leaf, jnp.repeat(leaf[-1:], spare, 0)]) if spare else leaf

    return jax.tree.map(filled, places), jnp.arange(count + spare) < count
