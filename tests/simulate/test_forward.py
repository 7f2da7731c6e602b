"""Forward simulations against exact solutions, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.simulate.forward import BlowUp, ForwardOptions, simulate

x, y = pk.coordinates("x y")
t = pk.time("t", 0, 0.2)
D = sp.Derivative


def error_of(problem, options=None):
    found = simulate(problem, options or ForwardOptions())
    draw = np.random.default_rng(1)
    points = draw.uniform(problem.lower, problem.upper, (2000, len(problem.variables)))
    values, worst = found.field(points), 0.0
    for name, exact in problem.exact.items():
        truth = sp.lambdify(problem.variables, exact)(*points.T)
        worst = max(worst, np.linalg.norm(values[name] - truth) / np.linalg.norm(truth))
    return found, worst


def test_heat_with_mixed_conditions_in_the_plane():
    u = pk.unknown("u", x, y, t)
    exact = sp.exp(-3 * t) * sp.sin(x + 0.3) * sp.cos(2 * y) + x * t
    problem = pk.manufactured(
        "heat", pk.Rectangle((0, 0), (1, 0.5)), [D(u, t) - pk.laplacian(u) + D(u, x, y)], {u: exact},
        {"left": "neumann", "right": "dirichlet", "bottom": "dirichlet", "top": "dirichlet"},
    )  # fmt: skip
    found, error = error_of(problem, ForwardOptions(points=24))
    assert error < 1e-6
    values = found.field.derivatives(np.array([[0.4, 0.2, 0.1]]), ((1, 0, 0), (0, 1, 1)))["u"]
    truth = [sp.diff(exact, x), sp.diff(exact, y, t)]
    numbers = [float(e.subs({x: 0.4, y: 0.2, t: 0.1})) for e in truth]
    np.testing.assert_allclose(values[0], numbers, rtol=1e-4)


def test_a_wave_with_moving_ends_is_refined_to_the_tolerance():
    u = pk.unknown("u", x, t)
    exact = sp.sin(3 * x - 6 * t) + x * t**2
    equation = D(u, (t, 2)) - 4 * D(u, (x, 2))
    problem = pk.manufactured("wave", pk.Interval(0, 1), [equation], {u: exact}, "dirichlet")
    found, error = error_of(problem)
    assert error < 1e-6
    assert found.error < 1e-6
    assert any("walls" in note for note in found.notes)


@pytest.mark.parametrize("scheme", ["imex", "implicit"])
def test_stiff_schemes_agree_with_the_exact_solution(scheme):
    u = pk.unknown("u", x, t)
    problem = pk.manufactured(
        "heat", pk.Interval(0, 1), [D(u, t) - D(u, (x, 2)) + u**3], {u: sp.exp(-t) * sp.cos(2 * x)},
        "dirichlet",
    )  # fmt: skip
    _, error = error_of(problem, ForwardOptions(points=32, scheme=scheme))
    assert error < 1e-6


def test_a_blow_up_says_when_and_what_to_do():
    u = pk.unknown("u", x, t)
    problem = pk.Problem(
        "p", pk.Interval(0, 1), [D(u, t) - D(u, (x, 2)) - 50 * u**2],
        [pk.Initial(u, 1 + sp.cos(2 * sp.pi * x)), pk.Neumann(u, 0)],
    )  # fmt: skip
    with pytest.raises(BlowUp, match=r"blew up after t = 0\.0"):
        simulate(problem, ForwardOptions(points=32))
