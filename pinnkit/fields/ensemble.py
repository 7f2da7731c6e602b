"""Many networks of one architecture, each for a part of the domain: evaluated where they are needed only.

The networks stand along a leading axis; points are sorted to them (``routing``) and pass under ``vmap``, so
that compilation does not grow with their number, nor the time of a step with fixed points. Which networks
serve a point, and under which windows, has no trained parameters and is data at the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .collocation import Served
from .derivatives import Bundle, Key, product
from .embeddings import Coordinates, scaled
from .network import AbstractNetwork, Linear
from .routing import routes


class Local(eqx.Module):
    """Coordinates of a box ``lower``, ``upper`` (d,), scaled to [−1, 1]; periodic ones as of the domain."""

    lower: Array
    upper: Array
    plain: Coordinates

    def bundle(self, points: Array, wanted: Sequence[Key]) -> Bundle:
        """Bundle of the inputs."""
        return scaled(points, self.lower, self.upper, self.plain.periodic, self.plain.harmonics, wanted)


class Ensemble(eqx.Module):
    """u = Σ_j ψ_j(x) N_j(x), each network N_j in the coordinates of its box.

    ``members`` holds the networks, every leaf with them first, ``lower`` and ``upper`` their boxes. Source:
    Moseley, Markham & Nissen-Meyer, Adv. Comput. Math. 49 (2023), eqs. 13–15.
    """

    members: AbstractNetwork
    lower: tuple[tuple[float, ...], ...] = eqx.field(static=True)
    upper: tuple[tuple[float, ...], ...] = eqx.field(static=True)
    separable: ClassVar[bool] = False

    @property
    def size(self) -> int:
        """Number of networks."""
        return len(self.lower)

    @property
    def head(self) -> Linear:
        """The output layers, stacked."""
        return self.members.head

    @property
    def first(self) -> tuple[Linear, ...]:
        """The layers that see the inputs, stacked."""
        return self.members.first

    def bundle(self, points: Array, served: Served, wanted: Sequence[Key]) -> Bundle:
        """Bundle of the outputs, each point (n, d) through the networks that serve it."""
        found = self._sorted(points, served.chosen, wanted)
        if served.windows is None:
            return {key: found[:, 0, place] for place, key in enumerate(wanted)}
        windows = {key: served.windows[:, :, place, None] for place, key in enumerate(wanted)}
        own = {key: found[:, :, place] for place, key in enumerate(wanted)}
        return {key: jnp.sum(entry, axis=1) for key, entry in product(windows, own, wanted).items()}

    def _sorted(self, points: Array, chosen: Array, wanted: Sequence[Key]) -> Array:
        """The networks ``chosen`` (n, k) alone at their points, (n, k, number of keys, outputs)."""
        rows = routes(chosen, self.size)
        arrays, rest = eqx.partition((self.members, *self._boxes(points)), eqx.is_array)
        of_blocks = jax.tree.map(lambda leaf: leaf[rows.members], arrays)

        def block(arrays, x: Array) -> Array:
            member, lower, upper = eqx.combine(arrays, rest)
            local = eqx.tree_at(lambda m: m.inputs, member, Local(lower, upper, member.inputs.coordinates))
            found = local.bundle(x, wanted)
            zero = jnp.zeros_like(found[wanted[0]])
            return jnp.stack([jnp.broadcast_to(found.get(key, zero), zero.shape) for key in wanted], axis=1)

        found = jax.vmap(block)(of_blocks, points[rows.points])
        return found.reshape(-1, *found.shape[2:])[rows.places]

    def _boxes(self, points: Array) -> tuple[Array, Array]:
        return (
            jnp.asarray(np.array(self.lower), points.dtype),
            jnp.asarray(np.array(self.upper), points.dtype),
        )
