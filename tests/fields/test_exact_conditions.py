"""Trial functions u = lift + multiplier·N satisfy their conditions whatever N, and say which they do not."""

import jax
import jax.numpy as jnp
import meshio
import numpy as np
import pytest
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pinnkit.declare.conditions import (
    Dirichlet,
    Initial,
    InitialRate,
    Neumann,
    Observations,
    Periodic,
    PointValue,
)
from pinnkit.declare.errors import DeclarationError
from pinnkit.declare.operators import laplacian
from pinnkit.declare.problem import Problem
from pinnkit.declare.symbols import coordinates, parameter, unknown
from pinnkit.declare.symbols import time as time_coordinate
from pinnkit.fields.exact_conditions import exact_conditions
from pinnkit.fields.lift import boundary_lift
from pinnkit.geometry.boxes import Box, Interval, Rectangle
from pinnkit.geometry.mesh_file import MeshFile
from pinnkit.geometry.polygon import Polygon
from pinnkit.geometry.round import Ball, Cylinder, Disk, Ellipse
from pinnkit.geometry.sampling import boundary, interior

x, y, z = coordinates("x y z")
t = time_coordinate("t", 0.5, 2)
u1, u2, u3 = unknown("u", x), unknown("u", x, y), unknown("u", x, y, z)
v1, v2 = unknown("u", x, t), unknown("u", x, y, t)

SQUARE = Rectangle((-0.5, -0.5), (0.5, 0.5), name="outer")
L_SHAPE = Rectangle((-1, -1), (1, 1), name="outer") - Rectangle((0, 0), (1, 1), name="inner")
FOUR_HOLES = SQUARE
for _a in (-0.3, 0.3):
    for _b in (-0.3, 0.3):
        FOUR_HOLES = FOUR_HOLES - Disk((_a, _b), 0.1, name="hole")

PLANE_SHAPES = {
    "rectangle": SQUARE,
    "holes": FOUR_HOLES,
    "l_shape": L_SHAPE,
    "disk": Disk((0.2, 0.1), 0.7),
    "ring": Disk((0, 0), 1, name="rim") - Disk((0.3, 0), 0.4, name="hole"),
    "ellipse": Ellipse((0, 0), (1, 0.5), 0.4),
    "triangle": Polygon(((0, 0), (1, 0), (0.3, 0.8))),
    "two_disks": Disk((0, 0), 1, name="one") | Disk((1, 0.2), 0.8, name="two"),
    "slab_and_ellipse": Ellipse((0, 0), (2, 1), 0.3) | Rectangle((0, -0.2), (3, 0.3)),
}


def poisson(shape, *conditions, field=u2):
    return Problem("poisson", shape, [sp.Eq(laplacian(field), 0)], conditions)


def heat(shape, *conditions, field=v1):
    return Problem("heat", shape, [sp.Eq(sp.diff(field, t), laplacian(field))], conditions)


def wave(shape, *conditions, field=v1):
    return Problem("wave", shape, [sp.Eq(sp.diff(field, t, 2), laplacian(field))], conditions)


def network(seed, dimension):
    """An arbitrary smooth function of one point."""
    rng = np.random.default_rng(seed)
    w, b, a = rng.normal(size=(20, dimension)), rng.normal(size=20), rng.normal(size=20)
    return lambda p: a @ jnp.tanh(w @ p + b)


def trial(transform, seed, dimension):
    n = network(seed, dimension)
    return lambda p: transform.lift(p) + transform.multiplier(p) * n(p)


def violation(problem, condition, function):
    """Largest violation of a Dirichlet, initial or rate condition at sampled points."""
    interval = (problem.time.start, problem.time.end) if problem.time is not None else None
    if isinstance(condition, Dirichlet):
        points, _ = boundary(problem.domain, condition.where, 200, seed=7, time=interval)
    else:
        points = interior(problem.domain, 200, seed=7, time=interval)
        points[:, -1] = problem.time.start
    if isinstance(condition, InitialRate):
        along = jnp.zeros(points.shape[1]).at[-1].set(1.0)
        quantity = lambda p: jax.jvp(function, (p,), (along,))[1]  # noqa: E731
    else:
        quantity = function
    data = sp.lambdify(problem.variables, condition.value, "numpy")(*points.T)
    return float(np.max(np.abs(jax.jit(jax.vmap(quantity))(points) - data)))


