"""Lagrange elements of degree 1–4 on lines and triangles, tabulated on the reference cell.

Only this file and ``mesh.py`` speak to scikit-fem. Its automatic differentiation is never imported:
that switches JAX to double precision globally.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Of floating-point numbers, save where a shape comment says otherwise.
Array = NDArray[Any]

HIGHEST_DEGREE = 4


def element(dimension: int, degree: int):
    """A scikit-fem element of a degree: hierarchical on lines, nodal on triangles.

    Made anew each time: the one on lines keeps the values at its last points and takes any points of the
    same number for those.
    """
    import skfem

    if not 1 <= degree <= HIGHEST_DEGREE and not (dimension == 1 and degree >= 1):
        raise ValueError(f"no element of degree {degree} in {dimension}-D")
    if dimension == 1:
        return skfem.ElementLineP1() if degree == 1 else _hierarchical_line(degree)
    triangles = {
        1: skfem.ElementTriP1,
        2: skfem.ElementTriP2,
        3: skfem.ElementTriP3,
        4: skfem.ElementTriP4,
    }
    return triangles[degree]()


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
    return degree + 1 if dimension == 1 else (degree + 1) * (degree + 2) // 2


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


def tabulate_second(dimension: int, degree: int, points: Array) -> Array:
    """Second reference derivatives (shapes, q, pairs), pairs r ≤ s as in ``second_axes``.

    The slopes are polynomials, so differentiating the monomials that they are made of is exact.
    """
    exponents = np.array([e for e in np.ndindex(*(degree,) * dimension) if sum(e) < degree])
    lattice = exponents.T / max(degree - 1, 1)
    slopes = tabulate(dimension, degree, lattice)[..., 1:]
    coefficients = np.einsum("mq,sqr->smr", np.linalg.inv(_monomials(lattice, exponents)), slopes)
    second = []
    for r in range(dimension):
        for s in range(r, dimension):
            lowered = np.maximum(exponents - np.eye(dimension, dtype=int)[s], 0)
            table = exponents[:, s] * _monomials(points, lowered)
            second.append(np.einsum("qm,sm->sq", table, coefficients[..., r]))
    return np.stack(second, axis=-1)


def _monomials(points: Array, exponents: Array) -> Array:
    """Monomials (q, m) at ``points`` (d, q)."""
    return np.prod(points.T[:, None, :] ** exponents, axis=2)


@cache
def quadrature(dimension: int, order: int) -> tuple[Array, Array]:
    """Points (d, q) and weights (q,) of a rule exact for polynomials up to ``order``; d = 0 is a point."""
    from skfem.quadrature import get_quadrature
    from skfem.refdom import RefLine, RefTri

    if dimension == 0:
        return np.zeros((0, 1)), np.ones(1)
    points, weights = get_quadrature(RefLine if dimension == 1 else RefTri, order)
    return np.ascontiguousarray(points, float), np.asarray(weights, float)


def nodes(degree: int) -> Array:
    """Reference positions (shapes, 2) of the nodal degrees of freedom of a triangle."""
    return np.asarray(element(2, degree).doflocs, float)
