"""Networks that carry bundles of derivatives: the plain and the modified multilayer perceptron."""

from __future__ import annotations

import abc
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from .activations import ACTIVATIONS
from .derivatives import Bundle, Index, add, compose, linear, product
from .embeddings import Coordinates, FourierFeatures


class Linear(eqx.Module):
    """W z + b with Glorot-normal weights and zero bias, both scaled by ``gain``."""

    weight: Array
    bias: Array

    def __init__(self, inputs: int, outputs: int, key: Array, gain: float = 1.0):
        self.weight = gain * jnp.sqrt(2 / (inputs + outputs)) * jax.random.normal(key, (outputs, inputs))
        self.bias = jnp.zeros(outputs)

    def bundle(self, inner: Bundle) -> Bundle:
        """Bundle of the image."""
        return linear(inner, self.weight, self.bias)


class AbstractNetwork(eqx.Module):
    """Maps points (n, d) to the bundle of m outputs, entries of shape (n, m)."""

    inputs: eqx.AbstractVar[Coordinates | FourierFeatures]
    head: eqx.AbstractVar[Linear]

    @property
    @abc.abstractmethod
    def first(self) -> tuple[Linear, ...]:
        """The layers that see the inputs."""

    @abc.abstractmethod
    def features(self, points: Array, wanted: Sequence[Index]) -> Bundle:
        """Bundle of the last hidden layer."""

    def bundle(self, points: Array, wanted: Sequence[Index]) -> Bundle:
        """Bundle of the outputs: derivatives ``wanted``, a downward-closed set with zero first."""
        return self.head.bundle(self.features(points, wanted))


class MLP(AbstractNetwork):
    """Multilayer perceptron: x → σ(W₁x+b₁) → … → W z + b.

    ``feature_scale`` widens the first layer's weights and spreads its biases uniformly, so that its
    units become features of that bandwidth over the domain (zero leaves Glorot's choice).
    """

    inputs: Coordinates | FourierFeatures
    hidden: tuple[Linear, ...]
    head: Linear
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        inputs: Coordinates | FourierFeatures,
        outputs: int,
        width: int,
        depth: int,
        activation: str,
        key: Array,
        feature_scale: float = 0.0,
    ):
        keys = jax.random.split(key, depth + 1)
        sizes = [inputs.width] + [width] * depth
        hidden = [Linear(a, b, k) for a, b, k in zip(sizes[:-1], sizes[1:], keys[:-1], strict=True)]
        if feature_scale:
            hidden[0] = _spread(hidden[0], feature_scale, keys[0])
        self.inputs, self.hidden, self.activation = inputs, tuple(hidden), activation
        self.head = Linear(width, outputs, keys[-1])

    @property
    def first(self) -> tuple[Linear, ...]:
        """The layers that see the inputs."""
        return self.hidden[:1]

    def features(self, points: Array, wanted: Sequence[Index]) -> Bundle:
        """Bundle of the last hidden layer."""
        bundle = self.inputs.bundle(points, wanted)
        for layer in self.hidden:
            bundle = compose(ACTIVATIONS[self.activation], layer.bundle(bundle), wanted)
        return bundle


class ModifiedMLP(AbstractNetwork):
    """Modified MLP: hidden layers gated between two encodings U, V of the input.

    z ← σ(Wz + b), then z·U + (1 − z)·V. Source: Wang, Teng & Perdikaris, SIAM J. Sci. Comput. 43
    (2021), eqs. 42–45.
    """

    inputs: Coordinates | FourierFeatures
    gates: tuple[Linear, Linear]
    hidden: tuple[Linear, ...]
    head: Linear
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        inputs: Coordinates | FourierFeatures,
        outputs: int,
        width: int,
        depth: int,
        activation: str,
        key: Array,
        feature_scale: float = 0.0,
    ):
        keys = jax.random.split(key, depth + 3)
        sizes = [inputs.width] + [width] * depth
        hidden = [Linear(a, b, k) for a, b, k in zip(sizes[:-1], sizes[1:], keys[3:], strict=True)]
        gates = [Linear(inputs.width, width, keys[0]), Linear(inputs.width, width, keys[1])]
        if feature_scale:
            gates = [_spread(g, feature_scale, k) for g, k in zip(gates, keys[:2], strict=True)]
            hidden[0] = _spread(hidden[0], feature_scale, keys[3])
        self.inputs, self.gates, self.hidden = inputs, (gates[0], gates[1]), tuple(hidden)
        self.activation, self.head = activation, Linear(width, outputs, keys[2])

    @property
    def first(self) -> tuple[Linear, ...]:
        """The layers that see the inputs."""
        return (*self.gates, *self.hidden[:1])

    def features(self, points: Array, wanted: Sequence[Index]) -> Bundle:
        """Bundle of the last hidden layer."""
        activation = ACTIVATIONS[self.activation]
        inputs = self.inputs.bundle(points, wanted)
        u, v = (compose(activation, gate.bundle(inputs), wanted) for gate in self.gates)
        span = add(u, {index: -entry for index, entry in v.items()})
        bundle = inputs
        for layer in self.hidden:
            z = compose(activation, layer.bundle(bundle), wanted)
            bundle = add(product(z, span, wanted), v)
        return bundle


def _spread(layer: Linear, scale: float, key: Array) -> Linear:
    """Weights and biases uniform in ±scale: features whose centres fill the domain."""
    w, b = jax.random.split(key)
    weight = jax.random.uniform(w, layer.weight.shape, minval=-scale, maxval=scale)
    bias = jax.random.uniform(b, layer.bias.shape, minval=-scale, maxval=scale)
    return eqx.tree_at(lambda m: (m.weight, m.bias), layer, (weight, bias))


NETWORKS: dict[str, type[AbstractNetwork]] = {"mlp": MLP, "modified_mlp": ModifiedMLP}
