"""Cells of meshes: reference nodes, facets and nodal shape functions, under meshio's names and numbering."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Element:
    """A kind of cell, with one nodal shape function Σ cⱼ x^eⱼ for each of its nodes.

    ``corners`` counts the nodes that are vertices, which come first. ``facets`` lists the nodes of each
    facet, of kind ``facet``.
    """

    kind: str
    nodes: tuple[tuple[float, ...], ...]
    exponents: tuple[tuple[int, ...], ...]
    corners: int
    facet: str
    facets: tuple[tuple[int, ...], ...]
    simplex: bool

    @property
    def dimension(self) -> int:
        return len(self.exponents[0])

    @property
    def flat(self) -> bool:
        """Whether the nodes are the corners alone."""
        return self.corners == len(self.nodes)

    @cached_property
    def _coefficients(self) -> np.ndarray:
        return np.linalg.inv(self._monomials(np.reshape(self.nodes, (len(self.nodes), self.dimension))))

    def _monomials(self, at: np.ndarray) -> np.ndarray:
        return np.prod(at[:, None, :] ** np.array(self.exponents), axis=2)

    def values(self, at: np.ndarray) -> np.ndarray:
        """Shape functions (q, k) at reference points (q, d)."""
        return self._monomials(at) @ self._coefficients

    def gradients(self, at: np.ndarray) -> np.ndarray:
        """Reference gradients (q, k, d) of the shape functions."""
        exponents = np.array(self.exponents)
        result = np.empty((len(at), len(self.nodes), self.dimension))
        for axis in range(self.dimension):
            lowered = exponents.copy()
            lowered[:, axis] = np.maximum(lowered[:, axis] - 1, 0)
            slopes = exponents[:, axis] * np.prod(at[:, None, :] ** lowered, axis=2)
            result[..., axis] = slopes @ self._coefficients
        return result

    def places(self, coordinates: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Points (m, q, D) of cells whose nodes have ``coordinates`` (m, k, D)."""
        return np.einsum("qk,mkd->mqd", self.values(at), coordinates)

    def densities(self, coordinates: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Ratios (m, q) of measure to reference measure; also for cells that lie in a higher dimension."""
        jacobian = np.einsum("qkr,mkd->mqdr", self.gradients(at), coordinates)
        if jacobian.shape[2] == jacobian.shape[3]:
            return np.abs(np.linalg.det(jacobian))
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

ELEMENTS = {
    element.kind: element
    for element in (
        Element("vertex", ((),), ((),), 1, "", (), True),
        Element("line", ((0,), (1,)), ((0,), (1,)), 2, "vertex", ((0,), (1,)), True),
        Element("line3", ((0,), (1,), (0.5,)), ((0,), (1,), (2,)), 2, "vertex", ((0,), (1,)), True),
        Element("triangle", _TRIANGLE, _QUADRATIC[:3], 3, "line", ((0, 1), (1, 2), (0, 2)), True),
        Element(
            "triangle6", (*_TRIANGLE, (0.5, 0), (0.5, 0.5), (0, 0.5)), _QUADRATIC,
            3, "line3", ((0, 1, 3), (1, 2, 4), (0, 2, 5)), True,
        ),
        Element("quad", _SQUARE, ((0, 0), (1, 0), (0, 1), (1, 1)), 4, "line", _QUAD_SIDES, False),
        Element(
            "quad8", (*_SQUARE, *_SQUARE_MIDDLES), (*_QUADRATIC, (2, 1), (1, 2)),
            4, "line3", _CURVED_QUAD_SIDES, False,
        ),
        Element(
            "quad9", (*_SQUARE, *_SQUARE_MIDDLES, (0.5, 0.5)), (*_QUADRATIC, (2, 1), (1, 2), (2, 2)),
            4, "line3", _CURVED_QUAD_SIDES, False,
        ),
        Element("tetra", _TETRA, _QUADRATIC_SPACE[:4], 4, "triangle", _TETRA_FACES, True),
        Element(
            "tetra10", (*_TETRA, *_TETRA_MIDDLES), _QUADRATIC_SPACE, 4, "triangle6",
            ((0, 1, 2, 4, 5, 6), (0, 1, 3, 4, 8, 7), (0, 2, 3, 6, 9, 7), (1, 2, 3, 5, 9, 8)), True,
        ),
    )
}  # fmt: skip
