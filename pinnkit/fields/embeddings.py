"""Maps from physical coordinates to a network's inputs, with their derivatives."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from . import activations
from .derivatives import Bundle, Index, affine_inputs, compose, linear


class Coordinates(eqx.Module):
    """Coordinates scaled to [−1, 1]; a periodic one becomes the exact pairs (cos kωx, sin kωx).

    With a period of L, ω = 2π/L: every function of the pairs has period L together with all its
    derivatives. Source: Dong & Ni, J. Comput. Phys. 435 (2021), eq. 2.
    """

    lower: tuple[float, ...] = eqx.field(static=True)
    upper: tuple[float, ...] = eqx.field(static=True)
    periodic: tuple[int, ...] = eqx.field(static=True)
    harmonics: int = eqx.field(static=True, default=1)

    @property
    def width(self) -> int:
        """Number of network inputs."""
        return len(self.lower) - len(self.periodic) + 2 * self.harmonics * len(self.periodic)

    def bundle(self, points: Array, wanted: Sequence[Index]) -> Bundle:
        """Bundle of the inputs, entries of shape (n, width) or, constant, (1, width)."""
        low, high = (np.asarray(side) for side in (self.lower, self.upper))
        scale, shift = 2 / (high - low), -(high + low) / (high - low)
        for axis in self.periodic:
            scale[axis], shift[axis] = 2 * np.pi / (high[axis] - low[axis]), 0.0
        scaled = affine_inputs(points, jnp.asarray(scale), jnp.asarray(shift), wanted)
        if not self.periodic:
            return scaled
        plain = [axis for axis in range(len(self.lower)) if axis not in self.periodic]
        parts = [{index: entry[:, np.array(plain, int)] for index, entry in scaled.items()}] if plain else []
        for axis in self.periodic:
            order = np.arange(1, self.harmonics + 1)
            angle = {index: entry[:, axis : axis + 1] * order for index, entry in scaled.items()}
            parts += [compose(activations.sin, angle, wanted), compose(_cos, angle, wanted)]
        return _concatenate(parts, wanted)


class FourierFeatures(eqx.Module):
    """sin(Bx), cos(Bx) with a fixed Gaussian B of standard deviation ``scale`` (Tancik et al. 2020)."""

    inputs: Coordinates
    frequencies: tuple[tuple[float, ...], ...] = eqx.field(static=True)

    def __init__(self, inputs: Coordinates, count: int, scale: float, key: Array):
        self.inputs = inputs
        drawn = scale * jax.random.normal(key, (count, inputs.width))
        self.frequencies = tuple(tuple(row) for row in np.asarray(drawn).tolist())

    @property
    def width(self) -> int:
        """Number of network inputs."""
        return 2 * len(self.frequencies)

    def bundle(self, points: Array, wanted: Sequence[Index]) -> Bundle:
        """Bundle of the features, entries of shape (n, width)."""
        angle = linear(self.inputs.bundle(points, wanted), jnp.asarray(self.frequencies), None)
        return _concatenate([compose(activations.sin, angle, wanted), compose(_cos, angle, wanted)], wanted)


def _cos(z: Array, order: int) -> list[Array]:
    return activations.sin(z + jnp.pi / 2, order)


def _concatenate(parts: Sequence[Bundle], wanted: Sequence[Index]) -> Bundle:
    """Side by side, zeros filled in where one part has a derivative that another lacks."""
    rows = max(part[wanted[0]].shape[0] for part in parts)
    result = {}
    for index in wanted:
        if not any(index in part for part in parts):
            continue
        columns = []
        for part in parts:
            width = part[wanted[0]].shape[1]
            entry = part.get(index)
            columns.append(jnp.zeros((rows, width)) if entry is None else jnp.broadcast_to(entry, (rows, width)))
        result[index] = jnp.concatenate(columns, axis=1)
    return result
