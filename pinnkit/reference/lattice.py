"""Nodal Lagrange elements on tetrahedra of any degree, which scikit-fem has up to degree two only."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
from skfem.element import ElementH1
from skfem.refdom import RefTet

from .elements import CELL_EDGES, CELL_FACETS, Array


class LatticeTet(ElementH1):
    """Polynomials of a degree p, by their values at the lattice of points with coordinates i/p.

    Nodes of edges and faces follow their vertices in ascending order, so that neighbouring cells, whose
    vertices ascend too, agree on them.
    """

    nodal_dofs = 1
    refdom = RefTet

    def __init__(self, degree: int):
        self.maxdeg = degree
        self.edge_dofs = degree - 1
        self.facet_dofs = (degree - 1) * (degree - 2) // 2
        self.interior_dofs = (degree - 1) * (degree - 2) * (degree - 3) // 6
        self.dofnames = ["u"] * (1 + self.edge_dofs + self.facet_dofs + self.interior_dofs)
        self.doflocs, self._exponents, self._coefficients = _lattice(degree)

    def lbasis(self, X: Array, i: int) -> tuple[Array, Array]:
        """Value (q,) and gradient (3, q) of shape function i at points X (3, q)."""
        powers = [x ** np.arange(self.maxdeg + 1)[:, None] for x in X]
        own, e = self._coefficients[:, i], self._exponents
        a, b, c = (powers[axis][e[:, axis]] for axis in range(3))
        value = own @ (a * b * c)
        slopes = []
        for axis in range(3):
            lowered = [a, b, c]
            lowered[axis] = e[:, axis, None] * powers[axis][np.maximum(e[:, axis] - 1, 0)]
            slopes.append(own @ (lowered[0] * lowered[1] * lowered[2]))
        return value, np.array(slopes)


@cache
def _lattice(degree: int) -> tuple[Array, Array, Array]:
    """Nodes (k, 3), exponents (k, 3) of the monomials, and each shape function's coefficients (k, k)."""
    corners = np.vstack([np.zeros(3), np.eye(3)])

    def inside(count: int) -> list[tuple[int, ...]]:
        """Positive weights of ``count`` vertices that add up to the degree, the last ones growing first."""
        some = product(range(1, degree), repeat=count - 1)
        return [(degree - sum(w), *w) for w in some if sum(w) < degree]

    entities = [*CELL_EDGES[3], *CELL_FACETS[3], (0, 1, 2, 3)]
    nodes = np.array(
        [
            *corners,
            *(np.array(w) @ corners[list(e)] / degree for e in entities for w in inside(len(e))),
        ]
    )
    exponents = np.array([e for e in product(range(degree + 1), repeat=3) if sum(e) <= degree])
    monomials = np.prod(nodes[:, None, :] ** exponents, axis=2)
    return nodes, exponents, np.linalg.inv(monomials)
