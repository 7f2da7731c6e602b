"""Quadrature on boundaries: measures, the divergence theorem, and rates on curved pieces."""

from __future__ import annotations

import numpy as np
import pytest

from pinnkit.geometry import Ball, Box, Cylinder, Disk, Ellipse, GeometryError, Interval, Polygon, Rectangle
from pinnkit.geometry.boundary_quadrature import boundary_quadrature

WHOLE = [
    Interval(-1, 2),
    Rectangle((0, 0), (1, 2)),
    Rectangle((0, 0), (1, 1)) - Disk((0, 0), 0.5),
    Disk((0.3, 0), 1) - Ellipse((0, 0), (0.3, 0.2), angle=0.3),
    Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 3)]),
    Ball((0, 0, 1), 1),
    Box((0, 0, 0), (1, 2, 3)),
    Cylinder((0, 0, 0), (0, 1, 1), 0.5),
    Box((0, 0, 0, 0), (1, 1, 2, 1)),
]


@pytest.mark.parametrize("shape", WHOLE, ids=lambda shape: type(shape).__name__)
def test_divergence_theorem(shape):
    """∮ x·n ds = d·|Ω|, and ∮ n ds = 0."""
    points, normals, weights = boundary_quadrature(shape, "boundary", 2_000)
    volume = weights @ np.sum(points * normals, axis=1) / shape.dimension
    assert volume == pytest.approx(shape.measure, rel=1e-10)
    np.testing.assert_allclose(weights @ normals, 0, atol=1e-10 * weights.sum())
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, rtol=1e-12)
    assert (weights > 0).all()


def test_names_address_their_pieces():
    shape = Rectangle((0, 0), (1, 2)) - Disk((0.5, 1), 0.25, name="hole")
    for name, length in {"left": 2, "top": 1, "hole": np.pi / 2, "boundary": 6 + np.pi / 2}.items():
        assert boundary_quadrature(shape, name, 300)[2].sum() == pytest.approx(length, rel=1e-12)
    with pytest.raises(GeometryError, match="no boundary piece is named 'hoel'"):
        boundary_quadrature(shape, "hoel")


def test_ends_of_an_interval_weigh_one():
    points, normals, weights = boundary_quadrature(Interval(1, 3))
    assert points.ravel().tolist() == [1, 3]
    assert normals.ravel().tolist() == [-1, 1]
    assert weights.tolist() == [1, 1]


def test_smooth_functions_on_a_circle_to_rounding():
    points, normals, weights = boundary_quadrature(Disk((1, 2), 0.5), "boundary", 200)
    # ∮ e^x cos y n_x + … = ∫ div(e^x cos y, −e^x sin y) dx = 0
    flux = np.exp(points[:, 0]) * np.array([np.cos(points[:, 1]), -np.sin(points[:, 1])])
    assert weights @ np.sum(flux.T * normals, axis=1) == pytest.approx(0, abs=1e-12)


CUT = {
    "ball at a corner": (
        Box((0, 0, 0), (1, 1, 1)) - Ball((0, 0, 0), 0.5),
        1 - np.pi / 48, 6 - 3 * np.pi / 16 + np.pi / 8, ("rim", np.pi / 8),
    ),
    "cylinder through": (
        Box((0, 0, 0), (1, 1, 1)) - Cylinder((0.5, 0.5, -1), (0, 0, 3), 0.2),
        1 - 0.04 * np.pi, 6 + 0.32 * np.pi, ("bottom", 1 - 0.04 * np.pi),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CUT)
def test_solids_that_are_cut_converge_like_h4(name):
    shape, volume, area, (part, share) = CUT[name]
    errors = []
    for count in (5_000, 20_000):
        points, normals, weights = boundary_quadrature(shape, "boundary", count)
        found = weights @ np.sum(points * normals, axis=1) / 3
        errors.append([abs(weights.sum() - area), abs(found - volume)])
        assert boundary_quadrature(shape, part, count)[2].sum() == pytest.approx(share, rel=2e-4)
    assert np.max(errors[1]) < 5e-5
    assert (np.divide(*errors) > 8).all()
