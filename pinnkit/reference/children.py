"""What a finer mesh inherits: names of boundaries and nodes of curved edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .elements import Array
from .mesh import FiniteMesh, Index, find_edges, find_facets

# Pairs of a triangle's vertices and the vertex opposite to each.
_SIDES = ((0, 1, 2), (1, 2, 0), (0, 2, 1))


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
    halves: Index,
    inner: Index | None = None,
    inner_nodes: Array | None = None,
) -> FiniteMesh:
    """A refined mesh whose boundaries and edge nodes come from its parent's.

    ``halves`` (e,) is the new vertex on each edge of the parent, −1 where it stays whole. ``inner`` (k, 2)
    are new edges within parent cells and ``inner_nodes`` (k, d) their middles; others are straight.
    """
    new = FiniteMesh(points, cells)
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
    boundaries = {}
    for name, facets in mesh.boundaries.items():
        found = find_facets(new, _child_facets(mesh, facets, halves))
        boundaries[name] = np.unique(found[found >= 0])
    return replace(new, edge_nodes=edge_nodes, boundaries=boundaries)


def _child_facets(mesh: FiniteMesh, facets: Index, halves: Index) -> Index:
    """Vertices (k, d) of what facets become: whole, cut across one edge, or in four."""
    corners = mesh.facets[facets]
    if mesh.dimension == 2:
        middle = halves[facets]
        cut = middle >= 0
        parts = [np.column_stack([corners[cut, end], middle[cut]]) for end in (0, 1)]
        return np.concatenate([corners[~cut], *parts])
    middle = np.stack([halves[find_edges(mesh, corners[:, [i, j]])] for i, j, _ in _SIDES], axis=1)
    count = (middle >= 0).sum(axis=1)
    parts = [corners[count == 0]]
    for side, (i, j, k) in enumerate(_SIDES):
        one = (count == 1) & (middle[:, side] >= 0)
        parts += [np.column_stack([corners[one, end], middle[one, side], corners[one, k]]) for end in (i, j)]
    a, b, c = corners[count == 3].T
    ab, bc, ac = middle[count == 3].T
    parts += [np.column_stack(f) for f in ((a, ab, ac), (b, ab, bc), (c, ac, bc), (ab, bc, ac))]
    return np.concatenate(parts)
