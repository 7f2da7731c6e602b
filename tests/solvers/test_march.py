"""Marching in slabs: order in time, derivatives, hand-over, features where they are needed, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit import solvers
from pinnkit.solvers._march.features import Features
from pinnkit.solvers._march.radau import Radau

x, y = pk.coordinates("x y")
t = pk.time("t", 0, 1)
u = pk.unknown("u", x, t)
MARCH = solvers.get("march")
D = sp.Derivative


def solved(problem, **options):
    return MARCH.run(problem, MARCH.options(**options), 0)


def error(solution, seed=0):
    problem = solution.problem
    points = np.random.default_rng(seed).uniform(problem.lower, problem.upper, (500, len(problem.variables)))
    points = points[problem.domain.contains(points[:, :-1])]
    worst = 0.0
    for name, exact in problem.exact.items():
        truth = sp.lambdify(problem.variables, exact)(*points.T)
        worst = max(worst, np.linalg.norm(solution.evaluate(points)[name] - truth) / np.linalg.norm(truth))
    return worst


def manufactured(equation, exact, conditions):
    return pk.manufactured("made", pk.Interval(0, 1), [equation], {u: exact}, conditions)


@pytest.mark.parametrize("conditions", ["dirichlet", "neumann"])
def test_diffusion_between_boundaries(conditions):
    equation = D(u, t) - D(u, (x, 2)) + u**3
    assert error(solved(manufactured(equation, sp.exp(-t) * sp.sin(x + 1), conditions))) < 1e-6


def test_transport_with_data_on_one_side():
    exact = sp.sin(2 * sp.pi * (x - t))
    conditions = [pk.Dirichlet(u, exact, where="left"), pk.Initial(u, exact.subs(t, 0))]
    problem = pk.Problem("moved", pk.Interval(0, 1), [D(u, t) + D(u, x)], conditions, exact={"u": exact})
    assert error(solved(problem)) < 1e-6


def test_system_with_a_constraint_and_fourth_derivatives():
    v = pk.unknown("v", x, t)
    exact = sp.exp(-t) * sp.sin(2 * sp.pi * x)
    equations = [D(u, t) + sp.Rational(1, 100) * D(v, (x, 2)) + u * D(u, x), v - D(u, (x, 2))]
    source = equations[0].subs({v: sp.diff(exact, x, 2), u: exact}).doit()
    problem = pk.Problem(
        "constrained", pk.Interval(0, 1), [sp.Eq(equations[0], source), equations[1]],
        [pk.Periodic(x), pk.Initial(u, exact.subs(t, 0))], exact={"u": exact, "v": sp.diff(exact, x, 2)},
    )  # fmt: skip
    assert error(solved(problem)) < 1e-5


def test_a_smaller_tolerance_brings_a_smaller_error():
    problem = manufactured(D(u, t) - D(u, (x, 2)), sp.cos(40 * t) * sp.cos(x), "dirichlet")
    errors = [error(solved(problem, tolerance=tolerance, stages=3)) for tolerance in (1e-3, 1e-6)]
    assert errors[1] < errors[0] / 100


def burgers(nu):
    return pk.Problem(
        "burgers", pk.Interval(-1, 1), [sp.Eq(D(u, t) + u * D(u, x), nu * D(u, (x, 2)))],
        [pk.Initial(u, -sp.sin(sp.pi * x)), pk.Dirichlet(u, 0)],
    )  # fmt: skip


def test_each_slab_starts_where_the_last_one_ends():
    solution = solved(burgers(sp.Rational(1, 20)))
    edges = solution.record.history["slab_end"][:-1]
    assert len(edges) > 3
    inside = np.linspace(-1, 1, 41)
    for edge in edges:
        before, after = (
            solution(np.column_stack([inside, np.full(41, edge + shift)])) for shift in (-1e-12, 1e-12)
        )
        np.testing.assert_allclose(before, after, atol=1e-9)


def test_features_are_added_where_a_layer_forms():
    solution = solved(burgers(sp.Rational(1, 100)), features=40)
    count = solution.record.history["features"]
    assert count[-1] > count[0]
    centres, widths = solution.field.features[-1].centres[:, 0], solution.field.features[-1].widths
    assert np.abs(centres[widths < widths.max() / 9]).max() < 0.6
    finer = solved(burgers(sp.Rational(1, 100)), features=160, tolerance=1e-8)
    points = np.random.default_rng(0).uniform((-1, 0), (1, 1), (400, 2))
    assert np.linalg.norm(solution(points) - finer(points)) < 1e-5 * np.linalg.norm(finer(points))


def test_data_that_jump_are_marched_through_and_told():
    problem = pk.Problem(
        "quenched", pk.Interval(0, 1), [sp.Eq(D(u, t), D(u, (x, 2)))], [pk.Dirichlet(u, 0), pk.Initial(u, 1)]
    )
    solution = solved(problem, tolerance=1e-4, most_features=160)
    points = np.column_stack([np.linspace(0.1, 0.9, 9), np.full(9, 0.1)])
    series = sum(4 / np.pi / k * np.sin(k * np.pi * points[:, 0]) * np.exp(-((k * np.pi) ** 2) * 0.1)
                 for k in range(1, 40, 2))  # fmt: skip
    np.testing.assert_allclose(solution(points), series, rtol=5e-3)
    assert any("jump" in note for note in solution.record.notes)


def test_derivatives_are_those_of_the_values():
    solution = solved(manufactured(D(u, t) - D(u, (x, 2)), sp.exp(-t) * sp.sin(x + 1), "dirichlet"))
    points = np.random.default_rng(1).uniform(0.1, 0.9, (20, 2))
    found = solution.derivatives(points, [(0, 0), (1, 0), (0, 1), (1, 1)])["u"]
    for column, step in ((1, (1e-4, 0)), (2, (0, 1e-4))):
        difference = (solution(points + step) - solution(points - np.array(step))) / 2e-4
        np.testing.assert_allclose(found[:, column], difference, atol=1e-6)
    exact = -np.exp(-points[:, 1]) * np.cos(points[:, 0] + 1)
    np.testing.assert_allclose(found[:, 3], exact, atol=1e-4)


@pytest.mark.parametrize("period", [0.0, 2.0])
def test_features_know_their_derivatives(period):
    features = Features(np.array([[0.1], [0.7]]), np.array([0.3, 0.2]), (period,))
    points, step = np.linspace(-0.5, 1.5, 23)[:, None], 1e-5
    tables = features.tables(points, [(k,) for k in range(5)])
    for order in range(4):
        ahead, behind = (features.tables(points + s, [(order,)])[(order,)] for s in (step, -step))
        scale = np.abs(tables[(order + 1,)]).max()
        np.testing.assert_allclose((ahead - behind) / (2 * step), tables[(order + 1,)], atol=1e-7 * scale)
    if period:
        again = features.tables(points + period, [(3,)])[(3,)]
        np.testing.assert_allclose(again, tables[(3,)], atol=1e-9 * np.abs(again).max())


@pytest.mark.parametrize("stages", [3, 5])
def test_order_in_time(stages):
    """y' = iy over one slab: the error at its end is of order h^(2q)."""
    scheme, errors = Radau(stages), []
    for length in (1.0, 0.5):
        stage = np.linalg.solve(np.eye(stages) - 1j * length * scheme.matrix, 1j * np.ones(stages))
        errors.append(abs(1 + length * scheme.matrix[-1] @ stage - np.exp(1j * length)))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2 * stages, abs=0.3)


def test_second_derivatives_in_time_are_refused():
    problem = pk.Problem(
        "wave", pk.Interval(0, 1), [sp.Eq(D(u, (t, 2)), D(u, (x, 2)))],
        [pk.Dirichlet(u, 0), pk.Initial(u, sp.sin(sp.pi * x)), pk.InitialRate(u, 0)],
    )  # fmt: skip
    assert MARCH.unmet(problem) == ["one time derivative at most of each unknown, with an initial state"]
