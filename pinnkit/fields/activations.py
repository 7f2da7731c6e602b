"""Activation functions with their derivatives in closed form.

Each maps ``(z, order)`` to the list σ(z), σ′(z), …, σ⁽ᵒʳᵈᵉʳ⁾(z), orders up to four.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

Activation = Callable[[Array, int], list[Array]]


def tanh(z: Array, order: int) -> list[Array]:
    """Hyperbolic tangent."""
    y = jnp.tanh(z)
    d = 1 - y * y
    return [y, d, -2 * y * d, d * (6 * y * y - 2), d * y * (16 - 24 * y * y)][: order + 1]


def sin(z: Array, order: int) -> list[Array]:
    """Sine."""
    s = jnp.sin(z)
    if order == 0:
        return [s]
    c = jnp.cos(z)
    return [s, c, -s, -c, s][: order + 1]


def swish(z: Array, order: int) -> list[Array]:
    """z·σ(z) with the logistic σ (SiLU)."""
    s = jax.nn.sigmoid(z)
    d = s * (1 - s)
    logistic = [
        s,
        d,
        d * (1 - 2 * s),
        d * (1 - 6 * s + 6 * s * s),
        d * (1 - 2 * s) * (1 - 12 * s + 12 * s * s),
    ]
    return [z * s] + [z * logistic[k] + k * logistic[k - 1] for k in range(1, order + 1)]


ACTIVATIONS: dict[str, Activation] = {"tanh": tanh, "sin": sin, "swish": swish}
