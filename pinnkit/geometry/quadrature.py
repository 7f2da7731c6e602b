"""Quadrature on meshes and shapes."""

from __future__ import annotations

import numpy as np

from .boxes import Box, Interval, Rectangle
from .errors import GeometryError
from .mesh import AnyMesh, Mesh
from .mesh_file import MeshFile
from .rules import gauss_legendre, reference_rule, simplex_rule, tensor, tensor_gauss, triangle_rule
from .shapes import Shape

__all__ = [
    "domain_quadrature", "gauss_legendre", "mesh_quadrature", "panels", "reference_rule", "simplex_rule",
    "tensor", "tensor_gauss", "triangle_rule",
]  # fmt: skip

# Points along an axis come in panels of this many Gauss points, exact to degree seven within a panel.
PANEL = 4
# Coarse mesh files carry so many points along an axis of a cell at most.
_MOST_ON_AXIS = 12


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
    triangle, mesh files a rule on each of their simplices, and the rest low-discrepancy points of equal
    weight, for which alone ``seed`` matters.
    """
    if points_wanted < 1:
        raise GeometryError(f"{points_wanted} quadrature points are asked for", expected="at least one")
    if isinstance(shape, Interval | Rectangle) or (isinstance(shape, Box) and shape.dimension <= 3):
        lower, upper = shape.bounds
        spacing = (shape.measure / points_wanted) ** (1 / shape.dimension)
        axes = [panels(a, b, (b - a) / spacing) for a, b in zip(lower, upper, strict=True)]
        return tensor([p for p, _ in axes], [w for _, w in axes])
    if shape.dimension <= 2 or isinstance(shape, MeshFile):
        on_cells = isinstance(shape, MeshFile)
        points, weights = (_on_cells if on_cells else _on_mesh)(shape, points_wanted)
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


def _on_cells(shape: MeshFile, points_wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """The best rule on every simplex that the points suffice for, at least one point each."""
    mesh = shape.simplices
    share = (points_wanted / len(mesh.cells)) ** (1 / mesh.dimension)
    return mesh_quadrature(mesh, 2 * min(max(round(share), 1), _MOST_ON_AXIS) - 1)


def panels(low: float, high: float, wanted: float) -> tuple[np.ndarray, np.ndarray]:
    """Composite Gauss rule with about ``wanted`` points on [low, high]."""
    if wanted <= PANEL:
        points, weights = gauss_legendre(max(1, round(wanted)))
        return low + points * (high - low), weights * (high - low)
    count = round(wanted / PANEL)
    points, weights = gauss_legendre(PANEL)
    width = (high - low) / count
    return (low + width * (np.arange(count)[:, None] + points)).ravel(), np.tile(weights * width, count)
