"""The mesh that finite elements are solved on: simplices, straight or curved, with named facets.

A mesh is a topology (sorted vertices, so that neighbouring cells agree on the direction of every
edge) and, where it is curved, one extra node for each edge. That node belongs to the edge, not to a
place in a cell's list, so sorting vertices can never attach it to the wrong edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .elements import CELL_EDGES, CELL_FACETS, Array, quadrature, tabulate

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FiniteMesh:
    """Lines, triangles or tetrahedra.

    ``points`` (n, d); ``cells`` (m, d+1), each row ascending; ``edge_nodes`` (edges, d) gives the middle
    node of each edge of a curved mesh, in the order of ``edges``; ``boundaries`` name → facet indices. The
    two sides of the bounding box across each of the axes ``periodic`` are one, and stay alike when refined.
    """

    points: Array
    cells: Index
    edge_nodes: Array | None = None
    boundaries: Mapping[str, Index] = field(default_factory=dict)
    periodic: tuple[int, ...] = ()

    @property
    def dimension(self) -> int:
        """Number of space coordinates."""
        return self.points.shape[1]

    @cached_property
    def topology(self):
        """The scikit-fem mesh of the vertices."""
        import skfem

        kind = {1: skfem.MeshLine1, 2: skfem.MeshTri1, 3: skfem.MeshTet1}[self.dimension]
        return kind(
            np.ascontiguousarray(self.points.T),
            np.ascontiguousarray(self.cells.T.astype(np.int32)),
            validate=False,
        )

    @cached_property
    def _facets(self) -> tuple[Index, Index]:
        return _entities(self.cells, CELL_FACETS[self.dimension])

    @cached_property
    def _edges(self) -> tuple[Index, Index]:
        return _entities(self.cells, CELL_EDGES[self.dimension]) if self.dimension == 3 else self._facets

    @property
    def facets(self) -> Index:
        """Vertices (f, d) of every facet, each row ascending, in lexical order; on lines the vertices."""
        return self._facets[0]

    @property
    def cell_facets(self) -> Index:
        """Facets (m, d+1) of every cell, in the order of ``CELL_FACETS``."""
        return self._facets[1]

    @property
    def edges(self) -> Index:
        """Vertices (e, 2) of every edge, ascending: the cells of a line, the facets of a plane mesh."""
        return self.cells if self.dimension == 1 else self._edges[0]

    @property
    def cell_edges(self) -> Index:
        """Edges (m, d(d+1)/2) of every cell, in the order of ``CELL_EDGES``."""
        return np.arange(len(self.cells))[:, None] if self.dimension == 1 else self._edges[1]

    def with_nodes(
        self, points: Array, edge_nodes: Array | None, boundaries: Mapping[str, Index] | None = None
    ) -> FiniteMesh:
        """The same cells with their nodes elsewhere, and other boundaries where they are given."""
        named = self.boundaries if boundaries is None else boundaries
        new = FiniteMesh(points, self.cells, edge_nodes, named, self.periodic)
        kept = ("_facets", "_edges", "facet_cells", "boundary_facets")
        new.__dict__.update({name: self.__dict__[name] for name in kept if name in self.__dict__})
        return new

    @cached_property
    def facet_cells(self) -> Index:
        """The two cells (f, 2) beside every facet, −1 where there is none."""
        table = np.full((len(self.facets), 2), -1, np.int64)
        flat = self.cell_facets.ravel()
        cells = np.repeat(np.arange(len(self.cells)), self.cell_facets.shape[1])
        order = np.argsort(flat, kind="stable")
        flat, cells = flat[order], cells[order]
        first = np.r_[True, flat[1:] != flat[:-1]]
        table[flat[first], 0] = cells[first]
        table[flat[~first], 1] = cells[~first]
        return table

    @cached_property
    def boundary_facets(self) -> Index:
        """All facets with a cell on one side only."""
        return np.flatnonzero(self.facet_cells[:, 1] < 0)

    def named(self, name: str) -> Index:
        """Facets of a boundary; ``boundary`` is all of it."""
        if name == "boundary":
            return self.boundary_facets
        return self.boundaries[name]

    @cached_property
    def middles(self) -> Array:
        """The middle node (e, d) of every edge, half way between its ends where it is straight."""
        return self.points[self.edges].mean(axis=1) if self.edge_nodes is None else self.edge_nodes

    @cached_property
    def bent(self) -> NDArray[np.bool_]:
        """Which edges are not straight."""
        if self.edge_nodes is None:
            return np.zeros(len(self.edges), bool)
        ends = self.points[self.edges]
        length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
        return np.linalg.norm(self.edge_nodes - ends.mean(axis=1), axis=1) > 1e-12 * length

    @cached_property
    def curved(self) -> NDArray[np.bool_]:
        """Which cells have an edge that is not straight."""
        return self.bent[self.cell_edges].any(axis=1)

    @property
    def geometry_degree(self) -> int:
        """Degree of the map from the reference cell: 1 straight, 2 curved."""
        return 2 if self.curved.any() else 1

    @cached_property
    def geometry(self) -> Array:
        """Nodes (m, g, d) of each cell's map, ordered as the Lagrange element of ``geometry_degree``."""
        vertices = self.points[self.cells]
        if self.geometry_degree == 1:
            return vertices
        return np.concatenate([vertices, self.middles[self.cell_edges]], axis=1)

    def _nodes(self, cells: Index) -> tuple[int, Array]:
        """Degree of the maps of some cells, and their nodes."""
        degree = 2 if self.curved[cells].any() else 1
        return degree, self.geometry[cells] if degree == 2 else self.points[self.cells[cells]]

    def map(self, cells: Index, reference: Array) -> Array:
        """Points (c, q, d) of reference positions ``reference`` (d, q), the same in each cell."""
        degree, nodes = self._nodes(cells)
        table = tabulate(self.dimension, degree, reference)[..., 0]
        return np.einsum("cgd,gq->cqd", nodes, table)

    def jacobian(self, cells: Index, reference: Array) -> Array:
        """∂x/∂ξ (c, q, d, d), rows over x; one q for all points where every one of the cells is straight."""
        degree, nodes = self._nodes(cells)
        if degree == 1:
            reference = reference[:, :1]
        table = tabulate(self.dimension, degree, reference)[..., 1:]
        return np.einsum("cgd,gqr->cqdr", nodes, table)

    @cached_property
    def sizes(self) -> Array:
        """Longest edge (m,) of each cell."""
        ends = self.points[self.edges]
        return np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)[self.cell_edges].max(axis=1)

    @cached_property
    def extent(self) -> float:
        """Longest side of the bounding box."""
        return float(np.ptp(self.points, axis=0).max())

    @cached_property
    def measure(self) -> float:
        """Σ cell measures, the curved ones included."""
        reference, weights = quadrature(self.dimension, 4)
        total = 0.0
        for cells in (np.flatnonzero(~self.curved), np.flatnonzero(self.curved)):
            total += float((np.abs(np.linalg.det(self.jacobian(cells, reference))) * weights).sum())
        return total


