"""Cells that cover the exact domain: triangles at a round boundary have that boundary as an edge.

x = Σ Lᵢ vᵢ + Σ_edges t⁴ d(s), with t = Lᵢ + Lⱼ, s = Lⱼ/t and d(s) the arc less its chord: nothing is added on
the other edges of the cell (after Scott 1973; Zlámal 1973), and the part of d of degree up to four becomes a
polynomial, which leaves quadrature little to miss.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ...geometry.carriers import Plane
from ...geometry.curves import Arc
from ...geometry.mesh_file import MeshFile
from ...geometry.shapes import Shape
from ..elements import Array, quadrature
from ..mesh import FiniteMesh, Index

_ON_ARC = 1e-9
_SAMPLES = 12  # order of the rule whose points the bend of a cell is sampled at
_CAUTION = 1.1  # the bend may be larger between them


@dataclass(frozen=True, eq=False)
class Bends:
    """Edges that are arcs: the cell (b,), its two vertices on the edge (b, 2), and the arc from one to the
    other, center + frame·(cos θ, sin θ) with θ from ``start`` on by ``turn``."""

    cells: Index
    vertices: Index
    center: Array
    frame: Array
    start: Array
    turn: Array

    def rows(self, chosen: Index) -> Bends:
        """Some of them."""
        parts = (self.cells, self.vertices, self.center, self.frame, self.start, self.turn)
        return Bends(*(p[chosen] for p in parts))

    def displacement(self, s: Array) -> tuple[Array, Array]:
        """d and its derivative (b, q, 2) at parameters (b, q)."""
        theta = self.start[:, None] + s * self.turn[:, None]
        arc = self._at(theta)
        ends = self._at(np.stack([self.start, self.start + self.turn], axis=1))
        way = ends[:, 1] - ends[:, 0]
        slope = self.turn[:, None, None] * np.einsum(
            "bij,bqj->bqi", self.frame, np.stack([-np.sin(theta), np.cos(theta)], axis=-1)
        )
        chord = ends[:, :1] + s[..., None] * way[:, None]
        return arc - chord, slope - way[:, None]

    def _at(self, theta: Array) -> Array:
        circle = np.stack([np.cos(theta), np.sin(theta)], axis=-1)
        return np.einsum("bij,bqj->bqi", self.frame, circle) + self.center[:, None]


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of a mesh, bent to the exact boundary where ``bends`` say so.

    ``exact`` tells whether they cover the domain exactly; a mesh file is its own domain.
    """

    mesh: FiniteMesh
    shape: Shape
    bends: Bends | None = field(init=False)
    exact: bool = field(init=False)

    def __post_init__(self) -> None:
        arcs = [p for p in self.shape.pieces() if isinstance(p, Arc)] if self._plane else []
        object.__setattr__(self, "bends", _bends(self.mesh, arcs) if arcs else None)
        flat = all(isinstance(p.carrier, Plane) for p in self.shape.pieces()) if self._solid else True
        object.__setattr__(self, "exact", flat)

    @property
    def _solid(self) -> bool:
        return self.mesh.dimension == 3 and not isinstance(self.shape, MeshFile)

    @property
    def _plane(self) -> bool:
        return self.mesh.dimension == 2 and not isinstance(self.shape, MeshFile)

    def at(self, cells: Index, reference: Array) -> tuple[Array, Array]:
        """Points (c, q, d) and Jacobians ∂x/∂ξ (c, q, d, d) at reference positions (d, q)."""
        if not self._plane:
            jacobian = self.mesh.jacobian(cells, reference)
            return self.mesh.map(cells, reference), np.broadcast_to(
                jacobian, (len(cells), reference.shape[1], *jacobian.shape[2:])
            )
        vertices = self.mesh.points[self.mesh.cells[cells]]
        edges = np.swapaxes(vertices[:, 1:] - vertices[:, :1], 1, 2)
        points = vertices[:, None, 0] + np.einsum("cdr,rq->cqd", edges, reference)
        jacobian = np.repeat(edges[:, None], reference.shape[1], axis=1)
        if self.bends is not None:
            self._bend(cells, reference, points, jacobian)
        return points, jacobian

    def _bend(self, cells: Index, reference: Array, points: Array, jacobian: Array) -> None:
        assert self.bends is not None
        place = np.full(len(self.mesh.cells), -1)
        place[cells] = np.arange(len(cells))
        bends = self.bends.rows(np.flatnonzero(place[self.bends.cells] >= 0))
        if not len(bends.cells):
            return
        barycentric = np.vstack([1 - reference.sum(axis=0), reference])
        slopes = np.array([[-1.0, -1.0], [1.0, 0.0], [0.0, 1.0]])
        first, second = bends.vertices.T
        total = barycentric[first] + barycentric[second]
        s = np.divide(barycentric[second], total, out=np.zeros_like(total), where=total > 0)
        d, slope = bends.displacement(s)
        t, s = total[..., None], s[..., None]
        by_first, by_second = t**3 * (4 * d - s * slope), t**3 * (4 * d + (1 - s) * slope)
        rows = place[bends.cells]
        np.add.at(points, rows, t**4 * d)
        for by, vertex in ((by_first, first), (by_second, second)):
            np.add.at(jacobian, rows, by[..., None] * slopes[vertex][:, None, None])

    @cached_property
    def stretch(self) -> tuple[Array, Array]:
        """How much bending changes gradients and measures, (m,) each: max‖DG‖² and max det DG / min det DG,
        with G from the straight cell to the bent one; both 1 where the cell is straight."""
        count = len(self.mesh.cells)
        slopes, measures = np.ones(count), np.ones(count)
        bent = np.flatnonzero(self.mesh.curved) if self.bends is None else np.unique(self.bends.cells)
        if bent.size:
            vertices = self.mesh.points[self.mesh.cells[bent]]
            straight = np.swapaxes(vertices[:, 1:] - vertices[:, :1], 1, 2)
            jacobian = self.at(bent, quadrature(self.mesh.dimension, _SAMPLES)[0])[1]
            gradient = jacobian @ np.linalg.inv(straight)[:, None]
            largest = np.linalg.norm(gradient, ord=2, axis=(2, 3)).max(axis=1)
            determinant = np.linalg.det(gradient)
            ratio = determinant.max(axis=1) / determinant.min(axis=1)
            slopes[bent] = 1 + _CAUTION * np.maximum(largest**2 - 1, 0)
            measures[bent] = np.where(determinant.min(axis=1) > 0, 1 + _CAUTION * (ratio - 1), np.inf)
        return slopes, measures

    @cached_property
    def poincare(self) -> Array:
        """Constants (m,) with ‖v − mean v‖ ≤ C ‖∇v‖ on each cell.

        h/π on convex cells (Payne & Weinberger 1960; Bebendorf 2003), carried over to bent ones.
        """
        slopes, measures = self.stretch
        return self.mesh.sizes / np.pi * np.sqrt(slopes * measures)

    def trace(self, cells: Index, facets: Index) -> Array:
        """Constants (f,) with ‖v − mean v‖ on a facet ≤ C ‖∇v‖ on its cell.

        From |F|⁻¹∫_F w² = |K|⁻¹∫_K w² + 2/(d|K|) ∫_K w (x − a)·∇w with a the vertex opposite to F.
        """
        d, size = self.mesh.dimension, self.mesh.sizes[cells]
        vertices = self.mesh.points[self.mesh.cells[cells]]
        volume = np.abs(np.linalg.det(vertices[:, 1:] - vertices[:, :1])) / [1, 1, 2, 6][d]
        corners = self.mesh.points[self.mesh.facets[facets]]
        edges = corners[:, 1:] - corners[:, :1]
        area = np.sqrt(np.abs(np.linalg.det(edges @ np.swapaxes(edges, 1, 2)))) / [1, 1, 1, 2][d]
        square = area * size**2 / volume * (1 / np.pi**2 + 2 / (d * np.pi))
        slopes, measures = (s[cells] for s in self.stretch)
        return np.sqrt(square * slopes ** (1 + (d - 1) / 2) * measures)


