"""Booleans: exact measures, clipped pieces, names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnkit.geometry import Ball, Box, Cylinder, Difference, Disk, Interval, Polygon, Rectangle, Union
from pinnkit.geometry.corners import corners, reentrant_corners
from pinnkit.geometry.curves import Arc, Segment

from .gallery import four_holes, l_shape, seventeen_holes

LENS = 2 * np.pi / 3 - np.sqrt(3) / 2


def test_four_holes():
    shape = four_holes()
    assert shape.measure == pytest.approx(4 - np.pi * (0.04 + 0.16 + 0.01 + 0.09), rel=1e-14)
    assert shape.boundary_names == ("outer", "hole")
    holes = shape.pieces_of("hole")
    assert len(holes) == 4
    assert sum(p.measure for p in holes) == pytest.approx(2 * np.pi, rel=1e-14)


def test_seventeen_holes():
    assert seventeen_holes().measure == pytest.approx(384 - np.pi * (11 + 6 * 0.16), rel=1e-13)


def test_a_chain_of_differences_is_one():
    one = Disk((0, 0), 3) - Disk((1, 0), 0.5) - Disk((-1, 0), 0.5)
    assert one == Difference(Disk((0, 0), 3), Disk((1, 0), 0.5), Disk((-1, 0), 0.5))


def test_l_shape_has_six_sides_with_their_names():
    pieces = l_shape().pieces()
    assert [piece.name for piece in pieces] == ["left", "right", "bottom", "top", "left", "bottom"]
    assert [piece.measure for piece in pieces] == [2, 1, 2, 1, 1, 1]
    # The inner sides face away from what is left.
    assert pieces[4] == Segment("left", (0, 0), (0, 1))
    assert pieces[5] == Segment("bottom", (1, 0), (0, 0))


@pytest.mark.parametrize(
    ("shape", "measure"),
    [
        (Disk((0, 0), 1) & Disk((1, 0), 1), LENS),
        (Disk((0, 0), 1) | Disk((1, 0), 1), 2 * np.pi - LENS),
        (Disk((0, 0), 1) - Disk((1, 0), 1), np.pi - LENS),
        (Disk((0, 0), 1) - Rectangle((0, -2), (2, 2)), np.pi / 2),
        (Rectangle((0, 0), (1, 1)) - Disk((0, 0.5), 0.5), 1 - np.pi / 8),
        (Rectangle((0, 0), (1, 1)) - Disk((0.5, 0.5), 0.5), 1 - np.pi / 4),
        (Rectangle((0, 0), (2, 1)) & Rectangle((1, 0), (3, 1)), 1),
        (Rectangle((0, 0), (1, 1)) | Rectangle((1, 0), (2, 1)), 2),
        (Rectangle((0, 0), (1, 1)) | Rectangle((0, 0), (1, 1)), 1),
        (Disk((0, 0), 1) | Disk((0, 0), 1), np.pi),
        (Polygon([(0, 0), (2, 0), (0, 2)]) & Rectangle((0, 0), (1, 1)), 1),
        (Interval(0, 3) - Interval(1, 2), 2),
        (Interval(0, 1) | Interval(1, 2), 2),
        (Interval(0, 2) & Interval(1, 3), 1),
        (Box((0, 0, 0), (1, 1, 1)) - Ball((0, 0, 0), 0.5), 1 - np.pi / 48),
        (Box((0, 0, 0), (1, 1, 1)) & Cylinder((0, 0, 0), 1, 0.5), np.pi / 16),
    ],
)
def test_measures(shape, measure):
    assert shape.measure == pytest.approx(measure, rel=1e-9)


def test_touching_edges_are_named_once():
    glued = Rectangle((0, 0), (1, 1)) | Rectangle((0, 0.5), (1, 2), name="upper")
    assert sum(p.measure for p in glued.pieces()) == pytest.approx(6)
    assert sum(p.measure for p in glued.pieces_of("left")) == pytest.approx(1)


def test_bounds_are_tight():
    lower, upper = (Disk((0, 0), 1) - Rectangle((0, -2), (2, 2))).bounds
    assert lower == pytest.approx([-1, -1])
    assert upper == pytest.approx([0, 1])


def test_a_whole_hole_stays_a_closed_arc():
    hole = (Disk((0, 0), 2) - Disk((0.5, 0), 1)).pieces()[1]
    assert isinstance(hole, Arc)
    assert hole.closed


def test_an_arc_across_its_own_start_stays_whole():
    # The angle zero of the disk's rim lies in the middle of what is left.
    moon = Disk((0, 0), 1) - Disk((-1, 0), 1)
    assert len(moon.pieces()) == 2
    assert moon.pieces()[0].measure == pytest.approx(4 * np.pi / 3)


def test_clipped_areas_in_space():
    dented = Box((0, 0, 0), (1, 1, 1)) - Ball((0, 0, 0), 0.5)
    assert dented.pieces_of("rim")[0].measure == pytest.approx(np.pi / 8, rel=2e-3)
    assert dented.pieces_of("left")[0].measure == pytest.approx(1 - np.pi / 16, rel=2e-3)
    glued = Box((0, 0, 0), (1, 1, 1)) | Box((1, 0, 0), (2, 1, 1))
    assert sum(p.measure for p in glued.pieces()) == pytest.approx(10, rel=2e-3)


def test_reentrant_corners():
    assert reentrant_corners(l_shape()) == pytest.approx(np.zeros((1, 2)), abs=1e-14)
    points, angles = corners(l_shape())
    assert len(points) == 6
    assert sorted(angles) == pytest.approx([np.pi / 2] * 5 + [3 * np.pi / 2])
    assert len(reentrant_corners(Rectangle((0, 0), (1, 1)))) == 0
    assert len(corners(Disk((0, 0), 1))[0]) == 0
    two = Disk((0, 0), 1) | Disk((1, 0), 1)
    assert np.sort(reentrant_corners(two)[:, 1]) == pytest.approx([-np.sqrt(0.75), np.sqrt(0.75)])


numbers = st.floats(-1, 1).map(lambda value: round(value, 3))
lengths = st.floats(0.1, 1.5).map(lambda value: round(value, 3))


@st.composite
def plane_shapes(draw):
    x, y = draw(numbers), draw(numbers)
    if draw(st.booleans()):
        return Disk((x, y), draw(lengths))
    return Rectangle((x, y), (x + draw(lengths), y + draw(lengths)))


@settings(deadline=None)
@given(plane_shapes(), plane_shapes(), plane_shapes())
def test_inclusion_and_exclusion(a, b, c):
    def area(*shapes):
        result = shapes[0]
        try:
            for shape in shapes[1:]:
                result = result & shape
        except ValueError:
            return 0.0
        return result.measure

    whole = a.measure + b.measure + c.measure - area(a, b) - area(a, c) - area(b, c) + area(a, b, c)
    assert Union(a, b, c).measure == pytest.approx(whole, abs=1e-7)


@settings(deadline=None)
@given(plane_shapes(), plane_shapes())
def test_boundaries_close(a, b):
    # ∮ n ds = 0 around any region.
    total = np.zeros(2)
    for piece in (a | b).pieces():
        start, stop = piece.at(np.array([0.0, 1.0]))
        total += stop - start
    assert total == pytest.approx([0, 0], abs=1e-6)
