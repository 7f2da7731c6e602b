"""Potentials of vector fields on staggered grids: exact inversion of the Laplacian by its eigenvectors."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array

from .grid import Grid

_ZERO = 1e-9  # of the largest eigenvalue: that of the constant


class Potentials:
    """φ with Δφ = r at the centres of cells, periodic or without slope at walls, its mean zero.

    Δ is the second difference, diagonal in products of its eigenvectors along each axis (Lynch, Rice &
    Thomas, Numer. Math. 6, 1964).
    """

    def __init__(self, grid: Grid):
        self.grid = grid
        modes = [_modes(grid, axis) for axis in range(len(grid.counts))]
        self._vectors = [jnp.asarray(vectors) for vectors, _ in modes]
        sizes = np.zeros(grid.counts)
        for axis, (_, values) in enumerate(modes):
            sizes = sizes + values.reshape([-1 if a == axis else 1 for a in range(sizes.ndim)])
        seen = np.abs(sizes) > _ZERO * np.abs(sizes).max()
        self._inverse = jnp.asarray(np.where(seen, 1 / np.where(seen, sizes, 1.0), 0.0))

    def of(self, right: Array) -> Array:
        """φ (*counts) for r (*counts); the mean of r is left out."""
        spectrum = _transformed(right, [vectors.T for vectors in self._vectors])
        return _transformed(self._inverse * spectrum, self._vectors)

    def gradient(self, potential: Array) -> Array:
        """Differences (axes, *counts) across the lower faces of cells, zero on walls."""
        parts = []
        for axis, h in enumerate(self.grid.spacing):
            step = potential - jnp.roll(potential, 1, axis)
            if not self.grid.periodic[axis]:
                step = jnp.moveaxis(jnp.moveaxis(step, axis, 0).at[0].set(0.0), 0, axis)
            parts.append(step / h)
        return jnp.stack(parts)


def _transformed(values: Array, matrices: Sequence[Array]) -> Array:
    for axis, matrix in enumerate(matrices):
        values = jnp.moveaxis(jnp.tensordot(matrix, values, axes=(1, axis)), 0, axis)
    return values


def _modes(grid: Grid, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvectors and eigenvalues of the second difference along an axis."""
    cells = np.eye(grid.counts[axis])
    step = cells - np.roll(cells, -1, axis=0) if grid.periodic[axis] else np.diff(cells, axis=0)
    values, vectors = np.linalg.eigh(-step.T @ step / grid.spacing[axis] ** 2)
    return vectors, values
