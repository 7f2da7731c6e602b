"""Points and normals: inside, outward, even, reproducible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnkit.geometry import Disk, Ellipse, GeometryError, Interval, Polygon, Rectangle
from pinnkit.geometry.sampling import METHODS, boundary, interior

from .gallery import ALL, four_holes


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ALL)
def test_interior_points_are_inside_and_as_many_as_asked(name, method):
    points = interior(ALL[name], 137, seed=3, method=method)
    assert points.shape == (137, ALL[name].dimension)
    assert np.all(ALL[name].contains(points, 1e-12))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ALL)
def test_normals_are_unit_and_outward(name, method):
    shape = ALL[name]
    points, normals = boundary(shape, n=137, seed=3, method=method)
    assert points.shape == normals.shape == (137, shape.dimension)
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1, abs=1e-12)
    # A step to either side; next to a corner it may cross the other side.
    step = 1e-5
    assert np.mean(shape.contains(points - step * normals)) > 0.98
    assert np.mean(~shape.contains(points + step * normals)) > 0.98


@pytest.mark.parametrize("name", ALL)
def test_divergence_theorem(name):
    """∮ (x − c)·n ds = d·measure, with c the middle, for points even in measure."""
    shape = ALL[name]
    points, normals = boundary(shape, n=4096)
    middle = np.mean(shape.bounds, axis=0)
    around = sum(piece.measure for piece in shape.pieces())
    flux = around * np.mean(np.sum((points - middle) * normals, axis=1))
    assert flux == pytest.approx(shape.dimension * shape.measure, rel=5e-3)
    assert around * np.mean(normals, axis=0) == pytest.approx(0, abs=5e-3 * around)


@pytest.mark.parametrize("name", ["disk", "ellipse", "moon", "four_holes", "cylinder", "ball5", "polygon"])
def test_interior_points_are_even(name):
    """Mean of the distance from the middle against a very fine random sample."""
    shape = ALL[name]
    middle = np.mean(shape.bounds, axis=0)

    def mean(points):
        return np.mean(np.linalg.norm(points - middle, axis=1))

    lower, upper = shape.bounds
    fine = lower + np.random.default_rng(0).random((400_000, shape.dimension)) * (upper - lower)
    fine = fine[shape.contains(fine)]
    assert mean(interior(shape, 8192)) == pytest.approx(mean(fine), rel=6e-3)


def test_points_on_an_ellipse_are_even_in_length():
    points, _ = boundary(Ellipse((0, 0), (5, 1)), n=1000, method="grid")
    gaps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert gaps.max() / gaps.min() < 1.01


def test_sobol_beats_random():
    shape, exact = four_holes(), four_holes().measure

    def error(method, seed):
        points = interior(shape, 2048, seed=seed, method=method)
        # The mean of a smooth function, with the finest sample of all as the truth.
        return np.mean(np.cos(2 * points[:, 0]) * np.exp(points[:, 1])) - truth

    truth = np.mean(np.cos(2 * (p := interior(shape, 2**18, seed=99))[:, 0]) * np.exp(p[:, 1]))
    spread = {
        method: np.sqrt(np.mean([error(method, seed) ** 2 for seed in range(12)]))
        for method in ("sobol", "uniform")
    }
    assert exact > 0
    assert spread["sobol"] < spread["uniform"] / 4


@pytest.mark.parametrize("method", METHODS)
def test_the_seed_determines_the_points(method):
    shape = four_holes()
    assert np.array_equal(interior(shape, 100, 5, method), interior(shape, 100, 5, method))
    for one, other in zip(boundary(shape, n=100, seed=5), boundary(shape, n=100, seed=5), strict=True):
        assert np.array_equal(one, other)
    if method != "grid":
        assert not np.array_equal(interior(shape, 100, 5, method), interior(shape, 100, 6, method))


@pytest.mark.parametrize("method", METHODS)
def test_time_is_the_last_column(method):
    points = interior(Disk((0, 0), 1), 256, time=(2, 5), method=method)
    assert points.shape == (256, 3)
    assert points[:, 2].min() >= 2
    assert points[:, 2].max() <= 5
    assert np.mean(points[:, 2]) == pytest.approx(3.5, abs=0.2)
    points, normals = boundary(Disk((0, 0), 1), n=256, time=(2, 5), method=method)
    assert points.shape == (256, 3)
    assert normals.shape == (256, 2)


def test_the_ends_of_an_interval_share_points_and_time_evenly():
    points, normals = boundary(Interval(-1, 1), n=256, time=(0, 1))
    for end in (-1, 1):
        rows = points[:, 0] == end
        assert np.sum(rows) == 128
        assert np.all(normals[rows] == end)
        # One point in every 128th of the time.
        assert len(np.unique(np.floor(points[rows, 1] * 128))) > 120


def test_named_pieces_share_points_by_measure():
    points, normals = boundary(Rectangle((0, 0), (3, 1)), ("left", "top"), n=400)
    on_left = points[:, 0] == 0
    assert np.sum(on_left) == pytest.approx(100, abs=1)
    assert np.all(normals[~on_left] == [0, 1])
    assert np.all(points[~on_left, 1] == 1)


def test_a_clipped_piece_draws_anew_what_falls_outside():
    (rim,) = ALL["dented_box"].pieces_of("rim")
    unit = np.random.default_rng(0).random((500, 2))
    points, normals = rim.sample(unit)
    assert np.linalg.norm(points, axis=1) == pytest.approx(0.5)
    assert np.all(points > -1e-6)
    assert normals == pytest.approx(-2 * points)
    assert np.array_equal(points, rim.sample(unit)[0])


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: interior(Interval(0, 1), 0), "0 points"),
        (lambda: interior(Interval(0, 1), 5, method="halton"), "'halton'"),
        (lambda: interior(Interval(0, 1), 5, time=(1, 1)), "time runs from 1 to 1"),
        (lambda: boundary(Interval(0, 1), "top", 5), "named 'top'"),
    ],
)
def test_complaints(call, what):
    with pytest.raises(GeometryError, match=what):
        call()


@st.composite
def star_polygons(draw):
    """Vertices at ascending angles around a centre make a simple polygon."""
    count = draw(st.integers(3, 9))
    turns = (
        np.arange(count) + np.array(draw(st.lists(st.floats(0, 0.6), min_size=count, max_size=count)))
    ) / count
    radii = np.array(draw(st.lists(st.floats(0.3, 1.5), min_size=count, max_size=count)))
    around = 2 * np.pi * turns
    vertices = np.stack([radii * np.cos(around), radii * np.sin(around)], axis=1)
    return Polygon(vertices if draw(st.booleans()) else vertices[::-1])


@settings(max_examples=50, deadline=None)
@given(star_polygons(), st.integers(0, 1000))
def test_polygons(shape, seed):
    assert np.all(shape.contains(interior(shape, 64, seed)))
    points, normals = boundary(shape, n=64, seed=seed)
    assert np.all(shape.contains(points, 1e-9))
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1)
    # Away from corners the two sides are told apart.
    corner = np.min(np.linalg.norm(points[:, None] - np.array(shape.vertices), axis=2), axis=1)
    clear = corner > 0.02
    assert np.all(shape.contains(points - 1e-6 * normals)[clear])
    assert not np.any(shape.contains(points + 1e-6 * normals)[clear])


@settings(max_examples=50, deadline=None)
@given(st.floats(0.2, 3), st.floats(0.2, 3), st.floats(-4, 4), st.integers(0, 1000))
def test_ellipses(first, second, angle, seed):
    shape = Ellipse((0.3, -0.7), (first, second), angle)
    assert np.all(shape.contains(interior(shape, 64, seed), 1e-12))
    points, normals = boundary(shape, n=64, seed=seed)
    assert np.abs(shape.signed_distance(points)) == pytest.approx(0, abs=1e-12)
    assert np.all(shape.contains(points - 1e-6 * normals))
    assert not np.any(shape.contains(points + 1e-6 * normals))
