"""Tetrahedra cut where a curved boundary would flatten them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from .bisection import cut
from .elements import CELL_EDGES, CELL_FACETS, Array
from .mesh import FiniteMesh, Index
from .snapping import Carrier, edge_carriers

_ROUNDS = 3
# Parts of the way from a new vertex to the mean of its neighbours that are tried.
_STEPS = np.linspace(0.0, 1.0, 9)


def split(mesh: FiniteMesh, carriers: Sequence[Carrier]) -> FiniteMesh:
    """A straight mesh few of whose cells have edges that a smooth boundary makes parallel or coplanar.

    Two edges of a face on one crease become parallel where they meet: the third edge is halved. Three edges
    from one vertex on one surface become coplanar: an edge opposite is halved, and its middle moves inside.
    """
    for _ in range(_ROUNDS):
        parallel, coplanar = _parallel(mesh, carriers), _coplanar(mesh, carriers)
        if not (parallel | coplanar).any():
            break
        known = len(mesh.points)
        mesh = cut(mesh, parallel | coplanar)
        mesh = _relaxed(mesh, np.arange(known, len(mesh.points)))
    return mesh


def _parallel(mesh: FiniteMesh, carriers: Sequence[Carrier]) -> np.ndarray:
    """Edges (e,) opposite to where two others of a face meet on one crease."""
    on = edge_carriers(mesh, carriers)
    crease = on & (on.sum(axis=1) > 1)[:, None]
    chosen = np.zeros(len(mesh.edges), bool)
    for facet in CELL_FACETS[3]:
        sides = [CELL_EDGES[3].index(pair) for pair in combinations(facet, 2)]
        for third in sides:
            one, other = (crease[mesh.cell_edges[:, s]] for s in sides if s != third)
            chosen[mesh.cell_edges[(one & other).sum(axis=1) > 1, third]] = True
    return chosen & ~crease.any(axis=1)


def _coplanar(mesh: FiniteMesh, carriers: Sequence[Carrier]) -> np.ndarray:
    """The longest edge inside (e,) of every cell with three edges from one vertex on one surface."""
    on = edge_carriers(mesh, carriers)
    cells = on[mesh.cell_edges]
    ends = mesh.points[mesh.edges]
    lengths = np.where(on.any(axis=1), -1.0, np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1))[mesh.cell_edges]
    chosen = np.zeros(len(mesh.edges), bool)
    for vertex in range(4):
        from_here = [i for i, pair in enumerate(CELL_EDGES[3]) if vertex in pair]
        flat = np.flatnonzero(cells[:, from_here].all(axis=1).any(axis=1))
        longest = lengths[flat].argmax(axis=1)
        inside = lengths[flat, longest] > 0
        chosen[mesh.cell_edges[flat[inside], longest[inside]]] = True
    return chosen


def _relaxed(mesh: FiniteMesh, vertices: Index) -> FiniteMesh:
    """Those of the ``vertices`` that lie inside moved towards the mean of their neighbours, if cells gain."""
    points = mesh.points.copy()
    fixed = np.unique(mesh.facets[mesh.boundary_facets])
    for vertex in np.setdiff1d(vertices, fixed):
        star = mesh.cells[(mesh.cells == vertex).any(axis=1)]
        around = np.setdiff1d(star, vertex)
        target = points[around].mean(axis=0)
        signs = np.sign(_volumes(points[star]))
        best, place = -np.inf, points[vertex].copy()
        for step in _STEPS:
            trial = points.copy()[star]
            trial[star == vertex] = (1 - step) * points[vertex] + step * target
            edges = np.max([((trial[:, a] - trial[:, b]) ** 2).sum(axis=1) for a, b in CELL_EDGES[3]], axis=0)
            worst = (signs * _volumes(trial) / edges**1.5).min()
            if worst > best:
                best, place = worst, (1 - step) * points[vertex] + step * target
        points[vertex] = place
    return mesh.with_nodes(points, None)


def _volumes(corners: Array) -> Array:
    return np.linalg.det(corners[:, 1:] - corners[:, :1])
