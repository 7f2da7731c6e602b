"""Collocation in time at Radau's points: the implicit Runge–Kutta methods Radau IIA of order 2q − 1.

Source: Hairer & Wanner, Solving Ordinary Differential Equations II (1996), sections IV.5 and IV.8.
"""

from __future__ import annotations

import numpy as np
from scipy.special import roots_jacobi


class Radau:
    """q stages c with c_q = 1, the matrix a_ij = ∫₀^{c_i} ℓ_j, and its eigenvectors."""

    def __init__(self, stages: int):
        self.stages = stages
        self.nodes = np.append((roots_jacobi(stages - 1, 1, 0)[0] + 1) / 2, 1.0)
        powers = np.arange(stages)
        self._lagrange = np.linalg.inv(self.nodes[:, None] ** powers)
        self.matrix = self.integrals(self.nodes)
        self.eigenvalues, self.vectors = np.linalg.eig(self.matrix)
        self.inverse = np.linalg.inv(self.vectors)
        self._legendre = np.linalg.inv(np.polynomial.legendre.legvander(2 * self.nodes - 1, stages - 1))

    def values(self, shares: np.ndarray, order: int = 0) -> np.ndarray:
        """∂^order ℓ_j (n, q) at shares (n,) of the slab, by the share."""
        powers = np.arange(self.stages)
        factor = np.ones(self.stages)
        for k in range(order):
            factor = factor * (powers - k)
        raised = np.maximum(powers - order, 0)
        return (factor * np.asarray(shares)[:, None] ** raised) @ self._lagrange

    def integrals(self, shares: np.ndarray) -> np.ndarray:
        """∫₀^share ℓ_j (n, q)."""
        powers = np.arange(1, self.stages + 1)
        return (np.asarray(shares)[:, None] ** powers / powers) @ self._lagrange

    def last_term(self, values: np.ndarray) -> np.ndarray:
        """The coefficient of the highest Legendre polynomial through values (q, …) at the stages."""
        return np.tensordot(self._legendre[-1], values, axes=(0, 0))
