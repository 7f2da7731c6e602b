"""Test functions: where they vanish, how many they are, and their derivatives against differences."""

from __future__ import annotations

import numpy as np
import pytest

from pinnkit.geometry.elements import ELEMENTS
from pinnkit.geometry.rules import reference_rule
from pinnkit.variational.test_functions import bubbles, facet_tests, legendre

from .gallery import KINDS

CELLS = [kind for kind in KINDS if ELEMENTS[kind].flat]


def on_facet(element, side, n=4):
    facet = ELEMENTS[element.facet]
    corners = np.array(element.nodes, float)[list(element.facets[side])].reshape(-1, element.dimension)
    return facet.places(corners[None], reference_rule(facet, 2 * n)[0])[0]


def functions(kind):
    element = ELEMENTS[kind]
    yield lambda at: bubbles(element, 4, at)
    if element.reference != "prism":
        yield from (lambda at, side=side: facet_tests(element, side, 3, at) for side in range(2))


@pytest.mark.parametrize("kind", CELLS)
def test_bubbles_vanish_on_every_facet(kind):
    element = ELEMENTS[kind]
    for side in range(len(element.facets)):
        assert np.abs(bubbles(element, 5, on_facet(element, side)).value).max() < 1e-13


@pytest.mark.parametrize("kind", [k for k in CELLS if k != "wedge"])
def test_functions_of_a_facet_vanish_on_all_others(kind):
    element = ELEMENTS[kind]
    for side in range(len(element.facets)):
        for other in range(len(element.facets)):
            values = facet_tests(element, side, 3, on_facet(element, other)).value
            assert (np.abs(values).max() < 1e-13) == (side != other)


@pytest.mark.parametrize(
    ("kind", "count"), [("line", 4), ("quad", 16), ("hexahedron", 64), ("triangle", 10), ("tetra", 20)]
)
def test_they_are_as_many_as_the_polynomials_and_independent(kind, count):
    element = ELEMENTS[kind]
    at, weights = reference_rule(element, 20)
    values = bubbles(element, 4, at).value
    assert len(values) == count
    assert np.linalg.matrix_rank((values * weights) @ values.T) == count


@pytest.mark.parametrize("kind", CELLS)
def test_derivatives_are_those_of_the_values(kind):
    element, step = ELEMENTS[kind], 1e-5
    at = reference_rule(element, 4)[0][:5]
    for table in functions(kind):
        found = table(at)
        for axis in range(element.dimension):
            move = step * np.eye(element.dimension)[axis]
            ahead, behind = table(at + move), table(at - move)
            slope = (ahead.value - behind.value) / (2 * step)
            bend = (ahead.gradient - behind.gradient) / (2 * step)
            np.testing.assert_allclose(found.gradient[axis], slope, atol=1e-7)
            np.testing.assert_allclose(found.hessian[:, axis], bend, atol=1e-6)


def test_those_of_a_line_are_differences_of_legendre_polynomials():
    x = np.linspace(0, 1, 7)
    expected = [
        np.polynomial.Legendre.basis(n + 1)(2 * x - 1) - np.polynomial.Legendre.basis(n - 1)(2 * x - 1)
        for n in range(1, 6)
    ]
    np.testing.assert_allclose(bubbles(ELEMENTS["line"], 5, x[:, None]).value, expected, atol=1e-14)


def test_those_of_time_are_orthogonal():
    at, weights = reference_rule(ELEMENTS["line"], 12)
    values = legendre(at[:, 0], 5)
    np.testing.assert_allclose((values * weights) @ values.T, np.diag(1 / (2 * np.arange(5) + 1)), atol=1e-14)
