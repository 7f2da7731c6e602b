"""A mesh: points, cells of one kind or several, boundary facets and subdomains under their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .elements import ELEMENTS, Element
from .pieces import BoundaryPiece


@dataclass(frozen=True, eq=False)
class Mesh:
    """Cells that cover a shape.

    ``points`` are (n, d), ``cells`` (m, k) numbers of points in meshio's order for the ``kind``: of
    triangle6 three vertices and then the middles of edges 01, 12 and 02. Vertices of simplices ascend, so
    that neighbours agree on the direction of every edge. ``facets`` gives for each boundary name the (f, k)
    points of its facets. Where the exact boundary is known, ``facet_pieces`` says, name by name, which of
    ``pieces`` each facet lies on. ``subdomains`` gives for each name of a region the rows of its cells.
    """

    points: np.ndarray
    cells: np.ndarray
    kind: str
    facets: Mapping[str, np.ndarray]
    pieces: Sequence[BoundaryPiece] = ()
    facet_pieces: Mapping[str, np.ndarray] = field(default_factory=dict)
    subdomains: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def blocks(self) -> tuple[Mesh, ...]:
        """The mesh itself, its cells being of one kind; see ``MixedMesh``."""
        return (self,)

    @property
    def dimension(self) -> int:
        """Number of space coordinates."""
        return self.points.shape[1]

    @property
    def element(self) -> Element:
        """Shape functions and numbering of the cells."""
        return ELEMENTS[self.kind]

    @property
    def vertices(self) -> np.ndarray:
        """Points that are corners of cells, (v,), ascending."""
        return np.unique(self.cells[:, : self.element.corners])

    @cached_property
    def cell_measures(self) -> np.ndarray:
        """Length, area or volume of every cell, (m,)."""
        return self._measures(self.kind, self.cells)

    @property
    def measure(self) -> float:
        """Sum over the cells; of a curved shape it nears the exact one like h⁴."""
        return float(np.sum(self.cell_measures))

    def facet_measures(self, name: str) -> np.ndarray:
        """Measure of every facet under a name, (f,)."""
        return self._measures(self.element.facet, self.facets[name])

    def _measures(self, kind: str, cells: np.ndarray) -> np.ndarray:
        from .rules import reference_rule

        element = ELEMENTS[kind]
        # Exact for the volumes of all cells; lengths and areas of curved facets converge fast.
        at, weights = reference_rule(element, 2 if element.flat else 6)
        return element.densities(self.points[cells], at) @ weights

    def refined(self) -> Mesh:
        """Every cell cut into 2ᵈ; new boundary points lie on the exact curve where it is known."""
        from .refine import refined

        return refined(self)


@dataclass(frozen=True, eq=False)
class MixedMesh:
    """Cells of several kinds that cover a shape: one block for each kind, all on the same points.

    The facets of a block are those of its own cells, and its ``subdomains`` number its own cells. A mesh of
    one kind has ``blocks`` too, so that what goes through blocks serves both.
    """

    blocks: tuple[Mesh, ...]

    @property
    def points(self) -> np.ndarray:
        """Points (n, d) of all blocks."""
        return self.blocks[0].points

    @property
    def dimension(self) -> int:
        """Number of space coordinates."""
        return self.blocks[0].dimension

    @property
    def measure(self) -> float:
        """Sum over all cells."""
        return sum(block.measure for block in self.blocks)


AnyMesh = Mesh | MixedMesh


def ascending(cells: np.ndarray) -> np.ndarray:
    """Straight simplices with their vertices in ascending order."""
    return np.sort(cells, axis=1)


def edges_of(cells: np.ndarray, sides: Sequence[tuple[int, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """All edges once, (e, 2) ascending, and each cell's edges (m, sides) as rows of that list."""
    ends = np.sort(np.stack([cells[:, list(side[:2])] for side in sides], axis=1), axis=2)
    count = int(cells.max()) + 1 if cells.size else 1
    keys, inverse = np.unique(ends[..., 0].astype(np.int64) * count + ends[..., 1], return_inverse=True)
    return np.stack([keys // count, keys % count], axis=1), inverse.reshape(ends.shape[:2])


def edge_numbers(edges: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Rows of ``edges`` (ascending, as from ``edges_of``) that hold the ``wanted`` pairs (f, 2)."""
    count = int(edges.max()) + 1
    keys, ends = edges[:, 0] * count + edges[:, 1], np.sort(wanted, axis=1)
    return np.searchsorted(keys, ends[:, 0] * count + ends[:, 1])


def quadratic(mesh: Mesh, middles: np.ndarray | None = None) -> Mesh:
    """A mesh of triangles as triangle6, boundary middles moved to the exact curve.

    ``middles`` (e, 2) places the middles of the edges in the order of ``edges_of``; by default half way.
    """
    sides = ELEMENTS["triangle"].facets
    edges, of_cell = edges_of(mesh.cells, sides)
    placed = mesh.points[edges].mean(axis=1) if middles is None else middles.copy()
    facets = {}
    for name, ends in mesh.facets.items():
        rows = edge_numbers(edges, ends)
        placed[rows] = snapped(mesh, name, mesh.points[ends].mean(axis=1), placed[rows])
        facets[name] = np.column_stack([ends, len(mesh.points) + rows])
    return Mesh(
        np.vstack([mesh.points, placed]), np.hstack([mesh.cells, len(mesh.points) + of_cell]),
        "triangle6", facets, mesh.pieces, mesh.facet_pieces,
    )  # fmt: skip


def snapped(mesh: Mesh, name: str, middles: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """Middles of the facets under a name, moved to the exact pieces; ``otherwise`` where none is known."""
    result = np.array(otherwise)
    numbers = mesh.facet_pieces.get(name, np.full(len(middles), -1))
    for number in np.unique(numbers[numbers >= 0]):
        rows = numbers == number
        result[rows] = mesh.pieces[number].project(middles[rows])
    return result
