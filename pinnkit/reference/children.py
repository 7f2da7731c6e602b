"""What a finer mesh inherits: names of boundaries and nodes of curved edges."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .elements import Array
from .mesh import FiniteMesh, Index, find_edges, find_facets


def quarters(mesh: FiniteMesh) -> Array:
    """Points (e, 2, d) at a quarter and at three quarters of each (curved) edge."""
    start, end = np.moveaxis(mesh.points[mesh.edges], 1, 0)
    middle = mesh.middles
    return np.stack(
        [
            0.375 * start + 0.75 * middle - 0.125 * end,
            0.375 * end + 0.75 * middle - 0.125 * start,
        ],
        axis=1,
    )


def inherited(
    mesh: FiniteMesh,
    points: Array,
    cells: Index,
    facets: Mapping[str, Index],
    halves: Index,
    inner: Index | None = None,
    inner_nodes: Array | None = None,
) -> FiniteMesh:
    """A refined mesh with edge nodes from its parent's.

    ``facets`` (f, d) are the vertices of each boundary's facets. ``halves`` (e,) is the new vertex on each
    edge of the parent, −1 where it stays whole. ``inner`` (k, 2) are new edges within parent cells and
    ``inner_nodes`` (k, d) their middles; others are straight.
    """
    new = FiniteMesh(points, cells, periodic=mesh.periodic)
    edge_nodes = None
    if mesh.edge_nodes is not None:
        edge_nodes = new.middles.copy()
        if inner is not None:
            edge_nodes[find_edges(new, inner)] = inner_nodes
        whole = np.flatnonzero(halves < 0)
        same = find_edges(new, mesh.edges[whole])
        edge_nodes[same[same >= 0]] = mesh.edge_nodes[whole[same >= 0]]
        cut = np.flatnonzero(halves >= 0)
        pairs = np.stack([mesh.edges[cut], np.repeat(halves[cut][:, None], 2, axis=1)], axis=-1)
        children = find_edges(new, pairs.reshape(-1, 2))
        edge_nodes[children] = quarters(mesh)[cut].reshape(len(children), -1)
    boundaries = {name: np.sort(find_facets(new, own)) for name, own in facets.items()}
    return new.with_nodes(points, edge_nodes, boundaries)


def quartered_facets(mesh: FiniteMesh) -> dict[str, Index]:
    """Vertices (k, d) of all boundaries' facets when every edge is halved, new vertices in order of edges."""
    return {name: _quartered(mesh, numbers) for name, numbers in mesh.boundaries.items()}


def _quartered(mesh: FiniteMesh, facets: Index) -> Index:
    corners, n = mesh.facets[facets], len(mesh.points)
    if mesh.dimension == 2:
        return np.concatenate([np.column_stack([corner, n + facets]) for corner in corners.T])
    a, b, c = corners.T
    ab, bc, ac = (n + find_edges(mesh, np.column_stack(ends)) for ends in ((a, b), (b, c), (a, c)))
    return np.concatenate([np.column_stack(f) for f in ((a, ab, ac), (b, ab, bc), (c, ac, bc), (ab, bc, ac))])
