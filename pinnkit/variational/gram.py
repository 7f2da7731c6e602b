"""Local Gram matrices of test functions, and the rows that they turn tested residuals into.

With G = L Lᵀ the rows L⁻¹R have the square Rᵀ G⁻¹ R, the norm of the residual as a functional on the span of
the tests: no weights by hand for size, order or basis. With G from ∫ ∇v·∇v it is that of H⁻¹, the energy norm
of the error in a diffusion problem; with ∫ v v the L² norm of the residual's projection.
Source: Rojas, Maczuga, Muñoz-Matute, Pardo & Paszyński, Comput. Methods Appl. Mech. Eng. 425 (2024).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from .cells import MappedPoints
from .test_functions import TestTable

Norm = Literal["gradient", "value"]
_CHUNK = 4096
_SINGULAR = 1e-13


class DependentTests(ValueError):
    """Test functions that a quadrature cannot tell from each other."""


def gram(table: TestTable, mapped: MappedPoints, norm: Norm) -> np.ndarray:
    """∫ ∇v_t·∇v_u or ∫ v_t v_u for every cell, (e, t, t)."""
    if norm == "value":
        pairs = np.einsum("tq,uq->qtu", table.value, table.value)
        return np.einsum("eq,qtu->etu", mapped.weights, pairs, optimize=True)
    t = table.count
    pairs = np.einsum("rtq,suq->rsqtu", table.gradient, table.gradient).reshape(-1, t * t)
    parts = []
    for start in range(0, len(mapped.weights), _CHUNK):
        inverse, weights = mapped.inverse[start : start + _CHUNK], mapped.weights[start : start + _CHUNK]
        metric = np.einsum("eq,eqrd,eqsd->ersq", weights, inverse, inverse, optimize=True)
        parts.append((metric.reshape(len(weights), -1) @ pairs).reshape(-1, t, t))
    return np.concatenate(parts)


def whitening(matrices: np.ndarray) -> np.ndarray:
    """L⁻¹ (e, t, t) of symmetric G = L Lᵀ.

    Raises ``DependentTests`` where a matrix is singular within rounding.
    """
    size = np.sqrt(np.einsum("ett->et", matrices))
    if np.any(size == 0):
        raise DependentTests("a test function vanishes at all quadrature points")
    scaled = matrices / size[:, :, None] / size[:, None, :]
    smallest = np.linalg.eigvalsh(scaled)[:, 0] if len(scaled) else np.ones(1)
    if smallest.min() < _SINGULAR:
        raise DependentTests("test functions are linearly dependent at the quadrature points")
    factor = np.linalg.cholesky(scaled)
    identity = np.broadcast_to(np.eye(matrices.shape[1]), matrices.shape)
    return np.linalg.solve(factor, identity) / size[:, None, :]


def pruned_whitening(matrices: np.ndarray) -> np.ndarray:
    """Λ^{−½}Qᵀ (e, t, t) of G = QΛQᵀ, for tests of which some may depend on others: their rows are zero."""
    size = np.sqrt(np.einsum("ett->et", matrices))
    size = np.where(size == 0, 1.0, size)
    values, vectors = np.linalg.eigh(matrices / size[:, :, None] / size[:, None, :])
    kept = values > _SINGULAR * values[:, -1:]
    scale = np.where(kept, 1 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    return scale[:, :, None] * vectors.swapaxes(1, 2) / size[:, None, :]
