"""Norms against integrals known in closed form; what is defined up to a constant."""

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.validation import defined_up_to_constant, space_time_measure
from pinnkit.validation.norms import data_measure

x, y = pk.coordinates("x y")
t = pk.time("t", 1, 3)


def steady(domain):
    u = pk.unknown("u", x, y)
    return pk.Problem("p", domain, [-pk.laplacian(u)], [pk.Dirichlet(u, 0)])


def test_l2_norm_on_a_square():
    measure = space_time_measure(steady(pk.Rectangle((0, 0), (1, 2))))
    assert measure.total == pytest.approx(2, rel=1e-12)
    assert measure.l2(measure.points[:, 0]) == pytest.approx(np.sqrt(2 / 3), rel=1e-12)
    assert measure.mean(measure.points[:, 1]) == pytest.approx(1, rel=1e-12)


def test_l2_norm_on_an_annulus():
    measure = space_time_measure(steady(pk.Disk((0, 0), 1) - pk.Disk((0, 0), 0.5, name="hole")))
    assert measure.total == pytest.approx(np.pi * 0.75, rel=1e-5)
    radius = np.hypot(*measure.points.T)
    assert measure.l2(radius) == pytest.approx(np.sqrt(np.pi / 2 * (1 - 0.5**4)), rel=1e-5)


def test_l2_norm_over_time():
    u = pk.unknown("u", x, t)
    problem = pk.Problem(
        "p", pk.Interval(0, 1), [sp.Eq(sp.Derivative(u, t), sp.Derivative(u, (x, 2)))],
        [pk.Dirichlet(u, 0), pk.Initial(u, 0)],
    )  # fmt: skip
    measure = space_time_measure(problem)
    assert measure.total == pytest.approx(2, rel=1e-12)
    across, clock = measure.points.T
    exact = np.sqrt((1 - np.exp(-2)) / 2 * (np.exp(-2) - np.exp(-6)) / 2)
    assert measure.l2(np.exp(-across - clock)) == pytest.approx(exact, rel=1e-10)
    free = measure.without_mean(across + clock**3, each_time=True)
    np.testing.assert_allclose(free, across - 0.5, atol=1e-12)
    kept = measure.without_mean(across + clock, each_time=False)
    np.testing.assert_allclose(kept, across + clock - 2.5, atol=1e-12)


def test_data_points_keep_their_weights_and_times():
    u = pk.unknown("u", x, t)
    problem = pk.Problem(
        "p", pk.Interval(0, 1), [sp.Eq(sp.Derivative(u, t), sp.Derivative(u, (x, 2)))],
        [pk.Dirichlet(u, 0), pk.Initial(u, 0)],
    )  # fmt: skip
    points = np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 2.0], [1.0, 2.0]])
    measure = data_measure(problem, points, np.array([1.0, 3.0, 1.0, 3.0]))
    assert measure.mean(points[:, 0]) == 0.75
    np.testing.assert_allclose(
        measure.without_mean(np.array([0.0, 4.0, 10.0, 10.0]), each_time=True), [-3, 1, 0, 0]
    )
    part = measure.where(np.array([False, False, True, True]))
    np.testing.assert_allclose(part.without_mean(np.array([2.0, 6.0]), each_time=True), [-3, 1])


def flow(*conditions, rate=0, smoothing=0):
    """Navier–Stokes, the mass balance with a rate of the pressure or its Laplacian where asked."""
    variables = (x, y, t)
    u, v, p = (pk.unknown(name, *variables) for name in "uvp")
    equations = [
        sp.Eq(sp.Derivative(u, t) + u * sp.Derivative(u, x), -sp.Derivative(p, x) + pk.laplacian(u)),
        sp.Eq(sp.Derivative(v, t) + v * sp.Derivative(v, y), -sp.Derivative(p, y) + pk.laplacian(v)),
        sp.Eq(pk.div([u, v]) + rate * sp.Derivative(p, t), smoothing * pk.laplacian(p)),
    ]
    always = [pk.Dirichlet(u, 0), pk.Dirichlet(v, 0), pk.Initial(u, 0), pk.Initial(v, 0)]
    return pk.Problem("flow", pk.Rectangle((0, 0), (1, 1)), equations, [*always, *(c(p) for c in conditions)])


def test_a_pressure_is_free_at_each_time():
    assert defined_up_to_constant(flow()) == {"p": True}


def test_a_pressure_fixed_at_a_point_is_still_compared_without_its_mean():
    assert defined_up_to_constant(flow(lambda p: pk.PointValue(p, 0, (0, 0)))) == {"p": True}


def test_a_normal_derivative_fixes_no_constant():
    assert defined_up_to_constant(flow(lambda p: pk.Neumann(p, 0), smoothing=1)) == {"p": True}


def test_an_initial_value_fixes_it():
    assert defined_up_to_constant(flow(lambda p: pk.Initial(p, 0), rate=2)) == {}


def test_a_boundary_value_fixes_it():
    assert defined_up_to_constant(flow(lambda p: pk.Dirichlet(p, 0, "top"))) == {}
    assert defined_up_to_constant(flow(lambda p: pk.Robin(p, 1, 1, 0), smoothing=1)) == {}


def test_a_pure_neumann_problem_is_free_but_not_with_a_source_of_u():
    u = pk.unknown("u", x, y)
    square = pk.Rectangle((0, 0), (1, 1))
    neumann = [pk.Neumann(u, 0), pk.PointValue(u, 0, (0, 0))]
    assert defined_up_to_constant(pk.Problem("p", square, [pk.laplacian(u)], neumann)) == {"u": False}
    assert defined_up_to_constant(pk.Problem("p", square, [pk.laplacian(u) - u], neumann)) == {}


def test_products_inside_derivatives_are_seen():
    u, p = pk.unknown("u", x, y), pk.unknown("p", x, y)
    equations = [pk.div([u * p, u]), pk.laplacian(u)]
    problem = pk.Problem(
        "p", pk.Rectangle((0, 0), (1, 1)), equations, [pk.Dirichlet(u, 0), pk.PointValue(p, 0, (0, 0))]
    )
    assert defined_up_to_constant(problem) == {}
