"""Cells of meshes: reference nodes, facets and nodal shape functions, under meshio's names and numbering."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal

import numpy as np

Reference = Literal["simplex", "cube", "prism", "collapsed"]


@dataclass(frozen=True)
class Element:
    """A kind of cell, with one nodal shape function Σ cⱼ x^eⱼ for each of its nodes.

    ``corners`` counts the nodes that are vertices, which come first. ``facets`` lists the nodes of each
    facet, of kind ``facet``; of solids that are no tetrahedra all are seen from one side, and a triangle
    among quadrilaterals repeats its last corner. ``reference`` is the cell that coordinates run over: a
    pyramid's is the cube whose upper face, the last four nodes, collapses to its apex.
    """

    kind: str
    nodes: tuple[tuple[float, ...], ...]
    exponents: tuple[tuple[int, ...], ...]
    corners: int
    facet: str
    facets: tuple[tuple[int, ...], ...]
    reference: Reference

    @property
    def dimension(self) -> int:
        return len(self.exponents[0])

    @property
    def simplex(self) -> bool:
        """Whether the cell is a point, a line, a triangle or a tetrahedron."""
        return self.reference == "simplex"

    @property
    def count(self) -> int:
        """Number of nodes."""
        return self._coefficients.shape[1]

    @property
    def flat(self) -> bool:
        """Whether the nodes are the corners alone."""
        return self.corners == self.count

    @cached_property
    def _coefficients(self) -> np.ndarray:
        full = np.linalg.inv(self._monomials(np.reshape(self.nodes, (len(self.nodes), self.dimension))))
        if self.reference == "collapsed":
            return np.column_stack([full[:, :4], full[:, 4:].sum(axis=1)])
        return full

    def _monomials(self, at: np.ndarray) -> np.ndarray:
        return np.prod(at[:, None, :] ** np.array(self.exponents), axis=2)

    def values(self, at: np.ndarray) -> np.ndarray:
        """Shape functions (q, k) at reference points (q, d)."""
        return self._monomials(at) @ self._coefficients

    def gradients(self, at: np.ndarray) -> np.ndarray:
        """Reference gradients (q, k, d) of the shape functions."""
        exponents = np.array(self.exponents)
        result = np.empty((len(at), self.count, self.dimension))
        for axis in range(self.dimension):
            lowered = exponents.copy()
            lowered[:, axis] = np.maximum(lowered[:, axis] - 1, 0)
            slopes = exponents[:, axis] * np.prod(at[:, None, :] ** lowered, axis=2)
            result[..., axis] = slopes @ self._coefficients
        return result

    def hessians(self, at: np.ndarray) -> np.ndarray:
        """Second reference derivatives (q, k, d, d) of the shape functions."""
        exponents = np.array(self.exponents)
        result = np.empty((len(at), self.count, self.dimension, self.dimension))
        for first in range(self.dimension):
            for second in range(self.dimension):
                left = exponents.copy()
                factors = left[:, first].copy()
                left[:, first] = np.maximum(left[:, first] - 1, 0)
                factors *= left[:, second]
                left[:, second] = np.maximum(left[:, second] - 1, 0)
                slopes = factors * np.prod(at[:, None, :] ** left, axis=2)
                result[..., first, second] = slopes @ self._coefficients
        return result

    def places(self, coordinates: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Points (m, q, D) of cells whose nodes have ``coordinates`` (m, k, D)."""
        return np.einsum("qk,mkd->mqd", self.values(at), coordinates)

    def determinants(self, coordinates: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Jacobian determinants (m, q) of cells whose nodes have ``coordinates`` (m, k, d)."""
        return np.linalg.det(np.einsum("qkr,mkd->mqdr", self.gradients(at), coordinates))

    def densities(self, coordinates: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Ratios (m, q) of measure to reference measure; also for cells that lie in a higher dimension."""
        if coordinates.shape[2] == self.dimension > 0:
            return np.abs(self.determinants(coordinates, at))
        jacobian = np.einsum("qkr,mkd->mqdr", self.gradients(at), coordinates)
        gram = np.einsum("mqdr,mqds->mqrs", jacobian, jacobian)
        return np.sqrt(np.linalg.det(gram)) if self.dimension else np.ones(jacobian.shape[:2])


_SQUARE = ((0, 0), (1, 0), (1, 1), (0, 1))
_SQUARE_MIDDLES = ((0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5))
_TRIANGLE = ((0, 0), (1, 0), (0, 1))
_TETRA = ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
_TETRA_MIDDLES = ((0.5, 0, 0), (0.5, 0.5, 0), (0, 0.5, 0), (0, 0, 0.5), (0.5, 0, 0.5), (0, 0.5, 0.5))
_QUADRATIC = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
_QUADRATIC_SPACE = (
    (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1),
    (2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 1, 0), (1, 0, 1), (0, 1, 1),
)  # fmt: skip
_QUAD_SIDES = ((0, 1), (1, 2), (2, 3), (3, 0))
_CURVED_QUAD_SIDES = ((0, 1, 4), (1, 2, 5), (2, 3, 6), (3, 0, 7))
_TETRA_FACES = ((0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3))
_CUBE = (*((x, y, 0) for x, y in _SQUARE), *((x, y, 1) for x, y in _SQUARE))
_CUBE_MIDDLES = (
    *((x, y, 0) for x, y in _SQUARE_MIDDLES), *((x, y, 1) for x, y in _SQUARE_MIDDLES),
    *((x, y, 0.5) for x, y in _SQUARE),
)  # fmt: skip
_CUBE_CENTRES = (
    (0, 0.5, 0.5), (1, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 1, 0.5), (0.5, 0.5, 0), (0.5, 0.5, 1), (0.5, 0.5, 0.5),
)  # fmt: skip
_TRILINEAR = tuple(product((0, 1), repeat=3))
_TRIQUADRATIC = tuple(product((0, 1, 2), repeat=3))
_CUBE_FACES = (
    (0, 4, 7, 3, 16, 15, 19, 11, 20), (1, 2, 6, 5, 9, 18, 13, 17, 21), (0, 1, 5, 4, 8, 17, 12, 16, 22),
    (3, 7, 6, 2, 19, 14, 18, 10, 23), (0, 3, 2, 1, 11, 10, 9, 8, 24), (4, 5, 6, 7, 12, 13, 14, 15, 25),
)  # fmt: skip
_WEDGE_FACES = ((0, 2, 1, 1), (3, 4, 5, 5), (0, 1, 4, 3), (1, 2, 5, 4), (2, 0, 3, 5))
_PYRAMID_FACES = ((0, 3, 2, 1), (0, 1, 4, 4), (1, 2, 4, 4), (2, 3, 4, 4), (3, 0, 4, 4))

ELEMENTS = {
    element.kind: element
    for element in (
        Element("vertex", ((),), ((),), 1, "", (), "simplex"),
        Element("line", ((0,), (1,)), ((0,), (1,)), 2, "vertex", ((0,), (1,)), "simplex"),
        Element("line3", ((0,), (1,), (0.5,)), ((0,), (1,), (2,)), 2, "vertex", ((0,), (1,)), "simplex"),
        Element("triangle", _TRIANGLE, _QUADRATIC[:3], 3, "line", ((0, 1), (1, 2), (0, 2)), "simplex"),
        Element(
            "triangle6", (*_TRIANGLE, (0.5, 0), (0.5, 0.5), (0, 0.5)), _QUADRATIC,
            3, "line3", ((0, 1, 3), (1, 2, 4), (0, 2, 5)), "simplex",
        ),
        Element("quad", _SQUARE, ((0, 0), (1, 0), (0, 1), (1, 1)), 4, "line", _QUAD_SIDES, "cube"),
        Element(
            "quad8", (*_SQUARE, *_SQUARE_MIDDLES), (*_QUADRATIC, (2, 1), (1, 2)),
            4, "line3", _CURVED_QUAD_SIDES, "cube",
        ),
        Element(
            "quad9", (*_SQUARE, *_SQUARE_MIDDLES, (0.5, 0.5)), (*_QUADRATIC, (2, 1), (1, 2), (2, 2)),
            4, "line3", _CURVED_QUAD_SIDES, "cube",
        ),
        Element("tetra", _TETRA, _QUADRATIC_SPACE[:4], 4, "triangle", _TETRA_FACES, "simplex"),
        Element(
            "tetra10", (*_TETRA, *_TETRA_MIDDLES), _QUADRATIC_SPACE, 4, "triangle6",
            ((0, 1, 2, 4, 5, 6), (0, 1, 3, 4, 8, 7), (0, 2, 3, 6, 9, 7), (1, 2, 3, 5, 9, 8)), "simplex",
        ),
        Element("hexahedron", _CUBE, _TRILINEAR, 8, "quad", tuple(f[:4] for f in _CUBE_FACES), "cube"),
        Element(
            "hexahedron20", (*_CUBE, *_CUBE_MIDDLES), tuple(e for e in _TRIQUADRATIC if e.count(2) <= 1),
            8, "quad8", tuple(f[:8] for f in _CUBE_FACES), "cube",
        ),
        Element(
            "hexahedron27", (*_CUBE, *_CUBE_MIDDLES, *_CUBE_CENTRES), _TRIQUADRATIC,
            8, "quad9", _CUBE_FACES, "cube",
        ),
        Element(
            "wedge", (*((x, y, 0) for x, y in _TRIANGLE), *((x, y, 1) for x, y in _TRIANGLE)),
            tuple((*e, z) for e in _QUADRATIC[:3] for z in (0, 1)), 6, "quad", _WEDGE_FACES, "prism",
        ),
        Element("pyramid", _CUBE, _TRILINEAR, 5, "quad", _PYRAMID_FACES, "collapsed"),
    )
}  # fmt: skip
