"""Lagrange elements on simplices of any dimension: shape functions, numbering, what lies on a boundary."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from ..geometry.elements import Element
from ..geometry.mesh import Mesh


@cache
def lattice(dimension: int, degree: int) -> np.ndarray:
    """Barycentric numbers (k, d + 1) of the nodes of a cell, each row adding up to the degree."""
    rows = [r for r in product(range(degree + 1), repeat=dimension) if sum(r) <= degree]
    return np.array([(degree - sum(r), *r) for r in rows])


@cache
def lagrange(dimension: int, degree: int) -> Element:
    """The shape functions of a degree, nodal on the lattice."""
    exponents = lattice(dimension, degree)[:, 1:]
    nodes = tuple(map(tuple, exponents / degree))
    return Element(f"lagrange{degree}", nodes, tuple(map(tuple, exponents)), dimension + 1, "", (), "simplex")


@dataclass(frozen=True, eq=False)
class Space:
    """Continuous functions, polynomials of ``degree`` on the reference cells of a mesh of simplices.

    ``cell_nodes`` (m, k) are numbers among the nodes at ``positions`` (n, d).
    """

    mesh: Mesh
    degree: int
    cell_nodes: np.ndarray
    positions: np.ndarray

    @classmethod
    def on(cls, mesh: Mesh, degree: int) -> Space:
        """Nodes are told apart by their vertices and barycentric numbers, so that neighbours share them."""
        d = mesh.dimension
        corners = mesh.cells[:, : d + 1]
        numbers = lattice(d, degree)
        vertices = np.where(numbers > 0, corners[:, None, :], -1)
        order = np.argsort(vertices, axis=-1)
        counts = np.broadcast_to(numbers, vertices.shape)
        keys = np.concatenate([np.take_along_axis(a, order, -1) for a in (vertices, counts)], axis=-1)
        _, first, node = np.unique(
            keys.reshape(-1, 2 * (d + 1)), axis=0, return_index=True, return_inverse=True
        )
        at = mesh.element.places(mesh.points[mesh.cells], np.array(lagrange(d, degree).nodes))
        return cls(mesh, degree, node.reshape(len(corners), -1), at.reshape(-1, d)[first])

    @property
    def element(self) -> Element:
        """The shape functions."""
        return lagrange(self.mesh.dimension, self.degree)

    @property
    def size(self) -> int:
        """Number of nodes."""
        return len(self.positions)

    def on_facets(self, name: str) -> np.ndarray:
        """Nodes on the boundary of a name, ascending."""
        cells, opposite = facet_cells(self.mesh, name)
        on = lattice(self.mesh.dimension, self.degree).T[opposite] == 0
        return np.unique(self.cell_nodes[cells][on])


def facet_cells(mesh: Mesh, name: str) -> tuple[np.ndarray, np.ndarray]:
    """For every facet under a name its cell, and which of the cell's vertices it does not hold."""
    d = mesh.dimension
    corners = mesh.cells[:, : d + 1]
    sides = np.stack([np.delete(corners, vertex, axis=1) for vertex in range(d + 1)], axis=1)
    base = len(mesh.points) ** np.arange(d)
    keys = (np.sort(sides, axis=2) @ base).ravel()
    wanted = np.sort(mesh.facets[name][:, :d], axis=1) @ base
    order = np.argsort(keys, kind="stable")
    found = order[np.searchsorted(keys, wanted, sorter=order)]
    return found // (d + 1), found % (d + 1)
