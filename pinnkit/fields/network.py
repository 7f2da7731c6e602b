"""What a network is: inputs, hidden layers that carry bundles of derivatives, and a linear output layer."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from .derivatives import Bundle, Key, linear
from .fourier import Inputs


@dataclass(frozen=True)
class Architecture:
    """Sizes and choices of a network.

    ``feature_scale`` spreads the first layer's weights and biases uniformly in ± itself, so that its units
    become features of that bandwidth over the domain; zero leaves the choice of ``initialisation``: "glorot",
    or "siren" for sines. ``patches`` cuts each coordinate into that many parts, with features of their own;
    none or ones, everywhere the same. ``factorisation``: mean and standard deviation of the logarithms s of
    random weight factorisation, W = diag(exp s) V; None, plain weights.
    """

    width: int
    depth: int
    activation: str = "tanh"
    feature_scale: float = 0.0
    patches: tuple[int, ...] = ()
    initialisation: str = "glorot"
    factorisation: tuple[float, float] | None = None


class Linear(eqx.Module):
    """W z + b with Glorot-normal weights and zero bias; W = diag(exp s) V once it is factorised.

    ``weight`` holds W, or V beside ``scale`` s (outputs,).
    """

    weight: Array
    bias: Array
    scale: Array | None

    def __init__(self, inputs: int, outputs: int, key: Array):
        self.weight = jnp.sqrt(2 / (inputs + outputs)) * jax.random.normal(key, (outputs, inputs))
        self.bias = jnp.zeros(outputs)
        self.scale = None

    @property
    def matrix(self) -> Array:
        """W (outputs, inputs)."""
        return self.weight if self.scale is None else jnp.exp(self.scale)[:, None] * self.weight

    def bundle(self, inner: Bundle) -> Bundle:
        """Bundle of the image."""
        return linear(inner, self.matrix, self.bias)

    def spread(self, scale: float, key: Array) -> Linear:
        """The layer with weights and biases uniform in ±scale: features whose centres fill the domain."""
        w, b = jax.random.split(key)
        weight = jax.random.uniform(w, self.weight.shape, minval=-scale, maxval=scale)
        bias = jax.random.uniform(b, self.bias.shape, minval=-scale, maxval=scale)
        return eqx.tree_at(lambda layer: (layer.weight, layer.bias), self, (weight, bias))

    def siren(self, key: Array) -> Linear:
        """The layer with weights uniform in ±√(6/inputs), which keeps sines of sines normally distributed.

        Source: Sitzmann, Martel, Bergman, Lindell & Wetzstein, NeurIPS (2020), section 3.2; the factor ω₀ of
        its first layer is ``feature_scale``.
        """
        bound = math.sqrt(6 / self.weight.shape[1])
        weight = jax.random.uniform(key, self.weight.shape, minval=-bound, maxval=bound)
        return eqx.tree_at(lambda layer: layer.weight, self, weight)

    def factorised(self, mean: float, spread: float, key: Array) -> Linear:
        """The same map as diag(exp s) V, s normal: each unit trains with a step length of its own.

        Source: Wang, Wang, Seidman & Perdikaris, arXiv 2210.01274 (2022), eq. 3.1 and algorithm 1.
        """
        scale = mean + spread * jax.random.normal(key, self.bias.shape)
        weight = self.weight / jnp.exp(scale)[:, None]
        return eqx.tree_at(
            lambda made: (made.weight, made.scale), self, (weight, scale), is_leaf=lambda leaf: leaf is None
        )


def layer(
    inputs: int, outputs: int, architecture: Architecture, key: Array, first: bool = False, last: bool = False
) -> Linear:
    """One layer as the architecture asks for it: ``first`` one that sees inputs, ``last`` one without σ."""
    drawn = Linear(inputs, outputs, key)
    if first and architecture.feature_scale:
        drawn = drawn.spread(architecture.feature_scale, key)
    elif architecture.initialisation == "siren" and not last:
        drawn = drawn.siren(key)
    if architecture.factorisation is None:
        return drawn
    return drawn.factorised(*architecture.factorisation, jax.random.fold_in(key, 1))


def stack(inputs: int, architecture: Architecture, keys: Sequence[Array] | Array) -> tuple[Linear, ...]:
    """Hidden layers one after the other, one for each of ``keys`` (depth,)."""
    sizes = [inputs] + [architecture.width] * (len(keys) - 1)
    return tuple(
        layer(size, architecture.width, architecture, key, first=place == 0)
        for place, (size, key) in enumerate(zip(sizes, keys, strict=True))
    )


class AbstractNetwork(eqx.Module):
    """Maps points (n, d) to the bundle of m outputs, entries of shape (n, m).

    ``patched``: can be cut into ``patches``; ``separable``: takes only inputs that are made of one coordinate
    each, and is fast on tensor grids; ``behind_waves``: is meant for random waves of the input, and gets as
    many as it is wide where none are asked for.
    """

    inputs: eqx.AbstractVar[Inputs]
    head: eqx.AbstractVar[Linear]
    patched: ClassVar[bool] = False
    separable: ClassVar[bool] = False
    behind_waves: ClassVar[bool] = False

    @property
    def heads(self) -> tuple[Linear, ...]:
        """The layers that the outputs are linear in."""
        return (self.head,)

    @property
    @abc.abstractmethod
    def first(self) -> tuple[Linear, ...]:
        """The layers that see the inputs."""

    @abc.abstractmethod
    def features(self, points: Array, wanted: Sequence[Key]) -> Bundle:
        """Bundle of the last hidden layer."""

    def bundle(self, points: Array, wanted: Sequence[Key]) -> Bundle:
        """Bundle of the outputs: derivatives ``wanted``, a downward-closed set with zero first."""
        return self.head.bundle(self.features(points, wanted))
