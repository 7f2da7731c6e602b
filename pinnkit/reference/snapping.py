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
# A cell whose volume shrinks below this part of its mean somewhere is about to turn inside out.
_LEAST_DENSITY = 0.05
_HALVINGS = 4


def snapped(mesh: FiniteMesh, carriers: Sequence[Carrier]) -> FiniteMesh:
    """Boundary nodes moved onto the exact surfaces they belong to; carriers map points to their nearest ones.

    A facet belongs to the surface that its nodes are closest to. A node between fewer than d surfaces is
    moved onto all of them; one between d or more is a corner and stays.
    """
    facets = mesh.boundary_facets
    inside = mesh.facet_cells[facets, 0]
    local = np.argmax(mesh.cell_facets[inside] == facets[:, None], axis=1)
    own = _owners(mesh, inside, local, carriers)
    points = _moved(mesh, mesh.points, mesh.facets[facets], own, carriers)
    middles = (points[mesh.edges].mean(axis=1) if mesh.edge_nodes is None else mesh.edge_nodes).copy()
    edges = mesh.cell_edges[inside[:, None], _facet_edges(mesh.dimension)[local]]
    return untangled(mesh.with_nodes(points, _moved(mesh, middles, edges, own, carriers)))


def _facet_edges(dimension: int) -> Index:
    """Places of the edges (facets, k) of each facet among a cell's edges."""
    edges = CELL_EDGES[dimension]
    return np.array(
        [[edges.index(pair) for pair in combinations(facet, 2)] for facet in CELL_FACETS[dimension]]
    )


def _owners(mesh: FiniteMesh, inside: Index, local: Index, carriers: Sequence[Carrier]) -> Index:
    """The carrier (f,) of each boundary facet, by its vertices, middles of edges and centre."""
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


def _moved(mesh: FiniteMesh, places: Array, members: Index, own: Index, carriers: Sequence[Carrier]) -> Array:
    """Nodes ``places`` (n, d) projected; ``members`` (f, k) are the nodes of each boundary facet."""
    touched = np.zeros((len(places), len(carriers)), bool)
    touched[members.ravel(), np.repeat(own, members.shape[1])] = True
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
        assert mesh.edge_nodes is not None
        edges = np.unique(mesh.cell_edges[folded])
        chords = mesh.points[mesh.edges[edges]].mean(axis=1)
        middles = mesh.edge_nodes.copy()
        middles[edges] = chords if turn == _HALVINGS - 1 else (chords + middles[edges]) / 2
        mesh = mesh.with_nodes(mesh.points, middles)
    at = ", ".join(f"{c:g}" for c in mesh.points[mesh.cells[_folded(mesh)[0]]].mean(axis=0))
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
