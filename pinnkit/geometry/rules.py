"""Quadrature rules on intervals, boxes and the reference cells of meshes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .elements import Element


def gauss_legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
    """``n`` Gauss–Legendre points and weights (n,) on [0, 1]; exact to degree 2n − 1."""
    points, weights = np.polynomial.legendre.leggauss(n)
    return (points + 1) / 2, weights / 2


def tensor_gauss(
    lower: Sequence[float], upper: Sequence[float], counts: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Tensor Gauss–Legendre rule on a box: points (Π counts, d), last axis fastest, and weights."""
    axes = [gauss_legendre(count) for count in counts]
    points = [low + p * (high - low) for low, high, (p, _) in zip(lower, upper, axes, strict=True)]
    weights = [w * (high - low) for low, high, (_, w) in zip(lower, upper, axes, strict=True)]
    return tensor(points, weights)


def triangle_rule(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (q, 2) and weights (q,) on the triangle (0,0), (1,0), (0,1), exact to degree ``order``."""
    return simplex_rule(2, order)


def simplex_rule(dimension: int, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (q, d) and weights (q,) on the unit simplex, exact to degree ``order``.

    Gauss–Jacobi rules collapsed from the cube (A. H. Stroud, "Approximate Calculation of Multiple Integrals",
    1971, §2.4): xᵢ = tᵢ Π_{j<i} (1 − tⱼ), whose Jacobian Π (1 − tᵢ)^{d−i} is the weight of each axis.
    """
    n = order // 2 + 1
    axes = [_gauss_jacobi(n, dimension - 1 - axis) for axis in range(dimension)]
    t, weights = tensor([p for p, _ in axes], [w for _, w in axes])
    left = np.cumprod(np.hstack([np.ones((len(t), 1)), 1 - t[:, :-1]]), axis=1)
    return t * left, weights


def _gauss_jacobi(n: int, power: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss points and weights on [0, 1] for the weight (1 − t)^power."""
    if power == 0:
        return gauss_legendre(n)
    from scipy.special import roots_jacobi

    points, weights = roots_jacobi(n, power, 0)
    return (points + 1) / 2, weights / 2 ** (power + 1)


def reference_rule(element: Element, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (q, d) and weights (q,) on a reference cell, exact to degree ``order``."""
    d = element.dimension
    if d == 0:
        return np.zeros((1, 0)), np.ones(1)
    if element.reference == "simplex":
        return simplex_rule(d, order)
    if element.reference == "prism":
        (below, across), (up, along) = simplex_rule(d - 1, order), gauss_legendre(order // 2 + 1)
        points = np.hstack([np.repeat(below, len(up), axis=0), np.tile(up, len(below))[:, None]])
        return points, np.outer(across, along).ravel()
    # Towards an apex the measure shrinks like the square of the distance from it.
    counts = [order // 2 + 1] * (d - 1) + [(order + 2 * (element.reference == "collapsed")) // 2 + 1]
    return tensor_gauss([0.0] * d, [1.0] * d, counts)


def tensor(points: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The product of rules of one axis each: points (Π n, axes), last axis fastest, and weights."""
    grid = np.stack(np.meshgrid(*points, indexing="ij"), axis=-1).reshape(-1, len(points))
    product = np.ones(1)
    for factor in weights:
        product = np.outer(product, factor).ravel()
    return grid, product
