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

import jax.numpy as jnp
import numpy as np
from jax import Array

from .implicit import TINY, ScalarField

# Σ aₖ sᵏ = asin(√s)/√s; at s < 0.02 the first term left out is below rounding.
_ARCSINE = [math.comb(2 * k, k) / (4**k * (2 * k + 1)) for k in range(10)]


def subtended(start: np.ndarray, end: np.ndarray, tangent: np.ndarray, carrier: ScalarField) -> ScalarField:
    """The function of the piece from ``start`` to ``end``, ``tangent`` its unit direction at the start."""
    chord = float(np.linalg.norm(end - start))

    def function(x: Array) -> Array:
        a, b = start - x, end - x
        near, far = jnp.maximum(a @ a, TINY), jnp.maximum(b @ b, TINY)
        scale = jnp.sqrt(near) * jnp.sqrt(far)
        mirrored = tangent - 2 * (a @ tangent) * a / near
        cosine = mirrored @ (b * near - a * far) / (chord * scale)
        value = carrier(x)
        # Rounding may put boundary points a hair beyond the carrier: there φ goes on with slope one.
        height = jnp.where(value < -1e-9 * chord, -value, value)
        sine = height * chord / scale
        flat = (cosine > 0) & (sine**2 < 0.02)
        series = jnp.polyval(jnp.array(_ARCSINE[::-1]), jnp.where(flat, sine**2, 0.0))
        # On the piece α = π, passed smoothly by heights a rounding below zero.
        behind = cosine < 0
        slope = jnp.arctan2(
            jnp.where(flat, 1.0, sine), jnp.where(flat, 1.0, jnp.where(behind, -cosine, cosine))
        )
        angle = jnp.where(behind, math.pi - slope, slope)
        return jnp.where(flat, math.pi * scale / (chord * series), math.pi * height / angle)

    return function