def assert_satisfied(problem, seed=0):
    """Every value condition is built in and holds to rounding with an arbitrary network."""
    built = exact_conditions(problem, "exact")
    function = trial(built.transform["u"], seed, len(problem.variables))
    for condition in problem.of_kind(Dirichlet, Initial, InitialRate):
        assert condition in built.exact
        assert violation(problem, condition, function) < 1e-12
    return built.transform["u"]


def second_derivatives(function, points):
    """Along two directions, which is much cheaper to compile than all of them."""

    @jax.jit
    @jax.vmap
    def along(p, direction):
        return jax.jacfwd(jax.jacfwd(lambda s: function(p + s * direction)))(0.0)

    directions = np.random.default_rng(0).normal(size=(2, *points.shape))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    return [along(points, direction) for direction in directions]


def test_burgers():
    state = -sp.sin(sp.pi * x)
    transform = assert_satisfied(heat(Interval(-1, 1), Dirichlet(v1, 0), Initial(v1, state)))
    # Nothing is added to the initial state where the boundary data do not move.
    assert transform.lift(jnp.array([0.3, 1.7])) == pytest.approx(-np.sin(0.3 * np.pi), abs=1e-15)
    assert transform.multiplier(jnp.array([0.0, 2.0])) == pytest.approx(1, abs=1e-3)


def test_wave_with_a_rate_and_moving_ends():
    exact = sp.sin(x + 2 * t) + x * t**3
    assert_satisfied(wave(
        Interval(0, 1), Dirichlet(v1, exact.subs(x, 0), "left"), Dirichlet(v1, exact.subs(x, 1), "right"),
        Initial(v1, exact.subs(t, t.start)), InitialRate(v1, sp.diff(exact, t).subs(t, t.start)),
    ))  # fmt: skip


def test_moving_data_around_a_hole():
    exact = sp.cos(t) * sp.exp(x * y) + x**2
    ring = PLANE_SHAPES["ring"]
    assert_satisfied(heat(ring, Dirichlet(v2, exact), Initial(v2, exact.subs(t, t.start)), field=v2))


def test_four_holes_keep_constants():
    holes = poisson(FOUR_HOLES, Dirichlet(u2, 1, "outer"), Dirichlet(u2, 0, "hole"))
    transform = assert_satisfied(holes)
    values = jax.vmap(transform.lift)(interior(FOUR_HOLES, 500))
    assert np.min(values) >= 0
    assert np.max(values) <= 1
    same = poisson(FOUR_HOLES, Dirichlet(u2, 0.2, "outer"), Dirichlet(u2, 0.2, "hole"))
    lift = exact_conditions(same).transform["u"].lift
    assert np.ptp(jax.vmap(lift)(interior(FOUR_HOLES, 100))) == 0


@pytest.mark.parametrize("name", PLANE_SHAPES)
def test_varying_data_on_plane_shapes(name):
    shape = PLANE_SHAPES[name]
    transform = assert_satisfied(poisson(shape, Dirichlet(u2, sp.exp(x) * sp.cos(2 * y) + x**3)))
    assert np.all(np.isfinite(second_derivatives(transform.lift, interior(shape, 300, seed=3))))


@pytest.mark.parametrize(
    "shape",
    [
        Box((0, 0, 0), (1, 2, 1)),
        Ball((0.1, 0, 0), 0.8),
        Cylinder((0, 0, 0), (0, 0, 2), 0.5),
        Box((0, 0, 0), (1, 1, 1)) - Ball((0.5, 0.5, 0.5), 0.2, name="hole"),
    ],
    ids=lambda s: s.kind,
)
def test_varying_data_on_solids(shape):
    transform = assert_satisfied(poisson(shape, Dirichlet(u3, sp.sin(x + y) * z + y**2), field=u3))
    assert np.all(np.isfinite(second_derivatives(transform.lift, interior(shape, 100, seed=3))))


