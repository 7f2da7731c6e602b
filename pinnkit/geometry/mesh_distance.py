"""Signed distance from the boundary of a shape that is given by a mesh."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .carriers import Facets
from .cell_finder import CellFinder
from .elements import ELEMENTS
from .mesh import Mesh
from .mesh_pieces import chords
from .polygon import edges_distance

# Curved triangles stand for so many flat ones along each side.
_PARTS = 4
# Within so many radii of the largest facet distances are exact.
_NEAR = 2.0


@dataclass(frozen=True, eq=False)
class MeshDistance:
    """Distances from the boundary of a mesh of simplices, curved sides counting as many small flat ones."""

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
        within = np.flatnonzero(over <= 0)
        # Far from the boundary, a bound will do.
        over[within] = -self._faces.at_least(points[within])
        near = within[over[within] > -_NEAR * self._faces.radius]
        over[near] = -np.linalg.norm(self._faces.project(points[near]) - points[near], axis=1)
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
        nodes, element = self.mesh.points[self._facets], ELEMENTS[self.mesh.element.facet]
        if element.flat:
            return Facets(nodes)
        lattice = [(i, j) for i in range(_PARTS + 1) for j in range(_PARTS + 1 - i)]
        upward = [((i, j), (i + 1, j), (i, j + 1)) for i, j in lattice if i + j < _PARTS]
        downward = [((i, j), (i - 1, j), (i, j - 1)) for i, j in lattice if i and j]
        at = np.array([*upward, *downward]) / _PARTS
        return Facets(element.places(nodes, at.reshape(-1, 2)).reshape(-1, 3, 3))
