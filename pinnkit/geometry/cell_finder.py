"""Which cell of a mesh a point lies in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .mesh import Mesh

# Cells looked at for each point: those with the nearest centres, then more for points in none of these.
_NEAREST = (8, 64, 512)
_AT_ONCE = 500_000


@dataclass(frozen=True, eq=False)
class CellFinder:
    """Finds points in a mesh of simplices; curved cells count as straight ones."""

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
            depth = np.einsum("nd,nkdc->nkc", homogeneous, self._depths[near])
            worst = np.max(-depth, axis=2)
            best = np.argmin(worst, axis=1)
            cells[rows], over[rows] = near[np.arange(len(rows)), best], worst[np.arange(len(rows)), best]
        return cells, over

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
