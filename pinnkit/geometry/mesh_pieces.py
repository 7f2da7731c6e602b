"""Boundary pieces and distances of shapes that are given by a mesh."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .carriers import Facets
from .checks import constant
from .elements import ELEMENTS
from .facets import facet_keys, facet_table
from .mesh import Mesh
from .pieces import BoundaryPiece, EndPoint

# Curved edges of a file stand for this many chords where distances are measured.
CHORDS = 32


@dataclass(frozen=True, eq=False)
class MeshPiece(BoundaryPiece):
    """The facets of a mesh under one name: their ``kind``, nodes (f, k, d), and a point (f, d) behind each.

    On curved facets points are uniform in the reference coordinate.
    """

    name: str
    kind: str
    nodes: np.ndarray
    behind: np.ndarray

    closed = constant(False)
    extent = constant(None)

    @property
    def dimension(self) -> int:
        return self.nodes.shape[2]

    @cached_property
    def measures(self) -> np.ndarray:
        """Measure of each facet, (f,)."""
        from .rules import reference_rule

        at, weights = reference_rule(ELEMENTS[self.kind], 6)
        return ELEMENTS[self.kind].densities(self.nodes, at) @ weights

    @property
    def measure(self) -> float:
        return float(self.measures.sum())

    @property
    def proposed_measure(self) -> float:
        return self.measure

    @cached_property
    def carrier(self) -> Facets:
        if self.dimension == 2:
            return Facets(np.stack(chords(self.kind, self.nodes), axis=1))
        return Facets(self.nodes[:, : ELEMENTS[self.kind].corners])

    def propose(self, unit):
        element = ELEMENTS[self.kind]
        facet, local = chosen(self.measures, unit)
        at = in_simplex(local[:, : element.dimension])
        nodes = self.nodes[facet]
        points = np.einsum("nk,nkd->nd", element.values(at), nodes)
        tangents = np.einsum("nkr,nkd->nrd", element.gradients(at), nodes)
        if self.dimension == 2:
            normals = np.stack([tangents[:, 0, 1], -tangents[:, 0, 0]], axis=1)
        else:
            normals = np.cross(tangents[:, 0], tangents[:, 1])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        away = np.sum(normals * (nodes.mean(axis=1) - self.behind[facet]), axis=1)
        return points, normals * np.sign(away)[:, None], np.ones(len(points), dtype=bool)


def mesh_pieces(mesh: Mesh) -> tuple[BoundaryPiece, ...]:
    """One piece for each name of the facets of a mesh of simplices, one for each end of a mesh on a line."""
    table = facet_table([(mesh.kind, mesh.cells)])
    owner = np.empty(len(table.counts), dtype=np.int64)
    owner[table.facet] = table.cell
    inside = mesh.points[mesh.cells[:, : mesh.element.corners]].mean(axis=1)
    corners = ELEMENTS[mesh.element.facet].corners
    found: list[BoundaryPiece] = []
    for name, facets in mesh.facets.items():
        behind = inside[owner[table.find(facet_keys(facets[:, :corners], corners))]]
        if mesh.dimension == 1:
            ends = mesh.points[facets[:, 0], 0]
            signs = np.sign(ends - behind[:, 0]).astype(int)
            found += [EndPoint(name, *end) for end in zip(ends.tolist(), signs.tolist(), strict=True)]
            continue
        found.append(MeshPiece(name, mesh.element.facet, mesh.points[facets], behind))
    return tuple(found)


def chosen(measures: np.ndarray, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A cell (n,) for each row by its first number, which goes on stretched to the cell: (n, columns)."""
    shares = np.concatenate([[0.0], np.cumsum(measures / measures.sum())])
    cell = np.clip(np.searchsorted(shares, unit[:, 0], side="right") - 1, 0, len(measures) - 1)
    local = unit.copy()
    local[:, 0] = np.clip((unit[:, 0] - shares[cell]) / np.diff(shares)[cell], 0, 1)
    return cell, local


def in_simplex(unit: np.ndarray) -> np.ndarray:
    """Points of the unit simplex (n, d) from numbers in [0, 1), uniform for uniform numbers."""
    d = unit.shape[1]
    if d == 0:
        return unit
    t = 1 - (1 - unit) ** (1 / np.arange(d, 0, -1))
    return t * np.cumprod(np.hstack([np.ones((len(t), 1)), 1 - t[:, :-1]]), axis=1)


def chords(kind: str, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends (c, 2) of segments that follow the edges with the given nodes (f, k, 2)."""
    element = ELEMENTS[kind]
    at = np.linspace(0, 1, 2 if element.flat else CHORDS + 1)[:, None]
    along = element.places(nodes, at)
    return along[:, :-1].reshape(-1, 2), along[:, 1:].reshape(-1, 2)
