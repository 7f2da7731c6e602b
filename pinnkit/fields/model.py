"""The trainable whole: networks for the unknowns and inferred parameters, evaluated with derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from .collocation import Collocation, Needs
from .derivatives import Index, closure, product
from .network import AbstractNetwork


@dataclass(frozen=True)
class Group:
    """Unknowns that share one network, and the columns of the points it sees."""

    unknowns: tuple[str, ...]
    columns: tuple[int, ...]


@dataclass(frozen=True)
class Inferred:
    """A parameter to be found: its start value and, where given, its bounds."""

    name: str
    start: float
    bounds: tuple[float, float] | None = None

    @property
    def raw(self) -> float:
        """The start value in the unconstrained coordinate."""
        if self.bounds is None:
            return 1.0 if self.start else 0.0
        low, high = self.bounds
        share = min(max((self.start - low) / (high - low), 1e-3), 1 - 1e-3)
        return float(jnp.log(share / (1 - share)))

    def value(self, raw: Array) -> Array:
        """Physical value: start·raw, or low + (high − low)·logistic(raw) within bounds."""
        if self.bounds is None:
            return raw * self.start if self.start else raw
        low, high = self.bounds
        return low + (high - low) * jax.nn.sigmoid(raw)


class Fields(eqx.Module):
    """Networks and inferred parameters: what training changes.

    Each unknown is u = lift + multiplier·N with N an output of its group's network.
    """

    networks: tuple[AbstractNetwork, ...]
    raw: tuple[Array, ...]
    groups: tuple[Group, ...] = eqx.field(static=True)
    inferred: tuple[Inferred, ...] = eqx.field(static=True, default=())

    def parameters(self) -> dict[str, Array]:
        """Values of the inferred parameters."""
        return {spec.name: spec.value(raw) for spec, raw in zip(self.inferred, self.raw, strict=True)}

    def linear_leaves(self) -> list[Array]:
        """The output layers: what the unknowns are linear in."""
        return [leaf for network in self.networks for leaf in (network.head.weight, network.head.bias)]

    def first_leaves(self) -> list[Array]:
        """The first layers: their size sets the bandwidth of the networks' features."""
        return [
            leaf
            for network in self.networks
            for layer in network.first
            for leaf in (layer.weight, layer.bias)
        ]

    def jets(self, at: Collocation, needs: Needs) -> dict[tuple[str, Index], Array]:
        """Every derivative needed, each of shape (n,), from one pass through each network."""
        found: dict[tuple[str, Index], Array] = {}
        for network, group in zip(self.networks, self.groups, strict=True):
            asked = {name: needs[name] for name in group.unknowns if name in needs}
            if asked:
                found.update(_group_jets(network, group, at, asked))
        return found


def _group_jets(
    network: AbstractNetwork, group: Group, at: Collocation, asked: Needs
) -> dict[tuple[str, Index], Array]:
    dimension, count = at.x.shape[1], at.x.shape[0]
    full = closure(frozenset(index for indices in asked.values() for index in indices))

    def restrict(index: Index) -> Index:
        return tuple(index[c] for c in group.columns)

    def visible(index: Index) -> bool:
        return all(index[c] == 0 for c in range(dimension) if c not in group.columns)

    wanted = tuple(dict.fromkeys(restrict(index) for index in full if visible(index)))
    columns = at.x if group.columns == tuple(range(dimension)) else at.x[:, jnp.array(group.columns)]
    outputs = network.bundle(columns, wanted)
    found = {}
    for name, indices in asked.items():
        k = group.unknowns.index(name)
        own = {
            index: jnp.broadcast_to(outputs[restrict(index)][:, k], (count,))
            for index in closure(frozenset(indices))
            if visible(index) and restrict(index) in outputs
        }
        if name in at.lift:
            keys = closure(frozenset(indices))
            factor = {index: at.multiplier[name][:, j] for j, index in enumerate(keys)}
            own = dict(product(factor, own, keys))
            own = {index: own.get(index, 0.0) + at.lift[name][:, j] for j, index in enumerate(keys)}
        for index in indices:
            found[name, index] = own[index] if index in own else jnp.zeros(count)
    return found
