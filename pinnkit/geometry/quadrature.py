"""Quadrature rules on boxes, triangles, tetrahedra, meshes and shapes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .boxes import Box, Interval, Rectangle
from .elements import Element
from .errors import GeometryError
from .mesh import AnyMesh, Mesh
from .mesh_file import MeshFile
from .shapes import Shape

# Points along an axis come in panels of this many Gauss points, exact to degree seven within a panel.
PANEL = 4


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
    return _tensor(points, weights)


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
    t, weights = _tensor([p for p, _ in axes], [w for _, w in axes])
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


def mesh_quadrature(mesh: AnyMesh, order: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Points (q, d) and weights (q,) over all cells of a mesh, curved ones included.

    Block by block, cell by cell. Exact to degree ``order`` on straight simplices and parallelepipeds.
    """
    parts = [_block_quadrature(block, order) for block in mesh.blocks]
    return np.concatenate([points for points, _ in parts]), np.concatenate([weights for _, weights in parts])


def _block_quadrature(mesh: Mesh, order: int) -> tuple[np.ndarray, np.ndarray]:
    element = mesh.element
    at, weights = reference_rule(element, order)
    coordinates = mesh.points[mesh.cells]
    points = element.places(coordinates, at).reshape(-1, mesh.points.shape[1])
    return points, (element.densities(coordinates, at) * weights).ravel()


def domain_quadrature(shape: Shape, points_wanted: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """About ``points_wanted`` points (q, d) of the shape and weights (q,) that add up to its measure.

    Boxes carry panels of Gauss points, other shapes of the plane a curved mesh with a Gauss rule on each
    triangle, and the rest low-discrepancy points of equal weight, for which alone ``seed`` matters.
    """
    if points_wanted < 1:
        raise GeometryError(f"{points_wanted} quadrature points are asked for", expected="at least one")
    if isinstance(shape, Interval | Rectangle) or (isinstance(shape, Box) and shape.dimension <= 3):
        lower, upper = shape.bounds
        spacing = (shape.measure / points_wanted) ** (1 / shape.dimension)
        axes = [_panels(a, b, (b - a) / spacing) for a, b in zip(lower, upper, strict=True)]
        return _tensor([p for p, _ in axes], [w for _, w in axes])
    if shape.dimension <= 2 or isinstance(shape, MeshFile):
        points, weights = _on_mesh(shape, points_wanted)
        return points, weights * (shape.measure / weights.sum())
    from .sampling import interior

    return interior(shape, points_wanted, seed), np.full(points_wanted, shape.measure / points_wanted)


def _on_mesh(shape: Shape, points_wanted: int) -> tuple[np.ndarray, np.ndarray]:
    from .meshing import mesh

    if shape.dimension == 1:
        return mesh_quadrature(mesh(shape, PANEL * shape.measure / points_wanted), 2 * PANEL - 1)
    # Nine points a triangle; equilateral triangles of side h have area √3/4 h².
    area = 9 * shape.measure / points_wanted
    return mesh_quadrature(mesh(shape, np.sqrt(4 * area / np.sqrt(3))), 4)


def _panels(low: float, high: float, wanted: float) -> tuple[np.ndarray, np.ndarray]:
    """Composite Gauss rule with about ``wanted`` points."""
    if wanted <= PANEL:
        points, weights = gauss_legendre(max(1, round(wanted)))
        return low + points * (high - low), weights * (high - low)
    count = round(wanted / PANEL)
    points, weights = gauss_legendre(PANEL)
    width = (high - low) / count
    return (low + width * (np.arange(count)[:, None] + points)).ravel(), np.tile(weights * width, count)


def _tensor(points: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    grid = np.stack(np.meshgrid(*points, indexing="ij"), axis=-1).reshape(-1, len(points))
    product = np.ones(1)
    for factor in weights:
        product = np.outer(product, factor).ravel()
    return grid, product
