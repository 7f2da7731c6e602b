"""Line meshes fitted to the solution: cells halved where the highest-degree part of it is large."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .elements import Array
from .fields import DiscreteField
from .mesh import FiniteMesh
from .refine import halved_where

_ROUNDS = 14
_TIMES = 33


def adapted_lines(
    mesh: FiniteMesh, solve: Callable[[FiniteMesh], DiscreteField], wanted: float, max_dofs: int
) -> FiniteMesh:
    """A mesh on which the part of the solution that the last degree adds is below ``wanted``, relative L2.

    Elements on lines are hierarchical: the coefficient of the highest bubble is what the solution of one
    degree less lacks in that cell. Cells are halved until they carry equal shares of it.
    """
    for _ in range(_ROUNDS):
        solution = solve(mesh)
        shares = _shares(solution)
        if np.sqrt(shares.sum()) <= wanted or 2 * solution.product.size > max_dofs:
            break
        marked = shares > wanted**2 / len(shares)
        mesh = halved_where(mesh, marked)
    return mesh


def _shares(solution: DiscreteField) -> Array:
    """Squared relative L2 norm (m,) of the highest bubbles of each cell, worst over unknowns and times."""
    product = solution.product
    lengths = product.mesh.sizes
    if solution.trajectory is not None:
        times = solution.trajectory.times
        states = solution.trajectory.at(np.linspace(times[0], times[-1], _TIMES))
    else:
        states = solution.coefficients[None]
    worst = np.zeros(len(lengths))
    for k, space in enumerate(product.spaces):
        own = states[:, product.part(k)]
        ends = own[:, space.cell_dofs[:, :2]]
        size = max(float(((ends**2).mean(axis=2) @ lengths).max()), 1e-300)
        highest = own[:, space.cell_dofs[:, -1]]
        # ∫ of the squared bubble over its cell, for the scaled integrated Legendre polynomials.
        p = space.degree
        norm = 1 / ((2 * p - 3) * (2 * p + 1)) if p > 1 else 1.0
        worst = np.maximum(worst, (highest**2).max(axis=0) * lengths * norm / size)
    return worst
