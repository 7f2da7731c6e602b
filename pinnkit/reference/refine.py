"""Finer meshes: every cell halved, or those around a corner, with new boundary nodes on the exact shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from .elements import Array
from .mesh import FiniteMesh, Index, find_edges


def halved(mesh: FiniteMesh) -> FiniteMesh:
    """Every line cut in two, every triangle in four; curved cells are cut along their own map."""
    return (
        _halved_lines(mesh, np.ones(len(mesh.cells), bool))
        if mesh.dimension == 1
        else _halved_triangles(mesh)
    )


def halved_where(mesh: FiniteMesh, marked: np.ndarray) -> FiniteMesh:
    """The marked cells halved, and in 2-D those neighbours that keep the mesh conforming."""
    if mesh.dimension == 1:
        return _halved_lines(mesh, marked)
    topology = mesh.topology.refined(np.flatnonzero(marked))
    return _after_bisection(mesh, np.asarray(topology.p.T), np.sort(topology.t.T.astype(np.int64), axis=1))


def _halved_lines(mesh: FiniteMesh, marked: np.ndarray) -> FiniteMesh:
    ends = mesh.points[mesh.cells, 0]
    points = np.sort(np.concatenate([mesh.points[:, 0], ends[marked].mean(axis=1)]))
    last = len(mesh.points) - 1
    boundaries = {
        name: np.where(facets == last, len(points) - 1, facets) for name, facets in mesh.boundaries.items()
    }
    cells = np.stack([np.arange(len(points) - 1), np.arange(1, len(points))], axis=1)
    return FiniteMesh(points[:, None], cells, None, boundaries)


def _middles(mesh: FiniteMesh) -> Array:
    return mesh.points[mesh.facets].mean(axis=1) if mesh.edge_nodes is None else mesh.edge_nodes


def _quarters(mesh: FiniteMesh) -> Array:
    """Points (f, 2, 2) at a quarter and at three quarters of each (curved) edge."""
    start, end = np.moveaxis(mesh.points[mesh.facets], 1, 0)
    middle = _middles(mesh)
    return np.stack(
        [
            0.375 * start + 0.75 * middle - 0.125 * end,
            0.375 * end + 0.75 * middle - 0.125 * start,
        ],
        axis=1,
    )


def _with_edges(
    mesh: FiniteMesh,
    points: Array,
    cells: Index,
    halves: Index,
    quarters: Array,
    inner: Index | None = None,
    inner_nodes: Array | None = None,
) -> FiniteMesh:
    """A refined mesh whose boundaries and edge nodes come from its parent's edges.

    ``halves`` (f, 2) numbers the two halves' common vertex: new vertex of parent facet f, or −1.
    """
    new = FiniteMesh(points, cells)
    cut = np.flatnonzero(halves >= 0)
    pairs = np.stack([mesh.facets[cut], np.repeat(halves[cut][:, None], 2, axis=1)], axis=-1)  # (cut, 2, 2)
    children = find_edges(new, pairs.reshape(-1, 2)).reshape(-1, 2)
    whole = np.flatnonzero(halves < 0)
    same = find_edges(new, mesh.facets[whole])
    child_of = np.full((len(mesh.facets), 2), -1, np.int64)
    child_of[cut], child_of[whole, 0] = children, same
    edge_nodes = None
    if mesh.edge_nodes is not None:
        edge_nodes = new.points[new.facets].mean(axis=1)
        kept = same >= 0
        edge_nodes[same[kept]] = mesh.edge_nodes[whole[kept]]
        edge_nodes[children.ravel()] = quarters[cut].reshape(-1, 2)
        if inner is not None:
            edge_nodes[find_edges(new, inner)] = inner_nodes
    boundaries = {}
    for name, facets in mesh.boundaries.items():
        found = child_of[facets].ravel()
        boundaries[name] = np.unique(found[found >= 0])
    return replace(new, edge_nodes=edge_nodes, boundaries=boundaries)


def _halved_triangles(mesh: FiniteMesh) -> FiniteMesh:
    n = len(mesh.points)
    a, b, c = mesh.cells.T
    ab, bc, ac = (n + mesh.cell_facets[:, i] for i in range(3))
    cells = np.concatenate(
        [np.stack(t, axis=1) for t in ((a, ab, ac), (b, ab, bc), (c, ac, bc), (ab, bc, ac))]
    )
    points = np.concatenate([mesh.points, _middles(mesh)])
    inner = np.concatenate([np.stack(e, axis=1) for e in ((ab, bc), (bc, ac), (ab, ac))])
    everything = np.arange(len(mesh.cells))
    # Middles of the inner edges on the reference cell: between (½,0), (½,½) and (0,½).
    reference = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]])
    inner_nodes = np.swapaxes(mesh.map(everything, reference), 0, 1).reshape(-1, 2)
    halves = n + np.arange(len(mesh.facets))
    return _with_edges(mesh, points, np.sort(cells, axis=1), halves, _quarters(mesh), inner, inner_nodes)


def _after_bisection(mesh: FiniteMesh, points: Array, cells: Index) -> FiniteMesh:
    """Names and curved edges carried over to a mesh whose new vertices are middles of parent edges."""
    n = len(mesh.points)
    chords = mesh.points[mesh.facets].mean(axis=1)
    halves = np.full(len(mesh.facets), -1, np.int64)
    if len(points) > n:
        _, parent = cKDTree(chords).query(points[n:])
        halves[parent] = np.arange(n, len(points))
        points = points.copy()
        points[n:] = _middles(mesh)[parent]
    return _with_edges(mesh, points, cells, halves, _quarters(mesh))


def graded(mesh: FiniteMesh, corner: Array, wanted: Callable[[Array], Array]) -> FiniteMesh:
    """Cells halved until none is larger than ``wanted`` of its distance (m,) from ``corner`` (d,)."""
    while True:
        distance = np.linalg.norm(mesh.points[mesh.cells].mean(axis=1) - corner, axis=1)
        large = mesh.sizes > wanted(distance)
        if not large.any():
            return mesh
        mesh = halved_where(mesh, large)


def snapped(mesh: FiniteMesh, carriers: Sequence[Callable[[Array], Array]]) -> FiniteMesh:
    """Boundary nodes moved onto the exact curves they belong to; carriers map points to their nearest ones.

    A facet belongs to the curve that its three nodes are closest to. A vertex between two curves is a
    corner and stays.
    """
    facets = mesh.boundary_facets
    ends, middle = mesh.points[mesh.facets[facets]], _middles(mesh)[facets]
    nodes = np.concatenate([ends, middle[:, None]], axis=1)
    feet = np.stack([carrier(nodes.reshape(-1, 2)).reshape(nodes.shape) for carrier in carriers])
    own = np.linalg.norm(feet - nodes, axis=3).max(axis=2).argmin(axis=0)
    foot = feet[own, np.arange(len(facets))]
    vertices = mesh.facets[facets].ravel()
    lowest, highest = np.full(len(mesh.points), len(carriers)), np.full(len(mesh.points), -1)
    np.minimum.at(lowest, vertices, np.repeat(own, 2))
    np.maximum.at(highest, vertices, np.repeat(own, 2))
    points = mesh.points.copy()
    smooth = (lowest == highest)[vertices]
    points[vertices[smooth]] = foot[:, :2].reshape(-1, 2)[smooth]
    edge_nodes = points[mesh.facets].mean(axis=1) if mesh.edge_nodes is None else mesh.edge_nodes.copy()
    edge_nodes[facets] = foot[:, 2]
    return replace(mesh, points=points, edge_nodes=edge_nodes)
