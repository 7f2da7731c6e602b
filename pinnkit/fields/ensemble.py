"""Many networks of one architecture, each for a part of the domain: evaluated where they are needed only.

The networks stand along a leading axis; points are sorted to them (``routing``) and pass under ``vmap``, so
that compilation does not grow with their number, and the rows of a step hardly do. Which networks serve a
point, and under which windows, has no trained parameters and is data at the points.
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

    ``parts`` holds the networks, those of one architecture together, every leaf with them first; ``kinds``
    tells the part of each network, ``lower`` and ``upper`` their boxes. Points pass through every part, so
    that a step costs as many times more as there are architectures. Source: Moseley, Markham &
    Nissen-Meyer, Adv. Comput. Math. 49 (2023), eqs. 13–15.
    """

    parts: tuple[AbstractNetwork, ...]
    kinds: tuple[int, ...] = eqx.field(static=True)
    lower: tuple[tuple[float, ...], ...] = eqx.field(static=True)
    upper: tuple[tuple[float, ...], ...] = eqx.field(static=True)
    separable: ClassVar[bool] = False

    @property
    def size(self) -> int:
        """Number of networks."""
        return len(self.kinds)

    @property
    def first_of_each(self) -> tuple[AbstractNetwork, ...]:
        """One network of each architecture."""
        return tuple(jax.tree.map(lambda leaf: leaf[0], part) for part in self.parts)

    @property
    def heads(self) -> tuple[Linear, ...]:
        """The output layers, stacked."""
        return tuple(head for part in self.parts for head in part.heads)

    @property
    def first(self) -> tuple[Linear, ...]:
        """The layers that see the inputs, stacked."""
        return tuple(layer for part in self.parts for layer in part.first)

    def bundle(self, points: Array, served: Served, wanted: Sequence[Key]) -> Bundle:
        """Bundle of the outputs, each point (n, d) through the networks that serve it."""
        found = self._served(points, served.chosen, wanted)
        if served.windows is None:
            return {key: found[:, 0, place] for place, key in enumerate(wanted)}
        windows = {key: served.windows[:, :, place, None] for place, key in enumerate(wanted)}
        own = {key: found[:, :, place] for place, key in enumerate(wanted)}
        return {key: jnp.sum(entry, axis=1) for key, entry in product(windows, own, wanted).items()}

    def _served(self, points: Array, chosen: Array, wanted: Sequence[Key]) -> Array:
        """The networks ``chosen`` (n, k) alone at their points, (n, k, number of keys, outputs)."""
        kinds = np.array(self.kinds)
        # of every network its place within its part; points of other parts go to the first and are dropped
        found = []
        for number, part in enumerate(self.parts):
            members = np.flatnonzero(kinds == number)
            place = np.zeros(len(kinds), int)
            place[members] = np.arange(len(members))
            own = _sorted(part, self._boxes(members, points), points, jnp.asarray(place)[chosen], wanted)
            mine = jnp.asarray(kinds == number)[chosen]
            found.append(own if len(self.parts) == 1 else jnp.where(mine[:, :, None, None], own, 0.0))
        return sum(found[1:], start=found[0])

    def _boxes(self, members: np.ndarray, points: Array) -> tuple[Array, Array]:
        lower, upper = (np.array(corners)[members] for corners in (self.lower, self.upper))
        return jnp.asarray(lower, points.dtype), jnp.asarray(upper, points.dtype)


def _sorted(
    part: AbstractNetwork, boxes: tuple[Array, Array], points: Array, chosen: Array, wanted: Sequence[Key]
) -> Array:
    """Networks ``chosen`` (n, k) of one architecture at points (n, d), (n, k, number of keys, outputs)."""
    rows = routes(chosen, len(boxes[0]))
    arrays, rest = eqx.partition((part, *boxes), eqx.is_array)
    of_blocks = jax.tree.map(lambda leaf: leaf[rows.members], arrays)

    def block(arrays, x: Array) -> Array:
        member, lower, upper = eqx.combine(arrays, rest)
        local = eqx.tree_at(lambda m: m.inputs, member, Local(lower, upper, member.inputs.coordinates))
        found = local.bundle(x, wanted)
        zero = jnp.zeros_like(found[wanted[0]])
        return jnp.stack([jnp.broadcast_to(found.get(key, zero), zero.shape) for key in wanted], axis=1)

    found = jax.vmap(block)(of_blocks, points[rows.points])
    return found.reshape(-1, *found.shape[2:])[rows.places]
