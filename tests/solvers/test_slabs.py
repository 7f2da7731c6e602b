"""Slabs of time go on from one another: continuous, with rates where they were declared, and as accurate."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.driver import run
from tests.contract.problems import TINY

SMALL = {
    "network": {"width": 10, "depth": 1}, "points": {"interior": 100, "boundary": 20, "pool": 1},
    "optimizer": [{"ssbroyden": 100}], "redraw_every": 0,
}  # fmt: skip
X = np.linspace(0.01, 0.99, 50)


def solved(problem, **options):
    given = [(("solver", key), value) for key, value in {"name": "slabs", **SMALL, **options}.items()]
    return run(problem, overrides=given, progress=False).solution


def at(time):
    return np.column_stack([X, np.full_like(X, time)])


def wave():
    """u = cos πt sin πx + t: a boundary that moves, a state and a rate."""
    x, t = pk.coordinates("x"), pk.time("t", 0, 1)
    u = pk.unknown("u", x, t)
    exact = sp.cos(sp.pi * t) * sp.sin(sp.pi * x) + t
    equation = sp.Derivative(u, (t, 2)) - sp.Derivative(u, (x, 2))
    return pk.manufactured("wave", pk.Interval(0, 1), [equation], {u: exact}, "dirichlet")


@pytest.mark.parametrize(("conditions", "cuts"), [("auto", (0.2,)), ("soft", (0.25,))])
def test_the_heat_goes_on_from_slab_to_slab(conditions, cuts):
    solution = solved(TINY["heat"](), slabs=list(cuts), conditions=conditions)
    points = np.concatenate([at(t) for t in (0.1, 0.2, 0.45)])
    exact = np.exp(-points[:, 1]) * np.cos(np.pi * points[:, 0])
    assert np.abs(solution(points) - exact).max() < 3e-2
    for edge in cuts:
        np.testing.assert_allclose(solution(at(edge)), solution(at(edge + 1e-12)), atol=1e-10)
    if conditions == "auto":  # boundary data stay built in
        ends = np.array([[0.0, 0.1], [1.0, 0.2], [0.0, 0.4]])
        given = np.exp(-ends[:, 1]) * np.cos(np.pi * ends[:, 0])
        np.testing.assert_allclose(solution(ends), given, atol=1e-12)
    assert set(solution.record.history["stage"]) == {f"slab {k + 1}: ssbroyden" for k in range(len(cuts) + 1)}


def test_the_wave_goes_on_with_its_rate():
    solution = solved(wave(), slabs=2, optimizer=[{"ssbroyden": 200}])
    exact = np.cos(0.8 * np.pi) * np.sin(np.pi * X) + 0.8
    assert np.abs(solution(at(0.8)) - exact).max() < 3e-2
    before, after = (solution.derivatives(at(t), [(0, 1)])["u"][:, 0] for t in (0.5, 0.5 + 1e-12))
    np.testing.assert_allclose(before, after, atol=1e-9)
    np.testing.assert_allclose(solution(np.array([[0.0, 0.9], [1.0, 0.7]])), [0.9, 0.7], atol=1e-12)


def test_cuts_outside_the_time_are_refused():
    with pytest.raises(pk.DeclarationError, match=r"slabs: cuts at 0\.4, 0\.3"):
        solved(TINY["heat"](), slabs=[0.4, 0.3])


def test_slabs_of_another_solver_go_on_too():
    of = {"name": "vpinn", "network": {"width": 8, "depth": 2}, "tests": {"order": 3}}
    chosen = {"name": "slabs", "slabs": 2, "of": {**of, "optimizer": [{"ssbroyden": 150}]}}
    solution = run(TINY["heat"](), overrides=[(("solver",), chosen)], progress=False).solution
    assert np.abs(solution(at(0.4)) - np.exp(-0.4) * np.cos(np.pi * X)).max() < 2e-2
    np.testing.assert_allclose(solution(at(0.25)), solution(at(0.25 + 1e-12)), atol=1e-9)


@pytest.mark.parametrize(
    ("of", "says"),
    [
        ({"name": "march"}, "a solver that is trained"),
        ({"name": "pin"}, "did you mean 'pinn'"),
        ({"name": "pcnn", "nodes": 3}, "nodes"),
        ({"name": "vpinn"}, "does not read network, .* beside `of`"),
    ],
)
def test_what_cannot_be_within_slabs_is_refused(of, says):
    beside = SMALL if of["name"] == "vpinn" else {}
    with pytest.raises(pk.DeclarationError, match=says):
        run(TINY["heat"](), overrides=[(("solver",), {"name": "slabs", "of": of, **beside})], progress=False)
