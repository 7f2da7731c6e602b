"""Boundary data carried into the domain, read at points of their own piece of the boundary only.

Each extension agrees with g on its piece and asks g for values nowhere else, so whatever is added to g
that vanishes on the boundary changes nothing. Points are (d,) with the space coordinates first; what
follows (time) passes through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array

from ..geometry.carriers import CylinderSurface, Ellipsoid, Plane, Sphere
from ..geometry.curves import Arc
from .implicit import TINY, ScalarField


@dataclass(frozen=True)
class Face:
    """A side of a box with its data: all x with x[axis] = level."""

    axis: int
    level: float
    data: ScalarField


def coons(faces: Sequence[Face]) -> ScalarField:
    """Transfinite interpolation of data on sides of a box (Gordon, SIAM J. Numer. Anal. 8, 1971).

    The Boolean sum over the axes: along each, what the axes before it have left of the data is carried
    inwards, linearly between two sides, constant from one. Exact on every side where the data of sides
    that meet agree on their common edge; smooth as the data.
    """
    axes = sorted({face.axis for face in faces})

    def through(x: Array, axes: Sequence[int]) -> Array:
        if not axes:
            return jnp.zeros_like(x[0])
        *before, axis = axes
        total = through(x, before)
        own = [face for face in faces if face.axis == axis]
        for face in own:
            opposite = [other.level for other in own if other is not face]
            weight = (x[axis] - opposite[0]) / (face.level - opposite[0]) if opposite else 1.0
            foot = x.at[axis].set(face.level)
            total = total + weight * (face.data(foot) - through(foot, before))
        return total

    return lambda x: through(x, axes)


def projection(carrier: Plane, data: ScalarField) -> ScalarField:
    """g at the foot point on a plane, for pieces that every point of the domain projects onto."""
    point, normal = np.array(carrier.point), np.array(carrier.normal)
    d = len(point)
    return lambda x: data(x.at[:d].add(-jnp.dot(normal, x[:d] - point) * normal))


def round_extension(carrier: Sphere | Ellipsoid | CylinderSurface, data: ScalarField) -> ScalarField:
    """g of a whole sphere, ellipse or cylinder side: along chords within it, along rays outside."""
    match carrier:
        case Sphere():
            center, dimension = np.array(carrier.center), len(carrier.center)
            frame, rest = carrier.radius * np.eye(dimension), np.zeros((dimension, dimension))
        case Ellipsoid():
            center = np.array(carrier.center)
            frame, rest = carrier.rotation() * np.array(carrier.radii), np.zeros((2, 2))
        case CylinderSurface():
            center, axis = np.array(carrier.base), np.array(carrier.axis)
            across = np.linalg.svd(axis[None])[2][1:].T
            frame, rest = carrier.radius * across, np.outer(axis, axis)
    d = len(center)
    inverse = np.linalg.pinv(frame)

    def unit_point(x: Array) -> Array:
        return jnp.dot(inverse, x[:d] - center)

    def at(unit: Array, x: Array) -> Array:
        """g at the point of the carrier over a point of the unit sphere."""
        return data(x.at[:d].set(center + frame @ unit + rest @ (x[:d] - center)))

    def outside(x: Array) -> Array:
        unit = unit_point(x)
        return at(unit / jnp.sqrt(unit @ unit), x)

    def inside(x: Array) -> Array:
        unit = unit_point(x)
        total = weights = jnp.zeros_like(x[0])
        for axis in range(unit.shape[0]):
            square = 1 - (unit @ unit - unit[axis] ** 2)
            half = jnp.sqrt(jnp.maximum(square, TINY))
            share = (1 + unit[axis] / half) / 2
            ends = [at(unit.at[axis].set(end), x) for end in (-half, half)]
            # Short chords are left out smoothly: they divide by their length.
            total = total + square**2 * ((1 - share) * ends[0] + share * ends[1])
            weights = weights + square**2
        return total / weights

    return inside if carrier.side > 0 else outside


def along_segment(start: np.ndarray, end: np.ndarray, data: ScalarField) -> ScalarField:
    """g of a segment at the share d₁/(d₁ + d₂) of its length, dᵢ the distances to its ends.

    The identity on the segment and within it everywhere; smooth but at the ends.
    """

    def function(x: Array) -> Array:
        near, far = _distances(x[:2], start, end)
        share = near / (near + far)
        return data(x.at[:2].set(start + share * (end - start)))

    return function


def along_arc(arc: Arc, data: ScalarField) -> ScalarField:
    """g of an arc where d₁/d₂ is what it is at the point, the distances in units of the half axes.

    On the arc d₁/d₂ = sin(θ/2)/sin((Θ − θ)/2), solved for θ.
    """
    center, frame, opening = np.array(arc.center), arc.frame, arc.stop - arc.start
    inverse = np.linalg.inv(frame)
    start, end = (np.array([np.cos(a), np.sin(a)]) for a in (arc.start, arc.stop))
    sine, cosine = np.sin(opening / 2), np.cos(opening / 2)

    def function(x: Array) -> Array:
        near, far = _distances(jnp.dot(inverse, x[:2] - center), start, end)
        angle = arc.start + 2 * jnp.arctan2(near * sine, far + near * cosine)
        return data(x.at[:2].set(center + frame @ jnp.stack([jnp.cos(angle), jnp.sin(angle)])))

    return function


def _distances(x: Array, start: np.ndarray, end: np.ndarray) -> tuple[Array, Array]:
    near, far = ((x - p) @ (x - p) for p in (start, end))
    return jnp.sqrt(jnp.maximum(near, TINY)), jnp.sqrt(jnp.maximum(far, TINY))