def test_the_lift_of_polynomials_within_a_disk_is_smooth_at_its_centre():
    disk = Disk((0, 0), 1)
    lift = assert_satisfied(poisson(disk, Dirichlet(u2, x**2 - y**2))).lift
    assert np.max(np.abs(second_derivatives(lift, interior(disk, 500)))) < 40
    assert np.all(np.isfinite(second_derivatives(lift, np.zeros((1, 2)))))


def test_the_lift_on_a_rectangle_reproduces_what_is_linear_across():
    lift = assert_satisfied(poisson(SQUARE, Dirichlet(u2, (1 + x) * sp.sin(3 * y)))).lift
    points = interior(SQUARE, 100)
    assert np.allclose(jax.vmap(lift)(points), (1 + points[:, 0]) * np.sin(3 * points[:, 1]), atol=1e-14)


# What vanishes on the boundary of each shape and nowhere near it.
BUBBLES = {
    "rectangle": (x**2 - sp.Rational(1, 4)) * (y**2 - sp.Rational(1, 4)),
    "disk": (x - 0.2) ** 2 + (y - 0.1) ** 2 - 0.49,
    "ring": (x**2 + y**2 - 1) * ((x - 0.3) ** 2 + y**2 - 0.16),
    "triangle": y * (0.8 * x - 0.3 * y) * (0.8 * (x - 1) + 0.7 * y),
}


@pytest.mark.parametrize("name", BUBBLES)
def test_adding_what_vanishes_on_the_boundary_changes_nothing(name):
    shape, data = PLANE_SHAPES[name], sp.exp(x) * sp.cos(2 * y)
    points = interior(shape, 300, seed=5)
    plain, leaking = (
        jax.vmap(exact_conditions(poisson(shape, Dirichlet(u2, g)), "exact").transform["u"].lift)(points)
        for g in (data, data + 1000 * BUBBLES[name] * (1 + x + y**2))
    )
    assert np.max(np.abs(plain - leaking)) < 1e-9


@pytest.mark.parametrize("name", PLANE_SHAPES)
def test_the_lift_asks_for_data_on_the_boundary_only(name):
    shape = PLANE_SHAPES[name]
    edge, _ = boundary(shape, "boundary", 4000, seed=6)

    def data(off_boundary):
        return lambda p: jnp.where(
            jnp.min(jnp.sum((edge - p) ** 2, axis=1)) > 1e-4, off_boundary, jnp.sin(p[0])
        )

    points = interior(shape, 300, seed=5)
    pieces = dict.fromkeys(shape.pieces(), sp.Function("g")(x, y))
    one, other = (
        jax.jit(jax.vmap(boundary_lift(shape, pieces, (x, y), lambda _, value=value: data(value))))(points)
        for value in (0.0, 1e3)
    )
    assert np.max(np.abs(one - other)) == 0


@given(
    rotation=st.floats(0, 6.28),
    radius=st.floats(0.05, 0.35),
    shift=st.floats(-0.4, 0.4),
    weights=st.tuples(*[st.floats(-2, 2)] * 4),
    seed=st.integers(0, 1000),
)
@example(3.28125, 0.25, 0.0, (0.0, 0.0, 1.0, 0.0), 0)  # with an edge that is all but upright
@settings(deadline=None, max_examples=10)
def test_random_shapes_and_data(rotation, radius, shift, weights, seed):
    with jax.enable_x64(True):
        corners = [(float(np.cos(rotation + a)), float(np.sin(rotation + a))) for a in (0, 2, 4)]
        shape = Polygon(tuple(corners)) - Disk((0.3 * shift, 0.1), 0.5 * radius, name="hole")
        a, b, c, d = weights
        data = a + b * x * y + c * sp.sin(2 * x + y) + d * sp.exp(y)
        assert_satisfied(poisson(shape, Dirichlet(u2, data)), seed)


