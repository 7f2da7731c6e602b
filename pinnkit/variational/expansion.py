"""Functions at points with their first and second derivatives, carried through sums and products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Expansion:
    """A function at q points of d coordinates: ``value`` (q,), ``gradient`` (q, d), ``hessian`` (q, d, d)."""

    value: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray

    def __add__(self, other: Expansion) -> Expansion:
        return Expansion(
            self.value + other.value, self.gradient + other.gradient, self.hessian + other.hessian
        )

    def __sub__(self, other: Expansion) -> Expansion:
        return self + other.scaled(-1.0)

    def __mul__(self, other: Expansion) -> Expansion:
        mixed = np.einsum("qi,qj->qij", self.gradient, other.gradient)
        f, g = self.value[:, None], other.value[:, None]
        return Expansion(
            self.value * other.value,
            f * other.gradient + g * self.gradient,
            f[..., None] * other.hessian + g[..., None] * self.hessian + mixed + mixed.swapaxes(1, 2),
        )

    def scaled(self, factor: float) -> Expansion:
        """The function times a number."""
        return Expansion(factor * self.value, factor * self.gradient, factor * self.hessian)


def constant(at: np.ndarray, value: float = 1.0) -> Expansion:
    """A constant at points (q, d)."""
    q, d = at.shape
    return Expansion(np.full(q, value), np.zeros((q, d)), np.zeros((q, d, d)))


def coordinate(at: np.ndarray, axis: int) -> Expansion:
    """One coordinate at points (q, d)."""
    q, d = at.shape
    return Expansion(at[:, axis], np.tile(np.eye(d)[axis], (q, 1)), np.zeros((q, d, d)))


def jacobi(s: Expansion, t: Expansion, alpha: int, count: int) -> list[Expansion]:
    """Scaled Jacobi polynomials tⁿ Pₙ^(α,0)(s/t) for n = 0 … count − 1, by their recurrence.

    With t = 1 and α = 0 those of Legendre. Being polynomials in s and t they need no division at t = 0.
    """
    one = constant(s.gradient, 1.0)
    found = [one, s.scaled((alpha + 2) / 2) + t.scaled(alpha / 2)]
    for n in range(2, count):
        scale = 2 * n * (n + alpha) * (2 * n + alpha - 2)
        middle = 2 * n + alpha - 1
        rising = (s.scaled((2 * n + alpha) * (2 * n + alpha - 2)) + t.scaled(alpha**2)).scaled(middle)
        falling = (t * t).scaled(2 * (n + alpha - 1) * (n - 1) * (2 * n + alpha))
        found.append((rising * found[-1] - falling * found[-2]).scaled(1 / scale))
    return found[:count]


def product(factors: Sequence[Expansion]) -> Expansion:
    """The product of one or more functions."""
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result
