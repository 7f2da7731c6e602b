"""Meshes: measures, names, curved boundaries, local refinement, determinism."""

from __future__ import annotations

import numpy as np
import pytest

from pinnkit.geometry import Disk, Ellipse, GeometryError, Interval, Rectangle
from pinnkit.geometry.meshing import mesh

from .gallery import HIGHER, LINE, PLANE, SPACE, four_holes, l_shape, seventeen_holes


def conforming(found):
    """Every facet of the cells belongs to two cells or to the named boundary, once."""
    corners = len(found.element.facets[0]) if found.element.flat else 2
    sides = found.cells[:, np.array(found.element.facets)[:, :corners]].reshape(-1, corners)
    _, count = np.unique(np.sort(sides, axis=1), axis=0, return_counts=True)
    named = np.vstack([rows[:, :corners] for rows in found.facets.values()])
    assert count.max() <= 2
    assert np.sum(count == 1) == len(named) == len(np.unique(np.sort(named, axis=1), axis=0))


@pytest.mark.parametrize("name", [*LINE, *PLANE])
def test_measures_and_names(name):
    shape = {**LINE, **PLANE}[name]
    found = mesh(shape, 0.05 * shape.diameter)
    conforming(found)
    assert found.measure == pytest.approx(shape.measure, rel=1e-5)
    assert tuple(found.facets) == shape.boundary_names
    for piece_name in shape.boundary_names:
        exact = sum(piece.measure for piece in shape.pieces_of(piece_name))
        assert found.facet_measures(piece_name).sum() == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("name", ["disk", "ellipse", "four_holes", "moon", "bitten"])
def test_curved_measures_to_a_millionth_and_of_fourth_order(name):
    shape = PLANE[name]
    coarse = mesh(shape, 0.03 * shape.diameter)
    fine = coarse.refined()
    assert fine.kind == "triangle6"
    conforming(fine)
    assert fine.measure == pytest.approx(shape.measure, rel=1e-6)
    assert abs(coarse.measure - shape.measure) / abs(fine.measure - shape.measure) > 12


@pytest.mark.parametrize("name", ["disk", "ellipse", "four_holes"])
def test_boundary_nodes_lie_on_the_true_curve(name):
    shape = PLANE[name]
    found = mesh(shape, 0.05 * shape.diameter).refined()
    for rows in found.facets.values():
        assert shape.signed_distance(found.points[np.unique(rows)]) == pytest.approx(0, abs=1e-12)


def test_quadratic_cells_number_their_nodes_as_meshio_does():
    found = mesh(Disk((0, 0), 1), 0.2)
    assert np.all(np.diff(found.cells[:, :3], axis=1) > 0)
    assert found.cells[:, :3].max() < found.cells[:, 3:].min()
    assert np.array_equal(found.vertices, np.arange(found.cells[:, :3].max() + 1))
    ends = found.points[found.cells[:, [[0, 1], [1, 2], [0, 2]]]].mean(axis=2)
    straight = np.linalg.norm(found.points[found.cells[:, 3:]] - ends, axis=2)
    # Only sides on the rim bend: by r − r cos(θ/2), a few thousandths here.
    assert np.sum(straight > 1e-12) == len(found.facets["rim"])
    assert straight.max() < 0.01


def test_straight_shapes_stay_straight_and_order_one_is_obeyed():
    assert mesh(l_shape(), 0.2).kind == "triangle"
    assert mesh(Disk((0, 0), 1), 0.2, order=1).kind == "triangle"
    refined = mesh(Disk((0, 0), 1), 0.2, order=1).refined()
    rim = refined.points[np.unique(refined.facets["rim"])]
    assert np.linalg.norm(rim, axis=1) == pytest.approx(1, abs=1e-14)


def test_the_same_call_gives_the_same_mesh():
    one, other = (mesh(four_holes(), 0.1, refine_at=[((0, 0), 0.01)]) for _ in range(2))
    assert np.array_equal(one.points, other.points)
    assert np.array_equal(one.cells, other.cells)


def test_meshing_is_silent(capfd):
    mesh(four_holes(), 0.1)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("h", [1e-2, 1e-5, 1e-8])
