"""Quadrature points over the cells of a mesh, and over the facets of a named boundary."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import factorial

import numpy as np

from ..geometry.mesh import Mesh
from ..geometry.rules import simplex_rule
from .lagrange import Space, facet_cells


@dataclass(frozen=True, eq=False)
class QuadratureSet:
    """Points (m, q, d), weights (m, q), and on a boundary normals (m, q, d); ``cells`` (m,) they lie in.

    ``at`` (m or 1, q, d) are the points in the reference cell, ``inverse`` (m, q, d, d) holds ∂ξᵣ/∂xᵢ.
    """

    name: str
    cells: np.ndarray
    at: np.ndarray
    points: np.ndarray
    weights: np.ndarray
    inverse: np.ndarray
    normals: np.ndarray | None
    _tables: dict[int, np.ndarray] = field(default_factory=dict)

    @classmethod
    def over_cells(cls, mesh: Mesh, order: int) -> QuadratureSet:
        """A rule exact to ``order`` on straight cells, over all of the mesh."""
        at, weights = simplex_rule(mesh.dimension, order)
        cells = np.arange(len(mesh.cells))
        points, jacobian = _mapped(mesh, cells, at[None])
        measure = np.abs(np.linalg.det(jacobian)) * weights
        return cls("", cells, at[None], points, measure, np.linalg.inv(jacobian), None)

    @classmethod
    def over_facets(cls, mesh: Mesh, name: str, order: int) -> QuadratureSet:
        """The same over the facets under a name; ds and normals follow Nanson's formula |J| J⁻ᵀ n."""
        d = mesh.dimension
        cells, opposite = facet_cells(mesh, name)
        inner, weights = simplex_rule(d - 1, order) if d > 1 else (np.zeros((1, 0)), np.ones(1))
        corners = np.vstack([np.zeros(d), np.eye(d)])
        facets = [np.delete(corners, vertex, axis=0) for vertex in range(d + 1)]
        barycentric = np.column_stack([1 - inner.sum(axis=1), inner])
        at = np.stack([barycentric @ facet for facet in facets])[opposite]
        # ∇λ of the vertex opposite points inwards; the slanted facet is √d/(d − 1)! large, the others less.
        inward = np.vstack([-np.ones(d), np.eye(d)])
        area = np.linalg.norm(inward, axis=1) / factorial(d - 1)
        normal = (-inward / np.linalg.norm(inward, axis=1)[:, None])[opposite]
        points, jacobian = _mapped(mesh, cells, at)
        inverse = np.linalg.inv(jacobian)
        turned = np.abs(np.linalg.det(jacobian))[..., None] * np.einsum("mqri,mr->mqi", inverse, normal)
        length = np.linalg.norm(turned, axis=2)
        measure = length * area[opposite][:, None] * (weights * factorial(d - 1))
        return cls(name, cells, at, points, measure, inverse, turned / length[..., None])

    def shapes(self, space: Space) -> np.ndarray:
        """Shape functions (m or 1, q, k) of a space at the points."""
        flat = self.at.reshape(-1, self.at.shape[-1])
        return space.element.values(flat).reshape(*self.at.shape[:2], -1)

    def slopes(self, space: Space) -> np.ndarray:
        """Their derivatives (m, q, k, d) by the coordinates."""
        if space.degree not in self._tables:
            flat = self.at.reshape(-1, self.at.shape[-1])
            local = space.element.gradients(flat).reshape(*self.at.shape[:2], -1, self.at.shape[-1])
            self._tables[space.degree] = np.einsum("mqkr,mqri->mqki", local, self.inverse, optimize=True)
        return self._tables[space.degree]


def _mapped(mesh: Mesh, cells: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (m, q, d) of reference points (m or 1, q, d), and ∂xᵢ/∂ξᵣ there."""
    nodes = mesh.points[mesh.cells[cells]]
    flat = at.reshape(-1, at.shape[-1])
    values = mesh.element.values(flat).reshape(*at.shape[:2], -1)
    slopes = mesh.element.gradients(flat).reshape(*at.shape[:2], -1, at.shape[-1])
    whole = (len(cells), *at.shape[1:2])
    values = np.broadcast_to(values, (*whole, values.shape[-1]))
    slopes = np.broadcast_to(slopes, (*whole, *slopes.shape[2:]))
    return (
        np.einsum("mqk,mki->mqi", values, nodes, optimize=True),
        np.einsum("mqkr,mki->mqir", slopes, nodes, optimize=True),
    )
