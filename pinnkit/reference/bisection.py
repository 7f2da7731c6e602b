"""Local refinement by bisection of longest edges, with no node left hanging."""

from __future__ import annotations

import numpy as np

from .children import inherited
from .elements import CELL_EDGES, Array
from .mesh import FiniteMesh, Index


def bisected(mesh: FiniteMesh, marked: np.ndarray) -> FiniteMesh:
    """The marked cells (m,) cut in 2ᵈ by d bisections, and neighbours as often as conformity asks.

    An edge is cut when it is the longest of all cells around it; a cell whose longest edge is not asks its
    neighbour across that edge to go first (M.-C. Rivara, "New longest-edge algorithms for the refinement
    and/or improvement of unstructured triangulations", Int. J. Numer. Meth. Engng. 40, 1997).
    """
    due = np.where(marked, mesh.dimension, 0)
    while (due > 0).any():
        longest = mesh.cell_edges[np.arange(len(mesh.cells)), _rank(mesh)[mesh.cell_edges].argmax(axis=1)]
        wanted = np.zeros(len(mesh.edges), bool)
        wanted[longest[due > 0]] = True
        # Whoever holds a wanted edge that is not its longest has to be cut before.
        while (held := wanted[mesh.cell_edges].any(axis=1) & ~wanted[longest]).any():
            wanted[longest[held]] = True
        shared = np.bincount(mesh.cell_edges.ravel(), minlength=len(mesh.edges))
        first = wanted & (np.bincount(longest, minlength=len(mesh.edges)) == shared)
        mesh, due = _cut(mesh, longest, first, due)
    return mesh


def _rank(mesh: FiniteMesh) -> Index:
    """Edges (e,) by length, equal ones by their numbers of vertices, so that one always comes first."""
    ends = mesh.points[mesh.edges]
    squares = ((ends[:, 1] - ends[:, 0]) ** 2).sum(axis=1)
    # Lengths that differ by rounding are equal: structured meshes stay so.
    rounded = np.round(np.log2(squares) * 2.0**20)
    order = np.lexsort((mesh.edges[:, 1], mesh.edges[:, 0], rounded))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank


def _cut(mesh: FiniteMesh, longest: Index, first: np.ndarray, due: Array) -> tuple[FiniteMesh, Array]:
    """All cells around the edges ``first`` in two halves, and how often each new cell is still to be cut."""
    n = len(mesh.points)
    halves = np.full(len(mesh.edges), -1, np.int64)
    halves[first] = n + np.arange(first.sum())
    split = first[longest]
    old = mesh.cells[split]
    ends, middle = mesh.edges[longest[split]], halves[longest[split]]
    children = [np.where(old == end[:, None], middle[:, None], old) for end in ends.T]
    cells = np.sort(np.concatenate([mesh.cells[~split], *children]), axis=1)
    inner, inner_nodes = _inner(mesh, np.flatnonzero(split), ends, middle)
    points = np.concatenate([mesh.points, mesh.middles[first]])
    new = inherited(mesh, points, cells, halves, inner, inner_nodes)
    return new, np.concatenate([due[~split], np.repeat(due[split][None] - 1, 2, axis=0).ravel()])


def _inner(mesh: FiniteMesh, cells: Index, ends: Index, middle: Index) -> tuple[Index, Array]:
    """Edges (k, 2) from the new vertices to the vertices opposite, and their middles on the parents' maps."""
    corners = np.vstack([np.zeros(mesh.dimension), np.eye(mesh.dimension)])
    pairs, places = [], []
    for edge in CELL_EDGES[mesh.dimension]:
        own = (mesh.cells[cells][:, list(edge)] == ends).all(axis=1)
        for vertex in set(range(mesh.dimension + 1)) - set(edge):
            at = (corners[list(edge)].mean(axis=0) + corners[vertex]) / 2
            pairs.append(np.column_stack([middle[own], mesh.cells[cells[own], vertex]]))
            places.append(mesh.map(cells[own], at[:, None])[:, 0])
    return np.concatenate(pairs), np.concatenate(places)
