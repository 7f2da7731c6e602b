"""Distance functions: zero exactly on the chosen pieces, positive within, smooth enough to differentiate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from pinnkit.fields.distance import NoDistance, distance
from pinnkit.fields.implicit import wedge
from pinnkit.fields.subtended import Strand, subtended
from pinnkit.geometry.boxes import Box, Interval, Rectangle
from pinnkit.geometry.carriers import Plane, Sphere
from pinnkit.geometry.polygon import Polygon
from pinnkit.geometry.round import Ball, Cylinder, Disk, Ellipse
from pinnkit.geometry.sampling import boundary, interior

SQUARE = Rectangle((-1, -1), (1, 1), name="outer")
HOLES = SQUARE - Disk((0.4, 0.3), 0.2, name="hole") - Disk((-0.4, -0.5), 0.1, name="hole")

SHAPES = {
    "interval": Interval(-1, 3),
    "rectangle": Rectangle((0, 0), (2, 1)),
    "disk": Disk((1, 2), 0.5),
    "ellipse": Ellipse((0, 0), (2, 1), 0.3),
    "holes": HOLES,
    "l_shape": SQUARE - Rectangle((0, 0), (1, 1), name="inner"),
    "notch": SQUARE - Rectangle((-0.3, 0), (0.3, 1), name="notch"),
    "square_hole": SQUARE - Rectangle((-0.3, -0.3), (0.2, 0.2), name="hole"),
    "two_disks": Disk((0, 0), 1, name="one") | Disk((1, 0.2), 0.8, name="two"),
    "crescent": Disk((0, 0), 1, name="one") - Disk((0.9, 0), 0.6, name="two"),
    "ellipse_and_slab": Ellipse((0, 0), (2, 1), 0.3) | Rectangle((0, -0.2), (3, 0.3)),
    "triangle": Polygon(((0, 0), (2, 0), (0.5, 1.5))),
    "arrow": Polygon(((0, 0), (2, 0), (2, 1), (1, 0.4), (0, 1))),
    "octagon": Polygon(tuple((float(np.cos(a)), float(np.sin(a))) for a in np.arange(8) * np.pi / 4)),
    "box": Box((0, 0, 0), (1, 2, 1)),
    "ball": Ball((0, 0, 0), 1.5),
    "ball_5d": Ball((0,) * 5, 1),
    "cylinder": Cylinder((0, 0, 0), (0, 0, 2), 0.5),
    "box_with_ball": Box((0, 0, 0), (1, 1, 1)) - Ball((0.5, 0.5, 0.5), 0.2, name="hole"),
}


def away_from_corners(shape, points, gap):
    """The points farther than ``gap`` from every end of a piece; all of them in other dimensions than two."""
    ends = [p.at(np.array([0.0, 1.0])) for p in shape.pieces() if shape.dimension == 2 and not p.closed]
    if not ends:
        return np.ones(len(points), dtype=bool)
    return np.min(np.linalg.norm(points[:, None] - np.concatenate(ends), axis=2), axis=1) > gap


@pytest.mark.parametrize("name", SHAPES)
def test_zero_on_the_boundary_positive_within_and_of_order_one(name):
    shape = SHAPES[name]
    function = distance(shape, "boundary")
    phi = jax.jit(jax.vmap(function))
    on, normals = boundary(shape, "boundary", 300, seed=1)
    within = phi(interior(shape, 1000, seed=2))
    assert np.max(np.abs(phi(on))) < 1e-13
    assert np.min(within) > 0
    assert 0.5 < np.max(within) < 1.1
    # It rises inwards, also at points that rounding puts a hair beyond the boundary.
    slope = jax.jit(jax.vmap(jax.grad(function)))(on)
    inwards = -np.sum(slope * normals, axis=1)[away_from_corners(shape, on, 1e-3)]
    assert np.min(inwards) > 0


@pytest.mark.parametrize("name", ["rectangle", "holes", "l_shape", "crescent", "arrow", "cylinder"])
def test_four_derivatives_are_finite_within_and_at_the_boundary(name):
    shape = SHAPES[name]
    phi = distance(shape, "boundary")

    @jax.jit
    @jax.vmap
    def fourth(x, direction):
        def along(s):
            return phi(x + s * direction)

        for _ in range(4):
            along = jax.jacfwd(along)
        return along(0.0)

    on, normals = boundary(shape, "boundary", 200, seed=4)
    kept = away_from_corners(shape, on, 1e-2)
    near = [(on - step * normals)[kept] for step in (1e-3, 1e-7, 0.0)]
    points = np.concatenate([interior(shape, 300, seed=3), *near])
    directions = np.random.default_rng(0).normal(size=points.shape)
    assert np.all(np.isfinite(fourth(points, directions)))


@pytest.mark.parametrize(
    ("shape", "chosen", "others"),
    [
        (Rectangle((0, 0), (2, 1)), "left", ["right", "bottom", "top"]),
        (HOLES, "hole", ["outer"]),
        (HOLES, "outer", ["hole"]),
        (SHAPES["l_shape"], "inner", ["outer"]),
        (SHAPES["l_shape"], "outer", ["inner"]),
        (SHAPES["two_disks"], "one", ["two"]),
        (SHAPES["box_with_ball"], "hole", ["left", "top"]),
    ],
)
def test_a_part_of_the_boundary_leaves_the_rest_free(shape, chosen, others):
    phi = jax.jit(jax.vmap(distance(shape, chosen)))
    assert np.max(np.abs(phi(boundary(shape, chosen, 200, seed=1)[0]))) < 1e-13
    free, _ = boundary(shape, others, 200, seed=2)
    if shape.dimension == 2:
        ends = boundary(shape, chosen, 400, seed=5)[0]
        free = free[np.min(np.linalg.norm(free[:, None] - ends, axis=2), axis=1) > 0.05]
    assert np.min(phi(free)) > 1e-3


def test_one_side_of_two_on_the_same_line_leaves_the_other_free():
    comb = Polygon(
        ((0, 0), (3, 0), (3, 1), (2, 1), (2, 0.5), (1, 0.5), (1, 1), (0, 1)),
        names=("a", "b", "right_tip", "c", "d", "e", "left_tip", "f"),
    )
    phi = jax.vmap(distance(comb, "left_tip"))
    assert np.max(np.abs(phi(boundary(comb, "left_tip", 50)[0]))) < 1e-13
    assert np.min(phi(boundary(comb, "right_tip", 50)[0])) > 0.1


def segment(start, end):
    """A strand on the first axis, the domain above it."""
    return Strand(np.array([start, 0.0]), np.array([end, 0.0]), np.array([1.0, 0.0]), Plane((0, 0), (0, -1)))


def test_a_segment_has_slope_one_and_its_defining_integral():
    phi = subtended([segment(0, 2)])
    assert jax.grad(phi)(jnp.array([0.7, 0.0]))[1] == pytest.approx(1, abs=1e-12)
    for point in ([0.7, 0.4], [3.0, 0.0], [-1.0, -0.3]):
        integral, _ = quad(lambda s, p=point: 1 / ((p[0] - s) ** 2 + p[1] ** 2), 0, 2)
        assert phi(jnp.array(point)) == pytest.approx(np.pi / integral, rel=1e-10)


@given(cut=st.floats(0.05, 0.95), x=st.floats(-3, 3), y=st.floats(0.05, 3))
@settings(deadline=None, max_examples=30)
def test_cutting_a_segment_changes_nothing(cut, x, y):
    with jax.enable_x64(True):
        point = jnp.array([x, y])
        whole, parts = subtended([segment(0, 1)]), subtended([segment(0, cut), segment(cut, 1)])
        assert parts(point) == pytest.approx(float(whole(point)), rel=1e-10)


def test_arcs_that_make_up_a_circle_give_the_circles_function():
    ends = [np.array([np.cos(a), np.sin(a)]) for a in (0.3, 2.1)]
    arcs = [Strand(a, b, np.array([-a[1], a[0]]), Sphere((0, 0), 1)) for a, b in (ends, ends[::-1])]
    for point in jnp.array([[0.1, 0.2], [-0.5, 0.6], [0.9, 0.1], [1.4, -1.0]]):
        assert subtended(arcs)(point) == pytest.approx(abs(float(1 - point @ point)) / 2, rel=1e-12)


@pytest.mark.parametrize("opening", [1.5 * np.pi, 1.2 * np.pi, 1.9 * np.pi])
def test_the_function_of_a_reentrant_corner_is_harmonic(opening):
    function = wedge(np.array([0.1, 0.2]), np.array([0.6, 0.8]), opening)
    points = np.array([0.1, 0.2]) + np.array([[0.3, 0.5], [-0.2, 0.4], [0.5, -0.1]])
    laplacian = jax.vmap(lambda x: jnp.trace(jax.hessian(function)(x)))(points)
    assert np.max(np.abs(laplacian)) < 1e-12


def test_the_l_shape_takes_the_singularity_of_its_corner():
    phi = distance(SHAPES["l_shape"], "boundary")
    near, nearer = (float(phi(jnp.array([-r, -r]))) for r in (1e-4, 1e-5))
    assert np.log10(near / nearer) == pytest.approx(2 / 3, abs=1e-3)


def test_a_solid_that_bends_inwards_has_none():
    fichera = Box((0, 0, 0), (1, 1, 1)) - Box((0.5, 0.5, 0.5), (1, 1, 1), name="inner")
    with pytest.raises(NoDistance, match="inner"):
        distance(fichera, "inner")
