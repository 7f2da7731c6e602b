"""Boundary nodes moved onto the exact shape, without turning cells inside out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from .base import ReferenceUnavailable
from .elements import CELL_EDGES, CELL_FACETS, Array, nodes, quadrature
from .mesh import FiniteMesh, Index

Carrier = Callable[[Array], Array]

# Turns between two surfaces until a point lies on both.
_TURNS = 100
# A cell whose volume shrinks below this part of that of its vertices somewhere is turned inside out.
_LEAST_DENSITY = 1e-3
_HALVINGS = 4


def snapped(mesh: FiniteMesh, carriers: Sequence[Carrier]) -> FiniteMesh:
    """Boundary nodes moved onto the exact surfaces they belong to; carriers map points to their nearest ones.

    A facet belongs to the surface that its nodes are closest to. A node between fewer than d surfaces is
    moved onto all of them; one between d or more is a corner and stays.
    """
    facets = mesh.boundary_facets
    own = _owners(mesh, carriers)
    points = _moved(mesh, mesh.points, mesh.facets[facets], own, carriers)
    middles = (points[mesh.edges].mean(axis=1) if mesh.edge_nodes is None else mesh.edge_nodes).copy()
    return untangled(mesh.with_nodes(points, _moved(mesh, middles, _facet_edges(mesh), own, carriers)))


def edge_carriers(mesh: FiniteMesh, carriers: Sequence[Carrier]) -> np.ndarray:
    """Which carriers (e, carriers) each edge lies on."""
    return _touched(len(mesh.edges), _facet_edges(mesh), _owners(mesh, carriers), len(carriers))


def _inside(mesh: FiniteMesh) -> tuple[Index, Index]:
    """The cell (f,) of each boundary facet, and the facet's place in it."""
    facets = mesh.boundary_facets
    inside = mesh.facet_cells[facets, 0]
    return inside, np.argmax(mesh.cell_facets[inside] == facets[:, None], axis=1)


def _facet_edges(mesh: FiniteMesh) -> Index:
    """Edges (f, k) of each boundary facet."""
    inside, local = _inside(mesh)
    edges, facets = CELL_EDGES[mesh.dimension], CELL_FACETS[mesh.dimension]
    places = np.array([[edges.index(pair) for pair in combinations(facet, 2)] for facet in facets])
    return mesh.cell_edges[inside[:, None], places[local]]


def _owners(mesh: FiniteMesh, carriers: Sequence[Carrier]) -> Index:
    """The carrier (f,) of each boundary facet, by its vertices, middles of edges and centre."""
    inside, local = _inside(mesh)
    own = np.empty(len(inside), np.int64)
    at = nodes(mesh.dimension, 2)
    for place, facet in enumerate(CELL_FACETS[mesh.dimension]):
        rows = np.flatnonzero(local == place)
        (opposite,) = set(range(mesh.dimension + 1)) - set(facet)
        barycentric = np.column_stack([1 - at.sum(axis=1), at])
        there = np.vstack([at[barycentric[:, opposite] == 0], at[list(facet)].mean(axis=0)])
        places = mesh.map(inside[rows], there.T)
        gaps = [
            np.linalg.norm(c(places.reshape(-1, mesh.dimension)).reshape(places.shape) - places, axis=2)
            for c in carriers
        ]
        own[rows] = np.max(gaps, axis=2).argmin(axis=0) if rows.size else 0
    return own


def _touched(count: int, members: Index, own: Index, carriers: int) -> np.ndarray:
    """Which carriers (count, carriers) hold a facet that a node is one of the ``members`` (f, k) of."""
    touched = np.zeros((count, carriers), bool)
    touched[members.ravel(), np.repeat(own, members.shape[1])] = True
    return touched


def _moved(mesh: FiniteMesh, places: Array, members: Index, own: Index, carriers: Sequence[Carrier]) -> Array:
    """Nodes ``places`` (n, d) projected; ``members`` (f, k) are the nodes of each boundary facet."""
    touched = _touched(len(places), members, own, len(carriers))
    count = touched.sum(axis=1)
    result = places.copy()
    single = np.flatnonzero(count == 1)
    several = np.flatnonzero((count > 1) & (count < mesh.dimension))
    for number, carrier in enumerate(carriers):
        rows = single[touched[single, number]]
        if rows.size:
            result[rows] = carrier(places[rows])
    for _ in range(_TURNS if several.size else 0):
        before = result[several]
        for number, carrier in enumerate(carriers):
            rows = several[touched[several, number]]
            if rows.size:
                result[rows] = carrier(result[rows])
        if np.abs(result[several] - before).max() <= 1e-15 * mesh.extent:
            break
    return result


def untangled(mesh: FiniteMesh) -> FiniteMesh:
    """A mesh whose curved cells map one to one: edges of those that fold are straightened by halves.

    Raises ``ReferenceUnavailable`` where even straight edges leave a cell inside out.
    """
    for turn in range(_HALVINGS + 1):
        folded = _folded(mesh)
        if not folded.size:
            return mesh
        if turn == _HALVINGS:
            break
        edges = np.unique(mesh.cell_edges[folded])
        chords = mesh.points[mesh.edges[edges]].mean(axis=1)
        middles = mesh.middles.copy()
        middles[edges] = chords if turn == _HALVINGS - 1 else (chords + middles[edges]) / 2
        mesh = mesh.with_nodes(mesh.points, middles)
    at = ", ".join(f"{c:g}" for c in mesh.points[mesh.cells[folded[0]]].mean(axis=0))
    raise ReferenceUnavailable(
        f"finite elements: a cell near ({at}) is inside out",
        reason="the mesh is too coarse for the curved boundary there",
        mend="choose a smaller reference.fem.size",
    )


def _folded(mesh: FiniteMesh) -> Index:
    """Curved cells whose map is not one to one at some vertex, middle or quadrature point."""
    cells = np.flatnonzero(mesh.curved)
    at = np.hstack([nodes(mesh.dimension, 2).T, quadrature(mesh.dimension, 4)[0]])
    densities = np.linalg.det(mesh.jacobian(cells, at))
    corners = mesh.points[mesh.cells[cells]]
    straight = np.linalg.det(corners[:, 1:] - corners[:, :1])
    return cells[(densities / straight[:, None]).min(axis=1, initial=np.inf) < _LEAST_DENSITY]
