"""Weights of finite differences, and of the polynomials that carry boundary conditions into ghost cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import sympy as sp
from numpy.polynomial import Polynomial


@cache
def central(derivative: int, accuracy: int) -> np.ndarray:
    """Weights (2w + 1,) of the central difference for a derivative on unit spacing (Fornberg 1988)."""
    width = half_width(derivative, accuracy)
    offsets = [sp.Integer(k) for k in range(-width, width + 1)]
    weights = sp.finite_diff_weights(derivative, offsets, 0)[derivative][-1]
    return np.array([float(w) for w in weights])


def half_width(derivative: int, accuracy: int) -> int:
    """Cells on either side that a central difference of even accuracy reaches."""
    return (derivative + 1) // 2 + accuracy // 2 - 1 if derivative else 0


@dataclass(frozen=True)
class Extension:
    """A polynomial through cells beside a boundary, free to meet c conditions there.

    p(ξ) = Σⱼ uⱼ ℓⱼ(ξ) + Π(ξ) Σ_{s<c} q_s ξˢ, ξ the distance inward in cells, ξⱼ = j + ½, Π = ∏(ξ − ξⱼ).
    ``cells`` is (K + 1, m): the k-th derivative at the boundary of every ℓⱼ; ``free`` (K + 1, c) that of
    Π ξˢ. ``ghost_cells`` (w, m) and ``ghost_free`` (w, c) are the values of both at ghosts, nearest first.
    """

    cells: np.ndarray
    free: np.ndarray
    ghost_cells: np.ndarray
    ghost_free: np.ndarray


@cache
def extension(interior: int, conditions: int, ghosts: int, highest: int) -> Extension:
    """The extension by ``interior`` cells for so many conditions, with derivatives up to ``highest``."""
    nodes = np.arange(interior) + 0.5
    product = Polynomial.fromroots(nodes)
    basis = []
    for j, node in enumerate(nodes):
        others = Polynomial.fromroots(np.delete(nodes, j)) if interior > 1 else Polynomial([1.0])
        basis.append(others / others(node))
    free = [product * Polynomial([0.0] * s + [1.0]) for s in range(conditions)]
    places = -(np.arange(ghosts) + 0.5)

    def at_boundary(functions: list[Polynomial]) -> np.ndarray:
        values = [[f.deriv(k)(0.0) if k else f(0.0) for f in functions] for k in range(highest + 1)]
        return np.array(values, float).reshape(highest + 1, len(functions))

    def at_ghosts(functions: list[Polynomial]) -> np.ndarray:
        return np.array([[f(p) for f in functions] for p in places], float).reshape(ghosts, len(functions))

    return Extension(at_boundary(basis), at_boundary(free), at_ghosts(basis), at_ghosts(free))
