"""Values of a trajectory at observed points, by local polynomials through its grid."""

from __future__ import annotations

from itertools import product

import jax.numpy as jnp
import numpy as np
from jax import Array

_NODES = 6


class Sampler:
    """Interpolates values on a uniform grid at points (n, d), of sixth order in every variable."""

    def __init__(self, lines: list[np.ndarray], points: np.ndarray):
        places, weights = [], []
        for line, x in zip(lines, points.T, strict=True):
            h = line[1] - line[0]
            first = np.clip(np.floor((x - line[0]) / h).astype(int) - _NODES // 2 + 1, 0, len(line) - _NODES)
            xi = (x - line[0]) / h - first
            nodes = np.arange(_NODES)
            factors = [
                np.prod([(xi - m) / (j - m) for m in nodes if m != j], axis=0) for j in nodes
            ]  # Lagrange's polynomials
            places.append(first[:, None] + nodes)
            weights.append(np.stack(factors, axis=1))
        shape = tuple(len(line) for line in lines)
        choices = list(product(range(_NODES), repeat=len(lines)))
        index, weight = [], []
        for choice in choices:
            chosen = [p[:, c] for p, c in zip(places, choice, strict=True)]
            index.append(np.ravel_multi_index(chosen, shape))
            weight.append(np.prod([w[:, c] for w, c in zip(weights, choice, strict=True)], axis=0))
        self._index, self._weight = jnp.asarray(np.stack(index, 1)), jnp.asarray(np.stack(weight, 1))

    def __call__(self, values: Array) -> Array:
        """The interpolated values (n,) of an array over the grid."""
        return jnp.sum(values.reshape(-1)[self._index] * self._weight, axis=1)
