"""Random features under a partition of unity: one hidden layer for each patch of the domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .activations import ACTIVATIONS
from .derivatives import Bundle, Key, compose, product
from .embeddings import Coordinates
from .fourier import Inputs
from .network import AbstractNetwork, Architecture, Linear
from .windows import Windows


class Features(AbstractNetwork):
    """u = Σ_j ψ_j(x) Σ_k c_jk σ(w_jk·(x − x_j)/h_j + b_jk), ψ the windows of the patches.

    Weights and biases are drawn uniformly in ± ``feature_scale`` in a patch's own coordinates. Periodic
    coordinates are not cut. Source: Chen, Chi, E & Yang, J. Mach. Learn. 1 (2022), eqs. 2.5–2.9.
    """

    inputs: Inputs
    windows: Windows
    layer: Linear
    head: Linear
    activation: str = eqx.field(static=True)
    patched: ClassVar[bool] = True

    def __init__(self, inputs: Inputs, outputs: int, architecture: Architecture, key: Array):
        drawn, last = jax.random.split(key)
        plain = inputs.coordinates
        counts = architecture.patches or (1,) * len(plain.lower)
        self.windows = Windows(plain.lower, plain.upper, counts)
        self.inputs, self.activation = inputs, architecture.activation
        total = self.windows.size * architecture.width
        layer = Linear(inputs.width, total, drawn).spread(architecture.feature_scale or 1.0, drawn)
        self.layer = self._local(layer, plain, architecture.width)
        self.head = Linear(total, outputs, last)

    def _local(self, layer: Linear, plain: Coordinates, width: int) -> Linear:
        """Weights for the scaled coordinates from those for a patch's own, which run from −1 to 1."""
        free = [axis for axis in range(len(plain.lower)) if axis not in plain.periodic]
        centers, half = self.windows.centers()
        low, high = np.array(plain.lower), np.array(plain.upper)
        middle = ((2 * centers - low - high) / (high - low))[:, free]
        widths = (2 * half / (high - low))[free]
        weight = layer.weight.at[:, : len(free)].divide(widths)
        shift = jnp.sum(weight[:, : len(free)] * np.repeat(middle, width, axis=0), axis=1)
        return eqx.tree_at(lambda m: (m.weight, m.bias), layer, (weight, layer.bias - shift))

    @property
    def first(self) -> tuple[Linear, ...]:
        """The layers that see the inputs."""
        return (self.layer,)

    def features(self, points: Array, wanted: Sequence[Key]) -> Bundle:
        """Bundle of all features under their windows, entries of shape (n, patches·width)."""
        inner = self.layer.bundle(self.inputs.bundle(points, wanted))
        bundle = compose(ACTIVATIONS[self.activation], inner, wanted)
        if self.windows.size == 1:
            return bundle
        width = self.layer.bias.size // self.windows.size
        masks = {
            index: jnp.repeat(entry, width, 1) for index, entry in self.windows.bundle(points, wanted).items()
        }
        return product(masks, bundle, wanted)
