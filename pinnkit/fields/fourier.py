"""Random waves as inputs of a network: Fourier features, and Gabor features under Gaussian envelopes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from . import activations
from .derivatives import Bundle, Key, add, compose, linear, product
from .embeddings import Coordinates, Holes, concatenate, cosine, square_of


class _Waves(eqx.Module):
    """Pairs of a sine and a cosine of fixed frequencies."""

    inputs: Coordinates | Holes
    frequencies: tuple[tuple[float, ...], ...] = eqx.field(static=True)

    @property
    def coordinates(self) -> Coordinates:
        """The coordinates behind the inputs."""
        return self.inputs.coordinates

    @property
    def width(self) -> int:
        """Number of network inputs."""
        return 2 * len(self.frequencies)


class FourierFeatures(_Waves):
    """sin(Bx), cos(Bx) with a fixed B (Tancik et al., NeurIPS 2020)."""

    @classmethod
    def drawn(cls, inputs: Coordinates | Holes, count: int, scale: float, key: Array) -> FourierFeatures:
        """``count`` pairs, B Gaussian of standard deviation ``scale``."""
        return cls(inputs, _rows(scale * jax.random.normal(key, (count, inputs.width))))

    def bundle(self, points: Array, wanted: Sequence[Key]) -> Bundle:
        """Bundle of the features, entries of shape (n, width)."""
        return _waves(self.inputs.bundle(points, wanted), self.frequencies, wanted)


class GaborFeatures(_Waves):
    """exp(−γⱼ|x − μⱼ|²/2) times sin(Bⱼx) and cos(Bⱼx): waves that each stand in a part of the domain.

    Source: Fathony, Sahu, Willmott & Kolter, ICLR (2021), eq. 7, with B and μ drawn and fixed.
    """

    centers: tuple[tuple[float, ...], ...] = eqx.field(static=True)
    sharpness: tuple[float, ...] = eqx.field(static=True)

    @classmethod
    def drawn(cls, inputs: Coordinates | Holes, count: int, scale: float, key: Array) -> GaborFeatures:
        """``count`` pairs, B Gaussian of standard deviation ``scale``, √γ of a quarter of it.

        Centres are the inputs of points uniform in the box of the coordinates.
        """
        waves, places, widths = jax.random.split(key, 3)
        plain = inputs.coordinates
        box = (jnp.asarray(plain.lower), jnp.asarray(plain.upper))
        points = jax.random.uniform(places, (count, plain.dimension), minval=box[0], maxval=box[1])
        zero = (0,) * plain.dimension
        centers = inputs.bundle(points, (zero,))[zero]
        sharpness = (scale * jax.random.uniform(widths, (count,), minval=0.1, maxval=0.4)) ** 2
        frequencies = scale * jax.random.normal(waves, (count, inputs.width))
        return cls(inputs, _rows(frequencies), _rows(centers), tuple(np.asarray(sharpness).tolist()))

    def bundle(self, points: Array, wanted: Sequence[Key]) -> Bundle:
        """Bundle of the features, entries of shape (n, width)."""
        inner = self.inputs.bundle(points, wanted)
        gamma = jnp.asarray(self.sharpness, points.dtype)
        # γ|x − μ|² = γ|x|² − 2γ μ·x + γ|μ|², so that every derivative is a matrix product
        centers = jnp.asarray(self.centers, points.dtype)
        cross = linear(inner, -gamma[:, None] * centers, gamma * jnp.sum(centers**2, 1) / 2)
        square = {index: entry * gamma / 2 for index, entry in square_of(inner, wanted).items()}
        window = compose(_decay, add(square, cross), wanted)
        both = {index: jnp.concatenate([entry, entry], axis=1) for index, entry in window.items()}
        return product(both, _waves(inner, self.frequencies, wanted), wanted)


Inputs: TypeAlias = Coordinates | Holes | FourierFeatures | GaborFeatures


def along(inputs: Inputs, axis: int) -> Coordinates | FourierFeatures:
    """The inputs that one coordinate makes, as inputs of that coordinate alone.

    Raises ``TypeError`` for those that mix coordinates.
    """
    if isinstance(inputs, Coordinates):
        periodic = (0,) if axis in inputs.periodic else ()
        return Coordinates((inputs.lower[axis],), (inputs.upper[axis],), periodic, inputs.harmonics)
    if isinstance(inputs, FourierFeatures) and isinstance(inputs.inputs, Coordinates):
        columns = inputs.inputs.columns(axis)
        rows = tuple(row[columns] for row in inputs.frequencies)
        return FourierFeatures(along(inputs.inputs, axis).coordinates, rows)
    raise TypeError(f"{type(inputs).__name__} mix coordinates, which a separable network keeps apart")


def _rows(values: Array) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in np.asarray(values).tolist())


def _waves(inner: Bundle, frequencies: tuple[tuple[float, ...], ...], wanted: Sequence[Key]) -> Bundle:
    angle = linear(inner, jnp.asarray(frequencies, inner[wanted[0]].dtype), None)
    return concatenate([compose(activations.sin, angle, wanted), compose(cosine, angle, wanted)], wanted)


def _decay(z: Array, order: int) -> list[Array]:
    value = jnp.exp(-z)
    return [value if k % 2 == 0 else -value for k in range(order + 1)]
