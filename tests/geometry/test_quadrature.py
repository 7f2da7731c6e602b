"""Rules are exact to their degree, weights add up to measures."""

from __future__ import annotations

from math import factorial

import numpy as np
import pytest

from pinnkit.geometry.quadrature import (
    domain_quadrature,
    gauss_legendre,
    simplex_rule,
    tensor_gauss,
    triangle_rule,
)

from .gallery import ALL


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_gauss_legendre(n):
    points, weights = gauss_legendre(n)
    for degree in range(2 * n):
        assert weights @ points**degree == pytest.approx(1 / (degree + 1), rel=1e-13)


def test_tensor_gauss():
    points, weights = tensor_gauss([0, 1], [2, 4], [3, 2])
    assert points.shape == (6, 2)
    assert weights @ (points[:, 0] ** 5 * points[:, 1] ** 3) == pytest.approx(64 / 6 * 255 / 4)


@pytest.mark.parametrize("order", range(1, 12))
def test_triangle_rule(order):
    points, weights = triangle_rule(order)
    assert np.all(weights > 0)
    for a in range(order + 1):
        for b in range(order + 1 - a):
            exact = factorial(a) * factorial(b) / factorial(a + b + 2)
            assert weights @ (points[:, 0] ** a * points[:, 1] ** b) == pytest.approx(exact, rel=1e-12)


def test_simplex_rule_in_space():
    points, weights = simplex_rule(3, 5)
    for a, b, c in [(0, 0, 0), (5, 0, 0), (1, 2, 2), (2, 1, 1), (0, 1, 4)]:
        exact = factorial(a) * factorial(b) * factorial(c) / factorial(a + b + c + 3)
        assert weights @ np.prod(points ** np.array([a, b, c]), axis=1) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_weights_add_up_to_the_measure(name):
    shape = ALL[name]
    points, weights = domain_quadrature(shape, 2000)
    assert points.shape == (len(weights), shape.dimension)
    assert weights.sum() == pytest.approx(shape.measure, rel=1e-12)
    assert np.all(weights > 0)
    assert np.all(shape.contains(points, 1e-4 * shape.diameter))


@pytest.mark.parametrize("name", ["interval", "gap", "rectangle", "box"])
def test_smooth_integrals_on_boxes(name):
    shape = ALL[name]
    points, weights = domain_quadrature(shape, 3000)
    finer, finer_weights = domain_quadrature(shape, 60_000)
    value = weights @ np.exp(points.sum(axis=1))
    assert value == pytest.approx(finer_weights @ np.exp(finer.sum(axis=1)), rel=1e-8)


def test_second_moment_of_a_disk():
    points, weights = domain_quadrature(ALL["disk"], 4000)
    square = np.sum((points - [1, 2]) ** 2, axis=1)
    assert weights @ square == pytest.approx(np.pi * 0.5**4 / 2, rel=1e-5)