def _entities(cells: Index, places: tuple[tuple[int, ...], ...]) -> tuple[Index, Index]:
    """Facets or edges as rows of vertices, in lexical order, and those of each cell (m, k)."""
    corners = cells[:, np.array(places)]
    keys = _keys(corners.reshape(-1, corners.shape[2]), int(cells.max(initial=0)) + 1)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return corners.reshape(-1, corners.shape[2])[first], inverse.reshape(corners.shape[:2]).astype(np.int64)


def _keys(rows: Index, count: int) -> Index:
    """One integer for each set of vertices, numbers below ``count``."""
    rows = np.sort(np.asarray(rows, np.int64), axis=1)
    keys = rows[:, 0]
    for column in rows.T[1:]:
        keys = keys * np.int64(count) + column
    return keys


def _find(known: Index, wanted: Index) -> Index:
    count = 1 + max(int(known.max(initial=0)), int(np.max(wanted, initial=0)))
    keys, sought = _keys(known, count), _keys(wanted, count)
    order = np.argsort(keys)
    found = order[np.clip(np.searchsorted(keys, sought, sorter=order), 0, len(keys) - 1)]
    return np.where(keys[found] == sought, found, -1)


def find_edges(mesh: FiniteMesh, edges: Index) -> Index:
    """Edge index of each pair of vertices (k, 2), −1 where the mesh has no such edge."""
    return _find(mesh.edges, edges)


def find_facets(mesh: FiniteMesh, facets: Index) -> Index:
    """Facet index of each set of vertices (k, d), −1 where the mesh has no such facet."""
    return _find(mesh.facets, facets)


def line_mesh(points: Array, left: tuple[str, ...], right: tuple[str, ...]) -> FiniteMesh:
    """An interval cut at increasing ``points`` (n,), its ends carrying names."""
    n = len(points)
    cells = np.stack([np.arange(n - 1), np.arange(1, n)], axis=1).astype(np.int64)
    boundaries: dict[str, Index] = {}
    for names, end in ((left, 0), (right, n - 1)):
        for name in names:
            boundaries[name] = np.append(boundaries.get(name, np.empty(0, np.int64)), end)
    return FiniteMesh(np.asarray(points, float)[:, None], cells, None, boundaries)


def simplex_mesh(
    points: Array,
    cells: Index,
    boundaries: Mapping[str, Index],
    middles: tuple[Index, Array] | None = None,
) -> FiniteMesh:
    """A mesh of triangles or tetrahedra from vertices, cells, named facets (f, d), and nodes of curved edges.

    ``middles`` is (edges as vertex pairs (k, 2), their middle nodes (k, d)); edges left out are straight.
    Vertices that no cell uses are dropped.
    """
    used, flat = np.unique(np.asarray(cells, np.int64), return_inverse=True)
    renumber = np.full(len(points), -1, np.int64)
    renumber[used] = np.arange(len(used))
    bare = FiniteMesh(np.asarray(points, float)[used], np.sort(flat.reshape(np.shape(cells)), axis=1))
    edge_nodes = None
    if middles is not None:
        edge_nodes = bare.points[bare.edges].mean(axis=1)
        where = find_edges(bare, renumber[np.asarray(middles[0], np.int64)])
        edge_nodes[where[where >= 0]] = middles[1][where >= 0]
    named = {name: find_facets(bare, renumber[np.asarray(f, np.int64)]) for name, f in boundaries.items()}
    return bare.with_nodes(bare.points, edge_nodes, {n: np.unique(f[f >= 0]) for n, f in named.items()})
