"""Lagrange elements of degree 1–4 on lines, triangles and tetrahedra, tabulated on the reference cell.

Only this file, ``lattice.py`` and ``mesh.py`` speak to scikit-fem. Its automatic differentiation is never
imported: that switches JAX to double precision globally.
"""

from __future__ import annotations

import logging
from functools import cache
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..geometry.quadrature import simplex_rule

# Of floating-point numbers, save where a shape comment says otherwise.
Array = NDArray[Any]

HIGHEST_DEGREE = 4
# Vertices of a cell's facets and edges, by dimension, in scikit-fem's order.
CELL_FACETS: dict[int, tuple[tuple[int, ...], ...]] = {
    1: ((0,), (1,)),
    2: ((0, 1), (1, 2), (0, 2)),
    3: ((0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)),
}
CELL_EDGES: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((0, 1),),
    2: ((0, 1), (1, 2), (0, 2)),
    3: ((0, 1), (1, 2), (0, 2), (0, 3), (1, 3), (2, 3)),
}
# Which of scikit-fem's rules on tetrahedra is exact to an order: from the fifth on they are exact to one
# order less than they say, and those called 3 and 4 have negative weights.
_TETRAHEDRA = {1: 1, 2: 2, 3: 5, 4: 5, 5: 6, 6: 7, 7: 8, 8: 9}


def element(dimension: int, degree: int):
    """A scikit-fem element of a degree: hierarchical on lines, nodal on triangles and tetrahedra.

    Made anew each time: the one on lines keeps the values at its last points and takes any points of the
    same number for those.
    """
    import skfem

    if not 1 <= degree <= HIGHEST_DEGREE and not (dimension == 1 and degree >= 1):
        raise ValueError(f"no element of degree {degree} in {dimension}-D")
    if dimension == 1:
        return skfem.ElementLineP1() if degree == 1 else _hierarchical_line(degree)
    if dimension == 3 and degree > 2:
        from .lattice import LatticeTet

        return LatticeTet(degree)
    known = {
        (2, 1): skfem.ElementTriP1,
        (2, 2): skfem.ElementTriP2,
        (2, 3): skfem.ElementTriP3,
        (2, 4): skfem.ElementTriP4,
        (3, 1): skfem.ElementTetP1,
        (3, 2): skfem.ElementTetP2,
    }
    return known[dimension, degree]()


def _hierarchical_line(degree: int):
    """Vertex functions and bubbles; scikit-fem would log its preference for the nodal element of degree 2."""
    import skfem

    log = logging.getLogger(skfem.ElementLinePp.__module__)
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        return skfem.ElementLinePp(degree)
    finally:
        log.setLevel(before)


def shape_count(dimension: int, degree: int) -> int:
    """Number of shape functions of one cell."""
    return comb(degree + dimension, dimension)


def tabulate(dimension: int, degree: int, points: Array) -> Array:
    """Shape functions and their reference derivatives.

    ``points`` (d, q) in the reference cell; returns (shapes, q, 1 + d): value first, then ∂/∂ξᵣ.
    """
    chosen = element(dimension, degree)
    table = np.empty((shape_count(dimension, degree), points.shape[1], 1 + dimension))
    for i in range(table.shape[0]):
        value, derivative = chosen.lbasis(points, i)
        table[i, :, 0] = value
        table[i, :, 1:] = np.broadcast_to(np.asarray(derivative), points.shape).T
    return table


@cache
def quadrature(dimension: int, order: int) -> tuple[Array, Array]:
    """Points (d, q) and weights (q,) of a rule exact for polynomials up to ``order``; d = 0 is a point."""
    from skfem.quadrature import get_quadrature
    from skfem.refdom import RefLine, RefTet, RefTri

    if dimension == 0:
        return np.zeros((0, 1)), np.ones(1)
    if dimension == 3:
        if order not in _TETRAHEDRA:
            points, weights = simplex_rule(3, order)
            return np.ascontiguousarray(points.T), weights
        order = _TETRAHEDRA[order]
    cell = {1: RefLine, 2: RefTri, 3: RefTet}[dimension]
    points, weights = get_quadrature(cell, order)
    return np.ascontiguousarray(points, float), np.asarray(weights, float)


@cache
def nodes(dimension: int, degree: int) -> Array:
    """Reference positions (shapes, d) of the nodal degrees of freedom of a triangle or tetrahedron."""
    return np.asarray(element(dimension, degree).doflocs, float)


@cache
def shapes_on_facets(dimension: int, degree: int) -> Array:
    """Which shape functions live on each facet of a triangle or tetrahedron: numbers (facets, k)."""
    at = nodes(dimension, degree)
    barycentric = np.column_stack([1 - at.sum(axis=1), at])
    opposite = [next(v for v in range(dimension + 1) if v not in f) for f in CELL_FACETS[dimension]]
    return np.array([np.flatnonzero(np.abs(barycentric[:, v]) < 1e-12) for v in opposite])
