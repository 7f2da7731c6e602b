"""Boundary pieces and distances of shapes that are given by a mesh."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .carriers import Facets
from .checks import constant
from .elements import ELEMENTS
from .mesh import Mesh
from .mesh_reader import facets_and_owners
from .pieces import BoundaryPiece, EndPoint
from .polygon import edges_distance

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
        from .quadrature import reference_rule

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
    """One piece for each name of the mesh's facets, one for each end of a mesh on a line."""
    corners = ELEMENTS[mesh.element.facet].corners
    outer, owners = facets_and_owners(mesh.cells, mesh.element)
    inside = mesh.points[mesh.cells[owners, : mesh.element.corners]].mean(axis=1)
    owner = {tuple(sorted(row[:corners])): place for place, row in enumerate(outer.tolist())}
    found: list[BoundaryPiece] = []
    for name, facets in mesh.facets.items():
        behind = inside[[owner[tuple(sorted(row[:corners]))] for row in facets.tolist()]]
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


def mesh_distance(mesh: Mesh, points: np.ndarray) -> np.ndarray:
    """Signed distance (n,) to the boundary of a mesh, negative within."""
    facets = np.vstack(list(mesh.facets.values()))
    if mesh.dimension == 1:
        ends = np.sort(mesh.points[facets[:, 0], 0])
        inside = np.searchsorted(ends, points[:, 0]) % 2 == 1
        return np.where(inside, -1, 1) * np.min(np.abs(points - ends), axis=1)
    if mesh.dimension == 2:
        return edges_distance(points, *chords(mesh.element.facet, mesh.points[facets]))
    return _solid_distance(mesh, points, facets)


def _solid_distance(mesh: Mesh, points: np.ndarray, facets: np.ndarray) -> np.ndarray:
    """Outside: overshoot over the planes of the nearest tetrahedra; within: depth below the nearest facets.

    Curved cells count as straight ones.
    """
    over = _overshoot(mesh, points, 24)
    # A point among cells of very unlike sizes may lie in one whose centre is far.
    doubtful = over > 0
    if np.any(doubtful):
        over[doubtful] = _overshoot(mesh, points[doubtful], 240)
    if np.any(within := over <= 0):
        faces = Facets(mesh.points[facets[:, :3]])
        over[within] = -np.linalg.norm(faces.project(points[within]) - points[within], axis=1)
    return over


def _overshoot(mesh: Mesh, points: np.ndarray, nearest: int) -> np.ndarray:
    """Least overshoot (n,) over the planes of the tetrahedra with nearest centres, negative in one."""
    from scipy.spatial import KDTree

    corners = mesh.points[mesh.cells[:, :4]]
    result = np.empty(len(points))
    tree = KDTree(corners.mean(axis=1))
    # Barycentric coordinates over the length of their gradients are distances to the faces' planes.
    barycentric = np.linalg.inv(np.concatenate([corners, np.ones((*corners.shape[:2], 1))], axis=2))
    slopes = np.linalg.norm(barycentric[:, :3], axis=1)
    for rows in np.array_split(np.arange(len(points)), max(1, len(points) * nearest // 500_000)):
        _, near = tree.query(points[rows], k=min(nearest, len(corners)))
        near = np.reshape(near, (len(rows), -1))
        homogeneous = np.column_stack([points[rows], np.ones(len(rows))])
        depth = np.einsum("nd,nkdc->nkc", homogeneous, barycentric[near]) / slopes[near]
        result[rows] = np.min(np.max(-depth, axis=2), axis=1)
    return result
