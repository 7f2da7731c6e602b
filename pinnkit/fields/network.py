"""What a network is: inputs, hidden layers that carry bundles of derivatives, and a linear output layer."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from .derivatives import Bundle, Index, linear
from .embeddings import Coordinates, FourierFeatures, Holes

Inputs = Coordinates | FourierFeatures | Holes


@dataclass(frozen=True)
class Architecture:
    """Sizes and choices of a network.

    ``feature_scale`` spreads the first layer's weights and biases uniformly in ± itself, so that its units
    become features of that bandwidth over the domain; zero leaves Glorot's choice. ``patches`` cuts each
    coordinate into that many parts, with features of their own; none or ones, everywhere the same.
    """

    width: int
    depth: int
    activation: str = "tanh"
    feature_scale: float = 0.0
    patches: tuple[int, ...] = ()


class Linear(eqx.Module):
    """W z + b with Glorot-normal weights and zero bias."""

    weight: Array
    bias: Array

    def __init__(self, inputs: int, outputs: int, key: Array):
        self.weight = jnp.sqrt(2 / (inputs + outputs)) * jax.random.normal(key, (outputs, inputs))
        self.bias = jnp.zeros(outputs)

    def bundle(self, inner: Bundle) -> Bundle:
        """Bundle of the image."""
        return linear(inner, self.weight, self.bias)

    def spread(self, scale: float, key: Array) -> Linear:
        """The layer with weights and biases uniform in ±scale: features whose centres fill the domain."""
        w, b = jax.random.split(key)
        weight = jax.random.uniform(w, self.weight.shape, minval=-scale, maxval=scale)
        bias = jax.random.uniform(b, self.bias.shape, minval=-scale, maxval=scale)
        return eqx.tree_at(lambda layer: (layer.weight, layer.bias), self, (weight, bias))


def hidden_layers(inputs: int, architecture: Architecture, keys: Array) -> list[Linear]:
    """One layer for each of ``keys`` (depth,), the first of them spread where that is asked for."""
    sizes = [inputs] + [architecture.width] * architecture.depth
    layers = [Linear(a, b, k) for a, b, k in zip(sizes[:-1], sizes[1:], keys, strict=True)]
    if architecture.feature_scale:
        layers[0] = layers[0].spread(architecture.feature_scale, keys[0])
    return layers


class AbstractNetwork(eqx.Module):
    """Maps points (n, d) to the bundle of m outputs, entries of shape (n, m)."""

    inputs: eqx.AbstractVar[Inputs]
    head: eqx.AbstractVar[Linear]
    patched: ClassVar[bool] = False

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
