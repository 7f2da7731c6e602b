"""The plain and the modified multilayer perceptron."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
from jax import Array

from .activations import ACTIVATIONS
from .derivatives import Bundle, Index, add, compose, product
from .network import AbstractNetwork, Architecture, Inputs, Linear, hidden_layers


class MLP(AbstractNetwork):
    """Multilayer perceptron: x → σ(W₁x+b₁) → … → W z + b."""

    inputs: Inputs
    hidden: tuple[Linear, ...]
    head: Linear
    activation: str = eqx.field(static=True)

    def __init__(self, inputs: Inputs, outputs: int, architecture: Architecture, key: Array):
        keys = jax.random.split(key, architecture.depth + 1)
        self.inputs, self.activation = inputs, architecture.activation
        self.hidden = tuple(hidden_layers(inputs.width, architecture, keys[:-1]))
        self.head = Linear(architecture.width, outputs, keys[-1])

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

    inputs: Inputs
    gates: tuple[Linear, Linear]
    hidden: tuple[Linear, ...]
    head: Linear
    activation: str = eqx.field(static=True)

    def __init__(self, inputs: Inputs, outputs: int, architecture: Architecture, key: Array):
        keys = jax.random.split(key, architecture.depth + 3)
        gates = [Linear(inputs.width, architecture.width, k) for k in keys[:2]]
        if architecture.feature_scale:
            gates = [g.spread(architecture.feature_scale, k) for g, k in zip(gates, keys[:2], strict=True)]
        self.inputs, self.activation, self.gates = inputs, architecture.activation, (gates[0], gates[1])
        self.hidden = tuple(hidden_layers(inputs.width, architecture, keys[3:]))
        self.head = Linear(architecture.width, outputs, keys[2])

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
