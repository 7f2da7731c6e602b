"""Points in cells: right, fast, forgiving at the boundary, and strict beyond it."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest

import pinnkit as pk
from pinnkit.reference import PointOutside
from pinnkit.reference.locate import Locator
from pinnkit.reference.meshing import Meshes

HOLES = pk.Rectangle((-1, -1), (1, 1)) - pk.Disk((0.3, 0.3), 0.2) - pk.Disk((-0.4, 0.1), 0.1)
CORNER = pk.Rectangle((-1, -1), (1, 1)) - pk.Rectangle((0, 0), (1, 1))
COMB = pk.Polygon([(0, 0), (1, 0), (1, 1), (0.9, 1), (0.9, 0.02), (0.1, 0.02), (0.1, 1), (0, 1)])


def inside(shape: pk.Shape, count: int) -> np.ndarray:
    low, high = shape.bounds
    points = np.random.default_rng(0).uniform(low, high, (count, shape.dimension))
    return points[shape.contains(points)]


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        (pk.Interval(-1, 2), 0.1), (pk.Rectangle((0, 0), (1, 2)), 0.1), (pk.Disk((0, 0), 1), 0.3),
        (HOLES, 0.2), (CORNER, 0.1), (COMB, 0.05),
    ],
    ids=["line", "rectangle", "disk", "holes", "graded corner", "comb"],
)  # fmt: skip
def test_cells_map_back_to_the_points(shape, size):
    mesh = Meshes(shape, 3).first(size)
    points = inside(shape, 20_000)
    cells, reference = Locator(mesh).locate(points)
    depth = np.minimum(reference.min(axis=1), 1 - reference.sum(axis=1))
    # Next to curves the mesh and the shape differ by a little.
    assert depth.min() >= -0.02
    assert np.mean(depth < -1e-9) <= 0.01
    back = np.concatenate([mesh.map(cells[i : i + 1], r[:, None])[0] for i, r in enumerate(reference[:500])])
    np.testing.assert_allclose(back, points[:500], atol=1e-9)


def test_points_on_the_boundary_are_inside():
    mesh = Meshes(HOLES, 3).first(0.3)
    edge = np.concatenate([p.sample(np.random.default_rng(1).random((200, 1)))[0] for p in HOLES.pieces()])
    Locator(mesh).locate(edge)


def test_points_far_outside_are_refused():
    mesh = Meshes(HOLES, 3).first(0.2)
    with pytest.raises(PointOutside, match=r"1 of 2 points lie outside the mesh, the first at \(0.3, 0.3\)"):
        Locator(mesh).locate(np.array([[0.0, 0.0], [0.3, 0.3]]))
    with pytest.raises(PointOutside):
        Locator(Meshes(pk.Interval(0, 1), 3).first(0.1)).locate(np.array([[1.001]]))


def test_no_points_are_no_error():
    cells, reference = Locator(Meshes(HOLES, 3).first(0.3)).locate(np.empty((0, 2)))
    assert cells.shape == (0,)
    assert reference.shape == (0, 2)


def test_a_hundred_thousand_points():
    meshes = Meshes(HOLES, 3)
    mesh = meshes.finer(meshes.first(0.04), 0.02)
    points = inside(HOLES, 120_000)[:100_000]
    locator = Locator(mesh)
    locator.locate(points[:100])
    began = time.perf_counter()
    locator.locate(points)
    taken = time.perf_counter() - began
    tracemalloc.start()
    locator.locate(points)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken <= 1.5  # 0.5 s on a core of its own
    assert peak <= 2**30
