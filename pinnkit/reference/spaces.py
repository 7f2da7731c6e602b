"""Finite-element spaces: degrees of freedom of one unknown, and of all unknowns together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .elements import Array, element, nodes, shapes_on_facets, tabulate
from .mesh import FiniteMesh, Index
from .periodic import masters


@dataclass(frozen=True, eq=False)
class Space:
    """Continuous piecewise polynomials of one degree on a mesh.

    ``cell_dofs`` (m, shapes) are global numbers 0 … size−1; a periodic space has fewer of them, because
    degrees of freedom on opposite sides are one.
    """

    mesh: FiniteMesh
    degree: int
    cell_dofs: Index
    size: int

    @classmethod
    def on(cls, mesh: FiniteMesh, degree: int, periodic: Sequence[int] = ()) -> Space:
        """The space of a degree, identified along the coordinates ``periodic``.

        Degrees of freedom of vertices come first, then those of edges, faces and cells, as in scikit-fem.
        """
        chosen = element(mesh.dimension, degree)
        everything = np.arange(len(mesh.cells))[:, None]
        blocks = [(chosen.nodal_dofs, mesh.cells, len(mesh.points))]
        if mesh.dimension == 3:
            blocks.append((chosen.edge_dofs, mesh.cell_edges, len(mesh.edges)))
        if mesh.dimension > 1:
            blocks.append((chosen.facet_dofs, mesh.cell_facets, len(mesh.facets)))
        blocks.append((chosen.interior_dofs, everything, len(mesh.cells)))
        numbers, size = [], 0
        for count, members, total in blocks:
            own = size + members[..., None] * count + np.arange(count)
            numbers.append(own.reshape(len(mesh.cells), -1))
            size += count * total
        plain = cls(mesh, degree, np.concatenate(numbers, axis=1), size)
        return plain._identified(periodic) if periodic else plain

    def _identified(self, periodic: Sequence[int]) -> Space:
        master = masters(self.positions, self.mesh.points, periodic)
        kept, numbers = np.unique(master, return_inverse=True)
        return Space(self.mesh, self.degree, numbers[self.cell_dofs], len(kept))

    @cached_property
    def positions(self) -> Array:
        """Where each degree of freedom sits (size, d); NaN for the bubbles of lines, which sit nowhere."""
        place = np.full((self.size, self.mesh.dimension), np.nan)
        if self.mesh.dimension == 1:
            place[self.cell_dofs[:, :2]] = self.mesh.points[self.mesh.cells]
            return place
        everything = np.arange(len(self.mesh.cells))
        place[self.cell_dofs] = self.mesh.map(everything, nodes(self.mesh.dimension, self.degree).T)
        return place

    def facet_dofs(self, facets: Index) -> Index:
        """Degrees of freedom that live on facets."""
        if self.mesh.dimension == 1:
            cell = self.mesh.facet_cells[facets, 0]
            local = (self.mesh.cells[cell, 1] == facets).astype(int)
            return np.unique(self.cell_dofs[cell, local])
        cell = self.mesh.facet_cells[facets, 0]
        local = np.argmax(self.mesh.cell_facets[cell] == facets[:, None], axis=1)
        shapes = shapes_on_facets(self.mesh.dimension, self.degree)[local]
        return np.unique(self.cell_dofs[cell[:, None], shapes])

    def constant(self) -> Array:
        """Coefficients (size,) of the function 1."""
        ones = np.ones(self.size)
        if self.mesh.dimension == 1:
            ones[:] = 0.0
            ones[self.cell_dofs[:, :2]] = 1.0
        return ones

    def tabulate(self, cells: Index, reference: Array) -> tuple[Index, Array]:
        """Numbers (c, s) of the degrees of freedom and values (s, c) of their shape functions.

        At one reference point (c, d) in each of ``cells``.
        """
        table = tabulate(self.mesh.dimension, self.degree, np.ascontiguousarray(reference.T))
        return self.cell_dofs[cells], table[..., 0]

    def evaluate(self, coefficients: Array, cells: Index, reference: Array) -> Array:
        """Values (…, c) at one reference point (c, d) in each of ``cells``; coefficients (…, size)."""
        dofs, shapes = self.tabulate(cells, reference)
        return np.einsum("...cs,sc->...c", coefficients[..., dofs], shapes)


@dataclass(frozen=True, eq=False)
class SpaceProduct:
    """The spaces of all unknowns, numbered one after the other."""

    spaces: tuple[Space, ...]

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Where each unknown's numbers begin; the last entry is the total."""
        return tuple(int(n) for n in np.cumsum([0, *(s.size for s in self.spaces)]))

    @property
    def size(self) -> int:
        """Number of all degrees of freedom."""
        return self.offsets[-1]

    @property
    def mesh(self) -> FiniteMesh:
        """The mesh that all spaces share."""
        return self.spaces[0].mesh

    def part(self, unknown: int) -> slice:
        """The numbers of one unknown."""
        return slice(self.offsets[unknown], self.offsets[unknown + 1])