def reasons(problem):
    return dict(exact_conditions(problem, "auto").soft)


@pytest.mark.parametrize(
    ("shape", "data", "built_in"),
    [
        (Disk((0, 0), 1, name="outer"), sp.exp(x), False),
        (Disk((0, 0), 1, name="outer"), 2, True),
        (Polygon(((0, 0), (1, 0), (0.3, 0.8)), name="outer"), y * x, False),
        (SQUARE, sp.exp(x) * y, True),
    ],
)
def test_analytic_extensions_only_on_request(shape, data, built_in):
    problem = poisson(shape, Dirichlet(u2, data))
    assert exact_conditions(problem).exact == problem.conditions
    asked = exact_conditions(problem, analytic=True)
    assert asked.exact == (problem.conditions if built_in else ())
    assert built_in or "lacks derivatives at the boundary" in asked.soft[0][1]
    assert exact_conditions(problem, "exact", analytic=True).exact == problem.conditions


def test_an_initial_state_with_a_kink_at_the_seam_is_left_to_training():
    state = Initial(v1, x**2 * sp.cos(sp.pi * x))
    problem = heat(Interval(-1, 1), Periodic(x), state)
    built = exact_conditions(problem)
    assert built.exact == (Periodic(x),)
    assert built.soft == ((state, "∂u₀/∂x does not repeat along x: its ends differ by 4"),)
    assert "imposed softly" in built.notes[0]
    assert built.transform["u"].lift(jnp.array([0.3, 1.0])) == 0
    with pytest.raises(DeclarationError, match=r"initial state .* cannot be built in exactly(.|\n)*auto"):
        exact_conditions(problem, "exact")


def test_a_smooth_periodic_state_is_built_in():
    assert_satisfied(heat(Interval(-1, 1), Periodic(x), Initial(v1, sp.exp(sp.cos(sp.pi * x)))))


def test_an_initial_state_against_the_boundary_is_left_to_training():
    state = Initial(v1, 1)
    problem = heat(Interval(0, 1), Dirichlet(v1, 0), state)
    built = exact_conditions(problem)
    assert built.soft == ((state, "u₀ differs from the data on 'boundary' by 1 at x = 0, t = 0.5"),)
    assert violation(problem, Dirichlet(v1, 0), trial(built.transform["u"], 0, 2)) < 1e-12


def test_a_rate_goes_with_its_state():
    problem = wave(Interval(0, 1), Dirichlet(v1, 0), Initial(v1, 1), InitialRate(v1, 0))
    assert "goes with" in reasons(problem)[InitialRate(v1, 0)]


def test_a_rate_against_the_boundary_leaves_the_state_built_in():
    problem = wave(Interval(0, 1), Dirichlet(v1, 0), Initial(v1, x * (1 - x)), InitialRate(v1, 1))
    built = exact_conditions(problem)
    assert [c for c, _ in built.soft] == [InitialRate(v1, 1)]
    # With one order of time only the multiplier leaves the rate free.
    assert built.transform["u"].multiplier(jnp.array([0.5, 0.5 + 1.5e-3])) == pytest.approx(1e-3, rel=1e-3)


def test_data_that_jump_at_a_corner_are_left_to_training():
    walls = [Dirichlet(u2, 0, w) for w in ("left", "right", "bottom")]
    lid = Dirichlet(u2, 1, "top")
    found = reasons(poisson(Rectangle((0, 0), (1, 1)), *walls, lid))
    assert set(found) == {walls[0], walls[1], lid}
    assert found[lid] == "the data on 'left' and 'top' differ by 1 at x = 0, y = 1"
    eased = Dirichlet(u2, 4 * x * (1 - x), "top")
    assert_satisfied(poisson(Rectangle((0, 0), (1, 1)), *walls, eased))