@pytest.mark.parametrize("name", ["l_shape", "rectangle", "moon"])
def test_refinement_at_a_corner(name, h):
    shape = PLANE[name]
    corner = {"l_shape": (0, 0), "rectangle": (-1, 0), "moon": (0.5, np.sqrt(0.75))}[name]
    found = mesh(shape, 0.2, refine_at=[(corner, h)], grading=0.4)
    conforming(found)
    assert found.measure == pytest.approx(shape.measure, rel=1e-5)
    corners = found.points[found.cells[:, :3]]
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    distance = np.linalg.norm(corners.mean(axis=1) - corner, axis=1)
    assert np.all(sides.max(axis=1) < 1.01 * (h + 0.4 * distance))
    assert distance.min() < h
    assert len(found.cells) < 5000
    # No needles: a triangle's area against its longest side.
    areas = 0.5 * np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1]))
    assert np.all(areas > 0.05 * sides.max(axis=1) ** 2)


def test_graded_lines():
    found = mesh(Interval(-1, 1), 0.1, refine_at=[((0.25,), 1e-4)], grading=0.2)
    x = found.points[:, 0]
    steps = np.diff(x)
    assert 0.25 in x
    assert np.all(steps > 0)
    assert steps.max() <= 0.1 + 1e-12
    assert steps[np.searchsorted(x, 0.25)] < 2e-4
    middle = np.abs((x[:-1] + x[1:]) / 2 - 0.25)
    assert np.all(steps < 1.3 * (1e-4 + 0.2 * middle))


def test_rectangles_have_no_cell_with_two_sides_on_the_boundary():
    found = mesh(Rectangle((0, 0), (2, 1)), 0.1)
    outer = {tuple(sorted(row)) for rows in found.facets.values() for row in rows.tolist()}
    for a, b, c in found.cells.tolist():
        assert sum(pair in outer for pair in ((a, b), (b, c), (a, c))) <= 1
    assert found.cell_measures == pytest.approx(0.005)


def test_small_holes_are_resolved_whatever_the_size():
    found = mesh(seventeen_holes(), 2.0)
    assert len(found.facets["small"]) >= 6 * 24
    assert found.measure == pytest.approx(seventeen_holes().measure, rel=1e-5)


@pytest.mark.parametrize("name", ["interval", "rectangle", "ellipse", "l_shape"])
def test_refined_cells_are_halves(name):
    shape = {**LINE, **PLANE}[name]
    found = mesh(shape, 0.1 * shape.diameter)
    fine = found.refined()
    conforming(fine)
    assert len(fine.cells) == 2**shape.dimension * len(found.cells)
    assert tuple(fine.facets) == tuple(found.facets)
    assert fine.cell_measures.min() > 0.2 / 2**shape.dimension * found.cell_measures.min()


@pytest.mark.parametrize("name", SPACE)
def test_solids(name):
    shape = SPACE[name]
    found = mesh(shape, 0.25 * shape.diameter)
    conforming(found)
    assert found.kind == "tetra"
    assert set(found.facets) == set(shape.boundary_names)
    fine = found.refined()
    conforming(fine)
    # Flat faces are met, round ones neared with second order.
    coarse_error, fine_error = (abs(m.measure / shape.measure - 1) for m in (found, fine))
    assert fine_error < max(coarse_error / 2.5, 1e-12)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: mesh(HIGHER["ball5"], 0.1), "no mesh for a Ball in 5 dimensions"),
        (lambda: mesh(Disk((0, 0), 1), 0), "the mesh size is 0"),
        (lambda: mesh(Ellipse((0, 0), (1, 2)), 0.1, grading=-1), "grading is -1"),
    ],
)
def test_complaints(call, what):
    with pytest.raises(GeometryError, match=what):
        call()


@pytest.mark.parametrize(("name", "corner"), [("box", (0, 0, 0)), ("dented_box", (0.5, 0, 0))])
def test_refinement_at_a_point_of_space(name, corner):
    shape = SPACE[name]
    found = mesh(shape, 0.5, refine_at=[(corner, 0.02)], grading=0.4)
    conforming(found)
    corners = found.points[found.cells]
    sides = np.linalg.norm(corners[:, :, None] - corners[:, None], axis=3).max(axis=(1, 2))
    distance = np.linalg.norm(corners.mean(axis=1) - corner, axis=1)
    assert sides[distance < 0.02].max() < 0.05
    assert np.all(sides < 3 * (0.02 + 0.4 * distance))
    assert len(found.cells) < 20_000
