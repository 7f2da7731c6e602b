"""Second derivatives of shape functions and of the maps of curved cells."""

from __future__ import annotations

import numpy as np

from .elements import Array, tabulate
from .kernels import second_axes
from .mesh import FiniteMesh, Index


def tabulate_second(dimension: int, degree: int, points: Array) -> Array:
    """Second reference derivatives (shapes, q, pairs), pairs r ≤ s as in ``second_axes``.

    The slopes are polynomials, so differentiating the monomials that they are made of is exact.
    """
    exponents = np.array([e for e in np.ndindex(*(degree,) * dimension) if sum(e) < degree])
    lattice = exponents.T / max(degree - 1, 1)
    slopes = tabulate(dimension, degree, lattice)[..., 1:]
    coefficients = np.einsum("mq,sqr->smr", np.linalg.inv(_monomials(lattice, exponents)), slopes)
    second = []
    for r, s in second_axes(dimension):
        lowered = np.maximum(exponents - np.eye(dimension, dtype=int)[s], 0)
        table = exponents[:, s] * _monomials(points, lowered)
        second.append(np.einsum("qm,sm->sq", table, coefficients[..., r]))
    return np.stack(second, axis=-1)


def _monomials(points: Array, exponents: Array) -> Array:
    """Monomials (q, m) at ``points`` (d, q)."""
    return np.prod(points.T[:, None, :] ** exponents, axis=2)


def bend(mesh: FiniteMesh, cells: Index, reference: Array, inverse: Array) -> Array:
    """∂²ξᵣ/∂xᵢ∂xⱼ (c, q, d, pairs) on curved cells: −∂ξᵣ/∂x_k · ∂²x_k/∂ξ_s∂ξ_t · ∂ξ_s/∂xᵢ · ∂ξ_t/∂xⱼ.

    ``inverse`` (c, q, r, d) holds ∂ξᵣ/∂x_d at the reference points (d, q).
    """
    second = tabulate_second(mesh.dimension, mesh.geometry_degree, reference)
    curvature = np.einsum("cgk,gqp->cqkp", mesh.geometry[cells], second)
    pairs = second_axes(mesh.dimension)
    result = np.zeros_like(curvature)
    for p in range(len(pairs)):
        for q, factor in enumerate(second_chain(inverse, p)):
            result[..., p] -= np.einsum("cqrk,cqk,cq->cqr", inverse, curvature[..., q], factor)
    return result


def second_chain(inverse: Array, pair: int) -> list[Array]:
    """Factors (c, q) of the second reference derivatives in the second derivative of number ``pair``."""
    pairs = second_axes(inverse.shape[-1])
    i, j = pairs[pair]
    return [
        inverse[..., r, i] * inverse[..., s, j] + (inverse[..., s, i] * inverse[..., r, j] if r != s else 0)
        for r, s in pairs
    ]
