"""Tetrahedra cut in eight."""

from __future__ import annotations

import numpy as np

from .children import inherited, quartered_facets
from .elements import CELL_EDGES, Array
from .mesh import FiniteMesh, Index

# Corner children; numbers past the vertices are the middles of the edges.
_CORNERS = ((0, 4, 6, 7), (4, 1, 5, 8), (6, 5, 2, 9), (7, 8, 9, 3))
# The diagonals of the octahedron that they leave, and the ring of the other four middles around each.
_DIAGONALS = {(6, 8): (4, 5, 9, 7), (4, 9): (5, 6, 7, 8), (5, 7): (4, 6, 9, 8)}
_PLACES = np.vstack([np.zeros(3), np.eye(3)])
_PLACES = np.vstack([_PLACES, [_PLACES[list(ends)].mean(axis=0) for ends in CELL_EDGES[3]]])
# Edges in the faces, between middles of two edges that share a vertex.
_IN_FACES = tuple((i, j) for i in range(4, 10) for j in range(i + 1, 10) if (i, j) not in _DIAGONALS)


def halved_tetrahedra(mesh: FiniteMesh) -> FiniteMesh:
    """Four children at the corners of every cell, four around the shortest diagonal of the rest.

    Curved cells are cut along their own map. After S. Zhang, "Successive subdivisions of tetrahedra", Houston
    J. Math. 21, 1995, where the choice of the diagonal decides whether shapes stay good.
    """
    nodes = np.concatenate([mesh.cells, len(mesh.points) + mesh.cell_edges], axis=1)
    points = np.concatenate([mesh.points, mesh.middles])
    diagonal = _shortest(mesh)
    cells = [nodes[:, list(corner)] for corner in _CORNERS]
    pairs = [nodes[:, list(ends)] for ends in _IN_FACES]
    everything = np.arange(len(nodes))
    places = [mesh.map(everything, _middle(ends))[:, 0] for ends in _IN_FACES]
    for number, (ends, ring) in enumerate(_DIAGONALS.items()):
        own = np.flatnonzero(diagonal == number)
        cells += [nodes[own][:, [*ends, ring[i], ring[(i + 1) % 4]]] for i in range(4)]
        pairs.append(nodes[own][:, list(ends)])
        places.append(mesh.map(own, _middle(ends))[:, 0])
    halves = len(mesh.points) + np.arange(len(mesh.edges))
    cells = np.sort(np.concatenate(cells), axis=1)
    inner, inner_nodes = np.concatenate(pairs), np.concatenate(places)
    return inherited(mesh, points, cells, quartered_facets(mesh), halves, inner, inner_nodes)


def _middle(ends: tuple[int, int]) -> Array:
    return _PLACES[list(ends)].mean(axis=0)[:, None]


def _shortest(mesh: FiniteMesh) -> Index:
    """Number (m,) of the diagonal that each octahedron is cut along.

    Among diagonals of one length, the one between the shorter edges: Kuhn's cells have children like
    themselves then.
    """
    ends = mesh.points[mesh.edges]
    squares = ((ends[:, 1] - ends[:, 0]) ** 2).sum(axis=1)[mesh.cell_edges]
    middles = ends.mean(axis=1)[mesh.cell_edges]
    cost = []
    for one, other in _DIAGONALS:
        length = ((middles[:, one - 4] - middles[:, other - 4]) ** 2).sum(axis=1)
        cost.append(length + 1e-6 * np.maximum(squares[:, one - 4], squares[:, other - 4]))
    return np.argmin(cost, axis=0)
