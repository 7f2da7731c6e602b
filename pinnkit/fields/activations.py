"""Activation functions with their derivatives in closed form.

Each maps ``(z, order)`` to the list σ(z), σ′(z), …, σ⁽ᵒʳᵈᵉʳ⁾(z), orders up to five: four for the derivatives
of a network, one more for their change with its parameters.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from .derivatives import Outer, one_minus_square

_GABOR = 1.75  # oscillations under the envelope, as the Morlet wavelet has them


def _tanh(z: Array, order: int) -> list[Array]:
    y = jnp.tanh(z)
    d, s = 1 - y * y, y * y
    higher = [-2 * y * d, d * (6 * s - 2), d * y * (16 - 24 * s), d * (16 - 120 * s + 120 * s * s)]
    return [y, d, *higher][: order + 1]


def _sin(z: Array, order: int) -> list[Array]:
    s = jnp.sin(z)
    if order == 0:
        return [s]
    c = jnp.cos(z)
    return [s, c, -s, -c, s, c][: order + 1]


def _swish(z: Array, order: int) -> list[Array]:
    s = jax.nn.sigmoid(z)
    d = s * (1 - s)
    logistic = [
        s,
        d,
        d * (1 - 2 * s),
        d * (1 - 6 * s + 6 * s * s),
        d * (1 - 2 * s) * (1 - 12 * s + 12 * s * s),
        d * (1 - 30 * s + 150 * s**2 - 240 * s**3 + 120 * s**4),
    ]
    return [z * s] + [z * logistic[k] + k * logistic[k - 1] for k in range(1, order + 1)]


def gabor(z: Array, order: int) -> list[Array]:
    """cos(ωz)·exp(−z²/2) with ω = 1.75, the real Gabor or Morlet wavelet.

    f′ = −z f − ω h and h′ = −z h + ω f with h = sin(ωz)·exp(−z²/2), and so on by Leibniz' rule. Source: Zhang
    & Benveniste, IEEE Trans. Neural Netw. 3 (1992).
    """
    envelope = jnp.exp(-z * z / 2)
    f, h = [envelope * jnp.cos(_GABOR * z)], [envelope * jnp.sin(_GABOR * z)]
    for k in range(order):
        below = (k * f[k - 1], k * h[k - 1]) if k else (0.0, 0.0)
        f, h = (
            [*f, -z * f[k] - below[0] - _GABOR * h[k]],
            [*h, -z * h[k] - below[1] + _GABOR * f[k]],
        )
    return f


tanh = Outer(_tanh, one_minus_square)
sin = Outer(_sin)
swish = Outer(_swish)  # z·σ(z) with the logistic σ (SiLU)

ACTIVATIONS: dict[str, Outer] = {"tanh": tanh, "sin": sin, "swish": swish, "gabor": Outer(gabor)}