def _bends(mesh: FiniteMesh, arcs: list[Arc]) -> Bends:
    """Boundary edges whose ends and middle lie on one of the arcs."""
    facets = mesh.boundary_facets
    nodes = np.concatenate([mesh.points[mesh.facets[facets]], mesh.middles[facets][:, None]], axis=1)
    gaps = np.stack([
        np.linalg.norm(arc.carrier.project(nodes.reshape(-1, 2)) - nodes.reshape(-1, 2), axis=1)
        .reshape(len(nodes), 3).max(axis=1)
        for arc in arcs
    ])  # fmt: skip
    own = gaps.argmin(axis=0)
    chosen = np.flatnonzero(gaps.min(axis=0) <= _ON_ARC * mesh.extent)
    facets, nodes, own = facets[chosen], nodes[chosen], own[chosen]
    centers, frames = np.array([a.center for a in arcs]), np.stack([a.frame for a in arcs])
    offset = nodes[:, :2] - centers[own][:, None]
    circle = np.linalg.solve(frames[own][:, None], offset[..., None])[..., 0]
    angle = np.arctan2(circle[..., 1], circle[..., 0])
    turn = np.mod(angle[:, 1] - angle[:, 0] + np.pi, 2 * np.pi) - np.pi
    cells = mesh.facet_cells[facets, 0]
    vertices = np.argmax(mesh.cells[cells][:, None, :] == mesh.facets[facets][:, :, None], axis=2)
    return Bends(cells, vertices, centers[own], frames[own], angle[:, 0], turn)
