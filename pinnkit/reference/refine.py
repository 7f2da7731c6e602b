"""Finer meshes: every cell halved, or those that are marked, or those around a corner."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .bisection import bisected
from .children import inherited, quartered_facets
from .elements import Array
from .mesh import FiniteMesh
from .octasection import halved_tetrahedra


def halved(mesh: FiniteMesh) -> FiniteMesh:
    """Every line cut in two, every triangle in four, every tetrahedron in eight.

    Curved cells are cut along their own map.
    """
    if mesh.dimension == 1:
        return _halved_lines(mesh, np.ones(len(mesh.cells), bool))
    return _halved_triangles(mesh) if mesh.dimension == 2 else halved_tetrahedra(mesh)


def halved_where(mesh: FiniteMesh, marked: np.ndarray) -> FiniteMesh:
    """The marked cells (m,) halved, and with them, but on lines, neighbours that keep the mesh conforming."""
    if mesh.dimension == 1:
        return _halved_lines(mesh, marked)
    return bisected(mesh, marked)


def _halved_lines(mesh: FiniteMesh, marked: np.ndarray) -> FiniteMesh:
    ends = mesh.points[mesh.cells, 0]
    points = np.sort(np.concatenate([mesh.points[:, 0], ends[marked].mean(axis=1)]))
    last = len(mesh.points) - 1
    boundaries = {
        name: np.where(facets == last, len(points) - 1, facets) for name, facets in mesh.boundaries.items()
    }
    cells = np.stack([np.arange(len(points) - 1), np.arange(1, len(points))], axis=1)
    return FiniteMesh(points[:, None], cells, None, boundaries)


def _halved_triangles(mesh: FiniteMesh) -> FiniteMesh:
    n = len(mesh.points)
    a, b, c = mesh.cells.T
    ab, bc, ac = (n + mesh.cell_edges[:, i] for i in range(3))
    cells = np.concatenate(
        [np.stack(t, axis=1) for t in ((a, ab, ac), (b, ab, bc), (c, ac, bc), (ab, bc, ac))]
    )
    points = np.concatenate([mesh.points, mesh.middles])
    inner = np.concatenate([np.stack(e, axis=1) for e in ((ab, bc), (bc, ac), (ab, ac))])
    everything = np.arange(len(mesh.cells))
    # Middles of the inner edges on the reference cell: between (½,0), (½,½) and (0,½).
    reference = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]])
    inner_nodes = np.swapaxes(mesh.map(everything, reference), 0, 1).reshape(-1, 2)
    halves = n + np.arange(len(mesh.edges))
    cells = np.sort(cells, axis=1)
    return inherited(mesh, points, cells, quartered_facets(mesh), halves, inner, inner_nodes)


def graded(mesh: FiniteMesh, corner: Array, wanted: Callable[[Array], Array]) -> FiniteMesh:
    """Cells halved until none is larger than ``wanted`` of its distance (m,) from ``corner`` (d,)."""
    while True:
        distance = np.linalg.norm(mesh.points[mesh.cells].mean(axis=1) - corner, axis=1)
        large = mesh.sizes > wanted(distance)
        if not large.any():
            return mesh
        mesh = halved_where(mesh, large)