def test_data_that_disagree_along_an_edge_of_a_solid_are_left_to_training():
    can = Cylinder((0, 0, 0), (0, 0, 2), 0.5)
    names = can.boundary_names
    conditions = [Dirichlet(u3, k, name) for k, name in enumerate(names)]
    assert set(reasons(poisson(can, *conditions, field=u3))) == set(conditions)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (sp.Abs(y), "kink, a jump or a pole where y = 0"),
        (sp.Piecewise((1, y > 0.1), (0, True)), "pole where y - 0.1 = 0"),
        (sp.Max(y, -y), "kink"),
        (1 / y, "pole where y = 0"),
    ],
)
def test_data_without_derivatives(data, reason):
    condition = Dirichlet(u2, data)
    assert reason in reasons(poisson(SQUARE, condition))[condition]


def test_data_yet_to_be_found():
    a = parameter("a", 2, infer=True)
    condition = Dirichlet(u2, a * y)
    problem = Problem("inverse", SQUARE, [laplacian(u2)], [condition], [Observations(u2, "sensors.csv")])
    assert reasons(problem)[condition] == "the data hold a, which is yet to be found"


def test_a_kink_elsewhere_and_known_parameters_do_no_harm():
    k = parameter("k", 3.0)
    wall = Rectangle((1, 0), (2, 1))
    built = exact_conditions(poisson(wall, Dirichlet(u2, k * sp.Abs(x) + sp.Abs(x + y))), "exact")
    assert built.transform["u"].lift(jnp.array([2.0, 0.5])) == pytest.approx(8.5)


def test_what_is_no_value_stays_soft():
    flow, point = Neumann(u2, 1, "right"), PointValue(u2, 0, (0, 0))
    others = [Dirichlet(u2, 0, w) for w in ("left", "bottom", "top")]
    found = reasons(poisson(Rectangle((0, 0), (1, 1)), flow, point, *others))
    assert found == {flow: "only values are built in", point: "only values are built in"}


def test_a_boundary_given_by_a_mesh_stays_soft(tmp_path):
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    meshio.Mesh(corners, [("triangle", [[0, 1, 2], [0, 2, 3]])]).write(tmp_path / "square.vtu")
    condition = Dirichlet(u2, x)
    found = reasons(poisson(MeshFile(tmp_path / "square.vtu"), condition))
    assert found == {condition: "no smooth distance is known for a boundary given by a mesh"}


def test_soft_builds_in_nothing():
    problem = poisson(SQUARE, Dirichlet(u2, x))
    built = exact_conditions(problem, "soft")
    assert built.exact == ()
    assert built.notes == ()
    assert built.transform["u"].multiplier(jnp.array([0.1, 0.2])) == 1


def test_a_periodic_channel_keeps_its_walls_and_a_hole_in_it_does_not_fit():
    channel = Rectangle((-1, 0), (1, 1))
    walls = [Dirichlet(u2, sp.cos(sp.pi * x), w) for w in ("bottom", "top")]
    transform = assert_satisfied(poisson(channel, Periodic(x), *walls))
    left, right = (transform.lift(jnp.array([end, 0.3])) for end in (-1.0, 1.0))
    assert left == pytest.approx(float(right), abs=1e-14)
    hole = Dirichlet(u2, 0, "hole")
    found = reasons(poisson(channel - Disk((0, 0.5), 0.2, name="hole"), Periodic(x), *walls, hole))
    assert "does not repeat along x" in found[hole]


def test_unknowns_have_transforms_of_their_own():
    p2 = unknown("p", x, y)
    problem = Problem(
        "two",
        SQUARE,
        [sp.Eq(laplacian(u2), p2), sp.Eq(laplacian(p2), 0)],
        [Dirichlet(u2, x), Dirichlet(p2, 1)],
    )
    built = exact_conditions(problem)
    on = jnp.array([0.5, 0.1])
    assert built.transform["u"].lift(on) == pytest.approx(0.5)
    assert built.transform["p"].lift(on) == pytest.approx(1)
