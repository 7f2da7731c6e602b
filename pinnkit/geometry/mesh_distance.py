"""Signed distance from the boundary of a shape that is given by a mesh."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .carriers import Facets
from .cell_finder import CellFinder
from .mesh import Mesh
from .mesh_pieces import chords
from .polygon import edges_distance


@dataclass(frozen=True, eq=False)
class MeshDistance:
    """Distances from the boundary of a mesh of simplices; curved cells of space count as straight ones."""

    mesh: Mesh
    finder: CellFinder

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Signed distance (n,), negative within."""
        if self.mesh.dimension == 1:
            inside = np.searchsorted(self._ends, points[:, 0]) % 2 == 1
            return np.where(inside, -1, 1) * np.min(np.abs(points - self._ends), axis=1)
        if self.mesh.dimension == 2:
            return edges_distance(points, *self._chords)
        _, over = self.finder.find(points)
        if np.any(within := over <= 0):
            over[within] = -np.linalg.norm(self._faces.project(points[within]) - points[within], axis=1)
        return over

    @cached_property
    def _facets(self) -> np.ndarray:
        return np.vstack(list(self.mesh.facets.values()))

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.sort(self.mesh.points[self._facets[:, 0], 0])

    @cached_property
    def _chords(self) -> tuple[np.ndarray, np.ndarray]:
        return chords(self.mesh.element.facet, self.mesh.points[self._facets])

    @cached_property
    def _faces(self) -> Facets:
        return Facets(self.mesh.points[self._facets[:, :3]])
