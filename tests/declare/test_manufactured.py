"""Manufactured problems: sources and data are worked out by hand here and compared."""

from __future__ import annotations

import pytest
import sympy as sp

import pinnkit.declare as pk
from pinnkit.geometry import Interval, Rectangle

x, y = pk.coordinates("x y")
t = pk.time("t", 0, 1)
n_x, n_y = pk.normal(x), pk.normal(y)
u = pk.unknown("u", x, y)
h = pk.unknown("h", x, t)
SQUARE = Rectangle((0, 0), (1, 1))


def test_source_and_dirichlet_data() -> None:
    problem = pk.manufactured("made", SQUARE, [-pk.laplacian(u)], {"u": x**2 * y})
    (equation,) = problem.equations
    assert sp.simplify(equation.rhs - (-2 * y)) == 0
    assert problem.conditions == (pk.Dirichlet(u, x**2 * y),)
    assert problem.exact == {"u": x**2 * y}


def test_a_right_hand_side_is_kept_in_the_operator() -> None:
    problem = pk.manufactured("made", SQUARE, [sp.Eq(-pk.laplacian(u), u)], {u: x * y})
    assert problem.equations[0].rhs == u - x * y


def test_kinds_by_boundary() -> None:
    kinds = {"left": "dirichlet", "right": "neumann", "bottom": "robin", "top": "dirichlet"}
    problem = pk.manufactured("made", SQUARE, [pk.laplacian(u)], {"u": x * y}, kinds)
    slope = n_x * y + n_y * x
    assert problem.conditions == (
        pk.Dirichlet(u, x * y, "left"),
        pk.Neumann(u, slope, "right"),
        pk.Robin(u, 1, 1, x * y + slope, "bottom"),
        pk.Dirichlet(u, x * y, "top"),
    )


def test_initial_data_follow_the_order_in_time() -> None:
    wave = pk.manufactured(
        "wave", Interval(0, 1), [h.diff(t, 2) - h.diff(x, 2)], {"h": sp.sin(x) * sp.cos(t) + x * t}
    )
    assert pk.Initial(h, sp.sin(x)) in wave.conditions
    assert pk.InitialRate(h, x) in wave.conditions


def test_periodic() -> None:
    problem = pk.manufactured("made", SQUARE, [pk.laplacian(u) - u], {"u": sp.cos(2 * sp.pi * x)}, "periodic")
    assert problem.conditions == (pk.Periodic(x), pk.Periodic(y))


def test_a_pressure_is_fixed_at_one_point() -> None:
    v, p = pk.unknown("v", x, y), pk.unknown("p", x, y)
    w = sp.ImmutableMatrix([u, v])
    problem = pk.manufactured(
        "stokes",
        SQUARE,
        {"momentum": pk.grad(p) - pk.laplacian(w), "mass": pk.div(w)},
        {w: (y**2, x**2), p: x - y},
        unknowns=[w, p],
    )
    (point,) = problem.of_kind(pk.PointValue)
    assert point.unknown == p
    assert [c.unknown for c in problem.of_kind(pk.Dirichlet)] == [u, v]


def test_inferred_coefficients_enter_the_source() -> None:
    a = pk.unknown("a", x, y, infer=True)
    problem = pk.manufactured(
        "inverse",
        SQUARE,
        [-pk.div(a * pk.grad(u))],
        {"u": x**2, "a": 1 + y},
        observations=[pk.Observations(u, "sensors.csv")],
    )
    assert sp.simplify(problem.equations[0].rhs + 2 * (1 + y)) == 0


TEXT = """\
name: made
coordinates: [x, y]
unknowns: [u]
domain: {rectangle: {lower: [0, 0], upper: [1, 1]}}
equations: ["-laplacian(u)"]
manufactured: {exact: {u: "x**2*y"}}
"""


def test_problem_files_say_it_too() -> None:
    assert pk.read_text(TEXT).problem == pk.manufactured("made", SQUARE, [-pk.laplacian(u)], {"u": x**2 * y})


@pytest.mark.parametrize("extra", ["conditions: []", 'exact: {u: "x"}'])
def test_manufactured_takes_no_other_data(extra: str) -> None:
    with pytest.raises(pk.DeclarationError, match="brings its own data") as caught:
        pk.read_text(TEXT + extra, "made.yaml")
    assert str(caught.value).startswith("made.yaml:7: ")
