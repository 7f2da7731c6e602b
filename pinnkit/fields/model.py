"""The trainable whole: networks for the unknowns and inferred parameters, evaluated with derivatives."""

from __future__ import annotations

from dataclasses import dataclass, replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from ..forms.traces import Trace
from .collocation import Collocation, Columns, Needs
from .derivatives import Bundle, Key, closure, product
from .ensemble import Ensemble
from .network import AbstractNetwork
from .precision import cast
from .separable import Separable

Network = AbstractNetwork | Ensemble


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

    Each unknown is u = lift + multiplier·N with N an output of its group's network. ``mixed``: the networks
    run in float32, whatever θ and the points are in.
    """

    networks: tuple[Network, ...]
    raw: tuple[Array, ...]
    groups: tuple[Group, ...] = eqx.field(static=True)
    inferred: tuple[Inferred, ...] = eqx.field(static=True, default=())
    mixed: bool = eqx.field(static=True, default=False)

    def in_precision(self, precision: str) -> Fields:
        """Fields for training in "float64", "float32" or "mixed": θ in float64, networks run in float32.

        Mixed, points, θ and the networks' derivatives are rounded to float32 once each; lifts, residuals,
        losses and what optimisers keep stay in float64.
        """
        if precision == "float32":
            return cast(self, jnp.float32)
        return replace(self, mixed=precision == "mixed")

    def parameters(self) -> dict[str, Array]:
        """Values of the inferred parameters."""
        return {spec.name: spec.value(raw) for spec, raw in zip(self.inferred, self.raw, strict=True)}

    def linear_leaves(self) -> list[Array]:
        """The output layers: what the unknowns are linear in."""
        heads = [head for network in self.networks for head in network.heads]
        return [leaf for head in heads for leaf in (head.weight, head.bias)]

    def first_leaves(self) -> list[Array]:
        """The first layers: their size sets the bandwidth of the networks' features."""
        return [
            leaf
            for network in self.networks
            for layer in network.first
            for leaf in (layer.weight, layer.bias)
        ]

    def jets(self, at: Collocation, needs: Needs) -> dict[tuple[str, Key], Array]:
        """Every derivative needed, each of shape (n,), from one pass through each network."""
        found: dict[tuple[str, Key], Array] = {}
        for network, group in zip(self.networks, self.groups, strict=True):
            asked = {name: needs[name] for name in group.unknowns if name in needs}
            if asked:
                found.update(_group_jets(network, group, at, asked, self.mixed))
        return found


def group_keys(group: Group, needs: Needs) -> tuple[Key, ...]:
    """The keys over its columns that the network of a group carries for the needs, zero first."""
    columns = group.columns
    full = closure(frozenset(key for name in group.unknowns for key in needs.get(name, ())))
    return tuple(dict.fromkeys(_restricted(key, columns) for key in full if _visible(key, columns)))


def _restricted(key: Key, columns: Columns) -> Key:
    if isinstance(key, Trace):
        return Trace(tuple(key.weights[c] for c in columns))
    return tuple(key[c] for c in columns)


def _visible(key: Key, columns: Columns) -> bool:
    if isinstance(key, Trace):
        return any(key.weights[c] for c in columns)
    return all(order == 0 for c, order in enumerate(key) if c not in columns)


def _group_jets(
    network: Network, group: Group, at: Collocation, asked: Needs, mixed: bool
) -> dict[tuple[str, Key], Array]:
    count, columns = at.x.shape[0], group.columns
    wanted = group_keys(group, asked)
    if mixed:
        single = _outputs(cast(network, jnp.float32), group, cast(at, jnp.float32), wanted)
        outputs = cast(dict(single), at.x.dtype)
    else:
        outputs = _outputs(network, group, at, wanted)
    found = {}
    for name, indices in asked.items():
        k = group.unknowns.index(name)
        own = {
            index: jnp.broadcast_to(outputs[_restricted(index, columns)][:, k], (count,))
            for index in closure(frozenset(indices))
            if _visible(index, columns) and _restricted(index, columns) in outputs
        }
        if name in at.lift:
            keys = closure(frozenset(indices))
            factor = {index: at.multiplier[name][:, j] for j, index in enumerate(keys)}
            own = dict(product(factor, own, keys))
            own = {index: own.get(index, 0.0) + at.lift[name][:, j] for j, index in enumerate(keys)}
        for index in indices:
            found[name, index] = own[index] if index in own else jnp.zeros(count)
    return found


def _outputs(network: Network, group: Group, at: Collocation, wanted: tuple[Key, ...]) -> Bundle:
    """The network's outputs with their derivatives, factor by factor where it and the points allow that."""
    if network.separable:  # its derivatives are products by coordinate, and sums of them no products
        single = {key: [(w, i) for w, _, i in key.terms] for key in wanted if isinstance(key, Trace)}
        plain = [key for key in wanted if key not in single]
        terms = [i for sums in single.values() for _, i in sums]
        outputs = _separate(network, group, at, tuple(dict.fromkeys([*plain, *terms])))
        return {**outputs, **{key: sum(w * outputs[i] for w, i in sums) for key, sums in single.items()}}
    return _separate(network, group, at, wanted)


def _separate(network: Network, group: Group, at: Collocation, wanted: tuple[Key, ...]) -> Bundle:
    all_seen = group.columns == tuple(range(at.x.shape[1]))
    if isinstance(network, Separable) and all_seen and (axes := at.axes()) is not None:
        return network.on_grid(axes, wanted)
    x = at.x if all_seen else at.x[:, jnp.array(group.columns)]
    if isinstance(network, Ensemble):
        return network.bundle(x, at.served[group.columns], wanted)
    return network.bundle(x, wanted)
