"""Distance-like functions of segments and circular arcs, smooth everywhere but at their ends.

1/φ = (1/π) ∫ ds / |x − y|² over the piece, the L₁ distance field of Belyaev, Fayolle & Pasko (Comput.
Aided Design 45, 2013, §3). It adds over pieces: joined by φ = (Σ φᵢ⁻¹)⁻¹ (Biswas & Shapiro, Graph. Models
66, 2004, with m = 1) the result does not depend on how a boundary is cut into pieces. On a whole line it
is the distance, on a whole circle |r² − ρ²|/2r, and it has slope one on every piece.

The integral is the length of the piece after inversion in x, again an arc: with F the carrier's function
(distance to the line, (r² − ρ²)/2r for the circle), C the chord and d₁, d₂ the distances to the ends,
that arc has radius 1/2|F| and chord C/d₁d₂, so that φ = π|F|/α with sin α = |F|C/d₁d₂ and α the angle
between chord and tangent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..geometry.carriers import Ellipsoid, Plane, Sphere
from .implicit import TINY, ScalarField, harmonic_sum

# Σ aₖ sᵏ = asin(√s)/√s; at s < 0.02 the first term left out is below rounding.
_ARCSINE = np.array([math.comb(2 * k, k) / (4**k * (2 * k + 1)) for k in range(10)])


@dataclass(frozen=True)
class Strand:
    """A segment or an arc: its ends, the unit tangent at its start, its carrier.

    ``leaves`` tells which ends were moved far away, straight on and out of the domain.
    """

    start: np.ndarray
    end: np.ndarray
    tangent: np.ndarray
    carrier: Plane | Sphere | Ellipsoid
    leaves: tuple[bool, bool] = (False, False)

    def local(self) -> tuple[np.ndarray | float, ...]:
        """Centre and matrix of coordinates y = A(x − c), their scale, start, end and tangent in them, and
        f₀, f₁, f₂ of the carrier's function f₀ + f₁·y + f₂|y|², in which ellipses are unit circles."""
        match self.carrier:
            case Plane():
                frame, center, scale = np.eye(2), np.array(self.carrier.point), 1.0
                value = (0.0, -np.array(self.carrier.normal), 0.0)
            case Sphere():
                frame, center, scale = np.eye(2), np.array(self.carrier.center), 1.0
                radius, side = self.carrier.radius, self.carrier.side
                value = (side * radius / 2, np.zeros(2), -side / (2 * radius))
            case Ellipsoid():
                radii = np.array(self.carrier.radii)
                frame, center = self.carrier.rotation().T / radii[:, None], np.array(self.carrier.center)
                scale, value = min(radii), (self.carrier.side / 2, np.zeros(2), -self.carrier.side / 2)
        tangent = frame @ self.tangent
        ends = frame @ (self.start - center), frame @ (self.end - center)
        return center, frame, scale, *ends, tangent / np.linalg.norm(tangent), *value


def subtended(strands: Sequence[Strand]) -> ScalarField:
    """(Σ φᵢ⁻¹)⁻¹ over the strands, all of them evaluated by one set of array operations."""
    numbers: tuple[Any, ...] = tuple(
        np.stack(column) for column in zip(*(s.local() for s in strands), strict=True)
    )
    return lambda x: harmonic_sum(jax.vmap(_subtended, in_axes=(None, *[0] * len(numbers)))(x, *numbers))


def _subtended(
    x: Array, center: Array, frame: Array, unit: Array, start: Array, end: Array, tangent: Array,
    constant: Array, slope: Array, bend: Array,
) -> Array:  # fmt: skip
    y = frame @ (x - center)
    a, b = start - y, end - y
    chord = jnp.sqrt((end - start) @ (end - start))
    near, far = jnp.maximum(a @ a, TINY), jnp.maximum(b @ b, TINY)
    scale = jnp.sqrt(near) * jnp.sqrt(far)
    mirrored = tangent - 2 * (a @ tangent) * a / near
    cosine = mirrored @ (b * near - a * far) / (chord * scale)
    value = constant + slope @ y + bend * (y @ y)
    # Rounding may put boundary points a hair beyond the carrier: there φ goes on with slope one.
    height = jnp.where(value < -1e-9 * chord, -value, value)
    sine = height * chord / scale
    flat = (cosine > 0) & (sine**2 < 0.02)
    series = jnp.polyval(jnp.array(_ARCSINE[::-1]), jnp.where(flat, sine**2, 0.0))
    # On the piece α = π, passed smoothly by heights a rounding below zero.
    behind = cosine < 0
    ahead = jnp.where(behind, -cosine, cosine)
    turn = jnp.arctan2(jnp.where(flat, 1.0, sine), jnp.where(flat, 1.0, ahead))
    angle = jnp.where(behind, math.pi - turn, turn)
    return unit * jnp.where(flat, math.pi * scale / (chord * series), math.pi * height / angle)
