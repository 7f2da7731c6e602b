"""Gaussian features of the space coordinates, with every derivative in closed form.

    φ_j(x) = Π_a exp(q_ja(x_a)),   q = −(x − c)²/2w²,   or (cos ω(x − c) − 1)/(ωw)² along a period 2π/ω.

A radial basis network with one hidden layer (Broomhead & Lowe, Complex Systems 2, 1988); along a period the
feature is von Mises', which repeats with all its derivatives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import comb
from operator import mul

import numpy as np

Index = tuple[int, ...]
Tables = Mapping[Index, np.ndarray]


@dataclass(frozen=True)
class Features:
    """N features: centres (N, d), widths (N,), and the period of each coordinate, 0 where it has none."""

    centres: np.ndarray
    widths: np.ndarray
    periods: tuple[float, ...]

    def tables(self, points: np.ndarray, indices: Sequence[Index]) -> Tables:
        """∂^α φ (n, N) at points (n, d) for each multi-index α over the coordinates."""
        highest = np.max(np.array(indices), axis=0)
        axes = [self._along(points[:, axis], axis, int(order)) for axis, order in enumerate(highest)]
        return {
            index: reduce(mul, (along[order] for along, order in zip(axes, index, strict=True)))
            for index in indices
        }

    def _along(self, points: np.ndarray, axis: int, order: int) -> list[np.ndarray]:
        """exp(q) along one coordinate and its derivatives, by f⁽ᵏ⁺¹⁾ = Σ C(k, j) q⁽ʲ⁺¹⁾ f⁽ᵏ⁻ʲ⁾."""
        exponent = self._exponent(points[:, None] - self.centres[:, axis], self.periods[axis], order)
        found = [np.exp(exponent[0])]
        for k in range(order):
            terms = (comb(k, j) * q * found[k - j] for j, q in enumerate(exponent[1 : k + 2]))
            found.append(sum(terms, np.zeros(1)))
        return found

    def _exponent(self, offset: np.ndarray, period: float, order: int) -> list[np.ndarray]:
        if not period:
            squared = self.widths**2
            return [-(offset**2) / (2 * squared), -offset / squared, -1 / squared[None]][: max(order, 1) + 1]
        omega = 2 * np.pi / period
        sine, cosine, scale = np.sin(omega * offset), np.cos(omega * offset), (omega * self.widths) ** -2
        cycle = (-sine, -cosine, sine, cosine)
        return [scale * (cosine - 1), *(scale * omega**k * cycle[(k - 1) % 4] for k in range(1, order + 1))]
