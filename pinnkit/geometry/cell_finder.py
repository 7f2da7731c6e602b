"""Which cell of a mesh a point lies in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .mesh import Mesh

# Cells looked at for each point: those with the nearest centres, then more for points in none of these.
_NEAREST = (8, 64, 512)
_AT_ONCE = 500_000
# Inverting the map of a curved cell: Newton steps, and how far from the cell they may lead.
_STEPS, _ASTRAY = 8, 2.0


@dataclass(frozen=True, eq=False)
class CellFinder:
    """Finds points in a mesh of simplices, straight or of second order."""

    mesh: Mesh

    def find(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For points (n, d) a cell each, and by how much (n,) they lie outside it, negative within.

        Of points in no cell it is the least overshoot over the planes of the cells near by.
        """
        cells, over = self._among(points, _NEAREST[0])
        for count in _NEAREST[1:]:
            # A point among cells of very unlike sizes may lie in one whose centre is far.
            if not np.any(doubtful := over > 0):
                break
            cells[doubtful], over[doubtful] = self._among(points[doubtful], count)
        return cells, over

    def _among(self, points: np.ndarray, nearest: int) -> tuple[np.ndarray, np.ndarray]:
        count = min(nearest, len(self.mesh.cells))
        cells, over = np.empty(len(points), dtype=np.int64), np.empty(len(points))
        for rows in np.array_split(np.arange(len(points)), max(1, len(points) * count // _AT_ONCE)):
            _, near = self._tree.query(points[rows], k=count)
            near = np.reshape(near, (len(rows), -1))
            homogeneous = np.column_stack([points[rows], np.ones(len(rows))])
            outside = np.max(-np.einsum("nd,nkdc->nkc", homogeneous, self._depths[near]), axis=2)
            if self._bend:
                # Straight cells err by as much as curved ones bend.
                point, place = np.nonzero(np.abs(outside) <= 2 * self._bend)
                outside[point, place] = self._outside(points[rows][point], near[point, place])
            best = np.argmin(outside, axis=1)
            cells[rows], over[rows] = near[np.arange(len(rows)), best], outside[np.arange(len(rows)), best]
        return cells, over

    def _outside(self, points: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """By how much (n,) each point lies outside a curved cell, from the cell's own coordinates of it."""
        element, d = self.mesh.element, self.mesh.dimension
        nodes = self.mesh.points[self.mesh.cells[cells]]
        size = np.ptp(nodes, axis=1).max(axis=1)
        local = np.full((len(points), d), 1 / (d + 1))
        for _ in range(_STEPS):
            miss = points - np.einsum("nk,nkd->nd", element.values(local), nodes)
            if np.all(np.abs(miss) <= 1e-12 * size[:, None]):
                break
            jacobian = np.einsum("nkr,nkd->ndr", element.gradients(local), nodes)
            local = np.clip(local + np.linalg.solve(jacobian, miss[..., None])[..., 0], -_ASTRAY, _ASTRAY)
        miss = np.linalg.norm(points - np.einsum("nk,nkd->nd", element.values(local), nodes), axis=1)
        outside = -np.minimum(local.min(axis=1), 1 - local.sum(axis=1)) * size
        # Where Newton's method was led astray the point is out of the cell.
        return np.where(miss <= 1e-9 * size, outside, np.maximum(outside, size))

    @cached_property
    def _bend(self) -> float:
        """How far the nodes of any cell lie from their places in a straight one."""
        element = self.mesh.element
        if element.flat:
            return 0.0
        nodes = np.array(element.nodes)
        weights = np.column_stack([1 - nodes.sum(axis=1), nodes])
        straight = np.einsum("kc,mcd->mkd", weights, self._corners)
        return float(np.linalg.norm(self.mesh.points[self.mesh.cells] - straight, axis=2).max())

    @cached_property
    def _corners(self) -> np.ndarray:
        return self.mesh.points[self.mesh.cells[:, : self.mesh.element.corners]]

    @cached_property
    def _tree(self):
        from scipy.spatial import KDTree

        return KDTree(self._corners.mean(axis=1))

    @cached_property
    def _depths(self) -> np.ndarray:
        """Matrices (m, d+1, d+1) that take (x, 1) to distances from the planes of the faces.

        Barycentric coordinates over the length of their gradients are these distances.
        """
        corners = self._corners
        barycentric = np.linalg.inv(np.concatenate([corners, np.ones((*corners.shape[:2], 1))], axis=2))
        return barycentric / np.linalg.norm(barycentric[:, :-1], axis=1)[:, None]
