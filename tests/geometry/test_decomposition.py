"""Decompositions: who owns a point, where subdomains meet, and what is none."""

from __future__ import annotations

import numpy as np
import pytest

from pinnkit.geometry import Disk, GeometryError, Interval, Rectangle
from pinnkit.geometry.partitions import at_levels, at_sites, axis_cuts, in_boxes, in_shapes

SQUARE = Rectangle((-1, -1), (1, 1))
LSHAPE = SQUARE - Rectangle((0, 0), (1, 1))


def slanted(points):
    """x = 0.2 t: an interface that moves."""
    return points[:, 0] - 0.2 * points[:, 2], np.tile([1, 0, -0.2], (len(points), 1))


CASES = {
    "boxes in space-time": (in_boxes(Interval(-1, 1), (0, 1), ((-0.6, 0.2), (0.5,))), 6, 7),
    "checkerboard": (in_boxes(SQUARE, None, ((-0.5, 0.1), (0.3, 0.6))), 9, 12),
    "boxes of another shape": (in_boxes(LSHAPE, None, ((0.0,), (0.0,))), 3, 2),
    "shapes": (in_shapes(SQUARE, None, {"in": Disk((0, 0), 0.5), "out": None}), 2, 1),
    "shapes in time": (in_shapes(SQUARE, (0, 2), {"in": Disk((0, 0), 0.5), "out": None}), 2, 1),
    "sites": (at_sites(SQUARE, None, [(-0.5, -0.5), (0.5, -0.5), (0, 0.6)]), 3, 3),
    "moving": (at_levels(SQUARE, (0, 1), [slanted]), 2, 1),
}


@pytest.mark.parametrize("name", CASES)
def test_interfaces_part_the_two_owners_that_their_sides_say(name):
    found, count, pairs = CASES[name]
    assert len(found.names) == count
    interfaces = found.interfaces(20, seed=0)
    assert len(interfaces.pairs) == pairs
    assert len(interfaces.points) == 20 * pairs
    np.testing.assert_allclose(np.linalg.norm(interfaces.normals, axis=1), 1, rtol=1e-12)
    for side, points in enumerate(interfaces.both):
        np.testing.assert_array_equal(found.owners(points), interfaces.sides[:, side])
    # a subdomain's points lie within its corners
    points = interfaces.points
    for side in (0, 1):
        owner = interfaces.sides[:, side]
        slack = 0.05 * (found.upper - found.lower)[owner]
        assert (points >= found.lower[owner] - slack).all()
        assert (points <= found.upper[owner] + slack).all()


def test_normals_are_those_of_circles_and_of_moving_lines():
    circle = CASES["shapes in time"][0].interfaces(50, seed=1)
    np.testing.assert_allclose(circle.normals[:, :2], 2 * circle.points[:, :2], atol=1e-12)
    np.testing.assert_array_equal(circle.normals[:, 2], 0)
    moving = CASES["moving"][0].interfaces(50, seed=1)
    np.testing.assert_allclose(moving.points[:, 0], 0.2 * moving.points[:, 2], atol=1e-12)
    np.testing.assert_allclose(moving.normals, np.tile([1, 0, -0.2], (50, 1)) / np.sqrt(1.04), atol=1e-12)


def test_on_a_line_an_interface_is_one_point():
    found = in_boxes(Interval(0, 1), None, ((0.25, 0.5),)).interfaces(100, seed=0)
    np.testing.assert_array_equal(found.points, [[0.25], [0.5]])
    np.testing.assert_array_equal(found.sides, [[0, 1], [1, 2]])


def test_the_same_seed_gives_the_same_points():
    first, again, other = (CASES["sites"][0].interfaces(9, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.points, again.points)
    assert not np.array_equal(first.points, other.points)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: in_shapes(SQUARE, None, {"a": Disk((0, 0), 0.5)}), "no subdomain holds the point"),
        (
            lambda: in_shapes(SQUARE, None, {"a": Disk((0, 0), 0.5), "b": Disk((0.3, 0), 0.5), "c": None}),
            "a and b overlap",
        ),
        (lambda: in_shapes(SQUARE, None, {"a": Disk((5, 0), 0.5), "c": None}), "a holds none of"),
        (lambda: in_shapes(SQUARE, None, {"a": None, "b": None}), "a and b both take the rest"),
        (lambda: in_shapes(SQUARE, None, {"a": Interval(0, 1), "b": None}), "a has 1 dimensions"),
        (lambda: at_sites(SQUARE, None, [(0, 0), (9, 9)]), "cell 2 holds none"),
        (lambda: at_sites(SQUARE, None, [(0, 0, 0)]), "points of 2 coordinates"),
        (lambda: in_boxes(SQUARE, None, ((), ())), "has one subdomain"),
        (lambda: axis_cuts({"x": [0.5, 0.2]}, "xy", (0, 0), (1, 1)), "from 0.5 to 0.2 is empty"),
        (lambda: axis_cuts({"z": 2}, "xy", (0, 0), (1, 1)), "one of x, y"),
    ],
)
def test_what_is_no_decomposition_is_refused(make, says):
    with pytest.raises(GeometryError, match=says):
        make()


@pytest.mark.parametrize(
    ("radius", "says"), [(0.99, r"box 1 and box 2 meet at \d+ of"), (0.99999, "box 1 meets no other")]
)
def test_an_interface_that_is_hardly_there_is_refused(radius, says):
    # beside the disk two slivers are left, by which the lower half meets the upper half
    with pytest.raises(GeometryError, match=says):
        in_boxes(SQUARE - Disk((0, 0), radius), None, ((), (0.0,))).interfaces(50, seed=0)
