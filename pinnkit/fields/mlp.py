"""The plain and the modified multilayer perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import equinox as eqx
import jax
from jax import Array

from .activations import ACTIVATIONS
from .derivatives import Bundle, Key, add, compose, product
from .fourier import Inputs
from .network import AbstractNetwork, Architecture, Linear, layer, stack


class AbstractPerceptron(AbstractNetwork):
    """Hidden layers one after the other, with ``encodings`` of the input beside them."""

    inputs: Inputs
    gates: tuple[Linear, ...]
    hidden: tuple[Linear, ...]
    head: Linear
    activation: str = eqx.field(static=True)
    encodings: eqx.AbstractClassVar[int]

    def __init__(self, inputs: Inputs, outputs: int, architecture: Architecture, key: Array):
        keys = jax.random.split(key, self.encodings + architecture.depth + 1)
        self.inputs, self.activation = inputs, architecture.activation
        self.gates = encoders(inputs.width, architecture, keys[: self.encodings])
        self.hidden = stack(inputs.width, architecture, keys[self.encodings : -1])
        self.head = layer(architecture.width, outputs, architecture, keys[-1], last=True)

    @property
    def first(self) -> tuple[Linear, ...]:
        """The layers that see the inputs."""
        return (*self.gates, *self.hidden[:1])


class MLP(AbstractPerceptron):
    """Multilayer perceptron: x → σ(W₁x+b₁) → … → W z + b."""

    encodings: ClassVar[int] = 0

    def features(self, points: Array, wanted: Sequence[Key]) -> Bundle:
        """Bundle of the last hidden layer."""
        bundle = self.inputs.bundle(points, wanted)
        for hidden in self.hidden:
            bundle = compose(ACTIVATIONS[self.activation], hidden.bundle(bundle), wanted)
        return bundle


class ModifiedMLP(AbstractPerceptron):
    """Modified MLP: hidden layers gated between two encodings U, V of the input.

    z ← σ(Wz + b), then z·U + (1 − z)·V. Source: Wang, Teng & Perdikaris, SIAM J. Sci. Comput. 43
    (2021), eqs. 42–45.
    """

    encodings: ClassVar[int] = 2

    def features(self, points: Array, wanted: Sequence[Key]) -> Bundle:
        """Bundle of the last hidden layer."""
        activation = ACTIVATIONS[self.activation]
        bundle = self.inputs.bundle(points, wanted)
        gate = Gate(self.gates, bundle, self.activation, wanted)
        for hidden in self.hidden:
            bundle = gate(compose(activation, hidden.bundle(bundle), wanted))
        return bundle


class Gate:
    """z ↦ z·U + (1 − z)·V between the encodings U and V of an input."""

    def __init__(self, layers: Sequence[Linear], inputs: Bundle, activation: str, wanted: Sequence[Key]):
        u, v = (compose(ACTIVATIONS[activation], encoder.bundle(inputs), wanted) for encoder in layers)
        self._span = add(u, {index: -entry for index, entry in v.items()})
        self._v, self._wanted = v, wanted

    def __call__(self, z: Bundle) -> Bundle:
        """Bundle of the gated units."""
        return add(product(z, self._span, self._wanted), self._v)


def encoders(inputs: int, architecture: Architecture, keys: Sequence[Array] | Array) -> tuple[Linear, ...]:
    """One layer that encodes the inputs for each of ``keys``."""
    return tuple(layer(inputs, architecture.width, architecture, key, first=True) for key in keys)
