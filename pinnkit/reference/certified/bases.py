"""Orthonormal polynomials on the reference simplex: scalars of degree k, Raviart–Thomas fluxes of degree k.

RT_k = [P_k]ᵈ + ξ·P̃_k (Raviart & Thomas 1977; Nédélec 1980), in any dimension. On a cell the flux is
J τ̂/|det J| (Piola), so that ∫ div τ φ and ∮ τ·n ψ are the same numbers on every cell, curved or not.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np

from ...geometry.quadrature import simplex_rule
from ..elements import Array


@cache
def _exponents(dimension: int, degree: int) -> tuple[tuple[int, ...], ...]:
    """Monomials of degree up to ``degree``, lowest first."""
    found = [e for e in product(range(degree + 1), repeat=dimension) if sum(e) <= degree]
    return tuple(sorted(found, key=lambda e: (sum(e), e)))


def _monomial(exponents: tuple[int, ...], points: Array) -> Array:
    return np.prod([points[i] ** e for i, e in enumerate(exponents)], axis=0) + np.zeros(points.shape[1])


def _monomial_slope(exponents: tuple[int, ...], axis: int, points: Array) -> Array:
    if not exponents[axis]:
        return np.zeros(points.shape[1])
    lowered = tuple(e - (i == axis) for i, e in enumerate(exponents))
    return exponents[axis] * _monomial(lowered, points)


def _orthonormaliser(values: Array, weights: Array) -> Array:
    """Rows T such that T @ values is orthonormal; values (n, …, q)."""
    flat = (values * np.sqrt(weights)).reshape(len(values), -1)
    upper = np.linalg.qr(flat.T, mode="r")
    return np.linalg.inv(upper).T


@cache
def _scalar_transform(dimension: int, degree: int) -> Array:
    points, weights = simplex_rule(dimension, 2 * degree)
    return _orthonormaliser(_raw_scalars(dimension, degree, points.T), weights)


def _raw_scalars(dimension: int, degree: int, points: Array) -> Array:
    return np.stack([_monomial(e, points) for e in _exponents(dimension, degree)])


def scalars(degree: int, points: Array) -> Array:
    """Values (n, q) at reference points (d, q) of a basis of P_k that is orthonormal, constants first."""
    dimension = len(points)
    if dimension == 0:
        return np.ones((1, points.shape[1]))
    return _scalar_transform(dimension, degree) @ _raw_scalars(dimension, degree, points)


@cache
def _flux_transform(dimension: int, degree: int) -> Array:
    points, weights = simplex_rule(dimension, 2 * degree + 2)
    return _orthonormaliser(_raw_fluxes(dimension, degree, points.T)[0], weights)


def _raw_fluxes(dimension: int, degree: int, points: Array) -> tuple[Array, Array]:
    values, divergences = [], []
    for exponents in _exponents(dimension, degree):
        for axis in range(dimension):
            field = np.zeros((dimension, points.shape[1]))
            field[axis] = _monomial(exponents, points)
            values.append(field)
            divergences.append(_monomial_slope(exponents, axis, points))
    for exponents in _exponents(dimension, degree):
        if sum(exponents) == degree:
            factor = _monomial(exponents, points)
            values.append(points * factor)
            divergences.append((dimension + degree) * factor)
    return np.stack(values), np.stack(divergences)


def fluxes(degree: int, points: Array) -> tuple[Array, Array]:
    """Values (n, d, q) and divergences (n, q) at reference points (d, q) of an orthonormal basis of RT_k."""
    dimension = len(points)
    transform = _flux_transform(dimension, degree)
    values, divergences = _raw_fluxes(dimension, degree, points)
    return np.einsum("ab,bdq->adq", transform, values), transform @ divergences
