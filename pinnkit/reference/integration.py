"""Quadrature on the cells of a mesh and on its boundary facets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .elements import CELL_FACETS, Array, quadrature
from .mesh import FiniteMesh, Index

# Quadrature points that are worked on at once: arrays of a few megabytes for each coefficient.
_AT_ONCE = 300_000


@dataclass(frozen=True, eq=False)
class IntegrationSet:
    """Quadrature on cells, all with the same reference points (d, q): ``weights`` (c, q) hold the measure.

    ``inverse`` (c, q or 1, r, d) is ∂ξᵣ/∂x_d; ``normals`` (c, q, d) are given on boundaries.
    """

    cells: Index
    reference: Array
    points: Array
    weights: Array
    inverse: Array
    normals: Array | None = None

    @classmethod
    def of_cells(cls, mesh: FiniteMesh, order: int, cells: Index | None = None) -> IntegrationSet:
        """Some cells, or all of them."""
        reference, weights = quadrature(mesh.dimension, order)
        cells = np.arange(len(mesh.cells)) if cells is None else cells
        jacobian = mesh.jacobian(cells, reference)
        measure = np.abs(np.linalg.det(jacobian)) * weights
        return cls(cells, reference, mesh.map(cells, reference), measure, np.linalg.inv(jacobian))

    @classmethod
    def in_parts(cls, mesh: FiniteMesh, order: int) -> list[IntegrationSet]:
        """All cells, the straight ones apart from the curved: those need one Jacobian each."""
        if mesh.dimension < 3:
            return [cls.of_cells(mesh, order)]
        parts = (np.flatnonzero(~mesh.curved), np.flatnonzero(mesh.curved))
        return [cls.of_cells(mesh, order, cells) for cells in parts if cells.size]

    @classmethod
    def of_facets(cls, mesh: FiniteMesh, facets: Index, order: int) -> list[IntegrationSet]:
        """Boundary facets, one set for each place a facet can have in its cell.

        A facet's area vector n dS is |det J| J⁻ᵀ times the one of the reference facet (Nanson).
        """
        d = mesh.dimension
        inside = mesh.facet_cells[facets, 0]
        local = np.argmax(mesh.cell_facets[inside] == facets[:, None], axis=1)
        corners = np.vstack([np.zeros(d), np.eye(d)])
        along, weights = quadrature(d - 1, order)
        sets = []
        for place, vertices in enumerate(CELL_FACETS[d]):
            cells = inside[local == place]
            if not cells.size:
                continue
            start, edges = corners[vertices[0]], corners[list(vertices[1:])] - corners[vertices[0]]
            reference = np.ascontiguousarray(start[:, None] + edges.T @ along)
            jacobian = mesh.jacobian(cells, reference)
            inverse = np.linalg.inv(jacobian)
            (opposite,) = set(range(d + 1)) - set(vertices)
            flat = np.ones(d) if opposite == 0 else -corners[opposite]
            area = np.abs(np.linalg.det(jacobian))[..., None] * np.einsum("cqrd,r->cqd", inverse, flat)
            size = np.linalg.norm(area, axis=2)
            normals = np.broadcast_to(area / size[..., None], (len(cells), len(weights), d))
            sets.append(cls(cells, reference, mesh.map(cells, reference), size * weights, inverse, normals))
        return sets

    def chunks(self) -> Iterator[IntegrationSet]:
        """The set in slices whose arrays stay small."""
        count = max(1, _AT_ONCE // len(self.weights.T))
        for start in range(0, len(self.cells), count):
            if start == 0 and count >= len(self.cells):
                yield self
                return
            some = slice(start, start + count)
            yield IntegrationSet(
                self.cells[some],
                self.reference,
                self.points[some],
                self.weights[some],
                self.inverse[some],
                None if self.normals is None else self.normals[some],
            )
