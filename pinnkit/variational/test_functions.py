"""Test functions on reference cells: bubbles, and functions of one facet.

Bubbles vanish on the whole boundary of the cell, functions of a facet on all its other facets, so that both
live on one cell and nothing is assembled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product as grid

import numpy as np

from ..geometry.elements import Element
from .expansion import Expansion, constant, coordinate, jacobi, product


@dataclass(frozen=True, eq=False)
class TestTable:
    """Test functions at points of a reference cell.

    ``value`` (t, q), ``gradient`` (d, t, q), ``hessian`` (d, d, t, q), derivatives by reference coordinates.
    """

    __test__ = False  # no test case

    value: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray

    @classmethod
    def of(cls, functions: Sequence[Expansion]) -> TestTable:
        """The table of some functions at the same points."""
        return cls(
            np.stack([f.value for f in functions]),
            np.stack([f.gradient.T for f in functions], axis=1),
            np.stack([f.hessian.transpose(1, 2, 0) for f in functions], axis=2),
        )

    @property
    def count(self) -> int:
        """Number of test functions."""
        return self.value.shape[0]

    def over_time(self, times: np.ndarray) -> TestTable:
        """Products with functions of time (s, k), those of space first: t·s functions at q·k points."""

        def times_(table: np.ndarray) -> np.ndarray:
            *axes, t, q = table.shape
            both = np.einsum("...tq,sk->...tsqk", table, times)
            return both.reshape(*axes, t * times.shape[0], q * times.shape[1])

        return TestTable(times_(self.value), times_(self.gradient), times_(self.hessian))


def legendre(at: np.ndarray, count: int) -> np.ndarray:
    """Legendre polynomials (count, q) on [0, 1] at points (q,): test functions of a slab of time."""
    x = at[:, None]
    return np.stack([f.value for f in jacobi(_centred(x, 0), constant(x), 0, count)])


def bubbles(element: Element, order: int, at: np.ndarray) -> TestTable:
    """Functions that vanish on the cell's boundary, at reference points (q, d).

    On lines, squares and cubes the products of P_{n+1} − P_{n−1}, n = 1 … ``order``; on simplices
    λ₀ ⋯ λ_d times the orthogonal polynomials of degree below ``order`` (Dubiner, J. Sci. Comput. 6, 1991);
    on prisms the products of those of the triangle and of the line. By ascending ``bubble_orders``.
    """
    d = element.dimension
    if element.reference == "cube" or d == 1:
        lines = [_line_bubbles(at, axis, order) for axis in range(d)]
        found = [product(factors) for factors in grid(*lines)]
    elif element.reference == "prism":
        flat = _simplex_bubbles(at, 2, order)
        found = [a * b for a, b in grid(flat, _line_bubbles(at, 2, order))]
    else:
        found = _simplex_bubbles(at, d, order)
    return _ascending(found, _unsorted_orders(element, order))


def bubble_orders(element: Element, order: int) -> np.ndarray:
    """The least order (t,) with which each of ``bubbles`` appears, ascending."""
    return np.sort(_unsorted_orders(element, order), kind="stable")


def _unsorted_orders(element: Element, order: int) -> np.ndarray:
    d, line = element.dimension, range(1, order + 1)
    if element.reference == "cube" or d == 1:
        return np.array([max(numbers) for numbers in grid(line, repeat=d)])
    if element.reference == "prism":
        return np.array([max(1 + degree, n) for degree, n in grid(_degrees(2, order), line)])
    return 1 + np.array(_degrees(d, order))


def facet_tests(element: Element, side: int, order: int, at: np.ndarray) -> TestTable:
    """Functions that vanish on every facet but one, at reference points (q, d).

    On that facet they are its bubbles, and they fall off linearly away from it. A line's are its hats. By
    ascending ``facet_orders``.
    """
    nodes = np.array(element.nodes, float).reshape(-1, element.dimension)
    corners = nodes[list(element.facets[side])]
    if element.reference == "simplex":
        vertices = [int(v) for v in element.facets[side][: element.dimension]]
        return _ascending(_simplex_facet(at, vertices, order), _unsorted_facet_orders(element, order))
    axis = int(np.argmin(np.ptp(corners, axis=0)))
    x = coordinate(at, axis)
    fall = x if corners[0, axis] > 0.5 else constant(at) - x
    lines = [_line_bubbles(at, other, order) for other in range(element.dimension) if other != axis]
    found = [product([fall, *factors]) for factors in grid(*lines)]
    return _ascending(found, _unsorted_facet_orders(element, order))


def facet_orders(element: Element, order: int) -> np.ndarray:
    """The least order (t,) with which each of ``facet_tests`` appears, ascending."""
    return np.sort(_unsorted_facet_orders(element, order), kind="stable")


def _unsorted_facet_orders(element: Element, order: int) -> np.ndarray:
    across = element.dimension - 1
    if element.reference == "simplex":
        return np.array([1 + sum(k) for k in grid(range(order), repeat=across) if sum(k) < order])
    return np.array([max(k, default=1) for k in grid(range(1, order + 1), repeat=across)])


def _ascending(functions: Sequence[Expansion], orders: np.ndarray) -> TestTable:
    return TestTable.of([functions[k] for k in np.argsort(orders, kind="stable")])


def _centred(at: np.ndarray, axis: int) -> Expansion:
    """2x − 1 along an axis."""
    return coordinate(at, axis).scaled(2.0) - constant(at)


def _line_bubbles(at: np.ndarray, axis: int, order: int) -> list[Expansion]:
    polynomials = jacobi(_centred(at, axis), constant(at), 0, order + 2)
    return [polynomials[n + 1] - polynomials[n - 1] for n in range(1, order + 1)]


def _barycentric(at: np.ndarray, dimension: int) -> list[Expansion]:
    axes = [coordinate(at, axis) for axis in range(dimension)]
    first = constant(at)
    for x in axes:
        first = first - x
    return [first, *axes]


def _simplex_bubbles(at: np.ndarray, dimension: int, order: int) -> list[Expansion]:
    corners = _barycentric(at, dimension)
    vanishing = product(corners)
    return [vanishing * f for f in _orthogonal(corners, order)]


def _orthogonal(corners: list[Expansion], order: int) -> list[Expansion]:
    """Dubiner's polynomials of total degree below ``order`` in barycentric coordinates."""
    found = [(0, constant(corners[0].gradient))]
    below = corners[0]
    for direction, x in enumerate(corners[1:]):
        s, t = x - below, x + below
        found = [
            (degree + n, f * g)
            for degree, f in found
            for n, g in enumerate(jacobi(s, t, 2 * degree + direction, order - degree))
        ]
        below = t
    return [f for _, f in found]


def _degrees(dimension: int, order: int) -> list[int]:
    """The degrees of ``_orthogonal``'s polynomials."""
    found = [0]
    for _ in range(dimension):
        found = [degree + n for degree in found for n in range(order - degree)]
    return found


def _simplex_facet(at: np.ndarray, vertices: Sequence[int], order: int) -> list[Expansion]:
    """Products of the facet's own barycentric coordinates with polynomials in their differences."""
    everywhere = _barycentric(at, at.shape[1])
    own = [everywhere[v] for v in vertices]
    lines = [jacobi(x - own[0], constant(at), 0, order) for x in own[1:]]
    degrees = [k for k in grid(range(order), repeat=len(lines)) if sum(k) < order]
    return [product([*own, *(line[n] for line, n in zip(lines, k, strict=True))]) for k in degrees]
