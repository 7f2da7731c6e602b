"""Decompositions along the sides of cells: who owns the two sides of interfaces, sizes of parts, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from pinnkit.geometry import Box, Disk, GeometryError, Interval, Rectangle
from pinnkit.geometry.cell_parts import along_cells, in_groups, in_parts
from pinnkit.geometry.mesh import Mesh
from pinnkit.geometry.sampling import interior


@pytest.mark.parametrize(
    ("domain", "time"),
    [
        (Interval(0, 1), None),
        (Interval(0, 1), (0.0, 2.0)),
        (Rectangle((0, 0), (2, 1)), None),
        (Disk((0, 0), 1), (0.0, 1.0)),
        (Box((0, 0, 0), (1, 1, 1)), None),
    ],
)
def test_parts_are_of_like_size_and_interfaces_part_their_owners(domain, time):
    found = in_parts(domain, time, 4)
    x = interior(domain, 4000, 1, time=time)
    shares = np.bincount(found.owners(x), minlength=4) / len(x)
    assert shares.min() > 0.12
    joined = found.interfaces(20, 0)
    for side, points in enumerate(joined.both):
        np.testing.assert_array_equal(found.owners(points), joined.sides[:, side])
    np.testing.assert_allclose(np.linalg.norm(joined.normals, axis=1), 1)
    if time is not None:
        assert np.ptp(joined.points[:, -1]) > 0.8 * (time[1] - time[0])
        assert not joined.normals[:, -1].any()


def test_a_cut_through_two_triangles_is_where_they_meet():
    points = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    cells = Mesh(points, np.array([[0, 1, 2], [0, 2, 3]]), "triangle", {})
    found = along_cells(Rectangle((0, 0), (1, 1)), None, cells, np.array([0, 1]), ["below", "above"])
    joined = found.interfaces(30, 0)
    np.testing.assert_allclose(joined.points[:, 0], joined.points[:, 1], atol=1e-14)
    np.testing.assert_allclose(joined.normals, np.broadcast_to([-0.5**0.5, 0.5**0.5], (30, 2)), atol=1e-14)


def test_groups_need_a_mesh_file_that_has_some():
    with pytest.raises(GeometryError, match="no named groups of cells"):
        in_groups(Rectangle((0, 0), (1, 1)), None)
