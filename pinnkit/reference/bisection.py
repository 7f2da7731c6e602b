"""Local refinement of triangles and tetrahedra by bisection of longest edges, no node left hanging."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from .children import inherited
from .elements import Array, tabulate
from .mesh import FiniteMesh, Index, find_edges
from .periodic import masters


def bisected(mesh: FiniteMesh, marked: np.ndarray) -> FiniteMesh:
    """The marked cells (m,) with every edge halved, and neighbours as conformity and shape ask.

    A cell or facet with a halved edge has its longest edge halved too, and is cut across its longest halved
    edges first. How a facet is cut depends on the facet alone, so neighbours agree (A. Plaza, G. F. Carey,
    "Local refinement of simplicial grids based on the skeleton", Appl. Numer. Math. 32, 2000).
    """
    own = masters(mesh.points[mesh.edges].mean(axis=1), mesh.points, mesh.periodic)
    rank = _rank(mesh, own)
    return _cut(mesh, rank, _closed(mesh, rank, marked, own))


def cut(mesh: FiniteMesh, edges: np.ndarray) -> FiniteMesh:
    """The mesh with just the marked ``edges`` (e,) halved, whatever their lengths."""
    return _cut(mesh, _rank(mesh, np.arange(len(mesh.edges))), edges)


def _cut(mesh: FiniteMesh, rank: Index, edges: np.ndarray) -> FiniteMesh:
    if not edges.any():
        return mesh
    halves = np.full(len(mesh.edges), -1, np.int64)
    halves[edges] = len(mesh.points) + np.arange(edges.sum())
    points = np.concatenate([mesh.points, mesh.middles[edges]])
    parent, cells = _parts(mesh, mesh.cells, rank, halves)
    facets = {
        name: _parts(mesh, mesh.facets[numbers], rank, halves)[1] for name, numbers in mesh.boundaries.items()
    }
    inner = _on_maps(mesh, parent, cells, halves)
    return inherited(mesh, points, np.sort(cells, axis=1), facets, halves, *inner)


def _rank(mesh: FiniteMesh, own: Index) -> Index:
    """Edges (e,) by length, equal ones by their vertices, so that one always comes first.

    ``own`` (e,) is the edge that each is one with by periodicity; these follow each other.
    """
    ends = mesh.points[mesh.edges]
    squares = ((ends[:, 1] - ends[:, 0]) ** 2).sum(axis=1)
    # Lengths that differ by rounding count as equal.
    rounded = np.round(np.log2(squares) * 2.0**20)
    vertices = mesh.edges[own]
    order = np.lexsort((np.arange(len(own)), vertices[:, 1], vertices[:, 0], rounded[own]))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank


def _closed(mesh: FiniteMesh, rank: Index, marked: np.ndarray, own: Index) -> np.ndarray:
    """Which edges (e,) are halved."""
    groups = [mesh.cell_edges]
    if mesh.dimension == 3:
        groups.append(
            np.stack([find_edges(mesh, mesh.facets[:, list(p)]) for p in combinations(range(3), 2)], 1)
        )
    longest = [edges[np.arange(len(edges)), rank[edges].argmax(axis=1)] for edges in groups]
    wanted = np.zeros(len(mesh.edges), bool)
    wanted[mesh.cell_edges[marked]] = True
    before = -1
    while wanted.sum() > before:
        before = wanted.sum()
        one = np.zeros(len(own), bool)
        one[own[wanted]] = True
        wanted = one[own]
        for edges, first in zip(groups, longest, strict=True):
            wanted[first[wanted[edges].any(axis=1)]] = True
    return wanted


def _parts(mesh: FiniteMesh, simplices: Index, rank: Index, halves: Index) -> tuple[Index, Index]:
    """Parents (k,) and vertices (k, v) of the parts of ``simplices`` (m, v), the longest edge cut first."""
    parent, pending = np.arange(len(simplices)), simplices
    finished: list[tuple[Index, Index]] = []
    pairs = list(combinations(range(simplices.shape[1]), 2))
    while len(parent):
        # Of the children's edges only those of the mesh itself can be waiting to be cut.
        edges = np.stack([find_edges(mesh, pending[:, list(p)]) for p in pairs], axis=1)
        waiting = np.where((edges >= 0) & (halves[edges] >= 0), rank[edges], -1)
        first = waiting.argmax(axis=1)
        rows = np.arange(len(parent))
        done = waiting[rows, first] < 0
        finished.append((parent[done], pending[done]))
        rows = rows[~done]
        middle = halves[edges[rows, first[rows]]]
        children = []
        for end in (0, 1):
            child = pending[rows].copy()
            child[np.arange(len(rows)), np.array(pairs)[first[rows], end]] = middle
            children.append(child)
        parent, pending = np.tile(parent[rows], 2), np.concatenate(children)
    return np.concatenate([p for p, _ in finished]), np.concatenate([c for _, c in finished])


def _on_maps(mesh: FiniteMesh, parent: Index, cells: Index, halves: Index) -> tuple[Index, Array] | tuple[()]:
    """Edges (k, 2) of the children of curved cells, and their middles (k, d) on the parents' maps."""
    curved = mesh.curved[parent]
    if not curved.any():
        return ()
    d = mesh.dimension
    parent, cells = parent[curved], cells[curved]
    corners = np.vstack([np.zeros(d), np.eye(d)])
    # Every vertex is one of the parent's or the middle of one of its edges.
    ends = np.repeat(np.arange(len(mesh.points))[:, None], 2, axis=1)
    ends = np.concatenate([ends, mesh.edges[halves >= 0]])[cells]
    place = np.argmax(mesh.cells[parent][:, None, None, :] == ends[..., None], axis=-1)
    at = corners[place].mean(axis=2)
    pairs, places = [], []
    for a, b in combinations(range(d + 1), 2):
        table = tabulate(d, 2, np.ascontiguousarray((at[:, a] + at[:, b]).T / 2))[..., 0]
        pairs.append(cells[:, [a, b]])
        places.append(np.einsum("cgd,gc->cd", mesh.geometry[parent], table))
    return np.concatenate(pairs), np.concatenate(places)
