"""A trajectory of coefficient vectors that can be evaluated at any time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .elements import Array


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Piecewise polynomials in time: u(t) = Σₖ Bₖ(τ) Xₖ on each segment, τ = (t − tₛ)/(tₛ₊₁ − tₛ).

    ``times`` (s+1,); ``nodes`` (s, k, N), the Xₖ; ``basis`` (k, degree+1), power coefficients of the Bₖ.
    """

    times: Array
    nodes: Array
    basis: Array

    def weights(self, times: Array, rate: int = 0) -> tuple[np.ndarray, Array]:
        """Segments (n,) and the basis, or its derivative of order ``rate``, at ``times`` (n, k)."""
        segment = np.clip(np.searchsorted(self.times, times, side="right") - 1, 0, len(self.nodes) - 1)
        length = self.times[segment + 1] - self.times[segment]
        tau = (times - self.times[segment]) / length
        basis = np.polynomial.polynomial.polyder(self.basis, rate, axis=1) if rate else self.basis
        values = np.polynomial.polynomial.polyval(tau, basis.T, tensor=True).T
        return segment, values / length[:, None] ** rate

    def moments(self, nodes: Array) -> Array:
        """Times (s, k) of places ``nodes`` (k,) in [0, 1] of each segment."""
        return self.times[:-1, None] + np.diff(self.times)[:, None] * nodes

    def at(self, times: Array, rate: int = 0) -> Array:
        """Coefficients (n, N), or their derivative of order ``rate`` by time, at ``times`` (n,)."""
        segment, weights = self.weights(np.asarray(times, float), rate)
        return np.stack([w @ self.nodes[s] for s, w in zip(segment, weights, strict=True)])


def lagrange_basis(nodes: Array) -> Array:
    """Power coefficients (k, k) of the Lagrange polynomials on ``nodes`` (k,)."""
    return np.linalg.inv(np.vander(nodes, increasing=True)).T


def hermite_basis(nodes: Array) -> Array:
    """Power coefficients (2k, 2k) of the Hermite polynomials: value and slope at each node in turn."""
    powers = np.arange(2 * len(nodes))
    rows = []
    for node in nodes:
        rows.append(node**powers)
        rows.append(np.where(powers > 0, powers * node ** np.maximum(powers - 1, 0), 0.0))
    return np.linalg.inv(np.array(rows)).T
