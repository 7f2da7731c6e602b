"""Maps from physical coordinates to a network's inputs, with their derivatives."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from . import activations
from .derivatives import Bundle, Key, affine_inputs, compose, linear, product


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
    def coordinates(self) -> Coordinates:
        """The coordinates behind the inputs."""
        return self

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return len(self.lower)

    @property
    def width(self) -> int:
        """Number of network inputs."""
        return len(self.lower) - len(self.periodic) + 2 * self.harmonics * len(self.periodic)

    def columns(self, axis: int) -> slice:
        """Which of the inputs are made of one coordinate: the periodic ones stand last."""
        pair = 2 * self.harmonics
        if axis in self.periodic:
            start = len(self.lower) - len(self.periodic) + pair * self.periodic.index(axis)
            return slice(start, start + pair)
        start = axis - sum(other < axis for other in self.periodic)
        return slice(start, start + 1)

    def bundle(self, points: Array, wanted: Sequence[Key]) -> Bundle:
        """Bundle of the inputs, entries of shape (n, width) or, constant, (1, width)."""
        low, high = (np.asarray(side, float) for side in (self.lower, self.upper))
        return scaled(points, low, high, self.periodic, self.harmonics, wanted)


class Holes(eqx.Module):
    """Coordinates with those seen from round holes beside them: log s and (x − c)/s, s = |x − c|²/r².

    Kelvin's inversion maps the outside of a hole to its inside, so that the fast change near a small hole
    becomes a smooth one: in the plane, log s and the powers of the inverted coordinates are all harmonic
    functions outside. An ellipse is first scaled to a circle along its axes.
    """

    coordinates: Coordinates
    holes: tuple[tuple[tuple[float, ...], tuple[tuple[float, ...], ...]], ...] = eqx.field(static=True)

    @property
    def width(self) -> int:
        """Number of network inputs."""
        return self.coordinates.width + sum(1 + len(center) for center, _ in self.holes)

    def bundle(self, points: Array, wanted: Sequence[Key]) -> Bundle:
        """Bundle of the inputs, entries of shape (n, width)."""
        parts, kind = [self.coordinates.bundle(points, wanted)], points.dtype
        ones, dimension = jnp.ones(points.shape[1], kind), points.shape[1]
        position = affine_inputs(points, ones, 0 * ones, wanted)
        for center, axes in self.holes:
            # rows of ``axes`` are the hole's axes over their radii
            turn = np.zeros((len(center), dimension))
            turn[:, : len(center)] = axes
            shift = -np.asarray(axes) @ np.asarray(center)
            local = linear(position, jnp.asarray(turn, kind), jnp.asarray(shift, kind))
            square = square_of(local, wanted)
            parts.append(compose(_log, square, wanted))
            parts.append(product(local, compose(_reciprocal, square, wanted), wanted))
        return concatenate(parts, wanted)


def scaled(
    points: Array,
    low: Array | np.ndarray,
    high: Array | np.ndarray,
    periodic: Sequence[int],
    harmonics: int,
    wanted: Sequence[Key],
) -> Bundle:
    """Bundle of coordinates between ``low`` and ``high`` (d,), scaled to [−1, 1], or as pairs of waves."""
    repeats = np.isin(np.arange(points.shape[1]), np.asarray(periodic, int))
    scale = np.where(repeats, 2 * np.pi, 2.0) / (high - low)
    shift = np.where(repeats, 0.0, -1.0) * (high + low) / (high - low)
    affine = affine_inputs(points, jnp.asarray(scale, points.dtype), jnp.asarray(shift, points.dtype), wanted)
    if not len(periodic):
        return affine
    plain = np.flatnonzero(~repeats)
    parts = [{index: entry[:, plain] for index, entry in affine.items()}] if len(plain) else []
    for axis in periodic:
        order = np.arange(1, harmonics + 1)
        angle = {index: entry[:, axis : axis + 1] * order for index, entry in affine.items()}
        parts += [compose(activations.sin, angle, wanted), compose(cosine, angle, wanted)]
    return concatenate(parts, wanted)


def square_of(inner: Bundle, wanted: Sequence[Key]) -> Bundle:
    """Bundle (n, 1) of the sum of squares."""
    return {index: jnp.sum(entry, 1, keepdims=True) for index, entry in product(inner, inner, wanted).items()}


def cosine(z: Array, order: int) -> list[Array]:
    """Cosine, as an activation."""
    return activations.sin(z + jnp.pi / 2, order)


def _log(s: Array, order: int) -> list[Array]:
    return [jnp.log(s), *_reciprocal(s, order - 1)] if order else [jnp.log(s)]


def _reciprocal(s: Array, order: int) -> list[Array]:
    terms = [1 / s]
    for k in range(1, order + 1):
        terms.append(-k * terms[-1] / s)
    return terms


def concatenate(parts: Sequence[Bundle], wanted: Sequence[Key]) -> Bundle:
    """Side by side, zeros filled in where one part has a derivative that another lacks."""
    rows = max(part[wanted[0]].shape[0] for part in parts)
    result = {}
    for index in wanted:
        if not any(index in part for part in parts):
            continue
        columns = []
        for part in parts:
            width = part[wanted[0]].shape[1]
            entry = part.get(index, jnp.zeros((1, width), part[wanted[0]].dtype))
            columns.append(jnp.broadcast_to(entry, (rows, width)))
        result[index] = jnp.concatenate(columns, axis=1)
    return result
