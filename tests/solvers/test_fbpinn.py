"""Windowed networks: many scales, exact conditions, nonlinear problems, and cuts that are none."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.driver import run
from pinnkit.forms import emit
from pinnkit.solvers import _ensemble

x, t = pk.coordinates("x"), pk.time("t", 0, 1)
u, w = pk.unknown("u", x), pk.unknown("w", x, t)


def error(problem, solution):
    points = np.random.default_rng(0).uniform(problem.lower, problem.upper, (2000, len(problem.variables)))
    truth = emit([next(iter(problem.exact.values()))], problem.variables, np)(*points.T)[0]
    return float(np.linalg.norm(solution(points) - truth) / np.linalg.norm(truth))


def solved(problem, **options):
    given = [(("solver", key), value) for key, value in {"name": "fbpinn", **options}.items()]
    return run(problem, overrides=given, progress=False).solution


def two_scales():
    exact = sp.sin(2 * sp.pi * x) + sp.sin(50 * sp.pi * x) / 10
    return pk.manufactured("scales", pk.Interval(0, 1), [-u.diff(x, 2)], {u: exact}, "dirichlet")


def test_many_scales_to_the_digits_of_the_arithmetic():
    solution = solved(two_scales(), subdomains={"x": 16}, network={"width": 24}, points={"interior": 1200})
    assert error(two_scales(), solution) < 1e-8
    np.testing.assert_allclose(solution(np.array([[0.0], [1.0]])), 0, atol=1e-14)
    assert any("16 subdomains" in note for note in solution.record.notes)


def burgers():
    nu = sp.Rational(1, 10)
    exact = (
        2
        * nu
        * sp.pi
        * sp.exp(-(sp.pi**2) * nu * t)
        * sp.sin(sp.pi * x)
        / (2 + sp.exp(-(sp.pi**2) * nu * t) * sp.cos(sp.pi * x))
    )  # Cole–Hopf of one mode
    equation = w.diff(t) + w * w.diff(x) - nu * w.diff(x, 2)
    return pk.manufactured("burgers", pk.Interval(0, 1), [equation], {w: exact}, "dirichlet")


def test_a_nonlinear_problem_is_trained_in_space_time_boxes_of_two_levels():
    solution = solved(
        burgers(), subdomains={"x": [0.4], "t": 2}, levels=2, network={"width": 8, "depth": 1},
        points={"interior": 300}, optimizer=[{"levenberg_marquardt": 25}],
    )  # fmt: skip
    assert error(burgers(), solution) < 1e-3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"subdomains": {"x": [0.5, 0.4]}}, "from 0.5 to 0.4 is empty"),
        ({"subdomains": {"x": [0.5, 1.0]}}, "from 1 to 1 is empty"),
        ({"subdomains": {"z": 3}}, "one of x"),
        ({"subdomains": {"x": 3}, "network": {"kind": "separable"}}, "kind: separable in each subdomain"),
        ({"subdomains": {"x": 3}, "network": {"fourier_features": 5}}, "waves or patches"),
    ],
)
def test_what_makes_no_subdomains_is_refused(options, says):
    with pytest.raises(pk.DeclarationError, match=says):
        solved(two_scales(), **options)


def test_a_periodic_coordinate_is_not_cut():
    problem = pk.Problem(
        name="wave", domain=pk.Interval(0, 1), equations=[w.diff(t) + w.diff(x)],
        conditions=[pk.Periodic(x), pk.Initial(w, sp.sin(2 * sp.pi * x))],
    )  # fmt: skip
    assert _ensemble.cuts_of(problem, {}) == ((), (0.5,))
    with pytest.raises(pk.DeclarationError, match="x is periodic"):
        _ensemble.cuts_of(problem, {"x": 2})
