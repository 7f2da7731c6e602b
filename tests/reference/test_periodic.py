"""Periodic conditions on domains that are no rectangles, and refinement that keeps their sides alike."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.geometry.errors import GeometryError
from pinnkit.geometry.meshing import mesh
from pinnkit.reference import ReferenceUnavailable, fem_reference
from pinnkit.reference.mesh import simplex_mesh
from pinnkit.reference.meshing import Meshes
from pinnkit.reference.periodic import masters
from pinnkit.reference.refine import halved, halved_where
from pinnkit.reference.spaces import Space

X, Y = pk.coordinates("x y")
HOLED = pk.Rectangle((0, 0), (1, 1)) - pk.Disk((0.5, 0.5), 0.2, name="hole")
CHANNEL = pk.Polygon([(0, 0), (1, 0.3), (2, 0), (2, 1), (1, 1.3), (0, 1)])


def _ends(points, axis):
    low, high = points[:, axis].min(), points[:, axis].max()
    return (np.sort(points[np.abs(points[:, axis] - e) < 1e-12][:, 1 - axis]) for e in (low, high))


@pytest.mark.parametrize(("shape", "axes"), [(HOLED, (0,)), (HOLED, (0, 1)), (CHANNEL, (0,))])
def test_sides_match_and_go_on_matching_when_refined(shape, axes):
    found = Meshes(shape, 3, axes).first(0.23)
    near = np.linalg.norm(found.points[found.cells].mean(axis=1), axis=1) < 0.3
    for fine in (
        found,
        halved(found),
        halved_where(found, near),
        halved_where(halved(found), np.tile(near, 4)),
    ):
        for axis in axes:
            lower, upper = _ends(fine.points, axis)
            np.testing.assert_allclose(lower, upper, atol=1e-12)
            assert len(lower) > 2
        space, free = Space.on(fine, 3, axes), Space.on(fine, 3)
        assert space.size < free.size
        assert fine.measure == pytest.approx(found.measure, rel=1e-4)


def test_sides_of_a_box_match_when_cut_locally():
    found = Meshes(pk.Box((0, 0, 0), (1, 1, 1)), 3, (0, 2)).first(0.5)
    for _ in range(3):
        near = np.linalg.norm(found.points[found.cells].mean(axis=1) - [0, 0.3, 0], axis=1) < 0.3
        found = halved_where(found, near)
        # Degree 3 has nodes on edges and in facets, which must all find their partner.
        assert Space.on(found, 3, (0, 2)).size < Space.on(found, 3).size


def test_a_side_in_two_pieces_matches_one_in_one():
    shape = pk.Polygon([(0, 0), (2, 0), (2, 0.3), (2, 1), (0, 1), (0, 0.6)])
    lower, upper = _ends(mesh(shape, 0.3, periodic=(0,)).points, 0)
    np.testing.assert_allclose(lower, upper, atol=1e-12)
    assert {0.3, 0.6} <= set(np.round(lower, 12))


def test_ends_that_do_not_lie_opposite_are_refused():
    shape = pk.Polygon([(0, 0), (2, 0.2), (2, 1.2), (0, 1)])
    with pytest.raises(GeometryError, match="do not lie opposite each other"):
        mesh(shape, 0.3, periodic=(0,))


def test_a_mesh_whose_sides_differ_is_refused():
    points = np.array([[0.0, 0], [1, 0], [1, 0.4], [1, 1], [0, 1]])
    unlike = simplex_mesh(points, np.array([[0, 1, 2], [0, 2, 4], [2, 3, 4]]), {})
    with pytest.raises(ReferenceUnavailable, match="does not match"):
        masters(unlike.points, unlike.points, (0,))


def _poisson(shape, axes):
    u = pk.unknown("u", X, Y)
    wave = (
        sp.sin(2 * sp.pi * X) + sp.cos(2 * sp.pi * (X - Y)) if 1 in axes else sp.sin(sp.pi * X) * (1 + Y**2)
    )
    held = [
        n
        for n in shape.boundary_names
        if n not in ("left", "right", *(("bottom", "top") if 1 in axes else ()))
    ]
    return wave, pk.Problem(
        name="periodic",
        domain=shape,
        equations=[sp.Eq(-pk.laplacian(u) + u, -pk.laplacian(wave, [X, Y]) + wave)],
        conditions=[
            *(pk.Periodic(c) for c, a in ((X, 0), (Y, 1)) if a in axes),
            *(pk.Dirichlet(u, wave, n) for n in held),
        ],
    )


@pytest.mark.parametrize("axes", [(0,), (0, 1)])
def test_a_wave_around_a_hole(axes):
    shape = HOLED if 1 in axes else pk.Rectangle((0, 0), (2, 1)) - pk.Disk((0.5, 0.5), 0.2, name="hole")
    wave, problem = _poisson(shape, axes)
    reference = fem_reference(problem, tolerance=1e-4)
    points = np.random.default_rng(0).uniform(*shape.bounds, (4000, 2))
    points = points[shape.contains(points)]
    wanted = sp.lambdify((X, Y), wave, "numpy")(*points.T)
    error = np.linalg.norm(reference.evaluate(points)["u"] - wanted) / np.linalg.norm(wanted)
    assert error <= reference.error_bar["u"] < 1e-5
