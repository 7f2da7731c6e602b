"""Which cell holds a point: a KD-tree of cell centres, then a walk across facets.

The obvious dense test of every cell against every point needs memory for their product; this one
needs a few arrays as long as the points.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from .elements import CELL_FACETS, Array, tabulate
from .mesh import FiniteMesh, Index

_INSIDE = 1e-10
_WALK_STEPS = 40
_CANDIDATES = 24


class PointOutside(ValueError):
    """Points that lie farther outside a mesh than its boundary can be wrong by."""


class Locator:
    """Finds cells and reference coordinates for points of a mesh."""

    def __init__(self, mesh: FiniteMesh):
        self.mesh = mesh

    def locate(self, points: Array, near: Index | None = None) -> tuple[Index, Array]:
        """Cells (n,) and reference coordinates (n, d) of ``points`` (n, d), sought from the cells ``near``.

        A point outside the mesh by no more than the mesh can differ from the exact shape (second order
        in the size of the nearest cell) belongs to that cell and is extrapolated from it; one farther
        outside raises ``PointOutside``.
        """
        points = np.asarray(points, float)
        return self._line(points) if self.mesh.dimension == 1 else self._simplices(points, near)

    def _line(self, points: Array) -> tuple[Index, Array]:
        grid = self.mesh.points[:, 0]
        x = points[:, 0]
        cell = np.clip(np.searchsorted(grid, x, side="right") - 1, 0, len(grid) - 2)
        gap = np.maximum(grid[0] - x, x - grid[-1])
        self._refuse(points, gap > 1e-9 * self.mesh.extent)
        return cell, ((x - grid[cell]) / (grid[cell + 1] - grid[cell]))[:, None]

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.mesh.points[self.mesh.cells].mean(axis=1))

    @cached_property
    def _affine(self) -> tuple[Array, Array]:
        """Inverse Jacobian (m, d, d) and first vertex (m, d) of each cell, taken for straight."""
        corners = self.mesh.points[self.mesh.cells]
        return np.linalg.inv(np.swapaxes(corners[:, 1:] - corners[:, :1], 1, 2)), corners[:, 0]

    @cached_property
    def _neighbours(self) -> Index:
        """The cell (m, d+1) across the facet opposite to each vertex, −1 at the boundary."""
        facets = CELL_FACETS[self.mesh.dimension]
        order = [next(i for i, f in enumerate(facets) if v not in f) for v in range(len(facets))]
        pair = self.mesh.facet_cells[self.mesh.cell_facets[:, order]]
        own = np.arange(len(self.mesh.cells))[:, None]
        return np.where(pair[..., 0] == own, pair[..., 1], pair[..., 0])

    def _reference(self, cells: Index, points: Array) -> Array:
        """Reference coordinates (n, d) of points in given cells, by Newton's method where curved."""
        inverse, origin = self._affine
        guess = np.einsum("nij,nj->ni", inverse[cells], points - origin[cells])
        # Far from its cell the curved map may fold: there the straight cell's answer points the way.
        bent = np.flatnonzero(self.mesh.curved[cells] & (np.abs(guess - 0.5) < 1.5).all(axis=1))
        if not bent.size:
            return guess
        geometry, target, local = self.mesh.geometry[cells[bent]], points[bent], guess[bent]
        for _ in range(12):
            table = tabulate(self.mesh.dimension, 2, np.ascontiguousarray(local.T))
            gap = target - np.einsum("cgd,gc->cd", geometry, table[..., 0])
            jacobian = np.einsum("cgd,gcr->cdr", geometry, table[..., 1:])
            step = np.linalg.solve(jacobian, gap[..., None])[..., 0]
            local = local + np.clip(step, -0.5, 0.5)
            if np.abs(step).max() < 1e-13:
                break
        guess[bent] = local
        return guess

    @staticmethod
    def _depth(reference: Array) -> tuple[Array, Index]:
        """Smallest barycentric coordinate and the vertex it belongs to."""
        coordinates = np.column_stack([1 - reference.sum(axis=1), reference])
        vertex = coordinates.argmin(axis=1)
        return coordinates[np.arange(len(vertex)), vertex], vertex

    def _simplices(self, points: Array, near: Index | None) -> tuple[Index, Array]:
        n = len(points)
        cells = np.zeros(n, np.int64)
        reference = np.zeros((n, self.mesh.dimension))
        if n == 0:
            return cells, reference
        cells[:] = self._tree.query(points)[1] if near is None else near
        lost = np.empty(0, np.int64)
        walking = np.arange(n)
        for _ in range(_WALK_STEPS):
            local = self._reference(cells[walking], points[walking])
            depth, vertex = self._depth(local)
            reference[walking] = local
            beyond = depth < -_INSIDE
            walking, vertex = walking[beyond], vertex[beyond]
            across = self._neighbours[cells[walking], vertex]
            lost = np.concatenate([lost, walking[across < 0]])
            walking, across = walking[across >= 0], across[across >= 0]
            cells[walking] = across
            if not walking.size:
                break
        lost = np.concatenate([lost, walking])
        if lost.size:
            self._search(points, cells, reference, lost)
        return cells, reference

    def _search(self, points: Array, cells: Index, reference: Array, lost: Index) -> None:
        """For points whose walk met the boundary: the best of the nearest cells, gap permitting."""
        count = min(_CANDIDATES, len(self.mesh.cells))
        for wide in (count, min(16 * count, len(self.mesh.cells))):
            chunk = max(1, 2_000_000 // wide)
            left = []
            for start in range(0, len(lost), chunk):
                some = lost[start : start + chunk]
                near = self._tree.query(points[some], k=wide)[1].reshape(len(some), wide)
                local = self._reference(near.ravel(), np.repeat(points[some], wide, axis=0))
                depth = self._depth(local)[0].reshape(near.shape)
                # Depth times size is a distance, so that large and small cells compare fairly.
                gap = np.maximum(-depth, 0) * self.mesh.sizes[near]
                best = np.where(depth >= -_INSIDE, -1.0, gap).argmin(axis=1)
                rows = np.arange(len(some))
                cells[some] = near[rows, best]
                reference[some] = local.reshape(*near.shape, -1)[rows, best]
                size = self.mesh.sizes[cells[some]]
                allowed = np.maximum(
                    1e-9 * self.mesh.extent, np.minimum(2 * size**2 / self.mesh.extent, size / 4)
                )
                left.append(some[gap[rows, best] > allowed])
            lost = np.concatenate(left)
            if not lost.size:
                return
        self._refuse(points, np.isin(np.arange(len(points)), lost))

    def _refuse(self, points: Array, outside: np.ndarray) -> None:
        if outside.any():
            first = points[np.flatnonzero(outside)[0]]
            where = ", ".join(f"{c:g}" for c in first)
            raise PointOutside(
                f"{int(outside.sum())} of {len(points)} points lie outside the mesh, the first at ({where})\n"
                "  mend: evaluate inside the domain"
            )
