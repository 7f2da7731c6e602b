"""PirateNet: gated residual blocks that begin as the identity, behind random Fourier features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from .activations import ACTIVATIONS
from .derivatives import Bundle, Key, add, compose
from .fourier import Inputs
from .mlp import Gate, encoders
from .network import AbstractNetwork, Architecture, Linear, layer


class PirateBlock(eqx.Module):
    """x ↦ αF + (1 − α)x: F three layers, the first two gated, α trained from zero."""

    layers: tuple[Linear, Linear, Linear]
    alpha: Array

    def __init__(self, inputs: int, architecture: Architecture, key: Array):
        width, keys = architecture.width, jax.random.split(key, 3)
        first = layer(inputs, width, architecture, keys[0])
        second = layer(width, width, architecture, keys[1])
        self.layers = first, second, layer(width, inputs, architecture, keys[2])
        self.alpha = jnp.zeros(())

    def bundle(self, x: Bundle, gate: Gate, activation: str, wanted: Sequence[Key]) -> Bundle:
        """Bundle of the block's output, as wide as its input."""
        sigma = ACTIVATIONS[activation]
        z = x
        for gated in self.layers[:2]:
            z = gate(compose(sigma, gated.bundle(z), wanted))
        z = compose(sigma, self.layers[2].bundle(z), wanted)
        return add(
            {index: self.alpha * entry for index, entry in z.items()},
            {index: (1 - self.alpha) * entry for index, entry in x.items()},
        )


class PirateNet(AbstractNetwork):
    """Physics-informed residual adaptive network, ``depth`` blocks of three layers.

    With α = 0 it begins as a linear function of its inputs, random Fourier features as a rule, and grows deep
    only as training wants it: the stage ``head`` is then its physics-informed least-squares start. Source:
    Wang, Li, Chen & Perdikaris, J. Mach. Learn. Res. 25 (2024), eqs. 4.1–4.10.
    """

    inputs: Inputs
    gates: tuple[Linear, ...]
    blocks: tuple[PirateBlock, ...]
    head: Linear
    activation: str = eqx.field(static=True)
    behind_waves: ClassVar[bool] = True

    def __init__(self, inputs: Inputs, outputs: int, architecture: Architecture, key: Array):
        keys = jax.random.split(key, architecture.depth + 3)
        self.inputs, self.activation = inputs, architecture.activation
        self.gates = encoders(inputs.width, architecture, keys[:2])
        self.blocks = tuple(PirateBlock(inputs.width, architecture, k) for k in keys[3:])
        self.head = layer(inputs.width, outputs, architecture, keys[2], last=True)

    @property
    def first(self) -> tuple[Linear, ...]:
        """The layers that see the inputs."""
        return (*self.gates, *(block.layers[0] for block in self.blocks[:1]))

    def features(self, points: Array, wanted: Sequence[Key]) -> Bundle:
        """Bundle of the last block's output."""
        bundle = self.inputs.bundle(points, wanted)
        gate = Gate(self.gates, bundle, self.activation, wanted)
        for block in self.blocks:
            bundle = block.bundle(bundle, gate, self.activation, wanted)
        return bundle
